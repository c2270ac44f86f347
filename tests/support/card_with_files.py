"""A card with files of all kinds, and a way to talk to it."""

import hashlib
import hmac

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import FileInformation, SelectBy
from scardffi.virtual.file_system import DF, NEVER, Code, FileSystemCard, Key, RecordEF, Structure, TransparentEF

AID = bytes.fromhex("A000000001")
OTHER_AID = bytes.fromhex("A000000002")
KEY = b"secret key"


def proof(key: bytes, challenge: bytes) -> bytes:
    """What the card's algorithm makes of a challenge of 8 bytes or more."""
    if len(challenge) < 8:
        raise ValueError("too short")
    return hmac.digest(key, challenge, hashlib.sha256)[:8]


def make_card() -> FileSystemCard:
    """An MF with two applications, the first of them with files of each kind and a code that guards some."""
    application = DF(
        0x5000,
        [
            TransparentEF(0x5001, bytes(range(16)), short_id=1, access={"read": [0x81], "update": [3], "erase": NEVER}),
            RecordEF(0x5002, [b"\1abc", b"\2def"], capacity=3, short_id=2),
            RecordEF(0x5003, [b"\1new", b"\1old"], Structure.CYCLIC, short_id=3),
            RecordEF(0x5004, [b"\1a", b"\2bc", b"\1def"], Structure.LINEAR_VARIABLE, capacity=4, short_id=4),
            TransparentEF(0x5005, b"\x0f" * 4, short_id=5),
            DF(0x5100, [TransparentEF(0x5101)]),
        ],
        name=AID,
        references=[Code(0x81, b"1234", resetting_code=0x82), Code(0x82, b"87654321")],
        data={0x5F50: b"https://example.org", 0x0101: bytes(300)},
    )
    other = DF(0x6000, [TransparentEF(0x6001, b"other")], name=OTHER_AID)
    large = TransparentEF(0x2F05, bytes(range(256)) * 160)
    mf = DF(files=[application, other, large], references=[Code(1, b"0000"), Key(3, KEY, "hmac")])
    return FileSystemCard(mf, algorithms={"hmac": proof})


def send(card: FileSystemCard, *commands: Command | str) -> str:
    """The last answer."""
    apdus = [bytes.fromhex(one) if isinstance(one, str) else bytes(one) for one in commands]
    return [card.transmit(apdu) for apdu in apdus][-1].hex().upper()


def select(file: bytes | str, by: SelectBy = SelectBy.FILE_ID) -> Command:
    """SELECT that asks for no answer."""
    return iso.select_file(bytes.fromhex(file) if isinstance(file, str) else file, by, information=FileInformation.NONE)


APPLICATION = select(AID, SelectBy.DF_NAME)


def authenticate(card: FileSystemCard, key: bytes = KEY, reference: int = 3) -> str:
    """GET CHALLENGE and EXTERNAL AUTHENTICATE."""
    challenge = card.transmit(bytes(iso.get_challenge(8)))[:-2]
    return send(card, iso.external_authenticate(proof(key, challenge), 0, reference))
