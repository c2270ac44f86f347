"""Contexts: if they are valid, the lists of readers and groups, and the effects of their release."""

from collections.abc import Callable
from typing import Any

import pytest
from support.commands import READ_4

from scardffi import ffi, lib

from .clients import Clients
from .codes import (
    ANY,
    INSUFFICIENT_BUFFER,
    INVALID_HANDLE,
    INVALID_PARAMETER,
    INVALID_VALUE,
    RESET_CARD,
    SHARED,
    SUCCESS,
    SYSTEM,
)
from .places import READERS, Place

AUTOALLOCATE = int(ffi.cast("DWORD", -1))


@pytest.mark.parametrize("scope", [0, 1, 2, 3])
def test_a_context_of_any_scope_is_valid_until_its_release(place: Place, scope: int) -> None:
    library = place.library
    code, context = library.SCardEstablishContext(scope)
    assert code == SUCCESS
    assert library.SCardIsValidContext(context) == SUCCESS
    assert library.SCardReleaseContext(context) == SUCCESS
    assert library.SCardIsValidContext(context) == INVALID_HANDLE
    assert library.SCardReleaseContext(context) == INVALID_HANDLE


@pytest.mark.parametrize("scope", [4, 77, 0xFFFFFFFF])
def test_an_unknown_scope_is_an_invalid_value(place: Place, scope: int) -> None:
    assert place.library.SCardEstablishContext(scope) == (INVALID_VALUE, 0)


def test_a_context_needs_a_pointer_to_receive_it(place: Place) -> None:
    assert lib.pcsc_SCardEstablishContext(place.library.native, SYSTEM, ffi.NULL, ffi.NULL, ffi.NULL) == (
        INVALID_PARAMETER
    )


def test_each_context_has_its_own_number(place: Place, clients: Clients) -> None:
    first, second, third = (clients.context() for _ in range(3))
    assert len({first, second, third}) == 3
    assert place.library.SCardReleaseContext(second) == SUCCESS
    assert place.library.SCardIsValidContext(first) == SUCCESS
    assert place.library.SCardIsValidContext(second) == INVALID_HANDLE
    assert place.library.SCardIsValidContext(third) == SUCCESS


def _released(place: Place, clients: Clients) -> int:
    context = clients.context()
    assert place.library.SCardReleaseContext(context) == SUCCESS
    return context


NO_CONTEXT: dict[str, Callable[[Place, Clients], int]] = {
    "0": lambda _place, _clients: 0,
    "-1": lambda _place, _clients: -1,
    "12345": lambda _place, _clients: 12345,
    "the highest number": lambda _place, _clients: (1 << 8 * ffi.sizeof("SCARDCONTEXT")) - 1,
    "a context and 2**32": lambda _, clients: clients.context() + 2**32,
    "a released context": _released,
    "a card handle": lambda _, clients: clients.card().handle,
}
WITH_CONTEXT: dict[str, Callable[[Place, int], object]] = {
    "SCardReleaseContext": lambda place, context: place.library.SCardReleaseContext(context),
    "SCardIsValidContext": lambda place, context: place.library.SCardIsValidContext(context),
    "SCardCancel": lambda place, context: place.library.SCardCancel(context),
    "SCardFreeMemory": lambda place, context: place.library.SCardFreeMemory(context, 0),
    "SCardListReaders": lambda place, context: place.library.SCardListReaders(context)[0],
    "SCardListReaderGroups": lambda place, context: place.library.SCardListReaderGroups(context)[0],
    "SCardGetStatusChange": lambda place, context: place.library.SCardGetStatusChange(
        context, 0, [(place.reader(0), 0)]
    )[0],
    "SCardConnect": lambda place, context: place.library.SCardConnect(context, place.reader(0), SHARED, ANY)[0],
}


@pytest.mark.parametrize("number", NO_CONTEXT)
@pytest.mark.parametrize("function", WITH_CONTEXT)
def test_a_wrong_context_is_an_invalid_handle(place: Place, clients: Clients, function: str, number: str) -> None:
    assert WITH_CONTEXT[function](place, NO_CONTEXT[number](place, clients)) == INVALID_HANDLE


def test_a_context_stays_valid_when_its_cards_are_closed(place: Place, clients: Clients) -> None:
    card = clients.card()
    assert card.disconnect() == SUCCESS
    assert place.library.SCardIsValidContext(card.context) == SUCCESS


def test_a_context_may_have_several_cards(place: Place, clients: Clients) -> None:
    context = clients.context()
    handles = [place.library.SCardConnect(context, place.reader(number), SHARED, ANY)[1] for number in (0, 0, 1)]
    assert len(set(handles)) == 3
    names = [place.library.SCardStatus(handle)[1] for handle in handles]
    assert names == [place.reader(0), place.reader(0), place.reader(1)]


def test_releasing_a_context_closes_its_cards(place: Place, clients: Clients) -> None:
    card = clients.card()
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    assert card.code() == INVALID_HANDLE
    assert card.transmit(READ_4)[0] == INVALID_HANDLE
    assert card.disconnect() == INVALID_HANDLE


