"""The records in a pcapng file that scardffi wrote."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, BinaryIO, Final

from ._record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION_HEADER: Final = 0x0A0D0D0A
_PACKET: Final = 6
_BYTE_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_COMMENT: Final = 1
_LONGEST_BLOCK: Final = 1 << 24
_TAG_DIRECTION: Final = 35
_NUMBERS: Final = ("result", "duration_ns", "process", "thread")
_OWN_FIELDS: Final = frozenset({"function", "removed", *_NUMBERS})


def begins(start: bytes) -> bool:
    """Return True if these are the first bytes of a pcapng file."""
    return start[:4] == struct.pack("<I", _SECTION_HEADER)


def records(file: BinaryIO, name: str) -> Iterator[Record]:
    """Yield the records of a file or a pipe; ``name`` is for errors.

    Raises:
        ValueError: the file is no pcapng file.
    """
    pending: Record | None = None
    for time_ns, comment, packet in _packets(file, name):
        payload, direction = _payload(packet)
        if direction == 1 and not comment:
            if pending is not None:
                yield pending._replace(response=payload)
            pending = None
            continue
        if pending is not None:
            yield pending
        pending = _record(time_ns, comment, payload if direction == 0 else None)
        if pending is not None and not _has_response(pending):
            yield pending
            pending = None
    if pending is not None:
        yield pending


def _has_response(record: Record) -> bool:
    """Return True if the packet of a response follows: then it was written together with this one."""
    return record.command is not None and record.result == 0 and record.arguments.get("received") is not None


def _record(time_ns: int, comment: bytes, command: bytes | None) -> Record | None:
    """Return the record that a comment describes; None for a packet that scardffi did not write."""
    try:
        fields = json.loads(comment)
        own = {name: fields.pop(name) for name in _OWN_FIELDS if name in fields}
        removed = own.pop("removed", None)
        where = None if removed is None else (int(removed[0]), int(removed[1]))
        function = own["function"]
        if not isinstance(function, str):
            return None
        result, duration_ns, process, thread = (int(own[name]) for name in _NUMBERS)
        return Record(
            function, result & 0xFFFFFFFF, time_ns, duration_ns, process, thread, fields, command, removed=where
        )
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
        return None


def _payload(packet: bytes) -> tuple[bytes, int | None]:
    """Return what follows the tags of a PDU, and the direction that they say."""
    direction = None
    place = 0
    while place + 4 <= len(packet):
        tag, length = struct.unpack_from(">HH", packet, place)
        place += 4
        if tag == 0:
            return packet[place:], direction
        if tag == _TAG_DIRECTION and length == 4 and place + 4 <= len(packet):
            (direction,) = struct.unpack_from(">I", packet, place)
        place += (length + 3) // 4 * 4
    return b"", direction


def _packets(file: BinaryIO, name: str) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield time, comment and bytes of each packet."""
    order = ""
    while True:
        head = _exactly(file, 8)
        if head is None:
            if not order:
                raise ValueError(f"{name} is not a trace of scardffi: it is no pcapng file")
            return
        if begins(head):
            magic = _exactly(file, 4) or b""
            order = _BYTE_ORDERS.get(magic, "")
            head += magic
        if not order:
            raise ValueError(f"{name} is not a trace of scardffi: it is no pcapng file")
        kind, total = struct.unpack_from(f"{order}II", head)
        if not len(head) + 4 <= total <= _LONGEST_BLOCK or total % 4:
            return
        body = _exactly(file, total - len(head))
        if body is None or struct.unpack_from(f"{order}I", body, len(body) - 4)[0] != total:
            return
        if kind == _PACKET and len(body) >= 24:
            yield _packet(body[:-4], order)


def _packet(body: bytes, order: str) -> tuple[int, bytes, bytes]:
    _, high, low, captured, _ = struct.unpack_from(f"{order}IIIII", body)
    comment = b""
    place = 20 + (captured + 3) // 4 * 4
    while place + 4 <= len(body):
        code, length = struct.unpack_from(f"{order}HH", body, place)
        if code == 0:
            break
        if code == _COMMENT:
            comment += body[place + 4 : place + 4 + length]
        place += 4 + (length + 3) // 4 * 4
    return high << 32 | low, comment, body[20 : 20 + captured]


def _exactly(file: BinaryIO, size: int) -> bytes | None:
    """Read a number of bytes; None if the file ends before."""
    read_bytes = file.read(size)
    return read_bytes if len(read_bytes) == size else None
