"""SCardTransmit: commands and responses of every length, protocol headers, and failures."""

import time
from collections.abc import Callable

import pytest
from support.commands import ANSWER_4, OK, READ_4

from scardffi import ffi, lib

from .clients import LARGEST_ANSWER, Call, Card, Clients, held_command, unless_late
from .codes import (
    DIRECT,
    FEATURES,
    INSUFFICIENT_BUFFER,
    INVALID_PARAMETER,
    NO_SMARTCARD,
    NOT_TRANSACTED,
    PROTO_MISMATCH,
    RAW,
    REMOVED_CARD,
    SUCCESS,
    T0,
    T1,
)
from .places import READERS, HoldingCard, Place


def pattern(length: int, offset: int = 0) -> bytes:
    return bytes((i ^ i >> 8) & 0xFF for i in range(offset, offset + length))


def commands_seen(card: Card) -> int:
    code, answer = card.transmit("801A0000")
    assert code == SUCCESS
    return int.from_bytes(answer[:4], "big")


# Answers


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00B0000004", "000102039000"),
        ("00B0123404", "2627242590 00"),
        ("00A4000C023F00", "9000"),
        ("00A4000C022F00", "6A82"),
        ("80180000030A0B0C", "0A0B0C9000"),
        ("80180000030A0B0C00", "0A0B0C9000"),
        ("00120000", "6D00"),
        ("80120001", "009000"),
        ("80FF0000", "6D00"),
        ("40B0000004", "6E00"),
        ("C0B0000004", "6E00"),
        ("00B000000501", "6700"),
        ("00A4000C033F00", "6700"),
        ("00A4000C0000023F", "6700"),
    ],
)
def test_the_answering_card_answers_as_documented(clients: Clients, command: str, answer: str) -> None:
    assert clients.card().transmit(command) == (SUCCESS, bytes.fromhex(answer))


@pytest.mark.parametrize("length", [1, 2, 255, 256, 257, 4096, 32767, 65535])
def test_an_answer_may_have_any_length(clients: Clients, length: int) -> None:
    assert clients.card().transmit(f"8012{length:04X}") == (SUCCESS, pattern(length) + OK)


def test_the_longest_answer_is_transmitted(clients: Clients) -> None:
    assert clients.card().transmit("80120000") == (SUCCESS, pattern(65536) + OK)


@pytest.mark.parametrize(("le", "length"), [("00", 256), ("01", 1), ("FF", 255)])
def test_a_short_le_gives_the_length_of_the_answer(clients: Clients, le: str, length: int) -> None:
    assert clients.card().transmit(f"00B00000{le}") == (SUCCESS, pattern(length) + OK)


@pytest.mark.parametrize(("le", "length"), [("000000", 65536), ("000100", 256), ("000101", 257), ("00FFFF", 65535)])
def test_an_extended_le_gives_the_length_of_the_answer(clients: Clients, le: str, length: int) -> None:
    assert clients.card().transmit(f"00B00000{le}") == (SUCCESS, pattern(length) + OK)


@pytest.mark.parametrize("length", [1, 255, 256, 65535])
def test_extended_data_is_returned(clients: Clients, length: int) -> None:
    data = pattern(length, 7)
    command = bytes.fromhex("8018000000") + length.to_bytes(2, "big") + data
    assert clients.card().transmit(command) == (SUCCESS, data + OK)


def test_the_longest_command_is_transmitted(clients: Clients) -> None:
    data = pattern(65535)
    command = bytes.fromhex("8018000000FFFF") + data + b"\0\0"
    assert len(command) == 65544
    assert clients.card().transmit(command) == (SUCCESS, data + OK)


def test_a_command_of_65548_bytes_still_reaches_the_card(clients: Clients) -> None:
    card = clients.card()
    seen = commands_seen(card)
    assert card.transmit(bytes(65548)) == (SUCCESS, b"\x67\x00")
    assert commands_seen(card) == seen + 2


