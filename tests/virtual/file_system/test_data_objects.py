"""GET and PUT DATA with an odd instruction byte on a card with files: tag lists, wrapped values, an FCI of its own."""

from pathlib import Path

import pytest
from support.cards import AID, send

from scardffi.iso7816.tlv import TLV
from scardffi.virtual.file_system import DF, NEVER, FileSystemCard

CHUID = "00CB3FFF055C035FC10200"
DISCOVERY = "00CB3FFF035C017E00"


def plain() -> FileSystemCard:
    return FileSystemCard(DF(data={0x5F50: b"url", 0x5FC102: b"chuid", 0x7F61: b"\x02\x01\x01"}))


def wrapped(**rules: None) -> FileSystemCard:
    """Make a card whose primitive objects are in the tag 53, as those of PIV are."""
    return FileSystemCard(DF(data={0x5FC102: b"chuid", 0x7E: b"\x4f\x01\xa0"}, data_wrapper=0x53, access=rules))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00CB3FFF055C035FC10200", "5FC10205" + b"chuid".hex() + "9000"),
        ("00CB0000055C035FC10200", "5FC10205" + b"chuid".hex() + "9000"),
        ("00CB3F00045C025F5000", "5F5003" + b"url".hex() + "9000"),
        ("00CB3FFF065C047F615F5000", "7F61030201015F5003" + b"url".hex() + "9000"),
        ("00CB3FFF055C035FC10300", "6A88"),
        ("00CB3FFF055C035FC18200", "6A80"),  # the tag does not end
        ("00CB3FFF025C0000", "6A80"),
        ("00CB3FFF045D025F5000", "6A80"),
        ("00CB3FFF025C0500", "6A80"),
        ("00CB3FFF055C035FC102", "6700"),
        ("00CB2F00055C035FC10200", "6A82"),
    ],
)
def test_a_tag_list_gets_data_objects(command: str, answer: str) -> None:
    assert send(plain(), command) == answer.upper()


def test_a_wrapper_holds_the_values_of_primitive_objects() -> None:
    assert send(wrapped(), CHUID) == ("5305" + b"chuid".hex() + "9000").upper()
    assert send(wrapped(), DISCOVERY) == "7E034F01A09000"
    assert send(wrapped(), "00CB3FFF055C035FC10500") == "6A82", "the status word of PIV"


def test_put_data_stores_objects_and_removes_them_if_they_are_empty() -> None:
    card = plain()
    assert send(card, "00DB3FFF09 5F500161 5FC1030162", "00CB3FFF075C055F505FC10300") == "5F5001615FC10301629000"
    assert send(card, "00DB3FFF03 5F5000", "00CB3FFF045C025F5000") == "6A88"


def test_put_data_stores_the_value_in_a_wrapper() -> None:
    card = wrapped()
    assert send(card, "00DB3FFF0A 5C035FC102 5303 6E6577", CHUID) == "53036E65779000"
    assert send(card, "00DB3FFF05 7E034F01A1", DISCOVERY) == "7E034F01A19000"
    assert send(card, "00DB3FFF07 5C035FC102 5300", CHUID) == "6A82"


def test_a_chain_of_commands_puts_a_long_object() -> None:
    card, value = wrapped(), bytes(range(256)) * 2
    data = bytes.fromhex("5C035FC105") + bytes(TLV(0x53, value))
    first, second, rest = data[:255], data[255:510], data[510:]
    assert card.transmit(b"\x10\xdb\x3f\xff\xff" + first) == b"\x90\x00"
    assert card.transmit(b"\x10\xdb\x3f\xff\xff" + second) == b"\x90\x00"
    assert card.transmit(b"\x00\xdb\x3f\xff" + bytes((len(rest),)) + rest) == b"\x90\x00"
    assert card.mf.data[0x5FC105] == value


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00DB3FFF", "6700"),
        ("00DB3FFF02 5F50", "6A80"),
        ("00DB3FFF05 5C035FC102", "6A80"),
        ("00DB3FFF0A 5C035FC102 5503 6E6577", "6A80"),
        ("00DB3FFF03 300101", "6A80"),
    ],
)
def test_wrong_data_of_put_data_are_refused(command: str, answer: str) -> None:
    card = wrapped()
    assert send(card, command) == answer
    assert card == wrapped()


def test_access_rules_apply_to_odd_instructions_too() -> None:
    assert send(wrapped(get_data=NEVER), CHUID) == "6982"
    assert send(wrapped(put_data=NEVER), "00DB3FFF05 7E034F01A1") == "6982"


def test_a_df_can_have_an_fci_of_its_own() -> None:
    fci = bytes.fromhex("61074F05A000000308")
    card = FileSystemCard(DF(files=[DF(0x5000, name=AID, fci=fci)]))
    assert send(card, f"00A40400{len(AID):02X}{AID.hex()}00") == fci.hex().upper() + "9000"
    assert send(card, "00A40400030000A100") == "6A82"
    assert send(card, f"00A40404{len(AID):02X}{AID.hex()}00").startswith("62"), "FCP are those of the file"


def test_a_saved_card_keeps_wrapper_fci_and_long_tags(tmp_path: Path) -> None:
    card = FileSystemCard(DF(data={0x5FC102: b"chuid"}, data_wrapper=0x53, fci=b"\x61\x00"))
    card.save(tmp_path / "card.json")
    assert FileSystemCard.load(tmp_path / "card.json") == card


@pytest.mark.parametrize("tag", [0x3F, 0x5F8001, 0x1000000])
def test_a_wrong_tag_is_refused(tag: int) -> None:
    with pytest.raises(ValueError, match="tag"):
        DF(data={tag: b""})


def test_a_wrong_wrapper_is_refused() -> None:
    with pytest.raises(ValueError, match="tag: 0 is not allowed"):
        DF(data_wrapper=0)
