"""SCardManage: attach to a card, use it, lock it, detach.

The object in C (csrc/manage.c) does the work and returns HRESULTs. This class checks the arguments, and turns results
into values and exceptions. Any thread may call any method: calls on one card handle run one after the other, and do
not delay calls on other cards. The methods that exchange commands and responses are in exchange.py.
"""

from __future__ import annotations

import functools
import time
import warnings
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from . import _marshalling
from ._arguments import dword, flags, invalid, member, readable, release, seconds, text
from ._at_exit import silent_at_exit
from ._attachment import NEEDS_A_RESET, Attachment, AttachmentTransmitter, Origin, SendTransmitter, needs_a_new_handle
from ._bounded_call import ANSWER_SECONDS, INTERRUPT_SECONDS, LET_GO_SECONDS, BoundedCall
from ._field_docs import field_docs
from ._half_made import repr_if_half_made
from ._loader import ffi, lib, owning
from ._locks import Gate, Mutex
from ._reaper import close_later, wait_for_disconnects
from ._service import establish_error
from .constants import MAX_BUFFER_SIZE_EXTENDED, CardState, Disposition, Protocol, ReturnCode, Scope, ShareMode
from .errors import (
    E_INVALIDARG,
    E_OUTOFMEMORY,
    E_UNEXPECTED,
    CommunicationError,
    InvalidArgumentError,
    InvalidHandleError,
    SCardError,
    SCardTimeoutError,
    from_hresult,
    nothing_to_release,
    short_response_error,
)
from .exchange import ExchangeMethods, state_error
from .handles import handle_number
from .library import Library, chosen_library

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Any, SupportsIndex
    from uuid import UUID

    from typing_extensions import Buffer

    from ._native import CData
    from .iso7816.command import Command
    from .iso7816.response import Response
    from .iso7816.status_word import StatusTable
    from .services.card_auth import CardAuth
    from .services.ch_verification import CHVerification
    from .services.codes import Padding
    from .services.file_access import FileAccess
    from .services.transmitter import Turns

_ATTRIBUTE_ROOM: Final = 264  # the longest attribute of pcsc-lite
_LOCK_POLL: Final = 0.005
_NOT_RETURNED: Final = (
    "the timeout expired before PC/SC's function has returned, so the object is detached",
    "Use a longer timeout, or look which program holds the card, or whether the resource manager still works.",
)


@field_docs(
    reader="The reader's name.",
    state="The card's state.",
    protocol="The active protocol.",
    atr="The card's answer to reset.",
)
class Status(NamedTuple):
    """The status of an attached card, as SCardStatus returns it."""

    reader: str
    state: CardState
    protocol: Protocol
    atr: bytes

    def __repr__(self) -> str:
        atr = self.atr.hex(" ").upper() or "none"
        return f"<scardffi.Status {self.reader!r}, {self.state.name}, {self.protocol.name}, ATR {atr}>"


