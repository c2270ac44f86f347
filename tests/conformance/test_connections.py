"""Card handles: how they are opened, shared, reconnected and closed."""

from collections.abc import Callable

import pytest
from support.commands import ANSWER_4, READ_4

from scardffi import ffi, lib

from .clients import Call, Card, Clients, eventually
from .codes import (
    ANY,
    ATR_BOTH,
    ATR_LONG,
    ATR_MUTE,
    ATR_SHORT,
    ATR_T0,
    ATR_T1,
    CONNECTED,
    DIRECT,
    EJECT,
    EXCLUSIVE,
    FEATURES,
    INVALID_HANDLE,
    INVALID_PARAMETER,
    INVALID_VALUE,
    LEAVE,
    MUTE_CARD,
    NO_CARD,
    NO_SMARTCARD,
    PROTO_MISMATCH,
    RAW,
    RESET,
    RESET_CARD,
    SHARED,
    SHARING_VIOLATION,
    SUCCESS,
    T0,
    T1,
    UNKNOWN_READER,
    UNPOWER,
    UNPOWERED,
    UNPOWERED_CARD,
    UNRESPONSIVE_CARD,
)
from .differences import expected
from .places import Place

VENDOR_NAME = 0x00010100

# Handles


def _stale(_place: Place, clients: Clients) -> int:
    card = clients.card()
    assert card.disconnect() == SUCCESS
    return card.handle


def _of_a_released_context(place: Place, clients: Clients) -> int:
    card = clients.card()
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    return card.handle


NO_HANDLE: dict[str, Callable[[Place, Clients], int]] = {
    "0": lambda _place, _clients: 0,
    "-1": lambda _place, _clients: -1,
    "12345": lambda _place, _clients: 12345,
    "the highest number": lambda _place, _clients: (1 << 8 * ffi.sizeof("SCARDHANDLE")) - 1,
    "a handle and 2**32": lambda _, clients: clients.card().handle + 2**32,
    "a closed handle": _stale,
    "a handle of a released context": _of_a_released_context,
    "a context": lambda _, clients: clients.context(),
}
WITH_HANDLE: dict[str, Callable[[Card], object]] = {
    "SCardReconnect": lambda card: card.reconnect()[0],
    "SCardDisconnect": lambda card: card.disconnect(),
    "SCardBeginTransaction": lambda card: card.begin(),
    "SCardEndTransaction": lambda card: card.end(),
    "SCardStatus": lambda card: card.code(),
    "SCardTransmit": lambda card: card.transmit(READ_4)[0],
    "SCardControl": lambda card: card.control(FEATURES)[0],
    "SCardGetAttrib": lambda card: card.attribute(VENDOR_NAME)[0],
    "SCardSetAttrib": lambda card: card.set_attribute(VENDOR_NAME, b"1"),
}


@pytest.mark.parametrize("number", NO_HANDLE)
@pytest.mark.parametrize("function", WITH_HANDLE)
def test_a_wrong_handle_is_an_invalid_handle(place: Place, clients: Clients, function: str, number: str) -> None:
    card = Card(place.library, 0, NO_HANDLE[number](place, clients), T1)
    assert WITH_HANDLE[function](card) == INVALID_HANDLE


def test_each_connection_has_its_own_handle(clients: Clients) -> None:
    cards = [clients.card() for _ in range(20)]
    assert len({card.handle for card in cards}) == 20
    assert cards[7].disconnect() == SUCCESS
    assert [card.code() for card in cards] == [INVALID_HANDLE if card is cards[7] else SUCCESS for card in cards]


def test_a_handle_works_from_another_thread(clients: Clients) -> None:
    card = clients.card()
    assert Call(card.transmit, READ_4).answer() == (SUCCESS, ANSWER_4)


def test_a_context_has_room_for_two_hundred_handles(place: Place, clients: Clients) -> None:
    context = clients.context()
    for number in [*[0] * 100, *[1] * 100]:
        assert place.library.SCardConnect(context, place.reader(number), SHARED, ANY)[0] == SUCCESS
    code, _, _ = place.library.SCardConnect(context, place.reader(2), SHARED, ANY)
    assert code == expected(place, "code of the 201st handle of a context")
    assert clients.connect(2) == SUCCESS


