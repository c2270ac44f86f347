"""Events of readers and cards, and which events a change of the readers' states means."""

from __future__ import annotations

import enum
import functools
from typing import TYPE_CHECKING, Final, NamedTuple

from ._field_docs import field_docs
from .constants import ReaderStateFlag

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_EMPTY: Final = int(ReaderStateFlag.EMPTY)
_PRESENT: Final = int(ReaderStateFlag.PRESENT)
_UNKNOWN: Final = int(ReaderStateFlag.UNKNOWN)
_CHANGED: Final = int(ReaderStateFlag.CHANGED)
_USE: Final = int(ReaderStateFlag.INUSE | ReaderStateFlag.EXCLUSIVE | ReaderStateFlag.MUTE)
_MOST_MISSED: Final = 0x7FFF  # a greater difference means a new count: the reader was plugged in again


_flags = functools.cache(ReaderStateFlag)  # making one takes microseconds


class EventKind(enum.Enum):
    """The kind of an event."""

    READER_ADDED = "reader added"
    """A reader was plugged in, or was there at the start."""
    READER_REMOVED = "reader removed"
    """A reader was unplugged. If a card was in it, CARD_REMOVED comes before."""
    CARD_INSERTED = "card inserted"
    """A card was inserted, or was there at the start."""
    CARD_REMOVED = "card removed"
    """A card was removed."""
    CARD_CHANGED = "card changed"
    """A card that stays in its reader is used, is no longer used, is used exclusively, is mute or no longer mute. A
    reset by another program cannot be seen. On pcsc-lite the begin of a use is only seen if something else changes."""
    SERVICE_STOPPED = "service stopped"
    """The resource manager has stopped. CARD_REMOVED and READER_REMOVED of all cards and readers follow."""
    SERVICE_STARTED = "service started"
    """The resource manager runs again. READER_ADDED and CARD_INSERTED follow, for the present readers and cards."""


@field_docs(
    kind="The kind of the event.",
    reader="The reader's name; empty in SERVICE_STOPPED and SERVICE_STARTED.",
    atr="The card's answer to reset; empty if no card has to do with the event or if the card is mute. None if only the"
    " reader's event counter shows the event: the card was there too short to be seen.",
    state="The reader's state after the event.",
    time="When the event was noticed, by time.monotonic(), in seconds. Events that begin a stream have the time of"
    " its start.",
)
class Event(NamedTuple):
    """One event of a monitor."""

    kind: EventKind
    reader: str = ""
    atr: bytes | None = b""
    state: ReaderStateFlag = ReaderStateFlag.UNAWARE
    time: float = 0.0

    def __repr__(self) -> str:
        atr = "not known" if self.atr is None else self.atr.hex(" ").upper() or "none"
        state = getattr(self.state, "name", None) or repr(self.state)
        return f"<scardffi.Event {self.kind.name}, {self.reader!r}, ATR {atr}, {state}, time {self.time:.3f}>"


class _Known(NamedTuple):
    """The state of a reader."""

    flags: int
    events: int
    """The event counter; always 0 if the platform does not count."""
    atr: bytes
    ahead: int = 1
    """1 if the flags may have shown a move of the card before the counter, because pcscd sets the flags first."""


