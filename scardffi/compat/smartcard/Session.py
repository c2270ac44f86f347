"""A session with the card in a reader."""

from __future__ import annotations

from collections.abc import Sequence

from .Exceptions import InvalidReaderException, NoReadersException
from .PassThruCardService import PassThruCardService
from .System import readers


class Session:
    """A session, connected to the card.

    Args:
        readerName: the reader's name; None for the first reader.

    Raises:
        NoReadersException: there are no readers.
        InvalidReaderException: there is no reader with this name.
        NoCardException: there is no card in the reader.
    """

    def __init__(self, readerName: str | None = None) -> None:
        present = readers()
        if not present:
            raise NoReadersException
        found = [reader for reader in present if readerName is None or reader.name == str(readerName)]
        if not found:
            raise InvalidReaderException(readerName)
        self.reader = found[0]
        self.readerName = repr(self.reader)
        self.cs = PassThruCardService(self.reader.createConnection())
        self.cs.connection.connect()

    def close(self) -> None:
        """Disconnect from the card."""
        self.cs.connection.disconnect()
        self.cs.connection.release()

    def sendCommandAPDU(self, command: Sequence[int]) -> tuple[list[int], int, int]:
        """Send a command and return (response, sw1, sw2). The response has the status word too."""
        data, sw1, sw2 = self.cs.connection.transmit(command)
        return [*data, sw1, sw2], sw1, sw2

    def getATR(self) -> list[int]:
        """Return the card's ATR."""
        return self.cs.connection.getATR()  # type: ignore[no-any-return]  # the connection of a service may be any

    def __repr__(self) -> str:
        return f"<Session instance: readerName={self.readerName}>"
