"""What services talk through, and how: a command goes out as the card takes it, the whole answer comes back."""

from __future__ import annotations

from dataclasses import replace
from threading import RLock
from typing import TYPE_CHECKING, Final, Protocol, SupportsIndex

from ..iso7816.atr import Atr, MalformedAtrError
from ..iso7816.command import SHORT_DATA, SHORT_LE
from ..iso7816.instructions import get_response
from ..iso7816.response import Response
from ..iso7816.status_word import StatusInfo, VerificationFailedError, raise_for

if TYPE_CHECKING:
    from collections.abc import Container

    from typing_extensions import Buffer

    from ..iso7816.command import Command
    from ..iso7816.status_word import StatusTable

MOST_DATA: Final = 65536
"""The most bytes of data that one command may bring back."""
WRONG_CODE: Final = {range(0x63C0, 0x63D0): StatusInfo("wrong, {counter} tries left", VerificationFailedError)}
"""What 63Cx means to services that prove something to the card."""
_CHAINING: Final = 0x10
_FIRST_PROPRIETARY_CLASS: Final = 0x80


class Turns:
    """What the services of one card share, so that none meets what another one does.

    Attributes:
        lock: for one sequence of commands at a time.
        selected_by: stands for the service that has selected a file last; None where what is selected is not known,
            as after a reset.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.selected_by: object = None


class Transmitter(Protocol):
    """Anything that sends a card a command APDU; :class:`scardffi.SCardManage` is one, a card in Python another."""

    def transmit(self, command: Buffer, /) -> bytes:
        """The response APDU, status word included. The command is overwritten once this has returned."""
        ...


class ReaderTransmitter(Transmitter, Protocol):
    """What a transmitter may offer beyond that, as SCardManage does; services use each where it is there."""

    @property
    def atr(self) -> bytes:
        """The card's answer to reset, which tells whether it takes extended and chained commands."""
        ...

    @property
    def turns(self) -> Turns:
        """What all services of this card share."""
        ...

    def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_LE) -> int:
        """Read the selected transparent file into this memory; how many bytes, fewer where the file ends.

        One command asks for no more bytes than a chunk.
        An error of the card's is an exception with ``sw`` and ``arrived``, the number of bytes read before.
        """
        ...

    def update_binary_from(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_DATA) -> int:
        """Write this memory into the selected transparent file; errors as for :meth:`read_binary_into`."""
        ...

    def control(self, code: SupportsIndex, data: Buffer = b"") -> bytes:
        """Send a command to the reader's driver (PC/SC part 10)."""
        ...


class Sender:
    """Sends commands through a transmitter, and makes errors of status words.

    Args:
        transmitter: where to.
        cla: the class byte of a service's commands; that of a logical channel, for instance.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.

    Attributes:
        turns: what it shares with the other services of the transmitter, where that offers it.
        extended_length: whether the card takes extended commands, as its historical bytes say; may be set.
        chaining: whether it takes chained commands, as its historical bytes say; may be set.
    """

    def __init__(self, transmitter: Transmitter, cla: int = 0, table: StatusTable | None = None) -> None:
        if not callable(getattr(transmitter, "transmit", None)):
            raise TypeError(f"transmitter: expected an object with transmit(command), got {type(transmitter).__name__}")
        self.transmitter = transmitter
        self.cla = cla
        self.table = table
        self.turns: Turns = getattr(transmitter, "turns", None) or Turns()
        self.extended_length, self.chaining = _capabilities(transmitter)

    def send(self, command: Command, allow: Container[int] = ()) -> Response:
        """One command and its whole answer (ISO/IEC 7816-4, clauses 5.3.3 and 5.3.4).

        Data of more than 255 bytes are chained where the card takes no extended commands. 61xx is followed by GET
        RESPONSE, and 6Cxx by the same command with that Le. The bytes that were sent are overwritten.

        Args:
            command: one, with its class byte.
            allow: status words that are a success beside 9000.

        Returns:
            The data, and the last status word.

        Raises:
            StatusError: the card answered another status word.
        """
        response = self.send_any(command)
        raise_for(response.sw, allow=allow, table=self.table)
        return response

    def send_any(self, command: Command) -> Response:
        """As :meth:`send`, whatever the status word is."""
        with self.turns.lock:
            return self._send(command)

    def _send(self, command: Command) -> Response:
        if len(command.data) > SHORT_DATA and self.chaining and not self.extended_length:
            parts = command.chain()
            try:
                for part in parts[:-1]:
                    response = self._transmit(part)
                    if response.sw != 0x9000:
                        return response
                return self._whole_answer(parts[-1])
            finally:
                for part in parts:
                    if not isinstance(part.data, bytes):
                        part.wipe()
        return self._whole_answer(command)

    def _whole_answer(self, command: Command) -> Response:
        response = self._corrected(command)
        data = response.data
        while response.sw >> 8 == 0x61 and len(data) < MOST_DATA:
            cla = command.cla if command.cla >= _FIRST_PROPRIETARY_CLASS else command.cla & ~_CHAINING
            response = self._corrected(get_response(response.sw & 0xFF or SHORT_LE, cla=cla))
            if not response.data:
                break  # a card could otherwise keep us here for ever
            data += response.data
        return Response(data + response.sw.to_bytes(2, "big"))

    def _corrected(self, command: Command) -> Response:
        """The answer to a command, and to it with another Le where the card asks for one."""
        response = self._transmit(command)
        if response.sw >> 8 == 0x6C and command.le is not None:
            response = self._transmit(replace(command, le=response.sw & 0xFF or SHORT_LE))
        return response

    def _transmit(self, command: Command) -> Response:
        apdu = command.encode()
        try:
            return Response(self.transmitter.transmit(apdu))
        finally:
            apdu[:] = bytes(len(apdu))


def refused(error: BaseException) -> int | None:
    """The status word that a transmitter's own error carries, as its ``read_binary_into`` raises it; None for none."""
    sw = getattr(error, "sw", None)
    return sw if isinstance(sw, int) else None


def _capabilities(transmitter: Transmitter) -> tuple[bool, bool]:
    """Extended length and command chaining, where the ATR says so (ISO/IEC 7816-4, clause 8.1.1.2.7)."""
    try:
        historical = Atr(getattr(transmitter, "atr", None) or b"", lenient=True).historical()
    except MalformedAtrError:
        return False, False
    if historical is None:
        return False, False
    return bool(historical.supports_extended_length), bool(historical.supports_chaining)
