"""A command APDU, short or extended, and command chaining (ISO/IEC 7816-4, clauses 5.2 and 5.3.3).

:mod:`.instructions` has a function for each command of the standard, such as READ BINARY.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from .._bytes_like import contiguous
from ._secrets import Secrets
from .class_bytes import CHAINING
from .instruction_names import instruction_name
from .malformed import MalformedError

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["EXTENDED_DATA", "EXTENDED_LE", "SHORT_DATA", "SHORT_LE", "Command", "MalformedCommandError"]

SHORT_DATA: Final = 255
"""The maximum number of data bytes in a short command."""
SHORT_LE: Final = 256
"""The maximum Le of a short command."""
EXTENDED_DATA: Final = 65535
"""The maximum number of data bytes in an extended command."""
EXTENDED_LE: Final = 65536
"""The maximum Le of an extended command."""

_HEADER: Final = 4


class MalformedCommandError(MalformedError):
    """Raised if bytes are not a command APDU."""

    def __str__(self) -> str:
        return f"command, {super().__str__()}"


def checked(name: str, value: int, low: int, high: int) -> int:
    """Check that an argument's value is an int from ``low`` to ``high``, and return it.

    Args:
        name: the argument's name, for the message of the error.
        value: the argument's value.
        low: the smallest value that is allowed.
        high: the largest value that is allowed.

    Raises:
        TypeError: the value is not an int.
        ValueError: the value is outside of the bounds; the message contains the name, the value and the bounds.
    """
    if not hasattr(value, "__index__"):
        raise TypeError(f"{name}: expected an int, got {type(value).__name__}")
    if not low <= operator.index(value) <= high:
        raise ValueError(f"{name}: {value} is not allowed; give {low} to {high}")
    return value


@dataclass(init=False, repr=False)
class Command:
    """A command APDU of any of the four cases: with or without data, with or without response data.

    Any class and instruction byte is allowed, also those that ISO/IEC 7816 does not use: PC/SC defines commands of
    class FF for readers. The repr shows the header, the instruction's name and the lengths, never the data.
    ``dataclasses.replace`` returns a changed copy.

    Args:
        cla: the class byte; :func:`.class_bytes.class_byte` returns that of a logical channel.
        ins: the instruction byte.
        p1: the first parameter byte.
        p2: the second parameter byte.
        data: 0 to 65535 bytes. ``bytes`` are kept without a copy. Any other buffer is copied into a new bytearray,
            which :meth:`wipe` overwrites.
        le: the maximum number of data bytes in the response (Ne in the standard), 1 to 65536; None if the response
            has no data.
        extended: True to encode the lengths in the extended form. The attribute is also True if a length does not fit
            the short form, and False if the command has no length (case 1).

    Raises:
        ValueError: an argument or the length of the data is not allowed.
        TypeError: a number is not an int, or the data is not a contiguous buffer.
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
        self.data = data if isinstance(data, bytes) else bytearray(contiguous("data", data))
        checked("length of data", len(self.data), 0, EXTENDED_DATA)
        self.le = None if le is None else checked("le", le, 1, EXTENDED_LE)
        long = len(self.data) > SHORT_DATA or (le or 0) > SHORT_LE
        self.extended = long or (extended and (bool(self.data) or le is not None))

    @classmethod
    def decode(cls, raw: Buffer) -> Self:
        """Return the command that is encoded in these bytes. Its ``encode()`` returns the same bytes.

        Args:
            raw: the APDU, without other bytes after it. If it is ``bytes``, so is the command's data; otherwise the
                data is a bytearray.

        Raises:
            MalformedCommandError: the bytes are not a command APDU.
        """
        whole = raw if isinstance(raw, bytes) else contiguous("raw", raw)
        cla, ins, p1, p2, data, le, extended = _parts(whole)
        return cls(cla, ins, p1, p2, data, le, extended=extended)

    @property
    def name(self) -> str:
        """The name of the instruction, such as "SELECT"; "INS CA of class 80" if the card defines it."""
        return instruction_name(self.cla, self.ins)

    def encode(self) -> bytearray:
        """Return the APDU in a new bytearray, which you can overwrite after use; ``bytes(command)`` returns bytes."""
        size = 2 if self.extended else 1
        marker = b"\x00" if self.extended else b""  # the first extended length field begins with it
        start = bytes((self.cla, self.ins, self.p1, self.p2))
        if self.data:
            start += marker + len(self.data).to_bytes(size, "big")
        end = b""
        if self.le is not None:
            most = self.le & (0xFFFF if self.extended else 0xFF)
            end = (b"" if self.data else marker) + most.to_bytes(size, "big")
        # A bytearray that grows could leave copies of secret data in memory. The data is copied last: no signal can
        # interrupt Python after that and before the caller has the bytearray.
        data, before = self.data, len(start)
        after = before + len(data)
        apdu = bytearray(after + len(end))
        apdu[:before] = start
        apdu[after:] = end
        apdu[before:after] = data
        return apdu

    def chain(self, size: int = SHORT_DATA, *, secrets: Secrets | None = None) -> list[Command]:
        """Split the command into short commands that the card joins again (ISO/IEC 7816-4, clause 5.3.3).

        All commands except the last have the chaining bit in CLA and no Le. An Le above 256 becomes 256, which stands
        for all available bytes.

        Args:
            size: the maximum number of data bytes in each command, 1 to 255.
            secrets: gets the bytearrays of the commands, so that they can be wiped together.

        Returns:
            The commands in the order of sending; one command if it has room for the data.

        Raises:
            ValueError: the size is not allowed, or CLA already has the chaining bit.
            TypeError: the size is not an int.
        """
        checked("size", size, 1, SHORT_DATA)
        if self.cla & CHAINING:
            raise ValueError(f"cla: {self.cla:02X} already has the chaining bit; give a class byte without bit 5")
        le = None if self.le is None else min(self.le, SHORT_LE)
        starts = range(0, len(self.data), size) or range(1)
        if isinstance(self.data, bytes):
            pieces: list[Buffer] = [self.data[start : start + size] for start in starts]
        else:
            pieces = [bytearray(min(size, len(self.data) - start)) for start in starts]
        parts = [Command(self.cla | CHAINING, self.ins, self.p1, self.p2, piece) for piece in pieces[:-1]]
        parts.append(Command(self.cla, self.ins, self.p1, self.p2, pieces[-1], le))
        if not isinstance(self.data, bytes):
            self._fill(parts, size, Secrets() if secrets is None else secrets)
        return parts

    def _fill(self, parts: list[Command], size: int, secrets: Secrets) -> None:
        """Copy the data to the commands of a chain, whose data is zeros."""
        secrets.blocks += [part.data for part in parts]  # type: ignore[misc]  # they are bytearrays
        whole = memoryview(self.data)
        try:
            for index, part in enumerate(parts):
                target = memoryview(part.data)  # assigning to a slice of the bytearray would create a temporary copy
                target[:] = whole[index * size : (index + 1) * size]
        except BaseException:
            _ = [*secrets.wiping]
            raise

    def wipe(self) -> None:
        """Overwrite the data with zeros.

        Raises:
            TypeError: the data is ``bytes``, which cannot be overwritten. Pass secret data as a bytearray.
        """
        if isinstance(self.data, bytes):
            raise TypeError("data: bytes cannot be wiped; create the command from a bytearray")
        self.data[:] = bytes(len(self.data))

    def __bytes__(self) -> bytes:
        return bytes(self.encode())

    def __repr__(self) -> str:
        header = f"{self.cla:02X} {self.ins:02X} {self.p1:02X} {self.p2:02X}"
        lengths = [f"Lc {len(self.data)}"] * bool(self.data) + [f"Le {self.le}"] * (self.le is not None)
        return f"<Command {', '.join([f'{header} ({self.name})', *lengths, *['extended'] * self.extended])}>"


