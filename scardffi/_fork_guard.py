"""The fork guard: in the child of a fork, objects of the parent process refuse every use, and release nothing.

The manage object and the native context in C have the same guard: all compare the number that ``platform_process``
(csrc/platform.h) returned when they were made with the present one.
"""

from __future__ import annotations

from ._loader import lib
from .errors import forked_error

lib.platform_watch_forks()  # forks are counted from now on


class ForkGuard:
    """The process in which an object was made."""

    __slots__ = ("_process",)

    def __init__(self) -> None:
        self._process = lib.platform_process()

    def is_forked(self) -> bool:
        """Return True in the child of a fork, in which the object must do nothing."""
        return bool(self._process != lib.platform_process())

    def check(self, function: str) -> None:
        """Raise ForkedProcessError in the child of a fork; ``function`` is the name for the message."""
        if self.is_forked():
            raise forked_error(function)
