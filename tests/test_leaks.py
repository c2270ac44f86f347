"""No leaks: memory, descriptors and connections of closed and collected objects, and of objects inherited by a fork."""

import contextlib
import gc
import os
import re
import sys
import threading
import time
import warnings
from queue import SimpleQueue

import pytest
from conftest import Place
from support.alone import run_alone
from support.commands import READ_2
from support.pcscd import PrivatePcscd
from support.reports import report

from scardffi import Context, InvalidHandleError, Library, SCardManage, Script

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and a private pcscd needs Linux")

MIB = 1 << 20
TIMES = int(os.environ.get("SCARDFFI_TEST_TIMES", "1"))  # more for .ci/long leaks
ROUNDS, ROUNDS_ON_A_DAEMON = 20_000 * TIMES, 1_000 * TIMES
COLLECTED = 500 * TIMES
CYCLES = 20 * TIMES
RACES = 300 * TIMES
FORKS = 50 * TIMES
SECONDS = 80 * TIMES


def is_open(place: Place, handle: int) -> bool:
    """Return True if the handle works; use an object, because the daemon drops a client that uses a closed handle."""
    try:
        SCardManage(place.library).attach_by_handle(handle).detach()
    except InvalidHandleError:
        return False
    return True


def wait_until_closed(place: Place, handle: int) -> None:
    deadline = time.monotonic() + 5
    while is_open(place, handle):
        assert time.monotonic() < deadline, "the handle is still open"
        time.sleep(0.001)


def wait_until_released(place: Place, context: int) -> None:
    deadline = time.monotonic() + 5
    while place.library.SCardIsValidContext(context) == 0:
        assert time.monotonic() < deadline, "the context is still there"
        time.sleep(0.001)


def raw_handle(place: Place) -> tuple[int, int]:
    code, context = place.library.SCardEstablishContext(2)
    assert code == 0
    code, handle, _ = place.library.SCardConnect(context, place.reader, 2, 3)
    assert code == 0
    return context, handle


# rounds


@pytest.mark.parametrize("how", ["handle", "ifd"])
@pytest.mark.parametrize("which", ["fresh", "reused"])
def test_many_rounds_cost_no_memory_and_no_descriptor(virtual_place: Place, how: str, which: str) -> None:
    path = virtual_place.library.info().path
    grown, _ = run_alone("rounds", path, virtual_place.reader, how, which, str(ROUNDS), seconds=SECONDS)
    report(f"{ROUNDS} rounds by {how}, {which} object: {grown['bytes']} bytes more, {grown['us']} us a round")
    assert grown["bytes"] < MIB
    assert grown["descriptors"] == 0


def daemon_actions(daemon: PrivatePcscd) -> dict[str, int]:
    """Return how often the daemon did each action, by its log; a released context disconnects its cards."""
    log = daemon.log.read_text(errors="replace")
    patterns = {
        "establish": r"\bESTABLISH_CONTEXT for client \d+, rv=SCARD_S_SUCCESS",
        "connect": r"\bCONNECT for client \d+, rv=SCARD_S_SUCCESS",
        "disconnect": r"\bSCardDisconnect\(\) dwDisposition: 0",
        "release": r"\bRELEASE_CONTEXT for client \d+, rv=SCARD_S_SUCCESS",
    }
    return {name: len(re.findall(pattern, log)) for name, pattern in patterns.items()}


def test_thousands_of_rounds_on_a_daemon_close_all_contexts_and_handles(daemon: PrivatePcscd) -> None:
    before = daemon_actions(daemon)
    reader = daemon.ifd_reader(0)
    grown, _ = run_alone("rounds", "libpcsclite.so.1", reader, "ifd", "fresh", str(ROUNDS_ON_A_DAEMON), seconds=SECONDS)
    report(f"{ROUNDS_ON_A_DAEMON} rounds on pcscd: {grown['bytes']} bytes more, {grown['us']} us a round")
    assert grown["bytes"] < MIB
    assert grown["descriptors"] == 0
    all_rounds = ROUNDS_ON_A_DAEMON + ROUNDS_ON_A_DAEMON // 10
    done = {name: count - before[name] for name, count in daemon_actions(daemon).items()}
    assert done == dict.fromkeys(before, all_rounds)


