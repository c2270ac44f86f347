"""A connection that holds the card during each exchange, or between lock() and unlock()."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .CardConnectionDecorator import CardConnectionDecorator

if TYPE_CHECKING:
    from .CardConnection import Command


class ExclusiveTransmitCardConnection(CardConnectionDecorator):
    """A connection that makes each exchange within a transaction.

    The other connection is a PCSCCardConnection, or a decorator of one.
    """

    def lock(self) -> None:
        """Begin a transaction: no other connection can use the card. Wraps ``SCardBeginTransaction``.

        Transactions nest.

        Raises:
            CardConnectionException: the card is not connected, or was reset or removed.
        """
        self.component.beginTransaction()

    def unlock(self) -> None:
        """End a transaction. Wraps ``SCardEndTransaction``.

        Raises:
            CardConnectionException: there is no transaction, or another error of PC/SC.
        """
        self.component.endTransaction()

    def transmit(self, command: Command, protocol: int | None = None) -> tuple[list[int], int, int]:
        """Send a command within a transaction and return its response (data, sw1, sw2).

        Arguments and errors are those of :meth:`.CardConnection.transmit`, and the errors of :meth:`lock`.
        """
        self.lock()
        try:
            return super().transmit(command, protocol)
        finally:
            self.unlock()
