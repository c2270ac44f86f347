"""Errors of scardffi as pyscard's exceptions."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from ...constants import Scope
from ...context import Context
from ...errors import InvalidArgumentError, LibraryError, SCardError, UnexpectedStateError
from .. import scard
from .._scard_constants import _code
from .pcsc.PCSCExceptions import EstablishContextException

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .Exceptions import SmartcardException

_Kind = TypeVar("_Kind", bound="SmartcardException")


def hresult_of(error: SCardError) -> int:
    """Return the code that smartcard.scard would have returned; -1 if PC/SC has none for the error."""
    if error.code is not None:
        return _code(error.code)
    if isinstance(error, LibraryError):
        return scard.SCARD_E_NO_SERVICE
    if isinstance(error, InvalidArgumentError):
        return scard.SCARD_E_INVALID_PARAMETER
    return scard.SCARD_E_INVALID_HANDLE if isinstance(error, UnexpectedStateError) else -1


def failure(kind: type[_Kind], message: str, hresult: int) -> _Kind:
    """Return an exception whose message, if there is one, ends with the meaning of the code, as in pyscard."""
    meaning = scard.SCardGetErrorMessage(hresult) if message and hresult != -1 else ""
    return kind(message + meaning, hresult=hresult)


@contextmanager
def failing(kind: type[SmartcardException], message: str = "") -> Iterator[None]:
    """Raise errors of scardffi in the ``with`` block as an exception of pyscard's: :func:`failure`."""
    try:
        yield
    except SCardError as error:
        raise failure(kind, message, hresult_of(error)) from error


def new_context() -> Context:
    """Return a new context. Wraps ``SCardEstablishContext``.

    Raises:
        EstablishContextException: the resource manager does not run, or another error of PC/SC.
    """
    try:
        return Context(Scope.USER)
    except SCardError as error:
        raise EstablishContextException(hresult_of(error)) from error
