"""Library: the SCard* functions of a PC/SC library of your choice, as methods.

No function raises for a return code. Each returns the code, or a tuple that begins with it: an unsigned 32-bit number
(:class:`~scardffi.constants.ReturnCode`), 0 for success. Contexts and handles are ints that only the caller closes.

A wrong argument raises a TypeError or an :class:`~scardffi.errors.InvalidArgumentError` that names it. A function
raises :class:`~scardffi.errors.UnsupportedFunctionError` if the library lacks it, and
:class:`~scardffi.errors.OutOfMemoryError` if there is not enough memory. All functions release the GIL.

References: PC/SC part 5; "winscard.h" in Microsoft's and pcsc-lite's documentation.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING

from ._arguments import NUMBERS, address, checked, dword, handle, pair_of_buffers, readable, refuse, text, writable
from ._half_made import repr_if_half_made
from ._loader import address_of, calls, default_table, ffi, lib, open_table, traced_table
from ._marshalling import (
    check_present,
    fetch_multi_string,
    fetch_status,
    multi_string,
    possible,
    reader_states,
    state_results,
)
from ._not_copied import NotCopied
from ._windows_functions import WindowsFunctions
from .constants import Disposition
from .errors import E_NOTIMPL, from_hresult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Final, SupportsIndex

    from typing_extensions import Buffer

    from ._library_info import LibraryInfo
    from ._native import Api

__all__ = ["Library"]

# A call of these is quicker than one of a function of ``lib``.
_establish: Final = lib.pcsc_establish_context
_release: Final = lib.pcsc_SCardReleaseContext
_is_valid: Final = lib.pcsc_SCardIsValidContext
_cancel: Final = lib.pcsc_SCardCancel
_connect: Final = lib.card_handle_connect
_reconnect: Final = lib.pcsc_reconnect
_disconnect: Final = lib.card_handle_disconnect
_begin: Final = lib.pcsc_begin_transaction
_end: Final = lib.pcsc_SCardEndTransaction
_list_readers: Final = lib.pcsc_list_readers
_status: Final = lib.pcsc_status
_get_status_change: Final = lib.pcsc_get_status_change
_NULL: Final = ffi.NULL

_OPENED: Final = ffi.typeof("uint64_t[4]")
_TABLE: Final = ffi.typeof("scardffi_library *")
_spare: Final[list[Any]] = []
"""Memory that no call is using. C writes to it what a call opens, before Python can be interrupted (pcsc_results.h).

