"""Checks of arguments: numbers, names, times and buffers.

Each error names the argument, the value and what is allowed, and is raised before anything is sent. Buffers are not
copied: the functions return the caller's memory, locked against resizing until the returned object is collected.
"""

from __future__ import annotations

import functools
import operator
from typing import TYPE_CHECKING, Final

from . import constants
from ._bytes_like import not_bytes, not_writable
from ._loader import ffi
from .constants import INFINITE
from .errors import E_INVALIDARG, InvalidArgumentError, InvalidHandleError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from enum import IntEnum, IntFlag
    from typing import Any, NoReturn, SupportsIndex, TypeVar

    from typing_extensions import Buffer

    from ._native import Bytes, CData

    _Enum = TypeVar("_Enum", bound=IntEnum)
    _Flags = TypeVar("_Flags", bound=IntFlag)
    _First = TypeVar("_First")
    _Second = TypeVar("_Second")

UNSIGNED_CHARS: Final = ffi.typeof("unsigned char[]")
"""The C type of every buffer, for ``ffi.from_buffer``; passing its name as text at each call is slower."""
new_memory: Final = ffi.new_allocator(should_clear_after_alloc=False)
"""Allocate memory as ``ffi.new`` does, but not zeroed, which takes long for the longest response."""
HANDLE_BITS: Final = 8 * ffi.sizeof("SCARDHANDLE")
"""The number of bits in a card handle and in a context on this platform."""
_USUAL_HANDLES: Final = (1 << HANDLE_BITS - 1) - 1  # signed and unsigned, these have the same value
_POINTER: Final = ffi.typeof("void *")
_HANDLE: Final = ffi.typeof("SCARDHANDLE")
_POINTER_BITS: Final = 8 * ffi.sizeof("void *")
_LONGEST_WAIT: Final = (INFINITE - 1) / 1000
NUMBERS: Final = frozenset(
    {int, *(one for one in vars(constants).values() if isinstance(one, type) and issubclass(one, int))}
)
"""The types of numbers that cffi may check: int and the enumerations, but not bool, which cffi would accept."""


def invalid(name: str, value: object, allowed: str) -> InvalidArgumentError:
    """Return the error for an argument whose value is not allowed."""
    return InvalidArgumentError(f"{name}: {value!r} is not allowed; give {allowed}", hresult=E_INVALIDARG)


def refuse() -> NoReturn:
    """Raise a TypeError; the handler of the caller then calls :func:`checked`."""
    raise TypeError


def checked(error: BaseException, **arguments: Any) -> list[Any]:
    """Check and convert the arguments of a C function for a second call, after the first one has raised ``error``.

    Args:
        error: an error of cffi or of :func:`refuse`, or another one, such as that of a signal handler.
        arguments: the arguments of the C function.

    Returns:
        the arguments as the C function takes them

    Raises:
        TypeError, InvalidArgumentError: an argument is wrong.
        BaseException: ``error`` again: it is not about an argument, or no argument is wrong or needs a conversion.
    """
    if not isinstance(error, (TypeError, OverflowError)):
        raise error
    try:
        values = [_CHECKS.get(name, dword)(name, value) for name, value in arguments.items()]
    except (TypeError, InvalidArgumentError) as worded:
        raise worded from None
    pairs_of_values = zip(values, arguments.values(), strict=True)
    if all(value is given or (type(given) in NUMBERS and value == given) for value, given in pairs_of_values):
        raise error
    return values


def integer(name: str, value: SupportsIndex) -> int:
    """Return an int, or the int of an object with ``__index__``; a bool is refused."""
    if isinstance(value, bool):
        raise TypeError(f"{name}: expected an int, got the bool {value}")
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an int, got {type(value).__name__}") from None


def dword(name: str, value: SupportsIndex) -> int:
    """Return an unsigned 32-bit number."""
    number = value if type(value) is int else integer(name, value)
    if not 0 <= number <= 0xFFFFFFFF:
        raise invalid(name, number, "0 to 0xFFFFFFFF")
    return number


def handle(name: str, value: SupportsIndex) -> int:
    """Convert a signed or unsigned number of a card handle or context to the value that the platform's type has."""
    number = value if type(value) is int else integer(name, value)
    if 0 <= number <= _USUAL_HANDLES:
        return number
    if not -(1 << HANDLE_BITS - 1) <= number < 1 << HANDLE_BITS:
        raise InvalidHandleError(
            f"{name}: {number} is not allowed; give a handle of {HANDLE_BITS} bits", hresult=E_INVALIDARG
        )
    return int(ffi.cast(_HANDLE, number))


