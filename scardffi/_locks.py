"""Locks that Ctrl-C never leaves held: :class:`Mutex` for ``with``, and :class:`Gate`, for which threads wait.

A :class:`ForkMutex` is not left held in the child of a fork either.

Those of ``threading`` are not safe here: if Ctrl-C interrupts their use, they may stay locked, and later calls wait for
ever.
"""

from __future__ import annotations

import _thread
import os
import sys
import time
from typing import Final
from weakref import WeakSet

SIGNAL_CHECK: Final = None if sys.platform != "win32" else 0.08
"""The seconds after which a wait on Windows looks for signals, which cannot interrupt a lock there."""


class Mutex(_thread.RLock):  # type: ignore[misc]  # only typeshed says that it is final
    """A lock for the ``with`` statement. The thread that holds it may take it again.

    From Python 3.14 on, ``with`` handles signals after an ``__enter__`` in C and before the block, so a lock of
    ``threading`` may stay held. It does not do that after an ``__enter__`` in Python, and the ``__enter__`` of this
    class releases the lock if it is interrupted. ``__exit__`` is inherited because it is in C: one in Python may be
    interrupted before its first line.
    """

    __slots__ = ()

    def __enter__(self) -> bool:  # type: ignore[override]  # with passes no argument
        try:
            return self.acquire()
        except BaseException:
            try:  # noqa: SIM105  Ctrl-C may interrupt suppress(), but not this
                self.release()
            except RuntimeError:  # the wait was interrupted, so the lock is not held
                pass
            raise


class ForkMutex(Mutex):  # type: ignore[misc]  # as above
    """A mutex that the child of a fork may use too: there it is free, unless the thread that forked holds it."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        _fork_mutexes.add(self)


_fork_mutexes: Final[WeakSet[ForkMutex]] = WeakSet()


def _free_in_child() -> None:
    """Free the mutexes that other threads held at the fork, because these threads do not exist in the child."""
    for mutex in list(_fork_mutexes):
        if not mutex._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001  RLock has no public method for it
            mutex._at_fork_reinit()  # type: ignore[attr-defined]  # noqa: SLF001  as the standard library does


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_in_child)


class Gate:
    """A gate that is closed at first, and stays open once it was opened."""

    def __init__(self) -> None:
        self._is_open = False
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def open(self) -> None:
        """Let all threads pass."""
        self._is_open = True
        try:  # noqa: SIM105  Ctrl-C may interrupt suppress(), but not this
            self._lock.release()
        except RuntimeError:  # it is open already
            pass

    def is_open(self) -> bool:
        """Return True if the gate is open."""
        return self._is_open

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the gate is open, at most ``timeout`` seconds; return True if it is open."""
        end = None if timeout is None else time.perf_counter() + timeout  # monotonic() ticks in 16 ms on Windows
        left = timeout
        try:
            while not self._is_open and (left is None or left > 0):
                limit = left if SIGNAL_CHECK is None or (left is not None and left < SIGNAL_CHECK) else SIGNAL_CHECK
                if self._lock.acquire(timeout=-1 if limit is None else limit):
                    return True
                left = None if end is None else end - time.perf_counter()
            return self._is_open
        finally:
            if self._is_open:  # let the next thread pass, also if Ctrl-C has interrupted this after the acquire
                try:  # noqa: SIM105  as in open()
                    self._lock.release()
                except RuntimeError:  # nobody holds it
                    pass
