"""Waiting for a card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .pcsc.PCSCCardRequest import PCSCCardRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any, Self

    from .Card import Card
    from .CardService import CardService
    from .CardType import CardType
    from .reader.Reader import Reader


class CardRequest:
    """A request for a card. Ctrl-C ends a wait within 100 ms.

    Args:
        newcardonly: True for a card that is inserted during the wait, and not one that is there.
        readers: the readers, or their names, to watch; they need not be plugged in. None for all readers.
        cardType: the condition for the card; None for any card.
        cardServiceClass: the class of the service that :meth:`waitforcard` returns; None for PassThruCardService.
        timeout: seconds; 0 to look only for cards that are there, None to wait without limit.

    Attributes:
        pcsccardrequest: the PCSCCardRequest that does the work.

    Raises:
        CardConnectionException: the resource manager does not run.
    """

    def __init__(
        self,
        newcardonly: bool = False,  # noqa: FBT002  pyscard's argument
        readers: Sequence[Reader | str] | None = None,
        cardType: CardType | None = None,
        cardServiceClass: type[CardService] | None = None,
        timeout: float | None = 1,
    ) -> None:
        self.pcsccardrequest = PCSCCardRequest(newcardonly, readers, cardType, cardServiceClass, timeout)

    def getReaders(self) -> list[str]:
        """Return the names of the readers to watch."""
        return self.pcsccardrequest.getReaders()

    def waitforcard(self) -> Any:
        """Wait for a card, and return a service with a connection to it, which is not connected yet.

        Raises:
            CardRequestTimeoutException: no such card came in time.
            CardRequestException: the wait failed.
        """
        return self.pcsccardrequest.waitforcard()

    def waitforcardevent(self) -> list[Card]:
        """Wait for cards, and return those that have come; an empty list if the time is over.

        Raises:
            CardRequestException: the wait failed.
        """
        return self.pcsccardrequest.waitforcardevent()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        exc_traceback: TracebackType | None,
    ) -> None:
        self.pcsccardrequest.release()
