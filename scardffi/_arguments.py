"""Checks of what callers hand in: numbers, names, times and buffers.

Each error names the argument, the value and what is allowed, and comes before anything is sent. Buffers are
not copied: what comes back is the caller's own memory, locked against resizing while the result lives.
"""

from __future__ import annotations

import functools
import operator

from ._loader import ffi
from .constants import INFINITE
from .errors import E_INVALIDARG, InvalidArgumentError, InvalidHandleError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from enum import IntEnum, IntFlag
    from typing import Final, SupportsIndex, TypeVar

    from typing_extensions import Buffer

    from ._native import Bytes, CData

    _Enum = TypeVar("_Enum", bound=IntEnum)
    _Flags = TypeVar("_Flags", bound=IntFlag)
    _First = TypeVar("_First")
    _Second = TypeVar("_Second")

UNSIGNED_CHARS: Final = ffi.typeof("unsigned char[]")
"""The C type of every buffer, for ``ffi.from_buffer``."""
HANDLE_BITS: Final = 8 * ffi.sizeof("SCARDHANDLE")
"""Width of a card handle and of a context on this platform."""
_POINTER_BITS: Final = 8 * ffi.sizeof("void *")
_LONGEST_WAIT: Final = (INFINITE - 1) / 1000


def invalid(name: str, value: object, allowed: str) -> InvalidArgumentError:
    """The error for an argument with a value that is not allowed, ready to be raised."""
    return InvalidArgumentError(f"{name}: {value!r} is not allowed; give {allowed}", hresult=E_INVALIDARG)


def integer(name: str, value: SupportsIndex) -> int:
    """An int, or anything with ``__index__``, but no bool."""
    if isinstance(value, bool):
        raise TypeError(f"{name}: expected an int, got the bool {value}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an int, got {type(value).__name__}") from None


def dword(name: str, value: SupportsIndex) -> int:
    """An unsigned 32-bit number."""
    number = integer(name, value)
    if not 0 <= number <= 0xFFFFFFFF:
        raise invalid(name, number, "0 to 0xFFFFFFFF")
    return number


def handle(name: str, value: SupportsIndex) -> int:
    """A card handle or context, signed or unsigned, as the platform's type holds it."""
    number = integer(name, value)
    if not -(1 << HANDLE_BITS - 1) <= number < 1 << HANDLE_BITS:
        raise InvalidHandleError(
            f"{name}: {number} does not fit a handle; give one of {HANDLE_BITS} bits", hresult=E_INVALIDARG
        )
    return int(ffi.cast("SCARDHANDLE", number))


def address(name: str, value: SupportsIndex) -> CData:
    """An address in memory, as a pointer."""
    number = integer(name, value)
    if not 0 <= number < 1 << _POINTER_BITS:
        raise invalid(name, number, f"an address of {_POINTER_BITS} bits")
    return ffi.cast("void *", number)


def member(name: str, value: SupportsIndex, enum: type[_Enum]) -> _Enum:
    """A member of an enumeration, or its number."""
    number = integer(name, value)
    try:
        return enum(number)
    except ValueError:
        choices = ", ".join(f"{enum.__name__}.{one.name} ({one.value})" for one in enum)
        raise invalid(name, number, f"one of {choices}") from None


def flags(name: str, value: SupportsIndex, enum: type[_Flags]) -> _Flags:
    """Members of an enumeration of flags, or their number."""
    number = integer(name, value)
    known = int(functools.reduce(operator.or_, enum))
    if number & ~known:
        bits = [one for one in enum if one.value.bit_count() == 1]  # Python 3.10 also counts none and combinations
        raise invalid(name, number, f"any of {', '.join(f'{enum.__name__}.{one.name} ({one.value})' for one in bits)}")
    return enum(number)


def text(name: str, value: str) -> bytes:
    """A name for the resource manager: no NUL in it."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a str, got {type(value).__name__}")
    if "\0" in value:
        raise invalid(name, value, "a name without NUL characters")
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise invalid(name, value, "a name that UTF-8 can carry") from None


def pairs(name: str, value: Iterable[tuple[_First, _Second]], meaning: str) -> list[tuple[_First, _Second]]:
    """A sequence of pairs."""
    checked = []
    for index, one in enumerate(value):
        if not isinstance(one, tuple) or len(one) != 2:
            raise TypeError(f"{name}: item {index} is {one!r}; expected {meaning}")
        checked.append(one)
    return checked


def seconds(name: str, value: float | None) -> float | None:
    """A time in seconds, None for ever."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected seconds as int or float, or None, got {type(value).__name__}")
    if not 0 <= value <= _LONGEST_WAIT:
        raise invalid(name, value, f"seconds from 0 to {_LONGEST_WAIT:.0f}, or None to wait for ever")
    return value


def readable(name: str, value: Buffer) -> Bytes:
    """Memory that C reads for one call: bytes as they are, anything else with a contiguous buffer locked."""
    return value if type(value) is bytes else locked(name, value)


def locked(name: str, value: Buffer) -> CData:
    """Memory that C reads, locked in place and kept alive."""
    try:
        return ffi.from_buffer(UNSIGNED_CHARS, value, False)
    except (TypeError, ValueError, BufferError):
        raise TypeError(
            f"{name}: expected a C-contiguous buffer such as bytes or bytearray, got {_kind(value)}"
        ) from None


def writable(name: str, value: Buffer) -> CData:
    """Memory that C writes: anything with a writable, contiguous buffer, locked in place."""
    try:
        return ffi.from_buffer(UNSIGNED_CHARS, value, True)
    except (TypeError, ValueError, BufferError):
        raise TypeError(
            f"{name}: expected a writable, C-contiguous buffer such as bytearray, got {_kind(value)}"
        ) from None


def pair_of_buffers(command: Buffer, response: Buffer) -> tuple[Bytes, CData]:
    """A command that C reads and a response that it writes; nothing stays locked where one is refused."""
    receive = writable("response", response)
    try:
        return readable("command", command), receive
    except TypeError:
        ffi.release(receive)
        raise


def release(*memories: Bytes) -> None:
    """Unlock what was locked, before an error is raised: its traceback would keep it locked.

    A memoryview that is locked and garbage at the same time even crashes Python up to 3.12.
    """
    for memory in memories:
        if not isinstance(memory, bytes):
            ffi.release(memory)


def pinned(memory: CData, value: Buffer) -> tuple[CData, CData]:
    """Locked memory to be kept for long, and what keeps it: the exporter of a memoryview rather than the view.

    See :func:`release` for the reason.
    """
    if not isinstance(value, memoryview):
        return memory, memory
    try:
        exporter = ffi.from_buffer(UNSIGNED_CHARS, value.obj)
    except (TypeError, ValueError, BufferError):  # an exporter that is not contiguous itself
        return memory, memory
    start = int(ffi.cast("uintptr_t", memory)) - int(ffi.cast("uintptr_t", exporter))
    size = len(memory)
    ffi.release(memory)
    return exporter[start : start + size], exporter


def _kind(value: object) -> str:
    if not isinstance(value, memoryview):
        return type(value).__name__
    access = "read-only" if value.readonly else "writable"
    order = "contiguous" if value.c_contiguous else "non-contiguous"
    return f"a {access}, {order} memoryview"
