"""Restarts, freezes and kills a private pcscd under a monitor, and prints what the monitor did as one JSON object.

Arguments: a folder for files, the number of restarts. The daemon has 16 readers, as many as pcscd takes.
"""

import asyncio
import contextlib
import functools
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from support.commands import ANSWER_4, READ_4
from support.moments import is_in, when
from support.pcscd import PrivatePcscd

from scardffi import Context, Event, EventKind, Monitor, SCardError, SCardTimeoutError, aio

READERS = 16
SECONDS = 20


def main() -> None:
    folder, restarts = Path(sys.argv[1]), int(sys.argv[2])
    link = folder / "socket"
    os.environ["PCSCLITE_CSOCK_NAME"] = str(link)
    daemon = PrivatePcscd(folder, READERS)
    daemon.start()
    link.symlink_to(daemon.socket)
    try:
        with asyncio_program() as watched:
            found = with_a_monitor(daemon, link, restarts, watched)
        found["asyncio"] = dict(watched)
        until(lambda: thread_count() == 1)
        found["threads"] = thread_count()
    finally:
        daemon.stop()
    sys.stdout.write(json.dumps(found) + "\n")


def thread_count() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def counted(events: list[Event]) -> dict[str, int]:
    return dict(Counter(event.kind.name for event in events))


@contextlib.contextmanager
def asyncio_program() -> Iterator[Counter[str]]:
    """Run a program with asyncio that counts the events of a monitor, and uses the first card after each restart."""
    counts: Counter[str] = Counter()
    ends: list[Callable[[], object]] = []

    async def program() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        ends.append(lambda: loop.call_soon_threadsafe(task.cancel))
        is_new = False
        with contextlib.suppress(asyncio.CancelledError):
            async with aio.Context() as context, context.monitor() as monitor:
                async for event in monitor:
                    counts[event.kind.name] += 1
                    is_new |= event.kind is EventKind.SERVICE_STARTED
                    if is_new and event.kind is EventKind.CARD_INSERTED:
                        is_new = False
                        counts["used"] += await use_async(context, event.reader)

    thread = threading.Thread(target=lambda: asyncio.run(program()))
    thread.start()
    try:
        yield counts
    finally:
        ends[0]()
        thread.join()


async def use_async(context: aio.Context, reader: str) -> bool:
    """Use the card after an event, as a program does."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            async with await context.attach(reader) as card:
                return await card.transmit(READ_4) == ANSWER_4
        except SCardError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.05)


def with_a_monitor(daemon: PrivatePcscd, link: Path, restarts: int, watched: Counter[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"restarts": restarts}
    context = Context()
    monitor = context.monitor()
    called: list[Event] = []
    monitor.subscribe(called.append)
    present = [monitor.wait(timeout=SECONDS) for _ in range(2 * READERS)]
    found["present"] = counted(present)
    until(lambda: watched["CARD_INSERTED"] >= READERS)  # a monitor that begins later would not see these cards
    found["present for asyncio"] = dict(watched)
    found["atrs"] = sum(bool(event.atr) for event in present)
    last = max(event.reader for event in present if event.kind is EventKind.CARD_INSERTED)

    found["card of the last reader"] = []
    number = int(last.split()[2])
    for change in (daemon.remove_card, daemon.insert_card):
        change(number)
        event = monitor.wait(lambda event: event.reader == last and event.kind is not EventKind.CARD_CHANGED, SECONDS)
        found["card of the last reader"].append(event.kind.name)
    daemon.unplug_reader(number)
    monitor.wait(lambda event: event.kind is EventKind.READER_REMOVED and event.reader == last, SECONDS)
    daemon.plug_reader(number)
    monitor.wait(lambda event: event.kind is EventKind.CARD_INSERTED and event.reader == last, SECONDS)
    found["card of a reader that came back"] = context.wait_for_card(SECONDS, reader=last).reader == last

    found["used"] = 0
    start = time.perf_counter()
    for round_ in range(restarts):
        (daemon.kill if round_ % 2 else daemon.stop)()
        monitor.wait(lambda event: event.kind is EventKind.SERVICE_STOPPED, SECONDS)
        daemon.start()
        link.unlink()
        link.symlink_to(daemon.socket)
        monitor.wait(lambda event: event.kind is EventKind.SERVICE_STARTED, SECONDS)
        inserted = [monitor.wait(lambda event: event.kind is EventKind.CARD_INSERTED, SECONDS) for _ in range(READERS)]
        found["used"] += use(context, inserted[round_ % READERS].reader)
        until(functools.partial(lambda number: watched["used"] == number, round_ + 1))
    found["seconds"] = round(time.perf_counter() - start, 1)
    kinds = EventKind.SERVICE_STOPPED, EventKind.SERVICE_STARTED, EventKind.CARD_INSERTED
    until(lambda: sum(event.kind is kinds[2] for event in called) >= READERS * (restarts + 1))
    until(lambda: watched["CARD_INSERTED"] >= READERS * (restarts + 1))
    found["events of the callback"] = {kind.name: sum(event.kind is kind for event in called) for kind in kinds}
    found["frozen"] = frozen(daemon, context)
    monitor.close()
    context.release()
    return found


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true, or the time is over."""
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def use(context: Context, reader: str) -> bool:
    """Use the card after an event, as a program does."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with context.attach(reader) as card:
                return card.transmit(READ_4) == ANSWER_4
        except SCardError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def frozen(daemon: PrivatePcscd, context: Context) -> dict[str, float]:
    """Return the seconds that calls take while the daemon is frozen."""
    with context.monitor() as before:
        for _ in range(2 * READERS):
            before.wait(timeout=SECONDS)
        others = [context.monitor() for _ in range(2)]
        for other in others:
            other.wait(timeout=SECONDS)
        with daemon.frozen():
            return {
                "wait(timeout=0.3)": took(lambda: before.wait(lambda _: False, 0.3)),
                "Ctrl-C in wait()": took(lambda: interrupted(before)),
                "wait_for_card(0.3)": took(lambda: context.wait_for_card(0.3)),
                "Ctrl-C in wait_for_card()": took(lambda: interrupted_wait_for_card(context)),
                "monitor() and wait(timeout=0.3)": took(lambda: begun(context)),
                "close()": took(others[0].close),
                "close() of a frozen monitor with a callback": took(others[1].close),
                "cancel()": took(context.cancel),
            }


def took(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    with contextlib.suppress(SCardTimeoutError):
        call()
    return round(time.perf_counter() - start, 3)


def ctrl_c(wait: Callable[[], object]) -> None:
    try:
        with when(is_in(Monitor._wait), lambda: os.kill(os.getpid(), signal.SIGINT), after=0.3):
            wait()
    except KeyboardInterrupt:
        return
    raise AssertionError("it was not interrupted")


def interrupted(monitor: Monitor) -> None:
    ctrl_c(lambda: monitor.wait(lambda _: False))


def interrupted_wait_for_card(context: Context) -> None:
    ctrl_c(lambda: context.wait_for_card(reader="nobody"))


def begun(context: Context) -> None:
    with context.monitor() as monitor:
        monitor.wait(timeout=0.3)


main()
