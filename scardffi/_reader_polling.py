"""What stands in for PNP_NOTIFICATION where the platform has none: a look at the list of readers every second."""

from __future__ import annotations

from .constants import PNP_NOTIFICATION, ReaderStateFlag, ReturnCode
from .errors import from_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from typing import Final

    from .library import Library

_LOOK_AGAIN_MS: Final = 1000


class ReaderListWatch:
    """One wait for a change of the list of readers, and of the readers asked for beside it.

    Args:
        library: the PC/SC library.
        context: a native context of the wait's own.
        cancelled: set when the wait shall end.

    Raises:
        SCardError: what the resource manager said when it was asked for the list.
    """

    def __init__(self, library: Library, context: int, cancelled: threading.Event) -> None:
        self._library = library
        self._context = context
        self._cancelled = cancelled
        self._first = self._now = self._look()

    def step(self, timeout: int, asked: list[tuple[str, int]]) -> tuple[int, list[tuple[int, bytes]]]:
        """As SCardGetStatusChange, but for a second at most: the code SCARD_EReturnCode.SCARD_E_TIMEOUT may come early.

        The high word of the list's state tells one list from another.

        Raises:
            SCardError: as the class says.
        """
        others = [one for one in asked if one[0] != PNP_NOTIFICATION]
        code, answers = self._wait_for(others, 0 if self._has_changed(asked) else min(timeout, _LOOK_AGAIN_MS))
        self._now = self._look()
        if code in {ReturnCode.SCARD_E_TIMEOUT, ReturnCode.SCARD_E_UNKNOWN_READER} and self._has_changed(
            asked
        ):  # who waits for the list hears of it first
            code, answers = 0, self._unchanged(others)
        if code != 0:
            return code, []
        each = iter(answers)
        return 0, [
            (self._state_of_list(state), b"") if reader == PNP_NOTIFICATION else next(each) for reader, state in asked
        ]

    def _look(self) -> int:
        """A number for the list of readers as it is now, of 16 bits and not 0."""
        code, names = self._library.SCardListReaders(self._context)
        if code not in {0, ReturnCode.SCARD_E_NO_READERS_AVAILABLE}:
            raise from_code(code, "SCardListReaders")
        return hash(frozenset(names)) % 0xFFFF + 1

    def _state_of_list(self, known: int) -> int:
        changed = self._now != self._first or known >> 16 not in {0, self._now}
        return self._now << 16 | (ReaderStateFlag.CHANGED if changed else 0)

    def _has_changed(self, asked: list[tuple[str, int]]) -> bool:
        return any(
            self._state_of_list(state) & ReaderStateFlag.CHANGED
            for reader, state in asked
            if reader == PNP_NOTIFICATION
        )

    def _wait_for(self, others: list[tuple[str, int]], timeout: int) -> tuple[int, list[tuple[int, bytes]]]:
        if others:
            return self._library.SCardGetStatusChange(self._context, timeout, others)
        self._cancelled.wait(timeout / 1000)
        return ReturnCode.SCARD_E_TIMEOUT, []

    def _unchanged(self, others: list[tuple[str, int]]) -> list[tuple[int, bytes]]:
        """The states as they were given, for a later wait to compare, with the ATRs."""
        unaware = [(reader, int(ReaderStateFlag.UNAWARE)) for reader, _ in others]
        _, answers = self._library.SCardGetStatusChange(self._context, 0, unaware)
        return [(state, atr) for (_, state), (_, atr) in zip(others, answers, strict=True)]