def test_a_reader_has_room_for_two_hundred_handles(place: Place, clients: Clients) -> None:
    contexts = [clients.context(), clients.context()]
    for context in [contexts[0]] * 100 + [contexts[1]] * 100:
        assert place.library.SCardConnect(context, place.reader(0), SHARED, ANY)[0] == SUCCESS
    assert clients.connect(0) == expected(place, "code of the 201st handle of a reader")
    assert clients.connect(1) == SUCCESS


# Connecting


def _connect(place: Place, clients: Clients, share: int, protocols: int) -> int:
    return place.library.SCardConnect(clients.context(), place.reader(0), share, protocols)[0]


@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED, DIRECT])
def test_a_card_is_connected_in_every_share_mode(place: Place, clients: Clients, share: int) -> None:
    code, handle, protocol = place.library.SCardConnect(clients.context(), place.reader(0), share, ANY)
    assert (code, protocol) == (SUCCESS, 0 if share == DIRECT else T1)
    assert handle != 0
    assert place.library.SCardDisconnect(handle, LEAVE) == SUCCESS


@pytest.mark.parametrize("share", [0, 4, 7, 0xFFFFFFFF])
def test_an_unknown_share_mode_is_an_invalid_value(place: Place, clients: Clients, share: int) -> None:
    assert _connect(place, clients, share, ANY) == INVALID_VALUE


@pytest.mark.parametrize("protocols", [0, 8, 0x10, 0x80000000])
@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED])
def test_an_unknown_protocol_is_a_mismatch(place: Place, clients: Clients, share: int, protocols: int) -> None:
    assert _connect(place, clients, share, protocols) == PROTO_MISMATCH


def test_the_protocol_is_checked_before_the_share_mode(place: Place, clients: Clients) -> None:
    assert _connect(place, clients, 7, 0) == PROTO_MISMATCH


def test_a_direct_connection_needs_no_protocol(clients: Clients) -> None:
    assert clients.card(share=DIRECT, protocols=0).protocol == 0


def test_the_old_value_for_any_protocol_is_accepted(clients: Clients) -> None:
    assert clients.card(protocols=0x1000).protocol == T1


@pytest.mark.parametrize("name", ["", "no such reader", "x" * 127, "x" * 128])
def test_a_missing_reader_is_unknown(place: Place, clients: Clients, name: str) -> None:
    assert place.library.SCardConnect(clients.context(), name, SHARED, ANY) == (UNKNOWN_READER, 0, 0)


def test_the_name_of_a_reader_is_matched_whole(place: Place, clients: Clients) -> None:
    name = place.reader(0)
    for wrong in (name[:-1], name + " ", name.upper()):
        assert place.library.SCardConnect(clients.context(), wrong, SHARED, ANY)[0] == UNKNOWN_READER


def test_a_name_longer_than_any_reader_can_have_is_an_invalid_value(place: Place, clients: Clients) -> None:
    assert place.library.SCardConnect(clients.context(), "x" * 129, SHARED, ANY)[0] == INVALID_VALUE


@pytest.mark.parametrize("missing", ["name", "handle", "protocol"])
def test_connecting_needs_a_name_and_pointers_for_the_results(place: Place, clients: Clients, missing: str) -> None:
    name = ffi.NULL if missing == "name" else place.reader(0).encode()
    handle = ffi.NULL if missing == "handle" else ffi.new("SCARDHANDLE *")
    protocol = ffi.NULL if missing == "protocol" else ffi.new("DWORD *")
    code = lib.pcsc_SCardConnect(place.library.native, clients.context(), name, SHARED, ANY, handle, protocol)
    assert code == (UNKNOWN_READER if missing == "name" else INVALID_PARAMETER)


# Sharing


SHARINGS = [
    (SHARED, SHARED, SUCCESS),
    (SHARED, DIRECT, SUCCESS),
    (SHARED, EXCLUSIVE, SHARING_VIOLATION),
    (DIRECT, SHARED, SUCCESS),
    (DIRECT, DIRECT, SUCCESS),
    (DIRECT, EXCLUSIVE, SHARING_VIOLATION),
    (EXCLUSIVE, SHARED, SHARING_VIOLATION),
    (EXCLUSIVE, DIRECT, SHARING_VIOLATION),
    (EXCLUSIVE, EXCLUSIVE, SHARING_VIOLATION),
]


