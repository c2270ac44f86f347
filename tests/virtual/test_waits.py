"""Waits on the virtual library: no event is lost, a cancel ends only its waits, and waiting takes no processor time."""

import json
import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from conftest import IDLE_SECONDS
from support.reports import report
from support.shape import WINDOWS

from scardffi import Library, ReturnCode
from scardffi.constants import INFINITE, PNP_NOTIFICATION
from scardffi.virtual import DEFAULT_READER, AnsweringCard, VirtualReader

NAME = "Reader of the waits"
CHANGED, EMPTY, PRESENT = 0x02, 0x10, 0x20
WAITERS = 8
INSERTIONS = 10_000
CANCELS = 1000


@pytest.fixture
def reader() -> Iterator[VirtualReader]:
    with VirtualReader(NAME) as plugged:
        yield plugged


class Watcher(threading.Thread):
    """A thread that counts the events of a reader by its event counter, up to a number."""

    def __init__(self, library: Library, events: int) -> None:
        super().__init__()
        self.library, self.events = library, events
        self.seen = self.wakes = 0
        self.state = 0
        code, self.context = library.SCardEstablishContext(2)
        assert code == 0
        self.wait()

    def wait(self) -> None:
        """Wait until the reader's state changes."""
        code, [(event, _)] = self.library.SCardGetStatusChange(self.context, INFINITE, [(NAME, self.state)])
        assert code == 0
        self.state = event & ~CHANGED

    def run(self) -> None:
        """Wait and count."""
        while self.seen < self.events:
            before = self.state >> 16
            self.wait()
            self.seen += ((self.state >> 16) - before) % 0x10000
            self.wakes += 1
        self.library.SCardReleaseContext(self.context)


def test_no_thread_misses_one_of_20_000_insertions_and_removals(library: Library, reader: VirtualReader) -> None:
    reader.insert(AnsweringCard())  # a counter of 0 means no counter
    watchers = [Watcher(library, 2 * INSERTIONS) for _ in range(WAITERS)]
    for watcher in watchers:
        watcher.start()
    for _ in range(INSERTIONS):
        reader.remove()
        reader.insert(AnsweringCard())
    for watcher in watchers:
        watcher.join(60)
    assert [watcher.seen for watcher in watchers] == [2 * INSERTIONS] * WAITERS
    assert all(watcher.state & (PRESENT | EMPTY) == PRESENT for watcher in watchers)
    wakes = sum(watcher.wakes for watcher in watchers)
    report(f"{2 * INSERTIONS} insertions and removals, {WAITERS} waiting threads: each saw all, woken {wakes} times")


def test_a_cancel_at_any_moment_ends_the_present_wait_or_none_and_no_later_one(
    library: Library, reader: VirtualReader
) -> None:
    reader.insert(AnsweringCard())
    _, context = library.SCardEstablishContext(2)
    _, [(state, _)] = library.SCardGetStatusChange(context, 0, [(NAME, 0)])
    known = [(NAME, state & ~CHANGED)]
    chance = random.Random(4)
    codes: list[int] = []
    go, done = threading.Semaphore(0), threading.Semaphore(0)

    def wait() -> None:
        for _ in range(CANCELS):
            go.acquire()
            codes.append(library.SCardGetStatusChange(context, 2, known)[0])
            done.release()

    waiter = threading.Thread(target=wait)
    waiter.start()
    for _ in range(CANCELS):
        go.release()
        time.sleep(chance.uniform(0, 0.003))  # before, in or after its 2 ms
        assert library.SCardCancel(context) == 0
        assert done.acquire(timeout=5)
        # No wait is running now: a cancel must not end the next wait.
        library.SCardCancel(context)
    waiter.join()
    assert set(codes) <= {ReturnCode.SCARD_E_CANCELLED, ReturnCode.SCARD_E_TIMEOUT}
    assert codes.count(ReturnCode.SCARD_E_CANCELLED) >= CANCELS // 10, "too few cancels came during a wait"
    assert codes.count(ReturnCode.SCARD_E_TIMEOUT) >= CANCELS // 100, "too few cancels came outside a wait"
    assert library.SCardGetStatusChange(context, 20, known)[0] == ReturnCode.SCARD_E_TIMEOUT
    assert library.SCardReleaseContext(context) == 0
    woken = codes.count(ReturnCode.SCARD_E_CANCELLED)
    report(f"{CANCELS} cancels at any moment: {woken} woke the waiter, the others nobody")


