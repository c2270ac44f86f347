"""The interface through which services send commands, and :class:`Sender`, which adds chaining and GET RESPONSE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol, SupportsIndex

from .._locks import ForkMutex
from .._not_copied import NotCopied
from ..iso7816._secrets import Secrets
from ..iso7816.atr import Atr, MalformedAtrError
from ..iso7816.class_bytes import CHAINING, PROPRIETARY
from ..iso7816.command import SHORT_DATA, SHORT_LE, Command, checked, command_of
from ..iso7816.instructions import get_response
from ..iso7816.response import MalformedResponseError, Response
from ..iso7816.status_word import (
    SUCCESS,
    StatusError,
    StatusInfo,
    VerificationFailedError,
    more_available,
    raise_for,
    status_error,
)

if TYPE_CHECKING:
    from collections.abc import Container

    from typing_extensions import Buffer

    from ..iso7816.status_word import StatusTable

__all__ = ["ReaderTransmitter", "Sender", "Transmitter"]

MOST_DATA: Final = 65536
"""The size of response data at which the sender stops asking for more."""
WRONG_CODE: Final = {range(0x63C0, 0x63D0): StatusInfo("wrong, {counter} tries left", VerificationFailedError)}
"""The meaning of 63Cx after a command with a code or proof."""
WRITTEN: Final = frozenset({0x6381, *range(0x63C0, 0x63D0)})
"""Status words of a successful write: the file is full now, or the write took several attempts."""


class Turns(NotCopied):
    """The state that the services of one card share.

    Attributes:
        lock: held during a sequence of commands between which no command of another service may come.
        selected_by: a token of the service that was the last to select a file; None if the selected file is unknown,
            as after a reset.
    """

    def __init__(self) -> None:
        self.lock = ForkMutex()
        self.selected_by: object = None


class Transmitter(Protocol):
    """An object that sends command APDUs to a card, such as a :class:`scardffi.SCardManage` or a card in Python."""

    def transmit(self, command: bytes | bytearray, /) -> bytes:
        """Return the response APDU, status word included.

        Args:
            command: the command APDU. A command that may hold something secret is a bytearray: its data is a code or a
                key, was given as a bytearray, or was given to :meth:`Sender.send` as the bytes or text of the APDU. The
                caller overwrites it after the call, so copy it if you keep it. Any other command is ``bytes``, unless
                :attr:`ReaderTransmitter.takes_any_buffer` is true.
        """
        ...


class ReaderTransmitter(Transmitter, Protocol):
    """Optional members of a transmitter, all of which SCardManage has. Services use those that exist."""

    @property
    def atr(self) -> bytes:
        """The card's ATR, which says whether it accepts extended and chained commands."""
        ...

    @property
    def turns(self) -> Turns:
        """The state that all services of this card share."""
        ...

    @property
    def takes_any_buffer(self) -> bool:
        """True if ``transmit`` takes any buffer: then every command is a bytearray that is overwritten afterwards.

        Set it in a transmitter of your own that only hands the commands on to an SCardManage.
        """
        ...

    def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_LE) -> int:
        """Read the selected transparent file into a buffer.

        Args:
            buffer: the writable buffer to fill.
            offset: the offset in the file, in bytes.
            chunk: the maximum number of bytes that one command requests.

        Returns:
            The number of bytes read, fewer than the buffer's length if the file ends.

        Raises:
            StatusError: the card refused; ``arrived`` is the number of bytes read before.
            Exception: another failure; it may have this attribute too.
        """
        ...

    def update_binary_from(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_DATA) -> int:
        """Write a buffer to the selected transparent file, and return the number of bytes written.

        Arguments and errors are those of :meth:`read_binary_into`.
        """
        ...

    def control(self, code: SupportsIndex, data: Buffer = b"") -> bytes:
        """Send a control code and data to the reader's driver, and return its answer (PC/SC part 10)."""
        ...

    def short_response_error(self, response: bytes) -> Exception:
        """Return the error for a response of 0 or 1 bytes, which has no status word.

        Services raise it. With a transmitter that lacks this method they raise MalformedResponseError.
        """
        ...