@pytest.mark.parametrize(("first", "second", "expected"), SHARINGS)
def test_share_modes_decide_if_a_second_connection_succeeds(
    clients: Clients, first: int, second: int, expected: int
) -> None:
    card = clients.card(share=first)
    assert clients.connect(share=second) == expected
    assert card.disconnect() == SUCCESS
    assert clients.connect(share=second) == SUCCESS


def test_an_exclusive_connection_excludes_its_own_context_too(place: Place, clients: Clients) -> None:
    card = clients.card(share=EXCLUSIVE)
    assert place.library.SCardConnect(card.context, place.reader(0), SHARED, ANY)[0] == SHARING_VIOLATION


def test_an_exclusive_connection_excludes_others_from_one_reader_only(clients: Clients) -> None:
    clients.card(0, share=EXCLUSIVE)
    assert clients.connect(1, share=EXCLUSIVE) == SUCCESS


def test_an_exclusive_connection_transmits(clients: Clients) -> None:
    assert clients.card(share=EXCLUSIVE).transmit(READ_4) == (SUCCESS, ANSWER_4)


# Protocols


@pytest.mark.parametrize(
    ("atr", "asked", "expected"),
    [
        (ATR_BOTH, T0, T0),
        (ATR_BOTH, T1, T1),
        (ATR_BOTH, ANY, T1),
        (ATR_BOTH, RAW, RAW),
        (ATR_BOTH, RAW | ANY, RAW),
        (ATR_T0, T0, T0),
        (ATR_T0, T1, None),
        (ATR_T0, ANY, T0),
        (ATR_T0, RAW, RAW),
        (ATR_T1, T0, None),
        (ATR_T1, T1, T1),
        (ATR_T1, ANY, T1),
        (ATR_T1, RAW, RAW),
        (ATR_SHORT, ANY, T0),
        (ATR_LONG, ANY, T1),
        (ATR_LONG, T0, None),
    ],
)
def test_the_protocol_is_one_that_the_card_offers(
    place: Place, clients: Clients, atr: bytes, asked: int, expected: int | None
) -> None:
    place.remove(0)
    place.insert(0, atr)
    code, handle, protocol = place.library.SCardConnect(clients.context(), place.reader(0), SHARED, asked)
    if expected is None:
        assert (code, handle) == (PROTO_MISMATCH, 0)
        return
    assert (code, protocol) == (SUCCESS, expected)
    assert place.library.SCardStatus(handle)[3:] == (expected, atr)


@pytest.mark.parametrize(("first", "second"), [(T0, T1), (T1, T0), (RAW, T1)])
def test_a_protocol_once_chosen_is_not_changed_by_another_connection(clients: Clients, first: int, second: int) -> None:
    card = clients.card(protocols=first)
    assert clients.connect(protocols=second) == PROTO_MISMATCH
    assert card.status()[3] == first


def test_a_connection_for_any_protocol_gets_the_present_one(clients: Clients) -> None:
    clients.card(protocols=T0)
    assert clients.card(protocols=ANY).protocol == T0


def test_the_protocol_stays_after_its_connection_ends(clients: Clients) -> None:
    assert clients.card(protocols=T0).disconnect() == SUCCESS
    assert clients.connect(protocols=T1) == PROTO_MISMATCH


def test_a_raw_connection_changes_the_cards_protocol(clients: Clients) -> None:
    card = clients.card(protocols=T1)
    assert clients.card(protocols=RAW).protocol == RAW
    assert card.status()[3] == RAW
    assert card.transmit(READ_4, T1)[0] == PROTO_MISMATCH


@pytest.mark.parametrize("protocol", [T0, T1, RAW])
def test_a_card_answers_by_the_protocol_that_was_chosen(clients: Clients, protocol: int) -> None:
    assert clients.card(protocols=protocol).transmit(READ_4, protocol) == (SUCCESS, ANSWER_4)


def test_a_wrong_atr_offers_no_protocol(place: Place, clients: Clients) -> None:
    place.remove(0)
    place.insert(0, bytes.fromhex("008000"))
    assert clients.connect() == PROTO_MISMATCH
    assert clients.connect(protocols=RAW) == SUCCESS


# Direct


def test_a_direct_connection_has_the_present_protocol(clients: Clients) -> None:
    clients.card(protocols=T0)
    card = clients.card(share=DIRECT, protocols=0)
    assert card.protocol == T0
    assert card.transmit(READ_4, T0) == (SUCCESS, ANSWER_4)


