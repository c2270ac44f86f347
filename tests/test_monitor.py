"""Monitor and wait_for_card on the virtual library, by PC/SC's notification and by the list of readers as on macOS."""

import contextlib
import gc
import logging
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alone import run_alone
from support.compile import shared_library
from support.moments import is_in, until, when
from support.reports import report
from support.shape import COMPILER_FLAGS, MACOS, WINDOWS
from support.signals import ended_by_ctrl_c

import scardffi
from scardffi import (
    CancelledError,
    CommunicationError,
    Context,
    Event,
    EventKind,
    EventsLostError,
    ForkedProcessError,
    InvalidArgumentError,
    Library,
    Monitor,
    ReturnCode,
    SCardError,
    SCardTimeoutError,
    UnexpectedStateError,
    virtual,
)
from scardffi._event_queue import EventQueue
from scardffi.errors import from_code
from scardffi.monitor import _CardSearch
from scardffi.virtual import AnsweringCard, VirtualReader

ADDED, REMOVED = EventKind.READER_ADDED, EventKind.READER_REMOVED
INSERTED, TAKEN = EventKind.CARD_INSERTED, EventKind.CARD_REMOVED
STOPPED, STARTED = EventKind.SERVICE_STOPPED, EventKind.SERVICE_STARTED
NAME = "Reader of the monitor"
CARD = AnsweringCard()
OTHER = AnsweringCard(bytes.fromhex("3B80800101"))
COUNTED = pytest.mark.skipif(MACOS, reason="macOS has no event counter")
LATENCY_ROUNDS = 1000
MOST_ADDED_US = 60
SECONDS = 10


