"""A native context for waits, which one thread uses and other threads cancel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._loader import lib
from ._locks import Gate, Mutex
from ._service import establish

if TYPE_CHECKING:
    from ._native import CData
    from .library import Library


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
