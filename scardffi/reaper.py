"""Closes what was collected without being closed, on a thread of its own.

A finalizer may run anywhere, inside any call, so it neither blocks nor raises: it hands what there is to close
to this thread and goes on.
"""

from __future__ import annotations

import _thread
import os
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_closers: SimpleQueue[Callable[[], object]] = SimpleQueue()
_process = 0  # the process in which the thread runs


def close_later(closer: Callable[[], object]) -> None:
    """Call ``closer`` on the reaper's thread. For finalizers: it does not block, and does not raise."""
    global _process  # noqa: PLW0603  the thread is one for each process, made at its first use
    _closers.put(closer)
    if _process != os.getpid():
        _process = os.getpid()
        try:
            _thread.start_new_thread(_reap, ())
        except RuntimeError:  # the interpreter is ending, and the process closes everything
            _process = 0


def _reap() -> None:
    while True:
        _closers.get()()
