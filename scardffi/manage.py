"""SCardManage: the manage object, and the one connection class.

The object in C (csrc/manage.c) does the work and answers HRESULTs; this class turns arguments into what C
takes and answers into values and exceptions. Any thread may call any method: calls on one card handle take
turns in C, each caller gets its own answer, and other cards do not wait.
"""

from __future__ import annotations

import _thread
import sys
import time
import warnings
from collections import namedtuple

from ._arguments import (
    HANDLE_BITS,
    UNSIGNED_CHARS,
    dword,
    flags,
    handle,
    integer,
    invalid,
    locked,
    member,
    pair_of_buffers,
    readable,
    release,
    seconds,
    text,
    writable,
)
from ._loader import ffi, lib, owning
from ._reaper import close_later
from .constants import MAX_BUFFER_SIZE_EXTENDED, CardState, Disposition, Flow, Protocol, Scope, ShareMode
from .errors import (
    E_INVALIDARG,
    E_OUTOFMEMORY,
    E_UNEXPECTED,
    InvalidArgumentError,
    InvalidHandleError,
    SCardError,
    from_hresult,
    status_word_error,
)
from .exchange import Exchange, exchange_error, state_detail
from .library import Library, chosen_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Any, Final, Self, SupportsIndex
    from uuid import UUID

    from typing_extensions import Buffer

    from ._attachment import Attachment
    from ._native import Bytes, CData, Manage, Memory, Slot
    from .iso7816.status_word import StatusTable
    from .services.card_auth import CardAuth
    from .services.ch_verification import CHVerification
    from .services.codes import Padding
    from .services.file_access import FileAccess
    from .services.transmitter import Turns

_SHARING_VIOLATION: Final = 0x8010000B
_TIMEOUT: Final = 0x8010000A
_INSUFFICIENT_BUFFER: Final = 0x80100008
_ATTRIBUTE_ROOM: Final = 264  # pcsc-lite refuses more
_NAME_ROOM: Final = 256
_ATR_ROOM: Final = 36
_SPARE_SLOTS: Final = 8
_LOCK_POLL: Final = 0.005
_WRAPPERS: Final = 16
_STRETCH_MS: Final = 50
_SW_SUCCESS: Final = 0x9000
_FILE_END: Final = 1 << 24
_SHORT_READ: Final = 256
_SHORT_UPDATE: Final = 255
_LONGEST_READ: Final = 65536
_LONGEST_UPDATE: Final = 65535

_turns_lock: Final = _thread.allocate_lock()
_slot_send: Final = lib.exchange_slot_send
_plain: Final = lib.exchange_plain
_from_buffer: Final = ffi.from_buffer


class Status(namedtuple("Status", "reader state protocol atr")):
    """What SCardStatus tells of an attached card."""

    __slots__ = ()

    reader: str
    """The reader's name."""
    state: CardState
    """The card's state."""
    protocol: Protocol
    """The active protocol."""
    atr: bytes
    """The card's answer to reset."""


