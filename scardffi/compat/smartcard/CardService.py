"""The base class of card services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from .CardConnectionDecorator import CardConnectionDecorator


class CardService:
    """A card in use: subclasses have methods for the commands of a kind of card.

    As a context manager it disconnects and releases the connection at the end.

    Args:
        connection: the connection to the card.
        cardname: a name for the card, for :meth:`supports`.
    """

    def __init__(self, connection: CardConnectionDecorator, cardname: str | None = None) -> None:
        self.connection: Any = connection
        self.cardname = cardname

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.connection.disconnect()
        self.connection.release()

    @staticmethod
    def supports(cardname: str) -> bool | None:
        """Return whether the service supports a card of this name. Override this in a subclass."""
        del cardname
        return None
