"""SCardGetStatusChange and SCardCancel: present states, changes, waits and their ends."""

import time
from typing import Any

import pytest
from support.commands import OK

from scardffi import ffi, lib

from .clients import LONG_WAIT, Call, Clients, eventually, held_command, unless_late
from .codes import (
    ANY,
    ATR_MUTE,
    ATR_T0,
    CANCELLED,
    CARD,
    CHANGED,
    DIRECT,
    EMPTY,
    EVENTS,
    EXCLUSIVE,
    IGNORE,
    IN_EXCLUSIVE_USE,
    IN_USE,
    INFINITE,
    INVALID_HANDLE,
    INVALID_PARAMETER,
    INVALID_VALUE,
    MUTE,
    PNP,
    SHARED,
    SUCCESS,
    TIMEOUT,
    UNAVAILABLE,
    UNAWARE,
    UNKNOWN,
    UNKNOWN_READER,
)
from .differences import PCSCD_2, expected
from .places import READERS, HoldingCard, Place

LOW = 0xFFFF


class Watch:
    """A context that waits for changes of the readers."""

    def __init__(self, place: Place, clients: Clients) -> None:
        self._place = place
        self.context = clients.context()

    def ask(self, *states: tuple[str | int, int], timeout: int = 0) -> tuple[int, list[tuple[int, bytes]]]:
        """Wraps SCardGetStatusChange; takes readers by number or name, each with its known state."""
        asked = [(self._place.reader(name) if isinstance(name, int) else name, known) for name, known in states]
        return self._place.library.SCardGetStatusChange(self.context, timeout, asked)

    def state(self, number: int = 0) -> int:
        """Return the present state without CHANGED, as a known state for a wait."""
        code, [(event, _)] = self.ask((number, UNAWARE))
        assert code == SUCCESS
        return event & ~CHANGED

    def wait(self, *states: tuple[str | int, int], timeout: int = INFINITE) -> Call:
        """Start a call that waits."""
        call = Call(lambda: self.ask(*states, timeout=timeout))
        assert call.waits()
        return call

    def cancel(self) -> int:
        """Wraps SCardCancel."""
        return self._place.library.SCardCancel(self.context)

    def cancelled(self, call: Call) -> bool:
        """Cancel the wait; return True if that ends it."""
        code, _ = call.answer_to(self.cancel)
        return bool(code == CANCELLED)


@pytest.fixture
def watch(place: Place, clients: Clients) -> Watch:
    return Watch(place, clients)


def one(answer: Any) -> int:
    """Return the event state of a successful call for one reader."""
    code, [(event, _)] = answer
    assert code == SUCCESS
    return int(event)


# Present states


def test_a_reader_with_a_card_is_present(place: Place, watch: Watch) -> None:
    place.remove(0)
    place.insert(0, ATR_T0)
    code, [(event, atr)] = watch.ask((0, UNAWARE))
    assert (code, event & LOW, atr) == (SUCCESS, CHANGED | CARD, ATR_T0)


def test_a_reader_without_a_card_is_empty(place: Place, watch: Watch) -> None:
    place.remove(0)
    code, [(event, atr)] = watch.ask((0, UNAWARE))
    assert (code, event & LOW, atr) == (SUCCESS, CHANGED | EMPTY, b"")


def test_a_reader_with_a_mute_card_is_mute(place: Place, watch: Watch) -> None:
    place.remove(0)
    place.insert(0, ATR_MUTE)
    code, [(event, atr)] = watch.ask((0, UNAWARE))
    assert (code, event & LOW, atr) == (SUCCESS, CHANGED | CARD | MUTE, b"")


@pytest.mark.parametrize(
    ("share", "use"), [(SHARED, IN_USE), (DIRECT, IN_USE), (EXCLUSIVE, IN_EXCLUSIVE_USE)], ids=["s", "d", "x"]
)
def test_a_connected_card_is_in_use(clients: Clients, watch: Watch, share: int, use: int) -> None:
    card = clients.card(share=share)
    assert watch.state() & LOW == CARD | use
    assert card.disconnect() == SUCCESS
    assert watch.state() & LOW == CARD