class SCardManage:
    """A card that one attaches to, by a handle that somebody opened or by its reader, and then talks to.

    The modern form of ISCardManage in Microsoft's smart card model. The object may be used again after
    :meth:`detach`. As a context manager it detaches at the end.

    Args:
        library: the PC/SC library; None for the default one as it is now.
        owner: anything to be kept alive with the object.

    Raises:
        LibraryError: there is no PC/SC library to load.
        OutOfMemoryError: memory is out.
    """

    def __init__(self, library: Library | None = None, *, owner: object = None) -> None:
        self._library = chosen_library(library)
        self._owner = owner
        self._held: object = None
        self._spare: list[tuple[Slot, Memory]] = []
        self._detachments = 0
        self._turns: Turns | None = None
        out = ffi.new("scardffi_manage **")
        self._check(lib.manage_new(self._library.native, out), "SCardManage")
        self._native: Manage = owning(out[0], lib.manage_free)

    # attach and detach

    def attach_by_handle(self, handle: object, *, owned: bool = False, share_mode: SupportsIndex | None = None) -> Self:
        """Attach to a card by a handle that somebody opened in this process with the same library.

        The handle is validated at once, without waiting for a transaction of another handle. It does wait for its
        turn where a call on this very handle is under way, and for a command that the card is just executing.
        Follows ISCardManage::AttachByHandle.

        Args:
            handle: an int, or an object with ``__index__``; an integer of cffi or a pointer to one (read
                through); an integer of ctypes; another SCardManage; or an object with ``hcard``, such as
                pyscard's connection or a decorator around it. It is kept alive until :meth:`detach`.
            owned: whether :meth:`detach` shall disconnect the handle. Else it stays open, for its owner.
            share_mode: how the handle was opened, if you know. No PC/SC call tells, and :meth:`reconnect`
                needs it; not even another SCardManage hands its own on.

        Returns:
            The object itself.

        Raises:
            InvalidHandleError: the number is no valid handle here (HRESULT E_INVALIDARG).
            UnexpectedStateError: the object is attached already; that attachment stays.
            OutOfMemoryError: memory is out.
            SCardError: what else the resource manager said, such as RemovedCardError.
            TypeError: ``handle`` is none of the above.
        """
        if not isinstance(owned, bool):
            raise TypeError(f"owned: expected a bool, got {owned!r}")
        number = _handle_number(handle, self._library)
        mode = 0 if share_mode is None else int(member("share_mode", share_mode, ShareMode))
        said = ffi.new("uint32_t *")
        result = lib.manage_attach_by_handle(self._native, number, owned, mode, said)
        if result == E_INVALIDARG:
            raise _invalid_handle(number, said[0])
        self._check(result, "attach_by_handle", code=said[0])
        self._held = handle
        return self

    def attach_by_ifd(
        self,
        reader: str,
        share_mode: SupportsIndex = ShareMode.SHARED,
        protocols: SupportsIndex = Protocol.ANY,
        *,
        scope: SupportsIndex = Scope.SYSTEM,
    ) -> Self:
        """Attach to the card in a reader, on a native context of the attachment's own. Wraps ``SCardConnect``.

        It waits without bound, and cannot be interrupted, while another handle holds a transaction. Follows
        ISCardManage::AttachByIFD.

        Args:
            reader: the reader's name.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: a :class:`~scardffi.constants.Protocol`, or several; UNDEFINED with ShareMode.DIRECT alone.
            scope: a :class:`~scardffi.constants.Scope`.

        Returns:
            The object itself.

        Raises:
            UnknownReaderError, NoSmartCardError, SharingViolationError, ProtocolMismatchError,
            UnresponsiveCardError: as their names say.
            NoServiceError: the resource manager does not run.
            UnexpectedStateError: the object is attached already; that attachment stays.
        """
        mode = member("share_mode", share_mode, ShareMode)
        result = lib.manage_attach_by_ifd(
            self._native, member("scope", scope, Scope), text("reader", reader), mode, _protocols(protocols, mode)
        )
        self._check(result, "attach_by_ifd", f"{reader!r}")
        return self

    def detach(self, disposition: SupportsIndex | None = None) -> None:
        """Let go of the card. Wraps ``SCardDisconnect`` for a handle that is the object's own.

        A borrowed handle stays open; transactions that this object began on it and did not end are ended. It
        waits for a call that is under way on the handle. After an error from the resource manager the object
        is detached all the same. Follows ISCardManage::Detach.

        Args:
            disposition: what becomes of the card, a :class:`~scardffi.constants.Disposition`; LEAVE unless
                given. For a borrowed handle none may be given.

        Raises:
            UnexpectedStateError: the object is not attached.
            InvalidArgumentError: no such disposition, or one for a borrowed handle; it stays attached.
        """
        chosen = Disposition.LEAVE if disposition is None else member("disposition", disposition, Disposition)
        if disposition is not None and self.is_attached and not lib.manage_is_owned(self._native):
            raise invalid("disposition", chosen, "none: the handle is borrowed and stays open for its owner")
        self._check(self._let_go(chosen), "detach")

    def _let_go(self, disposition: Disposition) -> int:
        held = self._held
        result = lib.manage_detach(self._native, disposition)
        if result != E_UNEXPECTED:
            self._detachments += 1
            self._forget_selection()
            if self._held is held:
                self._held = None
        return result

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        result = self._let_go(Disposition.LEAVE)
        if error is None and result != E_UNEXPECTED:  # else somebody has detached it already
            self._check(result, "detach")

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # Under a name of its own, _warn is there even when the interpreter is ending.
        native = getattr(self, "_native", None)
        if native is None or not self.is_attached or not lib.manage_needs_detach(native):
            return
        kept = self._owner, self._held
        message = f"{self!r} was collected while attached; call detach()"
        close_later(lambda: (lib.manage_detach(native, Disposition.LEAVE), kept))
        _warn(message, ResourceWarning, source=self)

    def reconnect(
        self,
        share_mode: SupportsIndex | None = None,
        protocols: SupportsIndex = Protocol.ANY,
        initialization: SupportsIndex = Disposition.LEAVE,
    ) -> None:
        """Establish the connection anew, after ResetCardError for instance. Wraps ``SCardReconnect``.

        What was selected and verified on the card must be so again. It waits without bound, and cannot be
        interrupted, while another handle holds a transaction. Windows drops a transaction of one's own here,
        pcsc-lite keeps it. Follows ISCardManage::Reconnect.

        Args:
            share_mode: a :class:`~scardffi.constants.ShareMode`; the attachment's own unless given. For a
                borrowed handle attached without its share mode it must be given: a guess could give up
                exclusive access.
            protocols: a :class:`~scardffi.constants.Protocol`, or several.
            initialization: LEAVE, RESET or UNPOWER of :class:`~scardffi.constants.Disposition`.

        Raises:
            UnexpectedStateError: the object is not attached.
            InvalidArgumentError: an argument is not allowed, or the share mode is missing.
            SCardError: what the resource manager said.
        """
        mode = 0 if share_mode is None else int(member("share_mode", share_mode, ShareMode))
        start = member("initialization", initialization, Disposition)
        if start == Disposition.EJECT:
            raise invalid("initialization", start, "LEAVE, RESET or UNPOWER")
        result = lib.manage_reconnect(self._native, mode, _protocols(protocols, mode), start)
        detail = ""
        if result == E_INVALIDARG:
            detail = "share_mode must be given: it is not known how this borrowed handle was opened"
        self._check(result, "reconnect", detail)
        self._forget_selection()

    # transactions

    def lock(self, timeout: float | None = None) -> None:
        """Begin a transaction: no other handle reaches the card until it ends. Wraps ``SCardBeginTransaction``.

        It keeps other handles out, and not the other threads that use this object or this handle. Transactions
        nest. Windows resets a card after 5 s without a call inside one. Follows
        ISCardManage::SCardLock.

        Args:
            timeout: seconds to wait for the transaction of another handle to end; None to wait without bound,
                which cannot be interrupted. With a time the wait can be interrupted: the card is probed with
                ``SCardGetAttrib``, which pcsc-lite refuses while another handle holds it. The bound does not
                hold for a command that another handle has running, for a call on this very handle that another thread
                waits in, nor where a third handle is faster at the very end.

        Raises:
            SCardTimeoutError: the time is over.
            UnexpectedStateError: the object is not attached.
            CardStateError: the card was reset or removed.
        """
        limit = seconds("timeout", timeout)
        if limit is not None:
            self._wait_until_free(limit)
        self._check(lib.manage_lock(self._native), "lock")

    def _wait_until_free(self, limit: float) -> None:
        end = time.perf_counter() + limit  # steady too, and fine: monotonic() ticks in 16 ms on Windows
        while True:
            result = lib.manage_probe(self._native)
            if result != _SHARING_VIOLATION:
                return self._check(result, "lock")
            left = end - time.perf_counter()
            if left <= 0:
                raise from_hresult(_TIMEOUT, "lock", f"another handle held the card for {limit} s")
            time.sleep(min(_LOCK_POLL, left))

    def unlock(self, disposition: SupportsIndex = Disposition.LEAVE) -> None:
        """End the transaction. Wraps ``SCardEndTransaction``. Follows ISCardManage::SCardUnlock.

        Args:
            disposition: what becomes of the card, a :class:`~scardffi.constants.Disposition`. After RESET
                pcsc-lite wants a :meth:`reconnect` of this object too.

        Raises:
            NotTransactedError: there is none.
            UnexpectedStateError: the object is not attached.
        """
        chosen = member("disposition", disposition, Disposition)
        self._check(lib.manage_unlock(self._native, chosen), "unlock")
        if chosen != Disposition.LEAVE:
            self._forget_selection()

    def transaction(self) -> AbstractContextManager[SCardManage]:
        """A context manager that locks at its start and unlocks at its end.

        An error of the unlock never hides an exception of the body.
        """
        return _Transaction(self)

    # what the card and the reader say

    def status(self) -> Status:
        """Reader, state, protocol and ATR. Wraps ``SCardStatus``. Follows ISCardManage::Status.

        It waits, and cannot be interrupted, while another handle holds a transaction.

        Raises:
            CardStateError: the card was reset or removed.
            UnexpectedStateError: the object is not attached.
        """
        numbers = ffi.new("uint32_t[4]")
        reader = ffi.new("char[]", _NAME_ROOM)
        atr = ffi.new("unsigned char[]", _ATR_ROOM)
        numbers[2], numbers[3] = _NAME_ROOM, _ATR_ROOM
        result = lib.manage_status(self._native, numbers, numbers + 1, reader, numbers + 2, atr, numbers + 3)
        if result == _INSUFFICIENT_BUFFER and numbers[2] > _NAME_ROOM:
            reader = ffi.new("char[]", numbers[2])
            numbers[3] = _ATR_ROOM
            result = lib.manage_status(self._native, numbers, numbers + 1, reader, numbers + 2, atr, numbers + 3)
        self._check(result, "status")
        name = bytes(ffi.buffer(reader)).partition(b"\0")[0].decode("utf-8", "surrogateescape")
        answer = bytes(ffi.buffer(atr)[0 : min(numbers[3], _ATR_ROOM)])
        return Status(name, CardState(numbers[0]), Protocol(numbers[1]), answer)

    @property
    def atr(self) -> bytes:
        """The card's answer to reset, as :meth:`status` has it."""
        return self.status().atr

    @property
    def protocol(self) -> Protocol:
        """The active protocol, as :meth:`status` has it."""
        return self.status().protocol

    @property
    def handle(self) -> int:
        """The card handle as a plain int.

        Raises:
            UnexpectedStateError: the object is not attached.
        """
        out = ffi.new("SCARDHANDLE *")
        if not lib.manage_handle(self._native, out):
            self._check(E_UNEXPECTED, "handle")
        return int(out[0])

    @property
    def is_attached(self) -> bool:
        """Whether the object has a card handle. It does not ask whether the card is still there."""
        return bool(lib.manage_handle(self._native, ffi.new("SCARDHANDLE *")))

    @property
    def native(self) -> Manage:
        """The object in C (``scardffi_manage *``); for :mod:`scardffi.embed`, while this object lives."""
        return self._native

    @property
    def library(self) -> Library:
        """The PC/SC library that the object uses."""
        return self._library

    # exchanges

    def transmit(self, command: Buffer, flow: SupportsIndex = 0) -> bytes:
        """Send a command APDU and receive the response. Wraps ``SCardTransmit`` (ISO/IEC 7816-4, clause 5).

        It cannot be interrupted. It is never repeated: after an error the card may have executed the command.

        Args:
            command: 1 to 65548 bytes in a contiguous buffer.
            flow: a :class:`~scardffi.constants.Flow`, or several: what is done on 61xx, on 6Cxx and with an extended
                command; nothing unless asked for.

        Returns:
            The response, its last two bytes the status word.

        Raises:
            InvalidArgumentError: no command, or one that is too long; nothing was sent.
            CardStateError: the card was reset, removed or switched off.
            ProtocolMismatchError: the owner of a borrowed handle has reconnected it; attach again.
            InsufficientBufferError: a continued response is longer than 65548 bytes; ``partial`` holds what arrived.
            UnexpectedStateError: the object is not attached.
        """
        if flow or type(command) is not bytes:
            return self._transmit_any(command, flow)
        spares = self._spare
        try:
            spare = spares.pop()
        except IndexError:
            pass  # an exchange from here would have this for the context of what it raises
        else:
            slot, response = spare
            length = _slot_send(slot, command, len(command))
            if length >= 0:
                answer: bytes = response[:length]
                spares.append(spare)
                return answer
            spares.append(spare)
            raise self._exchange_error("transmit", length, command)
        return self._transmit_any(command, 0)

    def _transmit_any(self, command: Buffer, flow: SupportsIndex) -> bytes:
        """What is not the common case: a continued exchange, a command that is no bytes, or no slot to spare."""
        if flow:
            chosen = flags("flow", flow, Flow)
            return self._transmit_with_flow(readable("command", command), chosen)
        try:
            slot, response = self._spare.pop()
        except IndexError:
            slot, response = self._new_slot()
        send = readable("command", command)
        length = _slot_send(slot, send, len(send))
        answer: bytes = response[: max(length, 0)]
        if type(command) is not bytes:  # it may be secret, and the response an echo of it
            lib.platform_wipe(lib.exchange_slot_response(slot), length if length >= 0 else MAX_BUFFER_SIZE_EXTENDED)
        if len(self._spare) < _SPARE_SLOTS:
            self._spare.append((slot, response))
        if length < 0:
            raise self._exchange_error("transmit", length, send)
        return answer

    def _new_slot(self) -> tuple[Slot, Memory]:
        slot = lib.exchange_slot_new(self._native)
        if not slot:
            raise from_hresult(E_OUTOFMEMORY, "transmit")
        # Its bytes: slicing it makes the one bytes object, faster than ffi.unpack does.
        response = ffi.buffer(lib.exchange_slot_response(slot), MAX_BUFFER_SIZE_EXTENDED)
        return owning(slot, lib.exchange_slot_free), response

    def _transmit_with_flow(self, send: Bytes, flow: int) -> bytes:
        response = ffi.new("char[]", MAX_BUFFER_SIZE_EXTENDED)
        memory = ffi.cast("unsigned char *", response)
        source = ffi.from_buffer(send) if type(send) is bytes else send
        arrived = ffi.new("uint32_t *")
        length = lib.exchange_transmit(self._native, flow, source, len(send), memory, MAX_BUFFER_SIZE_EXTENDED, arrived)
        if length < 0:
            raise self._exchange_error("transmit", length, send, arrived=arrived[0], partial=response)
        answer = bytes(ffi.buffer(response, length))
        if type(send) is not bytes:  # as in _transmit_any
            lib.platform_wipe(response, length)
        return answer

    def transmit_into(self, command: Buffer, response: Buffer, flow: SupportsIndex = 0) -> int:
        """Send a command APDU and receive the response in the caller's memory. Wraps ``SCardTransmit``.

        Nothing is copied on the way: the library writes into ``response``. As for :meth:`transmit` otherwise.

        Args:
            command: 1 to 65548 bytes in a contiguous buffer.
            response: a writable, contiguous buffer of 2 bytes or more that does not overlap the command.
            flow: a :class:`~scardffi.constants.Flow`, or several. Continuations land behind the bytes already there,
                over the status word.

        Returns:
            The length of the response in bytes, status word included.

        Raises:
            InsufficientBufferError: the response did not fit. The card has executed the command; ``required`` is the
                length that would have been enough. A continuation that would not fit is not asked for: ``arrived``
                bytes of data lie in ``response``.
            TypeError: a buffer is not contiguous, or ``response`` is read-only; nothing was sent.
            InvalidArgumentError: a length is not allowed, or the buffers overlap; nothing was sent.
        """
        if flow or type(command) is not bytes:
            return self._transmit_into_any(command, response, flow)
        try:
            receive = _from_buffer(UNSIGNED_CHARS, response, True)
        except (TypeError, ValueError, BufferError):
            receive = writable("response", response)  # words the error
        length = _plain(self._native, command, len(command), receive, len(receive))
        if length >= 0:
            return length
        raise self._exchange_error("transmit_into", length, command, receive)

    def _transmit_into_any(self, command: Buffer, response: Buffer, flow: SupportsIndex) -> int:
        send, receive = pair_of_buffers(command, response)
        if flow:
            return self._transmit_into_with_flow(send, receive, flow)
        length = _plain(self._native, send, len(send), receive, len(receive))
        if length < 0:
            raise self._exchange_error("transmit_into", length, send, receive)
        return length

    def _transmit_into_with_flow(self, send: Bytes, receive: CData, flow: SupportsIndex) -> int:
        try:
            chosen = flags("flow", flow, Flow)
        except (TypeError, ValueError):
            release(send, receive)
            raise
        arrived = ffi.new("uint32_t *")
        length = lib.exchange_transmit(self._native, chosen, send, len(send), receive, len(receive), arrived)
        if length < 0:
            raise self._exchange_error("transmit_into", length, send, receive, arrived[0])
        return length

    def exchange(self, command: Buffer, response: Buffer, *, flow: SupportsIndex = 0) -> Exchange:
        """Bind two buffers for many exchanges; see :class:`~scardffi.exchange.Exchange`."""
        return Exchange(self, command, response, flow)

    def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = _SHORT_READ) -> int:
        """Read the selected transparent file into the caller's memory (READ BINARY; ISO/IEC 7816-4, clause 11.2).

        Each chunk is received in place; 61xx and 6Cxx are followed. From offset 32768 on the odd instruction B1 is
        used. Ctrl-C has its turn at least every 100 ms where no single command takes longer.

        Args:
            buffer: a writable, contiguous buffer.
            offset: where to begin in the file, in bytes.
            chunk: the most bytes that one command asks for, 1 to 65536. Above 256 it takes extended commands, which
                not every card knows; with T=0 there are none, and 256 is used.

        Returns:
            The number of bytes read: fewer than the buffer's length where the file ends. Up to 8 bytes behind them
            may have been overwritten.

        Raises:
            StatusWordError: the card refused; ``sw`` is its status word and ``arrived`` the number of bytes read.
            SCardError: the exchange failed; ``arrived`` tells the same.
        """
        start = integer("offset", offset)
        most = _chunk(chunk, _LONGEST_READ)
        return self._whole_file(lib.binary_read, "read_binary_into", writable("buffer", buffer), start, most)

    def update_binary_from(self, buffer: Buffer, offset: int = 0, *, chunk: int = _SHORT_UPDATE) -> int:
        """Write the caller's memory into the selected transparent file (UPDATE BINARY; ISO/IEC 7816-4, clause 11.2).

        From offset 32768 on the odd instruction D7 is used. Ctrl-C has its turn as in :meth:`read_binary_into`.

        Args:
            buffer: what to write, a contiguous buffer.
            offset: where to begin in the file, in bytes.
            chunk: the most bytes that one command brings, 1 to 65535; above 255 as for :meth:`read_binary_into`.

        Returns:
            The number of bytes written, all of them.

        Raises:
            StatusWordError: the card refused; ``sw`` is its status word and ``arrived`` the number of bytes written.
            SCardError: the exchange failed; ``arrived`` tells the same.
        """
        start = integer("offset", offset)
        most = _chunk(chunk, _LONGEST_UPDATE)
        return self._whole_file(lib.binary_update, "update_binary_from", locked("buffer", buffer), start, most)

    def _whole_file(
        self,
        step: Callable[[Manage, CData, int, int, int, int, CData], int],
        function: str,
        memory: CData,
        offset: int,
        chunk: int,
    ) -> int:
        """Stretch by stretch, until C says that it is finished."""
        progress = ffi.new("uint32_t[3]")  # done, status word, finished: see binary_file.h
        size = len(memory)
        done: int = 0
        try:
            if not 0 <= offset <= _FILE_END - size:
                raise invalid("offset", offset, f"0 to {_FILE_END - size} for a buffer of {size} bytes")
            while True:
                failure = step(self._native, memory + done, size - done, offset + done, chunk, _STRETCH_MS, progress)
                done += progress[0]
                if failure < 0:
                    raise exchange_error(function, self._native, -failure & 0xFFFFFFFF, 0, 1, 2, done)
                if progress[2]:
                    break
        finally:
            release(memory)
        if progress[1] not in {0, _SW_SUCCESS}:
            raise status_word_error(function, progress[1], offset, done)
        return done

    def control(self, code: SupportsIndex, data: Buffer = b"") -> bytes:
        """Send a command to the reader's driver. Wraps ``SCardControl`` (PC/SC part 10).

        It cannot be interrupted.

        Args:
            code: see :func:`~scardffi.constants.control_code`.
            data: at most 65548 bytes in a contiguous buffer.

        Returns:
            What the driver answered.

        Raises:
            UnsupportedFeatureError: the driver does not know the code.
            SharingViolationError: another handle holds a transaction.
        """
        number = dword("code", code)
        response = ffi.new("unsigned char[]", MAX_BUFFER_SIZE_EXTENDED)
        received = ffi.new("uint32_t *")
        send = readable("data", data)
        size = len(send)
        result = lib.manage_control(self._native, number, send, size, response, MAX_BUFFER_SIZE_EXTENDED, received)
        release(send)
        if size > MAX_BUFFER_SIZE_EXTENDED:
            raise invalid("data", f"{size} bytes", f"at most {MAX_BUFFER_SIZE_EXTENDED} bytes")
        answer = bytes(ffi.buffer(response, received[0] if result == 0 else 0))
        if type(data) is not bytes:  # as in _transmit_any
            lib.platform_wipe(response, len(answer) if result == 0 else MAX_BUFFER_SIZE_EXTENDED)
        self._check(result, "control", f"SCardControl with code 0x{number:08X}")
        return answer

    def get_attribute(self, attribute: SupportsIndex) -> bytes:
        """Read an attribute of the reader or card. Wraps ``SCardGetAttrib`` (PC/SC part 3, section 3.1).

        Args:
            attribute: an :class:`~scardffi.constants.Attribute`, or a driver's own number.

        Raises:
            UnsupportedFeatureError: the driver does not know the attribute.
            SharingViolationError: another handle holds a transaction.
        """
        number = dword("attribute", attribute)
        value = ffi.new("unsigned char[]", _ATTRIBUTE_ROOM)
        length = ffi.new("uint32_t *", _ATTRIBUTE_ROOM)
        result = lib.manage_get_attribute(self._native, number, value, length)
        if result == _INSUFFICIENT_BUFFER and length[0] > _ATTRIBUTE_ROOM:
            value = ffi.new("unsigned char[]", length[0])
            result = lib.manage_get_attribute(self._native, number, value, length)
        self._check(result, "get_attribute", f"SCardGetAttrib for attribute 0x{number:08X}")
        return bytes(ffi.buffer(value, length[0]))

    def set_attribute(self, attribute: SupportsIndex, value: Buffer) -> None:
        """Write an attribute of the reader. Wraps ``SCardSetAttrib`` (PC/SC part 3, section 3.1).

        Args:
            attribute: an :class:`~scardffi.constants.Attribute`, or a driver's own number.
            value: its new value, a contiguous buffer.

        Raises:
            UnsupportedFeatureError: the driver does not know the attribute, or does not let it be set.
        """
        number = dword("attribute", attribute)
        send = readable("value", value)
        size = len(send)
        result = lib.manage_set_attribute(self._native, number, send, size)
        release(send)
        if not 1 <= size <= MAX_BUFFER_SIZE_EXTENDED:
            raise invalid("value", f"{size} bytes", f"1 to {MAX_BUFFER_SIZE_EXTENDED} bytes")
        self._check(result, "set_attribute", f"SCardSetAttrib for attribute 0x{number:08X}")

    # services

    def create_card_auth(self, *, cla: int = 0, table: StatusTable | None = None) -> CardAuth:
        """Authentication of the card, and to it. Follows ISCardManage::CreateCardAuth.

        This service and those below talk to the card that is attached now; once it was detached they raise
        UnexpectedStateError. There may be several of each. The ATR is read, for what the card can: that waits, and
        cannot be interrupted, while another handle holds a transaction.

        Args:
            cla: the class byte of its commands, 0 or that of a logical channel, for instance.
            table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.

        Raises:
            UnexpectedStateError: the object is not attached.
            CardStateError: the card was reset or removed.
        """
        from .services.card_auth import CardAuth

        return CardAuth(self._transmitter("create_card_auth"), cla=cla, table=table)

    def create_ch_verification(
        self,
        *,
        cla: int = 0,
        table: StatusTable | None = None,
        padding: Padding | str = "none",
        length: int = 8,
    ) -> CHVerification:
        """The codes of the card, PINs and passwords. Follows ISCardManage::CreateCHVerification.

        Args:
            cla: as for :meth:`create_card_auth`.
            table: the same.
            padding: how the card wants its codes filled up, a :class:`~scardffi.services.codes.Padding` or its value:
                "none", "FF" or "format 2".
            length: the bytes that they are filled up to, 1 to 255.

        Raises:
            ValueError: no such padding or length.
            UnexpectedStateError, CardStateError: as for :meth:`create_card_auth`.
        """
        from .services.ch_verification import CHVerification

        card = self._transmitter("create_ch_verification")
        return CHVerification(card, cla=cla, table=table, padding=padding, length=length)

    def create_file_access(self, *, cla: int = 0, table: StatusTable | None = None) -> FileAccess:
        """The files of the card. Follows ISCardManage::CreateFileAccess.

        Args:
            cla: as for :meth:`create_card_auth`.
            table: the same.

        Raises:
            UnexpectedStateError, CardStateError: as for :meth:`create_card_auth`.
        """
        from .services.file_access import FileAccess

        return FileAccess(self._transmitter("create_file_access"), cla=cla, table=table)

    def create_interface(self, id_or_name: UUID | str, data: Any = None) -> Any:
        """A service by its name or UUID, of this package or of another. Follows ISCardManage::CreateInterface.

        Args:
            id_or_name: one of :mod:`scardffi.services.interfaces`, which says how other packages bring theirs.
            data: for the service, which says what it may be; for those of this package None, or a dict of keyword
                arguments.

        Raises:
            InvalidArgumentError: there is none (HRESULT E_INVALIDARG); the message lists those that there are.
            UnexpectedStateError, CardStateError: as for :meth:`create_card_auth`.
            TypeError: ``id_or_name`` or ``data`` is of another type.
        """
        from .services.interfaces import UnknownInterfaceError, create

        try:
            return create(id_or_name, self._transmitter("create_interface"), data)
        except UnknownInterfaceError as error:
            raise InvalidArgumentError(str(error), hresult=E_INVALIDARG, function="create_interface") from None

    @property
    def turns(self) -> Turns:
        """What all services of this object share: they take turns, and know when another one has selected a file."""
        from .services.transmitter import Turns

        with _turns_lock:  # two threads may create the first services
            if self._turns is None:
                self._turns = Turns()
            return self._turns

    def _forget_selection(self) -> None:
        if self._turns is not None:
            self._turns.selected_by = None

    def _transmitter(self, function: str) -> Attachment:
        """The card that is attached now, and no other."""
        from ._attachment import Attachment

        if not self.is_attached:
            self._check(E_UNEXPECTED, function)
        number = self._detachments
        return Attachment(self, lambda: self._detachments == number)

    def __repr__(self) -> str:
        state = f"handle {self.handle}" if self.is_attached else "detached"
        return f"<scardffi.SCardManage {state}>"

    def _check(self, result: int, function: str, detail: str = "", *, code: int | None = None) -> None:
        """Raise for an HRESULT that is not S_OK."""
        if result == 0:
            return
        if result == E_UNEXPECTED:
            detail = state_detail(self._native, function)
        raise from_hresult(result, function, detail, code=code)

    def _exchange_error(
        self,
        function: str,
        answer: int,
        send: Bytes,
        receive: CData | None = None,
        arrived: int = 0,
        partial: CData | None = None,
    ) -> SCardError:
        """The error for a negative answer of an exchange, which csrc/transmit.h explains. Unlocks the buffers."""
        capacity = MAX_BUFFER_SIZE_EXTENDED if receive is None else len(receive)
        hresult, required = -answer & 0xFFFFFFFF, -answer >> 32
        error = exchange_error(function, self._native, hresult, required, len(send), capacity, arrived)
        if partial is not None:
            error.partial = bytes(ffi.buffer(partial, arrived))
            lib.platform_wipe(partial, MAX_BUFFER_SIZE_EXTENDED)
        release(send, *([] if receive is None else [receive]))
        return error


