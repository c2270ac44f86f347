"""The events that a change of readers' states means: pure functions, no PC/SC library."""

import pytest

from scardffi import Event, EventKind, ReaderStateFlag
from scardffi._events import KnownReaders

EMPTY, PRESENT, INUSE, MUTE = (
    int(flag) for flag in (ReaderStateFlag.EMPTY, ReaderStateFlag.PRESENT, ReaderStateFlag.INUSE, ReaderStateFlag.MUTE)
)
UNKNOWN = int(ReaderStateFlag.UNKNOWN | ReaderStateFlag.UNAVAILABLE)
CHANGED = int(ReaderStateFlag.CHANGED)
ATR, OTHER = b"\x3b\x00", b"\x3b\x01\x02"
NAME = "Desk"
ADDED, REMOVED = EventKind.READER_ADDED, EventKind.READER_REMOVED
INSERTED, TAKEN, USED = EventKind.CARD_INSERTED, EventKind.CARD_REMOVED, EventKind.CARD_CHANGED


def counted(flags: int, count: int) -> int:
    return count << 16 | flags


def short(events: list[Event]) -> list[tuple[EventKind, bytes | None]]:
    return [(event.kind, event.atr) for event in events]


def after(*states: tuple[int, bytes]) -> list[tuple[EventKind, bytes | None]]:
    """Return the events of the last of several states of one reader."""
    known = KnownReaders()
    events: list[Event] = []
    for state, atr in states:
        events = known.update([(NAME, state, atr)], 1.0)
    return short(events)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((counted(PRESENT, 1), ATR), (counted(EMPTY, 2), b""), [(TAKEN, ATR)]),
        ((counted(EMPTY, 2), b""), (counted(PRESENT, 3), ATR), [(INSERTED, ATR)]),
        ((counted(PRESENT, 1), ATR), (counted(PRESENT, 3), OTHER), [(TAKEN, ATR), (INSERTED, OTHER)]),
        ((counted(EMPTY, 2), b""), (counted(EMPTY, 4), b""), [(INSERTED, None), (TAKEN, None)]),
        (
            (counted(PRESENT, 1), ATR),
            (counted(EMPTY, 4), b""),
            [(TAKEN, ATR), (INSERTED, None), (TAKEN, None)],
        ),
        ((counted(PRESENT, 0xFFFF), ATR), (counted(PRESENT, 1), ATR), [(TAKEN, ATR), (INSERTED, ATR)]),
        ((counted(PRESENT, 1), ATR), (counted(PRESENT, 2), ATR), []),
        ((counted(PRESENT, 1), ATR), (counted(EMPTY, 3), b""), [(TAKEN, ATR)]),
        (
            (counted(PRESENT, 9), ATR),
            (counted(PRESENT, 1), ATR),
            [(TAKEN, ATR), (REMOVED, b""), (ADDED, b""), (INSERTED, ATR)],
        ),
        ((PRESENT, ATR), (PRESENT, OTHER), [(TAKEN, ATR), (INSERTED, OTHER)]),
        ((counted(PRESENT, 1), ATR), (counted(PRESENT, 2), OTHER), [(TAKEN, ATR), (INSERTED, OTHER)]),
        ((PRESENT, ATR), (EMPTY, b""), [(TAKEN, ATR)]),
        ((counted(PRESENT, 1), ATR), (counted(PRESENT | INUSE, 1), ATR), [(USED, ATR)]),
        ((counted(PRESENT | MUTE, 1), b""), (counted(PRESENT, 1), ATR), [(USED, ATR)]),
        ((counted(PRESENT, 1), ATR), (counted(PRESENT | CHANGED, 1), ATR), []),
        ((counted(PRESENT, 1), ATR), (int(ReaderStateFlag.UNAVAILABLE), b""), []),
        ((counted(PRESENT, 1), ATR), (UNKNOWN, b""), [(TAKEN, ATR), (REMOVED, b"")]),
        ((counted(EMPTY, 0), b""), (UNKNOWN, b""), [(REMOVED, b"")]),
    ],
)  # fmt: skip
def test_two_states_of_a_reader_give_the_events_between_them(
    before: tuple[int, bytes], now: tuple[int, bytes], expected: list[tuple[EventKind, bytes | None]]
) -> None:
    assert after(before, now) == expected


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([(EMPTY, 1), (EMPTY, 2)], [[TAKEN], []]),
        ([(EMPTY, 1), (EMPTY, 1), (EMPTY, 2)], [[TAKEN], [], []]),
        ([(EMPTY, 1), (PRESENT, 2), (PRESENT, 3)], [[TAKEN], [INSERTED], []]),
        ([(EMPTY, 1), (PRESENT, 3)], [[TAKEN], [INSERTED]]),
        ([(PRESENT, 2), (PRESENT, 3)], [[], [TAKEN, INSERTED]]),
        ([(EMPTY, 3), (EMPTY, 4)], [[TAKEN], [INSERTED, TAKEN]]),
        ([(PRESENT, 2), (EMPTY, 3), (EMPTY, 4)], [[], [TAKEN], [INSERTED, TAKEN]]),
        ([(EMPTY, 1), (EMPTY, 4)], [[TAKEN], [INSERTED, TAKEN]]),
        ([(EMPTY, 0), (PRESENT, 0), (EMPTY, 0)], None),
    ],
)
def test_a_move_that_the_state_shows_before_the_event_counter_is_one_event(
    states: list[tuple[int, int]], expected: list[list[EventKind]] | None
) -> None:
    """First the state of a reader changes in pcscd, a moment later its event counter."""
    known = KnownReaders()
    known.update([(NAME, counted(PRESENT, 1 if expected else 0), ATR)], 0.0)
    kinds = [
        [event.kind for event in known.update([(NAME, counted(state, count), ATR)], 0.0)] for state, count in states
    ]
    assert kinds == (expected or [[TAKEN], [INSERTED], [TAKEN]])


def test_a_new_reader_is_added_before_its_card_is_inserted_and_all_readers_before_the_cards() -> None:
    known = KnownReaders()
    events = known.update([("A", counted(PRESENT, 1), ATR), ("B", counted(EMPTY, 0), b"")], 2.5)
    assert [(event.kind, event.reader) for event in events] == [(ADDED, "A"), (ADDED, "B"), (INSERTED, "A")]
    assert {event.time for event in events} == {2.5}
    assert short(known.present(3.0)) == short(events)


def test_readers_that_are_not_listed_any_more_are_removed_with_their_cards() -> None:
    known = KnownReaders()
    known.update([("A", counted(PRESENT, 1), ATR), ("B", counted(EMPTY, 0), b"")], 0.0)
    assert short(known.retain(["B"], 1.0)) == [(TAKEN, ATR), (REMOVED, b"")]
    assert known.current_state("A") == 0
    assert known.current_state("B") == EMPTY


def test_each_event_has_the_state_after_it() -> None:
    known = KnownReaders()
    known.update([(NAME, counted(PRESENT | INUSE, 1), ATR)], 0.0)
    events = known.update([(NAME, counted(PRESENT | MUTE, 3), b"")], 0.0)
    assert [int(event.state) for event in events] == [EMPTY, PRESENT | MUTE]


def test_the_repr_of_an_event_has_the_kind_the_reader_and_the_atr() -> None:
    event = Event(INSERTED, NAME, ATR, ReaderStateFlag.PRESENT, 1.5)
    assert repr(event) == "<scardffi.Event CARD_INSERTED, 'Desk', ATR 3B 00, PRESENT, time 1.500>"
    assert "ATR not known" in repr(event._replace(atr=None))
