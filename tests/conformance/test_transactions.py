"""Transactions: the calls that wait, the calls that are refused at once, and the ends of transactions."""

from collections.abc import Callable
from typing import Any

import pytest
from support.commands import ANSWER_4, READ_4

from .clients import Call, Card, Clients, eventually
from .codes import (
    ANY,
    DIRECT,
    EJECT,
    EXCLUSIVE,
    FEATURES,
    INVALID_VALUE,
    LEAVE,
    NO_SMARTCARD,
    NOT_TRANSACTED,
    REMOVED_CARD,
    RESET,
    RESET_CARD,
    SHARED,
    SHARING_VIOLATION,
    SUCCESS,
    T1,
    UNPOWER,
    UNSUPPORTED_FEATURE,
)
from .places import Place

VENDOR_NAME = 0x00010100
IFS_REQUEST = 0x7FFF0007

# Other connections


WAITING: dict[str, tuple[Callable[[Card], Any], Any]] = {
    "SCardBeginTransaction": (Card.begin, SUCCESS),
    "SCardStatus": (Card.code, SUCCESS),
    "SCardTransmit": (lambda card: card.transmit(READ_4), (SUCCESS, ANSWER_4)),
    "SCardReconnect": (Card.reconnect, (SUCCESS, T1)),
    "SCardReconnect with a reset": (lambda card: card.reconnect(initialization=RESET), (SUCCESS, T1)),
    "SCardReconnect direct": (lambda card: card.reconnect(DIRECT, 0), (SUCCESS, T1)),
    "SCardDisconnect with a reset": (lambda card: card.disconnect(RESET), SUCCESS),
    "SCardDisconnect without power": (lambda card: card.disconnect(UNPOWER), SUCCESS),
    "SCardDisconnect with an ejection": (lambda card: card.disconnect(EJECT), SUCCESS),
}


@pytest.mark.parametrize("name", WAITING)
def test_functions_that_wait_for_the_transaction_of_another(clients: Clients, name: str) -> None:
    function, answer = WAITING[name]
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    call = Call(function, other)
    assert call.waits()
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)
    assert card.end() == SUCCESS
    assert call.answer() == answer


@pytest.mark.parametrize("share", [SHARED, DIRECT])
def test_connecting_waits_for_the_transaction_of_another(clients: Clients, share: int) -> None:
    card = clients.card()
    assert card.begin() == SUCCESS
    call = Call(clients.connect, 0, share)
    assert call.waits()
    assert card.end() == SUCCESS
    assert call.answer() == SUCCESS


def test_connecting_exclusive_waits_and_is_then_refused(clients: Clients) -> None:
    card = clients.card()
    assert card.begin() == SUCCESS
    call = Call(clients.connect, 0, EXCLUSIVE)
    assert call.waits()
    assert card.end() == SUCCESS
    assert call.answer() == SHARING_VIOLATION


AT_ONCE: dict[str, tuple[Callable[[Card], Any], Any]] = {
    "SCardGetAttrib": (lambda card: card.attribute(VENDOR_NAME)[0], SHARING_VIOLATION),
    "SCardSetAttrib": (lambda card: card.set_attribute(IFS_REQUEST, bytes(4)), SHARING_VIOLATION),
    "SCardControl": (lambda card: card.control(FEATURES)[0], SHARING_VIOLATION),
    "SCardEndTransaction": (Card.end, SHARING_VIOLATION),
    "SCardEndTransaction with a reset": (lambda card: card.end(RESET), SHARING_VIOLATION),
    "SCardDisconnect": (Card.disconnect, SUCCESS),
}


@pytest.mark.parametrize("name", AT_ONCE)
def test_functions_that_return_at_once_during_the_transaction_of_another(clients: Clients, name: str) -> None:
    function, answer = AT_ONCE[name]
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    assert function(other) == answer
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)
    assert card.end() == SUCCESS


def test_a_transaction_does_not_block_lists_and_waits_for_changes(place: Place, clients: Clients) -> None:
    assert clients.card().begin() == SUCCESS
    context = clients.context()
    assert place.reader(0) in place.library.SCardListReaders(context)[1]
    assert place.library.SCardGetStatusChange(context, 0, [(place.reader(0), 0)])[0] == SUCCESS


def test_a_transaction_blocks_one_card_only(clients: Clients) -> None:
    assert clients.card(0).begin() == SUCCESS
    assert clients.card(1).begin() == SUCCESS


def test_the_owner_of_a_transaction_may_call_every_function(clients: Clients) -> None:
    card = clients.card()
    assert card.begin() == SUCCESS
    assert card.code() == SUCCESS
    assert card.attribute(VENDOR_NAME)[0] == SUCCESS
    assert card.control(FEATURES)[0] == SUCCESS
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)
    assert card.reconnect() == (SUCCESS, T1)
    assert card.end() == SUCCESS


def test_several_waiting_connections_get_the_card_one_after_the_other(clients: Clients) -> None:
    def transact(other: Card) -> list[Any]:
        return [other.begin(), other.transmit(READ_4), other.end()]

    card, *others = (clients.card() for _ in range(5))
    assert card.begin() == SUCCESS
    calls = [Call(transact, other) for other in others]
    assert all(call.waits() for call in calls)
    assert card.end() == SUCCESS
    assert [call.answer() for call in calls] == [[SUCCESS, (SUCCESS, ANSWER_4), SUCCESS]] * 4


