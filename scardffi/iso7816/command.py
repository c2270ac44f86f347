"""A command APDU, short or extended, and its chaining (ISO/IEC 7816-4, clauses 5.2, 5.3.3 and 5.4.1).

The commands by name, READ BINARY and the others, are built by :mod:`.instructions`.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass

from .malformed import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final, Self

    from typing_extensions import Buffer

SHORT_DATA: Final = 255
"""The most bytes of data in a short command."""
SHORT_LE: Final = 256
"""The most bytes of data that a short command can ask for."""
EXTENDED_DATA: Final = 65535
"""The most bytes of data in an extended command."""
EXTENDED_LE: Final = 65536
"""The most bytes of data that an extended command can ask for."""

_HEADER: Final = 4
_CHAINING: Final = 0x10
_LAST_CHANNEL: Final = 19


class MalformedCommandError(MalformedError):
    """The bytes are no command APDU."""


def checked(name: str, value: int, low: int, high: int) -> int:
    """The value, which lies in these bounds, both of them allowed.

    Raises:
        TypeError: it is no int.
        ValueError: it is outside of them; the message names the argument, the value and the bounds.
    """
    if not hasattr(value, "__index__"):
        raise TypeError(f"{name}: expected an int, got {type(value).__name__}")
    if not low <= operator.index(value) <= high:
        raise ValueError(f"{name}: {value} is not allowed; give {low} to {high}")
    return value


def class_of_channel(channel: int) -> int:
    """The interindustry class byte for a logical channel, 0 to 19 (ISO/IEC 7816-4, clause 5.4.1).

    Raises:
        ValueError: no such channel.
    """
    checked("channel", channel, 0, _LAST_CHANNEL)
    return channel if channel < 4 else 0x40 | channel - 4


@dataclass(init=False, repr=False)
class Command:
    """A command APDU of any of the four cases: with or without data, with or without data expected in the answer.

    Any class and instruction byte is taken, also those that ISO/IEC 7816 leaves out: PC/SC readers are commanded
    with class FF. Its repr shows header and lengths, never the data. ``dataclasses.replace`` makes another one of it.

    Args:
        cla: the class byte; :func:`class_of_channel` makes one for a logical channel.
        ins: the instruction byte.
        p1: the first parameter byte.
        p2: the second parameter byte.
        data: 0 to 65535 bytes. ``bytes`` are kept as they are, any other buffer is copied into a bytearray of the
            command's own, which :meth:`wipe` overwrites.
        le: the most bytes of data that the card may answer (the standard's Ne), 1 to 65536; None where none are
            expected.
        extended: write the lengths in the extended form. It is True where they do not fit the short one, and False
            where there is no length to write (case 1).

    Raises:
        ValueError: a number or a length that is not allowed.
    """

    cla: int = 0
    ins: int = 0
    p1: int = 0
    p2: int = 0
    data: bytes | bytearray = b""
    le: int | None = None
    extended: bool = False

    def __init__(
        self,
        cla: int,
        ins: int,
        p1: int = 0,
        p2: int = 0,
        data: Buffer = b"",
        le: int | None = None,
        *,
        extended: bool = False,
    ) -> None:
        self.cla = checked("cla", cla, 0, 0xFF)
        self.ins = checked("ins", ins, 0, 0xFF)
        self.p1 = checked("p1", p1, 0, 0xFF)
        self.p2 = checked("p2", p2, 0, 0xFF)
        self.data = data if isinstance(data, bytes) else bytearray(memoryview(data))
        checked("length of data", len(self.data), 0, EXTENDED_DATA)
        self.le = None if le is None else checked("le", le, 1, EXTENDED_LE)
        long = len(self.data) > SHORT_DATA or (le or 0) > SHORT_LE
        self.extended = long or (extended and (bool(self.data) or le is not None))

    @classmethod
    def decode(cls, raw: Buffer) -> Self:
        """The command that these bytes are; ``encode()`` gives the same bytes back.

        Args:
            raw: the whole APDU and nothing else. The data of ``bytes`` are bytes, those of other buffers a bytearray.

        Raises:
            MalformedCommandError: the bytes are no APDU, and where that shows.
        """
        whole = raw if isinstance(raw, bytes) else memoryview(raw).cast("B")
        size = len(whole)
        if size < _HEADER:
            raise MalformedCommandError("the command ends before its header of 4 bytes", size)
        cla, ins, p1, p2 = whole[:_HEADER]
        body = whole[_HEADER:]
        extended = len(body) > 1 and body[0] == 0
        start, width = (1, 2) if extended else (0, 1)  # of the first length
        if len(body) in {0, start + width}:
            return cls(cla, ins, p1, p2, le=_le(body[start:]), extended=extended)
        if len(body) < start + width:
            raise MalformedCommandError("the command ends in its extended length of 3 bytes", size)
        lc = int.from_bytes(body[start : start + width], "big")
        data = body[start + width : start + width + lc]
        le = body[start + width + lc :]
        if lc == 0:
            raise MalformedCommandError("Lc is 0; 1 to 65535 is allowed", _HEADER + start)
        if len(data) < lc:
            raise MalformedCommandError(f"the command ends after {len(data)} of {lc} bytes of data", size)
        if len(le) not in {0, width}:
            raise MalformedCommandError(
                f"{len(le)} bytes follow the {lc} bytes of data; allowed are none or an Le of {width}", size - len(le)
            )
        return cls(cla, ins, p1, p2, data, _le(le), extended=extended)

    def encode(self) -> bytearray:
        """The APDU, in a new bytearray, which can be wiped when it was sent; ``bytes(command)`` gives bytes."""
        size = 2 if self.extended else 1
        marker = b"\x00" if self.extended else b""  # stands before the first length
        start = bytes((self.cla, self.ins, self.p1, self.p2))
        if self.data:
            start += marker + len(self.data).to_bytes(size, "big")
        end = b""
        if self.le is not None:
            most = self.le & (0xFFFF if self.extended else 0xFF)
            end = (b"" if self.data else marker) + most.to_bytes(size, "big")
        apdu = bytearray(len(start) + len(self.data) + len(end))  # made at once: growing would leave copies behind
        apdu[: len(start)] = start
        apdu[len(start) : len(start) + len(self.data)] = self.data
        apdu[len(start) + len(self.data) :] = end
        return apdu

    def chain(self, size: int = SHORT_DATA) -> list[Command]:
        """The same as short commands to be sent one after the other (ISO/IEC 7816-4, clause 5.3.3).

        All but the last have the chaining bit in CLA, and no Le. An Le above 256 becomes 256: all that there is.

        Args:
            size: the most bytes of data in each, 1 to 255.

        Returns:
            The commands, one where the data fit into one.

        Raises:
            ValueError: no such size, or CLA has the chaining bit already.
        """
        checked("size", size, 1, SHORT_DATA)
        if self.cla & _CHAINING:
            raise ValueError(f"cla: {self.cla:02X} has the chaining bit already")
        le = None if self.le is None else min(self.le, SHORT_LE)
        data = self.data if isinstance(self.data, bytes) else memoryview(self.data)
        starts = range(0, len(data), size) or range(1)
        return [
            Command(self.cla | _CHAINING, self.ins, self.p1, self.p2, data[start : start + size])
            for start in starts[:-1]
        ] + [Command(self.cla, self.ins, self.p1, self.p2, data[starts[-1] :], le)]

    def wipe(self) -> None:
        """Overwrite the data with zeros.

        Raises:
            TypeError: they are ``bytes``, which cannot be overwritten; give a bytearray where they are secret.
        """
        if isinstance(self.data, bytes):
            raise TypeError("data: bytes cannot be wiped; make the command of a bytearray")
        self.data[:] = bytes(len(self.data))

    def __bytes__(self) -> bytes:
        return bytes(self.encode())

    def __repr__(self) -> str:
        header = f"{self.cla:02X} {self.ins:02X} {self.p1:02X} {self.p2:02X}"
        form = ", extended" if self.extended else ""
        return f"<Command {header}, {len(self.data)} bytes, le {self.le}{form}>"


def _le(field: bytes | memoryview) -> int | None:
    """What an Le field says: nothing is None, and 0 the most that fits it and one more."""
    return (int.from_bytes(field, "big") or 256 ** len(field)) if field else None
