"""Many threads: each caller gets its own answer, and a slow card delays no other card."""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Place
from support.alone import run_alone
from support.commands import ANSWER_4, HANG, READ_4
from support.pcscd import PrivatePcscd
from support.reports import report

from scardffi import (
    Context,
    Disposition,
    ProtocolMismatchError,
    ResetCardError,
    SCardManage,
    ShareMode,
    UnexpectedStateError,
)


def run_threads(*targets: Callable[[], None]) -> None:
    """Run each function on its own thread; raise the first exception."""
    failures: list[BaseException] = []

    def guarded(target: Callable[[], None]) -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001  it is raised below
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def read_everywhere(card: SCardManage, start: int, rounds: int) -> None:
    response = bytearray(40)
    for i in range(rounds):
        offset, length = (start + i) % 200, 1 + (start + i) % 30
        expected = bytes(range(offset, offset + length)) + b"\x90\x00"
        command = bytes([0, 0xB0, 0, offset, length])
        if i % 2:
            assert card.transmit(command) == expected
        else:
            assert card.transmit_into(command, response) == length + 2
            assert response[: length + 2] == expected


def test_eight_threads_on_one_object_each_get_their_own_answer(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        run_threads(*(lambda start=start: read_everywhere(card, 37 * start, 1500) for start in range(8)))


def test_eight_objects_on_one_handle_each_get_their_own_answer(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as owner:

        def use(start: int) -> None:
            with SCardManage(place.library).attach_by_handle(owner) as card:
                read_everywhere(card, 37 * start, 500)

        run_threads(*(lambda start=start: use(start) for start in range(8)))


def test_transmitting_while_others_attach_and_detach_returns_an_answer_or_is_refused(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as owner:
        card = SCardManage(place.library)
        stop = threading.Event()

        def use() -> None:
            while not stop.is_set():
                with contextlib.suppress(UnexpectedStateError):
                    assert card.transmit(READ_4) == ANSWER_4

        def change() -> None:
            try:
                for _ in range(300):
                    card.attach_by_handle(owner)
                    card.detach()
            finally:
                stop.set()

        run_threads(use, use, use, change)


def test_while_one_card_hangs_all_others_work(daemon: PrivatePcscd) -> None:
    with Context() as context:
        hanging, other = context.attach(daemon.ifd_reader(0)), context.attach(daemon.ifd_reader(1))
        answers: list[bytes] = []
        stuck = threading.Thread(target=lambda: answers.append(hanging.transmit(HANG)))
        stuck.start()
        while not daemon.ifd_events(0)[-1].startswith("apdu") or "80140000" not in daemon.ifd_events(0)[-1]:
            time.sleep(0.001)
        late = SCardManage()
        queueing = threading.Thread(target=late.attach_by_handle, args=(hanging,))
        queueing.start()  # another object on the busy handle waits before it calls the library
        slowest = 0.0
        for _ in range(20):
            start = time.monotonic()
            assert other.transmit(READ_4) == ANSWER_4
            assert daemon.ifd_reader(1) in context.list_readers()
            context.get_status_change([daemon.ifd_reader(1)], 0)
            with SCardManage().attach_by_ifd(daemon.ifd_reader(2)) as third:
                assert third.transmit(READ_4) == ANSWER_4
            with SCardManage().attach_by_handle(other) as borrowed:
                assert borrowed.status().reader == daemon.ifd_reader(1)
            slowest = max(slowest, time.monotonic() - start)
        assert stuck.is_alive()
        assert slowest < 2
        assert queueing.is_alive()
        daemon.release(0)
        stuck.join(5)
        queueing.join(5)
        assert answers == [b"\x90\x00"]
        assert late.transmit(READ_4) == ANSWER_4
        late.detach()


def test_calls_and_detach_wait_for_the_running_command_of_the_same_card(daemon: PrivatePcscd) -> None:
    card = SCardManage().attach_by_ifd(daemon.ifd_reader(0))
    answers: list[bytes] = []
    first = threading.Thread(target=lambda: answers.append(card.transmit(HANG)))
    first.start()
    while "80140000" not in daemon.ifd_events(0)[-1]:
        time.sleep(0.001)
    last = threading.Thread(target=card.detach)
    last.start()
    last.join(0.2)
    assert last.is_alive()
    assert answers == []
    daemon.release(0)
    first.join(5)
    last.join(5)
    assert answers == [b"\x90\x00"]
    assert not card.is_attached


def test_after_a_reset_by_one_thread_the_others_get_a_reset_error_or_an_answer(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        seen = {"answers": 0, "resets": 0}

        def use() -> None:
            for _ in range(300):
                try:
                    assert card.transmit(READ_4) == ANSWER_4
                    seen["answers"] += 1
                except (
                    ResetCardError,
                    ProtocolMismatchError,
                ):  # pcscd resets the protocol first, and reports the reset later
                    card.reconnect(ShareMode.SHARED)
                    seen["resets"] += 1

        def reset() -> None:
            for _ in range(20):
                SCardManage(place.library).attach_by_ifd(place.reader).detach(Disposition.RESET)

        run_threads(use, use, reset)
        assert seen["answers"] > 0


@pytest.mark.alone
def test_sixteen_slow_cards_on_sixteen_threads_give_twelve_times_the_throughput_of_one(
    daemon: PrivatePcscd, tmp_path: Path
) -> None:
    assert daemon.socket.exists()
    best = 0.0
    for _ in range(3):  # the machine may be busy
        with PrivatePcscd(tmp_path, 16) as sixteen:
            readers = [sixteen.ifd_reader(number) for number in range(16)]
            rates, _ = run_alone("scaling", *readers, environment=sixteen.environment)
        best = max(best, rates["all"] / rates["one"])
        report(f"5 ms cards, APDUs/s: one {rates['one']:.0f}, sixteen {rates['all']:.0f}: {best:.1f} times")
        if best >= 12:
            break
    assert best >= 12


def test_a_context_may_be_used_by_many_threads(place: Place) -> None:
    with Context(library=place.library) as context, context.attach(place.reader):
        # That card stays attached: if pcscd's last client disconnects while another one connects, pcscd powers the card
        # down in between, and the first command of the other fails with SCARD_E_PROTO_MISMATCH (seen with 1.9.9).

        def use() -> None:
            for _ in range(50):
                assert place.reader in context.list_readers()
                with context.attach(place.reader) as card:
                    assert card.transmit(READ_4) == ANSWER_4

        run_threads(*[use] * 8)