@repr_if_half_made
class SCardManage(ExchangeMethods):
    """The manage object: it attaches to a card by a handle or by a reader, and exchanges commands with the card.

    This is the modern form of ISCardManage in Microsoft's smart card model. You can use the object again after
    :meth:`detach`. As a context manager it detaches at the end.

    Args:
        library: the PC/SC library; None for the present default library.
        owner: an object to keep alive with this one.

    Raises:
        LibraryError: no PC/SC library can be loaded.
        OutOfMemoryError: there is not enough memory.
    """

    def __init__(self, library: Library | None = None, *, owner: object = None) -> None:
        self._library = chosen_library(library)
        self._owner = owner
        self._attachment: Attachment | None = None  # the present one or, while detached, the last one
        self._origin: Origin | None = None  # None while detached, and for a borrowed handle
        self._recovering = Mutex()  # held by recover(); guards the next two attributes
        self._is_recovering = False
        self._recoveries = 0
        native = owning(functools.partial(lib.manage_create, self._library.native), lib.manage_close)
        if native is None:
            raise from_hresult(E_OUTOFMEMORY, "SCardManage")
        super().__init__(native)

    # attach and detach

    def attach_by_handle(self, handle: object, *, owned: bool = False, share_mode: SupportsIndex | None = None) -> Self:
        """Attach to a card by a handle that was opened in this process with the same PC/SC library.

        The handle is checked at once; a transaction of another handle does not delay the check. The call waits while
        another call on the same handle is running, and while the card is executing a command. On pcsc-lite it also
        waits while a thread of the owner is in a call on the handle's context, such as SCardGetStatusChange; until that
        call ends, each other call of PC/SC in the process waits too. So the owner must wait on another context.
        Follows ISCardManage::AttachByHandle.

        Args:
            handle: an int or an object with ``__index__``; an integer of cffi or a pointer to one, which is read; an
                integer of ctypes, a pointer to one or its ``byref``; another SCardManage; or an object with ``hcard``,
                such as pyscard's connection or a decorator of it. The object is kept alive until :meth:`detach`.
            owned: True if :meth:`detach` must disconnect the handle. Otherwise it stays open for its owner.
            share_mode: the share mode that the handle was opened with, if you know it. :meth:`reconnect` needs it, and
                no PC/SC function returns it. It is not copied from another SCardManage.

        Returns:
            The object itself.

        Raises:
            InvalidHandleError: the number is not a valid handle here (HRESULT E_INVALIDARG).
            UnexpectedStateError: the object is already attached; that attachment stays.
            OutOfMemoryError: there is not enough memory.
            SCardError: the resource manager reported another error, such as RemovedCardError.
            TypeError: ``handle`` has a type that is not listed above.
        """
        if not isinstance(owned, bool):
            raise TypeError(f"owned: expected a bool, got {owned!r}")
        number = handle_number(handle, self._library)
        mode = 0 if share_mode is None else int(member("share_mode", share_mode, ShareMode))
        code = ffi.new("uint32_t *")
        attach = functools.partial(lib.manage_attach_by_handle_recorded, self._native, number, owned, mode, code)
        origin = Origin(None, mode) if owned else None
        result = self._attach("attach_by_handle", attach, handle, origin)
        if result == E_INVALIDARG:
            raise _invalid_handle(number, code[0], self._library)
        self._check(result, "attach_by_handle", f"handle {number}", code=code[0])
        return self

    def _attach(
        self,
        function: str,
        attach: Callable[[CData], int],
        source: object,
        origin: Origin | None,
        limit: float | None = None,
    ) -> int:
        """Attach by a function in C that records the attachment, and undo it if Ctrl-C interrupts this."""
        native, previous = self._native, self._attachment
        begun = ffi.new("uint64_t *")
        present = Attachment(source, previous)
        try:
            result = attach(begun) if limit is None else self._within(function, limit, lambda: attach(begun))
            if result == 0:
                if previous is not None:
                    previous.end()
                self._attachment, self._reader = present, None if origin is None else origin.reader
                self._origin = origin
        except BaseException:
            lib.manage_undo_attach(native, begun[0])
            raise
        return result

    def _within(self, function: str, limit: float, call: Callable[[], int], stop: Gate | None = None) -> int:
        """Make a call on another thread. If it does not return in time, or Ctrl-C interrupts this, give it up.

        Args:
            function: the name of the method, for the error.
            limit: seconds.
            call: calls a function in C, which records what it acquires.
            stop: is opened if the call should end early.
        """
        bounded = BoundedCall(call)
        try:
            bounded.start()
            if bounded.wait(limit):
                return bounded.result()
            self._give_up(bounded)
        except BaseException:
            try:
                if stop is not None:
                    stop.open()
                if bounded.is_running:
                    bounded.ended.wait(INTERRUPT_SECONDS)
            finally:
                self._give_up(bounded)
            raise
        raise from_hresult(ReturnCode.SCARD_E_TIMEOUT, function, reason=_NOT_RETURNED)

    def _give_up(self, call: BoundedCall[int]) -> None:
        """If a call is still running, count as detached now; what the call has acquired is closed when it returns."""
        native, owner, attachment = self._native, self._owner, self._attachment
        if not call.is_running and not lib.manage_is_given_up(native):
            return
        lib.manage_give_up(native)
        if attachment is not None:
            attachment.give_up()
        call.give_up(functools.partial(_end_given_up, native, attachment, owner))

    def attach_by_ifd(
        self,
        reader: str,
        share_mode: SupportsIndex = ShareMode.SHARED,
        protocols: SupportsIndex = Protocol.ANY,
        *,
        scope: SupportsIndex = Scope.SYSTEM,
        timeout: float | None = None,
        on_reset: Callable[[SCardManage], object] | None = None,
    ) -> Self:
        """Attach to the card in a reader, on a new native context. Wraps ``SCardConnect``.

        While another handle holds a transaction, the call waits. It also waits, at most 5 s, until connections of this
        process to the reader that were collected are disconnected. It does not wait for a card. Follows
        ISCardManage::AttachByIFD.

        Args:
            reader: the reader's name.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: one or several of :class:`~scardffi.constants.Protocol`; UNDEFINED only with ShareMode.DIRECT.
            scope: a :class:`~scardffi.constants.Scope`.
            timeout: seconds that the call may take. With None it has no limit and cannot be interrupted. With a timeout
                it can be interrupted. If PC/SC's function goes on after the timeout or the interruption, every
                use of the object raises UnexpectedStateError until the function returns. Then another thread closes
                what it has opened, and the object can be attached again.
            on_reset: a function that :meth:`recover` calls with the object, to select and verify again.

        Returns:
            The object itself.

        Raises:
            SCardTimeoutError: the call took longer than the timeout.
            InvalidArgumentError: an argument is not allowed.
            UnknownReaderError: no reader has this name.
            NoSmartCardError: the reader has no card.
            SharingViolationError: another connection excludes this one.
            ProtocolMismatchError: the card supports none of the protocols.
            UnresponsiveCardError: the card does not answer to a reset.
            NoServiceError: the resource manager does not run.
            UnexpectedStateError: the object is already attached; that attachment stays.
        """
        self._attach_for("attach_by_ifd", reader, share_mode, protocols, scope, timeout, on_reset)
        return self

    def _attach_for(
        self,
        function: str,
        reader: str,
        share_mode: SupportsIndex,
        protocols: SupportsIndex,
        scope: SupportsIndex,
        timeout: float | None,
        on_reset: Callable[[SCardManage], object] | None,
    ) -> None:
        """Attach as :meth:`attach_by_ifd` does; errors name ``function``, which the user called."""
        mode, in_scope = member("share_mode", share_mode, ShareMode), member("scope", scope, Scope)
        name = text("reader", reader)
        origin = Origin(reader, mode, _protocols(protocols, mode), in_scope, on_reset)
        self._attach_by_name(function, name, origin, seconds("timeout", timeout))

    def _attach_by_name(self, function: str, name: bytes, origin: Origin, limit: float | None = None) -> None:
        limit = _after_disconnects(origin.reader, limit)
        arguments = origin.scope, name, origin.share_mode, origin.protocols
        attach = functools.partial(lib.manage_attach_by_ifd_recorded, self._native, *arguments)
        result = self._attach(function, attach, None, origin, limit)
        if result != 0 and (refusal := establish_error(self._library, origin.scope, result)) is not None:
            raise refusal
        self._check(result, function, f"{origin.reader!r}")

    def detach(self, disposition: SupportsIndex | None = None) -> None:
        """Detach from the card. Wraps ``SCardDisconnect`` if the handle belongs to the object.

        A borrowed handle stays open, but transactions that this object began on it are ended. If another call on the
        handle is running, or the resource manager does not answer, this waits. It is no error if the reader or the
        resource manager is gone. At the end of a ``with`` block that has raised, the wait takes at most a second; then
        the object counts as detached, and the handle is closed later. Follows ISCardManage::Detach.

        Args:
            disposition: the action on the card, a :class:`~scardffi.constants.Disposition`; LEAVE by default. It is
                not allowed for a borrowed handle.

        Raises:
            UnexpectedStateError: the object is not attached.
            InvalidArgumentError: the disposition is not allowed; the object stays attached.
            SCardError: the resource manager reported an error; the object is detached nevertheless.
        """
        chosen = Disposition.LEAVE if disposition is None else member("disposition", disposition, Disposition)
        if disposition is not None and self.is_attached and not lib.manage_is_owned(self._native):
            raise invalid("disposition", chosen, "no disposition: the handle is borrowed and stays open for its owner")
        result = self._detach(chosen)
        if not nothing_to_release(result):
            self._check(result, "detach")

    def _detach(self, disposition: Disposition) -> int:
        origin, self._origin = self._origin, None
        if origin is not None:
            origin.is_ended = True
        result = self._end(disposition)
        if result == E_UNEXPECTED and origin is not None and origin.is_lost and not lib.manage_is_forked(self._native):
            return 0  # recover() has detached the object already
        return result

    def _end(self, disposition: Disposition) -> int:
        """End the attachment, and return the HRESULT of the detach."""
        native, attachment = self._native, self._attachment  # another thread may attach again after C has detached
        handle = ffi.new("SCARDHANDLE *")
        try:
            result = lib.manage_detach(native, disposition)
            if result != E_UNEXPECTED and attachment is not None:
                attachment.end()
        except BaseException:
            if not lib.manage_handle(native, handle) and attachment is not None:
                attachment.end()
            raise
        return result

    def __enter__(self) -> Self:
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:  # which may be the timeout of a call for a resource manager that does not answer
            self._let_go()
            return
        result = self._detach(Disposition.LEAVE)
        if result != E_UNEXPECTED and not nothing_to_release(result):  # E_UNEXPECTED: it is detached
            self._check(result, "detach")

    def _let_go(self) -> None:
        """Detach at the end of a block that has raised: wait at most a second for PC/SC, and drop errors."""
        detach = functools.partial(self._detach, Disposition.LEAVE)
        if not lib.manage_needs_detach(self._native):
            detach()
            return
        try:
            self._within("detach", LET_GO_SECONDS, detach)
        except SCardTimeoutError:
            pass
        except RuntimeError:  # no thread can be started
            detach()

    @silent_at_exit
    def __del__(self, _warn: Any = warnings.warn) -> None:
        # `_warn` is a default argument because the module may already be cleared while the interpreter is ending.
        native = getattr(self, "_native", None)
        if native is None or not lib.manage_needs_detach(native):
            return
        kept = self._owner, self._attachment
        message = f"{self!r} was collected while attached; call detach()"
        close_later(lambda: (lib.manage_detach(native, Disposition.LEAVE), kept), self._reader)
        lib.manage_abandon(native)  # if Ctrl-C ends this function before this line, C detaches (manage_close)
        _warn(message, ResourceWarning, source=self)

    def reconnect(
        self,
        share_mode: SupportsIndex | None = None,
        protocols: SupportsIndex = Protocol.ANY,
        initialization: SupportsIndex = Disposition.LEAVE,
        *,
        timeout: float | None = None,
    ) -> None:
        """Establish the connection again, for example after ResetCardError. Wraps ``SCardReconnect``.

        Files must be selected and codes verified again afterwards. The call waits as :meth:`attach_by_ifd` does.
        Windows ends the object's own transaction here, pcsc-lite keeps it. Follows ISCardManage::Reconnect.

        Args:
            share_mode: a :class:`~scardffi.constants.ShareMode`; by default that of the attachment. It is required for
                a borrowed handle that was attached without its share mode, because a guess could give up exclusive
                access.
            protocols: one or several of :class:`~scardffi.constants.Protocol`.
            initialization: LEAVE, RESET or UNPOWER of :class:`~scardffi.constants.Disposition`.
            timeout: seconds that the call may take. With None it has no limit and cannot be interrupted. With a timeout
                it can be interrupted. If PC/SC's function goes on after the timeout or the interruption, the
                object is detached, and every use raises UnexpectedStateError until the function returns.

        Raises:
            SCardTimeoutError: the call took longer than the timeout.
            UnexpectedStateError: the object is not attached.
            InvalidArgumentError: an argument is not allowed, or the share mode is missing.
            SCardError: the resource manager reported an error.
        """
        mode = 0 if share_mode is None else int(member("share_mode", share_mode, ShareMode))
        start = member("initialization", initialization, Disposition)
        if start == Disposition.EJECT:
            raise invalid("initialization", start, "LEAVE, RESET or UNPOWER")
        wanted, limit = _protocols(protocols, mode), seconds("timeout", timeout)
        limit = _after_disconnects(self._reader, limit)
        call = functools.partial(lib.manage_reconnect, self._native, mode, wanted, start)
        try:
            result = call() if limit is None else self._within("reconnect", limit, call)
        finally:  # also if Ctrl-C interrupts this, because the card may have been reset
            if self._attachment is not None:
                self._attachment.forget_selection()
                self._attachment.capabilities = None  # it may be another card
        detail = ""
        if result == E_INVALIDARG:
            detail = "share_mode is required, because it is not known how this handle was opened"
        self._check(result, "reconnect", detail)
        if (origin := self._origin) is not None:
            origin.share_mode, origin.protocols = mode or origin.share_mode, wanted

    def recover(self) -> None:
        """Get the card back after it was reset or removed, or after the reader or the resource manager came back.

        This reconnects. If the handle is lost, it detaches, and attaches by the reader's name as before. Then it calls
        ``on_reset`` of the attach with this object. Nothing calls this by itself; call it after CardStateError,
        ReaderUnavailableError, NoServiceError or CommunicationError, outside of a transaction. If the card is not back
        yet, call it again later. What you did before is lost, and the card may be another one: ``on_reset`` selects
        and verifies again.

        While another thread recovers the same object, the call waits, and returns when that thread has succeeded. If
        another handle holds a transaction, the call waits without limit. A service goes on after a reconnect; after a
        new attach it raises UnexpectedStateError, so create it in ``on_reset``. Wraps ``SCardReconnect`` and
        ``SCardConnect``.

        Raises:
            UnexpectedStateError: the object is not attached; or the handle is borrowed: only its owner may recover it.
            NoSmartCardError, UnknownReaderError, ReaderUnavailableError, NoServiceError: the card, the reader or the
                resource manager is not back. If the handle was lost, the object counts as detached until the next call
                succeeds.
            SCardError: the resource manager reported another error.
            Exception: ``on_reset`` raised it. The object is attached; the next call does all again.
        """
        if lib.manage_is_forked(self._native):
            raise state_error(self._native, "recover")
        before = self._recoveries
        with self._recovering:
            if self._is_recovering:
                raise from_hresult(E_UNEXPECTED, "recover", "on_reset must not call it")
            if self._recoveries != before:  # by another thread
                return
            self._is_recovering = True
            try:
                self._recover()
                self._recoveries += 1
            finally:
                self._is_recovering = False

    def _recover(self) -> None:
        origin = self._origin
        if origin is None:
            if not self.is_attached:
                raise state_error(self._native, "recover")
            raise from_hresult(E_UNEXPECTED, "recover", "the handle is borrowed; only its owner may recover it")
        if not self._is_reconnected(origin):
            self._attach_anew(origin)
        if origin.on_reset is not None:
            origin.on_reset(self)

    def _is_reconnected(self, origin: Origin) -> bool:
        """Reconnect, and return False if the handle is lost."""
        if origin.is_lost:
            return False
        for start in (Disposition.LEAVE, Disposition.RESET):
            try:
                self.reconnect(origin.share_mode or None, origin.protocols, start)
            except SCardError as error:
                if error.hresult not in NEEDS_A_RESET or start == Disposition.RESET:
                    is_lost = needs_a_new_handle(error.hresult) or not self.is_attached
                    if is_lost and self._can_attach(origin):
                        return False
                    raise
            else:
                break
        return True

    def _can_attach(self, origin: Origin) -> bool:
        """Return whether reader and share mode are known, so that the card can be attached anew."""
        if origin.reader is None:
            origin.reader = self._reader
        return origin.reader is not None and origin.share_mode != 0

    def _attach_anew(self, origin: Origin) -> None:
        if not origin.is_lost:
            origin.is_lost = True
            self._end(Disposition.LEAVE)
        self._attach_by_name("attach_by_ifd", text("reader", origin.reader or ""), origin)
        origin.is_lost = False
        if origin.is_ended:  # another thread has called detach() meanwhile
            self._detach(Disposition.LEAVE)
            raise state_error(self._native, "recover")

    # transactions

    def lock(self, timeout: float | None = None) -> None:
        """Begin a transaction: no other handle can use the card until it ends. Wraps ``SCardBeginTransaction``.

        The transaction does not exclude other threads that use this object or the same handle. Transactions nest.
        Windows resets a card if there is no call for 5 s during a transaction; :meth:`transaction` can prevent it.
        Follows ISCardManage::SCardLock.

        Args:
            timeout: seconds to wait for the end of another handle's transaction. With None the call waits without
                limit and cannot be interrupted. With a timeout it can be interrupted: it polls the card with
                ``SCardGetAttrib``, which pcsc-lite refuses while another handle has a transaction. If PC/SC does not
                answer, for example because another handle is executing a command or has begun a transaction right after
                the last poll, the call ends 0.25 s after the timeout, or 50 ms after Ctrl-C: then the object is
                detached, and every use raises UnexpectedStateError until PC/SC has answered.

        Raises:
            SCardTimeoutError: another handle still has a transaction after the timeout, or PC/SC does not answer.
            UnexpectedStateError: the object is not attached.
            CardStateError: the card was reset or removed.
        """
        limit = seconds("timeout", timeout)
        native = self._native
        begun = ffi.new("uint64_t *")
        try:
            result = lib.manage_lock_recorded(native, begun) if limit is None else self._lock_within(limit, begun)
            self._check(result, "lock")
        except BaseException:
            lib.manage_undo_lock(native, begun[0])
            raise

    def _lock_within(self, limit: float, begun: CData) -> int:
        native, stop = self._native, Gate()
        end = time.perf_counter() + limit  # monotonic() ticks in 16 ms on Windows

        def poll() -> int:
            while (result := lib.manage_probe(native)) == ReturnCode.SCARD_E_SHARING_VIOLATION:
                left = end - time.perf_counter()
                if left <= 0 or stop.wait(min(_LOCK_POLL, left)):
                    return ReturnCode.SCARD_E_TIMEOUT
            return result or lib.manage_lock_recorded(native, begun)

        result = self._within("lock", limit + ANSWER_SECONDS, poll, stop)
        if result == ReturnCode.SCARD_E_TIMEOUT:
            raise from_hresult(result, "lock", f"another handle held the card for {limit} s")
        return result

    def unlock(self, disposition: SupportsIndex = Disposition.LEAVE) -> None:
        """End the transaction. Wraps ``SCardEndTransaction``. Follows ISCardManage::SCardUnlock.

        It is no error if the reader or the resource manager is gone, because the transaction ended with it.

        Args:
            disposition: the action on the card, a :class:`~scardffi.constants.Disposition`. After RESET, pcsc-lite
                requires that this object reconnects too.

        Raises:
            NotTransactedError: there is no transaction.
            UnexpectedStateError: the object is not attached.
        """
        chosen = member("disposition", disposition, Disposition)
        try:
            result = lib.manage_unlock(self._native, chosen)
            if not nothing_to_release(result):
                self._check(result, "unlock")
        finally:
            if chosen != Disposition.LEAVE and self._attachment is not None:
                self._attachment.forget_selection()

    def transaction(self, *, keep_alive: bool = False) -> AbstractContextManager[SCardManage]:
        """Return a context manager that locks at its start and unlocks at its end.

        If the body raises, an error of the unlock is dropped.

        Args:
            keep_alive: True to make a call every 2 seconds, on another thread, while the transaction is held. It asks
                for the status, sends nothing to the card, and waits while another call on the handle is running.
                Windows resets a card if there is no call for 5 s during a transaction; elsewhere it is not needed.

        Raises:
            SCardError: at the start of the context the errors of :meth:`lock`, at its end those of :meth:`unlock`.
            RuntimeError: with ``keep_alive`` no thread can be started.
        """
        return _Transaction(self, keep_alive=keep_alive)  # pyright: ignore[reportReturnType]  # it takes the descriptor for the method

    # the card and the reader

    def status(self) -> Status:
        """Return the reader's name, and state, protocol and ATR of the card. Wraps ``SCardStatus``.

        While another handle holds a transaction, the call waits and cannot be interrupted. Follows
        ISCardManage::Status.

        Raises:
            CardStateError: the card was reset or removed.
            UnexpectedStateError: the object is not attached.
        """
        result, reader, state, protocol, atr = _marshalling.fetch_status(lib.manage_packed_status, self._native)
        self._check(result, "status")
        return Status(reader, CardState(state), Protocol(protocol), atr)

    @property
    def reader(self) -> str:
        """The reader's name. After :meth:`attach_by_handle` it is asked for once, as :meth:`status` does.

        Raises:
            UnexpectedStateError: the object is not attached.
            CardStateError: the name is not known yet, and the card was reset or removed.
        """
        attachment = self._present_attachment("reader")
        if self._reader is None:
            name = self.status().reader
            if self._attachment is not attachment:  # another thread has attached to another card
                return name
            self._reader = name
        return self._reader

    @property
    def atr(self) -> bytes:
        """The card's answer to reset, from :meth:`status`."""
        return self.status().atr

    @property
    def protocol(self) -> Protocol:
        """The active protocol, from :meth:`status`."""
        return self.status().protocol

    @property
    def handle(self) -> int:
        """The card handle as an int.

        Raises:
            UnexpectedStateError: the object is not attached.
        """
        out = ffi.new("SCARDHANDLE *")
        if not lib.manage_handle(self._native, out):
            self._check(E_UNEXPECTED, "handle")
        return int(out[0])

    @property
    def library(self) -> Library:
        """The PC/SC library that the object uses."""
        return self._library

    def control(self, code: SupportsIndex, data: Buffer = b"") -> bytes:
        """Send a command to the reader's driver and return its response. Wraps ``SCardControl`` (PC/SC part 10).

        The call cannot be interrupted.

        Args:
            code: see :func:`~scardffi.constants.control_code`.
            data: at most 65548 bytes in a contiguous buffer.

        Raises:
            UnsupportedFeatureError: the driver does not know the code.
            SharingViolationError: another handle holds a transaction.
            InvalidArgumentError: there are more than 65548 bytes; nothing was sent.
        """
        number = dword("code", code)
        response = ffi.new("unsigned char[]", MAX_BUFFER_SIZE_EXTENDED)
        received = ffi.new("uint32_t *")
        send = readable("data", data)
        size = len(send)
        most = MAX_BUFFER_SIZE_EXTENDED
        try:
            result = lib.manage_control(self._native, number, send, size, response, most, received)
            release(send)
            if size > most:
                raise invalid("data", f"{size} bytes", f"at most {most} bytes")
            answer = bytes(ffi.buffer(response, received[0] if result == 0 else 0))
        finally:
            if type(data) is not bytes:  # the data may be secret, and the response may repeat them
                lib.wipe_memory(response, most)
        self._check(result, "control", f"SCardControl with code 0x{number:08X}")
        return answer

    def get_attribute(self, attribute: SupportsIndex) -> bytes:
        """Read an attribute of the reader or card. Wraps ``SCardGetAttrib`` (PC/SC part 3, section 3.1).

        Args:
            attribute: an :class:`~scardffi.constants.Attribute`, or a number that the driver knows.

        Raises:
            UnsupportedFeatureError: the driver does not know the attribute.
            SharingViolationError: another handle holds a transaction.
        """
        number = dword("attribute", attribute)
        value = ffi.new("unsigned char[]", _ATTRIBUTE_ROOM)
        length = ffi.new("uint32_t *", _ATTRIBUTE_ROOM)
        result = lib.manage_get_attribute(self._native, number, value, length)
        if result == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER and length[0] > _ATTRIBUTE_ROOM:
            value = ffi.new("unsigned char[]", _marshalling.claimed("SCardGetAttrib", length[0]))
            result = lib.manage_get_attribute(self._native, number, value, length)
            _marshalling.settled("SCardGetAttrib", result)
        self._check(result, "get_attribute", f"SCardGetAttrib for attribute 0x{number:08X}")
        return bytes(ffi.buffer(value, length[0]))

    def set_attribute(self, attribute: SupportsIndex, value: Buffer) -> None:
        """Write an attribute of the reader. Wraps ``SCardSetAttrib`` (PC/SC part 3, section 3.1).

        Args:
            attribute: an :class:`~scardffi.constants.Attribute`, or a number that the driver knows.
            value: the new value, a contiguous buffer.

        Raises:
            UnsupportedFeatureError: the driver does not know the attribute, or the attribute cannot be set.
            InvalidArgumentError: the value has no byte, or more than 65548 bytes; nothing was sent.
        """
        number = dword("attribute", attribute)
        send = readable("value", value)
        size = len(send)
        result = lib.manage_set_attribute(self._native, number, send, size)
        release(send)
        if not 1 <= size <= MAX_BUFFER_SIZE_EXTENDED:
            raise invalid("value", f"{size} bytes", f"1 to {MAX_BUFFER_SIZE_EXTENDED} bytes")
        self._check(result, "set_attribute", f"SCardSetAttrib for attribute 0x{number:08X}")

    def send(
        self, command: Command | Buffer | str, *, allow: Container[int] = (), table: StatusTable | None = None
    ) -> Response:
        """Send a command APDU and return its whole response, or raise the error for its status word.

        After 61xx this sends GET RESPONSE, and after 6Cxx the same command with the Le that the card asks for
        (ISO/IEC 7816-4, clause 5.3.4). A command with more than 255 bytes of data is chained if the ATR says that the
        card accepts chained commands but not extended ones (clause 5.3.3). The first call for a card reads its ATR.

        Services and the ``send`` of other threads wait until the last of these steps; ``transmit`` does not wait.
        Ctrl-C is handled between two steps. The copies of the command that are made here are wiped.

        Args:
            command: a :class:`~scardffi.iso7816.command.Command`, its APDU, or the APDU in hexadecimal digits with or
                without spaces.
            allow: status words that are also a success, such as ``{0x6282}`` or ``range(0x6200, 0x6300)``.
            table: the card's own status words, such as :data:`~scardffi.iso7816.status_word.SIM`, with which this
                sends GET RESPONSE after 9Fxx too.

        Returns:
            The response: ``data, sw = card.send(...)``.

        Raises:
            StatusError: the status word is not 9000, a success in the table or allowed; warnings raise too.
                ``command`` is the name of the instruction, such as "SELECT", and ``response`` the whole response.
            MalformedCommandError: the bytes are not a command APDU; nothing was sent.
            ValueError: the text is not hexadecimal; nothing was sent.
            MalformedResponseError: the card answered fewer than 2 bytes, which have no status word; ``raw`` has the
                bytes.
            SCardError: as for :meth:`transmit`. If a response in parts ends with an error, ``partial`` has the data
                of the parts that arrived, and ``arrived`` its length.
        """
        from .services.transmitter import Sender  # `import scardffi` must not load services

        attachment = self._present_attachment("send")
        sender = Sender(SendTransmitter(self, attachment), table=table, capabilities=attachment.capabilities)
        attachment.capabilities = sender.extended_length, sender.chaining
        given = [command]
        del command  # the traceback of an error must not show it
        return sender.send(given.pop(), allow)

    # services

    def create_card_auth(self, *, cla: int = 0, table: StatusTable | None = None) -> CardAuth:
        """Return a service by which card and program authenticate each other. Follows ISCardManage::CreateCardAuth.

        This service, and those of the following methods, use the card that is attached now. After :meth:`detach` they
        raise UnexpectedStateError. You can create several services of each kind. The call reads the ATR, which says
        whether the card supports extended and chained commands. While another handle holds a transaction, the call
        waits and cannot be interrupted.

        Args:
            cla: the class byte of the service's commands: 0, or for example that of a logical channel.
            table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.

        Raises:
            UnexpectedStateError: the object is not attached.
            CardStateError: the card was reset or removed.
            ValueError: an argument is not allowed.
        """
        service: CardAuth = self._create("create_card_auth", "CardAuth", {"cla": cla, "table": table})
        return service

    def create_ch_verification(
        self,
        *,
        cla: int = 0,
        table: StatusTable | None = None,
        padding: Padding | str = "none",
        length: int = 8,
    ) -> CHVerification:
        """Return a service for the codes of the card: PINs and passwords. Follows ISCardManage::CreateCHVerification.

        Args:
            cla: as for :meth:`create_card_auth`.
            table: as for :meth:`create_card_auth`.
            padding: the padding of codes for the card, a :class:`~scardffi.services.codes.Padding` or its value:
                "none", "FF" or "format 2".
            length: the length of a padded code in bytes, 1 to 255.

        Raises:
            ValueError: the padding or the length is not allowed.
            UnexpectedStateError, CardStateError, ValueError: as for :meth:`create_card_auth`.
        """
        arguments = {"cla": cla, "table": table, "padding": padding, "length": length}
        service: CHVerification = self._create("create_ch_verification", "CHVerification", arguments)
        return service

    def create_file_access(self, *, cla: int = 0, table: StatusTable | None = None, lenient: bool = True) -> FileAccess:
        """Return a service for the files of the card. Follows ISCardManage::CreateFileAccess.

        Args:
            cla: as for :meth:`create_card_auth`.
            table: as for :meth:`create_card_auth`.
            lenient: False to raise an error if what the card says about its files is malformed.

        Raises:
            UnexpectedStateError, CardStateError, ValueError: as for :meth:`create_card_auth`.
        """
        arguments = {"cla": cla, "table": table, "lenient": lenient}
        service: FileAccess = self._create("create_file_access", "FileAccess", arguments)
        return service

    def create_interface(self, id_or_name: UUID | str, data: Any = None) -> Any:
        """Return a service of this or another package by its name or UUID. Follows ISCardManage::CreateInterface.

        Args:
            id_or_name: the UUID or the name of a service; see :mod:`scardffi.services.interfaces`.
            data: the data for the service. The services of this package take None or a dict of keyword arguments.

        Raises:
            InvalidArgumentError: there is no such service (HRESULT E_INVALIDARG); the message lists all services.
            UnexpectedStateError, CardStateError: as for :meth:`create_card_auth`.
            TypeError: ``id_or_name`` or ``data`` has another type.
        """
        return self._create("create_interface", id_or_name, data)

    def _create(self, function: str, id_or_name: UUID | str, data: Any) -> Any:
        """Create a service for the present attachment; ``function`` is the name of the caller."""
        from .services.interfaces import UnknownInterfaceError, create  # `import scardffi` must not load services

        transmitter = AttachmentTransmitter(self, self._present_attachment(function))
        try:
            return create(id_or_name, transmitter, data)
        except UnknownInterfaceError as error:
            raise InvalidArgumentError(str(error), hresult=E_INVALIDARG, function=function) from None

    @property
    def _attach_number(self) -> int:
        """A number that is different after each attach, and the same after :meth:`recover`; 0 while detached."""
        return 0 if self._origin is None else self._origin.number

    @property
    def takes_any_buffer(self) -> bool:
        """True: services hand every command to :meth:`transmit` in a bytearray, which they overwrite afterwards."""
        return True

    @property
    def turns(self) -> Turns:
        """The object by which services of this card take turns.

        Raises:
            UnexpectedStateError: the object is not attached.
        """
        return self._present_attachment("turns").turns

    @staticmethod
    def short_response_error(response: bytes) -> CommunicationError:
        """Return the error that services raise for a response of 0 or 1 bytes, which has no status word."""
        return short_response_error(response)

    def _present_attachment(self, function: str) -> Attachment:
        if not self.is_attached:
            self._check(E_UNEXPECTED, function)
        if self._attachment is None or self._attachment.is_ended:  # the object was attached through its C functions
            self._attachment = Attachment(None, self._attachment)
        return self._attachment

    def __repr__(self) -> str:
        handle = ffi.new("SCARDHANDLE *")
        state = f"handle {handle[0]}" if lib.manage_handle(self._native, handle) else "detached"
        return f"<scardffi.SCardManage {state}>"

    def _check(self, result: int, function: str, detail: str = "", *, code: int | None = None) -> None:
        """Raise if the HRESULT is not S_OK."""
        if result == 0:
            return
        if result == E_UNEXPECTED:
            raise state_error(self._native, function)
        detail = ": ".join(part for part in (self._place, detail) if part)
        raise from_hresult(result, function, detail, code=code)


