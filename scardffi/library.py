"""Library: the SCard* functions of a PC/SC library of your choice, as methods.

Nothing here raises for a return code: the first thing that comes back is the code, as an unsigned 32-bit number, 0 for
success. :mod:`scardffi.raw` has the same functions on the default library.

References: PC/SC part 5; "winscard.h" in Microsoft's and pcsc-lite's documentation.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from ._arguments import address, dword, handle, pair_of_buffers, readable, text, writable
from ._loader import LibraryInfo, default_table, ffi, lib, library_info, open_table
from ._marshalling import ReaderStates, check_present, fetch_multi_string, fetch_status
from ._windows_functions import WindowsFunctions

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from ._native import Api, CData


class Library(WindowsFunctions):
    """A PC/SC library loaded by path or name, with the SCard* functions as methods.

    Several may be loaded at once; each stays loaded as long as the process runs.

    Args:
        path: a file, or a name that the system's loader looks up.

    Raises:
        LibraryError: a class each for a file that does not exist, one that cannot be loaded, and one that is
            no PC/SC library.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._table = open_table(path)

    @classmethod
    def default(cls) -> Library:
        """The default library as it is now: the platform's, or what ``SCARDFFI_LIBRARY`` names.

        A later change of the default does not touch the object that this returns.
        """
        library = cls.__new__(cls)
        library._table = default_table()  # noqa: SLF001  its own
        return library

    @property
    def native(self) -> Api:
        """The library in C (``scardffi_library *``)."""
        return self._table

    def info(self) -> LibraryInfo:
        """Path, version where it can be told, and which functions the library has."""
        return library_info(self.native)

    def __eq__(self, other: object) -> bool:
        return self.native == other.native if isinstance(other, Library) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.native)

    def __repr__(self) -> str:
        return f"<scardffi.Library {self.info().path}>"

    # contexts

    def SCardEstablishContext(self, scope: SupportsIndex) -> tuple[int, int]:
        """Open a context. Wraps ``SCardEstablishContext``.

        Args:
            scope: a :class:`~scardffi.constants.Scope`.

        Returns:
            (code, context)
        """
        context = ffi.new("SCARDCONTEXT *")
        code = lib.pcsc_SCardEstablishContext(self.native, dword("scope", scope), ffi.NULL, ffi.NULL, context)
        return check_present(code, "SCardEstablishContext"), context[0]

    def SCardReleaseContext(self, context: SupportsIndex) -> int:
        """Close a context and every handle connected on it. Wraps ``SCardReleaseContext``.

        On pcsc-lite it does not wake a thread that waits on the context: cancel and join first.
        """
        code = lib.pcsc_SCardReleaseContext(self.native, handle("context", context))
        return check_present(code, "SCardReleaseContext")

    def SCardIsValidContext(self, context: SupportsIndex) -> int:
        """Whether a context is open: code 0. Wraps ``SCardIsValidContext``.

        On pcsc-lite it stays 0 after the daemon has been restarted.
        """
        code = lib.pcsc_SCardIsValidContext(self.native, handle("context", context))
        return check_present(code, "SCardIsValidContext")

    def SCardCancel(self, context: SupportsIndex) -> int:
        """Wake the thread that waits in SCardGetStatusChange on this context. Wraps ``SCardCancel``.

        It does nothing for a wait that begins later.
        """
        code = lib.pcsc_SCardCancel(self.native, handle("context", context))
        return check_present(code, "SCardCancel")

    def SCardFreeMemory(self, context: SupportsIndex, memory: SupportsIndex) -> int:
        """Free what the library allocated for an SCARD_AUTOALLOCATE call. Wraps ``SCardFreeMemory``.

        Args:
            context: the context it was allocated on.
            memory: its address.
        """
        code = lib.pcsc_SCardFreeMemory(self.native, handle("context", context), address("memory", memory))
        return check_present(code, "SCardFreeMemory")

    # readers

    def SCardListReaders(self, context: SupportsIndex, groups: str | None = None) -> tuple[int, list[str]]:
        """The names of the readers. Wraps ``SCardListReaders``.

        Args:
            context: an open context.
            groups: only readers of this group; None for all. pcsc-lite ignores it.

        Returns:
            (code, names); no reader at all is the code SCARD_E_NO_READERS_AVAILABLE.
        """
        group = ffi.NULL if groups is None else ffi.from_buffer(text("groups", groups) + b"\0\0")
        context = handle("context", context)

        def fetch(names: CData, length: CData) -> int:
            return lib.pcsc_SCardListReaders(self.native, context, group, names, length)

        code, names = fetch_multi_string(fetch)
        return check_present(code, "SCardListReaders"), names

    def SCardListReaderGroups(self, context: SupportsIndex) -> tuple[int, list[str]]:
        """The names of the groups of readers. Wraps ``SCardListReaderGroups``.

        Returns:
            (code, names)
        """
        context = handle("context", context)

        def fetch(names: CData, length: CData) -> int:
            return lib.pcsc_SCardListReaderGroups(self.native, context, names, length)

        code, names = fetch_multi_string(fetch)
        return check_present(code, "SCardListReaderGroups"), names

    def SCardGetStatusChange(
        self, context: SupportsIndex, timeout: SupportsIndex, states: Sequence[tuple[str, int]]
    ) -> tuple[int, list[tuple[int, bytes]]]:
        """Wait until the state of a reader differs from the one given. Wraps ``SCardGetStatusChange``.

        It blocks without a look at signals; :meth:`SCardCancel` from another thread ends it.

        Args:
            context: an open context that no other thread uses meanwhile.
            timeout: milliseconds; 0 to answer at once, INFINITE to wait for ever.
            states: (reader, current state) each; the state in full, event counter included.

        Returns:
            (code, [(event state, ATR), ...]) in the order of ``states``
        """
        watched = ReaderStates(states)
        code = lib.pcsc_get_status_change(
            self.native,
            handle("context", context),
            dword("timeout", timeout),
            watched.count,
            watched.readers,
            watched.numbers,
            watched.atrs,
        )
        return check_present(code, "SCardGetStatusChange"), watched.results()

    # cards

    def SCardConnect(
        self, context: SupportsIndex, reader: str, share_mode: SupportsIndex, protocols: SupportsIndex
    ) -> tuple[int, int, int]:
        """Open a card handle. Wraps ``SCardConnect``.

        It waits without bound, and cannot be interrupted, while another handle holds a transaction.

        Args:
            context: an open context that no other thread uses meanwhile.
            reader: a name from :meth:`SCardListReaders`.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: a :class:`~scardffi.constants.Protocol`, or several.

        Returns:
            (code, handle, active protocol)
        """
        card = ffi.new("SCARDHANDLE *")
        protocol = ffi.new("DWORD *")
        code = lib.pcsc_SCardConnect(
            self.native,
            handle("context", context),
            text("reader", reader),
            dword("share_mode", share_mode),
            dword("protocols", protocols),
            card,
            protocol,
        )
        return check_present(code, "SCardConnect"), card[0], protocol[0]

    def SCardReconnect(
        self,
        card: SupportsIndex,
        share_mode: SupportsIndex,
        protocols: SupportsIndex,
        initialization: SupportsIndex,
    ) -> tuple[int, int]:
        """Establish a connection anew, after a reset for instance. Wraps ``SCardReconnect``.

        Args:
            card: an open card handle.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: a :class:`~scardffi.constants.Protocol`, or several.
            initialization: a :class:`~scardffi.constants.Disposition`.

        Returns:
            (code, active protocol)
        """
        protocol = ffi.new("DWORD *")
        code = lib.pcsc_SCardReconnect(
            self.native,
            handle("card", card),
            dword("share_mode", share_mode),
            dword("protocols", protocols),
            dword("initialization", initialization),
            protocol,
        )
        return check_present(code, "SCardReconnect"), protocol[0]

    def SCardDisconnect(self, card: SupportsIndex, disposition: SupportsIndex) -> int:
        """Close a card handle. Wraps ``SCardDisconnect``.

        Args:
            card: an open card handle.
            disposition: a :class:`~scardffi.constants.Disposition`.
        """
        code = lib.pcsc_SCardDisconnect(self.native, handle("card", card), dword("disposition", disposition))
        return check_present(code, "SCardDisconnect")

    def SCardBeginTransaction(self, card: SupportsIndex) -> int:
        """Hold the card alone. Wraps ``SCardBeginTransaction``.

        It waits without bound, and cannot be interrupted, while another handle holds a transaction.
        """
        code = lib.pcsc_SCardBeginTransaction(self.native, handle("card", card))
        return check_present(code, "SCardBeginTransaction")

    def SCardEndTransaction(self, card: SupportsIndex, disposition: SupportsIndex) -> int:
        """End a transaction. Wraps ``SCardEndTransaction``.

        Args:
            card: the handle that holds it.
            disposition: a :class:`~scardffi.constants.Disposition`.
        """
        code = lib.pcsc_SCardEndTransaction(self.native, handle("card", card), dword("disposition", disposition))
        return check_present(code, "SCardEndTransaction")

    def SCardStatus(self, card: SupportsIndex) -> tuple[int, str, int, int, bytes]:
        """Reader, state, protocol and ATR of a connected card. Wraps ``SCardStatus``.

        It waits while another handle holds a transaction.

        Returns:
            (code, reader, state as the platform says it, active protocol, ATR); the state is bits of
            :class:`~scardffi.constants.CardState`, on Windows one of its seven numbers instead
        """
        number = handle("card", card)
        fetch = functools.partial(lib.pcsc_SCardStatus, self.native, number)
        code, reader, state, protocol, atr = fetch_status("DWORD", fetch)
        return check_present(code, "SCardStatus"), reader, state, protocol, atr

    def SCardTransmit(
        self, card: SupportsIndex, protocol: SupportsIndex, command: Buffer, response: Buffer
    ) -> tuple[int, int]:
        """Send a command to the card and receive its response. Wraps ``SCardTransmit``.

        It cannot be interrupted. SCARD_E_INSUFFICIENT_BUFFER means that the card has executed the command.

        Args:
            card: an open card handle that no other thread uses meanwhile.
            protocol: the active :class:`~scardffi.constants.Protocol`.
            command: the command APDU, a contiguous buffer.
            response: where the response goes, status word included; a writable, contiguous buffer.

        Returns:
            (code, length of the response in bytes, or the length that it needs)
        """
        pci = ffi.new("SCARD_IO_REQUEST *", (dword("protocol", protocol), ffi.sizeof("SCARD_IO_REQUEST")))
        number = handle("card", card)
        send, receive = pair_of_buffers(command, response)
        length = ffi.new("DWORD *", len(receive))
        code = lib.pcsc_SCardTransmit(self.native, number, pci, send, len(send), ffi.NULL, receive, length)
        return check_present(code, "SCardTransmit"), length[0]

    def SCardControl(
        self, card: SupportsIndex, control_code: SupportsIndex, command: Buffer, response: Buffer
    ) -> tuple[int, int]:
        """Send a command to the reader's driver. Wraps ``SCardControl``.

        Args:
            card: an open card handle that no other thread uses meanwhile.
            control_code: see :func:`~scardffi.constants.control_code`.
            command: what the driver receives, a contiguous buffer.
            response: where its answer goes; a writable, contiguous buffer.

        Returns:
            (code, length of the answer in bytes)
        """
        number, control = handle("card", card), dword("control_code", control_code)
        send, receive = pair_of_buffers(command, response)
        source = ffi.from_buffer(send) if type(send) is bytes else send
        length = ffi.new("DWORD *")
        code = lib.pcsc_SCardControl(self.native, number, control, source, len(send), receive, len(receive), length)
        return check_present(code, "SCardControl"), length[0]

    def SCardGetAttrib(self, card: SupportsIndex, attribute: SupportsIndex, value: Buffer) -> tuple[int, int]:
        """Read an attribute of the reader or card. Wraps ``SCardGetAttrib``.

        Args:
            card: an open card handle.
            attribute: an :class:`~scardffi.constants.Attribute`.
            value: where it goes; a writable, contiguous buffer, on pcsc-lite of 264 bytes at most.

        Returns:
            (code, length of the value in bytes)
        """
        number, which = handle("card", card), dword("attribute", attribute)
        receive = writable("value", value)
        length = ffi.new("DWORD *", len(receive))
        code = lib.pcsc_SCardGetAttrib(self.native, number, which, receive, length)
        return check_present(code, "SCardGetAttrib"), length[0]

    def SCardSetAttrib(self, card: SupportsIndex, attribute: SupportsIndex, value: Buffer) -> int:
        """Write an attribute of the reader. Wraps ``SCardSetAttrib``.

        Args:
            card: an open card handle.
            attribute: an :class:`~scardffi.constants.Attribute`.
            value: its new value, a contiguous buffer.
        """
        number, which = handle("card", card), dword("attribute", attribute)
        send = readable("value", value)
        code = lib.pcsc_SCardSetAttrib(self.native, number, which, send, len(send))
        return check_present(code, "SCardSetAttrib")


def chosen_library(library: Library | None) -> Library:
    """The library of an object's choice, the default one for None."""
    if library is None:
        return Library.default()
    if not isinstance(library, Library):
        raise TypeError(f"library: expected a scardffi.Library or None, got {type(library).__name__}")
    return library
