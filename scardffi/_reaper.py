"""Close objects that were collected without being closed, on a separate thread.

A finalizer may run anywhere, inside any call, so it must neither block nor raise. It passes the function that closes
the object to this thread.
"""

from __future__ import annotations

import contextlib
import os
from collections import deque
from typing import TYPE_CHECKING

from ._threads import prepared, program_is_ending

if TYPE_CHECKING:
    from collections.abc import Callable

_closers: deque[Callable[[], object]] = deque()
if hasattr(os, "register_at_fork"):  # a child must not close the objects of its parent
    os.register_at_fork(after_in_child=_closers.clear)


def close_later(closer: Callable[[], object]) -> None:
    """Call ``closer`` on another thread. For finalizers: this neither blocks nor raises.

    If the program is ending, the end of the process closes everything.
    """
    if program_is_ending():
        return
    try:
        begin = prepared(_reap)
    except RuntimeError:  # it is ending now
        return
    try:
        _closers.append(closer)
    finally:  # Ctrl-C may interrupt this after the append, but not between the next two lines
        try:  # noqa: SIM105  Ctrl-C may interrupt suppress(), but not this
            begin()
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