class _Transaction:
    """What SCardManage.transaction() gives."""

    def __init__(self, card: SCardManage) -> None:
        self._card = card

    def __enter__(self) -> SCardManage:
        self._card.lock()
        return self._card

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._card.unlock()
        except SCardError:
            if error is None:
                raise


def _chunk(chunk: int, most: int) -> int:
    """The most bytes that one command moves."""
    number = integer("chunk", chunk)
    if not 1 <= number <= most:
        raise invalid("chunk", number, f"1 to {most}")
    return number


def _handle_number(source: object, library: Library) -> int:
    """The card handle in whatever holds one; its forms stand in SCardManage.attach_by_handle."""
    if isinstance(source, SCardManage):
        if not source.is_attached and not lib.manage_is_forked(source.native):
            raise invalid("handle", source, "an object that is attached")
        if source.library != library:
            raise invalid("handle", source, f"an object that uses the same PC/SC library, {library!r}")
        return source.handle
    if isinstance(source, ffi.CData):
        return handle("handle", _cdata_integer(source))
    simple: Any = getattr(sys.modules.get("ctypes"), "_SimpleCData", ())  # the base class of c_long and its like
    if isinstance(source, simple):
        return handle("handle", integer("handle", getattr(source, "value")))  # noqa: B009  it has no type here
    for layer in _components(source):
        if hasattr(layer, "hcard"):
            if layer.hcard is None:
                raise invalid("handle", source, "a connection that is connected: its hcard is None")
            return handle("handle", integer("hcard", layer.hcard))
    return handle("handle", source)  # type: ignore[arg-type]  # what has no __index__ gets its TypeError there


