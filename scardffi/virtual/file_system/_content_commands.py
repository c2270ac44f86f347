"""The commands that read and write the bytes and records of EFs (ISO/IEC 7816-4, clauses 11.2 and 11.3)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ...iso7816.instructions import RecordsBy
from ...iso7816.tlv import TLV, MalformedTLVError, decode
from ._session import CommandError, require
from .tree import RecordEF, Structure, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...iso7816.command import Command
    from ._session import Session

_UNLIMITED: Final = {256, 65536}
_OFFSET, _DATA = 0x54, 0x53
_FORWARD, _BACKWARD, _ENHANCED = 4, 5, 6


def _select_transparent(
    session: Session, command: Command, operation: str
) -> tuple[TransparentEF, list[int], bytes | bytearray]:
    """Select the EF that a command with an even or odd instruction names; return the EF, the offsets and the data."""
    number = command.p1 << 8 | command.p2
    data: bytes | bytearray = command.data
    if command.ins & 1:
        ef = session.select_by_short_id(number) if number < 0x20 else session.select_by_id(number)
        offsets, data = _decode_offsets_and_data(command)
    elif command.p1 & 0x80:
        require(not command.p1 & 0x60 and command.p1 & 0x1F, 0x6A86)
        ef = session.select_by_short_id(command.p1 & 0x1F)
        offsets = [command.p2]
    else:
        ef = session.current_ef()
        offsets = [number]
    if not isinstance(ef, TransparentEF):
        raise CommandError(0x6981)
    session.require_allowed(operation, ef)
    return ef, offsets, data


def _decode_offsets_and_data(command: Command) -> tuple[list[int], bytes]:
    try:
        objects = decode(command.data)
    except MalformedTLVError:
        raise CommandError(0x6A80) from None
    offsets = [one.value for one in objects if one.tag == _OFFSET]
    require(offsets and all(offsets) and all(one.tag in {_OFFSET, _DATA} for one in objects), 0x6A80)
    data = b"".join(one.value for one in objects if one.tag == _DATA)
    return [int.from_bytes(offset, "big") for offset in offsets], data


def _read_binary(session: Session, command: Command) -> bytes:
    ef, offsets, data = _select_transparent(session, command, "read")
    require(not data, 0x6A80 if command.ins & 1 else 0x6700)
    require(len(offsets) == 1, 0x6A80)
    if command.le is None:
        raise CommandError(0x6700)
    offset, size = offsets[0], command.le
    require(offset < len(ef.content) or not offset, 0x6B00)
    if command.ins & 1:  # Le covers the tag and the length too
        size -= 2 if size < 0x82 else 3 if size < 0x103 else 4
        require(size >= 0, 0x6700)
    data = bytes(ef.content[offset : offset + size])
    answer = bytes(TLV(_DATA, data)) if command.ins & 1 else data
    if len(data) < size and command.le not in _UNLIMITED:
        raise CommandError(0x6282, answer)
    return answer


def _update_binary(session: Session, command: Command, *, operation: str) -> bytes:
    ef, offsets, data = _select_transparent(session, command, operation)
    require(data, 0x6A80 if command.ins & 1 else 0x6700)
    require(len(offsets) == 1, 0x6A80)
    offset = offsets[0]
    require(offset < len(ef.content), 0x6B00)
    require(offset + len(data) <= len(ef.content), 0x6A84)
    place = slice(offset, offset + len(data))
    ef.content[place] = _or(ef.content[place], data) if operation == "write" else data
    return b""


def _or(old: bytes | bytearray, data: bytes | bytearray) -> bytes:
    """Return the content after WRITE, which sets bits and clears none."""
    return bytes(before | new for before, new in zip(old, data, strict=True))


def _erase_binary(session: Session, command: Command) -> bytes:
    ef, offsets, data = _select_transparent(session, command, "erase")
    if data and not command.ins & 1:
        require(len(data) == 2, 0x6700)
        offsets, data = [*offsets, int.from_bytes(data, "big")], b""
    require(len(offsets) <= 2 and not data, 0x6A80)
    start, end = (*offsets, len(ef.content))[:2]
    require(start < len(ef.content) and end <= len(ef.content), 0x6B00)
    require(start < end, 0x6A80)
    ef.content[start:end] = bytes(end - start)
    return b""


def _select_records(session: Session, command: Command, operation: str) -> RecordEF:
    """Select the EF of records that a command names and return it."""
    require(command.p1 != 0xFF, 0x6A86)
    ef = session.select_by_short_id(command.p2 >> 3)
    if not isinstance(ef, RecordEF):
        raise CommandError(0x6981)
    session.require_allowed(operation, ef)
    return ef


def _record_number(session: Session, ef: RecordEF, which: int, number: int) -> int:
    """Return the number of the record that P1 and P2 name; raise a CommandError if there is none."""
    if which >= RecordsBy.NUMBER:
        number = number or session.record
        require(1 <= number <= len(ef.records), 0x6A83)
        return number
    found = [place for place, one in enumerate(ef.records, start=1) if not number or one[0] == number]
    if session.record and which == RecordsBy.NEXT:
        found = [place for place in found if place > session.record]
    elif session.record and which == RecordsBy.PREVIOUS:
        found = [place for place in found if place < session.record]
    require(found, 0x6A83)
    session.record = found[0 if which in {RecordsBy.FIRST, RecordsBy.NEXT} else -1]
    return session.record


def _read_record(session: Session, command: Command) -> bytes:
    which = command.p2 & 7
    require(which <= RecordsBy.LAST_TO_NUMBER, 0x6A86)
    ef = _select_records(session, command, "read")
    if command.le is None or command.data:
        raise CommandError(0x6700)
    number = _record_number(session, ef, which, command.p1)
    if which == RecordsBy.NUMBER_TO_LAST:
        data = b"".join(ef.records[number - 1 :])
    elif which == RecordsBy.LAST_TO_NUMBER:
        data = b"".join(reversed(ef.records[number - 1 :]))
    else:
        data = bytes(ef.records[number - 1])
    if command.le in _UNLIMITED:
        return data
    if len(data) < command.le:
        raise CommandError(0x6282, data)
    return data[: command.le]  # a command may read the beginning of a record


def _update_record(session: Session, command: Command, *, operation: str) -> bytes:
    which = command.p2 & 7
    require(which <= RecordsBy.NUMBER and (which == RecordsBy.NUMBER or not command.p1), 0x6A86)
    ef = _select_records(session, command, operation)
    _check_size(ef, command.data)
    if ef.structure == Structure.CYCLIC and which == RecordsBy.PREVIOUS:
        _add_record(session, ef, command.data)
        return b""
    number = _record_number(session, ef, which, command.p1)
    old = ef.records[number - 1]
    if operation == "write":
        require(len(old) == len(command.data), 0x6700)
    ef.records[number - 1] = bytearray(_or(old, command.data) if operation == "write" else command.data)
    return b""


def _append_record(session: Session, command: Command) -> bytes:
    require(not command.p1 and not command.p2 & 7, 0x6A86)
    ef = _select_records(session, command, "append")
    _check_size(ef, command.data)
    _add_record(session, ef, command.data)
    return b""


def _search_record(session: Session, command: Command) -> bytes:
    """SEARCH RECORD, simple or enhanced: return the numbers of the records that contain the string, a byte each."""
    mode = command.p2 & 7
    require(mode in {_FORWARD, _BACKWARD, _ENHANCED}, 0x6A86)
    ef = _select_records(session, command, "read")
    require(command.le is not None and command.data, 0x6700)
    wanted, find = bytes(command.data), bytes.find
    start, backward, relative = command.p1 or session.record, mode == _BACKWARD, False
    if mode == _ENHANCED:  # two bytes say how to search
        require(len(wanted) > 2 and wanted[0] & 0xF4 == 4, 0x6A80)
        backward, relative = bool(wanted[0] & 1), bool(wanted[0] & 2)
        find = partial(_find_from, place=wanted[1], is_value=bool(wanted[0] & 8))
        wanted = wanted[2:]
    if relative:  # from the record before or after the current one
        start = session.record + (-1 if backward else 1)
    require(relative or 1 <= start <= len(ef.records), 0x6A83)
    numbers = range(start, 0, -1) if backward else range(start, len(ef.records) + 1)
    found = [number for number in numbers if find(bytes(ef.records[number - 1]), wanted) >= 0]
    require(found, 0x6282)
    session.record = found[0]
    return bytes(found)


def _find_from(record: bytes, wanted: bytes, *, place: int, is_value: bool) -> int:
    """Return the position of a string; -1 if there is none.

    The search begins at the offset ``place`` or, if ``is_value``, after the first byte that has the value ``place``.
    """
    if is_value:
        place = record.find(place) + 1
        if not place:
            return -1
    return record.find(wanted, place)


def _check_size(ef: RecordEF, data: bytes | bytearray) -> None:
    require(data and (ef.structure == Structure.LINEAR_VARIABLE or len(data) == ef.record_size), 0x6700)
    require(len(data) <= ef.record_size, 0x6A84)


def _add_record(session: Session, ef: RecordEF, data: bytes | bytearray) -> None:
    if ef.structure == Structure.CYCLIC:
        ef.records = [bytearray(data), *ef.records][: ef.capacity]
        session.record = 1
        return
    require(len(ef.records) < ef.capacity, 0x6A84)
    ef.records.append(bytearray(data))
    session.record = len(ef.records)


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {
    **dict.fromkeys((0xB0, 0xB1), _read_binary),
    **dict.fromkeys((0xD6, 0xD7), partial(_update_binary, operation="update")),
    **dict.fromkeys((0xD0, 0xD1), partial(_update_binary, operation="write")),
    **dict.fromkeys((0x0E, 0x0F), _erase_binary),
    0xB2: _read_record,
    0xDC: partial(_update_record, operation="update"),
    0xD2: partial(_update_record, operation="write"),
    0xE2: _append_record,
    0xA2: _search_record,
}
"""The functions of these commands by instruction byte."""
