"""A call of PC/SC on a thread of its own, for whose end a caller waits at most a given time.

PC/SC's calls cannot be ended, and Python handles signals only on the main thread and only between calls of C. So the
caller waits for the thread, not for the call. A caller that stops waiting gives the call up: the call keeps its thread,
and what it has acquired is released when it returns.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from ._locks import Gate
from ._reaper import close_later
from ._threads import prepared

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")

ANSWER_SECONDS: Final = 0.25
"""The time that a call gets for its answer after its own time limit, before it is given up."""
LET_GO_SECONDS: Final = 1.0
"""The time that a caller waits for a call that closes something; after that the call goes on without a caller."""
INTERRUPT_SECONDS: Final = 0.05
"""The time that a call gets to end after Ctrl-C or a cancellation, before it is given up."""


class BoundedCall(Generic[_Result]):
    """One call.

    Args:
        function: makes the call, on the thread of this object.

    Attributes:
        ended: is opened when the function has returned or raised.
    """

    def __init__(self, function: Callable[[], _Result]) -> None:
        self.ended = Gate()
        self._woken = Gate()
        self._function = [function]  # is dropped before the end, because it may keep much alive
        self._has_begun = False
        self._results: list[_Result] = []
        self._error: BaseException | None = None
        self._undo: list[Callable[[], object]] = []

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: no thread can be started.
        """
        try:
            begin = prepared(self.run)
            self._has_begun = True  # Ctrl-C cannot come between this line and the start of the thread
            begin()
        except RuntimeError:
            self.ended.open()
            raise

    def wait(self, timeout: float | None) -> bool:
        """Wait for the end of the call, at most ``timeout`` seconds, or until :meth:`wake`; return True if it ended."""
        self._woken.wait(timeout)
        return self.ended.is_open()

    def wake(self) -> None:
        """End each :meth:`wait`, even if the call has not ended."""
        self._woken.open()

    @property
    def is_running(self) -> bool:
        """True if the call has begun and has not ended."""
        return self._has_begun and not self.ended.is_open()

    @property
    def has_succeeded(self) -> bool:
        """True if the function has returned."""
        return bool(self._results)

    def result(self) -> _Result:
        """Return what the function returned, or raise what it raised; the call must have ended."""
        if self._error is not None:
            try:
                raise self._error
            finally:
                self._error = None  # its traceback refers to this frame
        return self._results[0]

    def give_up(self, undo: Callable[[], object]) -> None:
        """Call ``undo`` on another thread when the call has ended. Its exceptions are dropped."""
        self._undo.append(undo)
        if not self.is_running:
            close_later(self._undo_all)

    def run(self) -> None:
        """Make the call on the present thread."""
        self._has_begun = True
        try:
            self._results.append(self._function.pop()())
        except BaseException as error:  # noqa: BLE001  the caller raises it
            self._error = error
        self.ended.open()
        self._woken.open()
        self._undo_all()

    def _undo_all(self) -> None:
        while self._undo:
            with contextlib.suppress(Exception):
                self._undo.pop()()


def let_go(function: Callable[[], int]) -> int:
    """Call a function that closes something, and return its code; 0 if it takes longer than a second and goes on.

    It is called on another thread, unless none can be started.
    """
    call = BoundedCall(function)
    try:
        call.start()
    except RuntimeError:
        return function()
    return call.result() if call.wait(LET_GO_SECONDS) else 0
