"""The exceptions of the layers on PC/SC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..Exceptions import described

if TYPE_CHECKING:
    from typing import Any


class BaseSCardException(Exception):
    """The base class of these exceptions.

    Args:
        args: the code.
        hresult: the code, if it is not in ``args``.
        message: the message.

    Attributes:
        hresult: the code; -1 if there is none.
        message: the message.
    """

    def __init__(self, *args: object, hresult: int = -1, message: str = "") -> None:
        self.message = message or "scard exception"
        more = list(args)
        code = more.pop(0) if more and isinstance(more[0], int) else hresult
        super().__init__(self.message, *more)
        self.hresult: Any = code

    def __str__(self) -> str:
        return described(super().__str__(), self.hresult)

    def __reduce__(self) -> tuple[object, ...]:
        return Exception.__new__, (type(self), *self.args), {**vars(self), "args": self.args}


class AddReaderToGroupException(BaseSCardException):
    """A reader could not be added to a group."""

    def __init__(self, hresult: int, readername: str = "", groupname: str = "") -> None:
        super().__init__(hresult=hresult, message=f"Failed to add reader: {readername} to group: {groupname}")
        self.readername = readername
        self.groupname = groupname


class EstablishContextException(BaseSCardException):
    """The resource manager cannot be reached."""

    def __init__(self, hresult: int) -> None:
        super().__init__(hresult=hresult, message="Failed to establish context")


class ListReadersException(BaseSCardException):
    """The readers or reader groups could not be listed."""

    def __init__(self, hresult: int) -> None:
        super().__init__(hresult=hresult, message="Failed to list readers")


class IntroduceReaderException(BaseSCardException):
    """A name could not be given to a reader."""

    def __init__(self, hresult: int, readername: str = "") -> None:
        super().__init__(hresult=hresult, message=f"Failed to introduce a new reader: {readername}")
        self.readername = readername


class ReleaseContextException(BaseSCardException):
    """A context could not be released."""

    def __init__(self, hresult: int) -> None:
        super().__init__(hresult=hresult, message="Failed to release context")


class RemoveReaderFromGroupException(BaseSCardException):
    """A reader could not be removed from a group."""

    def __init__(self, hresult: int, readername: str = "", groupname: str = "") -> None:
        super().__init__(hresult=hresult, message=f"Failed to remove reader: {readername} from group: {groupname}")
        self.readername = readername
        self.groupname = groupname
