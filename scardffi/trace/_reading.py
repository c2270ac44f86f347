"""Reading a trace: the blocks of a pcapng file, and the record of each call in it."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

from .._field_docs import field_docs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_SECTION_HEADER: Final = 0x0A0D0D0A
_PACKET: Final = 6
_BYTE_ORDERS: Final = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}
_COMMENT: Final = 1
_LONGEST_BLOCK: Final = 1 << 24
_TAG_DIRECTION: Final = 35
_OWN_FIELDS: Final = frozenset({"function", "result", "duration_ns", "process", "thread", "removed"})


@field_docs(
    function='The name of the PC/SC function, such as "SCardTransmit".',
    result="The function's return code, as an unsigned 32-bit number.",
    time_ns="When the call began, in nanoseconds since 1970.",
    duration_ns="How long the call took, in nanoseconds.",
    process="The number of the process.",
    thread="The number of the thread.",
    arguments="The other arguments and results, by name: numbers, names, and bytes in hexadecimal.",
    command="The command APDU of SCardTransmit; None for other functions. Removed bytes are 0.",
    response="The response APDU; None if there is none.",
    removed="Where bytes of the command were removed because they are secret: (start, length), or None.",
)
class Record(NamedTuple):
    """One call of a PC/SC function."""

    function: str
    result: int
    time_ns: int
    duration_ns: int
    process: int
    thread: int
    arguments: dict[str, Any]
    command: bytes | None = None
    response: bytes | None = None
    removed: tuple[int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the record in types that JSON has; removed bytes of the command are ``**``."""
        fields = {**self._asdict(), **self.arguments}
        del fields["arguments"]
        for name in ("command", "response"):
            if (value := getattr(self, name)) is not None:
                fields[name] = value.hex().upper()
        if self.removed is not None:
            start, length = (2 * number for number in self.removed)
            text = fields["command"]
            fields["command"] = f"{text[:start]}{'*' * length}{text[start + length :]}"
        return {name: value for name, value in fields.items() if value is not None and name != "removed"}


def read(path: str | os.PathLike[str]) -> Iterator[Record]:
    """Yield the records of a trace, in the order in which they were written.

    A record that is not complete, because the disk was full or its process is still writing, ends the trace.

    Raises:
        ValueError: the file is not a trace of scardffi.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123  a path of any type
        yield from records(file, str(path))


def records(file: BinaryIO, name: str) -> Iterator[Record]:
    """Yield the records of a file or a pipe; ``name`` is for errors."""
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
    received = record.arguments.get("received")
    return record.command is not None and record.result == 0 and received is not None


def _record(time_ns: int, comment: bytes, command: bytes | None) -> Record | None:
    """Return the record that a comment describes; None for a packet that scardffi did not write."""
    try:
        fields = json.loads(comment)
        own = {name: fields.pop(name) for name in _OWN_FIELDS if name in fields}
        removed = own.pop("removed", None)
        where = None if removed is None else (int(removed[0]), int(removed[1]))
        return Record(time_ns=time_ns, arguments=fields, command=command, removed=where, **own)
    except (ValueError, TypeError, AttributeError, LookupError):
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
        if head[:4] == struct.pack("<I", _SECTION_HEADER):
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