# Nesting


def test_transactions_nest(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    assert card.begin() == SUCCESS
    assert card.end() == SUCCESS
    call = Call(other.begin)
    assert call.waits()
    assert card.end() == SUCCESS
    assert call.answer() == SUCCESS
    assert card.end() == SHARING_VIOLATION


def test_a_transaction_that_was_not_begun_cannot_be_ended(clients: Clients) -> None:
    card = clients.card()
    assert card.end() == NOT_TRANSACTED
    assert card.begin() == SUCCESS
    assert card.end() == SUCCESS
    assert card.end() == NOT_TRANSACTED


def test_exclusive_access_is_not_a_transaction(clients: Clients) -> None:
    card = clients.card(share=EXCLUSIVE)
    assert card.end() == NOT_TRANSACTED
    assert card.begin() == SUCCESS
    assert card.end() == SUCCESS
    assert card.end() == NOT_TRANSACTED
    assert clients.connect() == SHARING_VIOLATION


def test_direct_connections_have_transactions(place: Place, clients: Clients) -> None:
    place.remove(0)
    card, other = clients.card(share=DIRECT, protocols=0), clients.card(share=DIRECT, protocols=0)
    assert card.begin() == SUCCESS
    assert other.control(FEATURES)[0] == SHARING_VIOLATION
    assert card.end() == SUCCESS
    assert other.control(FEATURES)[0] == SUCCESS


# Ends


@pytest.mark.parametrize(
    ("disposition", "answer", "told"),
    [
        (LEAVE, SUCCESS, SUCCESS),
        (RESET, SUCCESS, RESET_CARD),
        (UNPOWER, SUCCESS, RESET_CARD),
        (EJECT, UNSUPPORTED_FEATURE, SUCCESS),
    ],
)
def test_the_disposition_of_an_end_is_reported_to_all_connections(
    clients: Clients, disposition: int, answer: int, told: int
) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    assert card.end(disposition) == answer
    assert card.code() == told
    assert other.code() == told
    assert card.reconnect() == (SUCCESS, T1)
    assert other.reconnect() == (SUCCESS, T1)
    assert other.begin() == SUCCESS


@pytest.mark.parametrize("disposition", [4, 0xFFFFFFFF])
def test_an_end_with_an_unknown_disposition_ends_nothing(clients: Clients, disposition: int) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    assert card.end(disposition) == INVALID_VALUE
    assert other.control(FEATURES)[0] == SHARING_VIOLATION
    assert card.end() == SUCCESS


def test_a_waiting_begin_returns_the_reset_that_ended_the_transaction(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    call = Call(other.begin)
    assert call.waits()
    assert card.end(RESET) == SUCCESS
    assert call.answer() == RESET_CARD


def test_a_waiting_connect_succeeds_after_the_reset_that_ended_the_transaction(clients: Clients) -> None:
    card = clients.card()
    assert card.begin() == SUCCESS
    call = Call(clients.connect)
    assert call.waits()
    assert card.end(RESET) == SUCCESS
    assert call.answer() == SUCCESS


def test_an_end_with_a_reset_outside_a_transaction_resets_and_returns_not_transacted(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.end(RESET) == NOT_TRANSACTED
    assert card.code() == RESET_CARD
    assert other.code() == RESET_CARD


@pytest.mark.parametrize(("disposition", "told"), [(LEAVE, SUCCESS), (RESET, RESET_CARD)])
def test_a_disconnect_ends_nested_transactions(clients: Clients, disposition: int, told: int) -> None:
    card, other = clients.card(), clients.card()
    for _ in range(3):
        assert card.begin() == SUCCESS
    call = Call(other.begin)
    assert call.waits()
    assert card.disconnect(disposition) == SUCCESS
    assert call.answer() == told


def test_a_release_ends_the_transaction_for_a_waiting_begin(place: Place, clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    call = Call(other.begin)
    assert call.waits()
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    assert call.answer() in {SUCCESS, RESET_CARD}  # pcscd lets the next connection go on before it resets
    assert eventually(lambda: other.code() == RESET_CARD)


@pytest.mark.parametrize("initialization", [LEAVE, RESET, UNPOWER])
def test_a_reconnect_keeps_the_transaction(clients: Clients, initialization: int) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    assert card.reconnect(SHARED, ANY, initialization) == (SUCCESS, T1)
    assert other.control(FEATURES)[0] == SHARING_VIOLATION
    assert card.end() == SUCCESS
    assert other.control(FEATURES)[0] == SUCCESS


# Removal


def test_removing_the_card_ends_the_transaction(place: Place, clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    call = Call(other.begin)
    assert call.waits()
    place.remove(0)
    assert call.answer() == REMOVED_CARD
    assert card.end() == REMOVED_CARD
    place.insert(0)
    assert card.reconnect() == (SUCCESS, T1)
    assert card.end() == NOT_TRANSACTED


def test_removing_the_card_ends_a_waiting_connect_with_no_smartcard(place: Place, clients: Clients) -> None:
    card = clients.card()
    assert card.begin() == SUCCESS
    call = Call(clients.connect)
    assert call.waits()
    place.remove(0)
    assert call.answer() == NO_SMARTCARD