class KnownReaders:
    """The readers that are known, and their states."""

    def __init__(self) -> None:
        self._readers: dict[str, _Known] = {}

    def current_state(self, reader: str) -> int:
        """Return the state for the next wait, with the event counter in its high word; 0 for an unknown reader."""
        known = self._readers.get(reader)
        return 0 if known is None else known.events << 16 | known.flags

    def has(self, readers: Iterable[str]) -> bool:
        """Return whether the states of all these readers are known."""
        return all(reader in self._readers for reader in readers)

    def update(self, results: Iterable[tuple[str, int, bytes]], time: float) -> list[Event]:
        """Take new states, and return the events that lead to them: of removed readers, of new ones, then of cards.

        Args:
            results: (reader, event state, ATR) of readers, with the event counter in the high word of the state.
            time: the time of the events.
        """
        gone: list[Event] = []
        added: list[Event] = []
        cards: list[Event] = []
        for reader, state, atr in results:
            before, now = self._readers.get(reader), _Known(state & 0xFFFF & ~_CHANGED, state >> 16 & 0xFFFF, atr)
            if now.flags & _UNKNOWN:
                gone += self._removed(reader, time)
                continue
            if before is not None and not now.flags & (_EMPTY | _PRESENT):  # the reader cannot tell
                continue
            if before is not None and now.events - before.events & 0xFFFF > _MOST_MISSED:
                gone += self._removed(reader, time)
                before = None
            if before is None:
                self._readers[reader] = now
                added.append(_event(EventKind.READER_ADDED, reader, b"", now.flags, time))
                cards += _cards_there(reader, now, time)
            else:
                moves, ahead = _moves(before, now)
                self._readers[reader] = now._replace(ahead=ahead)
                cards += _changes(reader, before, now, moves, time)
        return gone + added + cards

    def retain(self, readers: Collection[str], time: float) -> list[Event]:
        """Forget the readers that are not in this list, and return the events of their removal."""
        gone = [reader for reader in self._readers if reader not in readers]
        return [event for reader in gone for event in self._removed(reader, time)]

    def present(self, time: float) -> list[Event]:
        """Return the events that lead from nothing to the present state."""
        added = [_event(EventKind.READER_ADDED, name, b"", known.flags, time) for name, known in self._readers.items()]
        return added + [event for name, known in self._readers.items() for event in _cards_there(name, known, time)]

    def _removed(self, reader: str, time: float) -> list[Event]:
        known = self._readers.pop(reader, None)
        if known is None:
            return []
        gone = _event(EventKind.READER_REMOVED, reader, b"", _UNKNOWN, time)
        if not known.flags & _PRESENT:
            return [gone]
        return [_event(EventKind.CARD_REMOVED, reader, known.atr, _EMPTY, time), gone]


def _event(kind: EventKind, reader: str, atr: bytes | None, flags: int, time: float) -> Event:
    return Event(kind, reader, atr, _flags(flags), time)


def _cards_there(reader: str, known: _Known, time: float) -> list[Event]:
    if not known.flags & _PRESENT:
        return []
    return [_event(EventKind.CARD_INSERTED, reader, known.atr, known.flags, time)]


def _moves(before: _Known, now: _Known) -> tuple[int, int]:
    """Return how often a card was inserted or removed between two states of a reader, and ``ahead`` after that."""
    counted = now.events - before.events & 0xFFFF
    moves = max(0, counted - before.ahead)
    moves += moves % 2 != bool((before.flags ^ now.flags) & _PRESENT)
    is_other_card = now.flags & _PRESENT and before.atr and now.atr and before.atr != now.atr
    if moves == 0 and is_other_card and (counted or now.events == 0):
        moves = 2
    return moves, min(1, before.ahead + moves - counted)


def _changes(reader: str, before: _Known, now: _Known, moves: int, time: float) -> list[Event]:
    """Return the events of one reader between two states, in which a card was inserted or removed so often."""
    was_there, is_there = bool(before.flags & _PRESENT), bool(now.flags & _PRESENT)
    if moves == 0:
        changed = is_there and ((before.flags ^ now.flags) & _USE or before.atr != now.atr)
        return [_event(EventKind.CARD_CHANGED, reader, now.atr, now.flags, time)] if changed else []
    events = []
    for number in range(moves):
        if was_there := not was_there:
            seen = number == moves - 1
            atr, flags = (now.atr, now.flags) if seen else (None, _PRESENT)
            events.append(_event(EventKind.CARD_INSERTED, reader, atr, flags, time))
        else:
            flags = now.flags if number == moves - 1 else _EMPTY
            events.append(_event(EventKind.CARD_REMOVED, reader, None if number else before.atr, flags, time))
    return events
