"""Waits for changes of readers, with answers that are compared with the list of readers, because of pcscd 2.5.

pcscd 2.5 sends the states of its readers one after the other. If something happens in a reader meanwhile, it sends word
of this in between, and libpcsclite takes it for a part of the states. Then the readers from there on seem to be gone,
the list of readers seems to have changed, or the call fails. The next call on the same context nearly always works; if
it does not, another context does. A wait that names none of the missing readers may never return.

For this reason each wait is about the last reader too, which is always among the missing ones, and a reader is gone
only if it is not in the list, which is always right. pcscd before 2.3, which does not count the changes of the list,
does not have this fault.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, cast

from ._loader import lib
from .constants import PNP_NOTIFICATION, ReaderStateFlag, ReturnCode
from .errors import from_code, is_refused_list

if TYPE_CHECKING:
    from .library import Library

    States = list[tuple[str, int]]
    Results = list[tuple[int, bytes]]
    Answer = tuple[int, Results]

MAY_BE_WRONG: Final = bool(lib.PCSC_NOTIFIES_OF_READERS) and sys.platform != "win32"
"""True if the library may be that of pcscd, of any version."""

NO_ANSWER: Final = ReturnCode.SCARD_E_TIMEOUT, cast("list[tuple[int, bytes]]", [])
"""The answer of a wait that must be repeated."""

_MOST_WRONG: Final = 100
"""After so many wrong answers, one after the other, they are taken for right."""
_ZEROS: Final = 4
"""After so many answers with the counter 0, the list has no counter."""
_IGNORE: Final = int(ReaderStateFlag.IGNORE)
_MUTE: Final = int(ReaderStateFlag.MUTE)
_CHANGED: Final = int(ReaderStateFlag.CHANGED)
_UNKNOWN: Final = int(ReaderStateFlag.UNKNOWN)
_COUNTER: Final = 0xFFFF0000


class CheckedWaits:
    """Waits on one native context.

    Args:
        library: the PC/SC library.
        context: the native context.

    Raises:
        SCardError: the list of readers, or its state, could not be read.
    """

    def __init__(self, library: Library, context: int) -> None:
        self._library = library
        self._context = context
        self._first_list_state: int | None = None
        self._last: dict[str, int] = {}
        self._wrong = 0

    def step(self, timeout: int, states: States) -> Answer:
        """Wait as SCardGetStatusChange does, but SCARD_E_TIMEOUT may come early.

        Args:
            timeout: milliseconds.
            states: pairs of (reader, current state).
        """
        if timeout == 0 or any(state == 0 and name != PNP_NOTIFICATION for name, state in states):
            return self._at_once(timeout, states)
        if self._first_list_state is None:
            known = sum(state & _COUNTER for name, state in states if name == PNP_NOTIFICATION)
            self._first_list_state = known or self.list_state()
        if self._first_list_state == 0:
            return self._ask(timeout, states)
        states = [(name, state or self._first_list_state) for name, state in states]
        last = self._last_reader(states)
        code, results = self._ask(self.time(timeout), [*states, *last])
        if last and code == ReturnCode.SCARD_E_INVALID_PARAMETER:  # one reader more than pcscd before 2.5 takes
            return self._ask(timeout, states)
        code, results = self.check(states, last, code, results) or NO_ANSWER
        if code != 0 or not last:
            return code, results
        self._last = {last[0][0]: results.pop()[0] & ~_CHANGED}
        return (0, results) if any(event & _CHANGED for event, _ in results) else NO_ANSWER

    def _at_once(self, timeout: int, states: States) -> Answer:
        """Make a call that returns at once."""
        counter = self.list_state() if (PNP_NOTIFICATION, 0) in states else 0
        answer = None
        while answer is None:
            answer = self.check(states, [], *self._ask(timeout, states))
        code, results = answer
        if code == 0 and counter != 0:
            pairs = zip(states, results, strict=True)
            results = [(counter, b"") if asked == (PNP_NOTIFICATION, 0) else one for asked, one in pairs]
        return code, results

    def check(self, states: States, last: States, code: int, results: Results) -> Answer | None:
        """Return an answer of SCardGetStatusChange, corrected; None if it is wrong, so that the call must be repeated.

        If many answers are wrong, one after the other, the last one is returned unchanged.

        Args:
            states: pairs of (reader, current state) of the call.
            last: the pair of the last reader, if the caller is not interested in it.
            code: the return code.
            results: (event state, ATR) of each reader.
        """
        asked = [*states, *last]
        if not _is_doubtful(asked, code, results):
            self._wrong = 0
            return code, results
        list_code, listed = self._list()
        if is_refused_list(list_code):
            return code, results
        right = results
        if code != 0:
            is_wrong = is_refused_list(code) or all(name in listed or name == PNP_NOTIFICATION for name, _ in states)
        else:
            right = [self._right(*one) for one in zip(asked, results, strict=True)]
            is_gone = [name for (name, _), (event, _) in zip(asked, right, strict=True) if event & _UNKNOWN]
            is_wrong = any(name in listed for name in is_gone) or not any(event & _CHANGED for event, _ in right)
        self._wrong = self._wrong + 1 if is_wrong else 0
        if is_wrong and self._wrong < _MOST_WRONG:
            return None
        return code, results if is_wrong else right

    def time(self, timeout: int) -> int:
        """Return the milliseconds of the next wait: none after a wrong answer, so that no other change lies between."""
        return 0 if self._wrong else timeout

    def _right(self, asked: tuple[str, int], result: tuple[int, bytes]) -> tuple[int, bytes]:
        """Return the result of a reader; for the list of readers, with the right counter."""
        if not _is_of_a_changed_list(asked, result):
            return result
        known, now = asked[1] & _COUNTER, self.list_state(least=1)
        return (now | (_CHANGED if now != known else 0), b"") if now else result

    def list_state(self, least: int = 0) -> int:
        """Return the state of the list of readers, which is that of PNP_NOTIFICATION; only its counter.

        The call names the last reader too: if it is not missing, no reader is, so the counter is right, unless it is 0.
        The reader is ignored, because libpcsclite waits 0.4 s for the ATR of a card that is mute.

        Args:
            least: 1 if the counter cannot be 0.

        Returns:
            The counter in the high word; 0 for pcscd before 2.3, or if there is no right answer.
        """
        zeros = 0
        for _ in range(_MOST_WRONG):
            list_code, listed = self._list()
            if is_refused_list(list_code) or zeros == _ZEROS:
                break
            code, results = self._ask(0, [(PNP_NOTIFICATION, 0), *((name, _IGNORE) for name in listed[-1:])])
            if code in {0, ReturnCode.SCARD_E_TIMEOUT}:
                if state := results[0][0] & _COUNTER:
                    return state
                zeros += 1 - least
            elif code != ReturnCode.SCARD_E_UNKNOWN_READER and not is_refused_list(code):
                raise from_code(code, "SCardGetStatusChange")
        return 0

    def _ask(self, timeout: int, states: States) -> Answer:
        return self._library.SCardGetStatusChange(self._context, timeout, states)

    def _list(self) -> tuple[int, list[str]]:
        code, listed = self._library.SCardListReaders(self._context)
        if code not in {0, ReturnCode.SCARD_E_NO_READERS_AVAILABLE} and not is_refused_list(code):
            raise from_code(code, "SCardListReaders")
        return code, listed

    def _last_reader(self, states: States) -> States:
        """Return the pair of the last reader, unless it is one of these, or its card is mute, which takes 0.4 s."""
        _, listed = self._list()
        last = [(name, self._last.get(name, 0)) for name in listed[-1:]]
        return [(name, state) for name, state in last if not state & _MUTE and all(name != one for one, _ in states)]


def _is_doubtful(states: States, code: int, results: Results) -> bool:
    """Return whether readers that are in the list may be missing in an answer, or the state of the list be wrong."""
    if code != 0:
        return code == ReturnCode.SCARD_E_UNKNOWN_READER or is_refused_list(code)
    pairs = zip(states, results, strict=True)
    return any(result[0] & _UNKNOWN or _is_of_a_changed_list(asked, result) for asked, result in pairs)


def _is_of_a_changed_list(asked: tuple[str, int], result: tuple[int, bytes]) -> bool:
    """Return whether a result says that the list of readers has changed since its counter was read."""
    return asked[0] == PNP_NOTIFICATION and asked[1] & _COUNTER != 0 and result[0] != asked[1]
