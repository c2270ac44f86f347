"""SCardStatus: the state of the card, and buffers of every kind for its name and ATR."""

from typing import Any

import pytest

from scardffi import ffi, lib

from .clients import Clients
from .codes import (
    ATR_T0,
    CONNECTED,
    EVENTS,
    EXCLUSIVE,
    INSUFFICIENT_BUFFER,
    INVALID_PARAMETER,
    NAME_END,
    SUCCESS,
    T0,
    T1,
)
from .places import Place

AUTOALLOCATE = int(ffi.cast("DWORD", -1))
NOTHING = ffi.NULL


class Status:
    """A call of SCardStatus with pointers that the case chooses."""

    def __init__(self, place: Place, handle: int) -> None:
        self._native = place.library.native
        self._handle = handle
        self.name_length = ffi.new("DWORD *", 128)
        self.atr_length = ffi.new("DWORD *", 33)

    def ask(
        self, name: Any = NOTHING, name_length: Any = NOTHING, atr: Any = NOTHING, atr_length: Any = NOTHING
    ) -> int:
        """Call SCardStatus once."""
        return lib.pcsc_SCardStatus(self._native, self._handle, name, name_length, NOTHING, NOTHING, atr, atr_length)


@pytest.fixture
def status(place: Place, clients: Clients) -> Status:
    place.remove(0)
    place.insert(0, ATR_T0)
    return Status(place, clients.card().handle)


def test_the_status_has_name_state_protocol_and_atr(place: Place, clients: Clients) -> None:
    place.remove(0)
    place.insert(0, ATR_T0)
    code, name, state, protocol, atr = clients.card().status()
    assert (code, name, protocol, atr) == (SUCCESS, place.reader(0), T0, ATR_T0)
    assert state & 0xFFFF == CONNECTED


def test_the_status_is_the_same_for_exclusive_connections(place: Place, clients: Clients) -> None:
    code, name, state, protocol, atr = clients.card(share=EXCLUSIVE).status()
    assert (code, name, protocol) == (SUCCESS, place.reader(0), T1)
    assert state & 0xFFFF == CONNECTED
    assert atr[0] == 0x3B


def test_the_upper_half_of_the_state_counts_insertions_and_removals(place: Place, clients: Clients) -> None:
    card = clients.card(1, share=3, protocols=0)
    before = card.status()[2] >> EVENTS
    place.remove(1)
    assert clients.card(1, share=3, protocols=0).status()[2] >> EVENTS == before + 1
    place.insert(1)
    assert clients.card(1, share=3, protocols=0).status()[2] >> EVENTS == before + 2


def test_all_pointers_may_be_null(status: Status) -> None:
    assert status.ask() == SUCCESS


def test_without_buffers_only_the_lengths_are_returned(place: Place, status: Status) -> None:
    assert status.ask(name_length=status.name_length, atr_length=status.atr_length) == SUCCESS
    assert status.name_length[0] == len(place.reader(0).encode() + NAME_END)
    assert status.atr_length[0] == len(ATR_T0)


def test_buffers_of_the_right_length_are_filled(place: Place, status: Status) -> None:
    needed = len(place.reader(0).encode() + NAME_END)
    name, status.name_length[0] = ffi.new("char[]", needed), needed
    atr, status.atr_length[0] = ffi.new("unsigned char[]", len(ATR_T0)), len(ATR_T0)
    assert status.ask(name, status.name_length, atr, status.atr_length) == SUCCESS
    assert bytes(ffi.buffer(name)) == place.reader(0).encode() + NAME_END
    assert bytes(ffi.buffer(atr)) == ATR_T0


@pytest.mark.parametrize("room", [0, 1, 5])
def test_a_name_that_does_not_fit_is_cut(place: Place, status: Status, room: int) -> None:
    whole = place.reader(0).encode()
    name, status.name_length[0] = ffi.new("char[]", b"\xee" * 8), room
    assert status.ask(name, status.name_length) == INSUFFICIENT_BUFFER
    assert status.name_length[0] == len(whole + NAME_END)
    assert bytes(ffi.buffer(name))[:8] == whole[:room] + b"\xee" * (8 - room)


@pytest.mark.parametrize("room", [0, 1, 3])
def test_an_atr_that_does_not_fit_is_cut(status: Status, room: int) -> None:
    atr, status.atr_length[0] = ffi.new("unsigned char[]", b"\xee" * 8), room
    assert status.ask(atr=atr, atr_length=status.atr_length) == INSUFFICIENT_BUFFER
    assert status.atr_length[0] == len(ATR_T0)
    assert bytes(ffi.buffer(atr))[:8] == ATR_T0[:room] + b"\xee" * (8 - room)


def test_a_short_buffer_for_the_name_does_not_affect_the_atr(place: Place, status: Status) -> None:
    name, status.name_length[0] = ffi.new("char[]", 1), 1
    atr = ffi.new("unsigned char[]", 33)
    assert status.ask(name, status.name_length, atr, status.atr_length) == INSUFFICIENT_BUFFER
    assert status.name_length[0] == len(place.reader(0).encode() + NAME_END)
    assert bytes(ffi.buffer(atr))[: status.atr_length[0]] == ATR_T0


def test_buffers_without_a_length_have_no_room(status: Status) -> None:
    name, atr = ffi.new("char[]", b"\xee" * 8), ffi.new("unsigned char[]", b"\xee" * 8)
    assert status.ask(name=name) == INSUFFICIENT_BUFFER
    assert status.ask(atr=atr) == INSUFFICIENT_BUFFER
    assert bytes(ffi.buffer(name))[:8] + bytes(ffi.buffer(atr))[:8] == b"\xee" * 16


def test_the_name_is_allocated_by_the_library_on_request(place: Place, status: Status, clients: Clients) -> None:
    holder = ffi.new("char **")
    status.name_length[0] = AUTOALLOCATE
    assert status.ask(ffi.cast("char *", holder), status.name_length) == SUCCESS
    assert status.name_length[0] == len(place.reader(0).encode() + NAME_END)
    assert ffi.string(holder[0]) == place.reader(0).encode()
    assert place.library.SCardFreeMemory(clients.context(), int(ffi.cast("uintptr_t", holder[0]))) == SUCCESS


def test_the_atr_is_allocated_by_the_library_on_request(place: Place, status: Status, clients: Clients) -> None:
    holder = ffi.new("unsigned char **")
    status.atr_length[0] = AUTOALLOCATE
    assert status.ask(atr=ffi.cast("unsigned char *", holder), atr_length=status.atr_length) == SUCCESS
    assert bytes(ffi.buffer(holder[0], status.atr_length[0])) == ATR_T0
    assert place.library.SCardFreeMemory(clients.context(), int(ffi.cast("uintptr_t", holder[0]))) == SUCCESS


@pytest.mark.parametrize("which", ["name", "atr"])
def test_nothing_is_allocated_without_a_pointer_to_receive_it(status: Status, which: str) -> None:
    length = ffi.new("DWORD *", AUTOALLOCATE)
    assert (status.ask(name_length=length) if which == "name" else status.ask(atr_length=length)) == INVALID_PARAMETER