def test_releasing_a_context_does_not_reset_shared_cards(place: Place, clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    assert other.code() == SUCCESS


def test_releasing_the_context_of_an_open_transaction_ends_it_and_resets_the_card(
    place: Place, clients: Clients
) -> None:
    card, other = clients.card(), clients.card()
    assert card.begin() == SUCCESS
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    assert other.code() == RESET_CARD
    assert other.reconnect()[0] == SUCCESS
    assert other.begin() == SUCCESS


def test_releasing_the_context_of_an_exclusive_card_lets_others_connect(place: Place, clients: Clients) -> None:
    card = clients.card(share=1)
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    assert clients.connect() == SUCCESS


def test_a_disconnected_card_is_not_affected_by_the_release(place: Place, clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.disconnect() == SUCCESS
    assert place.library.SCardReleaseContext(card.context) == SUCCESS
    assert other.code() == SUCCESS
    assert clients.card(share=SHARED).code() == SUCCESS


# Lists


def test_the_readers_of_the_place_are_listed(place: Place, clients: Clients) -> None:
    code, names = place.library.SCardListReaders(clients.context())
    assert code == SUCCESS
    assert set(names) >= {place.reader(number) for number in READERS}
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("group", ["SCard$DefaultReaders", "SCard$AllReaders", "no such group", ""])
def test_the_group_asked_for_makes_no_difference(place: Place, clients: Clients, group: str) -> None:
    context = clients.context()
    assert place.library.SCardListReaders(context, group) == place.library.SCardListReaders(context)


def test_there_is_one_group_of_readers(place: Place, clients: Clients) -> None:
    assert place.library.SCardListReaderGroups(clients.context()) == (SUCCESS, ["SCard$DefaultReaders"])


class Lister:
    """SCardListReaders or SCardListReaderGroups on a context, with buffers of any kind."""

    def __init__(self, place: Place, context: int, function: str) -> None:
        self._native = place.library.native
        self._context = context
        self._readers = function == "SCardListReaders"

    def call(self, buffer: Any, length: Any) -> int:
        """Call the function once."""
        if self._readers:
            return lib.pcsc_SCardListReaders(self._native, self._context, ffi.NULL, buffer, length)
        return lib.pcsc_SCardListReaderGroups(self._native, self._context, buffer, length)

    def length(self) -> int:
        """Return the length of the list."""
        length = ffi.new("DWORD *")
        assert self.call(ffi.NULL, length) == SUCCESS
        return int(length[0])


@pytest.fixture(params=["SCardListReaders", "SCardListReaderGroups"])
def lister(request: pytest.FixtureRequest, place: Place, clients: Clients) -> Lister:
    return Lister(place, clients.context(), request.param)


def test_a_list_without_a_buffer_returns_its_length(lister: Lister) -> None:
    needed = lister.length()
    buffer, length = ffi.new("char[]", needed), ffi.new("DWORD *", needed)
    assert lister.call(buffer, length) == SUCCESS
    assert length[0] == needed
    assert bytes(ffi.buffer(buffer)).endswith(b"\0\0")
    assert b"\0\0" not in bytes(ffi.buffer(buffer))[:-2]


def test_a_list_in_a_larger_buffer_does_not_change_the_rest(lister: Lister) -> None:
    needed = lister.length()
    buffer, length = ffi.new("char[]", b"\xee" * (needed + 8)), ffi.new("DWORD *", needed + 8)
    assert lister.call(buffer, length) == SUCCESS
    assert length[0] == needed
    assert bytes(ffi.buffer(buffer))[needed : needed + 8] == b"\xee" * 8


@pytest.mark.parametrize("short_by", [1, 3, 1000])
def test_a_list_that_does_not_fit_returns_its_length(lister: Lister, short_by: int) -> None:
    needed = lister.length()
    buffer, length = ffi.new("char[]", b"\xee" * needed), ffi.new("DWORD *", max(needed - short_by, 0))
    assert lister.call(buffer, length) == INSUFFICIENT_BUFFER
    assert length[0] == needed
    assert bytes(ffi.buffer(buffer)) == b"\xee" * needed + b"\0"


def test_a_list_is_allocated_by_the_library_on_request(place: Place, lister: Lister, clients: Clients) -> None:
    needed = lister.length()
    holder, length = ffi.new("char **"), ffi.new("DWORD *", AUTOALLOCATE)
    assert lister.call(ffi.cast("char *", holder), length) == SUCCESS
    assert length[0] == needed
    assert bytes(ffi.buffer(holder[0], needed)).endswith(b"\0\0")
    assert place.library.SCardFreeMemory(clients.context(), int(ffi.cast("uintptr_t", holder[0]))) == SUCCESS


def test_a_list_is_not_allocated_without_a_pointer_to_receive_it(lister: Lister) -> None:
    assert lister.call(ffi.NULL, ffi.new("DWORD *", AUTOALLOCATE)) == INVALID_PARAMETER


def test_a_list_of_readers_needs_a_pointer_to_the_length(place: Place, clients: Clients) -> None:
    code = lib.pcsc_SCardListReaders(place.library.native, clients.context(), ffi.NULL, ffi.NULL, ffi.NULL)
    assert code == INVALID_PARAMETER


def test_freeing_nothing_is_a_success(place: Place, clients: Clients) -> None:
    assert place.library.SCardFreeMemory(clients.context(), 0) == SUCCESS


def test_a_cancel_without_a_wait_succeeds_and_cancels_no_later_wait(place: Place, clients: Clients) -> None:
    context = clients.context()
    assert place.library.SCardCancel(context) == SUCCESS
    assert place.library.SCardGetStatusChange(context, 0, [(place.reader(0), 0)])[0] == SUCCESS
