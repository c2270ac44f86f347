"""Conversions between the C values of the SCard* functions and Python values, shared by Library and SCardManage."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, cast

from ._arguments import dword, pairs, text
from ._loader import default_table, ffi, lib
from .constants import ReturnCode
from .errors import E_INVALID_DATA, E_NOTIMPL, from_hresult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from struct import Struct
    from typing import Any

    from ._native import CData

ATR_ROOM: Final = 36
"""The number of bytes for an ATR that is enough for the structures of every platform."""
_NAME_ROOM: Final = 256
_LIST_ROOM: Final = 512
_LIST_TRIES: Final = 8
_CHARS: Final = ffi.typeof("char[]")
_STATUS: Final = f"=4I{1 + ATR_ROOM}p3x"
"""struct pcsc_card_status: state, protocol, needed length and length of the reader's name, ATR."""
_STATUS_SIZE: Final = 4 * 4 + 1 + ATR_ROOM + 3
_STATE: Final = f"=I{1 + ATR_ROOM}p3x"
"""struct pcsc_state_result: event state, ATR."""
_STATE_SIZE: Final = 4 + 1 + ATR_ROOM + 3
_STATUS_MEMORY: Final = ffi.typeof(f"char[{_STATUS_SIZE + _NAME_ROOM}]")
_LIST_MEMORY: Final = ffi.typeof(f"char[{_LIST_ROOM}]")
_INSUFFICIENT_BUFFER: Final = int(ReturnCode.SCARD_E_INSUFFICIENT_BUFFER)  # a member of an enumeration is found slowly
_new: Final = ffi.new  # to find it in ffi at each call takes longer
_unpack: Final = cast("Callable[[CData, int], bytes]", ffi.unpack)
MOST_CLAIMED: Final = 1 << 20
"""The limit, in bytes, for a size that a PC/SC library claims. Every real list, name or value is far shorter."""


@functools.cache
def _layout(members: str) -> Struct:
    from struct import Struct  # at the first use, which makes the import of scardffi quicker

    return Struct(members)


def claimed(function: str, size: int) -> int:
    """Return a size that a PC/SC library claims, or raise if it cannot be right.

    Raises:
        CommunicationError: the size is more than 1 MiB; the error has no code.
    """
    if size > MOST_CLAIMED:
        detail = f"the PC/SC library says that {size} bytes are needed; at most {MOST_CLAIMED} are accepted"
        raise from_hresult(E_INVALID_DATA, function, detail)
    return size


def possible(code: int, length: int, room: int) -> int:
    """Return the code of a call that wrote ``length`` of ``room`` bytes; E_INVALID_DATA if it cannot be right."""
    return E_INVALID_DATA if code == 0 and length > room else code


def settled(function: str, code: int) -> int:
    """Return the code of a call that got as much memory as the library had asked for, or raise if it asks for more.

    Raises:
        CommunicationError: the library asks for more memory again and again.
    """
    if code == _INSUFFICIENT_BUFFER:
        raise from_hresult(E_INVALID_DATA, function, "the PC/SC library asks for more memory than it asked for before")
    return code


def check_present(code: int, function: str) -> int:
    """Return the code. Raise UnsupportedFunctionError if it means that the library lacks the function."""
    if code == lib.PCSC_NO_LIBRARY:
        default_table()  # its error has the reason
    if code in (E_NOTIMPL, lib.PCSC_NO_LIBRARY):
        raise from_hresult(code, function)
    return code


def decoded(name: bytes) -> str:
    """Return a name from the resource manager as text; bytes that are no UTF-8 become surrogates."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("utf-8", "surrogateescape")


def multi_string(name: str, strings: str | Iterable[str]) -> bytes:
    """Return one string or several as a multi-string, for the argument ``name``."""
    several = strings if isinstance(strings, Iterable) and not isinstance(strings, (str, bytes)) else [strings]
    return b"".join(text(name, one) + b"\0" for one in several) + b"\0"


def fetch_multi_string(function: str, fetch: Callable[..., int], *arguments: Any) -> tuple[int, list[str]]:
    """Ask for the strings of a multi-string, and again if they need more memory.

    Args:
        function: the name of the function, for the message of an error.
        fetch: a function of pcsc_results.h.
        arguments: its arguments before the memory.

    Returns:
        (code, strings)
    """
    memory = _new(_LIST_MEMORY)
    packed = fetch(*arguments, memory, _LIST_ROOM)
    code, length = packed & 0xFFFFFFFF, packed >> 32
    tries = 1
    while code == _INSUFFICIENT_BUFFER and tries < _LIST_TRIES:
        memory = _new(_CHARS, claimed(function, length))
        packed = fetch(*arguments, memory, length)
        code, length = packed & 0xFFFFFFFF, packed >> 32
        tries += 1
    if code:
        return check_present(settled(function, code), function), []
    return 0, decoded(_unpack(memory, length)).split("\0") if length else []


def fetch_status(fetch: Callable[..., int], *arguments: Any) -> tuple[int, str, int, int, bytes]:
    """Ask for reader, state, protocol and ATR of a card, and again if the reader's name needs more memory.

    Args:
        fetch: ``pcsc_status`` or ``manage_packed_status``.
        arguments: its arguments before the memory.

    Returns:
        (code, reader, state, protocol, ATR)
    """
    memory, size = _new(_STATUS_MEMORY), _STATUS_SIZE + _NAME_ROOM
    code = fetch(*arguments, memory, size)
    answer = _unpack(memory, size)
    state, protocol, needed, length, atr = _layout(_STATUS).unpack_from(answer)
    if needed > _NAME_ROOM and code == _INSUFFICIENT_BUFFER:
        size = _STATUS_SIZE + claimed("SCardStatus", needed)
        memory = _new(_CHARS, size)
        code = settled("SCardStatus", fetch(*arguments, memory, size))
        answer = _unpack(memory, size)
        state, protocol, _, length, atr = _layout(_STATUS).unpack_from(answer)
    return code, decoded(answer[_STATUS_SIZE : _STATUS_SIZE + length]), state, protocol, atr


def reader_states(states: Sequence[tuple[str, int]]) -> tuple[int, bytes, list[int], CData]:
    """Return the last arguments of the functions in pcsc_states.h; the last one is memory for the results.

    Args:
        states: pairs of (reader, current state).

    Raises:
        TypeError: an item is not such a pair.
        InvalidArgumentError: a name or a state is not allowed.
    """
    names, numbers = [], []
    for one in states:
        if type(one) is not tuple or len(one) != 2:
            pairs("states", states, "(reader, current state)")
        reader, current = one
        names.append(text("reader", reader))
        numbers.append(
            current if type(current) is int and 0 <= current <= 0xFFFFFFFF else dword("current state", current)
        )
    return len(names), b"\0".join(names) + b"\0", numbers, _new(_CHARS, _STATE_SIZE * len(names))


def state_results(memory: CData) -> list[tuple[int, bytes]]:
    """Return (event state, ATR) of each reader."""
    return list(_layout(_STATE).iter_unpack(_unpack(memory, len(memory))))