def test_a_longer_command_is_not_sent(place: Place, clients: Clients) -> None:
    card = clients.card()
    seen = commands_seen(card)
    response = bytearray(258)
    answer = place.library.SCardTransmit(card.handle, T1, bytes(65549), response)
    assert answer == (INSUFFICIENT_BUFFER, 258)
    assert response == bytes(258)
    assert commands_seen(card) == seen + 1


@pytest.mark.parametrize("length", [0, 1, 2, 3])
def test_a_command_of_fewer_than_four_bytes_fails(clients: Clients, length: int) -> None:
    card = clients.card()
    assert card.transmit(bytes(length)) == (NOT_TRANSACTED, b"")
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)


def test_each_challenge_is_different(clients: Clients) -> None:
    card = clients.card()
    challenges = {card.transmit("0084000010")[1] for _ in range(8)}
    assert len(challenges) == 8
    assert all(len(challenge) == 18 and challenge.endswith(OK) for challenge in challenges)


# Buffers


@pytest.mark.parametrize("room", [0, 1, 2, 17])
def test_a_command_whose_answer_does_not_fit_was_executed(place: Place, clients: Clients, room: int) -> None:
    card = clients.card()
    seen = commands_seen(card)
    response = bytearray(b"\xee" * 32)
    with memoryview(response)[:room] as part:
        answer = place.library.SCardTransmit(card.handle, T1, bytes.fromhex("00B0000010"), part)
    assert answer == (INSUFFICIENT_BUFFER, 18)
    assert response[room:] == b"\xee" * (32 - room)
    assert commands_seen(card) == seen + 2


def test_an_answer_fits_a_buffer_of_its_length(clients: Clients) -> None:
    assert clients.card().transmit("00B0000010", room=18) == (SUCCESS, pattern(16) + OK)


def test_the_rest_of_a_larger_buffer_is_not_changed(place: Place, clients: Clients) -> None:
    response = bytearray(b"\xee" * 32)
    answer = place.library.SCardTransmit(clients.card().handle, T1, READ_4, response)
    assert answer == (SUCCESS, 6)
    assert response == ANSWER_4 + b"\xee" * 26


@pytest.mark.parametrize("missing", ["header", "command", "response", "length"])
def test_transmit_needs_all_its_pointers(place: Place, clients: Clients, missing: str) -> None:
    card = clients.card()
    header = ffi.NULL if missing == "header" else ffi.new("SCARD_IO_REQUEST *", (T1, ffi.sizeof("SCARD_IO_REQUEST")))
    command = ffi.NULL if missing == "command" else READ_4
    response = ffi.NULL if missing == "response" else ffi.new("unsigned char[]", 6)
    length = ffi.NULL if missing == "length" else ffi.new("DWORD *", 6)
    native = place.library.native
    assert lib.pcsc_SCardTransmit(native, card.handle, header, command, 5, ffi.NULL, response, length) == (
        INVALID_PARAMETER
    )
    assert lib.pcsc_SCardTransmit(native, 12345, header, command, 5, ffi.NULL, response, length) == INVALID_PARAMETER


# Protocol headers


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [(T1, SUCCESS), (T0, PROTO_MISMATCH), (RAW, SUCCESS), (0x1000, SUCCESS), (0, PROTO_MISMATCH), (8, PROTO_MISMATCH)],
)
def test_the_header_names_the_protocol_of_the_card(clients: Clients, protocol: int, expected: int) -> None:
    card = clients.card()
    seen = commands_seen(card)
    assert card.transmit(READ_4, protocol) == (expected, ANSWER_4 if expected == SUCCESS else b"")
    assert commands_seen(card) == seen + (2 if expected == SUCCESS else 1)


