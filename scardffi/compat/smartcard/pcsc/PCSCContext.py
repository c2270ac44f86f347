"""The context that all programs for old versions of pyscard share."""

from __future__ import annotations

from typing import ClassVar

from ...._locks import ForkMutex
from ....context import Context  # noqa: TC001  the reference of the site resolves it
from .._failure import new_context


class PCSCContext:
    """One context for the process, which is made at the first use.

    Attributes:
        instance: the context; None before the first use and after :meth:`releaseContext`.

    Raises:
        EstablishContextException: the resource manager does not run.
    """

    instance: ClassVar[Context | None] = None
    _mutex: ClassVar = ForkMutex()  # held while the instance changes

    def __init__(self) -> None:
        self.getContext()

    @staticmethod
    def getContext() -> int:
        """Return the context, for the functions of smartcard.scard. Wraps ``SCardEstablishContext``."""
        with PCSCContext._mutex:
            PCSCContext.instance = context = PCSCContext.instance or new_context()
            return context.handle

    @staticmethod
    def renewContext() -> int:
        """Release the context and return a new one."""
        with PCSCContext._mutex:
            PCSCContext.releaseContext()
            return PCSCContext.getContext()

    @staticmethod
    def releaseContext() -> None:
        """Release the context. Wraps ``SCardReleaseContext``."""
        with PCSCContext._mutex:
            context, PCSCContext.instance = PCSCContext.instance, None
        if context is not None:
            context.release()
