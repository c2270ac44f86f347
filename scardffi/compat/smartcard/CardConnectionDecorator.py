"""Connections that change how another connection works."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any, Self

    from .CardConnection import CardConnection, Command
    from .Observer import Observer
    from .sw.ErrorCheckingChain import ErrorCheckingChain


class CardConnectionDecorator:
    """A connection around another one. All names that it does not have are those of the other one.

    Subclasses override the methods that they change.

    Args:
        cardConnectionComponent: the other connection, a CardConnection or a decorator.

    Attributes:
        component: the other connection.
    """

    def __init__(self, cardConnectionComponent: CardConnection | CardConnectionDecorator) -> None:
        self.component: Any = cardConnectionComponent

    def __getattr__(self, name: str) -> Any:
        if name == "component":  # __init__ has not run
            raise AttributeError(name)
        return getattr(self.component, name)

    def addSWExceptionToFilter(self, exClass: type[Exception]) -> None:
        """Call the method of the other connection. So do all methods below."""
        self.component.addSWExceptionToFilter(exClass)

    def addObserver(self, observer: Observer) -> None:
        """Add an observer."""
        self.component.addObserver(observer)

    def deleteObserver(self, observer: Observer) -> None:
        """Remove an observer."""
        self.component.deleteObserver(observer)

    def connect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Connect to the card."""
        self.component.connect(protocol, mode, disposition)

    def reconnect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Establish the connection again."""
        self.component.reconnect(protocol, mode, disposition)

    def disconnect(self) -> None:
        """End the connection."""
        self.component.disconnect()

    def release(self) -> None:
        """Free what the connection has."""
        self.component.release()

    def getATR(self) -> list[int]:
        """Return the card's ATR."""
        atr: list[int] = self.component.getATR()
        return atr

    def getProtocol(self) -> int:
        """Return the active protocol."""
        protocol: int = self.component.getProtocol()
        return protocol

    def getReader(self) -> str:
        """Return the reader's name."""
        reader: str = self.component.getReader()
        return reader

    def setErrorCheckingChain(self, errorcheckingchain: Sequence[ErrorCheckingChain] | None) -> None:
        """Let a chain check the status words."""
        self.component.setErrorCheckingChain(errorcheckingchain)

    def setProtocol(self, protocol: int) -> None:
        """Set the protocols for connect()."""
        self.component.setProtocol(protocol)

    def transmit(self, command: Command, protocol: int | None = None) -> tuple[list[int], int, int]:
        """Send a command and return its response (data, sw1, sw2)."""
        return self.component.transmit(command, protocol)  # type: ignore[no-any-return]  # a variable would cost time

    def control(self, controlCode: int, command: Command | None = None) -> list[int]:
        """Send a control code to the reader's driver and return the answer."""
        answer: list[int] = self.component.control(controlCode, command)
        return answer

    def getAttrib(self, attribId: int) -> list[int]:
        """Return an attribute of the reader or card."""
        value: list[int] = self.component.getAttrib(attribId)
        return value

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, e_type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disconnect()
        self.release()
