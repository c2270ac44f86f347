"""All that is asked of the library, the resource manager and the system: each question once, if it is needed."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from .._bounded_call import BoundedCall
from .._checked_waits import CheckedWaits
from .._service import socket_path
from ..constants import ReaderStateFlag, ReturnCode, Scope
from ..errors import LibraryError, SCardError
from ..library import Library
from . import _pcscd, _usb
from ._clients import clients, connections

if TYPE_CHECKING:
    from ._clients import Client

ANSWER_SECONDS: Final = 2.0
"""The time that the resource manager gets for its answers."""
_LAST_KNOWN_VERSION: Final = (4, 4)  # of pcsc-lite 1.9.9, which 2.5 accepts too


class ReaderNow(NamedTuple):
    """A reader, and its present state."""

    name: str
    state: ReaderStateFlag
    atr: bytes


class Answers(NamedTuple):
    """The answers of the resource manager."""

    function: str
    """The function that failed; the last one if none failed."""
    code: int
    readers: tuple[ReaderNow, ...]


class Observed:
    """The answers to all questions.

    Args:
        library: the path or name of the PC/SC library; None for the default one.
        reader: the reader that matters, by its number in the list or a part of its name; None for all readers.
    """

    def __init__(self, library: str | os.PathLike[str] | None, reader: str | None) -> None:
        self.chosen_library = library
        self.chosen_reader = reader
        self.library: Library | None = None
        self.library_error: LibraryError | None = None
        try:
            self.library = Library.default() if library is None else Library(library)
        except LibraryError as error:
            self.library_error = error

    @functools.cached_property
    def answers(self) -> Answers | None:
        """The answers of the resource manager; None if it did not answer in time, or if there is no library."""
        if self.library is None:
            return None
        call = BoundedCall(functools.partial(_ask, self.library))
        call.start()
        return call.result() if call.wait(ANSWER_SECONDS) else None

    @property
    def works(self) -> bool:
        """True if the resource manager answered all questions; that there is no reader is an answer."""
        return self.answers is not None and self.answers.code in {0, ReturnCode.SCARD_E_NO_READERS_AVAILABLE}

    @property
    def all_readers(self) -> tuple[ReaderNow, ...]:
        """All readers."""
        return self.answers.readers if self.answers is not None else ()

    @property
    def readers(self) -> tuple[ReaderNow, ...]:
        """The readers that matter."""
        wanted = self.chosen_reader
        if wanted is not None and wanted.isdecimal() and int(wanted) < len(self.all_readers):
            return (self.all_readers[int(wanted)],)
        return tuple(reader for reader in self.all_readers if wanted is None or wanted in reader.name)

    @functools.cached_property
    def is_pcsc_lite(self) -> bool:
        """True if the library is a client of pcscd."""
        if self.library is None or sys.platform == "win32" or "LIBPCSCLITE_DELEGATE" in os.environ:
            return False
        path = self.library.info().path
        return "libpcsclite" in os.path.basename(path) and "/standin/" not in os.path.realpath(path)  # noqa: PTH119  a string

    @functools.cached_property
    def client_version(self) -> tuple[int, int] | None:
        """The version of pcscd's protocol that the library speaks; None if it cannot be seen."""
        return _pcscd.client_version(self.library.info().path) if self.library is not None else None

    @functools.cached_property
    def probe(self) -> _pcscd.Probe | None:
        """The result of a connection to pcscd's socket; None if the library is no client of pcscd."""
        return _pcscd.probe(self.client_version or _LAST_KNOWN_VERSION) if self.is_pcsc_lite else None

    @functools.cached_property
    def _connections(self) -> set[int] | None:
        return connections(socket_path()) if self.is_pcsc_lite else None

    @property
    def contexts(self) -> int | None:
        """The number of contexts that are open in pcscd; None if the system does not tell."""
        return None if self._connections is None else len(self._connections)

    @functools.cached_property
    def clients(self) -> tuple[list[Client], int]:
        """The processes that have a context in pcscd, and how many contexts are of processes that cannot be seen."""
        return ([], 0) if self._connections is None else clients(self._connections)

    @functools.cached_property
    def usb_readers(self) -> list[_usb.Reader]:
        """The readers that USB sees."""
        return _usb.readers()


def _ask(library: Library) -> Answers:
    function = "SCardEstablishContext"
    code, context = library.SCardEstablishContext(Scope.SYSTEM)
    if code == ReturnCode.SCARD_W_SECURITY_VIOLATION:  # also pcsc-lite's code of a daemon that ends during the call
        code, context = library.SCardEstablishContext(Scope.SYSTEM)
    if code:
        return Answers(function, code, ())
    try:
        function = "SCardListReaders"
        code, names = library.SCardListReaders(context)
        if code or not names:
            return Answers(function, code, ())
        function = "SCardGetStatusChange"
        code, states = CheckedWaits(library, context).step(0, [(name, 0) for name in names])
        return Answers(function, code, tuple(map(_reader_now, names, states)))
    except SCardError as error:  # the resource manager has stopped meanwhile
        return Answers(error.function or function, error.code or ReturnCode.SCARD_E_NO_SERVICE, ())
    finally:
        library.SCardReleaseContext(context)


def _reader_now(name: str, state: tuple[int, bytes]) -> ReaderNow:
    flags = ReaderStateFlag(state[0] & 0xFFFF)  # above them is the event counter
    return ReaderNow(name, flags & ~ReaderStateFlag.CHANGED, state[1])
