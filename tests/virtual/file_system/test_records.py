"""READ, UPDATE, WRITE and APPEND RECORD on a card with files."""

import pytest
from support.cards import APPLICATION, card_with_files, select, send

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import Occurrence, RecordsBy
from scardffi.virtual.file_system import DF, NEVER, FileSystemCard, RecordEF

FIXED, CYCLIC, VARIABLE = 2, 3, 4


def read(number: int, records: RecordsBy = RecordsBy.NUMBER, short_id: int | None = None, le: int = 256) -> Command:
    return iso.read_record(number, le, records=records, short_id=short_id)


def answered(data: bytes) -> str:
    return data.hex().upper() + "9000"


@pytest.mark.parametrize(
    ("short_id", "number", "records", "data"),
    [
        (FIXED, 1, RecordsBy.NUMBER, b"\1abc"),
        (FIXED, 2, RecordsBy.NUMBER, b"\2def"),
        (FIXED, 1, RecordsBy.NUMBER_TO_LAST, b"\1abc\2def"),
        (FIXED, 1, RecordsBy.LAST_TO_NUMBER, b"\2def\1abc"),
        (VARIABLE, 2, RecordsBy.NUMBER_TO_LAST, b"\2bc\1def"),
        (VARIABLE, 2, RecordsBy.LAST_TO_NUMBER, b"\1def\2bc"),
        (VARIABLE, 0, RecordsBy.FIRST, b"\1a"),
        (VARIABLE, 0, RecordsBy.LAST, b"\1def"),
        (VARIABLE, 0, RecordsBy.NEXT, b"\1a"),
        (VARIABLE, 0, RecordsBy.PREVIOUS, b"\1def"),
        (VARIABLE, 1, RecordsBy.FIRST, b"\1a"),
        (VARIABLE, 1, RecordsBy.LAST, b"\1def"),
        (VARIABLE, 2, RecordsBy.LAST, b"\2bc"),
        (CYCLIC, 1, RecordsBy.NUMBER, b"\1new"),
        (CYCLIC, 0, RecordsBy.FIRST, b"\1new"),
    ],
)
def test_records_are_found(short_id: int, number: int, records: RecordsBy, data: bytes) -> None:
    assert send(card_with_files(), APPLICATION, read(number, records, short_id)) == answered(data)


def test_next_and_previous_start_at_the_current_record() -> None:
    card = card_with_files()
    send(card, APPLICATION, select("5004"))
    assert send(card, read(0)) == "6A83", "there is a current record at first"
    steps = [
        (0, RecordsBy.NEXT, b"\1a"),
        (0, RecordsBy.NEXT, b"\2bc"),
        (0, RecordsBy.NUMBER, b"\2bc"),
        (3, RecordsBy.NUMBER, b"\1def"),
        (0, RecordsBy.NUMBER, b"\2bc"),
        (0, RecordsBy.NUMBER_TO_LAST, b"\2bc\1def"),
        (0, RecordsBy.NEXT, b"\1def"),
        (1, RecordsBy.PREVIOUS, b"\1a"),
        (2, RecordsBy.NEXT, b"\2bc"),
        (1, RecordsBy.NEXT, b"\1def"),
    ]
    assert [send(card, read(number, by)) for number, by, _ in steps] == [answered(data) for _, _, data in steps]
    assert send(card, read(0, RecordsBy.NEXT)) == "6A83"
    assert send(card, read(0)) == answered(b"\1def"), "a failed search moves the current record"
    assert send(card, select("5004"), read(0)) == "6A83"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00B20314 00", "6A83"),
        ("00B20310 00", "6A83"),
        ("00B2FF14 00", "6A86"),
        ("00B20117 00", "6A86"),
        ("00B201FC 00", "6A86"),
        ("00B201F4 00", "6A82"),
        ("00B20104 00", "6986"),
        ("00B2010C 00", "6981"),
        ("00B20114", "6700"),
        ("00B20114 01 00 00", "6700"),
        ("00B20114 05", "016162636282"),
        ("00B20114 04", "016162639000"),
        ("00B20114 02", "01619000"),
        ("00B20115 07", "016162630264659000"),
        ("00DC0114 03 017878", "6700"),
        ("00DC0314 04 01787878", "6A83"),
        ("00DC0115 04 01787878", "6A86"),
        ("00DC0110 04 01787878", "6A86"),
        ("00DC0114", "6700"),
        ("00DCFF14 04 01787878", "6A86"),
        ("00DC0104 04 01787878", "6986"),
        ("00DC010C 04 01787878", "6981"),
        ("00DC0124 05 0178787878", "6A84"),
        ("00D20124 03 017878", "6700"),
        ("00E20114 04 01787878", "6A86"),
        ("00E20014 04 01787878", "6A86"),
        ("00E20010 03 017878", "6700"),
        ("00E20010", "6700"),
        ("00E20008 01 00", "6981"),
    ],
)
def test_wrong_record_commands_are_refused(command: str, answer: str) -> None:
    assert send(card_with_files(), APPLICATION, command) == answer


