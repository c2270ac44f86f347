"""SCardGetAttrib, SCardSetAttrib and SCardControl: the reader's attributes and control codes."""

import sys
from typing import Any

import pytest

from scardffi import control_code, ffi, lib

from .clients import Call, Clients
from .codes import (
    ATR_T0,
    ATR_T1,
    DIRECT,
    ECHO,
    EXCLUSIVE,
    FEATURES,
    INSUFFICIENT_BUFFER,
    INVALID_HANDLE,
    INVALID_PARAMETER,
    NO_SUCH_ATTRIBUTE,
    NOT_TRANSACTED,
    SHARED,
    SUCCESS,
    UNSUPPORTED_FEATURE,
)
from .places import Place

VENDOR_NAME = 0x00010100
VENDOR_IFD_VERSION = 0x00010102
CURRENT_PROTOCOL_TYPE = 0x00080201
ICC_PRESENCE = 0x00090300
ATR_STRING = 0x00090303
FRIENDLY_NAME = 0x7FFF0003
SYSTEM_NAME = 0x7FFF0004
IFS_REQUEST = 0x7FFF0007
AUTOALLOCATE = int(ffi.cast("DWORD", -1))
TWO_FEATURES = b"\x0a\4" + control_code(3009).to_bytes(4, "big") + b"\x12\4" + control_code(3010).to_bytes(4, "big")


# Attributes


def test_the_vendor_name_is_an_attribute(clients: Clients) -> None:
    code, name = clients.card().attribute(VENDOR_NAME)
    assert code == SUCCESS
    assert name.startswith(b"scardffi")


@pytest.mark.parametrize("attribute", [FRIENDLY_NAME, SYSTEM_NAME])
def test_the_readers_name_is_an_attribute(place: Place, clients: Clients, attribute: int) -> None:
    assert clients.card(2).attribute(attribute) == (SUCCESS, place.reader(2).encode() + b"\0")


def test_the_atr_is_an_attribute(place: Place, clients: Clients) -> None:
    place.remove(0)
    place.insert(0, ATR_T0)
    assert clients.card().attribute(ATR_STRING) == (SUCCESS, ATR_T0)


def test_the_presence_of_a_card_is_an_attribute(place: Place, clients: Clients) -> None:
    assert clients.card(share=DIRECT, protocols=0).attribute(ICC_PRESENCE) == (SUCCESS, b"\x02")
    place.remove(0)
    assert clients.card(share=DIRECT, protocols=0).attribute(ICC_PRESENCE) == (SUCCESS, b"\x00")
    assert clients.card(share=DIRECT, protocols=0).attribute(ATR_STRING) == (SUCCESS, b"")


@pytest.mark.parametrize(("atr", "protocol"), [(ATR_T0, 1), (ATR_T1, 2)])
def test_the_protocol_is_an_attribute(place: Place, clients: Clients, atr: bytes, protocol: int) -> None:
    place.remove(0)
    place.insert(0, atr)
    direct = clients.card(share=DIRECT, protocols=0)
    assert direct.attribute(CURRENT_PROTOCOL_TYPE) == (SUCCESS, bytes(4))
    clients.card()
    assert direct.attribute(CURRENT_PROTOCOL_TYPE) == (SUCCESS, protocol.to_bytes(4, sys.byteorder))


@pytest.mark.parametrize("attribute", [0, VENDOR_IFD_VERSION, 0x00020110, 0x7FFF1234, 0xFFFFFFFF])
def test_an_attribute_that_the_reader_does_not_have_is_not_supported(clients: Clients, attribute: int) -> None:
    card = clients.card()
    assert card.attribute(attribute) == (NO_SUCH_ATTRIBUTE, b"")
    assert card.set_attribute(attribute, b"\0\0\0\0") == NO_SUCH_ATTRIBUTE


@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED, DIRECT])
@pytest.mark.parametrize("value", [b"\x01\x02\x03\x04", b"\x08\x07\x06\x05\x04\x03\x02\x01"])
def test_an_attribute_that_was_set_is_read_back(clients: Clients, share: int, value: bytes) -> None:
    card = clients.card(share=share)
    assert card.set_attribute(IFS_REQUEST, value) == SUCCESS
    assert card.attribute(IFS_REQUEST) == (SUCCESS, value)
    assert card.set_attribute(IFS_REQUEST, bytes(4)) == SUCCESS


