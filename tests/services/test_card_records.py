"""The records of a file as a sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.cards import KINDS, ScriptedCard, card_with_directories, transmitter

from scardffi.iso7816.status_word import NoSpaceError, NotSupportedError, SecurityStatusNotSatisfiedError
from scardffi.services.file_access import FileAccess
from scardffi.virtual.file_system import DF, FileSystemCard, RecordEF, Structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scardffi.services.card_records import Records

LINEAR = "62088206020100040003 9000".replace(" ", "")
CYCLIC = "62088206060100040003 9000".replace(" ", "")


@pytest.fixture(params=KINDS)
def files(request: pytest.FixtureRequest) -> Iterator[FileAccess]:
    with transmitter(request.param, card_with_directories()) as way:
        yield FileAccess(way)


def scripted(fcp: str, *answers: str) -> tuple[ScriptedCard, Records]:
    card = ScriptedCard(fcp, *answers, atr="")
    records = FileAccess(card).records("/5002")
    card.sent.clear()
    return card, records


def test_records_are_a_sequence(files: FileAccess) -> None:
    records = files.records("/5000/5002")
    assert records[0] == records[-2] == b"\1abc"
    assert records[1] == records[-1] == b"\2def"
    assert len(records) == 2
    assert list(records) == list(reversed(list(reversed(records)))) == [b"\1abc", b"\2def"]
    assert records[::-1] == [b"\2def", b"\1abc"]
    assert records[1:9] == [b"\2def"]
    assert b"\2def" in records
    assert records.index(b"\2def") == 1
    for index in (2, -3, 254, 1000):
        with pytest.raises(IndexError, match=f"record {index} does not exist in 3F00/5000/5002"):
            records[index]
    assert repr(records) == "<Records of 3F00/5000/5002>"


def test_records_are_replaced_and_added_until_the_file_is_full(files: FileAccess) -> None:
    records = files.records("/5000/5002")
    records[-1] = b"wxyz"
    records.append(b"last")
    assert list(records) == [b"\1abc", b"wxyz", b"last"]
    assert len(records) == 3
    with pytest.raises(NoSpaceError):
        records.append(b"more")
    with pytest.raises(IndexError):
        records[3] = b"more"


def test_in_a_cyclic_file_the_newest_record_is_the_first(files: FileAccess) -> None:
    records = files.records("/5000/5003")
    records.append(b"now")
    assert list(records) == [b"now", b"new"]


@pytest.mark.parametrize("count", [0, 1, 2, 100, 253, 254])
def test_records_are_counted_if_the_card_does_not_state_their_number(count: int) -> None:
    contents = [b"%d" % number for number in range(count)]
    rows = RecordEF(1, contents, Structure.LINEAR_VARIABLE, record_size=3, capacity=254)
    records = FileAccess(FileSystemCard(DF(files=[rows]))).records(1)
    assert len(records) == len(list(records)) == count
    assert records[count // 2 :] == contents[count // 2 :]


def test_long_records_are_read_complete() -> None:
    rows = RecordEF(1, [bytes(range(250)) * 3], record_size=750)
    assert FileAccess(FileSystemCard(DF(files=[rows]))).records(1)[0] == bytes(range(250)) * 3


def test_a_card_without_append_record_is_written_by_update_record() -> None:
    card, records = scripted(CYCLIC, "6D00", "63C1")
    records.append(b"abcd")
    assert card.sent == ["00E200000461626364", "00DC00030461626364"]
    _, records = scripted(LINEAR, "6D00")
    with pytest.raises(NotSupportedError):
        records.append(b"abcd")


def test_refusals_raise_status_errors() -> None:
    card, records = scripted(LINEAR, "6982", "6982", "6282")
    with pytest.raises(SecurityStatusNotSatisfiedError):
        records[0]
    with pytest.raises(SecurityStatusNotSatisfiedError):
        len(records)
    assert records[0] == b""
    assert card.sent == ["00B2010400", "00B2030400", "00B2010400"]
