"""The reader groups of PC/SC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ... import scard
from .._failure import native_context
from ..reader.ReaderGroups import innerreadergroups, readergroups
from .PCSCExceptions import ListReadersException

if TYPE_CHECKING:
    from collections.abc import Iterable


class pcscinnerreadergroups(innerreadergroups):
    """The list of the groups. Adding and removing changes the groups of the system, which only Windows allows."""

    def getreadergroups(self) -> list[str]:
        """Return the system's groups. Wraps ``SCardListReaderGroups``."""
        with native_context() as hcontext:
            code, groups = scard.SCardListReaderGroups(hcontext)
        if code != 0:
            raise ListReadersException(code)
        return list(groups)

    def addreadergroup(self, newgroup: str) -> None:
        """Add a group to the system. Wraps ``SCardIntroduceReaderGroup``.

        Raises:
            error: PC/SC refused; always on other platforms than Windows.
        """
        with native_context() as hcontext:
            code = scard.SCardIntroduceReaderGroup(hcontext, newgroup)
        if code != 0:
            raise scard.error(f"Unable to introduce reader group: {scard.SCardGetErrorMessage(code)}")

    def removereadergroup(self, group: str) -> None:
        """Remove a group from the system. Wraps ``SCardForgetReaderGroup``.

        Raises:
            error: PC/SC refused; always on other platforms than Windows.
        """
        with native_context() as hcontext:
            code = scard.SCardForgetReaderGroup(hcontext, group)
        if code != 0:
            raise scard.error(f"Unable to forget reader group: {scard.SCardGetErrorMessage(code)}")


class PCSCReaderGroups(readergroups):
    """The reader groups of PC/SC; the list is ``instance``."""

    innerclazz = pcscinnerreadergroups

    def __init__(self, initlist: Iterable[str] | None = None) -> None:
        super().__init__(initlist)
