"""Waits for states of readers whose answers are compared with the list of readers, because of pcscd 2.5.

pcscd 2.5 sends the states of its readers one after the other. If something happens in a reader meanwhile, it sends word
of this in between, and libpcsclite takes it for a part of the states. Then the readers from there on seem to be gone,
or the call fails. If the call is not about one of these readers, it may also never return.

So a reader is gone only if it is not in the list, which is always right, and a wait for some readers waits for all. A
call for the state of the list needs a reader too; it returns at once if the known state of this reader is 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .constants import PNP_NOTIFICATION, ReaderStateFlag, ReturnCode
from .errors import is_refused_list

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .library import Library

    _Answer = tuple[int, list[tuple[int, bytes]]]

_TRIES: Final = 10
_CHANGED: Final = int(ReaderStateFlag.CHANGED)
_UNKNOWN: Final = int(ReaderStateFlag.UNKNOWN)


def is_doubtful(code: int, states: Iterable[int]) -> bool:
    """Return whether readers that are in the list of readers may be missing in an answer of SCardGetStatusChange.

    Args:
        code: the return code.
        states: the event states of the readers.
    """
    if code != 0:
        return code == ReturnCode.SCARD_E_UNKNOWN_READER or is_refused_list(code)
    return any(state & _UNKNOWN for state in states)


class CertainWaits:
    """Waits on one native context that repeat a call with a wrong answer.

    Args:
        library: the PC/SC library.
        context: the native context.
    """

    def __init__(self, library: Library, context: int) -> None:
        self._library = library
        self._context = context
        self._others: dict[str, int] = {}
        self._list_state: int | None = None

    def step(self, timeout: int, states: list[tuple[str, int]]) -> _Answer:
        """Wait as SCardGetStatusChange does, but SCARD_E_TIMEOUT may come early.

        Args:
            timeout: milliseconds.
            states: pairs of (reader, current state).
        """
        for _ in range(_TRIES):
            code, results = self._wait(timeout, states)
            if not is_doubtful(code, (event for event, _ in results)) or not self._is_wrong(states, code, results):
                return code, results
        return self._wait(timeout, states)

    def _wait(self, timeout: int, states: list[tuple[str, int]]) -> _Answer:
        if timeout != 0:
            states = [
                (name, self._counted() if (name, state) == (PNP_NOTIFICATION, 0) else state) for name, state in states
            ]
        returns_at_once = timeout == 0 or any(state == 0 for _, state in states)
        others = [] if returns_at_once else self._other_readers({name for name, _ in states})
        code, results = self._library.SCardGetStatusChange(self._context, timeout, [*states, *others])
        if others and code == ReturnCode.SCARD_E_INVALID_PARAMETER:  # too many readers for pcscd before 2.5
            return self._library.SCardGetStatusChange(self._context, timeout, states)
        if not others or code != 0:
            return code, results
        results, of_others = results[: len(states)], results[len(states) :]
        self._others = {name: event & ~_CHANGED for (name, _), (event, _) in zip(others, of_others, strict=True)}
        is_change = any(event & _CHANGED for event, _ in results)
        return (0, results) if is_change else (ReturnCode.SCARD_E_TIMEOUT, [])

    def _counted(self) -> int:
        """Return the state of the list of readers at the first call; 0 for pcscd before 2.3, which does not count."""
        if self._list_state is None:
            _, listed = self._library.SCardListReaders(self._context)
            asked = [(name, 0) for name in (PNP_NOTIFICATION, *listed[:1])]
            _, results = self._library.SCardGetStatusChange(self._context, 0, asked)
            self._list_state = results[0][0] & ~_CHANGED
        return self._list_state

    def _other_readers(self, names: set[str]) -> list[tuple[str, int]]:
        """Return the pairs of the readers that are not among these."""
        _, listed = self._library.SCardListReaders(self._context)
        return [(name, self._others.get(name, 0)) for name in listed if name not in names]

    def _is_wrong(self, states: list[tuple[str, int]], code: int, results: list[tuple[int, bytes]]) -> bool:
        """Return whether a doubtful answer is wrong, by the list of readers."""
        list_code, listed = self._library.SCardListReaders(self._context)
        if code != 0:
            return list_code == 0 and all(name in listed or name == PNP_NOTIFICATION for name, _ in states)
        return any(event & _UNKNOWN and name in listed for (name, _), (event, _) in zip(states, results, strict=True))
