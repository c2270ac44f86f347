"""Script.run(into=...): replies in memory of the caller's."""

import array
import copy
import ctypes
import gc
import mmap
import pickle
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Place
from support.callback_card import CallbackLibrary
from support.cards import RecordingCard, in_reader
from support.commands import ANSWER_4, READ_4
from support.signals import ended_by_ctrl_c

from scardffi import (
    Flow,
    InsufficientBufferError,
    InvalidArgumentError,
    RemovedCardError,
    Replies,
    ReturnCode,
    SCardManage,
    Script,
    ScriptError,
    UnexpectedStateError,
    ffi,
    virtual,
)

ROOM = 65548
"""The number of free bytes that are needed before each command."""


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


def counted(cards: CallbackLibrary) -> SCardManage:
    """Return a card whose n-th response has the data byte n."""
    numbers = iter(range(256))
    return cards.attach(lambda _: bytes([next(numbers)]) + b"\x90\x00")


def numbers_in(replies: Replies) -> list[int]:
    return [reply.data[0] for reply in replies]


def test_the_replies_lie_one_behind_the_other_in_the_memory(cards: CallbackLibrary) -> None:
    memory = bytearray(b"#" * (ROOM + 9))
    with counted(cards) as card:
        replies = Script([READ_4] * 3, expect=0x9000).run(card, into=memory)
    assert memory == b"\x00\x90\x00\x01\x90\x00\x02\x90\x00" + b"#" * ROOM
    assert numbers_in(replies) == [0, 1, 2]
    assert all(reply.sw == 0x9000 and reply.data.readonly for reply in replies)
    memory[3] = 7
    assert bytes(replies[1].data) == b"\x07", "the reply is no view of the memory"


def test_the_run_ends_before_the_first_command_without_room(cards: CallbackLibrary) -> None:
    memory = bytearray(ROOM + 8)
    with counted(cards) as card:
        with pytest.raises(ScriptError) as failure:
            Script([READ_4] * 5).run(card, into=memory)
        error = failure.value
        assert str(error) == (
            "Script.run: into has 65547 bytes left; the next command needs 65548, and was not sent "
            "(command 3, counted from 0, of 5; replies: 3)"
        )
        assert (error.index, error.code, error.hresult, error.sw) == (3, None, 0x8007000E, None)
        assert error.__cause__ is None
        assert isinstance(error.replies, Replies)
        assert numbers_in(error.replies) == [0, 1, 2]
        assert len(cards.log) == 3
        assert numbers_in(Script([READ_4] * 5).run(card, into=bytearray(ROOM + 12))) == [3, 4, 5, 6, 7]


def test_repeat_keeps_the_last_pass_at_the_beginning_or_all_passes(cards: CallbackLibrary) -> None:
    memory = bytearray(ROOM + 33)
    script = Script([READ_4] * 3)
    with counted(cards) as card:
        replies = script.run(card, repeat=4, into=memory)
        assert numbers_in(replies) == [9, 10, 11]
        assert memory[:9] == b"\x09\x90\x00\x0a\x90\x00\x0b\x90\x00"
        assert numbers_in(script.run(card, repeat=4, keep_all=True, into=memory)) == list(range(12, 24))
        with pytest.raises(ScriptError) as failure:
            script.run(card, repeat=5, keep_all=True, into=memory)
        assert (failure.value.index, len(failure.value.replies)) == (0, 12)


@pytest.mark.parametrize("options", [{"timed": True}, {"transaction": True}, {"progress": lambda *_: None}], ids=min)
def test_other_options_go_together_with_into(options: dict[str, Any], cards: CallbackLibrary) -> None:
    with counted(cards) as card:
        replies = Script([READ_4] * 3).run(card, into=bytearray(2 * ROOM), **options)
    assert numbers_in(replies) == [0, 1, 2]
    assert all((reply.elapsed_ns is not None) == ("timed" in options) for reply in replies)


BUFFERS: dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(2 * ROOM),
    "memoryview": lambda: memoryview(bytearray(3 * ROOM))[ROOM:],
    "array of numbers": lambda: array.array("H", bytes(2 * ROOM)),
    "ctypes": ctypes.c_uint16 * ROOM,
    "mmap": lambda: mmap.mmap(-1, 2 * ROOM),
    "cffi": lambda: ffi.buffer(ffi.new("char[]", 2 * ROOM)),
}


