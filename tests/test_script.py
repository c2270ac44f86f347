"""Script: many commands in one C call; ends before the last command, and the replies that are kept."""

import gc
import threading
import time
from collections.abc import Iterator

import pytest
from conftest import Place
from support.callback_card import CallbackLibrary
from support.commands import ANSWER_4, READ_4, SLEEP_5_MS
from support.moments import is_in, when
from support.pcscd import PrivatePcscd
from support.signals import ended_by_ctrl_c

from scardffi import (
    CancelledError,
    InvalidArgumentError,
    NoServiceError,
    RemovedCardError,
    Replies,
    ReturnCode,
    SCardError,
    SCardManage,
    Script,
    ScriptError,
    SharingViolationError,
    UnexpectedStateError,
    virtual,
)


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


@pytest.fixture
def card(place: Place) -> Iterator[SCardManage]:
    with SCardManage(place.library).attach_by_ifd(place.reader) as attached:
        yield attached


def reads(count: int) -> list[bytes]:
    return [bytes([0, 0xB0, 0, i % 200, 1 + i % 30]) for i in range(count)]


def expected(command: bytes | bytearray) -> bytes:
    return bytes(range(command[3], command[3] + command[4])) + b"\x90\x00"


def test_the_replies_are_those_of_single_exchanges(card: SCardManage) -> None:
    commands: list[bytes | bytearray] = [
        *reads(300),
        bytes.fromhex("00B00000000400"),
        bytes.fromhex("00FF0000"),
        bytearray(READ_4),
    ]
    replies = Script(commands).run(card)
    assert len(replies) == len(commands)
    for command, reply in zip(commands, replies, strict=True):
        whole = card.transmit(command)
        assert bytes(reply) == whole
        assert reply.data == whole[:-2]
        assert reply.data.readonly
        assert reply.sw == int.from_bytes(whole[-2:], "big")
        assert reply.elapsed_ns is None
        assert len(reply) == len(whole)
    assert replies[-1].data == ANSWER_4[:-2]
    assert [bytes(one) for one in replies[1:3]] == [expected(one) for one in commands[1:3]]
    with pytest.raises(IndexError, match="index: 303 is not allowed; there are 303 replies"):
        replies[303]


def test_a_view_of_a_reply_outlives_script_replies_and_card(virtual_place: Place) -> None:
    card = SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader)
    data = Script([bytes.fromhex("00B0000000")]).run(card)[0].data
    card.detach()
    del card
    gc.collect()
    assert data == bytes(range(256))


def test_an_empty_script_has_no_replies(card: SCardManage) -> None:
    assert len(Script([]).run(card, repeat=1000)) == 0


def test_repeat_keeps_the_replies_of_the_last_pass_or_of_all(cards: CallbackLibrary) -> None:
    count = iter(range(100))
    with cards.attach(lambda _: bytes([next(count)]) + b"\x90\x00") as card:
        script = Script([READ_4] * 3)
        assert [one.data[0] for one in script.run(card, repeat=4)] == [9, 10, 11]
        assert [one.data[0] for one in script.run(card, repeat=2, keep_all=True)] == [12, 13, 14, 15, 16, 17]
        for repeat in (0, -1, 2**32):
            with pytest.raises(InvalidArgumentError, match=f"repeat: {repeat} is not allowed"):
                script.run(card, repeat=repeat)


def test_timed_replies_have_the_time_of_each_command(daemon: PrivatePcscd) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        for reply in Script([SLEEP_5_MS] * 5).run(card, timed=True):
            assert reply.elapsed_ns is not None
            assert reply.elapsed_ns >= 5_000_000


@pytest.mark.parametrize(
    ("expect", "met"),
    [
        (0x9000, False),
        ({0x9000, 0x6D00}, True),
        ((0x9000, 0xFF00), False),
        ({0x9000, (0x6D00, 0xFF00)}, True),
        ([0x9000, 0x6D00, 0x9000], True),
        ([None, None, None], True),
        ([None, 0x6E00, None], False),
        ((0x0000, 0x0000), True),
    ],
    ids=repr,
)
def test_an_unexpected_status_word_ends_the_script(expect: object, met: bool, card: SCardManage) -> None:
    script = Script([READ_4, bytes.fromhex("00FF0000"), READ_4], expect=expect)  # type: ignore[arg-type]  # all of them are wrong
    if met:
        assert len(script.run(card)) == 3
        return
    with pytest.raises(ScriptError, match="answered 6D00") as failure:
        script.run(card)
    assert (failure.value.index, failure.value.sw, failure.value.code) == (1, 0x6D00, None)
    assert [bytes(one) for one in failure.value.replies] == [ANSWER_4, b"\x6d\x00"]  # type: ignore[call-overload]  # Reply


@pytest.mark.parametrize("expect", [-1, 0x10000, "9000", (1, 2, 3), {(1,)}, [0x9000]], ids=repr)
def test_a_wrong_expect_argument_is_refused(expect: object) -> None:
    with pytest.raises(InvalidArgumentError, match="expect: "):
        Script([READ_4, READ_4], expect=expect)  # type: ignore[arg-type]  # the test passes a wrong type


