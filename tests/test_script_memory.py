"""Memory for responses: whatever a command's Le is and however full the memory is, any response fits."""

import itertools
from collections.abc import Iterator
from typing import cast

import pytest
from support.callback_card import CallbackLibrary
from support.reports import report

from scardffi import (
    Flow,
    InsufficientBufferError,
    Protocol,
    Replies,
    Reply,
    ReturnCode,
    SCardManage,
    Script,
    ScriptError,
)

COMMANDS = {
    "1": "00A40000",
    "2 short": "00B0000001",
    "2 short, all": "00B0000000",
    "3 short": "00A4000C023F00",
    "4 short": "00A40000023F0001",
    "2 extended": "00B00000000001",
    "2 extended, all": "00B00000000000",
    "3 extended": "00D60000000001AA",
    "4 extended": "00CB00000000015C0001",
    "lengths that do not match": "00B00000FF01",
    "no command": "00",
}
LONGEST = 65548
"""The length of the longest response in bytes."""
LENGTHS = [0, 1, 2, 3, 42, 256, 257, 258, 259, 4096, 4097, 65535, 65536, 65537, 65538, LONGEST - 1, LONGEST]
FILLED = [
    *(0, 1, 2, 4094, 4095, 4096, 4097, 4098),  # the script's first memory has 4096 bytes beside those for one response
    *(LONGEST - 1, LONGEST, LONGEST + 1, 69643, 69644, 69645, 73740, 73741),
    *(139287, 139288, 139289, 204_836),
]
"""Bytes of replies that are kept before the command."""
FILLER = bytes.fromhex("80F0000000")
Answers = Iterator[bytes]
MODES = ["once", "with repeat", "keep_all", "with a flow"]
INTO_COMMANDS = ["1", "2 short", "4 extended"]
EDGE = 16
"""Bytes before and after the caller's memory that must stay as they are."""


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


RANDOM = bytes((i * i >> 7 ^ i) & 0xFF for i in range(LONGEST))


def response(length: int, ending: bytes = b"\x90\x00") -> bytes:
    """Return a response of this length; it has no status word if the length is 0 or 1."""
    return RANDOM[: length - 2] + ending if length >= 2 else RANDOM[:length]


def parts_of(filled: int) -> list[bytes]:
    """Return responses that have this length together."""
    full, rest = divmod(filled, LONGEST)
    return [response(LONGEST)] * full + ([response(rest)] if rest else [])


def run(card: SCardManage, mode: str, commands: list[bytes]) -> tuple[list[Reply], int]:
    """Run the commands, and return the replies and the number of passes."""
    if mode == "once":
        return list(Script(commands).run(card)), 1
    if mode == "with a flow":
        return list(Script(commands, flow=Flow.GET_RESPONSE | Flow.CORRECT_LE | Flow.CHAIN).run(card)), 1
    return list(Script(commands).run(card, repeat=2, keep_all=mode == "keep_all")), 2


@pytest.mark.parametrize("mode", MODES)
def test_a_response_of_any_length_is_kept_at_every_fill_level(mode: str, cards: CallbackLibrary) -> None:
    tried = 0
    answers: Answers = iter(())
    with cards.attach(lambda _: next(answers)) as card:
        for name, filled in itertools.product(COMMANDS, FILLED):
            command, filler = bytes.fromhex(COMMANDS[name]), parts_of(filled)
            for length in LENGTHS:
                expected = [*filler, response(length)]
                passes = 2 if mode in {"with repeat", "keep_all"} else 1
                answers = iter(expected * passes)
                cards.log.clear()
                replies, _ = run(card, mode, [FILLER] * len(filler) + [command])
                kept = expected * (passes if mode == "keep_all" else 1)
                assert [bytes(reply) for reply in replies] == kept, (name, filled, length)
                assert replies[-1].sw == (0x9000 if length >= 2 else None)
                assert len(cards.log) == passes * len(expected), "a command was not sent once"
                tried += 1
    report(
        f"memory of a script {mode}: {len(COMMANDS)} commands x {len(FILLED)} fill levels x {len(LENGTHS)} lengths = "
        f"{tried} combinations, no reply lost"
    )
    assert tried * len(MODES) >= 10_000


def run_into(
    card: SCardManage, mode: str, commands: list[bytes], memory: memoryview
) -> tuple[Replies, ScriptError | None]:
    """Run the commands with replies in this memory, and return the replies and the error."""
    flow = Flow.GET_RESPONSE | Flow.CORRECT_LE | Flow.CHAIN if mode == "with a flow" else Flow(0)
    repeat = 2 if mode in {"with repeat", "keep_all"} else 1
    try:
        return Script(commands, flow=flow).run(card, repeat=repeat, keep_all=mode == "keep_all", into=memory), None
    except ScriptError as error:
        return cast("Replies", error.replies), error