def _protocols(value: SupportsIndex, share_mode: int) -> Protocol:
    """Protocols to choose from; none with ShareMode.DIRECT alone (0 stands for an unknown share mode)."""
    protocols = flags("protocols", value, Protocol)
    if not protocols and share_mode not in {0, ShareMode.DIRECT}:
        raise invalid("protocols", int(protocols), "one or more of T0, T1, RAW; none with ShareMode.DIRECT alone")
    return protocols


def _components(source: object) -> Iterator[Any]:
    """The object and those that it decorates, as pyscard's decorators hold them."""
    layer = source
    for _ in range(_WRAPPERS):
        yield layer
        layer = getattr(layer, "component", None)
        if layer is None:
            return


def _cdata_integer(value: CData) -> int:
    """An integer of cffi, or the one that a pointer to a type of a handle's size points to."""
    kind = ffi.typeof(value)
    if kind.kind == "pointer" and kind.item.kind == "primitive" and 8 * ffi.sizeof(kind.item) == HANDLE_BITS:
        if not value:
            raise invalid("handle", value, "a pointer that is not NULL")
        target: object = value[0]
        if isinstance(target, int) and not isinstance(target, bool):
            return target
    elif kind.kind == "primitive" and kind.cname not in {"_Bool", "float", "double", "long double", "char"}:
        return int(value)
    raise TypeError(f"handle: expected an integer of cffi or a SCARDHANDLE *, got {kind.cname}")


def _invalid_handle(number: int, said: int) -> InvalidHandleError:
    """E_INVALIDARG of attach_by_handle; `said` is the resource manager's own code."""
    code = f"0x{said:08X}"
    return InvalidHandleError(
        f"handle: {number} is no valid card handle here (the resource manager answered {code}); give one that "
        "was opened in this process through the same PC/SC library and is still open",
        code=said,
        hresult=E_INVALIDARG,
        function="attach_by_handle",
    )