class _Exit:
    """The ``__exit__`` of a transaction.

    Python looks for signals when a function begins, so Ctrl-C can end ``__exit__`` before its first line. The ``with``
    statement then drops the callable that ``__get__`` returned. This frees the struct in C that the callable holds, and
    C ends the transaction (transaction_free in csrc/manage.c).
    """

    def __get__(self, transaction: _Transaction | None, owner: type[_Transaction]) -> Callable[..., None]:
        if transaction is None:
            return _exit  # ExitStack passes the transaction
        leave = functools.partial(_end_transaction, transaction.card, transaction.borrowed, transaction.ended)
        vars(leave)["holds"] = transaction.native
        return leave


class _Transaction:
    """The context manager that SCardManage.transaction returns."""

    def __init__(self, card: SCardManage, *, keep_alive: bool) -> None:
        native = owning(functools.partial(lib.transaction_new, card.native), lib.transaction_free)
        if native is None:
            raise from_hresult(E_OUTOFMEMORY, "transaction")
        self.card = card
        self.native = native
        self.borrowed = ffi.cast("struct transaction *", native)  # the same address, without the ownership
        self.ended = Gate() if keep_alive else None

    def __enter__(self) -> SCardManage:
        card = self.card
        try:
            card._check(lib.transaction_begin(self.borrowed), "lock")  # noqa: SLF001  it raises for the card
            if self.ended is not None:
                from ._keep_alive import keep_alive  # at the first use, which makes the import of scardffi quicker

                keep_alive(card.native, lib.transaction_attachment(self.borrowed), self.ended)
        except BaseException:
            lib.transaction_cancel(self.borrowed)
            raise
        return card

    __exit__ = _Exit()


