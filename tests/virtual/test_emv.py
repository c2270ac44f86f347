"""The virtual EMV card: its list of applications, GET PROCESSING OPTIONS, its records and its PIN."""

import datetime as dt

import pytest
from support.cards import send

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import SelectBy
from scardffi.iso7816.tlv import decode
from scardffi.virtual import DF, FileSystemCard, emv_card
from scardffi.virtual.emv import PPSE, PSE, TEST_PAN, EMVCard

AID = bytes.fromhex("A0000000031010")
OPTIONS = "80A80000 0F 830D 11223344 250101 0840 00000000"


def ask(card: FileSystemCard, command: Command | str) -> bytes:
    """Send a command; return the data of the answer."""
    answer = send(card, command)
    assert answer[-4:] == "9000", answer
    return bytes.fromhex(answer[:-4])


def value(raw: bytes, path: str) -> bytes:
    found = decode(raw).find(path)
    assert found is not None
    return found.value


def selected(card: FileSystemCard) -> FileSystemCard:
    ask(card, iso.select_file(AID, SelectBy.DF_NAME))
    return card


def test_the_pse_lists_the_application() -> None:
    card = emv_card(label="MY BANK")
    assert value(ask(card, iso.select_file(PSE, SelectBy.DF_NAME)), "6F/A5/88") == b"\1"
    record = ask(card, iso.read_record(1, short_id=1))
    assert value(record, "70/61/4F") == AID
    assert value(record, "70/61/50") == b"MY BANK"
    assert send(card, iso.read_record(2, short_id=1)) == "6A83"


def test_the_ppse_lists_the_application() -> None:
    answer = ask(emv_card(), iso.select_file(PPSE, SelectBy.DF_NAME))
    assert value(answer, "6F/A5/BF0C/61/4F") == AID


def test_get_processing_options_takes_what_the_pdol_asks_for() -> None:
    card = emv_card()
    fci = ask(card, iso.select_file(AID[:5], SelectBy.DF_NAME))
    assert value(fci, "6F/84") == AID
    assert value(fci, "6F/A5/9F38") == bytes.fromhex("9F37049A035F2A029F0206")
    # 4 + 3 + 2 + 6 bytes are 15
    assert send(card, OPTIONS) == "6700"
    answer = ask(card, "80A80000 11 830F 11223344 250101 0840 000000000000 00")
    assert value(answer, "77/82") == b"\x18\0"
    assert value(answer, "77/94") == bytes.fromhex("0801010010010100")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("80A80000 11 840F 000000000000000000000000000000", "6700"),
        ("80A80000 02 8300", "6700"),
        ("80A80000", "6700"),
        ("80A80100 02 8300", "6A86"),
        ("80CA9F3800", "6A88"),
        ("80CA009400", "6A88"),
        ("80AE000000", "6E00"),
    ],
)
def test_wrong_commands_are_refused(command: str, answer: str) -> None:
    assert send(selected(emv_card()), command) == answer


def test_get_processing_options_needs_an_application() -> None:
    assert send(emv_card(), "80A80000 02 8300") == "6985"


def test_without_a_pdol_the_values_are_empty() -> None:
    card = EMVCard(DF(data={0x82: b"\0\0", 0x94: b"\x08\1\1\0"}))
    assert send(card, "80A80000 02 8300 00") == "770A82020000940408010100" + "9000"
    assert send(card, "80A80000 03 8301AA 00") == "6700"
    assert send(card, "80CA9F3600") == "9F360200019000"
    assert send(card, "80CA9F1700") == "6A88"


def test_the_records_have_number_date_and_holder() -> None:
    card = selected(emv_card(expires=dt.date(2031, 5, 31), holder="LOVELACE/ADA"))
    first, second = ask(card, iso.read_record(1, short_id=1)), ask(card, iso.read_record(1, short_id=2))
    assert value(first, "70/57").hex().upper() == f"{TEST_PAN}D310520100000F"
    assert value(first, "70/5F20") == b"LOVELACE/ADA"
    assert value(second, "70/5A").hex() == TEST_PAN
    assert value(second, "70/5F24").hex() == "310531"


def test_a_number_of_odd_length_is_filled_up() -> None:
    card = selected(emv_card("378282246310005"))
    assert value(ask(card, iso.read_record(1, short_id=2)), "70/5A").hex().upper() == "378282246310005F"


def test_get_data_counts_transactions_and_tries() -> None:
    card = selected(emv_card(pin="12345"))
    assert send(card, "80CA9F3600") == "9F360200009000"
    ask(card, "80A80000 11 830F 000000000000000000000000000000 00")
    assert send(card, "80CA9F3600") == "9F360200019000"
    assert send(card, "80CA9F1700") == "9F1701039000"
    assert send(card, "0020008008 241234FFFFFFFFFF") == "63C2"
    assert send(card, "80CA9F1700") == "9F1701029000"
    assert send(card, "0020008008 2512345FFFFFFFFF") == "9000"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pan": "4761739001010011"}, "pan: its check digit is wrong"),
        ({"pan": "4761"}, "pan: 4 characters"),
        ({"pin": "123"}, "pin: 3 characters"),
        ({"pin": "12a4"}, "pin: 4 characters"),
        ({"aid": bytes(17)}, "length of name: 17"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        emv_card(**arguments)  # type: ignore[arg-type]  # they are wrong on purpose