def test_an_empty_reader_with_a_connection_is_not_in_use(place: Place, clients: Clients, watch: Watch) -> None:
    place.remove(0)
    clients.card(share=DIRECT, protocols=0)
    assert watch.state() & LOW == EMPTY


def test_an_empty_reader_with_an_exclusive_connection_is_in_exclusive_use(
    place: Place, clients: Clients, watch: Watch
) -> None:
    place.remove(0)
    card = clients.card(share=DIRECT, protocols=0)
    place.insert(0)
    assert card.reconnect(EXCLUSIVE)[0] == SUCCESS
    place.remove(0)
    assert watch.state() & LOW == EMPTY | IN_EXCLUSIVE_USE


def test_several_readers_are_returned_in_the_order_of_the_call(place: Place, watch: Watch) -> None:
    place.remove(2)
    code, answers = watch.ask((2, UNAWARE), (0, UNAWARE), (2, UNAWARE), (1, UNAWARE))
    assert code == SUCCESS
    assert [event & (CARD | EMPTY) for event, _ in answers] == [EMPTY, CARD, EMPTY, CARD]


def test_the_upper_half_of_the_event_counts_insertions_and_removals(place: Place, watch: Watch) -> None:
    before = watch.state(1) >> EVENTS
    place.remove(1)
    assert watch.state(1) >> EVENTS == before + 1
    place.insert(1)
    assert watch.state(1) >> EVENTS == before + 2


# Changes


def test_without_a_change_a_timeout_of_0_ends_at_once(watch: Watch) -> None:
    known = watch.state()
    code, [(event, _)] = watch.ask((0, known))
    assert (code, event) == (TIMEOUT, known)


def test_without_a_change_the_wait_ends_after_its_timeout(watch: Watch) -> None:
    known = watch.state()
    start = time.perf_counter()
    code, [(event, _)] = watch.ask((0, known), timeout=150)
    assert time.perf_counter() - start >= 0.1
    assert (code, event) == (TIMEOUT, known)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (CARD, TIMEOUT),
        (CARD | CHANGED, TIMEOUT),
        (EMPTY, SUCCESS),
        (CARD | IN_USE, SUCCESS),
        (CARD | IN_EXCLUSIVE_USE, SUCCESS),
        (CARD | MUTE, SUCCESS),
        (CARD | UNAVAILABLE, SUCCESS),
        (CARD | UNKNOWN, SUCCESS),
        (CHANGED, TIMEOUT),
        (0x400, TIMEOUT),
        (0x40, TIMEOUT),
    ],
)
def test_a_wrong_known_state_of_an_unused_card_ends_the_wait(watch: Watch, known: int, expected: int) -> None:
    code, [(event, _)] = watch.ask((0, known))
    assert code == expected
    assert event & LOW == (CARD if expected == TIMEOUT else CARD | CHANGED)


@pytest.mark.parametrize(
    ("known", "expected"), [(EMPTY, TIMEOUT), (CARD, SUCCESS), (EMPTY | MUTE, TIMEOUT), (EMPTY | IN_USE, SUCCESS)]
)
def test_a_wrong_known_state_of_an_empty_reader_ends_the_wait(
    place: Place, watch: Watch, known: int, expected: int
) -> None:
    place.remove(0)
    code, [(event, _)] = watch.ask((0, known))
    assert code == expected
    assert event & LOW == (EMPTY if expected == TIMEOUT else EMPTY | CHANGED)


@pytest.mark.parametrize(
    ("known", "expected"), [(CARD, TIMEOUT), (CARD | IN_USE, TIMEOUT), (CARD | IN_EXCLUSIVE_USE, SUCCESS)]
)
def test_a_wrong_known_state_of_a_shared_card_ends_the_wait(
    clients: Clients, watch: Watch, known: int, expected: int
) -> None:
    clients.card()
    assert watch.ask((0, known))[0] == expected


