"""Exchange commands and responses with a card: the transmit methods of SCardManage, and Exchange.

The calls without a flow are in csrc/python/calls.c. This module has the calls with a flow, the transfer of whole
files, and the errors of all calls. The C core makes the exchange and receives the response in the caller's memory.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final, NoReturn, Self

from ._arguments import UNSIGNED_CHARS, flags, integer, invalid, locked, new_memory, readable, release, writable
from ._at_exit import silent_at_exit
from ._half_made import repr_if_half_made
from ._loader import address_of, calls, ffi, lib, owning
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
    forked_error,
    from_hresult,
)

if TYPE_CHECKING:
    from types import TracebackType
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from ._calls import CardCalls, ExchangeCalls
    from ._native import CData, ExchangeObject, Manage
    from .iso7816.status_word import StatusError
elif calls is not None:
    CardCalls, ExchangeCalls = calls.CardCalls, calls.ExchangeCalls
else:
    from ._calls_by_cffi import CardCalls, ExchangeCalls

__all__ = ["Exchange"]

# The maximum numbers of data bytes, as in iso7816.command, which `import scardffi` does not load.
SHORT_DATA: Final = 255
SHORT_LE: Final = 256
EXTENDED_DATA: Final = 65535
EXTENDED_LE: Final = 65536

SIGNAL_CHECK_MS: Final = 50
"""Milliseconds after which a long operation in C returns, so that Python can handle signals."""
_FILE_END: Final = 1 << 24
_SUCCESS: Final = 0x9000
_EXCHANGE: Final = ffi.typeof("scardffi_exchange *")
_MORE: Final = lib.FLOW_MORE


def state_error(native: Manage, function: str) -> SCardError:
    """Return the error for E_UNEXPECTED from a function of the C core; ``function`` is the name for the message."""
    if lib.manage_is_forked(native):
        return forked_error(function)
    return from_hresult(E_UNEXPECTED, function, _state_detail(native, function))


def _state_detail(native: Manage, function: str) -> str:
    if lib.manage_is_given_up(native):
        return "an earlier call timed out or was interrupted, and PC/SC's function has not returned yet"
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


class ExchangeFailure:
    """The failure of an exchange, as the C core returns it.

    Args:
        hresult: the HRESULT.
        required: the length that the response needs in bytes, 0 if it is not known.
        arrived: the number of data bytes that arrived before the failure.
        partial: the bytes that arrived, if the caller gave no buffer, or if they are no data.
        is_refused: True if InsufficientBufferError comes from the C core: the resource manager reported no error.

    Attributes:
        malformed: the text for E_FAIL, which the C core returns for a malformed response.
    """

    malformed = "the last part of the card's response has no status word"

    def __init__(
        self,
        hresult: int,
        required: int = 0,
        arrived: int = 0,
        partial: bytes = b"",
        *,
        is_refused: bool = False,
    ) -> None:
        self.hresult, self.required, self.arrived, self.partial = hresult, required, arrived, partial
        self.is_refused = is_refused

    @classmethod
    def decode(cls, answer: int, arrived: int = 0, partial: bytes = b"", *, is_refused: bool = False) -> Self:
        """Decode the negative result of an exchange, which csrc/transmit.h defines."""
        return cls(-answer & 0xFFFFFFFF, -answer >> 32, arrived, partial, is_refused=is_refused)

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
        detail = handle_detail(native) if place is None else place
        if self.arrived:
            arrived = f"{self.arrived} bytes arrived" + (f", {self.required} are needed" if self.required else "")
            detail = f"{detail}: {arrived}" if detail else arrived
        error: SCardError
        if self.hresult == E_UNEXPECTED:
            error = state_error(native, function)
        elif self.hresult == E_FAIL:
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


class ExchangeMethods(NotCopied, CardCalls):
    """The methods of :class:`scardffi.SCardManage` that exchange commands and responses.

    ``transmit`` and ``transmit_into`` are in csrc/python/calls.c, with their documentation.

    Args:
        native: the manage object in C.
    """

    def __init__(self, native: Manage) -> None:
        super().__init__(native, address_of(native))
        self._reader: str | None = None  # as attach_by_ifd got it

    _step_ms = SIGNAL_CHECK_MS  # after this time C returns between two commands

    def _between_commands(self) -> None:
        """Do nothing; a subclass may raise here to end the transfer of a file."""

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

    def _transmit_with_flow(self, command: Buffer, flow: SupportsIndex) -> bytes:
        memory = new_memory(UNSIGNED_CHARS, lib.FLOW_ROOM)
        response = ffi.buffer(memory)
        to_wipe = lib.FLOW_ROOM
        try:
            length = self._complete("transmit", command, response, flow, memory)
            answer: bytes = response[:length]
            to_wipe = 0 if type(command) is bytes else length  # the command may be secret
            return answer
        finally:
            lib.wipe_memory(memory, to_wipe)

    def _transmit_into_with_flow(self, command: Buffer, response: Buffer, flow: SupportsIndex) -> int:
        return self._complete("transmit_into", command, response, flow)

    def _complete(
        self, function: str, command: Buffer, response: Buffer, flow: SupportsIndex, memory: CData | None = None
    ) -> int:
        """Make one exchange with a flow and return the length of the response.

        Args:
            function: the name of the caller, for errors.
            command: the command.
            response: the memory for the response.
            flow: the flow.
            memory: the same memory if it is not the caller's.
        """
        with Exchange(self, command, response, flow) as exchange:
            native = exchange.native
            if memory is not None:
                lib.exchange_limit(native, MAX_BUFFER_SIZE_EXTENDED)
            received = _complete(native, memory=memory)
            if received >= 0:
                return received
            arrived = lib.exchange_arrived(native)
            partial = b"" if memory is None else bytes(ffi.buffer(memory, arrived + lib.exchange_rest(native)))
            required, is_refused = lib.exchange_required(native), lib.exchange_is_refused(native)
        failure = ExchangeFailure(-received, required, arrived, partial, is_refused=is_refused)
        raise failure.error(function, self._native, place=self._place)

    def _raise_failure(self, function: str, answer: int, command_length: int, capacity: int) -> NoReturn:
        """Raise the exception for the negative result of an exchange."""
        failure = ExchangeFailure.decode(answer)
        raise failure.error(function, self._native, (command_length, capacity), place=self._place)

    @staticmethod
    def _refuse_buffers(command: Buffer, *responses: Buffer) -> None:
        """Raise the TypeError for buffers that C cannot use: the command, or a response."""
        for response in responses:
            release(writable("response", response))
        release(readable("command", command))

    def exchange(self, command: Buffer, response: Buffer, *, flow: SupportsIndex = 0) -> Exchange:
        """Bind a command buffer and a response buffer for many exchanges.

        Arguments and errors are those of :class:`~scardffi.Exchange`.
        """
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
                while (answer := lib.binary_step(file, self._step_ms)) == _MORE:
                    self._between_commands()
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
        failure = ExchangeFailure.decode(answer, done, _file_partial(file), is_refused=lib.binary_is_refused(file))
        if failure.required:  # C reports what the last response needs, without the data before it
            failure.required += done
        failure.malformed = (
            answered(length, None) if length < 2 else f"the card's response of {length} bytes is malformed"
        )
        raise failure.error(function, self._native, place=self._place)


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
        received = lib.exchange_start(exchange) if length is None else lib.exchange_start_part(exchange, length)
        while received == _MORE:
            received = lib.exchange_step(exchange)
    except BaseException as error:
        arrived = lib.exchange_end(exchange)
        keep(error, arrived=arrived, partial=b"" if memory is None else bytes(ffi.buffer(memory, arrived)))
        raise
    return received


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
class Exchange(NotCopied, ExchangeCalls):
    """A command buffer and a response buffer of the caller, bound to a card for many exchanges.

    Calling the object sends the command, receives the response in place, and returns the length of the response in
    bytes, status word included. With an argument ``length``, only that number of bytes of the command is sent. Wraps
    ``SCardTransmit``. Each call copies no byte and creates only the int that it returns. As with
    :meth:`ExchangeMethods.transmit`, it can be interrupted only between two commands of a flow. The command is never
    sent again after an error.

    The buffers are locked against resizing until the object is closed or collected. One thread at a time may use it: a
    second thread gets an error before anything is sent. After the card is detached a call raises; after a reconnect it
    uses the new protocol. As a context manager the object is closed at the end. ``unchecked()`` is like a call without
    an argument, but returns the negated HRESULT if the call would raise.

    Args:
        card: the card, which the object keeps alive.
        command: 1 to 65548 bytes in a contiguous buffer. You may change the bytes between calls.
        response: a writable, contiguous buffer of 2 bytes or more that does not overlap the command.
        flow: a :class:`~scardffi.constants.Flow`, or several.

    A call raises:
        InsufficientBufferError: the response did not fit; the card has executed the command.
        CardStateError: the card was reset, removed or switched off.
        InvalidArgumentError: the length is not allowed.
        UnexpectedStateError: the card is detached, the exchange is closed, or another thread is using it.
    """

    __slots__ = ("_card", "_closed", "_native", "_room", "_size", "command", "response")

    def __init__(self, card: ExchangeMethods, command: Buffer, response: Buffer, flow: SupportsIndex = 0) -> None:
        native = card.native
        super().__init__(card, address_of(native), flags("flow", flow, Flow), command, response)
        self._card = card
        self._closed = False
        self._size, self._room = memoryview(command).nbytes, memoryview(response).nbytes
        self._native: ExchangeObject = ffi.cast(_EXCHANGE, self._address)
        self.command = command
        self.response = response

    def _call(self, length: SupportsIndex | None = None) -> int:
        """Make a call with a flow, or with a part of the command."""
        received = self._complete() if length is None else self._send_part(length)
        if received < 0:
            self._raise_failure(received)
        return received

    def _complete(self) -> int:
        return _complete(self._native)

    def _send_part(self, length: SupportsIndex) -> int:
        size = integer("length", length)
        if not 1 <= size <= self._size:
            raise invalid("length", size, f"1 to {self._size}, the length of the command buffer")
        return _complete(self._native, size)

    def _raise_failure(self, answer: int) -> NoReturn:
        """Raise the exception for the negative result of a call."""
        hresult, native = -answer, self._native
        if hresult == E_UNEXPECTED and self._card.is_attached:
            detail = "another thread is using this exchange, or this thread is already fetching a response in parts"
            if self._closed:
                detail = "the exchange is closed"
            raise from_hresult(hresult, "exchange", detail)
        failure = ExchangeFailure(
            hresult,
            lib.exchange_required(native),
            lib.exchange_arrived(native),
            is_refused=lib.exchange_is_refused(native),
        )
        raise failure.error("exchange", self._card.native, place=self._card._place)  # noqa: SLF001  the class is above

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
        sizes = f"command {self._size} bytes, response {self._room} bytes"
        return f"<scardffi.Exchange {place}, {sizes}{', closed' * self._closed}>"

    def close(self) -> None:
        """Unlock the buffers. Later calls of the exchange raise; closing it again has no effect.

        Raises:
            UnexpectedStateError: a call is running; the exchange stays open.

        In a fork this unlocks the child's own memory.
        """
        if not lib.exchange_close(self._native) and not lib.manage_is_forked(self._card.native):
            raise from_hresult(E_UNEXPECTED, "close", "a call of this exchange is running")
        if not self._closed:
            self._closed = True
            self._unlock()

    def __enter__(self) -> Self:
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