def test_a_direct_connection_cannot_transmit_before_a_protocol_is_chosen(clients: Clients) -> None:
    card = clients.card(share=DIRECT, protocols=0)
    assert card.transmit(READ_4, T1)[0] == PROTO_MISMATCH
    assert card.transmit(READ_4, T0)[0] == PROTO_MISMATCH


def test_a_direct_connection_gets_a_protocol_by_reconnecting_shared(clients: Clients) -> None:
    card = clients.card(share=DIRECT, protocols=0)
    assert card.reconnect(SHARED, ANY) == (SUCCESS, T1)
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)


def test_a_direct_raw_connection_transmits(clients: Clients) -> None:
    card = clients.card(share=DIRECT, protocols=RAW)
    assert card.protocol == RAW
    assert card.transmit(READ_4, RAW) == (SUCCESS, ANSWER_4)


# Without a card


@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED])
def test_without_a_card_connecting_returns_no_smartcard(place: Place, clients: Clients, share: int) -> None:
    place.remove(0)
    assert clients.connect(share=share) == NO_SMARTCARD


def test_without_a_card_a_direct_connection_reaches_the_reader(place: Place, clients: Clients) -> None:
    place.remove(0)
    card = clients.card(share=DIRECT, protocols=0)
    assert card.protocol == 0
    code, name, state, protocol, atr = card.status()
    assert (code, name, state & 0xFFFF, protocol, atr) == (SUCCESS, place.reader(0), NO_CARD, 0, b"")
    assert card.attribute(VENDOR_NAME)[0] == SUCCESS
    assert card.control(FEATURES)[0] == SUCCESS


@pytest.mark.parametrize("protocol", [T0, T1, RAW])
def test_without_a_card_a_direct_connection_cannot_transmit(place: Place, clients: Clients, protocol: int) -> None:
    place.remove(0)
    assert clients.card(share=DIRECT, protocols=0).transmit(READ_4, protocol)[0] == NO_SMARTCARD


def test_a_direct_connection_reaches_an_inserted_card_by_reconnecting(place: Place, clients: Clients) -> None:
    place.remove(0)
    card = clients.card(share=DIRECT, protocols=0)
    assert card.reconnect(SHARED, ANY)[0] == NO_SMARTCARD
    place.insert(0)
    assert card.code() == SUCCESS
    assert card.reconnect(SHARED, ANY) == (SUCCESS, T1)
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)


# Mute cards


@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED])
def test_a_mute_card_is_not_connected(place: Place, clients: Clients, share: int) -> None:
    place.remove(0)
    place.insert(0, ATR_MUTE)
    assert clients.connect(share=share) == UNPOWERED_CARD


def test_a_direct_connection_sees_a_mute_card(place: Place, clients: Clients) -> None:
    place.remove(0)
    place.insert(0, ATR_MUTE)
    card = clients.card(share=DIRECT, protocols=0)
    code, _, state, protocol, atr = card.status()
    assert (code, state & 0xFFFF, protocol, atr) == (SUCCESS, MUTE_CARD, 0, b"")


@pytest.mark.parametrize("initialization", [LEAVE, RESET, UNPOWER])
def test_a_mute_card_does_not_respond_to_a_reconnect(place: Place, clients: Clients, initialization: int) -> None:
    place.remove(0)
    place.insert(0, ATR_MUTE)
    card = clients.card(share=DIRECT, protocols=0)
    assert card.reconnect(SHARED, ANY, initialization)[0] == UNRESPONSIVE_CARD


# Reconnecting


@pytest.mark.parametrize("initialization", [EJECT, 4, 0xFFFFFFFF])
def test_an_unknown_initialization_is_an_invalid_value(clients: Clients, initialization: int) -> None:
    card = clients.card()
    assert card.reconnect(initialization=initialization)[0] == INVALID_VALUE
    assert card.code() == SUCCESS


@pytest.mark.parametrize("share", [0, 4])
def test_reconnecting_with_an_unknown_share_mode_is_an_invalid_value(clients: Clients, share: int) -> None:
    assert clients.card().reconnect(share)[0] == INVALID_VALUE