class Sender(NotCopied):
    """Sends commands through a transmitter and raises errors for status words.

    Args:
        transmitter: sends the commands.
        cla: the class byte of a service's commands, 0 to 255, such as that of a logical channel.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.
        capabilities: whether the card accepts extended and chained commands; None to read it from the historical bytes
            of the transmitter's ATR.

    Attributes:
        turns: the state that the services of the card share, if the transmitter has one; otherwise the sender's own.
        extended_length: True if the historical bytes say that the card accepts extended commands. You may change it.
        chaining: True if the historical bytes say that the card accepts chained commands. You may change it.

    Raises:
        TypeError: ``transmitter`` has no ``transmit``.
        ValueError: ``cla`` is not a byte.
    """

    def __init__(
        self,
        transmitter: Transmitter,
        cla: int = 0,
        table: StatusTable | None = None,
        capabilities: tuple[bool, bool] | None = None,
    ) -> None:
        if not callable(getattr(transmitter, "transmit", None)):
            raise TypeError(f"transmitter: expected an object with transmit(command), got {type(transmitter).__name__}")
        self.transmitter = transmitter
        self.cla = checked("cla", cla, 0, 0xFF)
        self.table = table
        self.turns: Turns = getattr(transmitter, "turns", None) or Turns()
        self._takes_any_buffer: bool = getattr(transmitter, "takes_any_buffer", False)
        self.extended_length, self.chaining = _capabilities(transmitter) if capabilities is None else capabilities

    def send(self, command: Command | Buffer | str, allow: Container[int] = ()) -> Response:
        """Send a command and return its whole response (ISO/IEC 7816-4, clauses 5.3.3 and 5.3.4).

        A command with more than 255 bytes of data is chained if the card accepts chained commands but not extended
        ones. After 61xx, or another status word for which the table has ``more``, this sends GET RESPONSE. After 6Cxx
        it sends the same command with Le = xx. The encoded command is wiped.

        Args:
            command: the command with its class byte, its APDU, or the APDU in hexadecimal text.
            allow: status words besides 9000 that are a success.

        Returns:
            All the data, and the last status word.

        Raises:
            StatusError: the card answered another status word; ``response`` has the data before it.
            MalformedCommandError: the bytes are not a command APDU; nothing was sent.
            ValueError: the text is not hexadecimal; nothing was sent.
            Exception: the card answered fewer than 2 bytes; the class is that of :func:`decoded`. If an error ends a
                response after some of its parts, ``partial`` of the error has their data, and ``arrived`` the length.
        """
        secrets = Secrets()
        try:
            whole = command_of(command, secrets)
            del command  # the traceback of an error must not show the bytes or the text
            response = self.send_any(whole)
            return self.accept(whole.name, response, allow)
        finally:
            _ = [*secrets.wiping]

    def accept(self, command: str, response: Response, allow: Container[int] = ()) -> Response:
        """Return a response; raise the StatusError of its status word unless it is 9000 or allowed.

        Args:
            command: the name of the command's instruction.
            response: the response.
            allow: status words besides 9000 that are a success.
        """
        raise_for(response.sw, allow=allow, table=self.table, command=command, response=response)
        if more_available(response.sw, table=self.table) and response.sw not in allow:  # the card never sent the rest
            raise status_error(response.sw, table=self.table, command=command, response=response)
        return response

    def send_any(self, command: Command) -> Response:
        """Send a command as :meth:`send` does, and accept any status word."""
        with self.turns.lock:
            return self._send(command)

    def _send(self, command: Command) -> Response:
        if len(command.data) > SHORT_DATA and self.chaining and not self.extended_length:
            secrets = Secrets()
            try:
                parts = command.chain(secrets=secrets)
                for part in parts[:-1]:
                    response = self._transmit(part)
                    if response.sw != SUCCESS:
                        return response
                return self._whole_answer(parts[-1])
            finally:
                _ = [*secrets.wiping]
        return self._whole_answer(command)

    def _whole_answer(self, command: Command) -> Response:
        response = self._corrected(command)
        if not more_available(response.sw, table=self.table):
            return response
        data = response.data
        cla = command.cla if command.cla & PROPRIETARY else command.cla & ~CHAINING
        while (le := more_available(response.sw, table=self.table)) and len(data) < MOST_DATA:
            try:
                response = self._corrected(get_response(le, cla=cla))
            except BaseException as error:
                _keep(error, data)
                raise
            if not response.data:
                break  # otherwise a card could make this an endless loop
            data += response.data
        return Response(data + response.sw.to_bytes(2, "big"))

    def _corrected(self, command: Command) -> Response:
        """Send a command; if the card asks for another Le, send it again with that Le."""
        response = self._transmit(command)
        if response.sw >> 8 == 0x6C and command.le is not None:
            le = response.sw & 0xFF or SHORT_LE
            again = Command(command.cla, command.ins, command.p1, command.p2, le=le, extended=command.extended)
            again.data = command.data  # not a copy of it, which would have to be wiped
            response = self._transmit(again)
        return response

    def _transmit(self, command: Command) -> Response:
        if isinstance(command.data, bytes) and not self._takes_any_buffer:
            return decoded(self.transmitter.transmit(bytes(command)), self.transmitter)
        secrets = Secrets()
        try:
            secrets.blocks += [command.encode()]
            return decoded(self.transmitter.transmit(secrets.blocks[0]), self.transmitter)
        finally:
            _ = [*secrets.wiping]


def decoded(response: Buffer, transmitter: object) -> Response:
    """Decode a response that came through a transmitter.

    Raises:
        MalformedResponseError: the response has fewer than 2 bytes, and the transmitter has no error of its own.
        Exception: the response has fewer than 2 bytes, and the transmitter has an error of its own for this;
            SCardManage raises CommunicationError.
    """
    try:
        return Response(response)
    except MalformedResponseError as error:
        own_error = getattr(transmitter, "short_response_error", None)
        if own_error is None:
            raise
        raise own_error(error.raw) from error


def _keep(error: BaseException, data: bytes) -> None:
    """Add the data that arrived to an exception that ends a response in parts, whatever its class."""
    if isinstance(error, MalformedResponseError):
        error.raw = data + (error.raw or b"")
    else:
        vars(error).update(arrived=len(data), partial=data + getattr(error, "partial", b""))


def lacks_status_word(error: BaseException) -> bool:
    """Return True if this is the error for a response of fewer than 2 bytes."""
    return isinstance(error, MalformedResponseError) and error.raw is not None


def status_word_of(error: BaseException | None) -> int | None:
    """Return the status word in a StatusError; None for another error."""
    return error.sw if isinstance(error, StatusError) else None


def _capabilities(transmitter: Transmitter) -> tuple[bool, bool]:
    """Return whether the ATR states support for extended length and chaining (ISO/IEC 7816-4, clause 12.1.1)."""
    try:
        historical = Atr(getattr(transmitter, "atr", None) or b"", lenient=True).historical()
    except MalformedAtrError:
        return False, False
    if historical is None:
        return False, False
    return bool(historical.supports_extended_length), bool(historical.supports_chaining)
