"""Close objects that were collected without being closed, on a separate thread.

A finalizer may run anywhere, inside any call, so it must neither block nor raise. It passes the function that closes
the object to this thread.
"""

from __future__ import annotations

import _thread
import atexit
import contextlib
import os
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_closers: deque[Callable[[], object]] = deque()
if hasattr(os, "register_at_fork"):  # a child must not close the objects of its parent
    os.register_at_fork(after_in_child=_closers.clear)


_start: Callable[[Callable[[], None], tuple[()]], object] = _thread.start_new_thread


def _start_no_more() -> None:
    """From the end of the program on, let the end of the process close everything.

    A thread that Python 3.11 starts while it ends may crash: its state can be freed before it runs.
    """
    global _start  # noqa: PLW0603  a function that checks a flag could be interrupted by Ctrl-C
    _start = _do_not_start


def _do_not_start(_function: Callable[[], None], _arguments: tuple[()]) -> None:
    pass


atexit.register(_start_no_more)


def close_later(closer: Callable[[], object]) -> None:
    """Call ``closer`` on another thread. For finalizers: this neither blocks nor raises."""
    try:
        _closers.append(closer)
    finally:  # Ctrl-C may interrupt this after the append, but not between the next two lines
        # threading.Thread.start() would wait for the thread.
        try:  # noqa: SIM105  Ctrl-C may interrupt suppress(), but not this
            _start(_reap, ())
        except RuntimeError:
            pass


def _reap() -> None:
    while True:
        try:
            closer = _closers.popleft()
        except IndexError:  # another reaper thread may have taken the last one
            return
        with contextlib.suppress(Exception):
            closer()
