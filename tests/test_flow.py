"""GET RESPONSE, the corrected Le and command chaining: in C, only on request, with every way to exchange."""

import itertools
from collections.abc import Callable

import pytest
from support.callback_card import CallbackLibrary

from scardffi import (
    Flow,
    InsufficientBufferError,
    InvalidArgumentError,
    RemovedCardError,
    ReturnCode,
    SCardManage,
    Script,
    ScriptError,
)

READ = bytes.fromhex("00B0000000")
ALL = Flow.GET_RESPONSE | Flow.CORRECT_LE | Flow.CHAIN


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


def pattern(length: int) -> bytes:
    return bytes((7 * i + (i >> 8)) & 0xFF for i in range(length))


def t0_card(data: bytes, chunk: int = 256) -> Callable[[bytes], bytes]:
    """Return a card that answers with `data` in parts of at most `chunk` bytes, announced by 61xx."""
    rest = b""

    def answer(command: bytes) -> bytes:
        nonlocal rest
        if command[1] == 0xC0:
            wanted = command[4] or 256
            part, rest = rest[:wanted], rest[wanted:]
        else:
            part, rest = b"", data
        announced = min(len(rest), chunk)
        return part + (bytes([0x61, announced % 256]) if rest else b"\x90\x00")

    return answer


Way = Callable[[SCardManage, bytes, Flow, int], bytes]


def by_transmit(card: SCardManage, command: bytes, flow: Flow, _: int) -> bytes:
    return card.transmit(command, flow=flow)


def by_transmit_into(card: SCardManage, command: bytes, flow: Flow, room: int) -> bytes:
    response = bytearray(room)
    return bytes(response[: card.transmit_into(command, response, flow=flow)])


def by_exchange(card: SCardManage, command: bytes, flow: Flow, room: int) -> bytes:
    response = bytearray(room)
    with card.exchange(command, response, flow=flow) as exchange:
        length = exchange()
        assert exchange.sw == int.from_bytes(response[length - 2 : length], "big")
    return bytes(response[:length])


def by_script(card: SCardManage, command: bytes, flow: Flow, _: int) -> bytes:
    return bytes(Script([command], flow=flow).run(card)[0])


WAYS = pytest.mark.parametrize("way", [by_transmit, by_transmit_into, by_exchange, by_script])


@WAYS
def test_without_flow_the_first_response_is_returned(way: Way, cards: CallbackLibrary) -> None:
    with cards.attach(t0_card(pattern(100))) as card:
        assert way(card, READ, Flow(0), 300) == b"\x61\x64"
        assert cards.log == [READ]


