"""Uses the Python layers of smartcard in ways in which pyscard has faults, and prints what happened as JSON.

Arguments: names of functions below. The program runs under pyscard or under scardffi.compat, on the virtual library.
"""

import _thread
import gc
import io
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr
from functools import partial
from typing import Any
from unittest import mock

import smartcard.scard
from smartcard.ATR import ATR
from smartcard.CardMonitoring import CardMonitor, CardObserver
from smartcard.CardRequest import CardRequest
from smartcard.CardType import ATRCardType
from smartcard.ReaderMonitoring import ReaderMonitor, ReaderObserver
from smartcard.System import readers

from scardffi import virtual

READ_4_BYTES = [0x00, 0xB0, 0x00, 0x00, 0x04]
FLICKER = 0.03
SECONDS = 0.6
NEWS_SECONDS = 10.0 if "scardffi" in CardMonitor.__module__ else 1.0
"""The longest wait for an event. pyscard misses some events, so its limit is short."""


class Reporting(CardObserver, ReaderObserver):  # type: ignore[misc]  # pyscard ships no types
    """An observer that keeps the news, and the time of each."""

    def __init__(self, *, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self.added: list[str] = []
        self.removed: list[str] = []
        self.times: list[float] = []

    def update(self, _observable: Any, handlers: Any) -> None:
        """Keep the news."""
        added, removed = handlers
        self.times.append(time.perf_counter())
        self.added += [str(one) for one in added]
        self.removed += [str(one) for one in removed]
        if self.fails:
            raise ValueError("an error of the program's")


def until(condition: Callable[[], object], seconds: float = 2.0) -> bool:
    """Wait until a condition is true, and return whether it is."""
    end = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < end:
        time.sleep(0.0005)
    return bool(condition())


def outcome(call: Callable[[], object]) -> str:
    """Return what a call returns, or the class of its exception and the message."""
    try:
        return repr(call())
    except BaseException as error:  # noqa: BLE001  KeyboardInterrupt too
        return f"{type(error).__name__}: {error}"


def connected() -> Any:
    """Return a connection to the card."""
    connection = readers()[0].createConnection()
    connection.connect()
    return connection


def commands() -> Any:
    """Send commands of several types."""
    connection = connected()
    kinds: dict[str, Any] = {
        "bytes": bytes,
        "bytearray": bytearray,
        "tuple": tuple,
        "memoryview": lambda one: memoryview(bytes(one)),
    }
    return {name: outcome(partial(connection.transmit, kind(READ_4_BYTES))) for name, kind in kinds.items()}


def wrong_bytes() -> Any:
    """Send commands with numbers that are no bytes."""
    connection = connected()
    return [outcome(partial(connection.transmit, [*READ_4_BYTES[:4], byte])) for byte in (256 + 4, -252)]


def cut_atr() -> Any:
    """Read an ATR that ends too early, and one that is too long."""
    return [outcome(lambda: ATR([0x3B, 0xFF, 0x11]).getTA1()), outcome(lambda: len(ATR([0x3B, *[0] * 99]).atr))]


def connect_twice() -> Any:
    """Connect twice, disconnect once, and then connect without sharing."""
    connection = connected()
    connection.connect()
    connection.disconnect()
    other = readers()[0].createConnection()
    return outcome(lambda: other.connect(mode=smartcard.scard.SCARD_SHARE_EXCLUSIVE))


def collected_without_service() -> Any:
    """Let a connection be collected while the resource manager does not run; return what stderr got."""
    said = io.StringIO()
    connection = connected()
    with redirect_stderr(said), virtual.service_stopped():
        del connection
        gc.collect()
        time.sleep(0.05)
    return said.getvalue()


def steady_timeout() -> Any:
    """Wait for a card that does not come while another one flickers; return the seconds and the outcome."""
    ended = threading.Event()

    def flicker() -> None:
        while not ended.is_set():
            with virtual.VirtualReader("flickering", virtual.AnsweringCard()) as reader:
                for _ in range(5):
                    time.sleep(FLICKER)
                    reader.swap(virtual.AnsweringCard(), gap=FLICKER)

    thread = threading.Thread(target=flicker)
    thread.start()
    start = time.perf_counter()
    said = outcome(CardRequest(timeout=SECONDS, cardType=ATRCardType([0x3B, 0x00])).waitforcard)
    seconds = time.perf_counter() - start
    ended.set()
    thread.join()
    return seconds, said.partition(":")[0]


def interrupted() -> Any:
    """Press Ctrl-C during a wait for a card; return the outcome and the seconds until then."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = CardRequest(timeout=1.5, newcardonly=True)
    pressed: list[float] = []

    def press() -> None:
        time.sleep(0.2)
        pressed.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    def wait() -> None:
        threading.Thread(target=press).start()
        request.waitforcard()

    said = outcome(wait)
    return said.partition(":")[0], time.perf_counter() - pressed[0]


def service_restarted() -> Any:
    """Stop and start the resource manager under a monitor; return whether it sees the card again."""
    observer = Reporting()
    monitor = CardMonitor()
    monitor.addObserver(observer)
    until(lambda: observer.added)
    with virtual.service_stopped():
        time.sleep(0.3)
    seen = until(lambda: len(observer.added) > 1, NEWS_SECONDS)
    monitor.deleteObserver(observer)
    return seen


def failing_observer() -> Any:
    """Let the first observer raise; return whether the second one gets the next news."""
    monitor, bad, good = CardMonitor(), Reporting(fails=True), Reporting()
    try:
        monitor.addObserver(bad)
        monitor.addObserver(good)
    except ValueError:
        return "addObserver raised"
    until(lambda: good.added)
    with virtual.VirtualReader("later", virtual.AnsweringCard()):
        seen = until(lambda: any("later" in one for one in good.added), NEWS_SECONDS)
    monitor.deleteObserver(bad)
    monitor.deleteObserver(good)
    return seen


def name_in_any_script() -> Any:
    """Watch a reader whose name is not ASCII; return whether the monitor sees its card."""
    observer, monitor = Reporting(), CardMonitor()
    monitor.addObserver(observer)
    until(lambda: observer.added)
    with virtual.VirtualReader("Leser Größe 読者", virtual.AnsweringCard()):
        seen = until(lambda: any("読者" in one for one in observer.added), NEWS_SECONDS)
    monitor.deleteObserver(observer)
    return seen


def threads_started() -> Any:
    """Return how many threads 20 insertions and removals under a monitor start."""
    observer, monitor = Reporting(), CardMonitor()
    monitor.addObserver(observer)
    until(lambda: observer.added)
    started: list[Any] = []

    def counted(starts: Any) -> Any:
        def start(*arguments: Any, **options: Any) -> Any:
            started.append(arguments[0])
            return starts(*arguments, **options)

        return start

    with ExitStack() as patches:
        for module in (_thread, threading):
            for name in {"start_new_thread", "_start_new_thread", "_start_joinable_thread"} & set(vars(module)):
                patches.enter_context(mock.patch.object(module, name, counted(getattr(module, name))))
        with virtual.VirtualReader("busy", virtual.AnsweringCard()) as reader:
            for count in range(1, 21):
                until(lambda count=count: len(observer.added) > count)  # type: ignore[misc]  # mypy cannot infer it
                reader.remove()
                until(lambda count=count: len(observer.removed) == count)  # type: ignore[misc]  # as above
                reader.insert(virtual.AnsweringCard())
    monitor.deleteObserver(observer)
    return len(started)


def reader_latency() -> Any:
    """Return the seconds from plugging a reader in to the callback, of several."""
    observer, monitor = Reporting(), ReaderMonitor()
    monitor.addObserver(observer)
    until(lambda: observer.added)
    seconds = []
    for number in range(5):
        time.sleep(0.02)
        name = f"plugged {number}"
        reader = virtual.VirtualReader(name)
        start = time.perf_counter()
        reader.plug()
        until(lambda name=name: name in observer.added)  # type: ignore[misc]  # mypy cannot infer it
        seconds.append(observer.times[-1] - start)
    monitor.deleteObserver(observer)
    return seconds


def card_latency() -> Any:
    """Return the seconds from inserting a card to the callback, of 50."""
    observer, monitor = Reporting(), CardMonitor()
    monitor.addObserver(observer)
    until(lambda: observer.added)
    seconds = []
    with virtual.VirtualReader("inserted") as reader:
        for _ in range(50):
            time.sleep(0.01)
            known = len(observer.added)
            start = time.perf_counter()
            reader.insert(virtual.AnsweringCard())
            until(lambda known=known: len(observer.added) > known)  # type: ignore[misc]  # mypy cannot infer it
            seconds.append(observer.times[-1] - start)
            time.sleep(0.005)
            reader.remove()
            until(lambda known=known: len(observer.removed) > known - 1)  # type: ignore[misc]  # as above
    monitor.deleteObserver(observer)
    return seconds


def main() -> None:
    results = {name: globals()[name]() for name in sys.argv[1:]}
    sys.stdout.write(f"{json.dumps(results)}\n")
    sys.stdout.flush()
    os._exit(0)  # pyscard's threads may wait for ever


main()
