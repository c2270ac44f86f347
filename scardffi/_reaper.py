"""Close objects that were collected without being closed, on a separate thread.

A finalizer may run anywhere, inside any call, so it must neither block nor raise. It passes the function that closes
the object to this thread.

A disconnect may reset the card, and until then the connection may exclude others. A program that has dropped one
connection expects that the next one is not affected, so a call that connects waits for the disconnects of its reader.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import time
from typing import TYPE_CHECKING, Final

from ._locks import Gate
from ._threads import prepared, program_is_ending

if TYPE_CHECKING:
    from collections.abc import Callable

NO_READER: Final = ""
"""The reader of an object that has no connection."""
_DISCONNECT_SECONDS: Final = 5.0
"""The longest wait for a disconnect. It takes this long if it waits for a transaction or for the resource manager."""


class _Closing:
    """An object that is to be closed, or is being closed."""

    def __init__(self, closer: Callable[[], object], reader: str | None) -> None:
        self._closer = [closer]
        self._thread: int | None = None
        self.reader = reader
        self.ended = Gate()

    def run(self) -> None:
        """Close the object, unless another thread has begun it."""
        try:
            closer = self._closer.pop()
        except IndexError:
            return
        self._thread = _thread.get_ident()
        try:
            with contextlib.suppress(Exception):
                closer()
        finally:
            _closings.pop(self, None)
            self.ended.open()

    def may_affect(self, reader: str | None) -> bool:
        """Return True if this disconnects from the reader. A thread that connects while it closes waits for others."""
        is_same = self.reader != NO_READER and (reader is None or self.reader in {None, reader})
        return is_same and self._thread != _thread.get_ident()


_closings: dict[_Closing, None] = {}
if hasattr(os, "register_at_fork"):  # a child must not close the objects of its parent
    os.register_at_fork(after_in_child=_closings.clear)


def close_later(closer: Callable[[], object], reader: str | None = NO_READER) -> None:
    """Call ``closer`` on another thread. For finalizers: this neither blocks nor raises.

    If the program is ending, the end of the process closes everything.

    Args:
        closer: closes the object.
        reader: the reader of the connection that ``closer`` disconnects; None if it is not known.
    """
    if program_is_ending():
        return
    try:
        begin = prepared(_reap)
    except RuntimeError:  # it is ending now
        return
    try:
        _closings[_Closing(closer, reader)] = None
    finally:  # Ctrl-C may interrupt this after the assignment, but not between the next two lines
        try:  # noqa: SIM105  Ctrl-C may interrupt suppress(), but not this
            begin()
        except RuntimeError:
            pass


def wait_for_disconnects(reader: str | None, limit: float | None = None) -> None:
    """Wait until the collected connections to a reader are disconnected, at most 5 s.

    Args:
        reader: its name; None for all readers.
        limit: seconds, if the wait must be shorter.
    """
    if not _closings:
        return
    end = time.perf_counter() + (_DISCONNECT_SECONDS if limit is None else min(limit, _DISCONNECT_SECONDS))
    for closing in list(_closings):
        if closing.may_affect(reader):
            closing.ended.wait(max(0.0, end - time.perf_counter()))


def _reap() -> None:
    for closing in list(_closings):
        closing.run()
