"""The virtual contactless storage card: UID, keys, blocks."""

import pytest

from scardffi import Library, SCardManage, virtual
from scardffi.iso7816.atr import Atr
from scardffi.virtual import ContactlessStorageCard, VirtualReader

UID = bytes.fromhex("04A1B2C3")
LOAD, LOAD_WRONG = "FF82000006 FFFFFFFFFFFF", "FF82000106 000000000000"


def send(card: ContactlessStorageCard, *commands: str) -> str:
    return [card.transmit(bytes.fromhex(command)).hex().upper() for command in commands][-1]


def authenticate(block: int, kind: int = 0x60, number: int = 0) -> str:
    return f"FF86000005 01{block:04X}{kind:02X}{number:02X}"


def test_a_reader_shows_the_card_and_its_uid() -> None:
    library = Library(virtual.library_path())
    with (
        VirtualReader("Contactless", ContactlessStorageCard(UID)),
        SCardManage(library).attach_by_ifd("Contactless") as card,
    ):
        assert card.transmit(bytes.fromhex("FFCA000000")) == UID + b"\x90\x00"
        historical = Atr(card.atr).historical()
        assert historical is not None


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("FFCA000000", "04A1B2C39000"),
        ("FFCA000004", "04A1B2C39000"),
        ("FFCA000007", "6C04"),
        ("FFCA010000", "6A81"),
        ("FFCA020000", "6B00"),
        ("FFCA0000", "6700"),
        ("FFB0000010", "6982"),
        ("FFB0004010", "6A82"),
        ("FFD6000010" + "00" * 16, "6982"),
        ("FF82000005 0000000000", "6989"),
        ("FF82001006 000000000000", "6988"),
        ("FF82010006 000000000000", "6986"),
        ("FF86000004 01000060", "6700"),
        (authenticate(0, 0x62), "6986"),
        (authenticate(0, number=5), "6988"),
        (authenticate(64), "6A82"),
        ("FF00000000", "6D00"),
        ("00A4040000", "6E00"),
        ("FFCA", "6700"),
    ],
)
def test_each_command_has_its_status_word(command: str, answer: str) -> None:
    assert send(ContactlessStorageCard(UID), LOAD, command) == answer


def test_the_ats_is_another_object() -> None:
    assert send(ContactlessStorageCard(UID, ats=b"\x80\1"), "FFCA010000") == "80019000"


def test_a_key_opens_one_sector() -> None:
    card = ContactlessStorageCard(UID)
    assert send(card, LOAD, authenticate(5, 0x61)) == "9000"
    assert send(card, "FFD6000410" + "AB" * 16, "FFB0000400") == "AB" * 16 + "9000"
    assert send(card, "FFB0000408") == "6C10"
    assert send(card, "FFB0000810") == "6982"
    assert send(card, "FFD6000404 00000000") == "6700"
    assert send(card, authenticate(8), "FFB0000410") == "6982"


def test_a_wrong_key_closes_the_sector() -> None:
    card = ContactlessStorageCard(UID)
    assert send(card, LOAD, LOAD_WRONG, authenticate(0), "FFB0000010")[-4:] == "9000"
    assert send(card, authenticate(0, number=1)) == "6982"
    assert send(card, "FFB0000010") == "6982"


def test_a_reset_closes_the_sector_and_the_reader_keeps_its_keys() -> None:
    card = ContactlessStorageCard(UID)
    send(card, LOAD, authenticate(0))
    card.reset()
    assert send(card, "FFB0000010") == "6982"
    assert send(card, authenticate(0)) == "9000"


def test_key_a_cannot_be_read_and_can_be_changed() -> None:
    card = ContactlessStorageCard(UID)
    assert send(card, LOAD, authenticate(3), "FFB0000310") == "00" * 6 + "FF078069" + "FF" * 6 + "9000"
    assert send(card, "FFD6000310" + "00" * 6 + "FF078069" + "FF" * 6, authenticate(3)) == "6982"
    assert send(card, LOAD_WRONG, authenticate(3, number=1)) == "9000"


def test_the_content_can_be_given() -> None:
    card = ContactlessStorageCard(UID, b"hello, world! :)" + bytes(32) + b"\1" * 16)
    assert (
        send(card, "FF82000006 010101010101", authenticate(0), "FFB0000010")
        == b"hello, world! :)".hex().upper() + "9000"
    )


def test_the_repr_shows_no_key() -> None:
    assert repr(ContactlessStorageCard(UID)) == "<scardffi.virtual.ContactlessStorageCard 04a1b2c3>"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"uid": b"123"}, "uid: 3 bytes are not allowed; give 4, 7 or 10"),
        ({"key": b"123"}, "key: 3 bytes"),
        ({"blocks": b""}, "blocks: 0 bytes"),
        ({"blocks": bytes(65)}, "blocks: 65 bytes"),
        ({"blocks": bytes(16448)}, "blocks: 16448 bytes"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ContactlessStorageCard(**arguments)
