"""The reader groups of PC/SC."""

from __future__ import annotations

from ... import scard
from .._failure import new_context
from ..reader.ReaderGroups import innerreadergroups, readergroups
from .PCSCExceptions import ListReadersException


class pcscinnerreadergroups(innerreadergroups):
    """The list of the groups. Adding and removing changes the groups of the system, which only Windows allows.

    Raises:
        EstablishContextException: the resource manager does not run.
        PCSCExceptions.ListReadersException: the groups could not be listed.
        error: PC/SC refused a change; always on other platforms than Windows.
    """

    def getreadergroups(self) -> list[str]:
        """Return the system's groups. Wraps ``SCardListReaderGroups``.

        Raises:
            EstablishContextException: the resource manager does not run.
            PCSCExceptions.ListReadersException: another error of PC/SC.
        """
        with new_context() as context:
            code, groups = scard.SCardListReaderGroups(context.handle)
        if code != 0:
            raise ListReadersException(code)
        return list(groups)

    def addreadergroup(self, newgroup: str) -> None:
        """Add a group to the system. Wraps ``SCardIntroduceReaderGroup``.

        Raises:
            error: PC/SC refused; always on other platforms than Windows.
        """
        with new_context() as context:
            code = scard.SCardIntroduceReaderGroup(context.handle, newgroup)
        if code != 0:
            raise scard.error(f"Unable to introduce reader group: {scard.SCardGetErrorMessage(code)}")

    def removereadergroup(self, group: str) -> None:
        """Remove a group from the system. Wraps ``SCardForgetReaderGroup``.

        Raises:
            error: PC/SC refused; always on other platforms than Windows.
        """
        with new_context() as context:
            code = scard.SCardForgetReaderGroup(context.handle, group)
        if code != 0:
            raise scard.error(f"Unable to forget reader group: {scard.SCardGetErrorMessage(code)}")


class PCSCReaderGroups(readergroups):
    """The reader groups of PC/SC; the list is ``instance``. Errors are those of :class:`pcscinnerreadergroups`."""

    innerclazz = pcscinnerreadergroups