def test_records_are_updated_by_number_and_order() -> None:
    card = card_with_files()
    send(card, APPLICATION)
    assert send(card, iso.update_record(1, b"\1xyz", short_id=FIXED), read(1)) == answered(b"\1xyz")
    assert send(card, iso.update_record(0, b"\7wvu", which=Occurrence.LAST), read(0)) == answered(b"\7wvu")
    assert send(card, iso.update_record(0, b"\6tsr", which=Occurrence.PREVIOUS), read(1)) == answered(b"\6tsr")
    assert send(card, iso.update_record(0, b"\5qpo", which=Occurrence.NEXT), read(2)) == answered(b"\5qpo")
    assert send(card, iso.update_record(0, b"\4nml", which=Occurrence.NEXT)) == "6A83"
    assert send(card, iso.update_record(3, b"\1z", short_id=VARIABLE), read(3)) == answered(b"\1z")


def test_a_new_record_of_a_cyclic_file_replaces_the_oldest() -> None:
    card = card_with_files()
    send(card, APPLICATION, select("5003"))
    assert send(card, iso.update_record(0, b"\2two", which=Occurrence.PREVIOUS)) == "9000"
    assert send(card, read(1, RecordsBy.NUMBER_TO_LAST)) == answered(b"\2two\1new")
    assert send(card, iso.append_record(b"\3tri"), read(1, RecordsBy.NUMBER_TO_LAST)) == answered(b"\3tri\2two")
    assert send(card, iso.write_record(0, b"\4for", which=Occurrence.PREVIOUS), read(0)) == answered(b"\4for")
    assert send(card, iso.update_record(2, b"\3new"), read(2)) == answered(b"\3new")


def test_write_record_sets_bits() -> None:
    card = card_with_files()
    send(card, APPLICATION)
    assert send(card, iso.write_record(1, b"\x80\0\0\x0f", short_id=FIXED), read(1)) == "8161626F9000"


def test_records_are_appended_until_the_file_is_full() -> None:
    card = card_with_files()
    send(card, APPLICATION)
    assert send(card, iso.append_record(b"\3ghi", short_id=FIXED), read(0)) == answered(b"\3ghi")
    assert send(card, iso.append_record(b"\4jkl", short_id=FIXED)) == "6A84"
    assert send(card, iso.append_record(b"\4", short_id=VARIABLE), read(4)) == answered(b"\4")


@pytest.mark.parametrize(
    ("operation", "command"),
    [("read", "00B2010400"), ("update", "00DC01040161"), ("write", "00D201040161"), ("append", "00E200000161")],
)
def test_each_operation_has_its_access_rule(operation: str, command: str) -> None:
    def file(file_id: int, *, allowed: bool) -> RecordEF:
        return RecordEF(file_id, [b"a"], capacity=2, access={operation: [] if allowed else NEVER})

    card = FileSystemCard(DF(files=[file(1, allowed=False), file(2, allowed=True)]))
    assert send(card, select("0001"), command) == "6982"
    assert send(card, select("0002"), command)[-4:] == "9000"


def test_many_records_are_fetched_in_parts() -> None:
    records = [bytes((number,)) * 200 for number in range(1, 5)]
    card = FileSystemCard(DF(files=[RecordEF(1, records, short_id=1)]))
    assert send(card, read(1, RecordsBy.NUMBER_TO_LAST, 1))[-4:] == "6100"
    assert card.transmit(bytes(read(1, RecordsBy.NUMBER_TO_LAST, 1, le=65536))) == b"".join(records) + b"\x90\0"


# SEARCH RECORD


def searchable() -> FileSystemCard:
    records = [b"alice 1", b"bob   2", b"alina 3", b"carol 1"]
    return FileSystemCard(DF(files=[RecordEF(1, records, short_id=1, access={"update": NEVER})]))


def search(string: bytes, mode: int = 4, number: int = 1, short_id: int = 1) -> str:
    return f"00A2{number:02X}{short_id << 3 | mode:02X}{len(string):02X}{string.hex()}00"


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        (search(b"al"), "01039000"),
        (search(b"al", number=2), "039000"),
        (search(b"al", 5, 4), "03019000"),
        (search(b"al", 5, 2), "019000"),
        (search(b"nobody"), "6282"),
        (search(b"al", number=5), "6A83"),
        (search(b"al", number=0), "6A83"),
        (search(b"\x04\x06" + b"1", 6), "01049000"),  # from offset 6
        (search(b"\4\4a", 6), "039000"),  # from offset 4
        (search(b"\x0c\x20" + b"1", 6), "01049000"),  # after the first space
        (search(b"\x0c\x21" + b"1", 6), "6282"),
        (search(b"\5\0al", 6, 4), "03019000"),  # backward
        (search(b"\6\0al", 6, 0), "01039000"),  # from the record after the current one, of which there is none
        (search(b"\7\0al", 6, 0), "6282"),
        (search(b"\4\0", 6), "6A80"),
        (search(b"\0\0a", 6), "6A80"),
        (search(b"al", 7), "6A86"),
        (search(b"al")[:-2], "6700"),
    ],
)
def test_search_record_returns_the_numbers_of_records(command: str, answer: str) -> None:
    assert send(searchable(), command) == answer


def test_the_first_record_that_search_record_finds_becomes_current() -> None:
    card = searchable()
    assert send(card, search(b"al", number=2), read(0)) == answered(b"alina 3")
    assert send(card, search(b"\7\0al", 6, 0, short_id=0)) == "019000"


def test_search_record_needs_the_right_to_read() -> None:
    file = RecordEF(1, [b"secret"], short_id=1, access={"read": NEVER})
    assert send(FileSystemCard(DF(files=[file])), search(b"s")) == "6982"