def test_another_connection_reads_an_attribute_that_was_set(clients: Clients) -> None:
    card, other = clients.card(), clients.card()
    assert card.set_attribute(IFS_REQUEST, b"\x01\0\0\0") == SUCCESS
    assert other.attribute(IFS_REQUEST) == (SUCCESS, b"\x01\0\0\0")
    assert clients.card(1).attribute(IFS_REQUEST)[1].strip(b"\0") == b""
    assert card.set_attribute(IFS_REQUEST, bytes(4)) == SUCCESS


@pytest.mark.parametrize("length", [1, 3, 5, 264])
def test_a_value_of_a_wrong_length_fails(clients: Clients, length: int) -> None:
    assert clients.card().set_attribute(IFS_REQUEST, bytes(length)) == NOT_TRANSACTED


def test_a_value_longer_than_any_attribute_does_not_fit(clients: Clients) -> None:
    assert clients.card().set_attribute(IFS_REQUEST, bytes(265)) == INSUFFICIENT_BUFFER


@pytest.mark.parametrize("attribute", [VENDOR_NAME, ATR_STRING, FRIENDLY_NAME, ICC_PRESENCE])
def test_attributes_that_describe_the_reader_cannot_be_set(clients: Clients, attribute: int) -> None:
    assert clients.card().set_attribute(attribute, bytes(4)) == NO_SUCH_ATTRIBUTE


class Getter:
    """SCardGetAttrib of the ATR, with buffers of any kind."""

    def __init__(self, place: Place, handle: int) -> None:
        self._native = place.library.native
        self._handle = handle

    def call(self, value: Any, length: Any) -> int:
        """Call SCardGetAttrib once."""
        return lib.pcsc_SCardGetAttrib(self._native, self._handle, ATR_STRING, value, length)


@pytest.fixture
def getter(place: Place, clients: Clients) -> Getter:
    place.remove(0)
    place.insert(0, ATR_T0)
    return Getter(place, clients.card().handle)


@pytest.mark.parametrize("given", [0, 3, 1000])
def test_without_a_buffer_only_the_length_is_returned(getter: Getter, given: int) -> None:
    length = ffi.new("DWORD *", given)
    assert getter.call(ffi.NULL, length) == SUCCESS
    assert length[0] == len(ATR_T0)


def test_an_attribute_fits_a_buffer_of_its_length(getter: Getter) -> None:
    value, length = ffi.new("unsigned char[]", len(ATR_T0)), ffi.new("DWORD *", len(ATR_T0))
    assert getter.call(value, length) == SUCCESS
    assert bytes(ffi.buffer(value)) == ATR_T0


@pytest.mark.parametrize("room", [0, 1, 3])
def test_an_attribute_that_does_not_fit_is_cut(getter: Getter, room: int) -> None:
    value, length = ffi.new("unsigned char[]", b"\xee" * 8), ffi.new("DWORD *", room)
    assert getter.call(value, length) == INSUFFICIENT_BUFFER
    assert length[0] == len(ATR_T0)
    assert bytes(ffi.buffer(value))[:8] == ATR_T0[:room] + b"\xee" * (8 - room)


def test_a_buffer_longer_than_any_attribute_is_refused(getter: Getter) -> None:
    value = ffi.new("unsigned char[]", 265)
    assert getter.call(value, ffi.new("DWORD *", 264)) == SUCCESS
    length = ffi.new("DWORD *", 265)
    assert getter.call(value, length) == INSUFFICIENT_BUFFER
    assert length[0] == 265


def test_an_attribute_is_allocated_by_the_library_on_request(place: Place, getter: Getter, clients: Clients) -> None:
    holder, length = ffi.new("unsigned char **"), ffi.new("DWORD *", AUTOALLOCATE)
    assert getter.call(ffi.cast("unsigned char *", holder), length) == SUCCESS
    assert bytes(ffi.buffer(holder[0], length[0])) == ATR_T0
    assert place.library.SCardFreeMemory(clients.context(), int(ffi.cast("uintptr_t", holder[0]))) == SUCCESS


def test_an_attribute_is_not_allocated_without_a_pointer_to_receive_it(getter: Getter) -> None:
    assert getter.call(ffi.NULL, ffi.new("DWORD *", AUTOALLOCATE)) == INVALID_PARAMETER


