"""The exceptions of the layers on PC/SC."""

from __future__ import annotations

from typing import ClassVar

from ..Exceptions import CodedException


class BaseSCardException(CodedException):
    """The base class of these exceptions.

    Args:
        args: the code.
        hresult: the code, if it is not in ``args``.
        message: the message; empty for the one of the class.

    Attributes:
        text: the message of the class.
        message: the message.
    """

    text: ClassVar[str] = "scard exception"

    def __init__(self, *args: object, hresult: int = -1, message: str = "") -> None:
        self.message = message or self.text
        super().__init__(self.message, *args, hresult=hresult)


class _GroupException(BaseSCardException):
    """A group of readers could not be changed."""

    def __init__(self, hresult: int, readername: str = "", groupname: str = "") -> None:
        super().__init__(hresult=hresult, message=self.text.format(readername, groupname))
        self.readername = readername
        self.groupname = groupname


class AddReaderToGroupException(_GroupException):
    """A reader could not be added to a group."""

    text = "Failed to add reader: {} to group: {}"


class EstablishContextException(BaseSCardException):
    """The resource manager cannot be reached."""

    text = "Failed to establish context"


class ListReadersException(BaseSCardException):
    """The readers or reader groups could not be listed."""

    text = "Failed to list readers"


class IntroduceReaderException(BaseSCardException):
    """A name could not be given to a reader."""

    def __init__(self, hresult: int, readername: str = "") -> None:
        super().__init__(hresult=hresult, message=f"Failed to introduce a new reader: {readername}")
        self.readername = readername


class ReleaseContextException(BaseSCardException):
    """A context could not be released."""

    text = "Failed to release context"


class RemoveReaderFromGroupException(_GroupException):
    """A reader could not be removed from a group."""

    text = "Failed to remove reader: {} from group: {}"
