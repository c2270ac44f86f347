"""What the raw functions share: codes, multi-strings, and the states of readers."""

from __future__ import annotations

from ._arguments import dword, pairs, text
from ._loader import ffi
from .errors import E_NOTIMPL, from_hresult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from ._native import CData

INSUFFICIENT_BUFFER: Final = 0x80100008
ATR_ROOM: Final = 36
"""Bytes that an ATR takes in the structures of every platform, at most."""
_LIST_TRIES: Final = 8


def present(code: int, function: str) -> int:
    """The code, unless it is the one with which the function table says that the function is not there."""
    if code == E_NOTIMPL:
        raise from_hresult(code, function)
    return code


def names_in(multi_string: bytes) -> list[str]:
    """The strings of a multi-string: each ends with NUL, the list with an empty one."""
    names = []
    for name in multi_string.split(b"\0"):
        if not name:
            break
        names.append(name.decode("utf-8", "surrogateescape"))
    return names


def multi_string(fetch: Callable[[CData, CData], int]) -> tuple[int, list[str]]:
    """Ask for the length, then for the list, again where it has grown in between."""
    length = ffi.new("DWORD *")
    code = 0
    for _ in range(_LIST_TRIES):
        code = fetch(ffi.NULL, length)
        if code != 0:
            return code, []
        names = ffi.new("char[]", length[0])
        code = fetch(names, length)
        if code == 0:
            return code, names_in(bytes(ffi.buffer(names)))
        if code != INSUFFICIENT_BUFFER:
            break
    return code, []


class AskedStates:
    """Readers and their states as a call takes and answers them.

    Args:
        states: (reader, current state) each.

    Raises:
        TypeError, InvalidArgumentError: something else.
    """

    def __init__(self, states: Sequence[tuple[str, int]]) -> None:
        asked = pairs("states", states, "(reader, current state)")
        self._names = [ffi.new("char[]", text("reader", reader)) for reader, _ in asked]
        self.count = len(asked)
        self.readers = ffi.new("char *[]", self._names)
        self.numbers = ffi.new("uint32_t[]", 3 * self.count)
        for index, (_, current) in enumerate(asked):
            self.numbers[3 * index] = dword("current state", current)
        self.atrs = ffi.new("unsigned char[]", ATR_ROOM * self.count)

    def answers(self) -> list[tuple[int, bytes]]:
        """(event state, ATR) each."""
        memory = ffi.buffer(self.atrs)
        return [
            (self.numbers[3 * i + 1], bytes(memory[ATR_ROOM * i : ATR_ROOM * i + self.numbers[3 * i + 2]]))
            for i in range(self.count)
        ]