def _le(field: bytes | memoryview) -> int | None:
    """Return the number in an Le field; None if the field is empty. 0 stands for 256, or 65536 in two bytes."""
    return (int.from_bytes(field, "big") or 256 ** len(field)) if field else None


def _parts(whole: bytes | memoryview) -> tuple[int, int, int, int, bytes | memoryview, int | None, bool]:
    """Return CLA, INS, P1, P2, data, Le and whether the form is extended. The data is a slice of the bytes."""
    size = len(whole)
    if size < _HEADER:
        raise MalformedCommandError("the command ends before the end of its header of 4 bytes", size)
    cla, ins, p1, p2 = whole[:_HEADER]
    body = whole[_HEADER:]
    extended = len(body) > 1 and body[0] == 0
    start, width = (1, 2) if extended else (0, 1)  # the position and the size of the first length in the body
    if len(body) in {0, start + width}:
        return cla, ins, p1, p2, whole[:0], _le(body[start:]), extended
    if len(body) < start + width:
        raise MalformedCommandError("the command ends before the end of its extended length of 3 bytes", size)
    lc = int.from_bytes(body[start : start + width], "big")
    data = body[start + width : start + width + lc]
    le = body[start + width + lc :]
    if lc == 0:
        raise MalformedCommandError("Lc is 0; 1 to 65535 is allowed", _HEADER + start)
    if len(data) < lc:
        raise MalformedCommandError(f"the command ends after {len(data)} of {lc} bytes of data", size)
    if len(le) not in {0, width}:
        raise MalformedCommandError(
            f"{len(le)} bytes follow the {lc} bytes of data; allowed are 0 or {width}, for Le", size - len(le)
        )
    return cla, ins, p1, p2, data, _le(le), extended


def command_of(value: Command | Buffer | str, secrets: Secrets) -> Command:
    """Return a command as such, or the one that is encoded in bytes or in hexadecimal text.

    Args:
        value: the command, its APDU, or the APDU in hexadecimal digits with or without spaces.
        secrets: gets the bytearrays that are made here, which may hold a PIN.

    Raises:
        MalformedCommandError: the bytes are not a command APDU.
        ValueError: the text is not hexadecimal. The message does not contain it.
        TypeError: the value has another type.
    """
    if isinstance(value, Command):
        return value
    if isinstance(value, str):
        value = _from_hexadecimal(value, secrets)
    whole = contiguous("command", value)
    cla, ins, p1, p2, data, le, extended = _parts(whole)
    command = Command(cla, ins, p1, p2, bytearray(len(data)), le, extended=extended)
    secrets.blocks += [command.data]  # type: ignore[list-item]  # it is a bytearray
    target = memoryview(command.data)  # assigning to a slice of the bytearray would create a temporary copy
    target[:] = data
    return command


def _from_hexadecimal(text: str, secrets: Secrets) -> bytearray:
    """Return the bytes of hexadecimal text."""
    try:
        secrets.blocks += [bytearray.fromhex(text)]
    except ValueError:
        digits = sum(not character.isspace() for character in text)
        raise ValueError(
            f"command: text of {digits} characters is not allowed; give two hexadecimal digits for each byte, with "
            "or without spaces"
        ) from None
    return secrets.blocks[-1]