def test_an_attribute_needs_a_pointer_to_the_length(getter: Getter) -> None:
    assert getter.call(ffi.new("unsigned char[]", 33), ffi.NULL) == INVALID_PARAMETER
    assert getter.call(ffi.NULL, ffi.NULL) == INVALID_PARAMETER


@pytest.mark.parametrize("handle", ["a card", "12345"])
def test_setting_an_attribute_needs_a_value(place: Place, clients: Clients, handle: str) -> None:
    number = clients.card().handle if handle == "a card" else 12345
    native = place.library.native
    assert lib.pcsc_SCardSetAttrib(native, number, IFS_REQUEST, ffi.NULL, 4) == INVALID_PARAMETER
    assert lib.pcsc_SCardSetAttrib(native, number, IFS_REQUEST, b"\0\0\0\0", 0) == INVALID_PARAMETER


# Control


@pytest.mark.parametrize("share", [EXCLUSIVE, SHARED, DIRECT])
@pytest.mark.parametrize("length", [0, 1, 5, 264, 65536])
def test_the_echo_command_returns_what_was_sent(clients: Clients, share: int, length: int) -> None:
    sent = bytes(i & 0xFF for i in range(length))
    assert clients.card(share=share).control(ECHO, sent, room=65536) == (SUCCESS, sent)


def test_the_reader_lists_its_features(clients: Clients) -> None:
    assert clients.card().control(FEATURES) == (SUCCESS, TWO_FEATURES)


def test_each_feature_is_answered_under_its_code(clients: Clients) -> None:
    card = clients.card(share=DIRECT, protocols=0)
    code, features = card.control(FEATURES)
    assert code == SUCCESS
    codes = {features[at]: int.from_bytes(features[at + 2 : at + 6], "big") for at in range(0, len(features), 6)}
    assert card.control(codes[10]) == (SUCCESS, bytes.fromhex("00000700"))
    assert card.control(codes[18]) == (SUCCESS, bytes.fromhex("0A0400000100"))


@pytest.mark.parametrize("code", [0, 1, control_code(999), control_code(1), 0xFFFFFFFF])
def test_a_control_code_that_the_reader_does_not_know_is_not_supported(clients: Clients, code: int) -> None:
    assert clients.card().control(code, b"\1\2") == (UNSUPPORTED_FEATURE, b"")


@pytest.mark.parametrize("room", [0, 1, 11])
def test_an_answer_of_the_reader_that_does_not_fit_is_refused(place: Place, clients: Clients, room: int) -> None:
    response = bytearray(b"\xee" * 16)
    with memoryview(response)[:room] as part:
        answer = place.library.SCardControl(clients.card().handle, FEATURES, b"", part)
    assert answer == (INSUFFICIENT_BUFFER, 12)
    assert response == b"\xee" * 16


def test_a_command_that_is_too_long_is_not_sent_to_the_reader(clients: Clients) -> None:
    assert clients.card().control(ECHO, bytes(65549)) == (INSUFFICIENT_BUFFER, b"")


def test_control_works_without_a_command_and_without_a_pointer_to_the_length(place: Place, clients: Clients) -> None:
    response = ffi.new("unsigned char[]", 12)
    native = place.library.native
    code = lib.pcsc_SCardControl(native, clients.card().handle, FEATURES, ffi.NULL, 0, response, 12, ffi.NULL)
    assert code == SUCCESS
    assert bytes(ffi.buffer(response)) == TWO_FEATURES
    assert lib.pcsc_SCardControl(native, 12345, FEATURES, ffi.NULL, 0, response, 12, ffi.NULL) == INVALID_HANDLE


def test_control_without_a_buffer_returns_insufficient_buffer(place: Place, clients: Clients) -> None:
    length = ffi.new("DWORD *", 77)
    native = place.library.native
    code = lib.pcsc_SCardControl(native, clients.card().handle, FEATURES, ffi.NULL, 0, ffi.NULL, 0, length)
    assert (code, length[0]) == (INSUFFICIENT_BUFFER, 12)


def test_readers_are_controlled_at_the_same_time(clients: Clients) -> None:
    cards = [clients.card(number) for number in (0, 1, 2, 3)]
    calls = [Call(card.control, ECHO, bytes([number] * 100)) for number, card in enumerate(cards)]
    assert [call.answer() for call in calls] == [(SUCCESS, bytes([number] * 100)) for number in range(4)]