def address(name: str, value: SupportsIndex) -> CData:
    """Return an address in memory as a pointer."""
    number = integer(name, value)
    if not 0 <= number < 1 << _POINTER_BITS:
        raise invalid(name, number, f"an address of {_POINTER_BITS} bits")
    return ffi.cast(_POINTER, number)


def member(name: str, value: SupportsIndex, enum: type[_Enum]) -> _Enum:
    """Check that a value is a member of an enumeration, or the number of one, and return the member."""
    number = integer(name, value)
    try:
        return enum(number)
    except ValueError:
        choices = ", ".join(f"{enum.__name__}.{one.name} ({one.value})" for one in enum)
        raise invalid(name, number, f"one of {choices}") from None


def flags(name: str, value: SupportsIndex, enum: type[_Flags]) -> _Flags:
    """Check that a value is a combination of flags, or the number of one, and return the flags."""
    number = integer(name, value)
    if number & ~_every_flag(enum):
        choices = ", ".join(f"{enum.__name__}.{one.name} ({one.value})" for one in enum)
        raise invalid(name, number, f"any of {choices}")
    return enum(number)


@functools.cache
def _every_flag(enum: type[IntFlag]) -> int:
    return int(functools.reduce(operator.or_, enum))


def text(name: str, value: str) -> bytes:
    """Return a name in UTF-8 for the resource manager; a NUL in it is refused."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: expected a str, got {type(value).__name__}")
    if "\0" in value:
        raise invalid(name, value, "a name without NUL characters")
    try:
        return value.encode()
    except UnicodeEncodeError:
        pass  # decoded() may have made it from bytes that are no UTF-8
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise invalid(name, value, "a name that can be encoded in UTF-8") from None


def _name(name: str, value: str) -> str:
    text(name, value)
    return value


_CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {"context": handle, "card": handle, "reader": _name}
"""The check of each argument of :func:`checked`; the others are unsigned numbers of 32 bits."""


def pairs(name: str, value: Iterable[tuple[_First, _Second]], meaning: str) -> list[tuple[_First, _Second]]:
    """Return a list of pairs; ``meaning`` describes a pair in the text of the error."""
    checked: list[tuple[_First, _Second]] = []
    for one in value:
        if not isinstance(one, tuple) or len(one) != 2:
            raise TypeError(f"{name}: item {len(checked)} is {one!r}; expected {meaning}")
        checked.append(one)
    return checked


def seconds(name: str, value: float | None) -> float | None:
    """Return a time in seconds, or None for a wait without limit."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected seconds as int or float, or None, got {type(value).__name__}")
    if not 0 <= value <= _LONGEST_WAIT:
        raise invalid(name, value, f"seconds from 0 to {_LONGEST_WAIT:.0f}, or None to wait without limit")
    return value


def readable(name: str, value: Buffer) -> Bytes:
    """Return memory that C reads during one call. Bytes are returned unchanged; another contiguous buffer is locked."""
    return value if type(value) is bytes else locked(name, value)


def locked(name: str, value: Buffer) -> CData:
    """Return memory that C reads, locked and kept alive."""
    try:
        return ffi.from_buffer(UNSIGNED_CHARS, value, False)
    except (TypeError, ValueError, BufferError):
        raise TypeError(not_bytes(name, value)) from None


def writable(name: str, value: Buffer) -> CData:
    """Return memory that C writes: a writable, contiguous buffer, locked and kept alive."""
    try:
        return ffi.from_buffer(UNSIGNED_CHARS, value, True)
    except (TypeError, ValueError, BufferError):
        raise TypeError(not_writable(name, value)) from None


def pair_of_buffers(command: Buffer, response: Buffer) -> tuple[Bytes, CData]:
    """Return a command that C reads and a response that C writes; if one is refused, neither stays locked."""
    receive = writable("response", response)
    try:
        return readable("command", command), receive
    except TypeError:
        ffi.release(receive)
        raise


def release(*memories: Bytes) -> None:
    """Unlock memory before an error is raised, because the error's traceback would keep it locked.

    Python up to 3.12 crashes if a memoryview and its lock become garbage at the same time.
    """
    for memory in memories:
        if not isinstance(memory, bytes):
            ffi.release(memory)
