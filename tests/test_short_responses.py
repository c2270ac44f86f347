"""Responses of 0 and 1 byte, which have no status word: in every way to send a command."""

import itertools
from collections.abc import Callable
from functools import partial

import pytest
from support.callback_card import CallbackLibrary
from support.commands import READ_4
from support.reports import report

from scardffi import CommunicationError, Flow, InvalidArgumentError, Protocol, SCardManage, Script, ScriptError, lib
from scardffi.iso7816.status_word import StatusError

ALL = Flow.GET_RESPONSE | Flow.CORRECT_LE | Flow.CHAIN
SHORT = [b"", b"\x90", b"\x61", b"\x00"]
Way = Callable[[SCardManage], bytes]


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


def into(card: SCardManage, flow: Flow) -> bytes:
    buffer = bytearray(300)
    return bytes(buffer[: card.transmit_into(READ_4, buffer, flow=flow)])


def exchanged(card: SCardManage, flow: Flow, how: str) -> bytes:
    buffer = bytearray(300)
    with card.exchange(READ_4, buffer, flow=flow) as exchange:
        if how == "table":
            length = lib.exchange_send(exchange.native)
        else:
            length = exchange.unchecked() if how == "unchecked" else exchange(5 if how == "part" else None)
        assert length < 2
        assert exchange.sw is None
        assert lib.exchange_sw(exchange.native) == 0
    return bytes(buffer[:length])


def scripted(card: SCardManage, flow: Flow, *, timed: bool = False) -> bytes:
    reply = Script([READ_4], flow=flow, expect=[None]).run(card, timed=timed)[0]
    assert reply.sw is None
    assert len(reply.data) == 0
    assert len(reply) < 2
    assert repr(reply) == f"<scardffi.Reply {len(reply)} bytes, no sw>"
    return bytes(reply)


WAYS: dict[str, Way] = {
    f"{name}{' with a flow' if flow else ''}": partial(way, flow=flow)
    for (name, way), flow in itertools.product(
        {
            "transmit": lambda card, flow: card.transmit(READ_4, flow=flow),
            "transmit of a bytearray": lambda card, flow: card.transmit(bytearray(READ_4), flow=flow),
            "transmit_into": into,
            "exchange": lambda card, flow: exchanged(card, flow, "call"),
            "a part of an exchange": lambda card, flow: exchanged(card, flow, "part"),
            "unchecked": lambda card, flow: exchanged(card, flow, "unchecked"),
            "the table": lambda card, flow: exchanged(card, flow, "table"),
            "a script": scripted,
            "a timed script": lambda card, flow: scripted(card, flow, timed=True),
        }.items(),
        (Flow(0), ALL),
    )
}
BEFORE = {
    "": [],
    "after 6C04": [b"\x6c\x04"],
    "after 6104": [b"\x61\x04"],
    "after 6104 and 6C04": [b"\x61\x04", b"\x6c\x04"],
}


def test_every_way_returns_the_bytes_and_no_status_word(cards: CallbackLibrary) -> None:
    tried = 0
    for name, short, before in itertools.product(WAYS, SHORT, BEFORE):
        if BEFORE[before] and "flow" not in name:
            continue
        answers = iter([*BEFORE[before], short])
        with cards.attach(lambda _, answers=answers: next(answers)) as card:  # type: ignore[misc]  # the default binds the variable of the loop
            assert WAYS[name](card) == short, (name, short, before)
            assert len(cards.log) == len(BEFORE[before]) + 1, "a short response ends the flow"
        tried += 1
    report(
        f"short responses: {len(WAYS)} ways, {tried} combinations with {len(SHORT)} responses, no status word invented"
    )


@pytest.mark.parametrize("short", SHORT)
@pytest.mark.parametrize("flow", [Flow(0), ALL])
@pytest.mark.parametrize("expect", [0x9000, {0x9000, 0x0000}, (0, 0), (0x9000, 0xFF00), [0], [(0, 0)]], ids=repr)
@pytest.mark.parametrize("place", [0, 1, 70])
def test_expect_is_missed_and_the_message_has_the_length(
    place: int, expect: object, flow: Flow, short: bytes, cards: CallbackLibrary
) -> None:
    patterns = expect * 100 if isinstance(expect, list) else expect
    answers = iter([b"\x90\x00" if patterns == expect else b"\x00\x00"] * place + [short])
    script = Script([READ_4] * 100, expect=patterns, flow=flow)  # type: ignore[arg-type]  # all of them are right
    message = f"the card answered {len(short)} byte"
    with cards.attach(lambda _: next(answers)) as card, pytest.raises(ScriptError, match=message) as failure:
        script.run(card)
    error = failure.value
    assert (error.index, error.sw, error.code, len(error.replies)) == (place, None, None, place + 1)
    assert bytes(error.replies[-1]) == short  # type: ignore[call-overload]  # Reply