@pytest.mark.parametrize("bad", [b"", bytes(65549)])
def test_the_error_names_a_command_of_a_wrong_length(bad: bytes) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"commands\[1\]: '{len(bad)} bytes' is not allowed"):
        Script([READ_4, bad])
    with pytest.raises(TypeError, match=r"commands\[0\]: expected a C-contiguous buffer"):
        Script(["00B0"])  # type: ignore[list-item]  # the test passes a wrong type


def test_after_a_removal_the_error_has_every_complete_reply(removal_daemon: PrivatePcscd) -> None:
    reader = removal_daemon.ifd_reader(3)
    with SCardManage().attach_by_ifd(reader) as card:
        try:
            with (
                pytest.raises(ScriptError) as failure,
                when(is_in(Script.run), lambda: removal_daemon.remove_card(3), after=0.2),
            ):
                Script([READ_4, SLEEP_5_MS] * 1000).run(card)
        finally:
            removal_daemon.wait_for_card(reader, present=False)
            removal_daemon.insert_card(3)
            removal_daemon.wait_for_card(reader)
    replies = failure.value.replies
    assert isinstance(replies, Replies)
    assert 0 < len(replies) == failure.value.index < 2000
    assert all(bytes(one) == (ANSWER_4 if i % 2 == 0 else b"\x90\x00") for i, one in enumerate(replies))
    assert isinstance(failure.value.__cause__, SCardError)
    assert failure.value.code == failure.value.__cause__.code


@pytest.mark.parametrize(
    ("code", "error"),
    [(ReturnCode.SCARD_W_REMOVED_CARD, RemovedCardError), (ReturnCode.SCARD_E_NO_SERVICE, NoServiceError)],
)
def test_a_failure_of_any_command_is_raised_with_its_index_and_code(
    code: int, error: type[SCardError], cards: CallbackLibrary
) -> None:
    for place in range(5):
        answers: list[bytes | int] = [b"\x90\x00"] * 5
        answers[place] = code
        one_by_one = iter(answers)
        with cards.attach(lambda _, answers=one_by_one: next(answers)) as card:  # type: ignore[misc]  # the default binds the variable of the loop
            with pytest.raises(ScriptError) as failure:
                Script([READ_4] * 5).run(card)
            assert (failure.value.index, failure.value.code, len(failure.value.replies)) == (place, code, place)
            assert isinstance(failure.value.__cause__, error)


def test_a_response_longer_than_le_is_kept(cards: CallbackLibrary) -> None:
    with cards.attach(lambda _: bytes(1000) + b"\x90\x00") as card:
        assert [len(one) for one in Script([bytes.fromhex("00B0000001")] * 3).run(card)] == [1002] * 3


def test_progress_can_be_read_and_cancel_ends_the_script_with_the_replies_so_far(daemon: PrivatePcscd) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        cancel = threading.Event()
        told: list[tuple[int, int]] = []

        def progress(done: int, total: int) -> None:
            told.append((done, total))
            if len(told) == 2:
                cancel.set()

        start = time.perf_counter()
        with pytest.raises(ScriptError, match="cancelled") as failure:
            Script([SLEEP_5_MS] * 1000).run(card, progress=progress, cancel=cancel)
        assert time.perf_counter() - start < 2
        assert failure.value.hresult == ReturnCode.SCARD_E_CANCELLED
        assert isinstance(failure.value.__cause__, CancelledError)
        assert told[1][0] == len(failure.value.replies)
        assert all(total == 1000 for _, total in told)
        assert told[0][0] <= 20 + 10, "C does not return every 100 ms"


def test_ctrl_c_ends_a_script_of_a_million_commands_with_the_replies_so_far(virtual_place: Place) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        script = Script([READ_4] * 1_000_000)
        with (
            virtual.fault("SCardTransmit", times=0xFFFFFFFF, latency=0) as sent,
            ended_by_ctrl_c(lambda: sent.hits > 1) as interruption,
        ):
            script.run(card, repeat=1000)
        replies = vars(interruption.error)["replies"]
        assert bytes(replies[0]) == ANSWER_4
        assert card.transmit(READ_4) == ANSWER_4


def test_one_script_runs_on_many_threads_and_cards_at_the_same_time(place: Place) -> None:
    commands = reads(200)
    script = Script(commands)
    failures: list[object] = []

    def use() -> None:
        with SCardManage(place.library).attach_by_ifd(place.reader) as card:
            for _ in range(5):
                replies = script.run(card)
                if [bytes(one) for one in replies] != [expected(one) for one in commands]:
                    failures.append(replies)

    with SCardManage(place.library).attach_by_ifd(place.reader):
        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert failures == []


def test_a_script_in_a_transaction_keeps_other_handles_out(card: SCardManage, place: Place) -> None:
    seen: list[int] = []
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:

        def look(_done: int, _total: int) -> None:
            with pytest.raises(SharingViolationError):
                other.get_attribute(0x7FFF0003)
            seen.append(1)

        Script([READ_4]).run(card, transaction=True, progress=look)
        assert seen == [1]
        other.lock(timeout=1)
        other.unlock()


def test_a_detached_card_is_refused(virtual_place: Place) -> None:
    with pytest.raises(UnexpectedStateError, match="not attached"):
        Script([READ_4]).run(SCardManage(virtual_place.library))