def test_attaching_to_a_handle_that_its_owner_detaches_does_not_close_the_owners_context(
    daemon: PrivatePcscd,
) -> None:
    """The daemon closes the context of a client that uses a handle which was just closed."""
    place = Place(Library("libpcsclite.so.1"), daemon.ifd_reader(0))
    handles: SimpleQueue[int] = SimpleQueue()
    tried = threading.Barrier(2)

    def attach_again_and_again() -> None:
        card = SCardManage(place.library)
        for handle in iter(handles.get, 0):
            for _ in range(20):
                with contextlib.suppress(InvalidHandleError):
                    card.attach_by_handle(handle).detach()
            tried.wait()

    other = threading.Thread(target=attach_again_and_again)
    other.start()
    codes: list[int] = []
    while len(codes) < RACES and not any(codes):
        context, handle = raw_handle(place)
        owner = SCardManage(place.library).attach_by_handle(handle, owned=True)
        handles.put(handle)
        owner.detach()
        tried.wait()
        codes.append(place.library.SCardReleaseContext(context))
    handles.put(0)
    other.join()
    assert not any(codes), f"in round {len(codes)} the context was gone: 0x{codes[-1]:08X}"


# collected objects


def test_a_collected_card_warns_and_its_handle_is_disconnected(place: Place) -> None:
    card = SCardManage(place.library).attach_by_ifd(place.reader)
    handle = card.handle
    with pytest.warns(ResourceWarning, match=rf"handle {handle}> was collected while attached; call detach\(\)"):
        del card
    wait_until_closed(place, handle)


def test_a_collected_card_disconnects_a_handle_that_it_owns(place: Place) -> None:
    context, handle = raw_handle(place)
    card = SCardManage(place.library).attach_by_handle(handle, owned=True)
    with pytest.warns(ResourceWarning, match=f"handle {handle}>"):
        del card
    wait_until_closed(place, handle)
    assert place.library.SCardReleaseContext(context) == 0


def test_a_collected_context_warns_and_is_released(place: Place) -> None:
    context = Context(library=place.library)
    number = context.handle
    with pytest.warns(ResourceWarning, match=rf"context {number}> was collected without release\(\)"):
        del context
    wait_until_released(place, number)


def test_a_collected_card_leaves_a_borrowed_handle_open_and_does_not_warn(place: Place) -> None:
    context, handle = raw_handle(place)
    card = SCardManage(place.library).attach_by_handle(handle)
    assert card.transmit(READ_2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del card
        gc.collect()
    time.sleep(0.05)  # time for the reaper, which must not close it
    assert is_open(place, handle)
    assert place.library.SCardDisconnect(handle, 0) == 0
    assert place.library.SCardReleaseContext(context) == 0


def test_each_of_many_collected_cards_warns_and_names_its_handle(virtual_place: Place) -> None:
    """The reaper may close the handle before the warning is issued."""
    handles = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(COLLECTED):
            card = SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader)
            handles.append(card.handle)
            del card
    messages = [str(warning.message) for warning in caught]
    assert len(messages) == COLLECTED
    unnamed = [text for text, handle in zip(messages, handles, strict=True) if f"handle {handle}>" not in text]
    assert not unnamed, f"{len(unnamed)} of {COLLECTED}, such as {unnamed[0]}"
    for handle in handles:
        wait_until_closed(virtual_place, handle)