A method takes it only in the argument list of the call. If Ctrl-C comes before the call, the method has no memory yet,
so it cannot mistake what an earlier call has opened for its own.
"""
_take: Final = _spare.pop
_give: Final = _spare.append


@functools.lru_cache
def _reader_name(reader: str) -> bytes:
    return text("reader", reader)


def _checked_or_closed(
    error: BaseException,
    opened: Any,
    opened_number: tuple[Api, int],
    close: Callable[..., int],
    *disposition: int,
    **arguments: Any,
) -> list[Any] | None:
    """Return the converted arguments for a second call, after the first one has raised ``error``.

    If a signal handler has raised after the call, close what the call has opened and return None.

    Args:
        error: the error.
        opened: the memory that C has written, or None if the call was not made.
        opened_number: the library, and the number that the call has returned; 0 if Python was interrupted before.
        close: the function that closes the number.
        disposition: its last argument.
        arguments: the arguments that :func:`checked` checks.
    """
    if opened is None and isinstance(error, IndexError) and error.__traceback__ and not error.__traceback__.tb_next:
        _spare.append(ffi.new(_OPENED))  # there was no spare memory
        return list(arguments.values())
    try:
        return checked(error, **arguments)
    except BaseException as reason:
        if reason is not error:
            raise
    library, number = opened_number
    if not number and opened is not None:  # if there is a number, another thread may already use the memory
        library, number = ffi.cast(_TABLE, opened[3]), handle("handle", opened[0])
    if number:
        close(library, number, *disposition)
    return None


@repr_if_half_made
class Library(WindowsFunctions, NotCopied):
    """A PC/SC library loaded by path or name, with the SCard* functions as methods.

    Several libraries may be loaded at the same time. Each stays loaded until the process ends. A method returns the
    code ``errors.E_INVALID_DATA`` (0x8007000D) if the library says that it succeeded, but its answer is impossible: a
    length above the room that it had, or a name without an end.

    Args:
        path: a file, or a name that the system's loader looks up.

    Raises:
        LibraryNotFoundError: no such file exists.
        LibraryNotLoadableError: the system's loader refuses the file.
        MissingSymbolError: the file is not a PC/SC library.
        OutOfMemoryError: there is not enough memory.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._table = open_table(path)
        self._address = address_of(self._table)

    @classmethod
    def default(cls) -> Library:
        """Return the present default library: the platform's, or the one that ``SCARDFFI_LIBRARY`` names.

        If the default changes later, the returned object keeps its library.

        Raises:
            LibraryError: no PC/SC library can be loaded.
        """
        library = cls.__new__(cls)
        library._table = default_table()  # noqa: SLF001  an attribute of this class
        library._address = address_of(library._table)  # noqa: SLF001  the same
        return library

    @property
    def native(self) -> Api:
        """The library in C (``scardffi_library *``)."""
        return self._table

    def traced(self) -> Library:
        """Return the same library with functions that record each call and pass it on (:func:`scardffi.trace.record`).

        Raises:
            LibraryError: the trace library cannot be loaded, or records eight libraries already.
        """
        library = type(self).__new__(type(self))
        library._table = traced_table(self.native)  # noqa: SLF001  an attribute of this class
        library._address = address_of(library._table)  # noqa: SLF001  the same
        return library

    @property
    def trace_slot(self) -> int:
        """The number of a traced library in the trace library; -1 for other libraries."""
        return lib.pcsc_trace_slot(self.native)

    def info(self) -> LibraryInfo:
        """Return the path of the library, its version if its file name has one, and the functions that it has."""
        from ._library_info import library_info

        return library_info(self.native)

    def __eq__(self, other: object) -> bool:
        return self.native == other.native if isinstance(other, Library) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.native)

    def __repr__(self) -> str:
        return f"<scardffi.Library {self.info().path}{', traced' if self.trace_slot >= 0 else ''}>"

    # Contexts

    def SCardEstablishContext(self, scope: SupportsIndex) -> tuple[int, int]:
        """Open a context. Wraps ``SCardEstablishContext``.

        Args:
            scope: a :class:`~scardffi.constants.Scope`.

        Returns:
            (code, context)
        """
        opened: Any = None
        context = 0
        try:
            if type(scope) not in NUMBERS:
                refuse()
            context = _establish(self._table, scope, opened := _take())
            if context:
                _give(opened)
                return 0, context
        except BaseException as error:
            given = _checked_or_closed(error, opened, (self._table, context), _release, scope=scope)
            if given is None:
                raise
            return self.SCardEstablishContext(*given)
        return check_present(opened[2], "SCardEstablishContext"), 0

    def SCardReleaseContext(self, context: SupportsIndex) -> int:
        """Close a context and every handle that was connected on it. Wraps ``SCardReleaseContext``.

        On pcsc-lite it does not wake a thread that waits on the context: cancel the wait and join the thread first.
        """
        try:
            code = _release(self._table, context) if type(context) in NUMBERS else refuse()
        except (TypeError, OverflowError) as error:
            return self.SCardReleaseContext(*checked(error, context=context))
        return code and check_present(code, "SCardReleaseContext")

    def SCardIsValidContext(self, context: SupportsIndex) -> int:
        """Return 0 if a context is open, otherwise an error code. Wraps ``SCardIsValidContext``.

        On pcsc-lite the code stays 0 after the daemon was restarted.
        """
        try:
            code = _is_valid(self._table, context) if type(context) in NUMBERS else refuse()
        except (TypeError, OverflowError) as error:
            return self.SCardIsValidContext(*checked(error, context=context))
        return code and check_present(code, "SCardIsValidContext")

    def SCardCancel(self, context: SupportsIndex) -> int:
        """Wake the thread that waits in SCardGetStatusChange on this context. Wraps ``SCardCancel``.

        It is the one function that may use a context while another thread waits on it. It has no effect on a wait
        that begins later, so repeat it until the waiting thread has ended.
        """
        try:
            code = _cancel(self._table, context) if type(context) in NUMBERS else refuse()
        except (TypeError, OverflowError) as error:
            return self.SCardCancel(*checked(error, context=context))
        return code and check_present(code, "SCardCancel")

    def SCardFreeMemory(self, context: SupportsIndex, memory: SupportsIndex) -> int:
        """Free memory that the library allocated for an SCARD_AUTOALLOCATE call. Wraps ``SCardFreeMemory``.

        Only such calls of C code, or of ``scardffi.lib``, need it: the functions here return Python objects.

        Args:
            context: the context of that call.
            memory: the address of the memory.
        """
        code = lib.pcsc_SCardFreeMemory(self._table, handle("context", context), address("memory", memory))
        return check_present(code, "SCardFreeMemory")

    def pcsc_stringify_error(self, code: SupportsIndex) -> str:
        """Return the library's text for a return code. Wraps ``pcsc_stringify_error`` (pcsc-lite and macOS).

        Args:
            code: an unsigned 32-bit number, such as a :class:`~scardffi.constants.ReturnCode`.
        """
        message = lib.pcsc_stringify(self.native, dword("code", code))
        if not message:
            raise from_hresult(E_NOTIMPL, "pcsc_stringify_error")
        return os.fsdecode(ffi.string(message))

    # Readers

    def SCardListReaders(
        self, context: SupportsIndex, groups: str | Iterable[str] | None = None
    ) -> tuple[int, list[str]]:
        """Return the names of the readers. Wraps ``SCardListReaders``.

        Args:
            context: an open context.
            groups: one reader group or several, to list only their readers; None for all readers. pcsc-lite ignores
                groups.

        Returns:
            (code, names); without readers the code is SCARD_E_NO_READERS_AVAILABLE
        """
        wanted = _NULL if groups is None else multi_string("groups", groups)
        return fetch_multi_string("SCardListReaders", _list_readers, self._table, handle("context", context), wanted)

    def SCardListReaderGroups(self, context: SupportsIndex) -> tuple[int, list[str]]:
        """Return the names of the reader groups. Wraps ``SCardListReaderGroups``.

        Returns:
            (code, names)
        """
        number = handle("context", context)
        return fetch_multi_string("SCardListReaderGroups", lib.pcsc_list_reader_groups, self._table, number)

    def SCardGetStatusChange(
        self, context: SupportsIndex, timeout: SupportsIndex, states: Sequence[tuple[str, int]]
    ) -> tuple[int, list[tuple[int, bytes]]]:
        """Wait until the state of a reader differs from the given state. Wraps ``SCardGetStatusChange``.

        Ctrl-C does not end the wait; :meth:`SCardCancel` from another thread does.

        Args:
            context: an open context that no other thread uses at the same time, except for :meth:`SCardCancel`.
            timeout: milliseconds; 0 to return at once, INFINITE to wait without limit.
            states: pairs of (reader, current state). The current state is 0 (UNAWARE) at first, and then the event
                state of the last call without its bit CHANGED; the high word is the event counter. For
                :data:`~scardffi.constants.PNP_NOTIFICATION` 0 does not return at once.

        Returns:
            (code, [(event state, ATR), ...]) in the order of ``states``
        """
        number, milliseconds = handle("context", context), dword("timeout", timeout)
        count, names, current, results = reader_states(states)
        code = _get_status_change(self._table, number, milliseconds, count, names, current, results)
        return code and check_present(code, "SCardGetStatusChange"), state_results(results)

    # Cards

    def SCardConnect(
        self, context: SupportsIndex, reader: str, share_mode: SupportsIndex, protocols: SupportsIndex
    ) -> tuple[int, int, int]:
        """Open a card handle. Wraps ``SCardConnect``.

        While another handle holds a transaction, the call waits without limit and cannot be interrupted.

        Args:
            context: an open context that no other thread uses at the same time.
            reader: a name from :meth:`SCardListReaders`.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: one or several of :class:`~scardffi.constants.Protocol`.

        Returns:
            (code, handle, active protocol)
        """
        opened: Any = None
        card = 0
        try:
            if type(context) not in NUMBERS or type(share_mode) not in NUMBERS or type(protocols) not in NUMBERS:
                refuse()
            card = _connect(self._table, context, _reader_name(reader), share_mode, protocols, opened := _take())
            protocol = opened[1]
            if card:
                _give(opened)
                return 0, card, protocol
        except BaseException as error:
            names = {"context": context, "reader": reader, "share_mode": share_mode, "protocols": protocols}
            number = self._table, card
            given = _checked_or_closed(error, opened, number, _disconnect, Disposition.LEAVE, **names)
            if given is None:
                raise
            return self.SCardConnect(*given)
        return check_present(opened[2], "SCardConnect"), 0, protocol

    def SCardReconnect(
        self,
        card: SupportsIndex,
        share_mode: SupportsIndex,
        protocols: SupportsIndex,
        initialization: SupportsIndex,
    ) -> tuple[int, int]:
        """Connect an open handle again, for example after a reset. Wraps ``SCardReconnect``.

        Args:
            card: an open card handle.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: one or several of :class:`~scardffi.constants.Protocol`.
            initialization: a :class:`~scardffi.constants.Disposition`.

        Returns:
            (code, active protocol)
        """
        try:
            if (
                type(card) not in NUMBERS
                or type(share_mode) not in NUMBERS
                or type(protocols) not in NUMBERS
                or type(initialization) not in NUMBERS
            ):
                refuse()
            packed = _reconnect(self._table, card, share_mode, protocols, initialization)
        except (TypeError, OverflowError) as error:
            names = {"card": card, "share_mode": share_mode, "protocols": protocols, "initialization": initialization}
            return self.SCardReconnect(*checked(error, **names))
        code = packed & 0xFFFFFFFF
        return code and check_present(code, "SCardReconnect"), packed >> 32

    def SCardDisconnect(self, card: SupportsIndex, disposition: SupportsIndex) -> int:
        """Close a card handle. Wraps ``SCardDisconnect``.

        Each :class:`~scardffi.SCardManage` that is attached to the handle counts as detached afterwards.

        Args:
            card: an open card handle.
            disposition: a :class:`~scardffi.constants.Disposition`.
        """
        try:
            if type(card) not in NUMBERS or type(disposition) not in NUMBERS:
                refuse()
            code = _disconnect(self._table, card, disposition)
        except (TypeError, OverflowError) as error:
            return self.SCardDisconnect(*checked(error, card=card, disposition=disposition))
        return code and check_present(code, "SCardDisconnect")

    def SCardBeginTransaction(self, card: SupportsIndex) -> int:
        """Begin a transaction, which keeps other handles from the card. Wraps ``SCardBeginTransaction``.

        While another handle holds a transaction, the call waits without limit and cannot be interrupted.
        """
        opened: Any = None
        begun = 0
        try:
            if type(card) not in NUMBERS:
                refuse()
            begun = _begin(self._table, card, opened := _take())
            if begun:
                _give(opened)
                return 0
        except BaseException as error:
            number = self._table, begun
            given = _checked_or_closed(error, opened, number, _end, Disposition.LEAVE, card=card)
            if given is None:
                raise
            return self.SCardBeginTransaction(*given)
        return check_present(opened[2], "SCardBeginTransaction")

    def SCardEndTransaction(self, card: SupportsIndex, disposition: SupportsIndex) -> int:
        """End a transaction. Wraps ``SCardEndTransaction``.

        Args:
            card: the handle that began it.
            disposition: a :class:`~scardffi.constants.Disposition`.
        """
        try:
            if type(card) not in NUMBERS or type(disposition) not in NUMBERS:
                refuse()
            code = _end(self._table, card, disposition)
        except (TypeError, OverflowError) as error:
            return self.SCardEndTransaction(*checked(error, card=card, disposition=disposition))
        return code and check_present(code, "SCardEndTransaction")

    def SCardStatus(self, card: SupportsIndex) -> tuple[int, str, int, int, bytes]:
        """Return reader, state, protocol and ATR of a connected card. Wraps ``SCardStatus``.

        It waits while another handle holds a transaction.

        Returns:
            (code, reader, state, active protocol, ATR); the state consists of bits of
            :class:`~scardffi.constants.CardState`; on Windows it is one of the numbers 0 to 6 instead
        """
        code, reader, state, protocol, atr = fetch_status(_status, self._table, handle("card", card))
        return code and check_present(code, "SCardStatus"), reader, state, protocol, atr

    def SCardTransmit(
        self, card: SupportsIndex, protocol: SupportsIndex, command: Buffer, response: Buffer
    ) -> tuple[int, int]:
        """Send a command to the card and receive its response. Wraps ``SCardTransmit``.

        It cannot be interrupted. If the code is SCARD_E_INSUFFICIENT_BUFFER, the card has executed the command.

        Args:
            card: an open card handle that no other thread uses at the same time.
            protocol: the active :class:`~scardffi.constants.Protocol`.
            command: the command APDU, a contiguous buffer.
            response: receives the response with its status word; a writable, contiguous buffer.

        Returns:
            (code, length of the response in bytes); with SCARD_E_INSUFFICIENT_BUFFER the length that the response needs
        """
        if calls is not None:
            answer: tuple[int, int] | None = calls.transmit(self._address, card, protocol, command, response)
            if answer is not None:
                return answer  # else nothing was sent: an argument is wrong or to be converted, or no library is loaded
        pci = ffi.new("SCARD_IO_REQUEST *", (dword("protocol", protocol), ffi.sizeof("SCARD_IO_REQUEST")))
        number = handle("card", card)
        send, receive = pair_of_buffers(command, response)
        length = ffi.new("DWORD *", len(receive))
        code = lib.pcsc_SCardTransmit(self._table, number, pci, send, len(send), ffi.NULL, receive, length)
        return check_present(possible(code, length[0], len(receive)), "SCardTransmit"), length[0]

    def SCardControl(
        self, card: SupportsIndex, control_code: SupportsIndex, command: Buffer, response: Buffer
    ) -> tuple[int, int]:
        """Send a command to the reader's driver. Wraps ``SCardControl``.

        Args:
            card: an open card handle that no other thread uses at the same time.
            control_code: see :func:`~scardffi.constants.control_code`. Code 3400 asks for the features of PC/SC part
                10; :func:`scardffi.services.pin_structures.decode_features` reads the answer.
            command: the bytes for the driver, a contiguous buffer; ``b""`` for none.
            response: receives the answer; a writable, contiguous buffer.

        Returns:
            (code, length of the answer in bytes)
        """
        number, control = handle("card", card), dword("control_code", control_code)
        send, receive = pair_of_buffers(command, response)
        packed = lib.pcsc_control(self._table, number, control, send, len(send), receive, len(receive))
        code = packed & 0xFFFFFFFF
        return code and check_present(code, "SCardControl"), packed >> 32

    def SCardGetAttrib(self, card: SupportsIndex, attribute: SupportsIndex, value: Buffer) -> tuple[int, int]:
        """Read an attribute of the reader or card. Wraps ``SCardGetAttrib``.

        Args:
            card: an open card handle.
            attribute: an :class:`~scardffi.constants.Attribute`.
            value: receives the value; a writable, contiguous buffer, on pcsc-lite of at most 264 bytes.

        Returns:
            (code, length of the value in bytes). The length counts only if the code is 0, or
            SCARD_E_INSUFFICIENT_BUFFER: then it is the length that is needed; ``bytearray()`` asks for it.
        """
        number, which = handle("card", card), dword("attribute", attribute)
        receive = writable("value", value)
        packed = lib.pcsc_get_attribute(self._table, number, which, receive, len(receive))
        code = packed & 0xFFFFFFFF
        return code and check_present(code, "SCardGetAttrib"), packed >> 32

    def SCardSetAttrib(self, card: SupportsIndex, attribute: SupportsIndex, value: Buffer) -> int:
        """Write an attribute of the reader. Wraps ``SCardSetAttrib``.

        Args:
            card: an open card handle.
            attribute: an :class:`~scardffi.constants.Attribute`.
            value: the new value, a contiguous buffer.
        """
        number, which = handle("card", card), dword("attribute", attribute)
        send = readable("value", value)
        code = lib.pcsc_SCardSetAttrib(self._table, number, which, send, len(send))
        return code and check_present(code, "SCardSetAttrib")


def chosen_library(library: Library | None) -> Library:
    """Check a library argument, and return the default library for None."""
    if library is None:
        return Library.default()
    if not isinstance(library, Library):
        raise TypeError(f"library: expected a scardffi.Library or None, got {type(library).__name__}")
    return library
