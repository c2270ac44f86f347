"""Exchange commands and responses with a card: the transmit methods of SCardManage, and Exchange.

The C core makes the exchange (csrc/exchange.c, csrc/binary_file.c) and receives the response in the caller's memory.
Only transmit() copies bytes in Python: from a receive buffer of the core to the bytes object that it returns.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from ._arguments import (
    UNSIGNED_CHARS,
    flags,
    integer,
    invalid,
    locked,
    pair_of_buffers,
    pinned,
    readable,
    release,
    writable,
)
from ._at_exit import silent_at_exit
from ._field_docs import field_docs
from ._half_made import repr_if_half_made
from ._loader import ffi, lib, owning
from ._not_copied import NotCopied
from .constants import MAX_BUFFER_SIZE_EXTENDED, Flow
from .errors import (
    E_FAIL,
    E_INVALIDARG,
    E_OUTOFMEMORY,
    E_UNEXPECTED,
    CommunicationError,
    InsufficientBufferError,
    SCardError,
    from_hresult,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from ._native import Bytes, CData, ExchangeObject, Manage, Memory, Slot
    from .iso7816.status_word import StatusError

# The maximum numbers of data bytes, as in iso7816.command, which `import scardffi` does not load.
SHORT_DATA: Final = 255
SHORT_LE: Final = 256
EXTENDED_DATA: Final = 65535
EXTENDED_LE: Final = 65536

SIGNAL_CHECK_MS: Final = 50
"""Milliseconds after which a long operation in C returns, so that Python can handle signals."""
_FILE_END: Final = 1 << 24
_SUCCESS: Final = 0x9000
_SPARE_SLOTS: Final = 8

_start: Final = lib.exchange_start
_slot_send: Final = lib.exchange_slot_send
_plain: Final = lib.exchange_plain
_from_buffer: Final = ffi.from_buffer
_MORE: Final = lib.FLOW_MORE


def state_detail(native: Manage, function: str) -> str:
    """Return the reason why a function of the C core returned E_UNEXPECTED, for the message of the error."""
    if lib.manage_is_forked(native):
        return "the object was made in another process; this process is a fork of it"
    if lib.manage_is_stale(native):
        return "the handle was closed by another object, or its number belongs to another connection now; attach again"
    if function.startswith("attach"):
        return "the object is already attached; detach it first"
    if lib.manage_handle(native, ffi.new("SCARDHANDLE *")):
        return "this thread is already fetching a response in parts from the card"
    return "the object is not attached"


def handle_detail(native: Manage) -> str:
    """Return the handle of the manage object in C, for the message of an error; empty while detached."""
    number = ffi.new("SCARDHANDLE *")
    return f"handle {number[0]}" if lib.manage_handle(native, number) else ""


def answered(length: int, sw: int | None) -> str:
    """Return what the card answered, for messages: the status word, or the length of a response that has none."""
    if sw is not None:
        return f"the card answered {sw:04X}"
    return f"the card answered {length} byte{'' if length == 1 else 's'}, without a status word"


def keep(error: BaseException, **attributes: object) -> None:
    """Set attributes of an exception that ends a call early, whatever its class."""
    vars(error).update(attributes)


@field_docs(
    hresult="The HRESULT.",
    required="The length that the response needs in bytes, 0 if it is not known.",
    arrived="The number of data bytes that arrived before the failure.",
    partial="The bytes that arrived, if the caller gave no buffer, or if they are no data.",
    is_refused="True if InsufficientBufferError comes from the C core: the resource manager reported no error.",
    malformed="The text for E_FAIL, which the C core returns for a malformed response.",
)
class ExchangeFailure(NamedTuple):
    """The failure of an exchange, as the C core returns it."""

    hresult: int
    required: int = 0
    arrived: int = 0
    partial: bytes = b""
    is_refused: bool = False
    malformed: str = "the last part of the card's response has no status word"

    @classmethod
    def decode(cls, answer: int, arrived: int = 0) -> Self:
        """Decode the negative result of an exchange, which csrc/transmit.h defines."""
        return cls(-answer & 0xFFFFFFFF, -answer >> 32, arrived)

    def error(
        self, function: str, native: Manage, lengths: tuple[int, int] | None = None, *, place: str | None = None
    ) -> SCardError:
        """Return the exception to raise.

        Args:
            function: the name of the function that failed.
            native: the manage object in C.
            lengths: the length of the command and the capacity of the response in bytes, if C checked them in this
                call.
            place: the name of the reader, for the message; None to name the handle.
        """
        if self.hresult == E_INVALIDARG and lengths is not None:
            return _refused_buffers(*lengths)
        if self.hresult == E_UNEXPECTED:
            detail = state_detail(native, function)
        else:
            detail = handle_detail(native) if place is None else place
            if self.arrived:
                arrived = f"{self.arrived} bytes arrived" + (f", {self.required} are needed" if self.required else "")
                detail = f"{detail}: {arrived}" if detail else arrived
        error: SCardError
        if self.hresult == E_FAIL:
            error = CommunicationError(f"{function}: {self.malformed}", function=function)
        else:
            error = from_hresult(self.hresult, function, detail)
        error.arrived, error.partial = self.arrived, self.partial
        if isinstance(error, InsufficientBufferError):
            error.required = self.required or None
            if self.is_refused:
                error.code = None
        return error


def _refused_buffers(command_length: int, capacity: int) -> SCardError:
    """Return the exception for buffers that C refused; transmit_check in csrc/transmit.h has the same checks."""
    if not 1 <= command_length <= MAX_BUFFER_SIZE_EXTENDED:
        return invalid("command", f"{command_length} bytes", f"1 to {MAX_BUFFER_SIZE_EXTENDED} bytes")
    if capacity < 2:
        return invalid("response", f"a buffer of {capacity} bytes", "2 bytes or more")
    return invalid("response", "a buffer that overlaps the command", "a buffer that does not overlap it")


class ExchangeMethods(NotCopied):
    """The methods of :class:`scardffi.SCardManage` that exchange commands and responses.

    Args:
        native: the manage object in C.
    """

    def __init__(self, native: Manage) -> None:
        self._native = native
        self._spare: list[tuple[Slot, Memory]] = []
        self._reader: str | None = None  # as attach_by_ifd got it

    @property
    def _place(self) -> str:
        """The reader or the handle, for the messages of errors; empty while detached."""
        if self._reader is None or not self.is_attached:
            return handle_detail(self._native)
        return repr(self._reader)

    @property
    def native(self) -> Manage:
        """The object in C (``scardffi_manage *``), for :mod:`scardffi.embed`. It is valid while this object lives."""
        return self._native

    @property
    def is_attached(self) -> bool:
        """True if the object has a card handle. This does not check that the card is still there."""
        return bool(lib.manage_handle(self._native, ffi.new("SCARDHANDLE *")))

    def transmit(self, command: Buffer, flow: SupportsIndex = 0) -> bytes:
        """Send a command APDU and return the response. Wraps ``SCardTransmit`` (ISO/IEC 7816-4, clause 5).

        The call cannot be interrupted while the card executes a command. With a flow, Ctrl-C is handled between two
        commands, at least every 100 ms if no single command takes longer; the exception's ``partial`` has the bytes
        that arrived. The command is never sent again after an error, because the card may have executed it.

        Args:
            command: 1 to 65548 bytes in a contiguous buffer.
            flow: a :class:`~scardffi.constants.Flow`, or several: the steps to take after 61xx, after 6Cxx and for an
                extended command; none by default. No other call sends a command to the card between these steps.

        Returns:
            The response. Its last two bytes are the status word. A response of fewer than two bytes has none; it ends
            a flow.

        Raises:
            InvalidArgumentError: the command is empty or too long; nothing was sent.
            CardStateError: the card was reset, removed or switched off.
            ProtocolMismatchError: the owner of a borrowed handle has reconnected it; attach again.
            InsufficientBufferError: a response in several parts is longer than 65548 bytes; ``partial`` holds the
                bytes that arrived.
            CommunicationError: a part of a response, after the first one, has no status word (``code`` is None).
            UnexpectedStateError: the object is not attached, or it is detached between two commands of a flow.
        """
        if flow or type(command) is not bytes:
            return self._transmit_any(command, flow)
        spares = self._spare
        try:
            spare = spares.pop()
        except IndexError:
            pass  # the exchange is not made here, because its errors would have the IndexError as their context
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
        """Transmit with a flow, with a command that is not bytes, or without a spare slot."""
        if flow:
            chosen = flags("flow", flow, Flow)
            return self._transmit_with_flow(readable("command", command), chosen)
        spare = slot, response = self._take_slot()
        send = readable("command", command)
        memory = lib.exchange_slot_response(slot)
        length = -1
        try:
            length = _slot_send(slot, send, len(send))
            answer: bytes = response[: max(length, 0)]
        finally:
            if type(command) is not bytes:  # the command may be secret, and the response may repeat it
                lib.platform_wipe(memory, length if length >= 0 else MAX_BUFFER_SIZE_EXTENDED)
        self._return_slot(spare)
        if length < 0:
            raise self._exchange_error("transmit", length, send)
        return answer

    def _take_slot(self) -> tuple[Slot, Memory]:
        try:
            return self._spare.pop()
        except IndexError:
            pass  # as in transmit
        slot = owning(functools.partial(lib.exchange_slot_new, self._native), lib.exchange_slot_free)
        if slot is None:
            raise from_hresult(E_OUTOFMEMORY, "transmit")
        # A slice of this buffer is the bytes object to return; ffi.unpack is slower.
        response = ffi.buffer(lib.exchange_slot_response(slot), MAX_BUFFER_SIZE_EXTENDED)
        return slot, response

    def _return_slot(self, spare: tuple[Slot, Memory]) -> None:
        if len(self._spare) < _SPARE_SLOTS:
            self._spare.append(spare)

    def _transmit_with_flow(self, send: Bytes, flow: int) -> bytes:
        spare = self._take_slot()
        slot = spare[0]
        memory = lib.exchange_slot_response(slot)
        to_wipe = lib.FLOW_ROOM
        try:
            length = self._complete_in_slot("transmit", slot, flow, send)
            answer = bytes(ffi.buffer(memory, length))
            to_wipe = 0 if type(send) is bytes else length  # as in _transmit_any
        finally:
            lib.platform_wipe(memory, to_wipe)
            release(send)
        self._return_slot(spare)
        return answer

    def _complete_in_slot(self, function: str, slot: Slot, flow: int, send: Bytes, receive: CData | None = None) -> int:
        """Make one exchange with a flow and return the length of the response, which is in the slot by default."""
        response, capacity = (ffi.NULL, MAX_BUFFER_SIZE_EXTENDED) if receive is None else (receive, len(receive))
        memory = lib.exchange_slot_response(slot) if receive is None else receive
        refusal = lib.transmit_check(send, len(send), memory, capacity)
        if refusal != 0:
            raise ExchangeFailure(refusal).error(function, self._native, (len(send), capacity))
        source = ffi.from_buffer(send) if type(send) is bytes else send
        exchange = lib.exchange_slot_bind(slot, flow, source, len(send), response, capacity)
        received = _complete(exchange, memory=memory if receive is None else None)
        if received >= 0:
            return received
        arrived = lib.exchange_arrived(exchange)
        partial = b"" if receive is not None else bytes(ffi.buffer(memory, arrived + lib.exchange_rest(exchange)))
        required, is_refused = lib.exchange_required(exchange), lib.exchange_is_refused(exchange)
        failure = ExchangeFailure(-received, required, arrived, partial, is_refused)
        raise failure.error(function, self._native, place=self._place)

    def transmit_into(self, command: Buffer, response: Buffer, flow: SupportsIndex = 0) -> int:
        """Send a command APDU and receive the response in memory of the caller. Wraps ``SCardTransmit``.

        Nothing is copied: the PC/SC library writes into ``response``. Otherwise this works like :meth:`transmit`.

        Args:
            command: 1 to 65548 bytes in a contiguous buffer.
            response: a writable, contiguous buffer of 2 bytes or more that does not overlap the command.
            flow: a :class:`~scardffi.constants.Flow`, or several. If a response has several parts, each part is
                written after the data that arrived before, over the status word of the previous part.

        Returns:
            The length of the response in bytes, status word included.

        Raises:
            InsufficientBufferError: the response did not fit. The card has executed the command; ``required`` is the
                length that the response needs. With a flow, a further part that would not fit is not requested;
                ``arrived`` is the number of data bytes in ``response``.
            TypeError: a buffer is not contiguous, or ``response`` is read-only; nothing was sent.
            InvalidArgumentError: a length is not allowed, or the buffers overlap; nothing was sent.
        """
        if flow or type(command) is not bytes:
            return self._transmit_into_any(command, response, flow)
        try:
            receive = _from_buffer(UNSIGNED_CHARS, response, True)
        except (TypeError, ValueError, BufferError):
            receive = writable("response", response)  # raises an error with a better message
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
            spare = self._take_slot()
            length = self._complete_in_slot("transmit_into", spare[0], flags("flow", flow, Flow), send, receive)
        except BaseException:
            release(send, receive)
            raise
        self._return_slot(spare)
        return length

    def exchange(self, command: Buffer, response: Buffer, *, flow: SupportsIndex = 0) -> Exchange:
        """Bind a command buffer and a response buffer for many exchanges; see :class:`~scardffi.exchange.Exchange`."""
        return Exchange(self, command, response, flow)

    def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_LE) -> int:
        """Read the selected transparent file into memory of the caller (READ BINARY; ISO/IEC 7816-4, clause 11.2).

        Each chunk is received in place; 61xx and 6Cxx are followed. From offset 32768 on the odd instruction B1 is
        used. Ctrl-C is handled at least every 100 ms if no single command takes longer.

        Args:
            buffer: a writable, contiguous buffer.
            offset: the first byte of the file to read.
            chunk: the maximum number of bytes that one command requests, 1 to 65536. If it is more than 256, extended
                commands are sent, which not every card supports. T=0 has no extended commands, so 256 is used there.

        Returns:
            The number of bytes read, less than the length of the buffer if the file ends before. Up to 8 bytes of the
            buffer after these bytes may have been overwritten.

        Raises:
            StatusError: the card refused a command; ``sw`` is the status word and ``arrived`` the number of bytes
                read.
            InsufficientBufferError: the card returned more bytes than the buffer has; ``required`` is the length that
                the buffer needs.
            CommunicationError: the card's response has no status word, or is not what READ BINARY returns (``code``
                is None, and ``partial`` has the response).
            SCardError: an exchange failed.

        Any exception that ends the transfer early, KeyboardInterrupt too, has the number of bytes read in ``arrived``.
        """
        start = integer("offset", offset)
        most = _chunk(chunk, EXTENDED_LE)
        return self._whole_file("read_binary_into", writable("buffer", buffer), start, most, is_read=True)

    def update_binary_from(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_DATA) -> int:
        """Write memory of the caller into the selected transparent file (UPDATE BINARY; ISO/IEC 7816-4, clause 11.2).

        From offset 32768 on the odd instruction D7 is used. Ctrl-C is handled as in :meth:`read_binary_into`.

        Args:
            buffer: the bytes to write, a contiguous buffer.
            offset: the first byte of the file to write.
            chunk: the maximum number of bytes that one command sends, 1 to 65535. If it is more than 255, extended
                commands are sent, as for :meth:`read_binary_into`.

        Returns:
            The number of bytes written, which is the length of the buffer.

        Raises:
            StatusError: the card refused a command; ``sw`` is the status word and ``arrived`` the number of bytes
                written.
            CommunicationError: the card's response has no status word (``code`` is None, and ``partial`` has the
                response).
            SCardError: an exchange failed.

        Any exception that ends the transfer early has the number of bytes written in ``arrived``. The card may have
        written the next chunk too, unless it refused a command.
        """
        start = integer("offset", offset)
        most = _chunk(chunk, EXTENDED_DATA)
        return self._whole_file("update_binary_from", locked("buffer", buffer), start, most, is_read=False)

    def _whole_file(self, function: str, memory: CData, offset: int, chunk: int, *, is_read: bool) -> int:
        """Call the step in C until the file is finished, and return the number of bytes transferred."""
        size = len(memory)
        try:
            if not 0 <= offset <= _FILE_END - size:
                raise invalid("offset", offset, f"0 to {_FILE_END - size} for a buffer of {size} bytes")
            create = functools.partial(lib.binary_new, self._native, is_read, memory, size, offset, chunk)
            file = owning(create, lib.binary_free)
            if file is None:
                raise from_hresult(E_OUTOFMEMORY, function)
            try:
                while (answer := lib.binary_step(file, SIGNAL_CHECK_MS)) == _MORE:
                    pass
                self._check_file(function, file, answer)
            except BaseException as error:
                lib.binary_end(file)
                keep(error, arrived=lib.binary_done(file), partial=_file_partial(file))
                raise
        finally:
            release(memory)
        done, sw = lib.binary_done(file), lib.binary_sw(file)
        if sw != _SUCCESS:
            raise _refusal("READ BINARY" if is_read else "UPDATE BINARY", sw, done)
        return done

    def _check_file(self, function: str, file: CData, answer: int) -> None:
        """Raise for the negative answer of a step in C."""
        if answer >= 0:
            return
        done, length = lib.binary_done(file), lib.binary_partial_length(file)
        hresult, required, *_ = ExchangeFailure.decode(answer)
        malformed = answered(length, None) if length < 2 else f"the card's response of {length} bytes is malformed"
        if required:  # C reports what the last response needs, without the data before it
            required += done
        failure = ExchangeFailure(hresult, required, done, _file_partial(file), lib.binary_is_refused(file), malformed)
        raise failure.error(function, self._native, place=self._place)

    def _exchange_error(self, function: str, answer: int, send: Bytes, receive: CData | None = None) -> SCardError:
        """Return the exception for the negative result of an exchange, and unlock the buffers."""
        capacity = MAX_BUFFER_SIZE_EXTENDED if receive is None else len(receive)
        lengths = len(send), capacity
        error = ExchangeFailure.decode(answer).error(function, self._native, lengths, place=self._place)
        release(send, *([] if receive is None else [receive]))
        return error


def _complete(exchange: ExchangeObject, length: int | None = None, memory: CData | None = None) -> int:
    """Make one call of an exchange, in steps so that Python handles signals.

    Args:
        exchange: the exchange in C.
        length: the number of bytes of the command to send; None for all.
        memory: the response, if it is not the caller's.

    Returns:
        The length of the response, or the negated HRESULT.
    """
    try:
        received = _start(exchange) if length is None else lib.exchange_start_part(exchange, length)
        return received if received >= 0 else _go_on(exchange, received)
    except BaseException as error:
        _give_up(exchange, error, memory)
        raise


def _go_on(exchange: ExchangeObject, received: int) -> int:
    """Go on with a call until its response is complete, if ``received`` says that it is not."""
    while received == _MORE:
        received = lib.exchange_step(exchange)
    return received


def _give_up(exchange: ExchangeObject, error: BaseException, memory: CData | None = None) -> None:
    """Give up a call that was interrupted. The exception gets the number of data bytes that arrived, and the bytes."""
    arrived = lib.exchange_end(exchange)
    keep(error, arrived=arrived, partial=b"" if memory is None else bytes(ffi.buffer(memory, arrived)))


def _file_partial(file: CData) -> bytes:
    """Return what the card sent last in the transfer of a file, if that was no proper response."""
    length = lib.binary_partial_length(file)
    return bytes(ffi.buffer(lib.binary_partial(file), length)) if length else b""


def _refusal(command: str, sw: int, arrived: int) -> StatusError:
    """Return the error for a status word that ended the transfer of a whole file."""
    from .iso7816.response import Response  # `import scardffi` must not load iso7816
    from .iso7816.status_word import status_error

    error = status_error(sw, command=command, response=Response(sw.to_bytes(2, "big")))
    error.arrived = arrived
    return error


def _chunk(chunk: int, most: int) -> int:
    """Check and return the maximum number of bytes that one command transfers."""
    number = integer("chunk", chunk)
    if not 1 <= number <= most:
        raise invalid("chunk", number, f"1 to {most}")
    return number


@repr_if_half_made
class Exchange(NotCopied):
    """A command buffer and a response buffer of the caller, bound to a card for many exchanges.

    Each call is one call into C that copies no byte in Python and creates only the int that it returns. The buffers
    are locked against resizing until the object is closed or collected. One thread at a time may use it: a second
    thread gets an error before anything is sent. After the card is detached a call raises; after a reconnect it uses
    the new protocol. As a context manager the object is closed at the end.

    Args:
        card: the card, which the object keeps alive.
        command: 1 to 65548 bytes in a contiguous buffer. You may change the bytes between calls.
        response: a writable, contiguous buffer of 2 bytes or more that does not overlap the command.
        flow: a :class:`~scardffi.constants.Flow`, or several.

    Attributes:
        unchecked: a callable without arguments that returns the length of the response in bytes or, if
            :meth:`__call__` would raise, the negated HRESULT.
    """

    __slots__ = (
        "_card",
        "_closed",
        "_command",
        "_native",
        "_response",
        "_size",
        "command",
        "response",
        "unchecked",
    )

    def __init__(self, card: ExchangeMethods, command: Buffer, response: Buffer, flow: SupportsIndex = 0) -> None:
        chosen = flags("flow", flow, Flow)
        self._card = card
        self._closed = False
        receive = writable("response", response)
        try:
            send = locked("command", command)
        except TypeError:
            release(receive)
            raise
        size, capacity = len(send), len(receive)
        refusal = lib.transmit_check(send, size, receive, capacity)
        if refusal != 0:
            release(send, receive)
            raise ExchangeFailure(refusal).error("exchange", card.native, (size, capacity))
        send, self._command = pinned(send, command)
        receive, self._response = pinned(receive, response)
        create = functools.partial(lib.exchange_new, card.native, chosen, send, size, receive, capacity)
        native = owning(create, lib.exchange_free)
        if native is None:
            release(self._command, self._response)
            raise from_hresult(E_OUTOFMEMORY, "exchange")
        self._native: ExchangeObject = native
        self._size = size
        self.command = command
        self.response = response
        self.unchecked: Callable[[], int]
        if chosen:
            self.unchecked = functools.partial(_complete, self._native)
        else:
            self.unchecked = functools.partial(lib.exchange_send, self._native)
        vars(self.unchecked)["keeps"] = card, self._command, self._response  # it may outlive this object

    def __call__(self, length: int | None = None) -> int:
        """Send the command and receive the response in place. Wraps ``SCardTransmit``.

        As with :meth:`ExchangeMethods.transmit`, the call can be interrupted only between two commands of a flow. The
        command is never sent again after an error.

        Args:
            length: the number of bytes of the command buffer to send; None for all.

        Returns:
            The length of the response in bytes, status word included.

        Raises:
            InsufficientBufferError: the response did not fit; the card has executed the command.
            CardStateError: the card was reset, removed or switched off.
            InvalidArgumentError: the length is not allowed.
            UnexpectedStateError: the card is detached, the exchange is closed, or another thread is using it.
        """
        if length is not None:
            return self._send_part(length)
        try:
            received = _start(self._native)
            if received >= 0:
                return received
            received = _go_on(self._native, received)
        except BaseException as error:
            _give_up(self._native, error)
            raise
        if received < 0:
            raise self._error(-received)
        return received

    def _send_part(self, length: SupportsIndex) -> int:
        size = integer("length", length)
        if not 1 <= size <= self._size:
            raise invalid("length", size, f"1 to {self._size}, the length of the command buffer")
        received = _complete(self._native, size)
        if received < 0:
            raise self._error(-received)
        return received

    def _error(self, hresult: int) -> SCardError:
        if hresult == E_UNEXPECTED and self._card.is_attached:
            detail = "another thread is using this exchange, or this thread is already fetching a response in parts"
            if self._closed:
                detail = "the exchange is closed"
            return from_hresult(hresult, "exchange", detail)
        native = self._native
        failure = ExchangeFailure(
            hresult,
            lib.exchange_required(native),
            lib.exchange_arrived(native),
            is_refused=lib.exchange_is_refused(native),
        )
        return failure.error("exchange", self._card.native, place=self._card._place)  # noqa: SLF001  the class is above

    @property
    def sw(self) -> int | None:
        """The status word of the last response as an int, 0 before the first call.

        None if the response has fewer than two bytes, or if the last call failed.
        """
        return lib.exchange_sw(self._native) if lib.exchange_has_sw(self._native) else None

    @property
    def native(self) -> ExchangeObject:
        """The object in C (``scardffi_exchange *``), for :mod:`scardffi.embed`. It is valid while this object lives."""
        return self._native

    def __repr__(self) -> str:
        place = self._card._place  # noqa: SLF001  the class is above
        sizes = f"command {self._size} bytes, response {memoryview(self.response).nbytes} bytes"
        return f"<scardffi.Exchange {place}, {sizes}{', closed' * self._closed}>"

    def close(self) -> None:
        """Unlock the buffers. Later calls of the exchange raise; closing it again has no effect.

        Raises:
            UnexpectedStateError: a call is running; the exchange stays open.
        """
        if not lib.exchange_close(self._native):
            raise from_hresult(E_UNEXPECTED, "close", "a call of this exchange is running")
        if not self._closed:
            self._closed = True
            release(self._command, self._response)

    def __enter__(self) -> Self:
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