def test_an_attached_card_in_a_collected_cycle_warns_and_its_handle_is_disconnected(place: Place) -> None:
    handles = []
    gc.disable()  # a collection before pytest.warns would make the warning an error
    try:
        for _ in range(CYCLES):
            card = SCardManage(place.library).attach_by_ifd(place.reader)
            handles.append(card.handle)
            cycle: list[object] = [card]
            cycle.append(cycle)
            del card, cycle
            with pytest.warns(ResourceWarning, match=f"handle {handles[-1]}> was collected while attached"):
                gc.collect()
    finally:
        gc.enable()
    for handle in handles:
        wait_until_closed(place, handle)


class LogsOut:
    """An object that uses its card when it is collected."""

    def __init__(self, place: Place, answers: list[bytes]) -> None:
        self.me = self
        self.card = SCardManage(place.library).attach_by_ifd(place.reader)
        self.response = bytearray(8)
        self.exchange = self.card.exchange(READ_2, self.response)
        self.script = Script([READ_2])
        self.replies = self.script.run(self.card)
        self.answers = answers
        self.card.transmit(READ_2)

    def __del__(self) -> None:
        self.answers += [self.card.transmit(READ_2), bytes(self.response[: self.exchange()])]
        self.answers += [bytes(self.replies[0]), bytes(self.script.run(self.card)[0])]
        self.card.detach()


def test_a_finalizer_in_a_collected_cycle_may_use_the_card(place: Place) -> None:
    answers: list[bytes] = []
    for _ in range(CYCLES):
        LogsOut(place, answers)
        gc.collect()
    assert len(answers) == 4 * CYCLES
    assert len(set(answers)) == 1
    assert answers[0][-2:] == bytes.fromhex("9000")


def test_an_unchecked_exchange_may_outlive_its_exchange_and_its_card(virtual_place: Place) -> None:
    card = SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader)
    response = bytearray(8)
    send = card.exchange(bytearray(READ_2), response).unchecked
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the card is not collected
        del card
        gc.collect()
    assert send() == 4
    assert response[2:4] == bytes.fromhex("9000")
    with pytest.warns(ResourceWarning, match="was collected while attached"):
        del send


def test_if_resource_warnings_are_errors_finalizers_still_close_and_do_not_raise(place: Place) -> None:
    found, stderr = run_alone(
        "collected", place.library.info().path, place.reader, options=["-W", "error::ResourceWarning"]
    )
    assert found == "closed"
    assert stderr.count("> was collected while attached") == 1
    assert stderr.count("> was collected without release()") == 1


# objects inherited over a fork


def forks(scenario: str, place: Place, *more: str) -> int:
    options = ["-W", "ignore::DeprecationWarning"]  # Python 3.12 advises against forks of a process with threads
    arguments = scenario, place.library.info().path, place.reader, *more
    made, stderr = run_alone("forks", *arguments, options=options, seconds=SECONDS)
    assert stderr == ""
    return int(made)


def test_a_child_cannot_use_inherited_objects_and_the_parents_connections_stay_open(place: Place) -> None:
    assert forks("inherited", place) == 3


def test_inherited_objects_that_a_child_collects_stay_open_in_the_parent(place: Place) -> None:
    assert forks("collected", place) == 2


def test_a_child_does_not_close_what_the_parent_still_has_to_close(place: Place) -> None:
    assert forks("while_something_waits_to_be_closed", place) == 1


def test_a_child_forked_while_threads_use_the_context_is_refused_and_does_not_hang(place: Place) -> None:
    assert forks("while_threads_list_readers", place) == FORKS


def test_a_child_forked_while_a_thread_waits_is_refused_and_the_wait_goes_on(place: Place) -> None:
    assert forks("while_a_thread_waits", place) == 2


def test_a_child_forked_while_threads_transmit_is_refused_and_does_not_hang(place: Place) -> None:
    assert forks("while_threads_transmit", place) == FORKS


def test_a_child_forked_while_threads_transmit_uses_the_card_through_its_own_context(virtual_place: Place) -> None:
    """Not with pcsc-lite: the child waits for ever if a thread held pcsc-lite's mutex at the fork (seen with 1.9.9)."""
    assert forks("while_threads_transmit", virtual_place, "talk") == FORKS
