"""A card that is removed, and a card that is inserted: the code of each function on an old handle."""

from collections.abc import Callable
from typing import Any

import pytest
from support.commands import ANSWER_4, READ_4

from .clients import Card, Clients
from .codes import (
    ANY,
    ATR_T0,
    DIRECT,
    EJECT,
    EXCLUSIVE,
    FEATURES,
    LEAVE,
    NO_CARD,
    NO_SMARTCARD,
    NOT_TRANSACTED,
    REMOVED_CARD,
    RESET,
    SHARED,
    SHARING_VIOLATION,
    SUCCESS,
    T0,
    T1,
    UNPOWER,
)
from .places import Place

VENDOR_NAME = 0x00010100

AFTER_REMOVAL: dict[str, tuple[Callable[[Card], Any], int]] = {
    "SCardStatus": (Card.code, REMOVED_CARD),
    "SCardTransmit": (lambda card: card.transmit(READ_4)[0], REMOVED_CARD),
    "SCardTransmit raw": (lambda card: card.transmit(READ_4, 4)[0], REMOVED_CARD),
    "SCardBeginTransaction": (Card.begin, REMOVED_CARD),
    "SCardEndTransaction": (Card.end, REMOVED_CARD),
    "SCardEndTransaction with a reset": (lambda card: card.end(RESET), REMOVED_CARD),
    "SCardGetAttrib": (lambda card: card.attribute(VENDOR_NAME)[0], REMOVED_CARD),
    "SCardSetAttrib": (lambda card: card.set_attribute(0x7FFF0007, bytes(4)), REMOVED_CARD),
    "SCardControl": (lambda card: card.control(FEATURES)[0], SUCCESS),
    "SCardReconnect": (lambda card: card.reconnect()[0], NO_SMARTCARD),
    "SCardReconnect with a reset": (lambda card: card.reconnect(initialization=RESET)[0], NO_SMARTCARD),
    "SCardReconnect without power": (lambda card: card.reconnect(initialization=UNPOWER)[0], NO_SMARTCARD),
    "SCardReconnect direct": (lambda card: card.reconnect(DIRECT, 0)[0], NO_SMARTCARD),
    "SCardDisconnect": (Card.disconnect, SUCCESS),
    "SCardDisconnect with a reset": (lambda card: card.disconnect(RESET), SUCCESS),
    "SCardDisconnect without power": (lambda card: card.disconnect(UNPOWER), SUCCESS),
    "SCardDisconnect with an ejection": (lambda card: card.disconnect(EJECT), SUCCESS),
}


@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED, DIRECT])
@pytest.mark.parametrize("name", AFTER_REMOVAL)
def test_each_function_has_its_code_after_the_card_was_removed(
    place: Place, clients: Clients, name: str, share: int
) -> None:
    function, answer = AFTER_REMOVAL[name]
    card = clients.card(share=share)
    place.remove(0)
    assert function(card) == answer


@pytest.mark.parametrize("name", AFTER_REMOVAL)
def test_after_inserting_again_old_handles_still_report_the_removal(place: Place, clients: Clients, name: str) -> None:
    function, answer = AFTER_REMOVAL[name]
    card = clients.card()
    place.remove(0)
    place.insert(0)
    assert function(card) == (SUCCESS if answer == NO_SMARTCARD else answer)


@pytest.mark.parametrize("initialization", [LEAVE, RESET, UNPOWER])
def test_reconnecting_reaches_the_new_card(place: Place, clients: Clients, initialization: int) -> None:
    card = clients.card()
    place.remove(0)
    place.insert(0, ATR_T0)
    assert card.reconnect(SHARED, ANY, initialization) == (SUCCESS, T0)
    assert card.status()[3:] == (T0, ATR_T0)
    assert card.transmit(READ_4, T0) == (SUCCESS, ANSWER_4)


def test_a_removal_is_reported_to_every_connection(place: Place, clients: Clients) -> None:
    cards = [clients.card() for _ in range(3)]
    elsewhere = clients.card(1)
    place.remove(0)
    assert [card.code() for card in cards] == [REMOVED_CARD] * 3
    assert elsewhere.code() == SUCCESS


def test_a_removal_takes_precedence_over_a_reset(place: Place, clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert other.disconnect(RESET) == SUCCESS
    place.remove(0)
    assert card.code() == REMOVED_CARD


def test_a_removal_is_not_reported_to_later_connections(place: Place, clients: Clients) -> None:
    clients.card()
    place.remove(0)
    place.insert(0)
    assert clients.card().transmit(READ_4) == (SUCCESS, ANSWER_4)


def test_a_removal_does_not_end_exclusive_access(place: Place, clients: Clients) -> None:
    card = clients.card(share=EXCLUSIVE)
    place.remove(0)
    place.insert(0)
    assert clients.connect(share=DIRECT) == SHARING_VIOLATION
    assert card.disconnect() == SUCCESS
    assert clients.connect() == SUCCESS


def test_the_new_card_has_its_own_protocol(place: Place, clients: Clients) -> None:
    assert clients.card(protocols=T0).disconnect() == SUCCESS
    place.remove(0)
    place.insert(0)
    assert clients.card(protocols=T1).protocol == T1


def test_a_removal_ends_the_transaction(place: Place, clients: Clients) -> None:
    card = clients.card()
    assert card.begin() == SUCCESS
    place.remove(0)
    place.insert(0)
    assert clients.connect() == SUCCESS
    assert card.reconnect() == (SUCCESS, T1)
    assert card.end() == NOT_TRANSACTED


def test_a_direct_connection_reports_a_removal_until_it_reconnects(place: Place, clients: Clients) -> None:
    card = clients.card(share=DIRECT, protocols=0)
    place.remove(0)
    assert card.code() == REMOVED_CARD
    assert clients.card(share=DIRECT, protocols=0).status()[2] & 0xFFFF == NO_CARD
    place.insert(0)
    assert card.reconnect(DIRECT, 0) == (SUCCESS, 0)
    assert card.code() == SUCCESS
