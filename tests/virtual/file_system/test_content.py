"""READ, UPDATE, WRITE and ERASE BINARY, GET and PUT DATA on a card with files."""

import pytest
from support.cards import APPLICATION, authenticate, card_with_files, select, send

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.virtual.file_system import DF, NEVER, FileSystemCard, TransparentEF


def of_file(content: bytes) -> FileSystemCard:
    """Make a card with this file, and select the file."""
    card = FileSystemCard(DF(files=[TransparentEF(1, content, short_id=1), TransparentEF(2, b"two")]))
    send(card, select("0001"))
    return card


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00B0000004", "000102039000"),
        ("00B0000C04", "0C0D0E0F9000"),
        ("00B0000C05", "0C0D0E0F6282"),
        ("00B0000C00", "0C0D0E0F9000"),
        ("00B0000C000000", "0C0D0E0F9000"),
        ("00B0001001", "6B00"),
        ("00B07FFF01", "6B00"),
        ("00B00000", "6700"),
        ("00B0000001FF01", "6700"),
        ("00B0810402", "04059000"),
        ("00B0820402", "6A82"),
        ("00B0800002", "6A86"),
        ("00B09F0002", "6A86"),
        ("00B0C10002", "6A86"),
    ],
)
def test_bytes_are_read(command: str, answer: str) -> None:
    assert send(of_file(bytes(range(16))), command) == answer


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00B10000 03 54010C 06", "53040C0D0E0F9000"),
        ("00B10000 03 54010C 05", "53030C0D0E9000"),
        ("00B10000 03 54010C 02", "53009000"),
        ("00B10000 03 54010C 01", "6700"),
        ("00B10000 03 54010C 07", "53040C0D0E0F6282"),
        ("00B10000 03 54010C 00", "53040C0D0E0F9000"),
        ("00B10000 05 540300000F 00", "53010F9000"),
        ("00B10001 03 54010F 00", "53010F9000"),
        ("00B10002 03 540101 00", "6A82"),
        ("00B1001F 03 540101 00", "6A86"),
        ("00B10003 03 540101 00", "6A82"),
        ("00B10100 03 540101 00", "6A82"),
        ("00B10000 03 540110 00", "6B00"),
        ("00B10000 03 54010C", "6700"),
        ("00B10000 02 5400 00", "6A80"),
        ("00B10000 03 530100 00", "6A80"),
        ("00B10000 06 540100 540101 00", "6A80"),
        ("00B10000 06 540100 5301FF 00", "6A80"),
        ("00B10000 03 550100 00", "6A80"),
        ("00B10000 02 5402 00", "6A80"),
        ("00B10000 00", "6A80"),
    ],
)
def test_bytes_are_read_as_a_data_object(command: str, answer: str) -> None:
    assert send(of_file(bytes(range(16))), command) == answer


@pytest.mark.parametrize("le", [2, 3, 0x80, 0x81, 0x82, 0x83, 0xFF, 0x100, 0x101, 0x102, 0x103, 0x104, 0x1000, 65535])
def test_a_data_object_is_never_longer_than_le(le: int) -> None:
    card = of_file(bytes(65535))
    command = Command(0, 0xB1, data=bytes.fromhex("540100"), le=le)
    answer = card.transmit(bytes(command))
    assert answer[-2:] == b"\x90\0"
    assert le - 1 <= len(answer) - 2 <= le


def test_a_file_is_read_by_its_identifier_which_makes_it_the_current_one() -> None:
    card = FileSystemCard(DF(files=[TransparentEF(0x1234, b"by id")]))
    assert send(card, "00B11234 03 540103 00") == "530269649000"
    assert send(card, "00B0000002") == "62799000"


@pytest.mark.parametrize(
    ("command", "answer", "content"),
    [
        ("00D60001 02 F0F0", "9000", "03F0F00C"),
        ("00D60002 02 F0F0", "9000", "0305F0F0"),
        ("00D60003 02 F0F0", "6A84", ""),
        ("00D60004 01 F0", "6B00", ""),
        ("00D60000", "6700", ""),
        ("00D68101 01 F0", "9000", "03F0090C"),
        ("00D70000 07 540101 5302F0F0", "9000", "03F0F00C"),
        ("00D70001 07 540101 5302F0F0", "9000", "03F0F00C"),
        ("00D70000 03 540101", "6A80", ""),
        ("00D70000 09 540101 540101 5301F0", "6A80", ""),
        ("00D70000 06 540104 5301F0", "6B00", ""),
        ("00D70000 07 540103 5302F0F0", "6A84", ""),
        ("00D00001 02 F0F0", "9000", "03F5F90C"),
        ("00D10000 06 540101 5301F0", "9000", "03F5090C"),
        ("00D00003 02 F0F0", "6A84", ""),
        ("000E0000", "9000", "00000000"),
        ("000E0002", "9000", "03050000"),
        ("000E0001 02 0003", "9000", "0300000C"),
        ("000E0001 02 0004", "9000", "03000000"),
        ("000E0001 02 0005", "6B00", ""),
        ("000E0001 02 0001", "6A80", ""),
        ("000E0004", "6B00", ""),
        ("000E0001 01 03", "6700", ""),
        ("000F0000 03 540101", "9000", "03000000"),
        ("000F0000 06 540101 540103", "9000", "0300000C"),
        ("000F0000 09 540101 540102 540103", "6A80", ""),
        ("000F0000 06 540101 530103", "6A80", ""),
        ("000F0000", "6A80", ""),
    ],
)
def test_bytes_are_changed(command: str, answer: str, content: str) -> None:
    card = of_file(bytes.fromhex("0305090C"))
    assert send(card, command) == answer
    assert send(card, iso.read_binary()) == (content or "0305090C") + "9000"


