"""The exceptions of the Python layers. Each has the code of PC/SC in ``hresult``, -1 if there is none."""

from __future__ import annotations

from typing import Any


class CodedException(Exception):
    """An exception with a code of PC/SC; its text has the meaning of the code.

    Args:
        args: the message, and then the code.
        message: the message, if it is not in ``args``.
        hresult: the code, if it is not in ``args``.

    Attributes:
        hresult: the code; -1 if there is none.
    """

    def __init__(self, *args: object, message: object = "", hresult: int = -1) -> None:
        text, *more = args or (message,)
        code = more.pop(0) if more and isinstance(more[0], int) else hresult
        super().__init__(text, *more)
        self.hresult: Any = code

    def __str__(self) -> str:
        text = super().__str__()
        if self.hresult == -1:
            return text
        from ..scard import SCardGetErrorMessage

        meaning = f"{SCardGetErrorMessage(self.hresult)} (0x{self.hresult & 0xFFFFFFFF:08X})"
        return f"{text}: {meaning}" if text else meaning

    def __reduce__(self) -> tuple[object, ...]:
        return Exception.__new__, (type(self), *self.args), {**vars(self), "args": self.args}


class SmartcardException(CodedException):
    """The base class of the exceptions of this package, except those of ``smartcard.pcsc`` and ``smartcard.sw``."""


class CardConnectionException(SmartcardException):
    """Connecting to a card, or a call on the connection, failed."""


class CardRequestException(SmartcardException):
    """Waiting for a card failed."""


class CardRequestTimeoutException(SmartcardException):
    """No card came in time."""

    def __init__(self, *args: object, hresult: int = -1) -> None:
        super().__init__("Time-out during card request", *args, hresult=hresult)


class CardServiceException(SmartcardException):
    """A call of a card service failed."""


class CardServiceStoppedException(SmartcardException):
    """The resource manager has stopped."""


class CardServiceNotFoundException(SmartcardException):
    """The resource manager does not run."""


class InvalidATRMaskLengthException(SmartcardException):
    """The mask of an ATR has another length than the ATR."""

    def __init__(self, mask: object) -> None:
        super().__init__(f"Invalid ATR mask length: {mask}")


class InvalidReaderException(SmartcardException):
    """There is no reader with this name."""

    def __init__(self, readername: object) -> None:
        super().__init__(f"Invalid reader: {readername}")


class ListReadersException(SmartcardException):
    """The readers could not be listed."""

    def __init__(self, hresult: int) -> None:
        super().__init__("Failed to list readers", hresult=hresult)


class NoCardException(SmartcardException):
    """There is no card in the reader."""

    def __init__(self, message: object, hresult: int) -> None:
        super().__init__(message, hresult=hresult)


class NoReadersException(SmartcardException):
    """There are no readers."""

    def __init__(self, *args: object) -> None:
        super().__init__("No reader found", *args)