@pytest.mark.parametrize(
    ("known", "expected"), [(CARD, TIMEOUT), (CARD | IN_USE, SUCCESS), (CARD | IN_EXCLUSIVE_USE, TIMEOUT)]
)
def test_a_wrong_known_state_of_an_exclusive_card_ends_the_wait(
    clients: Clients, watch: Watch, known: int, expected: int
) -> None:
    clients.card(share=EXCLUSIVE)
    assert watch.ask((0, known))[0] == expected


def test_the_count_shows_a_removal_followed_by_an_insertion(place: Place, watch: Watch) -> None:
    place.remove(0)
    place.insert(0)
    known = watch.state()
    place.remove(0)
    place.insert(0)
    assert one(watch.ask((0, known))) & LOW == CHANGED | CARD
    assert watch.ask((0, known & LOW))[0] == TIMEOUT


def test_the_reader_that_changed_is_marked_among_several(place: Place, watch: Watch) -> None:
    known = [watch.state(number) for number in READERS]
    place.remove(2)
    code, answers = watch.ask(*enumerate(known))
    assert code == SUCCESS
    assert [bool(event & CHANGED) for event, _ in answers] == [False, False, True, False]


# Waiting


def test_a_removal_ends_the_wait(place: Place, watch: Watch) -> None:
    call = watch.wait((0, watch.state()))
    place.remove(0)
    assert one(call.answer()) & LOW == CHANGED | EMPTY


def test_an_insertion_ends_the_wait(place: Place, watch: Watch) -> None:
    place.remove(0)
    call = watch.wait((0, watch.state()))
    place.insert(0, ATR_T0)
    code, [(event, atr)] = call.answer()
    assert (code, event & LOW, atr) == (SUCCESS, CHANGED | CARD, ATR_T0)


def test_the_insertion_of_a_mute_card_ends_the_wait(place: Place, watch: Watch) -> None:
    place.remove(0)
    call = watch.wait((0, watch.state()))
    place.insert(0, ATR_MUTE)
    assert one(call.answer()) & LOW == CHANGED | CARD | MUTE


def test_a_change_of_another_reader_does_not_end_the_wait(place: Place, watch: Watch) -> None:
    call = watch.wait((0, watch.state(0)))
    place.remove(1)
    assert call.waits()
    place.remove(0)
    assert one(call.answer()) & EMPTY


def test_one_of_several_readers_ends_the_wait(place: Place, watch: Watch) -> None:
    known = [watch.state(number) for number in READERS]
    call = watch.wait(*enumerate(known))
    place.remove(3)
    code, answers = call.answer()
    assert code == SUCCESS
    assert [bool(event & CHANGED) for event, _ in answers] == [False, False, False, True]


def test_several_waits_for_one_reader_end_together(place: Place, clients: Clients) -> None:
    watches = [Watch(place, clients) for _ in range(4)]
    calls = [watch.wait((0, watch.state())) for watch in watches]
    place.remove(0)
    assert [one(call.answer()) & LOW for call in calls] == [CHANGED | EMPTY] * 4


def test_a_wait_does_not_stop_other_contexts(clients: Clients, watch: Watch) -> None:
    call = watch.wait((1, watch.state(1)))
    assert clients.card(0).transmit("00B0000001") == (SUCCESS, b"\x00\x90\x00")
    assert clients.event(1) & CARD
    assert watch.cancelled(call)


# Unknown and ignored readers


@pytest.mark.parametrize("timeout", [0, INFINITE])
def test_an_unknown_reader_ends_the_wait_at_once(watch: Watch, timeout: int) -> None:
    assert watch.ask((0, UNAWARE), ("no such reader", UNAWARE), timeout=timeout)[0] == UNKNOWN_READER


def test_an_unknown_reader_is_an_error_even_if_it_is_ignored(watch: Watch) -> None:
    assert watch.ask((0, UNAWARE), ("no such reader", IGNORE))[0] == UNKNOWN_READER


def test_a_wait_without_readers_ends_at_once(watch: Watch) -> None:
    assert watch.ask(timeout=INFINITE) == (SUCCESS, [])


