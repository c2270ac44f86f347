"""Gate: one thread opens it, and other threads wait until it is open. Ctrl-C may interrupt any of them.

``threading.Event`` is not safe here: if Ctrl-C interrupts its Python code, its lock may stay locked, and later calls
wait for ever.
"""

from __future__ import annotations

import _thread


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
        if not self._is_open and self._lock.acquire(timeout=-1 if timeout is None else timeout):
            self._lock.release()  # the next thread may pass
        return self._is_open