@pytest.mark.parametrize("mode", MODES)
def test_in_the_callers_memory_a_command_is_sent_only_if_any_response_fits(mode: str, cards: CallbackLibrary) -> None:
    kept = stopped = 0
    answers: Answers = iter(())
    whole = bytearray(b"#" * (2 * FILLED[-1] + 3 * LONGEST))
    passes = 2 if mode in {"with repeat", "keep_all"} else 1
    with cards.attach(lambda _: next(answers)) as card:
        for name, filled, length in itertools.product(INTO_COMMANDS, FILLED, LENGTHS):
            expected = [*parts_of(filled), response(length)]
            commands = [FILLER] * (len(expected) - 1) + [bytes.fromhex(COMMANDS[name])]
            before_last = filled + (filled + length if mode == "keep_all" else 0)
            for free in (LONGEST - 1, LONGEST):
                size = before_last + free
                if size < LONGEST:
                    continue
                memory = memoryview(whole)[EDGE : EDGE + size]
                answers = iter(expected * passes)
                cards.log.clear()
                replies, error = run_into(card, mode, commands, memory)
                found = [bytes(reply) for reply in replies]
                what = name, filled, length, free
                if free == LONGEST:
                    assert error is None, what
                    assert found == expected * (passes if mode == "keep_all" else 1), what
                    assert len(cards.log) == passes * len(expected), what
                    kept += 1
                else:
                    assert error is not None, what
                    assert (error.index, error.code, error.sw) == (len(expected) - 1, None, None), what
                    assert found == (expected * 2 if mode == "keep_all" else expected)[:-1], what
                    assert len(cards.log) == len(found), what
                    stopped += 1
                assert whole[:EDGE] == whole[EDGE + size : 2 * EDGE + size] == b"#" * EDGE
                assert b"".join(found) == memory[: sum(map(len, found))], what
                whole[EDGE : EDGE + size] = b"#" * size
    report(
        f"the caller's memory of a script {mode}: {kept} combinations of command, fill level and length with room for "
        f"any response, no reply lost; {stopped} with one byte less, the command was not sent"
    )
    assert kept >= len(INTO_COMMANDS) * len(FILLED) * len(LENGTHS)


def test_the_memory_of_transmit_and_control_has_room_for_any_response(cards: CallbackLibrary) -> None:
    tried = 0
    length = 0
    with cards.attach(lambda _: response(length)) as card:
        for name, command in COMMANDS.items():
            for length in LENGTHS:
                for data in (bytes.fromhex(command), bytearray.fromhex(command)):
                    for flow in (0, Flow.GET_RESPONSE | Flow.CORRECT_LE | Flow.CHAIN):
                        assert card.transmit(data, flow=flow) == response(length), (name, length, flow)
                        tried += 1
    report(f"memory of transmit: {tried} combinations of command, length, flow and buffer, no response lost")


def test_a_script_of_selects_without_le_keeps_every_answer(cards: CallbackLibrary) -> None:
    select = bytes.fromhex("00A4000C023F00")
    with cards.attach(lambda _: response(42)) as card:
        for repeat, keep_all in ((1, False), (1, True), (7, False), (7, True)):
            replies = Script([select] * 300).run(card, repeat=repeat, keep_all=keep_all)
            assert {bytes(reply) for reply in replies} == {response(42)}
            assert len(replies) == 300 * (repeat if keep_all else 1)


PARTS = [0, 1, 2, 3, 200, 255, 256, 257, 300, 1000, 40000, 65546]


def test_a_part_that_is_longer_than_announced_is_kept(cards: CallbackLibrary) -> None:
    """The memory that scardffi chooses has room for any response before GET RESPONSE too."""
    tried = 0
    read = bytes.fromhex("00B0000000")
    answers: Answers = iter(())
    with cards.attach(lambda _: next(answers)) as card:
        for first, announced, second in itertools.product(PARTS, (1, 200, 256), PARTS):
            if first + announced + 2 > LONGEST or (second == 0 and first > 0):
                continue
            parts = response(first + 2, bytes([0x61, announced % 256])), response(second + 2)
            for script in (False, True):
                answers = iter(parts)
                if script:
                    whole = bytes(Script([read], flow=Flow.GET_RESPONSE).run(card)[0])
                else:
                    whole = card.transmit(read, flow=Flow.GET_RESPONSE)
                assert whole == parts[0][:-2] + parts[1]
                tried += 1
    report(f"memory of responses in parts: {tried} combinations of two parts, no byte lost")


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize("size", [1, 20, 254, 255, 256, 257, 258, 259, 300, 1000])
def test_a_file_answer_that_is_too_long_for_the_callers_buffer_says_what_it_needs(
    size: int, extended: bool, cards: CallbackLibrary
) -> None:
    with cards.attach(lambda _: response(2002)) as card:
        if extended:
            card.reconnect(protocols=Protocol.T1)
        try:
            whole = bytearray(b"#" * (size + 20))
            with pytest.raises(InsufficientBufferError) as failure:
                card.read_binary_into(memoryview(whole)[10 : 10 + size], chunk=1000 if extended else 256)
        finally:
            card.reconnect(protocols=Protocol.T0)
        assert len(cards.log) == 1
        assert failure.value.required in {2000, 2002}
        assert failure.value.code == (
            None if failure.value.required == 2000 else ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
        )
        assert failure.value.arrived == 0
        assert whole[:10] == whole[10 + size :] == b"#" * 10


@pytest.mark.parametrize("length", LENGTHS)
def test_an_answer_of_any_length_to_update_binary_is_received(length: int, cards: CallbackLibrary) -> None:
    with cards.attach(lambda _: response(length)) as card:
        if length >= 2:
            assert card.update_binary_from(bytes(600)) == 600
            assert len(cards.log) == 3