@pytest.mark.parametrize("kind", BUFFERS)
def test_any_writable_contiguous_buffer_is_taken(kind: str, cards: CallbackLibrary) -> None:
    memory = BUFFERS[kind]()
    with counted(cards) as card:
        replies = Script([READ_4] * 2).run(card, into=memory)
    del card
    gc.collect()
    assert numbers_in(replies) == [0, 1]
    assert bytes(memoryview(memory).cast("B") if kind != "ctypes" else memory)[:6] == b"\x00\x90\x00\x01\x90\x00"


@pytest.mark.parametrize(
    ("into", "error", "message"),
    [
        (bytearray(ROOM - 1), InvalidArgumentError, "into: 'a buffer of 65547 bytes' is not allowed; give 65548 bytes"),
        (bytearray(), InvalidArgumentError, "into: 'a buffer of 0 bytes' is not allowed"),
        (bytes(ROOM), TypeError, "into: expected a writable, C-contiguous buffer such as bytearray, got bytes"),
        (memoryview(bytes(ROOM)), TypeError, "into: .* got a read-only, contiguous memoryview"),
        (memoryview(bytearray(3 * ROOM))[::2], TypeError, "into: .* got a writable, non-contiguous memoryview"),
        (ROOM, TypeError, "into: .* got int"),
    ],
    ids=["short", "empty", "bytes", "read-only", "with gaps", "int"],
)
def test_memory_that_cannot_be_used_is_refused_before_a_command_is_sent(
    into: Any, error: type[Exception], message: str, cards: CallbackLibrary
) -> None:
    with counted(cards) as card:
        with pytest.raises(error, match=message):
            Script([READ_4]).run(card, into=into)
        assert cards.log == []
    if isinstance(into, bytearray):
        into.append(0)  # it is not locked


def test_memory_that_overlaps_the_commands_is_refused(cards: CallbackLibrary) -> None:
    """The script has a copy of the commands; its address is read from the object in C."""
    script = Script([READ_4 + bytes(ROOM - 5)] * 2)
    numbers = ffi.cast("uintptr_t *", script._native)
    assert (numbers[0], numbers[1]) == (2, 2 * ROOM), "the layout of struct scardffi_script has changed"
    commands = ffi.cast("unsigned char *", numbers[3])
    assert bytes(ffi.buffer(commands, 5)) == READ_4
    with counted(cards) as card:
        with pytest.raises(InvalidArgumentError, match="into: 'a buffer that overlaps the commands' is not allowed"):
            script.run(card, into=ffi.buffer(commands + 10, ROOM))
        assert cards.log == []


def test_the_memory_cannot_be_resized_while_replies_or_their_data_exist(cards: CallbackLibrary) -> None:
    memory = bytearray(ROOM + 100)
    with counted(cards) as card:
        replies = Script([READ_4] * 2).run(card, into=memory)
    data = replies[0].data
    with pytest.raises(BufferError):
        memory.append(0)
    del replies
    gc.collect()
    with pytest.raises(BufferError):
        memory.append(0)
    del data
    memory.append(0)


def test_replies_in_a_collected_cycle_let_go_of_the_memory(cards: CallbackLibrary) -> None:
    memory = bytearray(2 * ROOM)
    with counted(cards) as card:
        cycle: list[object] = [Script([READ_4]).run(card, into=memoryview(memory))]
    cycle += [cycle, cycle[0][0].data]  # type: ignore[index]  # Replies
    del cycle
    gc.collect()
    memory.append(0)


def test_after_a_later_run_into_the_same_memory_earlier_replies_cannot_be_read(cards: CallbackLibrary) -> None:
    memory = bytearray(4 * ROOM)
    script = Script([READ_4] * 3)
    with counted(cards) as card:
        first = script.run(card, into=memoryview(memory)[: 2 * ROOM])
        beside = script.run(card, into=memoryview(memory)[2 * ROOM :])
        assert numbers_in(first) == [0, 1, 2]
        kept = copy.deepcopy(first)
        second = script.run(card, into=memoryview(memory)[ROOM - 100 : 2 * ROOM])
        for read in (lambda: first[0], lambda: list(first), lambda: first[:2], lambda: pickle.dumps(first)):
            with pytest.raises(UnexpectedStateError, match=r"Replies: .*a later run has written to the memory"):
                read()
        assert len(first) == 3
        assert repr(first) == "<scardffi.Replies 3, overwritten>"
        assert repr(second) == "<scardffi.Replies 3>"
    assert [numbers_in(replies) for replies in (kept, beside, second)] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_two_runs_at_a_time_into_the_same_memory_are_refused(cards: CallbackLibrary) -> None:
    memory = bytearray(2 * ROOM)
    script = Script([READ_4] * 3)
    errors: list[BaseException] = []

    with counted(cards) as card:

        def progress(_done: int, _total: int) -> None:
            for part in (memory, memoryview(memory)[ROOM:]):
                with pytest.raises(InvalidArgumentError, match="into: 'memory in which another run is rec") as error:
                    script.run(card, into=part)
                errors.append(error.value)

        replies = script.run(card, into=memory, progress=progress)
        assert len(errors) == 2
        assert numbers_in(replies) == [0, 1, 2]
        assert numbers_in(script.run(card, into=memory)) == [3, 4, 5]


