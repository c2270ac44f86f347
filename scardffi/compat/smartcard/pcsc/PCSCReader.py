"""A reader of PC/SC."""

from __future__ import annotations

from collections.abc import Sequence

from ... import scard
from .._failure import new_context
from ..CardConnectionDecorator import CardConnectionDecorator
from ..Exceptions import CardServiceNotFoundException, CardServiceStoppedException
from ..reader.Reader import Reader
from . import PCSCExceptions


class PCSCReader(Reader):
    """A reader of PC/SC."""

    def addtoreadergroup(self, groupname: str) -> None:
        """Add the reader to a group (Windows). Wraps ``SCardIntroduceReader`` and ``SCardAddReaderToGroup``.

        Raises:
            EstablishContextException: the resource manager does not run.
            IntroduceReaderException, AddReaderToGroupException: PC/SC refused; always on other platforms.
        """
        with new_context() as context:
            code = scard.SCardIntroduceReader(context.handle, self.name, self.name)
            if code not in {0, scard.SCARD_E_DUPLICATE_READER}:
                raise PCSCExceptions.IntroduceReaderException(code, self.name)
            code = scard.SCardAddReaderToGroup(context.handle, self.name, groupname)
            if code != 0:
                raise PCSCExceptions.AddReaderToGroupException(code, self.name, groupname)

    def removefromreadergroup(self, groupname: str) -> None:
        """Remove the reader from a group (Windows). Wraps ``SCardRemoveReaderFromGroup``.

        Raises:
            EstablishContextException: the resource manager does not run.
            RemoveReaderFromGroupException: PC/SC refused; always on other platforms.
        """
        with new_context() as context:
            code = scard.SCardRemoveReaderFromGroup(context.handle, self.name, groupname)
            if code != 0:
                raise PCSCExceptions.RemoveReaderFromGroupException(code, self.name, groupname)

    def createConnection(self) -> CardConnectionDecorator:
        """Return a connection to the reader's card, which is not connected yet."""
        from .PCSCCardConnection import PCSCCardConnection

        return CardConnectionDecorator(PCSCCardConnection(self.name))

    class Factory:
        """Makes readers, for ReaderFactory."""

        @staticmethod
        def create(readername: str) -> PCSCReader:
            """Return the reader of this name."""
            return PCSCReader(readername)

    @staticmethod
    def readers(groups: Sequence[str] | str | None = None) -> list[PCSCReader]:
        """Return the readers. Arguments and errors are those of :func:`.System.readers`."""
        wanted = [groups] if isinstance(groups, str) else list(groups or ())
        with new_context() as context:
            code, names = scard.SCardListReaders(context.handle, wanted)
        if code == scard.SCARD_E_NO_SERVICE:
            raise CardServiceNotFoundException(hresult=code)
        if code == scard.SCARD_E_SERVICE_STOPPED:
            raise CardServiceStoppedException(hresult=code)
        if code not in {0, scard.SCARD_E_NO_READERS_AVAILABLE}:
            raise PCSCExceptions.ListReadersException(code)
        return [PCSCReader(name) for name in names]