def _exit(transaction: _Transaction, *details: Any) -> None:
    _end_transaction(transaction.card, transaction.borrowed, transaction.ended, *details)


@silent_at_exit
def _end_transaction(
    card: SCardManage,
    transaction: CData,
    ended: Gate | None,
    _kind: type[BaseException] | None,
    error: BaseException | None,
    _traceback: TracebackType | None,
) -> None:
    if ended is not None:
        ended.open()
    result = lib.transaction_end(transaction)
    if error is None and not nothing_to_release(result):
        card._check(result, "unlock")  # noqa: SLF001  it raises for the card


def _protocols(value: SupportsIndex, share_mode: int) -> Protocol:
    """Check and return the protocols. An empty set is allowed only if the share mode is DIRECT or unknown (0)."""
    protocols = flags("protocols", value, Protocol)
    if not protocols and share_mode not in {0, ShareMode.DIRECT}:
        raise invalid("protocols", int(protocols), "one or more of T0, T1, RAW; UNDEFINED only with ShareMode.DIRECT")
    return protocols


def _after_disconnects(reader: str | None, limit: float | None) -> float | None:
    """Wait until the collected connections to a reader are disconnected, and return what is left of the time."""
    begin = time.perf_counter()
    wait_for_disconnects(reader, limit)
    return None if limit is None else max(0.0, limit - (time.perf_counter() - begin))


def _end_given_up(native: CData, attachment: Attachment | None, _kept: object) -> None:
    """Detach after the end of a call that was given up."""
    lib.manage_end_given_up(native)
    if attachment is not None:
        attachment.end()


def _invalid_handle(number: int, code: int, library: Library) -> InvalidHandleError:
    """Return the error for E_INVALIDARG of attach_by_handle; ``code`` is the resource manager's."""
    return InvalidHandleError(
        f"handle: {number} is not a valid card handle of {library.info().path} (it answered 0x{code:08X}); give one "
        "that was opened in this process with this PC/SC library and is still open",
        code=code,
        hresult=E_INVALIDARG,
        function="attach_by_handle",
    )