@pytest.mark.parametrize("protocols", [0, 8])
def test_reconnecting_with_an_unknown_protocol_is_a_mismatch(clients: Clients, protocols: int) -> None:
    assert clients.card().reconnect(SHARED, protocols)[0] == PROTO_MISMATCH


def test_reconnecting_direct_needs_no_protocol(clients: Clients) -> None:
    assert clients.card().reconnect(DIRECT, 0) == (SUCCESS, T1)


def test_reconnecting_needs_a_pointer_to_the_protocol(place: Place, clients: Clients) -> None:
    code = lib.pcsc_SCardReconnect(place.library.native, clients.card().handle, SHARED, ANY, LEAVE, ffi.NULL)
    assert code == INVALID_PARAMETER


def test_reconnecting_keeps_the_protocol(clients: Clients) -> None:
    card = clients.card(protocols=T0)
    assert card.reconnect(SHARED, ANY) == (SUCCESS, T0)
    assert card.reconnect(SHARED, T1)[0] == PROTO_MISMATCH
    assert card.status()[3] == T0


@pytest.mark.parametrize("initialization", [RESET, UNPOWER])
def test_a_reconnect_that_resets_negotiates_the_protocol_again(clients: Clients, initialization: int) -> None:
    card = clients.card(protocols=T0)
    assert card.reconnect(SHARED, T1, initialization) == (SUCCESS, T1)
    assert card.transmit(READ_4, T1) == (SUCCESS, ANSWER_4)


@pytest.mark.parametrize("initialization", [RESET, UNPOWER])
def test_a_reconnect_that_resets_is_reported_to_other_connections_only(clients: Clients, initialization: int) -> None:
    card, other = clients.card(), clients.card()
    assert card.reconnect(initialization=initialization) == (SUCCESS, T1)
    assert card.code() == SUCCESS
    assert other.code() == RESET_CARD


