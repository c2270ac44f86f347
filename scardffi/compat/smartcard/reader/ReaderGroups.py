"""Groups of readers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..Exceptions import SmartcardException
from ..ulist import ulist


class BadReaderGroupException(SmartcardException):
    """The name of a reader group is no text."""

    def __init__(self) -> None:
        super().__init__("Invalid reader group")


class innerreadergroups(ulist[str]):
    """A list of reader groups.

    Args:
        initlist: the groups; None for those that :meth:`getreadergroups` returns.

    Raises:
        BadReaderGroupException: a group that is added or removed is no text.
    """

    def __init__(self, initlist: Iterable[str] | None = None) -> None:
        super().__init__(self.getreadergroups() if initlist is None else initlist)

    def __onadditem__(self, item: str) -> None:
        """Add the group to the system."""
        _check(item)
        self.addreadergroup(item)

    def __onremoveitem__(self, item: str) -> None:
        """Remove the group from the system."""
        _check(item)
        self.removereadergroup(item)

    def getreadergroups(self) -> list[str]:
        """Return the groups of the system. Override this in a subclass."""
        return []

    def addreadergroup(self, newgroup: str) -> None:
        """Add a group to the system. Override this in a subclass."""
        _check(newgroup)

    def removereadergroup(self, group: str) -> None:
        """Remove a group from the system. Override this in a subclass."""
        _check(group)

    def addreadertogroup(self, readername: str, groupname: str) -> None:
        """Add the reader ``readername`` to the group ``groupname``. Override this in a subclass."""

    def removereaderfromgroup(self, readername: str, groupname: str) -> None:
        """Remove the reader ``readername`` from the group ``groupname``. Override this in a subclass."""


class readergroups:
    """The reader groups, one list for the process.

    Args:
        initlist: the groups, if the list is not made yet.

    Attributes:
        instance: the list; all other names are those of the list.
    """

    innerclazz: ClassVar[type[innerreadergroups]] = innerreadergroups
    instance: ClassVar[Any] = None

    def __init__(self, initlist: Iterable[str] | None = None) -> None:
        if readergroups.instance is None:
            readergroups.instance = self.innerclazz(initlist)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.instance, name)


def _check(group: object) -> None:
    if not isinstance(group, str):
        raise BadReaderGroupException