def test_the_length_in_the_header_makes_no_difference(place: Place, clients: Clients) -> None:
    card = clients.card()
    for length in (0, 8, 16, 1000):
        header = ffi.new("SCARD_IO_REQUEST *", (T1, length))
        response, room = ffi.new("unsigned char[]", 6), ffi.new("DWORD *", 6)
        code = lib.pcsc_SCardTransmit(place.library.native, card.handle, header, READ_4, 5, ffi.NULL, response, room)
        assert (code, bytes(ffi.buffer(response))) == (SUCCESS, ANSWER_4)


def test_a_header_for_the_answer_may_be_given(place: Place, clients: Clients) -> None:
    card = clients.card()
    size = ffi.sizeof("SCARD_IO_REQUEST")
    header, received = (ffi.new("SCARD_IO_REQUEST *", (T1, size)) for _ in range(2))
    response, room = ffi.new("unsigned char[]", 6), ffi.new("DWORD *", 6)
    code = lib.pcsc_SCardTransmit(place.library.native, card.handle, header, READ_4, 5, received, response, room)
    assert (code, room[0], bytes(ffi.buffer(response))) == (SUCCESS, 6, ANSWER_4)
    assert bytes(ffi.buffer(received))[size // 2 :] == bytes(ffi.buffer(header))[size // 2 :]


# 61xx, 6Cxx and chains


def test_a_prepared_answer_is_fetched_at_once(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("801C0010") == (SUCCESS, b"\x61\x10")
    assert card.transmit("00C0000010") == (SUCCESS, pattern(16) + OK)
    assert card.transmit("00C0000010") == (SUCCESS, b"\x69\x85")


def test_a_prepared_answer_is_fetched_in_parts(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("801C0258") == (SUCCESS, b"\x61\x00")
    assert card.transmit("00C0000000") == (SUCCESS, pattern(256) + b"\x61\x00")
    assert card.transmit("00C0000064") == (SUCCESS, pattern(100, 256) + b"\x61\xf4")
    assert card.transmit("00C00000F4") == (SUCCESS, pattern(244, 356) + OK)


def test_the_largest_answer_is_prepared(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("801C0000") == (SUCCESS, b"\x61\x00")
    assert card.transmit("00C00000000000") == (SUCCESS, pattern(65536) + OK)


def test_more_than_was_prepared_is_not_fetched(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("801C0010") == (SUCCESS, b"\x61\x10")
    assert card.transmit("00C0000011") == (SUCCESS, b"\x6c\x10")
    assert card.transmit("00C0000000") == (SUCCESS, b"\x6c\x10")
    assert card.transmit("00C0000010") == (SUCCESS, pattern(16) + OK)


@pytest.mark.parametrize("command", [READ_4, "801A0000", "00120000", "00B000000501"])
def test_any_other_command_discards_the_prepared_answer(clients: Clients, command: str) -> None:
    card = clients.card()
    assert card.transmit("801C0010") == (SUCCESS, b"\x61\x10")
    card.transmit(command)
    assert card.transmit("00C0000010") == (SUCCESS, b"\x69\x85")


def test_without_a_prepared_answer_get_response_fails(clients: Clients) -> None:
    assert clients.card().transmit("00C0000010") == (SUCCESS, b"\x69\x85")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("801E000400", b"\x6c\x04"),
        ("801E000403", b"\x6c\x04"),
        ("801E0004", b"\x6c\x04"),
        ("801E000404", pattern(4) + OK),
        ("801E000001", b"\x6c\x00"),
        ("801E000000", pattern(256) + OK),
    ],
)
def test_a_wrong_le_is_answered_with_the_right_one(clients: Clients, command: str, answer: bytes) -> None:
    assert clients.card().transmit(command) == (SUCCESS, answer)


def test_a_chain_of_commands_is_one(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("901800000201 02") == (SUCCESS, OK)
    assert card.transmit("901800000103") == (SUCCESS, OK)
    assert card.transmit("801800000204 05") == (SUCCESS, bytes.fromhex("01020304059000"))
    assert card.transmit("801800000106") == (SUCCESS, bytes.fromhex("069000"))


def test_a_chain_may_end_without_data(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("90180000020102") == (SUCCESS, OK)
    assert card.transmit("8018000000") == (SUCCESS, bytes.fromhex("01029000"))


@pytest.mark.parametrize("between", [READ_4, "80180100010F", "901900000109", "00B000000501"])
def test_another_command_in_between_discards_the_chain(clients: Clients, between: str) -> None:
    card = clients.card()
    assert card.transmit("90180000020102") == (SUCCESS, OK)
    card.transmit(between)
    assert card.transmit("801800000103") == (SUCCESS, bytes.fromhex("039000"))


def test_a_chain_may_be_as_long_as_the_longest_command(clients: Clients) -> None:
    card = clients.card()
    for _ in range(257):
        assert card.transmit(bytes.fromhex("90180000FF") + bytes(255)) == (SUCCESS, OK)
    assert card.transmit("8018000000") == (SUCCESS, bytes(65535) + OK)


def test_a_chain_that_is_too_long_is_discarded(clients: Clients) -> None:
    card = clients.card()
    for _ in range(257):
        assert card.transmit(bytes.fromhex("90180000FF") + bytes(255)) == (SUCCESS, OK)
    assert card.transmit("901800000101") == (SUCCESS, b"\x67\x00")
    assert card.transmit("801800000102") == (SUCCESS, bytes.fromhex("029000"))


def test_a_link_of_a_chain_needs_data(clients: Clients) -> None:
    assert clients.card().transmit("90180000") == (SUCCESS, b"\x67\x00")


def test_a_reset_discards_the_prepared_answer_and_the_chain(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("801C0010") == (SUCCESS, b"\x61\x10")
    assert card.reconnect(initialization=1)[0] == SUCCESS
    assert card.transmit("00C0000010") == (SUCCESS, b"\x69\x85")
    assert card.transmit("90180000020102") == (SUCCESS, OK)
    assert card.reconnect(initialization=1)[0] == SUCCESS
    assert card.transmit("801800000103") == (SUCCESS, bytes.fromhex("039000"))


# Failures


def test_after_a_failed_exchange_the_card_still_works(clients: Clients) -> None:
    card = clients.card()
    assert card.transmit("80160000") == (NOT_TRANSACTED, b"")
    assert card.code() == SUCCESS
    assert card.transmit(READ_4) == (SUCCESS, ANSWER_4)


def test_a_failed_exchange_returns_no_bytes(place: Place, clients: Clients) -> None:
    response = bytearray(b"\xee" * 8)
    card = clients.card()
    answer = place.library.SCardTransmit(card.handle, T1, bytes.fromhex("80160000"), response)
    assert answer == (NOT_TRANSACTED, 0)
    assert response == b"\xee" * 8


def test_a_removal_during_a_command_returns_no_smartcard(place: Place, clients: Clients) -> None:
    card = clients.card()

    def remove() -> tuple[int, bytes]:
        call = Call(card.transmit, "80104E20")  # twenty seconds
        assert call.waits()
        place.remove(0)
        answer: tuple[int, bytes] = call.answer()
        return answer

    def insert() -> None:
        place.insert(0)
        assert card.reconnect() == (SUCCESS, T1)

    assert unless_late(remove, REMOVED_CARD, insert) == (NO_SMARTCARD, b"")
    assert card.transmit(READ_4) == (REMOVED_CARD, b"")


# Time and threads


def test_a_slow_command_takes_its_time(clients: Clients) -> None:
    card = clients.card()
    start = time.perf_counter()
    assert card.transmit("80100064") == (SUCCESS, OK)
    assert time.perf_counter() - start >= 0.1


def test_while_one_card_works_another_one_answers(clients: Clients, holding: HoldingCard) -> None:
    call = held_command(clients.card(0), holding)
    assert clients.card(1).transmit(READ_4) == (SUCCESS, ANSWER_4)
    assert call.waits()
    holding.respond()
    assert call.answer() == (SUCCESS, OK)


def test_a_card_answers_one_command_after_the_other(clients: Clients, holding: HoldingCard) -> None:
    first, second = clients.card(), clients.card()
    held = held_command(first, holding)
    call = Call(second.transmit, READ_4)
    assert call.waits()
    holding.respond()
    assert held.answer() == (SUCCESS, OK)
    assert call.answer() == (SUCCESS, ANSWER_4)


def test_one_handle_sends_one_command_after_the_other(clients: Clients, holding: HoldingCard) -> None:
    card = clients.card()
    held = held_command(card, holding)
    call = Call(card.transmit, READ_4)
    assert call.waits()
    holding.respond()
    assert held.answer() == (SUCCESS, OK)
    assert call.answer() == (SUCCESS, ANSWER_4)


def test_many_threads_on_one_card_get_their_own_answers(clients: Clients) -> None:
    cards = [clients.card() for _ in range(8)]

    def echo(card: Card, number: int) -> bool:
        return all(
            card.transmit(bytes([0x80, 0x18, 0, 0, 2, number, turn])) == (SUCCESS, bytes([number, turn]) + OK)
            for turn in range(100)
        )

    calls = [Call(echo, card, number) for number, card in enumerate(cards)]
    assert all(call.answer() for call in calls)


def test_many_threads_on_several_readers_get_their_own_answers(clients: Clients) -> None:
    cards = [clients.card(number) for number in READERS for _ in range(2)]

    def read(card: Card, number: int) -> bool:
        return all(
            card.transmit(f"8012{length:04X}") == (SUCCESS, pattern(length) + OK)
            for length in range(1 + number, 2000, 97)
        )

    calls = [Call(read, card, number) for number, card in enumerate(cards)]
    assert all(call.answer() for call in calls)


def test_threads_connect_transmit_and_disconnect_at_the_same_time(clients: Clients) -> None:
    clients.card()  # one connection stays: pcscd may power down a card after its last connection has ended

    def use(own: Clients) -> bool:
        for _ in range(10):
            card = own.card()
            if card.transmit(READ_4) != (SUCCESS, ANSWER_4) or card.disconnect() != SUCCESS:
                return False
        return True

    calls = [Call(use, clients) for _ in range(8)]
    assert all(call.answer() for call in calls)


def test_a_buffer_may_be_larger_than_the_largest_answer(clients: Clients) -> None:
    code, answer = clients.card().transmit("80120000", room=LARGEST_ANSWER + 100)
    assert (code, len(answer)) == (SUCCESS, LARGEST_ANSWER)


WAITING: dict[str, Callable[[Card], object]] = {
    "SCardTransmit": lambda card: card.transmit(READ_4)[0],
    "SCardGetAttrib": lambda card: card.attribute(0x00010100)[0],
    "SCardControl": lambda card: card.control(FEATURES)[0],
}


@pytest.mark.parametrize("function", WAITING)
def test_another_program_waits_for_the_end_of_a_command(clients: Clients, holding: HoldingCard, function: str) -> None:
    held = held_command(clients.card(), holding)
    call = Call(WAITING[function], clients.card(share=DIRECT, protocols=0))
    assert call.waits()
    holding.respond()
    assert held.answer() == (SUCCESS, OK)
    assert call.answer() == SUCCESS


def test_during_a_command_only_connections_to_the_same_card_wait(clients: Clients, holding: HoldingCard) -> None:
    held = held_command(clients.card(), holding)
    call = Call(clients.connect)
    assert clients.connect(share=DIRECT, protocols=0) == SUCCESS
    assert call.waits()
    holding.respond()
    assert held.answer() == (SUCCESS, OK)
    assert call.answer() == SUCCESS
