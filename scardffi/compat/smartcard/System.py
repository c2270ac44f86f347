"""The readers and reader groups of the system."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .pcsc.PCSCReader import PCSCReader
    from .ulist import ulist


def readers(groups: Sequence[str] | str | None = None) -> list[PCSCReader]:
    """Return the readers. Wraps ``SCardListReaders``.

    Args:
        groups: the groups whose readers are listed; None or an empty list for all readers.

    Raises:
        EstablishContextException: the resource manager does not run.
        CardServiceNotFoundException, CardServiceStoppedException: it ended before the readers were listed.
        PCSCExceptions.ListReadersException: another error of PC/SC.
    """
    from .reader.ReaderFactory import ReaderFactory

    return ReaderFactory.readers(groups)


def readergroups() -> ulist[str]:
    """Return the reader groups. On Windows, adding and removing changes the system's groups.

    Wraps ``SCardListReaderGroups``.

    Raises:
        EstablishContextException: the resource manager does not run.
        PCSCExceptions.ListReadersException: another error of PC/SC.
    """
    from .pcsc.PCSCReaderGroups import PCSCReaderGroups

    return PCSCReaderGroups().instance  # type: ignore[no-any-return]  # it is the list of the process


def listReaders() -> list[str]:
    """Return the names of the readers."""
    return [reader.name for reader in readers()]