@pytest.mark.parametrize("command", ["00B0000001", "00D600000101", "00D000000101", "000E0000", "00B1000003540100 00"])
def test_without_a_current_transparent_file_binary_commands_fail(command: str) -> None:
    card = card_with_files()
    assert send(card, command) == "6986"
    assert send(card, APPLICATION, command) == "6986"
    assert send(card, select("5002"), command) == "6981"


def test_an_empty_file_returns_no_bytes() -> None:
    assert send(of_file(b""), "00B0000001") == "6282"
    assert send(of_file(b""), "00B0000000") == "9000"


@pytest.mark.parametrize("ins", ["B0", "D6", "D0", "0E"])
def test_each_operation_has_its_access_rule(ins: str) -> None:
    operation = {"B0": "read", "D6": "update", "D0": "write", "0E": "erase"}[ins]
    command = f"00{ins}0000" + {"B0": "01", "0E": ""}.get(ins, "0101")
    files = [TransparentEF(1, b"a", access={operation: NEVER}), TransparentEF(2, b"a", access={operation: []})]
    card = FileSystemCard(DF(files=files))
    assert send(card, select("0001"), command) == "6982"
    assert send(card, select("0002"), command)[-4:] == "9000"


def test_a_rule_requires_codes_and_keys() -> None:
    card = card_with_files()
    assert send(card, APPLICATION, iso.read_binary(0, 2, short_id=1)) == "6982"
    assert send(card, iso.verify(b"1234", 0x81), iso.read_binary(0, 2, short_id=1)) == "00019000"
    assert send(card, iso.update_binary(0, b"\xff", short_id=1)) == "6982"
    assert authenticate(card) == "9000"
    assert send(card, iso.update_binary(0, b"\xff", short_id=1)) == "9000"
    assert send(card, iso.erase_binary(short_id=1)) == "6982"


# Data objects


def test_data_objects_belong_to_a_df() -> None:
    card = card_with_files()
    assert send(card, iso.get_data(0x5F50)) == "6A88"
    assert send(card, APPLICATION, iso.get_data(0x5F50)) == b"https://example.org".hex().upper() + "9000"
    assert send(card, iso.put_data(0x5F50, b"other"), iso.get_data(0x5F50)) == b"other".hex().upper() + "9000"
    assert send(card, iso.put_data(0x0102, b"new"), iso.get_data(0x0102)) == b"new".hex().upper() + "9000"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00CA5F50", "6700"),
        ("00CA5F50 01 00 00", "6700"),
        ("00CA0000 00", "6A86"),
        ("00CA003F 00", "6A86"),
        ("00CA0300 00", "6A86"),
        ("00CA3FFF 00", "6A86"),
        ("00CA4000 00", "6A88"),
        ("00DA003F 01 00", "6A86"),
        ("00DA5F50", "6700"),
        ("00DA0064 01 00", "6A81"),
        ("00DA006F 01 00", "6A81"),
    ],
)
def test_wrong_tags_of_data_objects_are_refused(command: str, answer: str) -> None:
    assert send(card_with_files(), APPLICATION, command) == answer


def test_a_data_object_can_be_too_long() -> None:
    assert send(card_with_files(), iso.put_data(0x5F50, bytes(0x8000))) == "6A84"
    assert send(card_with_files(), iso.put_data(0x5F50, bytes(0x7FFF))) == "9000"


def test_data_objects_have_rules() -> None:
    card = FileSystemCard(DF(data={0x5F50: b"there"}, access={"get_data": NEVER, "put_data": NEVER}))
    assert send(card, iso.get_data(0x5F50)) == "6982"
    assert send(card, iso.put_data(0x5F50, b"new")) == "6982"
    assert send(card, iso.get_data(0x62))[-4:] == "9000", "the kind of a file is not secret"
