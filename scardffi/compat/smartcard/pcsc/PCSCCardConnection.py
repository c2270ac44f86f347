"""A connection through PC/SC, on a manage object."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, NoReturn

from ...._at_exit import silent_at_exit
from ...._reaper import close_later
from ....constants import Disposition, Scope
from ....context import Context
from ....errors import SCardError
from ....manage import SCardManage
from ... import scard
from ...scard import _bytes
from .._failure import failing, failure, hresult_of
from ..CardConnection import CardConnection, Command
from ..Exceptions import CardConnectionException, NoCardException, SmartcardException

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

_NO_STATUS_WORD = "Card returned no valid response"
_NO_PROTOCOL = (
    "Invalid protocol in transmit: must be CardConnection.T0_protocol, CardConnection.T1_protocol, or "
    "CardConnection.RAW_protocol"
)
_NO_CARD = {scard.SCARD_E_NO_SMARTCARD, scard.SCARD_W_REMOVED_CARD}

dictProtocolHeader = {scard.SCARD_PCI_T0: "T0", scard.SCARD_PCI_T1: "T1", scard.SCARD_PCI_RAW: "RAW"}
"""The name of each protocol that :meth:`PCSCCardConnection.transmit` takes, by its number in smartcard.scard."""
dictProtocol = {
    scard.SCARD_PROTOCOL_T0: "T0",
    scard.SCARD_PROTOCOL_T1: "T1",
    scard.SCARD_PROTOCOL_RAW: "RAW",
    scard.SCARD_PROTOCOL_T15: "T15",
    scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1: "T0 or T1",
}
"""The name of each protocol that :meth:`PCSCCardConnection.connect` takes, by its number in smartcard.scard."""
_NUMBERS = {
    CardConnection.T0_protocol: scard.SCARD_PROTOCOL_T0,
    CardConnection.T1_protocol: scard.SCARD_PROTOCOL_T1,
    CardConnection.RAW_protocol: scard.SCARD_PROTOCOL_RAW,
    CardConnection.T15_protocol: scard.SCARD_PROTOCOL_T15,
}
_OWN_NUMBERS = {number: own for own, number in _NUMBERS.items()}


def translateprotocolmask(protocol: int) -> int:
    """Return the protocols of CardConnection as those of smartcard.scard."""
    return sum(number for own, number in _NUMBERS.items() if protocol & own)


def translateprotocolheader(protocol: int) -> int:
    """Return one protocol of CardConnection as one of SCARD_PCI_*.

    Raises:
        CardConnectionException: it is none of T=0, T=1 and RAW.
    """
    number = _NUMBERS.get(protocol)
    if number not in dictProtocolHeader:
        raise CardConnectionException(_NO_PROTOCOL)
    return number


class PCSCCardConnection(CardConnection):
    """A connection to the card in a reader, through PC/SC.

    It may be used from any thread. If it is collected while connected, it is disconnected on another thread, and the
    next :meth:`connect` to the reader waits for that.

    Args:
        reader: the reader's name.

    Attributes:
        manage: the :class:`~scardffi.SCardManage` that does the work; None while the card is not connected.
        disposition: what :meth:`disconnect` does with the card.
    """

    def __init__(self, reader: str) -> None:
        super().__init__(str(reader))
        self.manage: SCardManage | None = None
        self.disposition = scard.SCARD_UNPOWER_CARD
        self._send: Callable[[Buffer], bytes] = _not_connected
        self._wanted: int | None = None
        self._context: Context | None = None
        self._is_released = False

    @property
    def hcard(self) -> int | None:
        """The card handle, for the functions of smartcard.scard; None while the card is not connected."""
        return self.manage.handle if self.manage is not None and self.manage.is_attached else None

    @property
    def hcontext(self) -> int:
        """A context, for the functions of smartcard.scard. It lasts until :meth:`release`.

        Raises:
            CardConnectionException: the resource manager does not run.
        """
        with self.mutex:
            if self._context is None:
                with failing(CardConnectionException, "Failed to establish context : "):
                    self._context = Context(Scope.USER)
            return self._context.handle

    def connect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Connect to the card. Wraps ``SCardConnect``. A connection that is there is ended first; see CardConnection.

        Raises:
            NoCardException: there is no card in the reader.
            CardConnectionException: another error of PC/SC.
        """
        super().connect(protocol, mode, disposition)
        self._is_released = False
        with contextlib.suppress(SCardError):
            self._detach(Disposition.LEAVE)
        wanted = (self._wanted or self.T0_protocol | self.T1_protocol) if protocol is None else protocol
        mask = translateprotocolmask(wanted)
        share = scard.SCARD_SHARE_SHARED if mode is None else mode
        try:
            manage = SCardManage()
            manage.attach_by_ifd(self.reader, share, mask & ~scard.SCARD_PROTOCOL_T15, scope=Scope.USER)
        except SCardError as error:
            hresult = scard.SCARD_E_PROTO_MISMATCH if mask == scard.SCARD_PROTOCOL_T15 else hresult_of(error)
            raise _exception("Unable to connect", mask, hresult) from error
        self._use(manage, mask)
        self.disposition = scard.SCARD_UNPOWER_CARD if disposition is None else disposition

    def reconnect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Establish the connection again. Wraps ``SCardReconnect``.

        Raises:
            NoCardException: there is no card in the reader.
            CardConnectionException: the card is not connected, or another error of PC/SC.
        """
        super().reconnect(protocol, mode, disposition)
        manage = self._connected()
        mask = translateprotocolmask(self.T0_protocol | self.T1_protocol if protocol is None else protocol)
        try:
            manage.reconnect(
                scard.SCARD_SHARE_SHARED if mode is None else mode,
                mask,
                scard.SCARD_RESET_CARD if disposition is None else disposition,
            )
        except SCardError as error:
            raise _exception("Unable to reconnect", mask, hresult_of(error)) from error
        self._use(manage, mask)

    def _use(self, manage: SCardManage, wanted: int) -> None:
        """Note an established connection and its protocol: one of those that were wanted."""
        with self.mutex:
            before, self.manage, self._send = self.manage, manage, manage.transmit
            _attached.add(manage)
        if before is not None and before is not manage:  # another thread has connected at the same time
            with contextlib.suppress(SCardError):
                _detach(before, Disposition.LEAVE)
        try:
            active = int(manage.protocol)
        except SCardError:  # there is no card, or it was reset meanwhile, as the next call says
            active = wanted
        self.defaultprotocol = _OWN_NUMBERS.get(active, active)

    def setProtocol(self, protocol: int) -> None:
        """Set the protocols for :meth:`connect`."""
        self._wanted = protocol
        super().setProtocol(protocol)

    def disconnect(self) -> None:
        """End the connection. Wraps ``SCardDisconnect``. It is no error if there is none, or if the card is gone.

        Raises:
            CardConnectionException: an error of PC/SC; the connection is ended nevertheless.
        """
        if self.manage is not None:
            super().disconnect()
        with failing(CardConnectionException, "Failed to disconnect: "):
            self._detach(self.disposition)

    def _detach(self, disposition: int) -> None:
        with self.mutex:
            manage, self.manage, self._send = self.manage, None, _not_connected
        if manage is not None:
            _detach(manage, disposition)

    def release(self) -> None:
        """End the connection, if it is there, and free the context. Wraps ``SCardReleaseContext``."""
        self._tell_release()
        with self.mutex:
            context, self._context = self._context, None
        if context is not None:
            context.release()
        self.disconnect()

    def _tell_release(self) -> None:
        """Tell the observers, at the first release after each :meth:`connect` only."""
        is_released, self._is_released = self._is_released, True
        if not is_released:
            super().release()

    @silent_at_exit
    def __del__(self) -> None:
        manage = getattr(self, "manage", None)
        if manage is not None:
            close_later(functools.partial(_detach, manage, self.disposition), self.reader)
        if getattr(self, "obs", None):
            self._tell_release()
            if manage is not None:
                super().disconnect()

    def _connected(self) -> SCardManage:
        return self.manage or _not_connected()

    def getATR(self) -> list[int]:
        """Return the card's ATR. Wraps ``SCardStatus``.

        Raises:
            CardConnectionException: the card is not connected, or was reset or removed.
        """
        with failing(CardConnectionException, "Failed to get status: "):
            return list(self._connected().atr)

    def doTransmit(self, command: Command, protocol: int | None = None) -> tuple[list[int], int, int]:
        """Send a command and return its response (data, sw1, sw2). Wraps ``SCardTransmit``.

        Arguments are those of :meth:`transmit`.

        Raises:
            CardConnectionException: the card is not connected, was reset or removed, or answered no status word; or
                the protocol is not allowed.
            InvalidArgumentError: an item of the command is not 0 to 255; nothing was sent.
        """
        if protocol is not None and protocol != self.defaultprotocol:
            return self._transmit_with(translateprotocolheader(protocol), command)
        try:
            sent = bytearray(command if type(command) is list else _bytes("command", command))
        except (TypeError, ValueError):
            sent = bytearray(_bytes("command", command))  # raises the error that names the item
        try:
            response = list(self._send(sent))
            sw2 = response.pop()
            return response, response.pop(), sw2
        except SCardError as error:
            raise _transmit_failure(self.defaultprotocol, hresult_of(error)) from error
        except IndexError:
            raise CardConnectionException(_NO_STATUS_WORD, hresult=scard.SCARD_S_SUCCESS) from None
        finally:
            sent[:] = bytes(len(sent))  # it may be secret

    def _transmit_with(self, header: int, command: Command) -> tuple[list[int], int, int]:
        """Send a command with another protocol than the active one, which PC/SC allows for RAW."""
        code, response = scard.SCardTransmit(self._connected().handle, header, command)
        if code != 0:
            raise _transmit_failure(header, code)
        if len(response) < 2:
            raise CardConnectionException(_NO_STATUS_WORD, hresult=scard.SCARD_S_SUCCESS)
        return response[:-2], response[-2], response[-1]

    def doControl(self, controlCode: int, command: Command) -> list[int]:
        """Send a control code to the reader's driver and return the answer. Wraps ``SCardControl``.

        Arguments are those of :meth:`control`.

        Raises:
            CardConnectionException: the card is not connected.
            SmartcardException: the driver does not know the code, or another error of PC/SC.
        """
        with failing(SmartcardException, "Failed to control "):
            return list(self._connected().control(controlCode & 0xFFFFFFFF, bytearray(_bytes("command", command))))

    def doGetAttrib(self, attribId: int) -> list[int]:
        """Return an attribute of the reader or card. Wraps ``SCardGetAttrib``.

        Raises:
            CardConnectionException: the card is not connected.
            SmartcardException: the driver does not know the attribute, or another error of PC/SC.
        """
        with failing(SmartcardException, "Failed to getAttrib "):
            return list(self._connected().get_attribute(attribId))

    def beginTransaction(self) -> None:
        """Begin a transaction. Wraps ``SCardBeginTransaction``.

        Raises:
            CardConnectionException: the card is not connected, or an error of PC/SC.
        """
        with failing(CardConnectionException, "Failed to lock with SCardBeginTransaction: "):
            self._connected().lock()

    def endTransaction(self) -> None:
        """End a transaction. Wraps ``SCardEndTransaction``.

        Raises:
            CardConnectionException: the card is not connected, or an error of PC/SC.
        """
        with failing(CardConnectionException, "Failed to unlock with SCardEndTransaction: "):
            self._connected().unlock()


_attached: set[SCardManage] = set()
"""The manage objects of all connections. It keeps them alive until a collected connection is disconnected.

Without it, the collection of a cycle with a connection would finalize both objects, in any order.
"""


def _detach(manage: SCardManage, disposition: int) -> None:
    try:
        if manage.is_attached:
            manage.detach(disposition)
    finally:
        _attached.discard(manage)


def _not_connected(_command: Buffer = b"") -> NoReturn:
    raise CardConnectionException("Card not connected")


def _transmit_failure(protocol: int, hresult: int) -> CardConnectionException:
    name = dictProtocolHeader.get(_NUMBERS.get(protocol, protocol), protocol)
    return failure(CardConnectionException, f"Failed to transmit with protocol {name}. ", hresult)


def _exception(message: str, mask: int, hresult: int) -> SmartcardException:
    """Return the exception for a connection that could not be made with one of the protocols of a mask."""
    if hresult in _NO_CARD:
        return NoCardException(message, hresult)
    protocols = dictProtocol.get(mask, mask)
    return failure(CardConnectionException, f"{message} with protocol: {protocols}. ", hresult)