def last_part(card: SCardManage, name: str) -> tuple[CommunicationError, bytes]:
    """Return the error of a response whose last part is short, and the data that arrived."""
    buffer = bytearray(300)
    ways: dict[str, Callable[[], object]] = {
        "transmit": lambda: card.transmit(READ_4, flow=ALL),
        "transmit_into": lambda: card.transmit_into(READ_4, buffer, flow=ALL),
        "exchange": card.exchange(READ_4, buffer, flow=ALL),
        "script": lambda: Script([READ_4], flow=ALL).run(card),
    }
    with pytest.raises((CommunicationError, ScriptError), match="the last part of the card's response") as failure:
        ways[name]()
    error = failure.value if isinstance(failure.value, CommunicationError) else failure.value.__cause__
    assert isinstance(error, CommunicationError)
    return error, error.partial if name in {"transmit", "script"} else bytes(buffer[:3])


@pytest.mark.parametrize("short", SHORT)
@pytest.mark.parametrize("name", ["transmit", "transmit_into", "exchange", "script"])
def test_a_last_part_without_a_status_word_is_an_error_that_keeps_the_data(
    name: str, short: bytes, cards: CallbackLibrary
) -> None:
    answers = iter([b"abc\x61\x02", short])
    with cards.attach(lambda _: next(answers)) as card:
        error, data = last_part(card, name)
    assert (error.code, error.arrived) == (None, 3)
    assert data[:3] == b"abc"
    if name in {"transmit", "script"}:
        assert data == b"abc" + short


@pytest.mark.parametrize("short", SHORT)
@pytest.mark.parametrize("offset", [0, 40000])
@pytest.mark.parametrize("size", [1, 100, 256, 300, 600])
@pytest.mark.parametrize("chunk", [200, 1000])
@pytest.mark.parametrize("name", ["read_binary_into", "update_binary_from"])
def test_a_whole_file_ends_with_an_error_that_has_the_bytes(
    name: str, chunk: int, size: int, offset: int, short: bytes, cards: CallbackLibrary
) -> None:
    with cards.attach(lambda _: short) as card:
        card.reconnect(protocols=Protocol.T1)
        try:
            with pytest.raises(CommunicationError, match=f"the card answered {len(short)} byte") as failure:
                getattr(card, name)(bytearray(size), offset, chunk=chunk)
        finally:
            card.reconnect(protocols=Protocol.T0)
    error = failure.value
    assert (error.code, error.partial, error.arrived) == (None, short, 0)
    assert error.function == name


def test_the_bytes_of_the_chunks_before_are_counted(cards: CallbackLibrary) -> None:
    answers = iter([bytes(100) + b"\x90\x00", b"\x90"])
    with cards.attach(lambda _: next(answers)) as card, pytest.raises(CommunicationError) as failure:
        card.read_binary_into(bytearray(1000), chunk=100)
    assert (failure.value.arrived, failure.value.partial) == (100, b"\x90")


@pytest.mark.parametrize("name", ["read_binary_into", "update_binary_from"])
@pytest.mark.parametrize("offset", [0, 40000])
def test_the_status_word_0000_is_a_refusal(name: str, offset: int, cards: CallbackLibrary) -> None:
    with cards.attach(lambda _: b"\x00\x00") as card:
        with pytest.raises(StatusError, match="0000") as failure:
            getattr(card, name)(bytearray(100), offset)
        assert (failure.value.sw, failure.value.arrived) == (0, 0)
        assert Script([READ_4]).run(card)[0].sw == 0
        with card.exchange(READ_4, bytearray(10)) as exchange:
            assert exchange() == 2
            assert exchange.sw == 0


def test_after_a_failure_an_exchange_has_no_status_word(cards: CallbackLibrary) -> None:
    answers: list[bytes | int] = [b"\x90\x00", 0x80100069]
    one_by_one = iter(answers)
    with cards.attach(lambda _: next(one_by_one)) as card, card.exchange(READ_4, bytearray(10)) as exchange:
        exchange()
        assert exchange.sw == 0x9000
        assert exchange.unchecked() == -0x80100069
        assert exchange.sw is None


def test_a_response_buffer_of_one_byte_is_refused(cards: CallbackLibrary) -> None:
    with cards.attach(lambda _: b"") as card:
        for flow in (Flow(0), ALL):
            with pytest.raises(InvalidArgumentError, match="2 bytes or more"):
                card.transmit_into(READ_4, bytearray(1), flow=flow)
        assert cards.log == []
