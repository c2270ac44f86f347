"""A card with files that has codes: 1 and 2 of the whole card, and 0x81 of its one application."""

from scardffi.virtual.file_system import DF, Code, FileSystemCard, TransparentEF

PIN = b"1234"
PUK = b"87654321"
LOCAL_PIN = b"secret"


def codes_card(pin: bytes = PIN, puk: bytes = PUK, *, tries: int = 3) -> FileSystemCard:
    """A fresh one. PIN 1 is unblocked by PUK 2, and guards a file of 4 bytes with short identifier 1."""
    application = DF(0x5000, name=b"\xa0\x00\x00\x00\x01", references=[Code(0x81, LOCAL_PIN, max_length=24)])
    file = TransparentEF(0x2F01, b"data", short_id=1, access={"read": [1]})
    codes = [
        Code(1, pin, tries=tries, resetting_code=2, max_length=24),
        Code(2, puk, tries=tries, max_length=24),
    ]
    return FileSystemCard(DF(files=[application, file], references=codes))
