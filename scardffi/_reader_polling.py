"""Polling of the list of readers, for platforms that do not report changes of this list (macOS)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .constants import PNP_NOTIFICATION, ReaderStateFlag, ReturnCode
from .errors import from_code

if TYPE_CHECKING:
    from ._locks import Gate
    from .library import Library

_POLL_MS: Final = 1000


class ReaderPolling:
    """Waits for changes of the list of readers, and of the states of other readers at the same time.

    Args:
        library: the PC/SC library.
        context: a native context that only these waits use.
        cancelled: is opened when the waits must end.

    Raises:
        SCardError: the resource manager refused to list the readers.
    """

    def __init__(self, library: Library, context: int, cancelled: Gate) -> None:
        self._library = library
        self._context = context
        self._cancelled = cancelled
        self._known = self._now = self._list()  # _known: the list of the last result, or that of the beginning

    def step(self, timeout: int, states: list[tuple[str, int]]) -> tuple[int, list[tuple[int, bytes]]]:
        """Wait as SCardGetStatusChange does, but not longer than a second: SCARD_E_TIMEOUT may come early.

        The high word of the state of PNP_NOTIFICATION is a hash of the list of readers. If it is 0, or the hash of the
        list that the last result was about, the lists are compared, because two lists may have the same hash.

        Args:
            timeout: milliseconds.
            states: pairs of (reader, current state); one reader is PNP_NOTIFICATION.

        Returns:
            (code, [(event state, ATR), ...]) in the order of ``states``; no states if the code is not 0

        Raises:
            SCardError: the resource manager refused to list the readers.
        """
        others = [one for one in states if one[0] != PNP_NOTIFICATION]
        code, results = self._wait_for(others, 0 if self._list_changed(states) else min(timeout, _POLL_MS))
        self._now = self._list()
        nothing_new = code in {ReturnCode.SCARD_E_TIMEOUT, ReturnCode.SCARD_E_UNKNOWN_READER}
        if nothing_new and self._list_changed(states):  # a reader that was unplugged is a change, not an error
            code, results = 0, self._unchanged(others)
        if code != 0:
            return code, []
        each = iter(results)
        results = [
            (self._state_of_list(state), b"") if reader == PNP_NOTIFICATION else next(each) for reader, state in states
        ]
        self._known = self._now
        return 0, results

    def _list(self) -> frozenset[str]:
        code, names = self._library.SCardListReaders(self._context)
        if code not in {0, ReturnCode.SCARD_E_NO_READERS_AVAILABLE}:
            raise from_code(code, "SCardListReaders")
        return frozenset(names)

    def _state_of_list(self, state: int) -> int:
        number, now = state >> 16, _number(self._now)
        changed = self._now != self._known if number in {0, _number(self._known)} else number != now
        return now << 16 | (ReaderStateFlag.CHANGED if changed else 0)

    def _list_changed(self, states: list[tuple[str, int]]) -> bool:
        return any(
            self._state_of_list(state) & ReaderStateFlag.CHANGED
            for reader, state in states
            if reader == PNP_NOTIFICATION
        )

    def _wait_for(self, others: list[tuple[str, int]], timeout: int) -> tuple[int, list[tuple[int, bytes]]]:
        if others:
            return self._library.SCardGetStatusChange(self._context, timeout, others)
        self._cancelled.wait(timeout / 1000)
        return ReturnCode.SCARD_E_TIMEOUT, []

    def _unchanged(self, others: list[tuple[str, int]]) -> list[tuple[int, bytes]]:
        """Return the ATRs, and the states that the caller gave, so that the next wait compares with these states."""
        unaware = [(reader, int(ReaderStateFlag.UNAWARE)) for reader, _ in others]
        _, results = self._library.SCardGetStatusChange(self._context, 0, unaware)
        return [(state, atr) for (_, state), (_, atr) in zip(others, results, strict=True)]


def _number(readers: frozenset[str]) -> int:
    """Return a number of 16 bits for a list of readers; it is never 0."""
    return hash(readers) % 0xFFFF + 1
