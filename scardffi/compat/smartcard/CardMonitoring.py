"""Observing the cards that come and go."""

from __future__ import annotations

from typing import Any

from ...monitor import Event, EventKind
from ._monitoring import EventSource, MonitorObservable
from .Card import Card
from .Observer import Observer


class CardObserver(Observer):
    """An observer of cards. Override :meth:`update` in a subclass."""

    def update(self, observable: Any, handlers: Any) -> None:
        """Handle news.

        Args:
            observable: the CardMonitor.
            handlers: (the cards that were inserted, the cards that were removed), two lists of Card. The ATR of a card
                that was removed before its ATR could be read is empty.
        """


class CardMonitor(MonitorObservable):
    """The monitor of cards; there is one in a process. It does not poll, and goes on if the service is restarted.

    It reports each insertion and each removal, even of a card that is there only for a moment.
    """

    def source(self) -> EventSource:
        """Return where the news comes from."""
        return EventSource(_changes, "smartcard.CardMonitoringThread")


def _changes(event: Event, there: dict[str, Card]) -> tuple[list[Card], list[Card]]:
    known = there.get(event.reader)
    if event.kind is EventKind.CARD_REMOVED:
        there.pop(event.reader, None)
        return [], [known or Card(event.reader, event.atr or b"")]
    is_new = event.kind is EventKind.CARD_INSERTED
    if is_new or (event.kind is EventKind.CARD_CHANGED and known is not None and known.atr != list(event.atr or b"")):
        there[event.reader] = Card(event.reader, event.atr or b"")
        return [there[event.reader]], [] if known is None else [known]
    return [], []
