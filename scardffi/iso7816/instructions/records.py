"""The commands on records, such as READ RECORD (ISO/IEC 7816-4, clause 11.3).

``number`` is a record number, or a record identifier if another argument says so: 0 to 254, where 0 is the current
record.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ..._bytes_like import copied
from ..command import SHORT_LE, Command, checked
from ..tlv import encode
from ._arguments import data_object, offset_object, short_id_bits

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .selection import Occurrence

_LAST_NUMBER: Final = 0xFE
_ENHANCED_SEARCH: Final = 6
_AFTER_A_BYTE: Final = 0x08


class RecordsBy(IntEnum):
    """The records that READ RECORD reads (bits 3 to 1 of P2)."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3
    NUMBER = 4
    """The record with this number."""
    NUMBER_TO_LAST = 5
    """All records from this number to the last."""
    LAST_TO_NUMBER = 6
    """All records from the last to this number."""


class SearchFrom(IntEnum):
    """The record where SEARCH RECORD begins, and its direction."""

    FIRST = 0
    """Forward from the first record with the identifier."""
    LAST = 1
    """Backward from the last record with the identifier."""
    NEXT = 2
    """Forward from the next record with the identifier."""
    PREVIOUS = 3
    """Backward from the previous record with the identifier."""
    NUMBER = 4
    """Forward from the record with the number."""
    NUMBER_BACKWARD = 5
    """Backward from the record with the number."""
    NEXT_RECORD = 6
    """Forward from the next record; only with ``offset`` or ``after``."""
    PREVIOUS_RECORD = 7
    """Backward from the previous record; only with ``offset`` or ``after``."""


def read_record(
    number: int = 0,
    le: int = SHORT_LE,
    *,
    records: RecordsBy = RecordsBy.NUMBER,
    offset: int | None = None,
    short_id: int | None = None,
    cla: int = 0,
) -> Command:
    """Build READ RECORD, which reads records of a linear or cyclic EF (clause 11.3.3).

    Args:
        number: the record number, 0 to 254, 0 for the current record. If ``records`` is FIRST, LAST, NEXT or PREVIOUS,
            this is the record identifier.
        le: the maximum number of data bytes in the response.
        records: the records to read.
        offset: the position of the first byte in the record. The command then has the odd instruction byte, and its
            response data is in a data object with tag 53. None to read whole records.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    if offset is None:
        return _record(0xB2, number, records, b"", short_id, le, cla)
    return _record(0xB3, number, records, bytes(offset_object(offset)), short_id, le, cla)


def write_record(
    number: int, data: Buffer, *, which: Occurrence | None = None, short_id: int | None = None, cla: int = 0
) -> Command:
    """Build WRITE RECORD, which writes a record once or ORs into it (clause 11.3.4).

    The arguments are those of :func:`update_record`, without ``offset``.
    """
    return _record(0xD2, number, which, data, short_id, None, cla)


def update_record(
    number: int,
    data: Buffer,
    *,
    which: Occurrence | None = None,
    offset: int | None = None,
    short_id: int | None = None,
    cla: int = 0,
) -> Command:
    """Build UPDATE RECORD, which replaces a record or a part of it (clause 11.3.5).

    Args:
        number: the record number, 0 to 254, 0 for the current record; 0 if ``which`` is given.
        data: the new contents.
        which: the first, last, next or previous record; None for the record with the number.
        offset: the position of the first byte to replace in the record. The command then has the odd instruction byte.
            None to replace the whole record.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    if offset is None:
        return _record(0xDC, number, which, data, short_id, None, cla)
    return _record(0xDD, number, which, encode([offset_object(offset), data_object(data)]), short_id, None, cla)


def append_record(data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build APPEND RECORD, which adds a record at the end of a linear EF, or as record 1 of a cyclic EF (11.3.6).

    Args:
        data: the contents of the record.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return Command(cla, 0xE2, 0, short_id_bits(short_id) << 3, data)


def search_record(
    data: Buffer,
    number: int = 0,
    le: int = SHORT_LE,
    *,
    start: SearchFrom = SearchFrom.NUMBER,
    offset: int | None = None,
    after: int | None = None,
    short_id: int | None = None,
    cla: int = 0,
) -> Command:
    """Build SEARCH RECORD; the response is the numbers of the records that match, one byte each (clause 11.3.7).

    Args:
        data: the bytes to find.
        number: the record number, 0 to 254, 0 for the current record. If ``start`` is FIRST, LAST, NEXT or PREVIOUS,
            this is the record identifier.
        le: the maximum number of data bytes in the response.
        start: the record where the search begins, and its direction.
        offset: the position in each record where the search begins, 0 to 255; None for the first byte.
        after: a byte, 0 to 255: the search begins in each record after the first byte of this value. Give ``offset``
            or ``after``, not both.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    if offset is not None and after is not None:
        raise ValueError(f"after: {after} is not allowed together with an offset; give one of them")
    if offset is not None:
        indication: tuple[int, int] = (start, checked("offset", offset, 0, 0xFF))
    elif after is not None:
        indication = (start | _AFTER_A_BYTE, checked("after", after, 0, 0xFF))
    else:
        checked("start", start, 0, SearchFrom.NUMBER_BACKWARD)
        return _record(0xA2, number, start, data, short_id, le, cla)
    checked("start", start, 0, SearchFrom.PREVIOUS_RECORD)
    return _record(0xA2, number, _ENHANCED_SEARCH, bytes(indication) + copied("data", data), short_id, le, cla)


def erase_record(number: int, *, to_last: bool = False, short_id: int | None = None, cla: int = 0) -> Command:
    """Build ERASE RECORD, which sets records to the erased state (clause 11.3.8).

    Args:
        number: the record number, 0 to 254, 0 for the current record.
        to_last: True for all records from this number to the last.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _record(0x0C, number, _one_or_all(to_last=to_last), b"", short_id, None, cla)


def activate_record(number: int, *, to_last: bool = False, short_id: int | None = None, cla: int = 0) -> Command:
    """Build ACTIVATE RECORD, after which records can be used (11.3.9); arguments of :func:`erase_record`."""
    return _record(0x08, number, _one_or_all(to_last=to_last), b"", short_id, None, cla)


def deactivate_record(number: int, *, to_last: bool = False, short_id: int | None = None, cla: int = 0) -> Command:
    """Build DEACTIVATE RECORD, after which records cannot be used (11.3.10); arguments of :func:`erase_record`."""
    return _record(0x06, number, _one_or_all(to_last=to_last), b"", short_id, None, cla)


def _one_or_all(*, to_last: bool) -> RecordsBy:
    return RecordsBy.NUMBER_TO_LAST if to_last else RecordsBy.NUMBER


def _record(
    ins: int, number: int, which: int | None, data: Buffer, short_id: int | None, le: int | None, cla: int
) -> Command:
    """Build a command for records of a linear or cyclic EF."""
    p2 = short_id_bits(short_id) << 3 | (RecordsBy.NUMBER if which is None else which)
    return Command(cla, ins, checked("number", number, 0, _LAST_NUMBER), p2, data, le)