@WAYS
@pytest.mark.parametrize("chunk", [1, 7, 255, 256])
@pytest.mark.parametrize("length", [1, 2, 255, 256, 257, 1000])
def test_get_response_returns_all_parts_as_one_contiguous_response(
    way: Way, length: int, chunk: int, cards: CallbackLibrary
) -> None:
    with cards.attach(t0_card(pattern(length), chunk)) as card:
        assert way(card, READ, Flow.GET_RESPONSE, length + 300) == pattern(length) + b"\x90\x00"
        assert len(cards.log) == 1 + -(-length // chunk)
        assert cards.log[1] == bytes([0, 0xC0, 0, 0, min(length, chunk) % 256])


@WAYS
def test_get_response_is_sent_on_the_same_channel_without_the_chaining_bit(way: Way, cards: CallbackLibrary) -> None:
    for cla, expected in ((0x13, 0x03), (0x02, 0x02), (0x4F, 0x4F), (0x71, 0x61), (0x90, 0x90)):
        with cards.attach(t0_card(pattern(10))) as card:
            way(card, bytes([cla, 0xB0, 0, 0, 0]), Flow.GET_RESPONSE, 300)
            assert cards.log[1][0] == expected


CASES = [
    ("00CA0000", "00CA0000 05"),
    ("00CA000000", "00CA000005"),
    ("00CA0000 02 AABB", "00CA0000 02 AABB 05"),
    ("00CA0000 02 AABB 00", "00CA0000 02 AABB 05"),
    ("00CA0000 000000", "00CA0000 000005"),
    ("00CA0000 000002 AABB", "00CA0000 000002 AABB 0005"),
    ("00CA0000 000002 AABB 0000", "00CA0000 000002 AABB 0005"),
]


@WAYS
@pytest.mark.parametrize(("command", "again"), CASES)
def test_after_6cxx_the_command_is_sent_again_with_the_right_le(
    way: Way, command: str, again: str, cards: CallbackLibrary
) -> None:
    sent = bytes.fromhex(command)
    answers = iter([b"\x6c\x05", pattern(5) + b"\x90\x00"])
    with cards.attach(lambda _: next(answers)) as card:
        assert way(card, sent, Flow.CORRECT_LE, 300) == pattern(5) + b"\x90\x00"
        assert cards.log == [sent, bytes.fromhex(again)]


@WAYS
def test_the_callers_command_is_not_changed(way: Way, cards: CallbackLibrary) -> None:
    command = bytes.fromhex("00CA000000")
    answers = itertools.cycle([b"\x6c\x05", pattern(5) + b"\x90\x00"])
    with cards.attach(lambda _: next(answers)) as card:
        way(card, command, Flow.CORRECT_LE, 300)
        assert command == bytes.fromhex("00CA000000")


@WAYS
@pytest.mark.parametrize("sw", ["6105", "6C05"])
def test_a_card_that_always_answers_61xx_or_6cxx_is_given_up(way: Way, sw: str, cards: CallbackLibrary) -> None:
    with cards.attach(lambda _: bytes.fromhex(sw)) as card:
        assert way(card, READ, ALL, 300) == bytes.fromhex(sw)
        assert len(cards.log) <= 3


@WAYS
def test_endless_parts_of_one_byte_end_when_the_buffer_is_full(way: Way, cards: CallbackLibrary) -> None:
    with cards.attach(lambda command: b"x\x61\x01" if command[1] == 0xC0 else b"\x61\x01") as card:
        with pytest.raises((InsufficientBufferError, ScriptError)) as failure:
            way(card, READ, ALL, 300)
        assert failure.value.code is None, "the resource manager reported no error"
        assert len(cards.log) < 100_000


def test_61xx_after_data_is_followed_too(cards: CallbackLibrary) -> None:
    answers = iter([b"abc\x61\x02", b"de\x90\x00"])
    with cards.attach(lambda _: next(answers)) as card:
        assert card.transmit(READ, flow=Flow.GET_RESPONSE) == b"abcde\x90\x00"


@pytest.mark.parametrize("room", range(2, 60))
def test_a_full_buffer_stops_before_the_next_command_and_the_error_has_the_bytes_arrived(
    room: int, cards: CallbackLibrary
) -> None:
    data = pattern(50)
    with cards.attach(t0_card(data, 10)) as card:
        response = bytearray(room)
        exchange = card.exchange(READ, response, flow=Flow.GET_RESPONSE)
        if room >= 52:
            assert exchange() == 52
        else:
            with pytest.raises(InsufficientBufferError) as failure:
                exchange()
            complete = (room - 2) // 10 * 10
            assert failure.value.arrived == complete
            assert failure.value.required == complete + 12
            assert failure.value.code is None, "the resource manager reported no error"
            assert response[:complete] == data[:complete]
            assert len(cards.log) == 1 + complete // 10, "the next part was not asked for"
        exchange.close()


@pytest.mark.parametrize("way", [by_transmit, by_script])
def test_after_a_removal_the_error_has_the_parts_that_arrived(way: Way, cards: CallbackLibrary) -> None:
    answers: itertools.chain[bytes | int] = itertools.chain(
        [b"\x61\x03", b"abc\x61\x03"], itertools.repeat(ReturnCode.SCARD_W_REMOVED_CARD)
    )
    with cards.attach(lambda _: next(answers)) as card:
        if way is by_transmit:
            with pytest.raises(RemovedCardError) as removed:
                card.transmit(READ, flow=Flow.GET_RESPONSE)
            assert (removed.value.arrived, removed.value.partial) == (3, b"abc")
        else:
            with pytest.raises(ScriptError) as failed:
                way(card, READ, Flow.GET_RESPONSE, 0)
            assert isinstance(failed.value.__cause__, RemovedCardError)
            assert failed.value.__cause__.arrived == 3


@WAYS
@pytest.mark.parametrize("length", [1, 255, 256, 510, 511, 1000])
@pytest.mark.parametrize("le", [None, 0, 200, 256, 300])
def test_an_extended_command_becomes_a_chain_of_short_ones(
    way: Way, length: int, le: int | None, cards: CallbackLibrary
) -> None:
    data = pattern(length)
    command = bytes([0, 0xDA, 1, 2, 0]) + length.to_bytes(2, "big") + data
    if le is not None:
        command += le.to_bytes(2, "big")
    with cards.attach(lambda sent: b"\x90\x00" if sent[0] & 0x10 else b"done\x90\x00") as card:
        assert way(card, command, Flow.CHAIN, 300) == b"done\x90\x00"
    blocks = list(cards.log)
    assert all(block[1:4] == b"\xda\x01\x02" for block in blocks)
    assert [block[0] for block in blocks] == [0x10] * (len(blocks) - 1) + [0]
    assert b"".join(block[5 : 5 + block[4]] for block in blocks) == data
    assert all(block[4] == 255 for block in blocks[:-1])
    last = blocks[-1]
    assert last[5 + last[4] :] == (b"" if le is None else bytes([200]) if le == 200 else b"\x00")


@pytest.mark.parametrize(("cla", "chained"), [(0x03, 0x13), (0x40, 0x50), (0x6F, 0x7F)])
def test_a_chain_stays_on_its_logical_channel(cla: int, chained: int, cards: CallbackLibrary) -> None:
    with cards.attach(lambda _: b"\x90\x00") as card:
        card.transmit(bytes([cla, 0xDA, 1, 2, 0, 1, 0]) + pattern(256), flow=Flow.CHAIN)
    assert [block[0] for block in cards.log] == [chained, cla]


def test_a_refusal_within_a_chain_is_the_response(cards: CallbackLibrary) -> None:
    command = bytes([0, 0xDA, 1, 2, 0]) + (1000).to_bytes(2, "big") + pattern(1000)
    answers = iter([b"\x90\x00", b"\x68\x84"])
    with cards.attach(lambda _: next(answers)) as card:
        assert card.transmit(command, flow=Flow.CHAIN) == b"\x68\x84"
        assert len(cards.log) == 2


def test_chain_correct_le_and_get_response_can_be_combined(cards: CallbackLibrary) -> None:
    command = bytes([0, 0xDA, 1, 2, 0]) + (300).to_bytes(2, "big") + pattern(300) + b"\x00\x00"
    answers = iter([b"\x90\x00", b"\x6c\x05", b"\x61\x05", b"\x6c\x03", b"abc\x61\x02", b"de\x90\x00"])
    with cards.attach(lambda _: next(answers)) as card:
        assert card.transmit(command, flow=ALL) == b"abcde\x90\x00"
    assert [sent[:2].hex() for sent in cards.log] == ["10da", "00da", "00da", "00c0", "00c0", "00c0"]
    assert [cards.log[i][-1] for i in (1, 2, 3, 4, 5)] == [0, 5, 5, 3, 2]


@WAYS
@pytest.mark.parametrize("malformed", ["00", "00B0", "00B00000FF01", "00B000000000"])
def test_a_command_with_inconsistent_lengths_is_sent_unchanged(
    way: Way, malformed: str, cards: CallbackLibrary
) -> None:
    with cards.attach(lambda _: b"\x67\x00") as card:
        assert way(card, bytes.fromhex(malformed), ALL, 300) == b"\x67\x00"
        assert cards.log == [bytes.fromhex(malformed)]


@pytest.mark.parametrize("flow", [-1, 8, 99])
def test_an_unknown_flow_is_refused(flow: int, cards: CallbackLibrary) -> None:
    with cards.attach(lambda _: b"\x90\x00") as card:
        for use in (
            lambda: card.transmit(READ, flow=flow),
            lambda: card.transmit_into(READ, bytearray(9), flow=flow),
            lambda: card.exchange(READ, bytearray(9), flow=flow),
            lambda: Script([READ], flow=flow),
        ):
            with pytest.raises(InvalidArgumentError, match=rf"flow: {flow} is not allowed; give any of Flow.GET_RESP"):
                use()
        assert cards.log == []