def test_a_cancel_ends_only_the_waits_of_its_context(library: Library, reader: VirtualReader) -> None:
    reader.insert(AnsweringCard())
    _, first = library.SCardEstablishContext(2)
    _, second = library.SCardEstablishContext(2)
    _, [(state, _)] = library.SCardGetStatusChange(first, 0, [(NAME, 0)])
    known = [(NAME, state & ~CHANGED)]
    codes: dict[int, int] = {}

    def wait(context: int) -> None:
        codes[context] = library.SCardGetStatusChange(context, INFINITE, known)[0]

    threads = {context: threading.Thread(target=wait, args=(context,)) for context in (first, second)}
    for thread in threads.values():
        thread.start()
    while threads[first].is_alive():
        library.SCardCancel(first)
        threads[first].join(0.005)
    assert codes == {first: ReturnCode.SCARD_E_CANCELLED}
    reader.remove()
    threads[second].join(5)
    assert codes == {first: ReturnCode.SCARD_E_CANCELLED, second: 0}
    for context in threads:
        assert library.SCardReleaseContext(context) == 0


def test_a_wait_for_the_list_of_readers_sees_each_change(library: Library) -> None:
    _, context = library.SCardEstablishContext(2)
    code, [(state, _)] = library.SCardGetStatusChange(context, 0, [(PNP_NOTIFICATION, 0)])
    assert (code, state & CHANGED) == (ReturnCode.SCARD_E_TIMEOUT, 0)
    for change in (VirtualReader(NAME).plug, VirtualReader(NAME).unplug):
        timer = threading.Timer(0.05, change)
        timer.start()
        code, [(now, _)] = library.SCardGetStatusChange(context, 5000, [(PNP_NOTIFICATION, state)])
        assert (code, now & CHANGED) == (0, CHANGED)
        # A change before the wait is returned too, if the known counter is passed.
        assert library.SCardGetStatusChange(context, 0, [(PNP_NOTIFICATION, state)])[0] == 0
        assert (
            library.SCardGetStatusChange(context, 0, [(PNP_NOTIFICATION, now & ~CHANGED)])[0]
            == ReturnCode.SCARD_E_TIMEOUT
        )
        state = now & ~CHANGED
    assert library.SCardReleaseContext(context) == 0


def test_a_wait_counts_1000_new_readers_and_takes_the_list_beside_1024_readers(library: Library) -> None:
    _, context = library.SCardEstablishContext(2)
    _, [(before, _)] = library.SCardGetStatusChange(context, 0, [(PNP_NOTIFICATION, 0)])
    names = [DEFAULT_READER, *(f"counted {number}" for number in range(1023))]
    with ExitStack() as stack:
        for name in names[1:]:
            stack.enter_context(VirtualReader(name))
        everything = [(name, 0) for name in (*names, PNP_NOTIFICATION)]
        code, states = library.SCardGetStatusChange(context, 0, everything)
        assert (code, len(states)) == (0, 1025)
        assert ((states[-1][0] >> 16) - (before >> 16)) % 0x10000 == 1023
        assert [event & (CHANGED | EMPTY) for event, _ in states[1:-1]] == [CHANGED | EMPTY] * 1023
        one_too_many = [*everything, (NAME, 0)]
        assert library.SCardGetStatusChange(context, 0, one_too_many)[0] == ReturnCode.SCARD_E_INVALID_PARAMETER

        known = [(name, state & ~CHANGED) for (name, _), (state, _) in zip(everything, states, strict=True)]
        timer = threading.Timer(0.05, VirtualReader(names[700]).insert, [AnsweringCard()])
        timer.start()
        code, states = library.SCardGetStatusChange(context, 5000, known)
        assert code == 0
        assert [names[index] for index, (event, _) in enumerate(states) if event & CHANGED] == [names[700]]
        timer.join()
    assert library.SCardReleaseContext(context) == 0


def test_a_waiting_thread_uses_no_processor_time(idle_wait: subprocess.Popen[str]) -> None:
    said, _ = idle_wait.communicate(timeout=IDLE_SECONDS + 60)
    assert idle_wait.returncode == 0
    cost = json.loads(said)
    report(
        f"a wait of {IDLE_SECONDS} s: {cost['thread']:.3f} ms of processor time, {cost['process']:.3f} ms with Python's"
    )
    report(f"a waiting monitor with a callback and an iteration: {cost['monitor']:.3f} ms in {IDLE_SECONDS} s")
    assert cost["thread"] < 1
    assert cost["monitor"] < 1
    # Only on Windows does Python check for Ctrl-C during a wait.
    assert cost["process"] < (100 if WINDOWS else 10)
