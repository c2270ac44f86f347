"""The monitors of scardffi.compat.smartcard: nothing is lost, whatever happens."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alone import run_alone
from support.platforms import FORKS
from support.reports import report

from scardffi import virtual
from scardffi.compat.smartcard.Card import Card
from scardffi.compat.smartcard.CardMonitoring import CardMonitor, CardObserver
from scardffi.compat.smartcard.Observer import Observable
from scardffi.compat.smartcard.ReaderMonitoring import ReaderMonitor, ReaderObserver

IS_LONG = os.environ.get("SCARDFFI_TEST_PYSCARD") == "long"
RESTARTS = 20 if IS_LONG else 2
CONNECTS = 300
STORM = 10_000


@pytest.fixture(autouse=True)
def _virtual_library() -> Iterator[None]:
    with virtual.installed():
        yield


class Keeping(CardObserver, ReaderObserver):
    """An observer that keeps the news in order."""

    def __init__(self) -> None:
        self.news: list[tuple[str, Any]] = []

    def update(self, _observable: object, handlers: Any) -> None:
        """Keep the news."""
        added, removed = handlers
        self.news += [("removed", one) for one in removed] + [("added", one) for one in added]

    def count(self, kind: str, text: str) -> int:
        """Return how often something was told."""
        return sum(one == kind and text in str(what) for one, what in list(self.news))


class Slow(Keeping):
    """An observer whose calls do not end before ``may_end`` is set.

    Args:
        reader: a part of the reader's name: news that come before those of its card are handled at once.
    """

    def __init__(self, reader: str = "") -> None:
        super().__init__()
        self.reader = reader
        self.is_called, self.may_end = threading.Event(), threading.Event()

    def update(self, observable: object, handlers: Any) -> None:
        """Keep the news and wait."""
        super().update(observable, handlers)
        if self.count("added", self.reader):
            self.is_called.set()
            self.may_end.wait(10)


def until(condition: Callable[[], object], seconds: float = 10.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return bool(condition())


def test_all_that_is_there_comes_in_one_call_and_to_a_later_observer_too() -> None:
    class Calls(CardObserver):
        def __init__(self) -> None:
            self.calls: list[Any] = []

        def update(self, _observable: object, handlers: Any) -> None:
            self.calls.append(handlers)

    first, later = Calls(), Calls()
    with virtual.VirtualReader("one", virtual.AnsweringCard()), virtual.VirtualReader("two", virtual.AnsweringCard()):
        monitor = CardMonitor()
        monitor.addObserver(first)
        assert until(lambda: first.calls)
        monitor.addObserver(later)
        assert [len(added) for added, _ in first.calls] == [len(added) for added, _ in later.calls]
        assert {str(card.reader) for card in later.calls[0][0]} >= {"one", "two"}
        monitor.deleteObserver(first)
        monitor.deleteObserver(later)
    assert monitor.rmthread is None
    assert monitor.countObservers() == 0


def test_one_thread_with_a_name_calls_the_observers() -> None:
    class Threads(CardObserver, ReaderObserver):
        def __init__(self) -> None:
            self.threads: list[threading.Thread] = []

        def update(self, _observable: object, _handlers: object) -> None:
            self.threads.append(threading.current_thread())

    monitors = CardMonitor(), ReaderMonitor()
    for monitor, name in zip(monitors, ("CardMonitoringThread", "ReaderMonitoringThread"), strict=True):
        observer = Threads()
        monitor.addObserver(observer)
        for count in (1, 3, 5):  # what is there comes first, then each change
            assert until(lambda: len(observer.threads) == count)  # noqa: B023  until calls it at once
            with virtual.VirtualReader("a thread", virtual.AnsweringCard()):
                assert until(lambda: len(observer.threads) == count + 1)  # noqa: B023  as above
        monitor.deleteObserver(observer)
        (thread,) = set(observer.threads)
        assert (thread.name, thread.daemon) == (f"smartcard.{name}", True)
        thread.join(10)
        assert not thread.is_alive()


def test_a_storm_of_insertions_and_removals_loses_none() -> None:
    observer = Keeping()
    monitor = CardMonitor()
    card = virtual.AnsweringCard()
    with virtual.VirtualReader("stormy") as reader:
        monitor.addObserver(observer)
        assert until(lambda: observer.news)
        start = time.perf_counter()
        for _ in range(STORM // 2):
            reader.insert(card)
            reader.remove()
        seconds = time.perf_counter() - start
        assert until(lambda: observer.count("removed", "stormy") >= STORM // 2)
    monitor.deleteObserver(observer)
    told = [kind for kind, one in observer.news if isinstance(one, Card) and str(one.reader) == "stormy"]
    assert told == ["added", "removed"] * (STORM // 2)
    report(f"CardMonitor: {STORM} events in {seconds:.2f} s, none lost")


def test_a_reader_that_comes_and_goes_is_told() -> None:
    observer, monitor = Keeping(), ReaderMonitor()
    monitor.addObserver(observer)
    with virtual.VirtualReader("passing"):
        assert until(lambda: observer.count("added", "passing"))
    assert until(lambda: observer.count("removed", "passing"))
    monitor.deleteObserver(observer)


def test_a_function_of_the_programs_own_is_called_every_period(caplog: pytest.LogCaptureFixture) -> None:
    names = ["a"]

    def list_readers() -> list[str]:
        if not names:
            raise ValueError("no list")
        return list(names)

    observer, monitor = Keeping(), ReaderMonitor(readerProc=list_readers, period=0.01)
    monitor.addObserver(observer)
    assert until(lambda: observer.news == [("added", "a")])
    names.clear()
    assert until(lambda: "ValueError: no list" in caplog.text)
    names[:] = ["b"]
    assert until(lambda: observer.news[1:] == [("removed", "a"), ("added", "b")])
    monitor.deleteObserver(observer)
    ReaderMonitor()  # watches the system's readers again


def test_no_call_begins_after_the_observer_was_removed() -> None:
    slow, removed, last, monitor = Slow("too late"), Keeping(), Keeping(), CardMonitor()
    for observer in (slow, removed, last):
        monitor.addObserver(observer)
    with virtual.VirtualReader("too late", virtual.AnsweringCard()):
        assert slow.is_called.wait(10)
        monitor.deleteObserver(removed)
        slow.may_end.set()
        assert until(lambda: last.count("added", "too late"))
    assert removed.count("added", "too late") == 0
    monitor.deleteObservers()


def test_threads_that_need_the_first_monitor_get_the_same_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own(CardMonitor):
        instance = None

    is_making, may_end, make = threading.Event(), threading.Event(), Observable.__init__

    def slow(made: Observable) -> None:
        make(made)
        is_making.set()
        may_end.wait(10)

    monkeypatch.setattr(Observable, "__init__", slow)
    found: list[CardMonitor] = []
    threads = [threading.Thread(target=lambda: found.append(Own())) for _ in range(2)]
    threads[0].start()
    assert is_making.wait(10)
    threads[1].start()
    threads[1].join(0.05)  # it must not end before the first one
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert found[0] is found[1]


@FORKS
@pytest.mark.filterwarnings(r"ignore:.*use of fork\(\):DeprecationWarning")  # Python 3.12 advises against it
def test_a_monitor_begins_again_in_the_child_of_a_fork() -> None:
    observer, monitor = Slow(), CardMonitor()
    monitor.addObserver(observer)
    assert observer.is_called.wait(10)  # the monitor's thread holds the lock of its calls now
    child = os.fork()
    if child == 0:
        is_told = False
        try:
            signal.alarm(20)  # ends the child if it hangs
            own = Keeping()
            monitor.addObserver(own)
            with virtual.VirtualReader("in the child", virtual.AnsweringCard()):
                is_told = until(lambda: own.count("added", "in the child"))
        finally:
            os._exit(not is_told)
    observer.may_end.set()
    assert os.waitpid(child, 0)[1] == 0
    with virtual.VirtualReader("in the parent", virtual.AnsweringCard()):
        assert until(lambda: observer.count("added", "in the parent"))
    monitor.deleteObserver(observer)


@pytest.mark.usefixtures("daemon")  # skips without a pcscd; the program starts its own one
def test_on_pcscd_no_event_of_a_restart_is_lost_and_a_second_connect_leaks_nothing(tmp_path: Path) -> None:
    found, errors = run_alone(
        "smartcard_on_pcscd", str(tmp_path), str(RESTARTS), str(CONNECTS), seconds=60 + 5 * RESTARTS
    )
    assert errors == ""
    assert found["cards"] == found["readers"] == [2 * (RESTARTS + 1), 2 * RESTARTS]
    assert found["answer"] == [[0, 1, 2, 3], 0x90, 0x00]
    assert found["threads of the daemon"] <= 2
    report(f"pcscd stopped and started {RESTARTS} times: every event told; {CONNECTS} connect() calls, no handle left")
