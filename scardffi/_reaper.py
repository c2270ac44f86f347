"""Closes what was collected without being closed, on a thread of its own.

A finalizer may run anywhere, inside any call, so it neither blocks nor raises: it hands what there is to close
to a thread and goes on.
"""

from __future__ import annotations

import _thread
import os
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_closers: deque[Callable[[], object]] = deque()
if hasattr(os, "register_at_fork"):  # what a parent has still to close is not a child's to close
    os.register_at_fork(after_in_child=_closers.clear)


def close_later(closer: Callable[[], object]) -> None:
    """Call ``closer`` on a thread of the reaper's. For finalizers: it does not block, and does not raise."""
    _closers.append(closer)
    try:  # noqa: SIM105  contextlib is slow to import
        _thread.start_new_thread(_reap, ())
    except RuntimeError:  # no new thread when the interpreter is ending: the process closes everything
        pass


def _reap() -> None:
    while True:
        try:
            closer = _closers.popleft()
        except IndexError:  # all done, here or on another thread of the reaper's
            return
        closer()
