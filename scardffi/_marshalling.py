"""Conversions between the C values of the SCard* functions and Python values, shared by Library and SCardManage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from ._arguments import dword, pairs, text
from ._loader import ffi
from .constants import ReturnCode
from .errors import E_NOTIMPL, SCardError, from_hresult

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._native import CData

ATR_ROOM: Final = 36
"""The number of bytes for an ATR that is enough for the structures of every platform."""
_NAME_ROOM: Final = 256
_LIST_TRIES: Final = 8
MOST_CLAIMED: Final = 1 << 20
"""The limit, in bytes, for a size that a PC/SC library claims. Every real list, name or value is far shorter."""


def claimed(function: str, size: int) -> int:
    """Return a size that a PC/SC library claims, or raise if it cannot be right.

    Raises:
        SCardError: the size is more than 1 MiB; the error has no code.
    """
    if size > MOST_CLAIMED:
        raise SCardError(
            f"{function}: the PC/SC library says that {size} bytes are needed; at most {MOST_CLAIMED} are accepted",
            function=function,
        )
    return size


def check_present(code: int, function: str) -> int:
    """Return the code. Raise UnsupportedFunctionError if it means that the library lacks the function."""
    if code == E_NOTIMPL:
        raise from_hresult(code, function)
    return code


def split_multi_string(multi_string: bytes) -> list[str]:
    """Return the strings of a multi-string: each ends with NUL, and an empty one ends the list."""
    names = []
    for name in multi_string.split(b"\0"):
        if not name:
            break
        names.append(name.decode("utf-8", "surrogateescape"))
    return names


def multi_string(name: str, strings: str | Iterable[str]) -> bytes:
    """Return one string or several as a multi-string, for the argument ``name``."""
    several = strings if isinstance(strings, Iterable) and not isinstance(strings, (str, bytes)) else [strings]
    return b"".join(text(name, one) + b"\0" for one in several) + b"\0"


def fetch_multi_string(function: str, fetch: Callable[[CData, CData], int]) -> tuple[int, list[str]]:
    """Ask for the length of a multi-string, then for its strings, and again if it has grown in between.

    Args:
        function: the name of the function, for the message of an error.
        fetch: calls the function with (memory or NULL, DWORD * of its length) and returns the code.

    Returns:
        (code, strings)
    """
    length = ffi.new("DWORD *")
    code = 0
    for _ in range(_LIST_TRIES):
        code = fetch(ffi.NULL, length)
        if code != 0:
            return code, []
        names = ffi.new("char[]", claimed(function, length[0]))
        code = fetch(names, length)
        if code == 0:
            return code, split_multi_string(bytes(ffi.buffer(names)))
        if code != ReturnCode.SCARD_E_INSUFFICIENT_BUFFER:
            break
    return code, []


def fetch_status(
    number_type: str, fetch: Callable[[CData, CData, CData, CData, CData, CData], int]
) -> tuple[int, str, int, int, bytes]:
    """Ask for reader, state, protocol and ATR of a card, and again if the reader's name needs more memory.

    Args:
        number_type: the C type of the numbers, ``DWORD`` or ``uint32_t``.
        fetch: calls the function with (reader, its length, state, protocol, ATR, its length) and returns the code.

    Returns:
        (code, reader, state, protocol, ATR)
    """
    numbers = ffi.new(f"{number_type}[4]", [_NAME_ROOM, 0, 0, ATR_ROOM])
    name_length, state, protocol, atr_length = (numbers + index for index in range(4))
    reader = ffi.new("char[]", _NAME_ROOM)
    atr = ffi.new("unsigned char[]", ATR_ROOM)
    code = fetch(reader, name_length, state, protocol, atr, atr_length)
    if code == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER and name_length[0] > _NAME_ROOM:
        reader = ffi.new("char[]", claimed("SCardStatus", name_length[0]))
        atr_length[0] = ATR_ROOM
        code = fetch(reader, name_length, state, protocol, atr, atr_length)
    names = split_multi_string(bytes(ffi.buffer(reader)))  # Windows returns several names
    answer = bytes(ffi.buffer(atr)[0 : min(atr_length[0], ATR_ROOM)])
    return code, names[0] if names else "", state[0], protocol[0], answer


class ReaderStates:
    """Readers and their states in the form that C takes and returns them.

    Args:
        states: pairs of (reader, current state).

    Raises:
        TypeError: an item is not such a pair.
        InvalidArgumentError: a name or a state is not allowed.
    """

    def __init__(self, states: Sequence[tuple[str, int]]) -> None:
        checked = pairs("states", states, "(reader, current state)")
        self._names = [ffi.new("char[]", text("reader", reader)) for reader, _ in checked]
        self.count = len(checked)
        self.readers = ffi.new("char *[]", self._names)
        self.numbers = ffi.new("uint32_t[]", 3 * self.count)
        for index, (_, current) in enumerate(checked):
            self.numbers[3 * index] = dword("current state", current)
        self.atrs = ffi.new("unsigned char[]", ATR_ROOM * self.count)

    def results(self) -> list[tuple[int, bytes]]:
        """Return (event state, ATR) of each reader."""
        memory = ffi.buffer(self.atrs)
        return [
            (self.numbers[3 * i + 1], bytes(memory[ATR_ROOM * i : ATR_ROOM * i + self.numbers[3 * i + 2]]))
            for i in range(self.count)
        ]