def test_one_script_runs_on_many_threads_each_with_its_own_part_of_the_memory(virtual_place: Place) -> None:
    memory = bytearray(8 * 2 * ROOM)
    script = Script([bytes([0, 0xB0, 0, i % 200, 1 + i % 30]) for i in range(300)])
    failures: list[object] = []

    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as keeper:
        expected = [bytes(reply) for reply in script.run(keeper)]

        def use(part: memoryview) -> None:
            with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
                for _ in range(20):
                    replies = script.run(card, into=part)
                    if [bytes(one) for one in replies] != expected or bytes(part[: len(expected[0])]) != expected[0]:
                        failures.append(replies)

        parts = [memoryview(memory)[i * 2 * ROOM : (i + 1) * 2 * ROOM] for i in range(8)]
        threads = [threading.Thread(target=use, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert failures == []


def test_a_failed_command_leaves_its_replies_in_the_memory_which_can_be_used_again(cards: CallbackLibrary) -> None:
    answers: list[bytes | int] = [b"\x01\x90\x00", b"\x02\x90\x00", ReturnCode.SCARD_W_REMOVED_CARD]
    memory = bytearray(2 * ROOM)
    one_by_one = iter(answers * 2)
    with cards.attach(lambda _: next(one_by_one)) as card:
        for _ in range(2):
            with pytest.raises(ScriptError) as failure:
                Script([READ_4] * 5).run(card, into=memory)
            assert isinstance(failure.value.__cause__, RemovedCardError)
            assert (failure.value.index, failure.value.code) == (2, ReturnCode.SCARD_W_REMOVED_CARD)
            assert isinstance(failure.value.replies, Replies)
            assert numbers_in(failure.value.replies) == [1, 2]


def test_ctrl_c_ends_a_run_and_the_memory_can_be_used_again(virtual_place: Place) -> None:
    memory = bytearray(2 * ROOM)
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        script = Script([READ_4] * 1000)
        with (
            virtual.fault("SCardTransmit", times=0xFFFFFFFF, latency=0) as sent,
            ended_by_ctrl_c(lambda: sent.hits > 1) as interruption,
        ):
            script.run(card, repeat=1 << 31, into=memory)
        kept = vars(interruption.error)
        replies = kept["replies"]
        assert len(replies) == kept["index"]
        assert {bytes(reply) for reply in replies} <= {ANSWER_4}
        assert len(script.run(card, into=memory)) == 1000


def test_a_run_on_a_detached_card_is_refused(virtual_place: Place) -> None:
    memory = bytearray(ROOM)
    with pytest.raises(UnexpectedStateError, match="not attached"):
        Script([READ_4]).run(SCardManage(virtual_place.library), into=memory)


def test_a_part_that_is_longer_than_announced_fails_if_the_memory_has_no_room_for_it() -> None:
    parts = [b"x" * 300 + b"\x61\x05", b"y" * (ROOM - 302) + b"z" * 20 + b"\x90\x00"]
    script = Script([bytes.fromhex("00B0000000")], flow=Flow.GET_RESPONSE)
    answers = iter(parts * 2)
    with in_reader(RecordingCard(lambda _: next(answers))) as card:
        with pytest.raises(ScriptError) as failure:
            script.run(card, into=bytearray(ROOM))
        assert isinstance(failure.value.__cause__, InsufficientBufferError)
        assert failure.value.code == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
        assert (failure.value.arrived, failure.value.partial) == (300, b"x" * 300)
        assert bytes(script.run(card, into=bytearray(2 * ROOM))[0]) == parts[0][:300] + parts[1]


def test_a_run_into_the_callers_memory_allocates_no_memory_for_replies(virtual_place: Place) -> None:
    count = 5000
    memory = bytearray(ROOM + 258 * count)
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        script = Script([bytes.fromhex("00B0000000")] * count)
        script.run(card, into=memory)
        tracemalloc.start()
        replies = script.run(card, into=memory)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(replies) == count
    assert peak < 8 * count + 4096, "more than the offsets of the replies"
