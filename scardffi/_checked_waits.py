"""Waits for changes of readers, with answers that are compared with the list of readers, because of pcscd 2.5.

pcscd 2.5 sends the states of its readers one after the other. If something happens in a reader meanwhile, it sends word
of this in between, and libpcsclite takes it for a part of the states. Then the readers from there on seem to be gone,
the list of readers seems to have changed, or the call fails. The next call on the same context works again. But if the
call is not about one of these readers, it may never return.

For this reason each wait is about the last reader too, which is always among the missing ones, and a reader is gone
only if it is not in the list, which is always right.
"""

from __future__ import annotations

import sys
import time
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
"""False if the platform's library has no such fault."""

NO_ANSWER: Final = ReturnCode.SCARD_E_TIMEOUT, cast("list[tuple[int, bytes]]", [])
"""What a wait returns that must be made again."""

_WRONG_SECONDS: Final = 1.0
"""How long answers may be wrong before they are returned."""
_ZEROS: Final = 4
"""How often the counter of the list must be 0."""
_IGNORE: Final = int(ReaderStateFlag.IGNORE)
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
        self._wrong_since: float | None = None

    def step(self, timeout: int, states: States) -> Answer:
        """Wait as SCardGetStatusChange does, but SCARD_E_TIMEOUT may come early.

        Args:
            timeout: milliseconds.
            states: pairs of (reader, current state).
        """
        if timeout == 0 or any(state == 0 and name != PNP_NOTIFICATION for name, state in states):
            return self._at_once(timeout, states)
        states = [(name, state or self._present_list_state()) for name, state in states]
        last = [] if any(state == 0 for _, state in states) else self._last_reader(states)
        code, results = self._ask(timeout, [*states, *last])
        if last and code == ReturnCode.SCARD_E_INVALID_PARAMETER:  # one reader more than pcscd before 2.5 takes
            return self._ask(timeout, states)
        code, results = self.check(states, last, code, results) or NO_ANSWER
        if code != 0 or not last:
            return code, results
        self._last = {last[0][0]: results.pop()[0] & ~_CHANGED}
        return (0, results) if any(event & _CHANGED for event, _ in results) else NO_ANSWER

    def _at_once(self, timeout: int, states: States) -> Answer:
        """Make a call that returns at once."""
        answer = None
        while answer is None:
            answer = self.check(states, [], *self._ask(timeout, states))
        return answer

    def check(self, states: States, last: States, code: int, results: Results) -> Answer | None:
        """Return an answer of SCardGetStatusChange, corrected; None if it is wrong, so that the call must be repeated.

        If all answers of a second are wrong, the last one is returned unchanged.

        Args:
            states: pairs of (reader, current state) of the call.
            last: that of the last reader, if the caller is not interested in it.
            code: the return code.
            results: (event state, ATR) of each reader.
        """
        asked = [*states, *last]
        if not _is_doubtful(asked, code, results):
            self._wrong_since = None
            return code, results
        list_code, listed = self._list()
        if is_refused_list(list_code):
            return code, results
        if code != 0:
            is_wrong = all(name in listed or name == PNP_NOTIFICATION for name, _ in states)
        else:
            results = [self._right(*one) for one in zip(asked, results, strict=True)]
            is_gone = [name for (name, _), (event, _) in zip(asked, results, strict=True) if event & _UNKNOWN]
            is_wrong = any(name in listed for name in is_gone) or not any(event & _CHANGED for event, _ in results)
        return None if is_wrong and self._may_be_right_soon() else (code, results)

    def _right(self, asked: tuple[str, int], result: tuple[int, bytes]) -> tuple[int, bytes]:
        """Return the result of a reader; for the list of readers, with the right counter."""
        if not _is_of_a_changed_list(asked, result):
            return result
        known = asked[1] & _COUNTER
        now = self.list_state(least=1) or known
        return now | (_CHANGED if now != known else 0), b""

    def _may_be_right_soon(self) -> bool:
        """Return False if all answers of a second were wrong."""
        now = time.perf_counter()
        self._wrong_since = self._wrong_since or now
        return now - self._wrong_since < _WRONG_SECONDS

    def _present_list_state(self) -> int:
        """Return the state of the list of readers at the first call."""
        if self._first_list_state is None:
            self._first_list_state = self.list_state()
        return self._first_list_state

    def list_state(self, least: int = 0) -> int:
        """Return the state of the list of readers, which is that of PNP_NOTIFICATION; 0 for pcscd before 2.3.

        Only the counter in its high word is returned. The call names the last reader too: if it is not missing, no
        reader is, so the counter is right, unless it is 0. The reader is ignored, because libpcsclite waits 0.4 s for
        the ATR of a card that is mute.

        Args:
            least: 1 if the counter cannot be 0.
        """
        end = time.perf_counter() + _WRONG_SECONDS
        zeros = 0
        while zeros < _ZEROS and time.perf_counter() < end:
            list_code, listed = self._list()
            if is_refused_list(list_code):
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
        """Return the pair of the last reader, unless it is one of these."""
        _, listed = self._list()
        return [(name, self._last.get(name, 0)) for name in listed[-1:] if all(name != one for one, _ in states)]


def _is_doubtful(states: States, code: int, results: Results) -> bool:
    """Return whether readers that are in the list may be missing in an answer, or the state of the list be wrong."""
    if code != 0:
        return code == ReturnCode.SCARD_E_UNKNOWN_READER or is_refused_list(code)
    pairs = zip(states, results, strict=True)
    return any(result[0] & _UNKNOWN or _is_of_a_changed_list(asked, result) for asked, result in pairs)


def _is_of_a_changed_list(asked: tuple[str, int], result: tuple[int, bytes]) -> bool:
    """Return whether a result says that the list of readers has changed since its counter was read."""
    return asked[0] == PNP_NOTIFICATION and asked[1] & _COUNTER != 0 and result[0] != asked[1]
