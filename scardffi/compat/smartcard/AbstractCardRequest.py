"""The base class of requests for cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .Card import Card  # noqa: TC001  the reference of the site resolves it
from .CardType import AnyCardType, CardType
from .PassThruCardService import PassThruCardService

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .CardService import CardService
    from .reader.Reader import Reader


class AbstractCardRequest:
    """A request for a card, whose subclasses wait for it.

    Args:
        newcardonly: True for a card that is inserted during the wait, and not one that is there.
        readers: the readers, or their names, to watch; they need not be plugged in. None for all readers.
        cardType: the condition for the card; None for any card.
        cardServiceClass: the class of the service that :meth:`waitforcard` returns; None for PassThruCardService.
        timeout: seconds; 0 to look only for cards that are there, None to wait without limit.
    """

    def __init__(
        self,
        newcardonly: bool = False,  # noqa: FBT002  pyscard's argument
        readers: Sequence[Reader | str] | None = None,
        cardType: CardType | None = None,
        cardServiceClass: type[CardService] | None = None,
        timeout: float | None = 1,
    ) -> None:
        self.newcardonly = newcardonly
        self.readersAsked = readers
        self.cardType = cardType or AnyCardType()
        self.cardServiceClass: type[Any] = cardServiceClass or PassThruCardService
        self.timeout = timeout
        self.check()

    def check(self) -> None:
        """Check at the start that cards can come at all. A subclass may override this."""

    def getReaders(self) -> list[str]:
        """Return the names of the readers to watch; of all readers that are there if none were given."""
        if self.readersAsked is not None:
            return [str(reader) for reader in self.readersAsked]
        from .System import listReaders

        return listReaders()

    def waitforcard(self) -> Any:
        """Wait for a card, and return a service with a connection to it, which is not connected yet."""
        raise NotImplementedError

    def waitforcardevent(self) -> list[Card]:
        """Wait for a card, and return the cards that are there; an empty list if the time is over."""
        raise NotImplementedError
