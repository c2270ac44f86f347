"""The connection to a card: what all kinds of connection have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeAlias

from .CardConnectionEvent import CardConnectionEvent
from .Observer import Observable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from .sw.ErrorCheckingChain import ErrorCheckingChain

Command: TypeAlias = "Sequence[int] | Buffer"
"""Bytes for the card or the driver."""


class CardConnection(Observable):
    """The base class of connections. A subclass overrides :meth:`doTransmit`, :meth:`doControl`, :meth:`doGetAttrib`.

    As a context manager it disconnects and releases at the end. Observers get a CardConnectionEvent for each step.

    Args:
        reader: the reader's name.

    Attributes:
        reader: the reader's name.
        errorcheckingchain: the chain that checks status words; None without one.
        defaultprotocol: the protocol of :meth:`getProtocol`.
    """

    T0_protocol = 0x00000001
    """T=0, which transmits bytes."""
    T1_protocol = 0x00000002
    """T=1, which transmits blocks."""
    RAW_protocol = 0x00010000
    """The bytes are transmitted unchanged."""
    T15_protocol = 0x00000008
    """T=15, which no library supports."""

    def __init__(self, reader: str) -> None:
        super().__init__()
        self.reader = reader
        self.errorcheckingchain: Sequence[ErrorCheckingChain] | None = None
        self.defaultprotocol = self.T0_protocol | self.T1_protocol

    def addSWExceptionToFilter(self, exClass: type[Exception]) -> None:
        """Suppress an exception in the checks of status words."""
        if self.errorcheckingchain is not None:
            self.errorcheckingchain[0].addFilterException(exClass)

    def setErrorCheckingChain(self, errorcheckingchain: Sequence[ErrorCheckingChain] | None) -> None:
        """Let a chain check the status words of :meth:`transmit`; None to check none."""
        self.errorcheckingchain = errorcheckingchain

    def connect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Connect to the card in the reader.

        Args:
            protocol: one or several of the protocols above; None for those of :meth:`setProtocol`, or for
                T=0 and T=1.
            mode: one of SCARD_SHARE_*; None for SCARD_SHARE_SHARED.
            disposition: what :meth:`disconnect` does with the card, one of SCARD_LEAVE_CARD and so on; None for
                SCARD_UNPOWER_CARD.
        """
        del protocol, mode, disposition
        self._tell("connect")

    def reconnect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Establish the connection again, for example after another program has reset the card.

        Args:
            protocol: as for :meth:`connect`.
            mode: as for :meth:`connect`.
            disposition: what is done with the card now; None for SCARD_RESET_CARD.
        """
        del protocol, mode, disposition
        self._tell("reconnect")

    def disconnect(self) -> None:
        """End the connection. It may be connected again."""
        self._tell("disconnect")

    def release(self) -> None:
        """Free the resources of the connection, after :meth:`disconnect`."""
        self._tell("release")

    def getATR(self) -> list[int]:
        """Return the card's ATR."""
        raise NotImplementedError

    def getProtocol(self) -> int:
        """Return the active protocol, or that of :meth:`setProtocol` before :meth:`connect`."""
        return self.defaultprotocol

    def setProtocol(self, protocol: int) -> None:
        """Set the protocols for :meth:`connect`."""
        self.defaultprotocol = protocol

    def getReader(self) -> str:
        """Return the reader's name."""
        return self.reader

    def transmit(self, command: Command, protocol: int | None = None) -> tuple[list[int], int, int]:
        """Send a command and return its response (data, sw1, sw2).

        Args:
            command: a list, a tuple or a buffer of bytes.
            protocol: one of the protocols above; None for the active one.

        Raises:
            CardConnectionException: the exchange failed.
            SWException: the chain of :meth:`setErrorCheckingChain` refuses the status word.
            InvalidArgumentError: an item of the command is not 0 to 255; nothing was sent.
        """
        if not self.obs and self.errorcheckingchain is None:
            return self.doTransmit(command, protocol)
        self._tell("command", [command, protocol])
        data, sw1, sw2 = self.doTransmit(command, protocol)
        self._tell("response", [data, sw1, sw2])
        if self.errorcheckingchain is not None:
            self.errorcheckingchain[0](data, sw1, sw2)
        return data, sw1, sw2

    def doTransmit(self, command: Command, protocol: int | None = None) -> tuple[list[int], int, int]:
        """Do the exchange. Arguments and errors are those of :meth:`transmit`."""
        raise NotImplementedError

    def control(self, controlCode: int, command: Command | None = None) -> list[int]:
        """Send a control code to the reader's driver and return the answer.

        Args:
            controlCode: see :func:`~scardffi.compat.scard.SCARD_CTL_CODE`.
            command: the bytes for the driver.

        Raises:
            SmartcardException: the driver does not know the code, or the call failed.
        """
        sent: Command = [] if command is None else command
        self._tell("command", [controlCode, sent])
        data = self.doControl(controlCode, sent)
        self._tell("response", data)
        return data

    def doControl(self, controlCode: int, command: Command) -> list[int]:
        """Do the exchange. Arguments and errors are those of :meth:`control`."""
        raise NotImplementedError

    def getAttrib(self, attribId: int) -> list[int]:
        """Return an attribute of the reader or card, one of SCARD_ATTR_*.

        Raises:
            SmartcardException: the driver does not know the attribute, or the call failed.
        """
        self._tell("attrib", [attribId])
        return self.doGetAttrib(attribId)

    def doGetAttrib(self, attribId: int) -> list[int]:
        """Do the call. Arguments and errors are those of :meth:`getAttrib`."""
        raise NotImplementedError

    def _tell(self, event: str, args: list[Any] | None = None) -> None:
        if self.obs:
            self.setChanged()
            self.notifyObservers(CardConnectionEvent(event, args))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.disconnect()
        self.release()
