"""A reader that is unplugged and plugged in again: the code of each function on an old handle."""

from collections.abc import Callable
from typing import Any

import pytest
from support.commands import ANSWER_4, READ_4

from .clients import LONG_WAIT, Call, Card, Clients, unless_late
from .codes import (
    CANCELLED,
    CARD,
    CHANGED,
    DIRECT,
    EMPTY,
    EXCLUSIVE,
    FEATURES,
    INFINITE,
    INVALID_HANDLE,
    INVALID_VALUE,
    PNP,
    READER_UNAVAILABLE,
    RESET,
    SHARED,
    SUCCESS,
    T0,
    T1,
    TIMEOUT,
    UNAVAILABLE,
    UNAWARE,
    UNKNOWN,
    UNKNOWN_READER,
    UNPOWER,
)
from .differences import expected
from .places import READERS, Place

VENDOR_NAME = 0x00010100

# The codes while the reader is unplugged, and after a reader of the same name was plugged in.
AFTER_UNPLUGGING: dict[str, tuple[Callable[[Card], Any], int, int]] = {
    "SCardStatus": (Card.code, READER_UNAVAILABLE, INVALID_VALUE),
    "SCardTransmit": (lambda card: card.transmit(READ_4)[0], INVALID_VALUE, INVALID_VALUE),
    "SCardBeginTransaction": (Card.begin, INVALID_VALUE, INVALID_VALUE),
    "SCardEndTransaction": (Card.end, INVALID_VALUE, INVALID_VALUE),
    "SCardGetAttrib": (lambda card: card.attribute(VENDOR_NAME)[0], INVALID_VALUE, INVALID_VALUE),
    "SCardSetAttrib": (lambda card: card.set_attribute(0x7FFF0007, bytes(4)), INVALID_VALUE, INVALID_VALUE),
    "SCardControl": (lambda card: card.control(FEATURES)[0], INVALID_VALUE, INVALID_VALUE),
    "SCardReconnect": (lambda card: card.reconnect()[0], INVALID_VALUE, INVALID_VALUE),
    "SCardReconnect with a reset": (
        lambda card: card.reconnect(initialization=RESET)[0],
        INVALID_VALUE,
        INVALID_VALUE,
    ),
    "SCardReconnect direct": (lambda card: card.reconnect(DIRECT, 0)[0], INVALID_VALUE, INVALID_VALUE),
    "SCardDisconnect": (Card.disconnect, SUCCESS, SUCCESS),
    "SCardDisconnect with a reset": (lambda card: card.disconnect(RESET), SUCCESS, SUCCESS),
    "SCardDisconnect without power": (lambda card: card.disconnect(UNPOWER), SUCCESS, SUCCESS),
}


@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED, DIRECT])
@pytest.mark.parametrize("name", AFTER_UNPLUGGING)
def test_each_function_has_its_code_after_the_reader_was_unplugged(
    place: Place, clients: Clients, name: str, share: int
) -> None:
    function, answer, _ = AFTER_UNPLUGGING[name]
    card = clients.card(3, share=share)
    place.unplug(3)
    assert function(card) == answer


@pytest.mark.parametrize("name", AFTER_UNPLUGGING)
def test_after_plugging_in_again_old_handles_still_report_the_unplugged_reader(
    place: Place, clients: Clients, name: str
) -> None:
    function, _, answer = AFTER_UNPLUGGING[name]
    card = clients.card(3)
    place.unplug(3)
    place.plug(3)
    assert function(card) == answer


def test_the_handle_of_an_unplugged_reader_is_closed_once(place: Place, clients: Clients) -> None:
    card = clients.card(3)
    place.unplug(3)
    assert card.disconnect() == SUCCESS
    assert card.disconnect() == INVALID_HANDLE


def test_an_unplugged_reader_is_unknown(place: Place, clients: Clients) -> None:
    place.unplug(3)
    assert clients.connect(3) == UNKNOWN_READER
    assert clients.connect(3, share=DIRECT) == UNKNOWN_READER
    states = [(place.reader(3), UNAWARE)]
    assert place.library.SCardGetStatusChange(clients.context(), INFINITE, states)[0] == UNKNOWN_READER


def test_readers_are_listed_while_they_are_plugged_in(place: Place, clients: Clients) -> None:
    context = clients.context()
    before = place.library.SCardListReaders(context)[1]
    place.unplug(1)
    place.unplug(3)
    assert set(before) - set(place.library.SCardListReaders(context)[1]) == {place.reader(1), place.reader(3)}
    place.plug(1)
    assert set(before) - set(place.library.SCardListReaders(context)[1]) == {place.reader(3)}
    place.plug(3)
    assert set(place.library.SCardListReaders(context)[1]) == set(before)


