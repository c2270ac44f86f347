"""ReplayCard: a trace as a virtual card, in each order, with removed bytes, failed commands and removed cards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cards import RecordingCard

from scardffi import (
    CommunicationError,
    Context,
    Library,
    NoSmartCardError,
    Protocol,
    RemovedCardError,
    ResetCardError,
    SCardError,
    trace,
    virtual,
)
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
    with pytest.raises(UnexpectedCommandError, match=r"differs at byte 2$"):
        replayed.transmit(VERIFY)
    with pytest.raises(UnexpectedCommandError, match=rf"differs at byte {len(CHALLENGE)}$"):
        replayed.transmit(CHALLENGE[:-1])
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


@pytest.mark.parametrize("reader", [None, DEFAULT_READER])
def test_a_trace_without_commands_is_refused(reader: str | None, file: Path) -> None:
    with trace.record(file), Context() as context:
        context.list_readers()
    with pytest.raises(ValueError, match=r"^the trace has no command$"):
        ReplayCard(file, reader=reader)


def test_an_atr_that_the_trace_lacks_must_be_given(file: Path) -> None:
    with trace.record(file), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(READ)
    with pytest.raises(ValueError, match="ATR"):
        ReplayCard(file)
    assert ReplayCard(file, atr=ANSWERING_ATR).atr == ANSWERING_ATR


def outcomes(reader: str, *commands: bytes) -> list[bytes | str]:
    """Send commands to a card; return each response, or the name of the return code."""

    def outcome(command: bytes) -> bytes | str:
        try:
            return card.transmit(command)
        except SCardError as error:
            return error.name

    with Context() as context, context.attach(reader) as card:
        assert card.atr == ANSWERING_ATR
        return [outcome(command) for command in commands]


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("code", ["SCARD_E_NOT_TRANSACTED", "SCARD_W_RESET_CARD", "SCARD_E_COMM_DATA_LOST"])
def test_a_failed_command_fails_again_at_the_same_place_in_each_order(code: str, order: Order, file: Path) -> None:
    with trace.record(file), virtual.fault("SCardTransmit", call=2, code=code):
        recorded = outcomes(DEFAULT_READER, READ, VERIFY, READ)
    assert recorded[1] == code
    replayed = ReplayCard(file, order)
    with VirtualReader("Replay", replayed) as reader:
        assert outcomes("Replay", READ, VERIFY, READ) == recorded
    assert (reader.errors, replayed.remaining) == ([], 0)


@pytest.mark.parametrize("order", Order)
def test_a_card_that_was_pulled_out_is_removed_again_at_the_same_command(order: Order, file: Path) -> None:
    with trace.record(file), virtual.fault("SCardTransmit", call=2, removal=True):
        recorded = outcomes(DEFAULT_READER, READ, VERIFY, READ)
    VirtualReader().insert(virtual.AnsweringCard())
    assert recorded[1:] == ["SCARD_E_NO_SMARTCARD", "SCARD_W_REMOVED_CARD"]
    replayed = ReplayCard(file, order)
    with VirtualReader("Replay", replayed) as reader, Context() as context:
        assert outcomes("Replay", READ, VERIFY, READ) == recorded
        assert (reader.errors, replayed.remaining) == ([], 0)
        with pytest.raises(NoSmartCardError):
            context.attach("Replay")


def test_a_program_that_waits_for_the_card_goes_on_with_the_replay(file: Path) -> None:
    def read_twice(reader: VirtualReader, pull: bool) -> list[bytes]:
        with Context() as context, context.attach(reader.name) as card:
            assert card.atr
            first = card.transmit(READ)
            if pull:
                reader.remove()
            with pytest.raises(RemovedCardError):
                card.transmit(CHALLENGE)
            with pytest.raises(RemovedCardError):
                card.transmit(CHALLENGE)
            reader.insert(inserted)
            card.recover()
            return [first, card.transmit(READ)]

    inserted: virtual.Card = RecordingCard(atr=ANSWERING_ATR)
    with VirtualReader("Field", inserted) as field, trace.record(file):
        recorded = read_twice(field, pull=True)
    inserted = replayed = ReplayCard(file)
    with VirtualReader("Replay", replayed) as reader:
        assert read_twice(reader, pull=False) == recorded
    assert (reader.errors, replayed.remaining) == ([], 0)


@pytest.mark.parametrize("order", [Order.STRICT, Order.LENIENT])
def test_a_removal_that_another_function_found_is_found_by_the_next_command(order: Order, file: Path) -> None:
    with (
        VirtualReader("Field", RecordingCard()) as field,
        trace.record(file),
        Context() as context,
        context.attach("Field") as card,
    ):
        assert card.atr
        card.transmit(READ)
        field.remove()
        with pytest.raises(RemovedCardError):
            card.lock()
    replayed = ReplayCard(file, order)
    with VirtualReader("Replay", replayed), Context() as context, context.attach("Replay") as card:
        card.transmit(READ)
        assert replayed.remaining == 0
        card.lock()
        with pytest.raises(RemovedCardError):
            card.transmit(CHALLENGE)
    matching = ReplayCard(file, Order.MATCHING)
    assert matching.transmit(READ) == b"\x90\x00"
    assert matching.transmit(CHALLENGE) == b"\x6d\x00"


def test_a_matching_replay_gives_a_failure_once_and_then_the_last_response(file: Path) -> None:
    with trace.record(file), virtual.fault("SCardTransmit", call=2, code="SCARD_W_RESET_CARD", times=2):
        answer, *_ = outcomes(DEFAULT_READER, READ, READ, CHALLENGE)
    replayed = ReplayCard(file, Order.MATCHING)
    assert replayed.transmit(READ) == answer
    with pytest.raises(ResetCardError, match="as in the trace"):
        replayed.transmit(READ)
    assert [replayed.transmit(READ) for _ in range(2)] == [answer, answer]
    for _ in range(2):  # it has no response in the trace
        with pytest.raises(ResetCardError):
            replayed.transmit(CHALLENGE)


def test_a_replay_leaves_out_commands_that_no_card_can_get(file: Path) -> None:
    def use(reader: str) -> list[int]:
        with Context() as context, context.attach(reader) as card:
            assert card.atr
            library, handle, right = card.library, card.handle, card.protocol
            wrong = Protocol.T0 if right == Protocol.T1 else Protocol.T1
            codes = [library.SCardTransmit(handle, one, READ, bytearray(6))[0] for one in (wrong, right)]
        return [*codes, library.SCardTransmit(handle, right, READ, bytearray(6))[0]]

    with trace.record(file):
        recorded = use(DEFAULT_READER)
    assert [code == 0 for code in recorded] == [False, True, False]
    replayed = ReplayCard(file)
    with VirtualReader("Replay", replayed) as reader:
        assert use("Replay") == recorded
    assert (reader.errors, replayed.remaining) == ([], 0)
