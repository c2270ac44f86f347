"""A request for a card, on a monitor."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from ....constants import ReaderStateFlag, Scope
from ....context import Context
from ....monitor import Event, EventKind, Monitor
from ...scard import SCARD_E_TIMEOUT
from .._failure import failing
from .._monitoring import batches
from ..AbstractCardRequest import AbstractCardRequest
from ..Card import Card
from ..Exceptions import CardConnectionException, CardRequestException, CardRequestTimeoutException
from .PCSCReader import PCSCReader

_INSERTED = EventKind.CARD_INSERTED


class PCSCCardRequest(AbstractCardRequest):
    """A request for a card. Its arguments are those of :class:`.AbstractCardRequest`. Ctrl-C ends a wait within 100 ms.

    The wait goes on while readers are plugged in and unplugged, and after the resource manager was restarted.

    Raises:
        CardConnectionException: the resource manager does not run.
    """

    def check(self) -> None:
        """Check that the resource manager runs.

        Raises:
            CardConnectionException: it does not run.
        """
        with failing(CardConnectionException), Context(Scope.USER):
            pass

    def release(self) -> None:
        """Do nothing: a request holds no resources between two waits."""

    def getReaderNames(self) -> list[str]:
        """Return the names of the readers to watch, as :meth:`getReaders` does."""
        return self.getReaders()

    def waitforcard(self) -> Any:
        """Wait for a card, and return a service with a connection to it, which is not connected yet.

        Raises:
            CardRequestTimeoutException: no such card came in time.
            CardRequestException: the wait failed.
        """
        for cards in filter(None, self._cards()):
            return self.cardServiceClass(cards[0].createConnection())
        raise CardRequestTimeoutException(hresult=SCARD_E_TIMEOUT)

    def waitforcardevent(self) -> list[Card]:
        """Wait for cards that match, and return those that have come; an empty list if the time is over.

        Raises:
            CardRequestException: the wait failed.
        """
        return next(filter(None, self._cards()), [])

    def _cards(self) -> Iterator[list[Card]]:
        """Yield the cards that match and are there, unless only new ones are wanted, and those that come in time."""
        end = None if self.timeout is None else time.perf_counter() + self.timeout
        names = None if self.readersAsked is None else self.getReaders()
        if names == []:
            return
        with failing(CardRequestException, "Waiting for a card failed: "), Monitor(names, scope=Scope.USER) as monitor:
            old: set[str] | None = None if self.newcardonly else set()
            for batch in batches(monitor, end):
                if old is None:  # the events of what is there have the time of the first one
                    old = {one.reader for one in batch if one.kind is _INSERTED and one.time == batch[0].time}
                yield self._matching(batch, old)

    def _matching(self, events: Iterable[Event], old: set[str]) -> list[Card]:
        """Return the cards that match and are there after these events.

        Args:
            events: the events.
            old: the names of the readers with a card that is not wanted; those whose card is removed are discarded.
        """
        there: dict[str, Card] = {}
        for event in events:
            if event.kind is EventKind.CARD_REMOVED:
                there.pop(event.reader, None)
                old.discard(event.reader)
            elif event.kind not in {_INSERTED, EventKind.CARD_CHANGED} or event.reader in old:
                continue
            elif event.atr and not event.state & ReaderStateFlag.MUTE:
                there[event.reader] = Card(event.reader, list(event.atr))
        return [card for card in there.values() if self.cardType.matches(card.atr, PCSCReader(str(card.reader)))]
