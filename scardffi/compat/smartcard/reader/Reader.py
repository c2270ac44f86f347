"""The base class of readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..CardConnectionDecorator import CardConnectionDecorator


class Reader:
    """A reader. Two are equal if their names are; ``str()`` is the name.

    Args:
        readername: the reader's name.

    Attributes:
        name: the reader's name.
    """

    def __init__(self, readername: str) -> None:
        self.name = readername

    def addtoreadergroup(self, groupname: str) -> None:
        """Add the reader to a group. Override this in a subclass."""

    def removefromreadergroup(self, groupname: str) -> None:
        """Remove the reader from a group. Override this in a subclass."""

    def createConnection(self) -> CardConnectionDecorator:
        """Return a connection to the reader's card. Override this in a subclass."""
        raise NotImplementedError("override createConnection() in the subclass of Reader")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reader) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return repr(self.name)

    def __str__(self) -> str:
        return self.name
