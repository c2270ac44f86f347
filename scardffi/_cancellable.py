"""A native context for waits, which one thread uses and other threads cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._loader import lib
from ._locks import Gate, Mutex
from ._reaper import close_later
from ._service import establish

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._native import CData
    from .library import Library

_CANCEL_AGAIN: Final = 0.01
_AFTER_AN_ERROR: Final = 0.25


class CancellableContext:
    """A native context that the thread that waits establishes and releases.

    Attributes:
        cancelled: is opened if the thread must not begin another wait.
        ended: is opened when the thread does not use the context any more.
    """

    def __init__(self, library: Library, scope: int) -> None:
        self.cancelled = Gate()
        self.ended = Gate()
        self._library = library
        self._scope = scope
        self._open = Mutex()  # held while the context is cancelled, or released
        self._context: CData | None = None

    def establish(self) -> int:
        """Establish the native context and return its handle.

        Raises:
            NoServiceError: the resource manager does not run.
        """
        self._context = establish(self._library, self._scope)
        return int(lib.native_context_handle(self._context))

    def release(self) -> None:
        """Release the native context, if there is one."""
        with self._open:
            context, self._context = self._context, None
        if context is not None:
            lib.native_context_release(context)

    def cancel(self) -> int:
        """Call SCardCancel, if there is a native context, and return its code."""
        with self._open:
            if self._context is None:
                return 0
            return self._library.SCardCancel(lib.native_context_handle(self._context))

    def end(self) -> None:
        """Let the thread begin no other wait, and end its present one; this neither blocks nor raises."""
        self.cancelled.open()
        cancel_later(self.ended, self.cancel)


def cancel_later(ended: Gate, cancel: Callable[[], int]) -> None:
    """Call ``cancel``, which calls SCardCancel, on another thread until a gate is open; this neither blocks nor raises.

    It is repeated because SCardCancel does not end a wait that begins later. SCardCancel may not return, so a thread
    for which others wait must not call it.
    """

    def repeat() -> None:
        while not ended.is_open():
            ended.wait(_CANCEL_AGAIN if cancel() == 0 else _AFTER_AN_ERROR)

    if not ended.is_open():
        close_later(repeat)
