"""ReplayCard: a trace as a virtual card, in each order, and with removed bytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cards import RecordingCard

from scardffi import CommunicationError, Context, Library, trace, virtual
from scardffi.trace import Order, ReplayCard, UnexpectedCommandError
from scardffi.virtual import ANSWERING_ATR, DEFAULT_READER, VirtualReader

READ, CHALLENGE = bytes.fromhex("00B0000004"), bytes.fromhex("0084000008")
VERIFY = b"\x00\x20\x00\x80\x041234"


@pytest.fixture(autouse=True)
def default_library() -> Iterator[Library]:
    with virtual.installed() as library:
        yield library


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.pcapng"


@pytest.fixture
def answers(file: Path) -> list[bytes]:
    """Make a trace; return the responses to READ, CHALLENGE, VERIFY, CHALLENGE, READ."""
    with trace.record(file), Context() as context, context.attach(DEFAULT_READER) as card:
        assert card.atr == ANSWERING_ATR
        return [card.transmit(command) for command in (READ, CHALLENGE, VERIFY, CHALLENGE, READ)]


def test_a_strict_replay_gives_the_same_answers(file: Path, answers: list[bytes]) -> None:
    replayed = ReplayCard(file)
    assert (replayed.reader, replayed.remaining) == (DEFAULT_READER, 5)
    with VirtualReader("Replay", replayed), Context() as context, context.attach("Replay") as card:
        assert card.atr == ANSWERING_ATR
        assert [card.transmit(command) for command in (READ, CHALLENGE, VERIFY, CHALLENGE, READ)] == answers
    assert replayed.remaining == 0


def test_removed_bytes_match_anything_of_the_same_length(file: Path, answers: list[bytes]) -> None:
    replayed = ReplayCard(file, "matching")
    assert replayed.transmit(VERIFY[:5] + b"9999") == answers[2]
    assert replayed.transmit(VERIFY[:4] + b"\x05" + b"99999") == b"\x6d\x00"
    assert replayed.transmit(b"\x00\x20\x00\x81\x04" + b"1234") == b"\x6d\x00"


def test_a_strict_replay_refuses_another_order(file: Path, answers: list[bytes]) -> None:
    replayed = ReplayCard(file)
    assert replayed.transmit(READ) == answers[0]
    with pytest.raises(UnexpectedCommandError, match="command 2 of the trace is 00840000") as refused:
        replayed.transmit(VERIFY)
    assert "1234" not in str(refused.value)
    assert VERIFY[5:].hex() not in str(refused.value)
    for command in (CHALLENGE, VERIFY, CHALLENGE, READ):
        replayed.transmit(command)
    with pytest.raises(UnexpectedCommandError, match="the trace ends after 5 commands"):
        replayed.transmit(READ)


def test_a_program_gets_a_communication_error_for_an_unexpected_command(file: Path, answers: list[bytes]) -> None:
    assert len(answers) == 5
    reader = VirtualReader("Replay", ReplayCard(file))
    with reader, Context() as context, context.attach("Replay") as card, pytest.raises(CommunicationError):
        card.transmit(CHALLENGE)
    assert [type(error) for error in reader.errors] == [UnexpectedCommandError]


def test_a_lenient_replay_skips_commands_and_refuses_unknown_ones(file: Path, answers: list[bytes]) -> None:
    replayed = ReplayCard(file, Order.LENIENT)
    assert replayed.transmit(CHALLENGE) == answers[1]
    assert replayed.transmit(b"\x00\xa4\x00\x00") == b"\x6d\x00"
    assert replayed.transmit(CHALLENGE) == answers[3]
    assert replayed.transmit(VERIFY) == b"\x6d\x00"
    assert replayed.transmit(READ) == answers[4]


def test_a_matching_replay_gives_the_answers_of_a_command_in_turn(file: Path, answers: list[bytes]) -> None:
    replayed = ReplayCard(file, Order.MATCHING)
    assert [replayed.transmit(CHALLENGE) for _ in range(3)] == [answers[1], answers[3], answers[3]]
    assert replayed.transmit(READ) == answers[0]


def test_a_reader_of_several_is_chosen(file: Path) -> None:
    cards = {name: RecordingCard(lambda _, name=name: name.encode() + b"\x90\x00") for name in ("A", "B")}  # type: ignore[misc]
    with VirtualReader("A", cards["A"]), VirtualReader("B", cards["B"]), trace.record(file), Context() as context:
        for name in cards:
            with context.attach(name) as card:
                assert card.atr
                card.transmit(READ)
    assert ReplayCard(file).transmit(READ) == b"A\x90\x00"
    assert ReplayCard(file, reader="B").transmit(READ) == b"B\x90\x00"
    with pytest.raises(ValueError, match=r"\['A', 'B'\]"):
        ReplayCard(file, reader="C")


def test_an_atr_that_the_trace_lacks_must_be_given(file: Path) -> None:
    with trace.record(file), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(READ)
    with pytest.raises(ValueError, match="ATR"):
        ReplayCard(file)
    assert ReplayCard(file, atr=ANSWERING_ATR).atr == ANSWERING_ATR