def test_the_other_readers_still_work(place: Place, clients: Clients) -> None:
    cards = [clients.card(number) for number in READERS]
    assert cards[1].begin() == SUCCESS
    place.unplug(3)
    for number in (0, 1, 2):
        assert cards[number].transmit(READ_4) == (SUCCESS, ANSWER_4)
    assert cards[1].end() == SUCCESS


def test_a_reader_plugged_in_again_is_new(place: Place, clients: Clients) -> None:
    old = clients.card(3, share=EXCLUSIVE, protocols=T0)
    assert old.begin() == SUCCESS
    place.unplug(3)
    place.plug(3)
    card = clients.card(3)
    assert card.protocol == T1
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)
    assert old.disconnect() == SUCCESS
    assert card.code() == SUCCESS


def test_a_reader_is_plugged_in_again_without_its_card(place: Place, clients: Clients) -> None:
    place.remove(3)
    place.unplug(3)
    place.plug(3)
    assert clients.event(3) & (CARD | EMPTY) == EMPTY
    place.insert(3)
    assert clients.event(3) & (CARD | EMPTY) == CARD


def test_an_attribute_that_was_set_does_not_outlive_the_reader(place: Place, clients: Clients) -> None:
    assert clients.card(3).set_attribute(0x7FFF0007, b"\1\2\3\4") == SUCCESS
    place.unplug(3)
    place.plug(3)
    assert clients.card(3).attribute(0x7FFF0007)[1].strip(b"\0") == b""


def test_unplugging_the_reader_ends_a_waiting_begin(place: Place, clients: Clients) -> None:
    card, other = clients.card(3), clients.card(3)
    assert card.begin() == SUCCESS
    call = Call(other.begin)
    assert call.waits()
    place.unplug(3)
    assert call.answer() == INVALID_VALUE


def test_unplugging_the_reader_ends_a_waiting_status(place: Place, clients: Clients) -> None:
    card, other = clients.card(3), clients.card(3)
    assert card.begin() == SUCCESS
    call = Call(other.code)
    assert call.waits()
    place.unplug(3)
    assert call.answer() == READER_UNAVAILABLE


def test_contexts_with_handles_of_an_unplugged_reader_can_be_released(place: Place, clients: Clients) -> None:
    card = clients.card(3)
    place.unplug(3)
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    assert card.code() == INVALID_HANDLE


def test_a_wait_can_watch_a_known_reader_and_new_readers(place: Place, clients: Clients) -> None:
    place.unplug(3)
    context = clients.context()
    states = [(place.reader(0), UNAWARE), (PNP, UNAWARE)]
    _, [(known, _), _] = place.library.SCardGetStatusChange(context, 0, states)
    states = [(place.reader(0), known & ~CHANGED), (PNP, UNAWARE)]

    def plug() -> Any:
        call = Call(place.library.SCardGetStatusChange, context, LONG_WAIT, states)
        assert call.waits()
        place.plug(3)
        return call.answer()

    code, [(event, _), (notified, _)] = unless_late(plug, TIMEOUT, lambda: place.unplug(3))
    assert code == SUCCESS
    assert not event & CHANGED
    assert notified & CHANGED


def test_readers_are_plugged_in_and_unplugged_while_others_are_used(place: Place, clients: Clients) -> None:
    cards = [clients.card(number) for number in (0, 1)]

    def use(card: Card) -> bool:
        return all(card.transmit(READ_4) == (SUCCESS, ANSWER_4) for _ in range(300))

    calls = [Call(use, card) for card in cards]
    for _ in range(5):
        place.unplug(3)
        place.plug(3)
    assert all(call.answer() for call in calls)


def test_a_wait_goes_on_while_other_readers_are_plugged_in_and_unplugged(place: Place, clients: Clients) -> None:
    context = clients.context()
    known = clients.event(0) & ~CHANGED
    call = Call(place.library.SCardGetStatusChange, context, INFINITE, [(place.reader(0), known)])
    assert call.waits()
    for _ in range(3):
        place.unplug(3)
        place.plug(3)
    code, [(event, _)] = call.answer_to(lambda: place.library.SCardCancel(context))
    if code == SUCCESS and expected(place, "a wait ends while other readers come and go"):
        assert event & 0xFFFF == CHANGED | UNKNOWN | UNAVAILABLE
    else:
        assert code == CANCELLED