def test_a_reconnect_without_a_reset_is_reported_to_no_connection(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.reconnect() == (SUCCESS, T1)
    assert other.code() == SUCCESS


def test_reconnecting_exclusive_keeps_others_out(clients: Clients) -> None:
    card = clients.card()
    assert card.reconnect(EXCLUSIVE) == (SUCCESS, T1)
    assert clients.connect() == SHARING_VIOLATION
    assert card.reconnect(EXCLUSIVE) == (SUCCESS, T1)
    assert card.disconnect() == SUCCESS
    assert clients.connect() == SUCCESS


def test_reconnecting_exclusive_waits_until_the_other_connections_end(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    call = Call(card.reconnect, EXCLUSIVE)
    assert call.waits()
    assert other.disconnect() == SUCCESS
    assert call.answer() == (SUCCESS, T1)
    assert clients.connect() == SHARING_VIOLATION


@pytest.mark.parametrize("share", [SHARED, DIRECT])
def test_giving_up_exclusive_access_lets_others_connect(place: Place, clients: Clients, share: int) -> None:
    card = clients.card(share=EXCLUSIVE)
    assert card.reconnect(share)[0] == SUCCESS
    call = Call(clients.connect)
    assert call.waits() if expected(place, "others wait when exclusive access was given up") else call.returns()
    assert card.end() == expected(place, "code of ending the transaction that exclusive access left")
    assert call.answer() == SUCCESS


def test_after_a_reset_by_another_a_reconnect_may_choose_another_protocol(clients: Clients) -> None:
    card, other = clients.card(protocols=T0), clients.card(protocols=T0)
    assert other.disconnect(RESET) == SUCCESS
    assert card.reconnect(SHARED, T1) == (SUCCESS, T1)


def test_a_reconnect_for_exclusive_access_with_a_reset_resets_before_it_waits(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    call = Call(card.reconnect, EXCLUSIVE, ANY, RESET)
    assert eventually(lambda: other.code() == RESET_CARD)
    assert call.waits()
    assert other.disconnect() == SUCCESS
    assert call.answer() == (SUCCESS, T1)


# The card after its connection ends

PREPARE_16, FETCH_16 = "801C0010", "00C0000010"


@pytest.mark.parametrize(("share", "is_reset"), [(SHARED, False), (EXCLUSIVE, True)])
def test_releasing_the_context_resets_only_an_exclusive_card(
    place: Place, clients: Clients, share: int, *, is_reset: bool
) -> None:
    card = clients.card(share=share)
    assert card.transmit(PREPARE_16)[0] == SUCCESS
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    _, answer = clients.card().transmit(FETCH_16)
    assert len(answer) == (2 if is_reset else 18)


@pytest.mark.parametrize("share", [SHARED, EXCLUSIVE])
def test_disconnecting_leaves_the_card_as_it_is(clients: Clients, share: int) -> None:
    card = clients.card(share=share)
    assert card.transmit(PREPARE_16)[0] == SUCCESS
    assert card.disconnect() == SUCCESS
    assert len(clients.card().transmit(FETCH_16)[1]) == 18


# Resets


SEES_A_RESET: dict[str, Callable[[Card], object]] = {
    name: function
    for name, function in WITH_HANDLE.items()
    if name not in {"SCardReconnect", "SCardDisconnect", "SCardControl"}
}


@pytest.mark.parametrize("function", SEES_A_RESET)
def test_after_a_reset_by_another_each_function_returns_reset_card(clients: Clients, function: str) -> None:
    card, other = clients.card(), clients.card()
    assert other.reconnect(initialization=RESET)[0] == SUCCESS
    assert SEES_A_RESET[function](card) == RESET_CARD
    assert SEES_A_RESET[function](card) == RESET_CARD
    assert card.reconnect() == (SUCCESS, T1)
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)


def test_after_a_reset_by_another_control_still_works(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert other.reconnect(initialization=RESET)[0] == SUCCESS
    assert card.control(FEATURES)[0] == SUCCESS


def test_after_a_reset_by_another_disconnect_still_works(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert other.reconnect(initialization=RESET)[0] == SUCCESS
    assert card.disconnect() == SUCCESS


def test_a_reset_is_reported_to_direct_connections_too(clients: Clients) -> None:
    card, other = clients.card(share=DIRECT, protocols=0), clients.card()
    assert other.disconnect(RESET) == SUCCESS
    assert card.code() == RESET_CARD
    assert card.reconnect(DIRECT, 0)[0] == SUCCESS
    assert card.code() == SUCCESS


def test_a_reset_is_not_reported_to_later_connections(clients: Clients) -> None:
    assert clients.card().disconnect(RESET) == SUCCESS
    assert clients.card().code() == SUCCESS


def test_a_reset_of_one_card_is_not_reported_for_another(clients: Clients) -> None:
    card = clients.card(1)
    assert clients.card(0).disconnect(RESET) == SUCCESS
    assert card.code() == SUCCESS


# Closing


@pytest.mark.parametrize(
    ("disposition", "told"), [(LEAVE, SUCCESS), (RESET, RESET_CARD), (UNPOWER, RESET_CARD), (EJECT, SUCCESS)]
)
def test_the_disposition_of_a_disconnect_is_reported_to_other_connections(
    clients: Clients, disposition: int, told: int
) -> None:
    card, other = clients.card(), clients.card()
    assert card.disconnect(disposition) == SUCCESS
    assert card.disconnect(disposition) == INVALID_HANDLE
    assert other.code() == told
    assert other.reconnect() == (SUCCESS, T1)


@pytest.mark.parametrize("disposition", [4, 0xFFFFFFFF])
def test_a_disconnect_with_an_unknown_disposition_closes_nothing(clients: Clients, disposition: int) -> None:
    card = clients.card()
    assert card.disconnect(disposition) == INVALID_VALUE
    assert card.code() == SUCCESS
    assert card.disconnect() == SUCCESS


def test_an_unpowered_card_stays_unpowered_until_the_next_connection(clients: Clients) -> None:
    watcher = clients.card(share=DIRECT, protocols=0)
    assert clients.card().disconnect(UNPOWER) == SUCCESS
    assert watcher.reconnect(DIRECT, 0)[0] == SUCCESS
    assert watcher.status()[2] & 0xFFFF == UNPOWERED
    card = clients.card()
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)
    assert watcher.status()[2] & 0xFFFF == CONNECTED


def test_after_the_last_disconnect_the_reader_is_not_in_use(clients: Clients) -> None:
    cards = [clients.card() for _ in range(3)]
    for card in cards:
        assert clients.connect(share=EXCLUSIVE) == SHARING_VIOLATION
        assert card.disconnect() == SUCCESS
    assert eventually(lambda: clients.connect(share=EXCLUSIVE) == SUCCESS)
