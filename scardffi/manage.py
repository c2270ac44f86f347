"""SCardManage: the manage object, and the one connection class.

The object in C (csrc/manage.c) does the work and answers HRESULTs; this class turns arguments into what C
takes and answers into values and exceptions. Any thread may call any method: calls on one card handle take
turns in C, each caller gets its own answer, and other cards do not wait.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections import namedtuple

from .arguments import HANDLE_BITS, dword, handle, integer, invalid, member, readable, seconds, text, writable
from .constants import MAX_BUFFER_SIZE_EXTENDED, CardState, Disposition, Protocol, Scope, ShareMode
from .errors import (
    E_INVALIDARG,
    E_OUTOFMEMORY,
    E_UNEXPECTED,
    InsufficientBufferError,
    InvalidHandleError,
    SCardError,
    from_hresult,
)
from .library import ffi, lib
from .raw import Library
from .reaper import close_later

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Any, Final, SupportsIndex

    from typing_extensions import Buffer, Self

    from ._native import CData, Manage, Slot

_SHARING_VIOLATION: Final = 0x8010000B
_TIMEOUT: Final = 0x8010000A
_INSUFFICIENT_BUFFER: Final = 0x80100008
_ATTRIBUTE_ROOM: Final = 264  # pcsc-lite refuses more
_NAME_ROOM: Final = 256
_ATR_ROOM: Final = 36
_SPARE_SLOTS: Final = 8
_LOCK_POLL: Final = 0.005
_WRAPPERS: Final = 16


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
        self._library = library or Library.default()
        self._owner = owner
        self._held: object = None
        self._spare: list[tuple[Slot, CData]] = []
        out = ffi.new("scard_manage **")
        self._check(lib.manage_new(self._library.native, out), "SCardManage")
        self._native: Manage = ffi.gc(out[0], lib.manage_free)

    # attach and detach

    def attach_by_handle(self, handle: object, *, owned: bool = False, share_mode: SupportsIndex | None = None) -> Self:
        """Attach to a card by a handle that somebody opened in this process with the same library.

        The handle is validated at once, without waiting for anybody's transaction; it does wait for a command
        that the card is just executing. Follows ISCardManage::AttachByHandle.

        Args:
            handle: an int, or an object with ``__index__``; an integer of cffi or a pointer to one (read
                through); an integer of ctypes; another SCardManage; or an object with ``hcard``, such as
                pyscard's connection or a decorator around it. It is kept alive until :meth:`detach`.
            owned: whether :meth:`detach` shall disconnect the handle. Else it stays open, for its owner.
            share_mode: how the handle was opened, if you know. No PC/SC call tells, and :meth:`reconnect`
                needs it.

        Returns:
            The object itself.

        Raises:
            InvalidHandleError: the number is no valid handle here (HRESULT E_INVALIDARG).
            UnexpectedStateError: the object is attached already; that attachment stays.
            OutOfMemoryError: memory is out.
            SCardError: what else the resource manager said, such as RemovedCardError.
            TypeError: ``handle`` is none of the above.
        """
        number = _handle_number(handle, self._library)
        mode = 0 if share_mode is None else int(member("share_mode", share_mode, ShareMode))
        said = ffi.new("uint32_t *")
        result = lib.manage_attach_by_handle(self._native, number, bool(owned), mode, said)
        if result == E_INVALIDARG:
            raise _invalid_handle(number, said[0])
        self._check(result, "attach_by_handle", said=said[0])
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
            protocols: a :class:`~scardffi.constants.Protocol`, or several.
            scope: a :class:`~scardffi.constants.Scope`.

        Returns:
            The object itself.

        Raises:
            UnknownReaderError, NoSmartCardError, SharingViolationError, ProtocolMismatchError,
            UnresponsiveCardError: as their names say.
            NoServiceError: the resource manager does not run.
            UnexpectedStateError: the object is attached already; that attachment stays.
        """
        result = lib.manage_attach_by_ifd(
            self._native,
            member("scope", scope, Scope),
            text("reader", reader),
            member("share_mode", share_mode, ShareMode),
            dword("protocols", protocols),
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
        held = self._held
        result = lib.manage_detach(self._native, chosen)
        if result != E_UNEXPECTED and self._held is held:
            self._held = None
        self._check(result, "detach")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.is_attached:
            return
        try:
            self.detach()
        except SCardError:
            if error is None:
                raise

    def __del__(self, _warn: Any = warnings.warn) -> None:
        # Under a name of its own, _warn is there even when the interpreter is ending.
        native = getattr(self, "_native", None)
        if native is None or not self.is_attached or not lib.manage_is_owned(native):
            return
        owner = self._owner
        message = f"{self!r} was collected while attached; call detach()"
        close_later(lambda: (lib.manage_detach(native, Disposition.LEAVE), owner))
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
        result = lib.manage_reconnect(self._native, mode, dword("protocols", protocols), start)
        detail = ""
        if result == E_INVALIDARG:
            detail = "share_mode must be given: it is not known how this borrowed handle was opened"
        self._check(result, "reconnect", detail)

    # transactions

    def lock(self, timeout: float | None = None) -> None:
        """Begin a transaction: no other handle reaches the card until it ends. Wraps ``SCardBeginTransaction``.

        Transactions nest. Windows resets a card after 5 s without a call inside one. Follows
        ISCardManage::SCardLock.

        Args:
            timeout: seconds to wait for the transaction of another handle to end; None to wait without bound,
                which cannot be interrupted. With a time the wait can be interrupted: the card is probed with
                ``SCardGetAttrib``, which pcsc-lite refuses while another handle holds it. The bound does not
                hold for a command that another handle has running, nor where a third handle is faster at the
                very end.

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
        end = time.monotonic() + limit
        while True:
            result = lib.manage_probe(self._native)
            if result != _SHARING_VIOLATION:
                return self._check(result, "lock")
            left = end - time.monotonic()
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
    def library(self) -> Library:
        """The PC/SC library that the object uses."""
        return self._library

    # exchanges

    def transmit(self, command: Buffer) -> bytes:
        """Send a command APDU and receive the response. Wraps ``SCardTransmit`` (ISO/IEC 7816-4, clause 5).

        It cannot be interrupted. It is never repeated: after an error the card may have executed the command.

        Args:
            command: 1 to 65548 bytes in a contiguous buffer.

        Returns:
            The response, its last two bytes the status word.

        Raises:
            InvalidArgumentError: no command, or one that is too long; nothing was sent.
            CardStateError: the card was reset, removed or switched off.
            ProtocolMismatchError: the owner of a borrowed handle has reconnected it; attach again.
            UnexpectedStateError: the object is not attached.
        """
        send = readable("command", command)
        spare = self._spare
        slot, response = spare.pop() if spare else self._new_slot()
        try:
            length = lib.exchange_slot_transmit(slot, send, len(send))
            if length < 0:
                raise self._exchange_error(length, send, MAX_BUFFER_SIZE_EXTENDED)
            return ffi.unpack(response, length)  # type: ignore[return-value]  # a char pointer gives bytes
        finally:
            if len(spare) < _SPARE_SLOTS:
                spare.append((slot, response))

    def transmit_into(self, command: Buffer, response: Buffer) -> int:
        """Send a command APDU and receive the response in the caller's memory. Wraps ``SCardTransmit``.

        Nothing is copied on the way: the library writes into ``response``. As for :meth:`transmit` otherwise.

        Args:
            command: 1 to 65548 bytes in a contiguous buffer.
            response: a writable, contiguous buffer of 2 bytes or more that does not overlap the command.

        Returns:
            The length of the response in bytes, status word included.

        Raises:
            InsufficientBufferError: the response did not fit. The card has executed the command; ``required``
                is the length that would have been enough.
            TypeError: a buffer is not contiguous, or ``response`` is read-only; nothing was sent.
            InvalidArgumentError: a length is not allowed, or the buffers overlap; nothing was sent.
        """
        send = readable("command", command)
        receive = writable("response", response)
        capacity = len(receive)
        source = send if type(send) is not bytes else ffi.from_buffer(send)
        length = lib.exchange_transmit(self._native, source, len(send), receive, capacity)
        if length < 0:
            raise self._exchange_error(length, send, capacity)
        return length

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
        send = readable("data", data)
        if len(send) > MAX_BUFFER_SIZE_EXTENDED:
            raise invalid("data", f"{len(send)} bytes", f"at most {MAX_BUFFER_SIZE_EXTENDED} bytes")
        response = ffi.new("unsigned char[]", MAX_BUFFER_SIZE_EXTENDED)
        received = ffi.new("uint32_t *")
        number = dword("code", code)
        result = lib.manage_control(self._native, number, send, len(send), response, MAX_BUFFER_SIZE_EXTENDED, received)
        self._check(result, "control", f"SCardControl with code 0x{number:08X}")
        return bytes(ffi.buffer(response, received[0]))

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
        result = lib.manage_set_attribute(self._native, number, send, len(send))
        self._check(result, "set_attribute", f"SCardSetAttrib for attribute 0x{number:08X}")

    def __repr__(self) -> str:
        state = f"handle {self.handle}" if self.is_attached else "detached"
        return f"<scardffi.SCardManage {state}>"

    def _new_slot(self) -> tuple[Slot, CData]:
        slot = lib.exchange_slot_new(self._native)
        if not slot:
            raise from_hresult(E_OUTOFMEMORY, "transmit")
        return ffi.gc(slot, lib.exchange_slot_free), lib.exchange_slot_response(slot)

    def _check(self, result: int, function: str, detail: str = "", *, said: int | None = None) -> None:
        """Raise for an HRESULT that is not S_OK."""
        if result == 0:
            return
        if result == E_UNEXPECTED:
            detail = self._state_detail(function)
        raise from_hresult(result, function, detail, said=said)

    def _state_detail(self, function: str) -> str:
        if lib.manage_is_forked(self._native):
            return "the object was made in another process, of which this one is a fork"
        if function.startswith("attach"):
            return "the object is attached already; detach it first"
        return "the object is not attached"

    def _exchange_error(self, answer: int, send: CData | bytes, capacity: int) -> SCardError:
        """The error for a negative answer of an exchange, which csrc/exchange.h explains."""
        hresult, required = -answer & 0xFFFFFFFF, -answer >> 32
        length = len(send)
        if hresult == E_INVALIDARG:
            if not 1 <= length <= MAX_BUFFER_SIZE_EXTENDED:
                return invalid("command", f"{length} bytes", f"1 to {MAX_BUFFER_SIZE_EXTENDED} bytes")
            if capacity < 2:
                return invalid("response", f"a buffer of {capacity} bytes", "2 bytes or more")
            return invalid("response", "a buffer that overlaps the command", "memory of its own")
        error = from_hresult(hresult, "transmit", self._state_detail("transmit") if hresult == E_UNEXPECTED else "")
        if isinstance(error, InsufficientBufferError):
            error.required = required or None
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


def _handle_number(source: object, library: Library) -> int:
    """The card handle in whatever holds one; its forms stand in SCardManage.attach_by_handle."""
    if isinstance(source, SCardManage):
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