@pytest.fixture(autouse=True, params=["list"] if MACOS else ["notification", "list"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way in which a monitor learns about readers; the first is this platform's."""
    way: str = request.param
    monkeypatch.setattr("scardffi._reader_watch._NOTIFIED", way == "notification")
    monkeypatch.setattr("scardffi._reader_polling._POLL_MS", 50)
    monkeypatch.setattr("scardffi.monitor._BEGIN_SECONDS", SECONDS)  # on a busy machine the readers are found late
    return way


BY_NOTIFICATION = pytest.mark.parametrize("way", ["list" if MACOS else "notification"], indirect=True)


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(virtual.library_path())


@pytest.fixture
def context(library: Library) -> Iterator[Context]:
    with Context(library=library) as context:
        yield context


@pytest.fixture
def reader() -> Iterator[VirtualReader]:
    """A plugged reader whose event counter is not 0, because 0 means that there is no counter."""
    with VirtualReader(NAME, CARD) as plugged:
        yield plugged


@pytest.fixture
def monitor(library: Library, reader: VirtualReader) -> Iterator[Monitor]:
    """A monitor of this reader, whose present state was taken."""
    with Monitor([reader.name], library=library) as monitor:
        assert kinds(monitor, 2) == [ADDED, INSERTED]
        yield monitor


def kinds(monitor: Monitor, count: int) -> list[EventKind]:
    return [monitor.wait(timeout=SECONDS).kind for _ in range(count)]


def test_events_begin_with_what_is_there(context: Context, reader: VirtualReader) -> None:
    with context.monitor([reader.name]) as monitor:
        added, inserted = monitor.wait(timeout=0), monitor.wait(timeout=0)
        assert (added.kind, added.reader, added.atr) == (ADDED, NAME, b"")
        assert (inserted.kind, inserted.reader, inserted.atr) == (INSERTED, NAME, CARD.atr)
        assert inserted.state & scardffi.ReaderStateFlag.PRESENT
        assert abs(inserted.time - time.monotonic()) < SECONDS
        with pytest.raises(SCardTimeoutError):
            monitor.wait(timeout=0)


def test_cards_and_readers_come_in_one_stream(context: Context) -> None:
    other = VirtualReader("Another reader", CARD)
    with context.monitor() as monitor:
        monitor.wait(lambda event: event.kind is INSERTED, SECONDS)
        with other:
            assert kinds(monitor, 2) == [ADDED, INSERTED]
            other.remove()
            removed = monitor.wait(timeout=SECONDS)
            assert (removed.kind, removed.reader, removed.atr) == (TAKEN, other.name, CARD.atr)
            other.insert(OTHER)
            assert monitor.wait(timeout=SECONDS).atr == OTHER.atr
        assert kinds(monitor, 2) == [TAKEN, REMOVED]


def test_a_monitor_without_a_reader_waits_for_the_first_one(context: Context) -> None:
    with context.monitor(["Not there yet"]) as monitor:
        with pytest.raises(SCardTimeoutError):
            monitor.wait(timeout=0.1)
        with VirtualReader("Not there yet"), VirtualReader("Not watched"):
            added = monitor.wait(timeout=SECONDS)
            assert (added.kind, added.reader) == (ADDED, "Not there yet")
        assert kinds(monitor, 1) == [REMOVED]
        with pytest.raises(SCardTimeoutError):
            monitor.wait(timeout=0.1)


@COUNTED
@BY_NOTIFICATION
def test_20_removals_and_insertions_without_pause_are_40_events(reader: VirtualReader, monitor: Monitor) -> None:
    for _ in range(20):
        reader.remove()
        reader.insert(CARD)
    assert kinds(monitor, 40) == [TAKEN, INSERTED] * 20
    with pytest.raises(SCardTimeoutError):
        monitor.wait(timeout=0.1)


@COUNTED
@BY_NOTIFICATION
def test_10_000_removals_and_insertions_are_20_000_events_for_each_consumer(
    reader: VirtualReader, monitor: Monitor
) -> None:
    called: list[Event] = []
    monitor.subscribe(called.append)
    until(lambda: len(called) == 2)
    for _ in range(10_000):
        reader.remove()
        reader.insert(CARD)
    events = [monitor.wait(timeout=SECONDS) for _ in range(20_000)]
    until(lambda: len(called) == 20_002)
    assert [event.kind for event in events] == [TAKEN, INSERTED] * 10_000
    assert called[2:] == events
    unseen = sum(event.atr is None for event in events)
    report(f"10 000 removals and insertions without pause: {len(events)} events, {unseen} by the event counter only")


def test_another_card_is_a_removal_and_an_insertion(reader: VirtualReader, monitor: Monitor) -> None:
    reader.swap(OTHER, gap=0)
    events = [monitor.wait(timeout=SECONDS) for _ in range(2)]
    assert [(event.kind, event.atr) for event in events] == [(TAKEN, CARD.atr), (INSERTED, OTHER.atr)]


def test_a_card_in_use_changes(reader: VirtualReader, library: Library) -> None:
    with Context(library=library) as context:
        card = context.attach(reader.name)
        with context.monitor([reader.name]) as monitor:
            assert kinds(monitor, 2) == [ADDED, INSERTED]
            card.detach()
            changed = monitor.wait(timeout=SECONDS)
            assert changed.kind is EventKind.CARD_CHANGED
            assert not changed.state & scardffi.ReaderStateFlag.INUSE


def test_each_consumer_gets_all_events_and_begins_with_what_is_there(reader: VirtualReader, monitor: Monitor) -> None:
    first: list[Event] = []
    second: list[Event] = []
    monitor.subscribe(first.append)
    until(lambda: len(first) == 2)
    reader.remove()
    until(lambda: len(first) == 3)
    end = monitor.subscribe(second.append)
    until(lambda: len(second) == 1)
    reader.insert(CARD)
    until(lambda: len(second) == 2)
    end()
    reader.remove()
    until(lambda: len(first) == 5)
    assert [event.kind for event in first] == [ADDED, INSERTED, TAKEN, INSERTED, TAKEN]
    assert [event.kind for event in second] == [ADDED, INSERTED]
    assert kinds(monitor, 3) == [TAKEN, INSERTED, TAKEN]


def test_a_slow_callback_delays_no_other_consumer(reader: VirtualReader, monitor: Monitor) -> None:
    go_on = threading.Event()
    seen: list[EventKind] = []
    monitor.subscribe(lambda _: go_on.wait(SECONDS))
    monitor.subscribe(lambda event: seen.append(event.kind))
    reader.remove()
    until(lambda: len(seen) == 3 or seen == [ADDED, TAKEN])
    assert kinds(monitor, 1) == [TAKEN]
    go_on.set()


def test_the_stop_and_the_return_of_the_service_are_events_and_the_stream_goes_on(
    reader: VirtualReader, monitor: Monitor
) -> None:
    with virtual.service_stopped():
        stopped = monitor.wait(timeout=SECONDS)
        assert (stopped.kind, stopped.reader, stopped.atr) == (STOPPED, "", b"")
        assert kinds(monitor, 2) == [TAKEN, REMOVED]
        seen: list[EventKind] = []
        monitor.subscribe(lambda event: seen.append(event.kind))
        until(lambda: seen == [STOPPED])
    assert kinds(monitor, 3) == [STARTED, ADDED, INSERTED]
    reader.remove()
    assert kinds(monitor, 1) == [TAKEN]
    until(lambda: seen == [STOPPED, STARTED, ADDED, INSERTED, TAKEN])


@pytest.mark.parametrize("code", ["SCARD_E_SERVICE_STOPPED", "SCARD_E_NO_SERVICE", "SCARD_E_INVALID_HANDLE"])
def test_a_service_that_stops_with_its_last_reader_is_found_again(
    code: str, reader: VirtualReader, monitor: Monitor
) -> None:
    """As on Windows, where a native context is dead then."""
    with virtual.fault("SCardGetStatusChange", code=code), virtual.fault("SCardEstablishContext", code=code, times=2):
        reader.remove()
        monitor.wait(lambda event: event.kind is STOPPED, SECONDS)
        assert kinds(monitor, 1)[0] in {TAKEN, REMOVED}
        monitor.wait(lambda event: event.kind is STARTED, SECONDS)
        assert kinds(monitor, 1) == [ADDED]


def test_a_monitor_can_begin_while_the_service_is_away(library: Library) -> None:
    context = Context(library=library)
    with virtual.service_stopped():
        monitor = context.monitor()
        assert kinds(monitor, 1) == [STOPPED]
    assert kinds(monitor, 2) == [STARTED, ADDED]
    context.release()


@pytest.mark.skipif(WINDOWS, reason="on Windows the code means something else")
def test_the_fault_of_pcsc_lite_2_5_stops_the_stream_with_its_error(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("scardffi._reader_watch._FEWER_READERS_SECONDS", 0.3)
    ended = threading.Event()
    monitor.subscribe(lambda event: ended.set() if event.kind is STOPPED else None)
    with virtual.fault("SCardListReaders", code=0x8010001F, times=1000):
        with virtual.service_stopped():
            pass
        assert kinds(monitor, 3) == [STOPPED, TAKEN, REMOVED]
        for _ in range(2):
            with pytest.raises(CommunicationError, match=r"This is a fault of pcsc-lite 2\.5") as caught:
                monitor.wait(timeout=SECONDS)
            assert caught.value.code == 0x8010001F
        with pytest.raises(CommunicationError):
            next(monitor)
    assert ended.wait(SECONDS)
    until(lambda: "a monitor has ended" in caplog.text)


@pytest.mark.skipif(WINDOWS, reason="as above")
def test_readers_that_come_back_late_after_a_restart_are_waited_for(monitor: Monitor) -> None:
    with virtual.fault("SCardListReaders", code=0x8010001F, times=2):
        with virtual.service_stopped():
            pass
        assert kinds(monitor, 6) == [STOPPED, TAKEN, REMOVED, STARTED, ADDED, INSERTED]


def test_an_unexpected_error_reaches_the_consumer(library: Library) -> None:
    with (
        virtual.fault("SCardListReaders", code="SCARD_E_NO_MEMORY", times=2),
        Monitor(library=library) as monitor,
    ):
        with pytest.raises(SCardError) as caught:
            monitor.wait(timeout=SECONDS)
        assert caught.value.name == "SCARD_E_NO_MEMORY"


@COUNTED
@BY_NOTIFICATION
def test_a_consumer_that_is_too_slow_learns_how_many_events_it_has_lost_and_goes_on(
    reader: VirtualReader, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scardffi._event_queue.MOST_EVENTS", 1000)
    for _ in range(1000):
        reader.remove()
        reader.insert(CARD)
    until(lambda: monitor._queue._lost == 2000)
    with pytest.raises(EventsLostError, match="2000 events were dropped") as caught:
        monitor.wait(timeout=SECONDS)
    assert caught.value.count == 2000
    assert kinds(monitor, 2) == [ADDED, INSERTED]
    reader.remove()
    assert kinds(monitor, 1) == [TAKEN]


def test_a_queue_holds_65_536_events() -> None:
    assert scardffi._event_queue.MOST_EVENTS == 65_536


def test_errors_of_a_callback_are_logged_and_it_is_called_again(
    reader: VirtualReader, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Event] = []

    def failing(event: Event) -> None:
        calls.append(event)
        raise ZeroDivisionError("of the test")

    monitor.subscribe(failing)
    reader.remove()
    until(lambda: len(calls) >= 2)
    until(lambda: caplog.text.count("ZeroDivisionError: of the test") >= 2)
    assert {(record.name, record.levelno) for record in caplog.records} == {("scardffi", logging.ERROR)}


def test_a_predicate_chooses_the_event(reader: VirtualReader, monitor: Monitor) -> None:
    for card in (OTHER, CARD):
        reader.remove()
        time.sleep(0.01)
        reader.insert(card)
        time.sleep(0.01)
    found = monitor.wait(lambda event: event.kind is INSERTED and event.atr == CARD.atr, SECONDS)
    assert found.atr == CARD.atr
    with pytest.raises(SCardTimeoutError):
        monitor.wait(lambda event: event.kind is STOPPED, 0.05)


# the end


def test_close_ends_iterations_and_waits_of_other_threads(monitor: Monitor) -> None:
    ends: list[str] = []

    def iterate() -> None:
        for _ in monitor:
            pass
        ends.append("iteration")

    def wait() -> None:
        try:
            monitor.wait()
        except CancelledError:
            ends.append("wait")

    threads = [threading.Thread(target=work) for work in (iterate, wait, wait)]
    for thread in threads:
        thread.start()
    until(lambda: all(is_in(EventQueue.get, thread=thread)() for thread in threads))
    monitor.close()
    for thread in threads:
        thread.join(SECONDS)
    assert sorted(ends) == ["iteration", "wait", "wait"]
    assert monitor._watch.ended.is_open()
    monitor.close()
    assert list(monitor) == []
    for use in (monitor.wait, lambda: monitor.subscribe(print)):
        with pytest.raises(UnexpectedStateError, match="it is closed"):
            use()
    assert repr(monitor) == "<scardffi.Monitor, closed>"


def test_a_callback_may_close_its_monitor_and_is_not_called_again(library: Library, reader: VirtualReader) -> None:
    monitor = Monitor([reader.name], library=library)
    calls: list[Event] = []

    def callback(event: Event) -> None:
        calls.append(event)
        monitor.close()

    monitor.subscribe(callback)
    until(monitor._watch.ended.is_open)
    time.sleep(0.05)
    assert len(calls) == 1


@pytest.mark.parametrize("delay", [0, 0.0001, 0.001, 0.01])
def test_close_ends_the_threads_at_any_moment(library: Library, delay: float) -> None:
    for _ in range(20):
        monitor = Monitor(library=library)
        if delay:
            time.sleep(delay)
        monitor.close()
        until(monitor._watch.ended.is_open)


def test_close_while_the_service_is_away(monitor: Monitor) -> None:
    with virtual.service_stopped():
        monitor.wait(lambda event: event.kind is STOPPED, SECONDS)
        start = time.perf_counter()
        monitor.close()
        assert time.perf_counter() - start < 2
        until(monitor._watch.ended.is_open)


def test_release_closes_monitors_and_cancel_does_not(context: Context, reader: VirtualReader) -> None:
    monitor = context.monitor([reader.name])
    assert kinds(monitor, 2) == [ADDED, INSERTED]
    context.cancel()
    reader.remove()
    assert kinds(monitor, 1) == [TAKEN]
    context.release()
    assert list(monitor) == []
    with pytest.raises(UnexpectedStateError):
        context.monitor()


def test_a_monitor_keeps_its_context_alive(library: Library, recwarn: pytest.WarningsRecorder) -> None:
    with Context(library=library).monitor() as monitor:
        gc.collect()
        assert kinds(monitor, 1) == [ADDED]
        assert not recwarn
        owner = monitor._owner
        assert isinstance(owner, Context)
        owner.release()


def test_a_monitor_that_is_collected_warns_and_is_closed(library: Library) -> None:
    monitors = [Monitor(library=library)]
    watch = monitors[0]._watch
    with pytest.warns(ResourceWarning, match=r"<scardffi\.Monitor> was collected without close"):
        monitors.clear()
    until(watch.ended.is_open)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.filterwarnings(r"ignore:.*use of fork\(\):DeprecationWarning")
def test_a_fork_can_neither_use_nor_end_the_monitor(monitor: Monitor, reader: VirtualReader) -> None:
    unsubscribe = monitor.subscribe(lambda _: None)
    child = os.fork()
    if child == 0:
        refused = 0
        for use in (monitor.wait, monitor.__next__, lambda: monitor.subscribe(print)):
            try:
                use()
            except ForkedProcessError:
                refused += 1
        unsubscribe()
        monitor.close()
        os._exit(refused)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    reader.remove()
    assert kinds(monitor, 1) == [TAKEN]


EXIT = """
import sys, threading
from scardffi import Library, Monitor
monitor = Monitor(library=Library(sys.argv[1]))
monitor.subscribe(print if "print" in sys.argv else lambda event: None)
monitor.wait(timeout=5)
threading.Thread(target=lambda: list(monitor), daemon=True).start()
sys.modules["kept"] = monitor
if "close" in sys.argv:
    import atexit
    atexit.register(monitor.close)
"""


@BY_NOTIFICATION
@pytest.mark.parametrize("how", ["", "close"])
def test_a_program_with_an_open_monitor_ends_at_once(how: str, library: Library) -> None:
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-I", "-c", EXIT, library.info().path, how],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert done.stderr == ""
    assert time.perf_counter() - start < 15


# interruptions


@pytest.mark.alone
@BY_NOTIFICATION
def test_ctrl_c_ends_a_wait_within_100_ms_and_the_monitor_goes_on(monitor: Monitor, reader: VirtualReader) -> None:
    best = 9.0
    for _ in range(3):  # the machine may be busy: measure only the time that the wait adds
        with ended_by_ctrl_c() as interruption:
            monitor.wait()
        best = min(best, interruption.took)
    assert best < 0.1
    reader.remove()
    assert kinds(monitor, 1) == [TAKEN]


# arguments


@pytest.mark.parametrize(
    ("readers", "message"),
    [
        ("Desk", "readers: expected names in a list"),
        (5, "readers: expected names in a list"),
        ([], "readers: "),
        ([""], "readers: '' is not allowed"),
        ([b"Desk"], "readers: expected a str"),
    ],
)
def test_wrong_readers_are_refused(readers: object, message: str, context: Context) -> None:
    with pytest.raises((TypeError, InvalidArgumentError), match=message):
        context.monitor(readers)  # type: ignore[arg-type]  # the test passes a wrong type


def test_a_callback_that_is_no_function_is_refused(monitor: Monitor) -> None:
    with pytest.raises(TypeError, match="callback: expected a function, got int"):
        monitor.subscribe(5)  # type: ignore[arg-type]  # the test passes a wrong type


def test_without_a_thread_a_monitor_fails_at_once(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr("_thread.start_new_thread", refuse)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        Monitor(library=library)


# many readers


@BY_NOTIFICATION
def test_more_readers_than_one_wait_takes_are_watched_by_several_threads(library: Library) -> None:
    readers = [VirtualReader(f"Reader {number:02}", CARD) for number in range(40)]
    names = [reader.name for reader in readers]
    with contextlib.ExitStack() as plugged:
        for reader in readers:
            plugged.enter_context(reader)
        with (
            virtual.fault("SCardGetStatusChange", call=2, code="SCARD_E_INVALID_PARAMETER"),
            Monitor(names, library=library) as monitor,
        ):
            assert sorted(kinds(monitor, 80), key=lambda kind: kind.name) == [INSERTED] * 40 + [ADDED] * 40
            for reader in (readers[39], readers[0], readers[20]):
                reader.remove()
                event = monitor.wait(timeout=SECONDS)
                assert (event.kind, event.reader) == (TAKEN, reader.name)
            readers[5].unplug()
            assert kinds(monitor, 2) == [TAKEN, REMOVED]
            readers[5].plug()
            assert kinds(monitor, 2) == [ADDED, INSERTED]
            readers[39].insert(CARD)
            assert monitor.wait(timeout=SECONDS).reader == readers[39].name
            assert len(monitor._watch._others) == 2
            with virtual.service_stopped():
                monitor.wait(lambda event: event.kind is STOPPED, SECONDS)
            monitor.wait(lambda event: event.kind is INSERTED and event.reader == readers[39].name, SECONDS)
        until(monitor._watch.ended.is_open)


# wait_for_card


def test_a_card_that_is_there_counts(context: Context, reader: VirtualReader) -> None:
    found = context.wait_for_card(0, reader=reader.name)
    assert found == (NAME, CARD.atr)
    assert (found.reader, found.atr) == (NAME, CARD.atr)
    assert repr(found).startswith(f"<scardffi.CardPresence {NAME!r}, ATR 3B 88")


def test_a_card_that_comes_ends_the_wait(context: Context, reader: VirtualReader) -> None:
    reader.remove()
    threading.Timer(0.1, reader.insert, [CARD]).start()
    assert context.wait_for_card(SECONDS, reader="the monitor").reader == NAME


@pytest.mark.parametrize(
    "atr",
    [
        OTHER.atr,
        (bytes.fromhex("3B80"), bytes.fromhex("FFFF")),
        (bytes.fromhex("0BF0"), bytes.fromhex("0F0F")),
        lambda atr: len(atr) == len(OTHER.atr),
    ],
)
def test_the_atr_chooses_the_card(context: Context, reader: VirtualReader, atr: object) -> None:
    with VirtualReader("Another reader", OTHER):
        assert context.wait_for_card(SECONDS, atr=atr).reader == "Another reader"  # type: ignore[arg-type]  # one of several types
    with pytest.raises(SCardTimeoutError):
        context.wait_for_card(0.1, atr=atr, reader=reader.name)  # type: ignore[arg-type]  # as above


def test_a_full_name_is_not_taken_for_a_part(context: Context) -> None:
    with VirtualReader("Desk 1", CARD), VirtualReader("Desk", None) as short:
        with pytest.raises(SCardTimeoutError):
            context.wait_for_card(0.1, reader="Desk")
        short.insert(CARD)
        assert context.wait_for_card(SECONDS, reader="Desk").reader == "Desk"


def test_the_timeout_holds_while_a_card_of_another_kind_comes_and_goes(context: Context, reader: VirtualReader) -> None:
    over = threading.Event()

    def flicker() -> None:
        while not over.wait(0.005):
            reader.remove()
            reader.insert(CARD)

    thread = threading.Thread(target=flicker)
    thread.start()
    start = time.perf_counter()
    with pytest.raises(SCardTimeoutError):
        context.wait_for_card(0.5, atr=OTHER.atr)
    assert 0.5 <= time.perf_counter() - start < 0.5 + 1
    over.set()
    thread.join()


def test_a_mute_card_does_not_count(context: Context) -> None:
    with VirtualReader("Mute", AnsweringCard(b"")) as mute, pytest.raises(SCardTimeoutError):
        context.wait_for_card(0.1, reader=mute.name)


def test_waiting_goes_on_while_the_service_is_away(context: Context) -> None:
    with virtual.service_stopped(), pytest.raises(SCardTimeoutError):
        context.wait_for_card(0.2)
    assert context.wait_for_card(SECONDS).reader == virtual.DEFAULT_READER


def why_in_vain(context: Context, timeout: float, **arguments: Any) -> str:
    """Return the reason that the error of wait_for_card gives."""
    with pytest.raises(SCardTimeoutError) as raised:
        context.wait_for_card(timeout, **arguments)
    assert raised.value.function == "wait_for_card"
    assert raised.value.code == 0x8010000A
    match = re.fullmatch(
        r"wait_for_card: the timeout expired, and (.*) \[SCARD_E_TIMEOUT .*\]\. .*\.", str(raised.value)
    )
    assert match is not None, raised.value
    return match[1]


def test_a_wait_without_readers_says_so(context: Context) -> None:
    default = VirtualReader(virtual.DEFAULT_READER, virtual.AnsweringCard())
    default.unplug()
    try:
        assert why_in_vain(context, 0) == "no reader is plugged in"
        assert why_in_vain(context, 0.05, reader="Desk") == "no reader is plugged in"
    finally:
        default.plug()


def test_a_wait_for_a_reader_that_is_not_there_says_so(context: Context) -> None:
    assert why_in_vain(context, 0, reader="nobody") == "no reader has this name: 'nobody'"


def test_a_wait_for_a_card_says_that_none_is_there(context: Context, reader: VirtualReader) -> None:
    assert why_in_vain(context, 0, atr=OTHER.atr) == "no such card is there"
    assert why_in_vain(context, 0, atr=OTHER.atr, reader=reader.name[3:]) == "no such card is there"


def expire_after(monkeypatch: pytest.MonkeyPatch, kind: EventKind) -> None:
    """Let the time of wait_for_card be over when an event of this kind has come, however late that is."""
    is_found = _CardSearch.is_found

    def expire(search: _CardSearch, event: Event) -> bool:
        assert not is_found(search, event)
        if event.kind is kind:
            raise from_code(ReturnCode.SCARD_E_TIMEOUT, "Monitor")
        return False

    monkeypatch.setattr(_CardSearch, "is_found", expire)


def test_a_reader_that_was_unplugged_during_the_wait_is_not_there(
    context: Context, reader: VirtualReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.remove()
    expire_after(monkeypatch, REMOVED)
    with when(is_in(Monitor._wait), reader.unplug, after=0.1):
        assert why_in_vain(context, SECONDS, reader=reader.name) == f"no reader has this name: {NAME!r}"


def test_a_wait_without_service_says_so(context: Context) -> None:
    with virtual.service_stopped():
        assert why_in_vain(context, 0) == "the resource manager does not run"


def test_a_wait_during_which_the_service_comes_back_speaks_of_the_readers(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    expire_after(monkeypatch, ADDED)
    start_service = virtual._scardvirtual.start_service
    with virtual.service_stopped(), when(is_in(Monitor._wait), start_service, after=0.1):
        assert why_in_vain(context, SECONDS, reader="nobody") == "no reader has this name: 'nobody'"


def test_a_wait_without_an_answer_says_nothing_about_readers(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scardffi.monitor._BEGIN_SECONDS", 0.1)
    context = Context(library=library)
    with virtual.service_frozen():
        assert why_in_vain(context, 0.1) == "the resource manager has not answered"
    context.release()


@pytest.mark.parametrize("end", ["cancel", "release"])
def test_cancel_and_release_end_a_wait_for_a_card(library: Library, end: str) -> None:
    context = Context(library=library)
    with (
        pytest.raises(CancelledError, match=r"^wait_for_card: the wait was cancelled"),
        when(is_in(EventQueue.get), getattr(context, end)),
    ):
        context.wait_for_card(SECONDS, reader="nobody")
    context.release()
    with pytest.raises(UnexpectedStateError):
        context.wait_for_card(0)


@pytest.mark.parametrize("end", ["cancel", "release"])
def test_cancel_and_release_end_a_wait_for_a_card_that_has_only_its_monitor(
    library: Library, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, search_monitor = Context(library=library), Context._search_monitor

    def ended(of: Context) -> Monitor:
        monitor = search_monitor(of)
        getattr(context, end)()  # as from another thread
        return monitor

    monkeypatch.setattr(Context, "_search_monitor", ended)
    with pytest.raises(CancelledError, match=r"^wait_for_card: the wait was cancelled"):
        context.wait_for_card(SECONDS)
    context.release()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timeout": -1}, "timeout: "),
        ({"timeout": "1"}, "timeout: "),
        ({"reader": 5}, "reader: expected a str"),
        ({"reader": ""}, "reader: '' is not allowed"),
        ({"atr": "3B00"}, "atr: expected bytes"),
        ({"atr": (b"1", b"22")}, "atr: .* the same length"),
    ],
)
def test_wrong_arguments_of_wait_for_card_are_refused(
    arguments: dict[str, object], message: str, context: Context
) -> None:
    with pytest.raises((TypeError, InvalidArgumentError), match=message):
        context.wait_for_card(**arguments)  # type: ignore[arg-type]  # the test passes wrong types


# measured


@pytest.mark.alone
@pytest.mark.skipif(WINDOWS or MACOS, reason="the program in C uses POSIX threads, and macOS polls")
@BY_NOTIFICATION
def test_a_callback_is_entered_soon_after_a_program_in_c_would_know(tmp_path: Path) -> None:
    source = Path(__file__).parent / "csrc" / "waiting_thread.c"
    include = Path(scardffi.__file__).parent / "include"
    program = shared_library(source, tmp_path, f"-I{include}", *COMPILER_FLAGS)
    for _ in range(3):  # other programs can slow down all rounds
        measured, _ = run_alone("event_latency", str(program), str(LATENCY_ROUNDS), seconds=120)
        added = [ours - in_c for ours, in_c in zip(measured["callback"], measured["C"], strict=True)]
        if max(added) <= MOST_ADDED_US:
            break
    for what, in_c, ours in zip(("insertion", "reader plugged"), measured["C"], measured["callback"], strict=True):
        report(
            f"{what} to callback entered, median of {LATENCY_ROUNDS}: {ours:.0f} us, in C {in_c:.0f} us, "
            f"{ours - in_c:.0f} us more"
        )
    assert max(added) <= MOST_ADDED_US


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_monitor_whose_start_ctrl_c_interrupts_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    watches: list[Any] = []

    def interrupt(lead: Any) -> None:
        watches.append(lead.__self__)
        raise KeyboardInterrupt

    monkeypatch.setattr("scardffi._reader_watch.prepared", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Monitor()
    gc.collect()
    assert watches[0].ended.is_open()  # otherwise the reaper would call SCardCancel again and again