def test_a_wait_for_ignored_readers_only_ends_at_once(watch: Watch) -> None:
    code, _ = watch.ask((0, IGNORE), (1, IGNORE | CARD), timeout=INFINITE)
    assert code == SUCCESS


def test_an_ignored_reader_among_others_has_the_state_0(watch: Watch) -> None:
    code, [(ignored, _), (event, _)] = watch.ask((0, IGNORE), (1, UNAWARE))
    assert (code, ignored, event & LOW) == (SUCCESS, 0, CHANGED | CARD)


@pytest.mark.parametrize("context", [0, 12345])
def test_a_wait_for_no_reader_needs_no_context(place: Place, context: int) -> None:
    library = place.library
    assert library.SCardGetStatusChange(context, 0, [])[0] == SUCCESS
    assert library.SCardGetStatusChange(context, 0, [("no such reader", IGNORE)])[0] == SUCCESS
    assert library.SCardGetStatusChange(context, 0, [(place.reader(0), UNAWARE)])[0] == INVALID_HANDLE


def test_a_wait_takes_sixteen_readers_and_has_a_limit(place: Place, watch: Watch) -> None:
    assert watch.ask(*[(0, UNAWARE)] * 16)[0] == SUCCESS
    assert watch.ask(*[(0, UNAWARE)] * 17)[0] == expected(place, "code for 17 readers in a wait")
    if place.name == "virtual" or not PCSCD_2:
        assert watch.ask(*[(0, UNAWARE)] * 2000)[0] == INVALID_PARAMETER


def test_a_missing_reader_name_is_an_invalid_value(place: Place, watch: Watch) -> None:
    native = place.library.native
    results = ffi.new("char[64]")
    assert lib.pcsc_get_status_change(native, watch.context, 0, 1, ffi.NULL, [UNAWARE], results) == INVALID_VALUE


# Readers that are plugged in and unplugged


@pytest.mark.parametrize("known", [UNAWARE, CARD])
def test_the_notification_of_readers_has_no_change_at_first(place: Place, watch: Watch, known: int) -> None:
    code, [(event, _)] = watch.ask((PNP, known))
    assert (code, event & LOW) == (TIMEOUT, 0)
    assert (event > LOW) == expected(place, "the list's notification counts")


def test_the_notification_of_readers_compares_its_count(place: Place, watch: Watch) -> None:
    _, [(event, _)] = watch.ask((PNP, UNAWARE))
    assert watch.ask((PNP, event))[0] == TIMEOUT
    other = (event + 0x10000) & 0xFFFF0000
    assert watch.ask((PNP, other))[0] == expected(place, "code of a list whose count is not the one of now")


def test_the_name_of_the_notification_may_be_in_upper_case(watch: Watch) -> None:
    assert watch.ask((PNP.upper(), UNAWARE))[0] == TIMEOUT


def test_unplugging_a_reader_ends_a_wait_for_the_notification(place: Place, watch: Watch) -> None:
    def unplug() -> Any:
        call = watch.wait((PNP, UNAWARE), timeout=LONG_WAIT)
        place.unplug(3)
        return call.answer()

    assert one(unless_late(unplug, TIMEOUT, lambda: place.plug(3))) & LOW == CHANGED


def test_plugging_in_a_reader_ends_a_wait_for_the_notification(place: Place, watch: Watch) -> None:
    def plug() -> Any:
        call = watch.wait((PNP, UNAWARE), timeout=LONG_WAIT)
        place.plug(3)
        return call.answer()

    place.unplug(3)
    assert one(unless_late(plug, TIMEOUT, lambda: place.unplug(3))) & LOW == CHANGED


def test_unplugging_a_watched_reader_returns_unknown_and_unavailable(place: Place, watch: Watch) -> None:
    def unplug() -> Any:
        call = watch.wait((3, watch.state(3)))
        place.unplug(3)
        return call.answer()

    assert one(unless_late(unplug, UNKNOWN_READER, lambda: place.plug(3))) == CHANGED | UNKNOWN | UNAVAILABLE
    assert watch.ask((3, UNKNOWN | UNAVAILABLE))[0] == UNKNOWN_READER


