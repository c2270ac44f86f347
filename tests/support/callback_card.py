"""A card written as a Python function, behind a small PC/SC library."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import scardffi
from scardffi import Library, SCardManage

from .compile import shared_library

_SOURCE = Path(__file__).parent.parent / "csrc" / "callback_pcsc.c"
_CARD = ctypes.CFUNCTYPE(
    ctypes.c_int64, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_uint32, ctypes.POINTER(ctypes.c_ubyte), ctypes.c_uint32
)


class Sender(Protocol):
    """What sends a command and returns the response."""

    def transmit(self, command: bytes, /) -> bytes:
        """Send a command."""


class CallbackLibrary:
    """The PC/SC library; `card` is the function that answers, `log` has the commands that it got."""

    def __init__(self, folder: Path) -> None:
        path = shared_library(_SOURCE, folder, f"-I{Path(scardffi.__file__).parent / 'include'}")
        self.library = Library(path)
        self.log: list[bytes] = []
        self.card: Callable[[bytes], bytes | int] = lambda _: b"\x90\x00"
        self._function = _CARD(self._answer)
        self._loaded = ctypes.CDLL(str(path))

    def attach(self, card: Callable[[bytes], bytes | int]) -> SCardManage:
        """Attach to a card that answers each command with bytes, or with a code of the resource manager."""
        self.card = card
        self.log.clear()
        self._loaded.set_card(self._function)
        return SCardManage(self.library).attach_by_ifd("any")

    def memory_behind(self, card: Sender, length: int) -> bytes:
        """Return what is in the memory in which ``transmit`` receives, by an answer that the library does not write."""
        self._loaded.set_silent(ctypes.c_uint64(length))
        try:
            return card.transmit(b"any command")
        finally:
            self._loaded.set_silent(ctypes.c_uint64(0))

    def attach_slow(self, milliseconds: int, *, drips: bool, data: int = 0) -> SCardManage:
        """Attach to a card in C that takes this time for each command.

        It answers each command with this number of bytes A5, and 9000; or, if it drips, with one byte, which counts the
        commands, and 6101.
        """
        self._loaded.set_slow_card(ctypes.c_long(milliseconds * 1_000_000), int(drips), ctypes.c_size_t(data))
        return SCardManage(self.library).attach_by_ifd("any")

    def slow_card_has_answered(self) -> bool:
        """Return True if the card of :meth:`attach_slow` has answered some commands, and got another one."""
        return bool(self._loaded.count_slow_commands() > 3)

    def _answer(self, command: "ctypes._Pointer[ctypes.c_ubyte]", length: int, response: int, capacity: int) -> int:
        sent = bytes(command[:length])
        self.log.append(sent)
        answer = self.card(sent)
        if isinstance(answer, int):
            return -answer
        assert len(answer) <= capacity
        ctypes.memmove(response, answer, len(answer))
        return len(answer)
