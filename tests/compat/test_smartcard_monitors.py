"""The monitors of scardffi.compat.smartcard: nothing is lost, whatever happens."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alone import run_alone
from support.reports import report

from scardffi import virtual
from scardffi.compat.smartcard.Card import Card
from scardffi.compat.smartcard.CardMonitoring import CardMonitor, CardObserver
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
    observer, monitor = Keeping(), CardMonitor()
    monitor.addObserver(observer)
    assert until(lambda: observer.news)
    monitor.deleteObserver(observer)
    known = list(observer.news)
    with virtual.VirtualReader("too late", virtual.AnsweringCard()):
        time.sleep(0.02)
    assert observer.news == known


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