def test_a_reader_plugged_in_again_ends_a_wait_that_knew_it_as_unavailable(place: Place, watch: Watch) -> None:
    place.unplug(3)
    place.plug(3)
    assert one(watch.ask((3, UNKNOWN | UNAVAILABLE))) & LOW == CHANGED | CARD


def test_unplugging_a_reader_does_not_end_the_wait_for_another(place: Place, watch: Watch) -> None:
    call = watch.wait((0, watch.state()))
    place.unplug(3)
    assert call.waits()
    place.remove(0)
    assert one(call.answer()) & EMPTY


# Cancelling


def test_a_cancel_ends_only_the_wait_of_its_context(place: Place, clients: Clients, watch: Watch) -> None:
    other = Watch(place, clients)
    call, kept = watch.wait((0, watch.state())), other.wait((0, other.state()))
    assert watch.cancelled(call)
    assert kept.waits()
    assert other.cancelled(kept)


def test_a_context_can_wait_again_after_a_cancel(place: Place, watch: Watch) -> None:
    known = watch.state()
    assert watch.cancelled(watch.wait((0, known)))
    call = watch.wait((0, known))
    place.remove(0)
    assert one(call.answer()) & EMPTY


def test_a_cancel_before_the_wait_does_nothing(place: Place, watch: Watch) -> None:
    known = watch.state()
    assert watch.cancel() == SUCCESS
    call = watch.wait((0, known))
    place.remove(0)
    assert one(call.answer()) & EMPTY


def test_a_cancel_does_not_end_a_transmit(clients: Clients, place: Place, holding: HoldingCard) -> None:
    card = clients.card()
    call = held_command(card, holding)
    assert place.library.SCardCancel(card.context) == SUCCESS
    assert call.waits()
    holding.respond()
    assert call.answer() == (SUCCESS, OK)


def test_a_cancel_ends_a_wait_for_the_notification(watch: Watch) -> None:
    assert watch.cancelled(watch.wait((PNP, UNAWARE)))


def test_a_release_during_a_wait_ends_the_wait_or_waits_for_it(place: Place, clients: Clients) -> None:
    release_waits = expected(place, "a release waits for a wait")

    def release() -> tuple[int, bool, int, int]:
        watch = Watch(place, clients)
        wait = watch.wait((0, watch.state()))
        call = Call(place.library.SCardReleaseContext, watch.context)
        waits = call.waits() if release_waits else not call.returns()
        if waits:
            place.remove(0)
        return wait.answer()[0], waits, call.answer(), place.library.SCardIsValidContext(watch.context)

    answer = unless_late(release, INVALID_HANDLE, place.restore) if release_waits else release()
    code = expected(place, "code of a wait whose context is released")
    assert answer == (code, release_waits, SUCCESS, INVALID_HANDLE)


def test_a_call_on_a_card_during_a_wait_of_its_context_ends_at_the_latest_after_the_wait(
    place: Place, clients: Clients, watch: Watch
) -> None:
    other = clients.context()
    code, handle, _ = place.library.SCardConnect(watch.context, place.reader(1), SHARED, ANY)
    assert code == SUCCESS
    wait = watch.wait((0, watch.state()))
    calls: list[Call] = []

    def which_wait() -> tuple[bool, bool]:
        status = Call(place.library.SCardStatus, handle)
        status_waits = status.waits()
        listing = Call(place.library.SCardListReaders, other)
        calls.extend((status, listing))
        return status_waits, listing.waits()

    must_wait = (
        expected(place, "a call on a card waits for a wait of its context"),
        expected(place, "then a call on another context waits"),
    )
    assert eventually(lambda: which_wait() == must_wait)
    assert wait.waits()
    place.remove(0)
    assert wait.answer()[0] == SUCCESS
    assert {call.answer()[0] for call in calls} == {SUCCESS}
