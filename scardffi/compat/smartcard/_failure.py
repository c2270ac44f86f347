"""The code of pyscard's exceptions for an error of scardffi, and the context of one question."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...errors import InvalidArgumentError, LibraryError, SCardError, UnexpectedStateError
from .. import scard
from .._scard_constants import _code

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_CONNECTED = "Card not connected"


def hresult_of(error: SCardError) -> int:
    """Return the code that smartcard.scard would have returned; -1 if PC/SC has none for the error."""
    if error.code is not None:
        return _code(error.code)
    if isinstance(error, LibraryError):
        return scard.SCARD_E_NO_SERVICE
    if isinstance(error, InvalidArgumentError):
        return scard.SCARD_E_INVALID_PARAMETER
    return scard.SCARD_E_INVALID_HANDLE if isinstance(error, UnexpectedStateError) else -1


@contextmanager
def native_context() -> Iterator[int]:
    """Open a context for the body of a ``with`` statement. Wraps ``SCardEstablishContext``.

    Raises:
        EstablishContextException: the resource manager does not run, or another error of PC/SC.
    """
    code, hcontext = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != 0:
        from .pcsc.PCSCExceptions import EstablishContextException

        raise EstablishContextException(code)
    try:
        yield hcontext
    finally:
        scard.SCardReleaseContext(hcontext)
