"""Sends, attaches, monitors and restarts the daemon many times, and prints by how much the process has grown.

Arguments: the place (virtual or pcscd), a folder for files, the numbers of APDUs, attaches, monitors and restarts.
Prints for each of these the growth in each third of the rounds, after a warm-up, and the microseconds of a round. What
grows is the resident set, the memory from the C library's malloc, Python's objects, descriptors and threads.
"""

import ctypes
import gc
import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from conformance.services import PcscdService, Service, VirtualService
from support.commands import ANSWER_4, READ_4

from scardffi import CommunicationError, Context, EventKind, NoServiceError, SCardManage, Script, UnknownReaderError

SECONDS = 20
SETTLE_SECONDS = 5
SCRIPT = Script([READ_4] * 10)


INTERNED = [sys.intern(f"interned {number}") for number in range(100_000)]
"""Strings that make Python's table of interned strings so large that it does not grow while the memory is measured. The
names of each new daemon's files are in it, and when it grows, it takes some hundred KiB at once.
"""


class MallocInfo(ctypes.Structure):
    """The C library's struct mallinfo2."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "_1", "_2", "_3", "_4", "_5", "_6", "used", "_8", "_9")]


libc = ctypes.CDLL(None)
libc.mallinfo2.restype = MallocInfo


def measured() -> dict[str, int]:
    """Return what the process uses now, after the C library has given back the memory that is free."""
    gc.collect()
    libc.malloc_trim(0)
    return {
        "allocated": libc.mallinfo2().used,
        "objects": sys.getallocatedblocks(),
        "resident": int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE"),
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208  pathlib would allocate more objects
        "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208  as above
    }


def settled(before: dict[str, int]) -> dict[str, int]:
    """Return the growth, after waiting a while for threads to end and to close their descriptors."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        grown = {name: count - before[name] for name, count in measured().items()}
        if max(grown["threads"], grown["descriptors"]) <= 0 or time.monotonic() > deadline:
            return grown
        time.sleep(0.01)


def soak(count: int, action: Callable[[], object]) -> dict[str, Any]:
    """Do the action so many times after a warm-up, and return the growth in each third and the time of one."""
    for _ in range(max(count // 10, 2)):
        action()
    third, elapsed = max(count // 3, 1), 0.0
    thirds = []
    for _ in range(3):
        before, start = measured(), time.perf_counter()
        for _ in range(third):
            action()
        elapsed += time.perf_counter() - start
        thirds.append(settled(before))
    return {"thirds": thirds, "us": round(1e6 * elapsed / (3 * third), 1)}


def of_apdus(card: SCardManage) -> Callable[[], None]:
    """Return an action of 40 APDUs, in each form in which they are sent."""
    response = bytearray(6)
    exchange = card.exchange(READ_4, response)

    def act() -> None:
        for _ in range(10):
            assert card.transmit(READ_4) == ANSWER_4
            assert card.transmit_into(READ_4, response) == 6
            assert exchange() == 6
        assert all(bytes(reply) == ANSWER_4 for reply in SCRIPT.run(card))

    return act


def of_attaches(context: Context, reader: str) -> Callable[[], None]:
    """Return an action of one attach and detach."""

    def act() -> None:
        with context.attach(reader) as card:
            assert card.is_attached

    return act


def of_monitors(context: Context) -> Callable[[], None]:
    """Return an action of one monitor, which sees the cards that are there."""

    def act() -> None:
        with context.monitor() as monitor:
            monitor.wait(lambda event: event.kind is EventKind.CARD_INSERTED, SECONDS)

    return act


def of_restarts(service: Service, context: Context) -> Callable[[], None]:
    """Return an action of one restart, after which the same context and monitor go on."""
    monitor = context.monitor()
    reader = service.place.reader(0)
    ways = [service.stop, service.kill]

    def act() -> None:
        ways.reverse()
        ways[0]()
        monitor.wait(lambda event: event.kind is EventKind.SERVICE_STOPPED, SECONDS)
        service.start()
        monitor.wait(lambda event: event.kind is EventKind.CARD_INSERTED and event.reader == reader, SECONDS)
        use(context, reader)

    return act


def use(context: Context, reader: str) -> None:
    """Use the card, which the daemon may still be powering up."""
    deadline = time.monotonic() + SECONDS
    while True:
        with suppress(NoServiceError, CommunicationError, UnknownReaderError), context.attach(reader) as card:
            assert card.transmit(READ_4) == ANSWER_4
            return
        assert time.monotonic() < deadline, "the card cannot be used after a restart"
        time.sleep(0.01)


def main() -> None:
    place, folder = sys.argv[1], Path(sys.argv[2])
    apdus, attaches, monitors, restarts = map(int, sys.argv[3:7])
    service: Service = VirtualService(folder) if place == "virtual" else PcscdService(folder, debug=False)
    reader = service.place.reader(0)
    found: dict[str, dict[str, Any]] = {}
    try:
        with Context(library=service.place.library) as context:
            with context.attach(reader) as card:
                found["40 APDUs"] = soak(apdus // 40, of_apdus(card))
            found["attaches"] = soak(attaches, of_attaches(context, reader))
            found["monitors"] = soak(monitors, of_monitors(context))
            found["restarts"] = soak(restarts, of_restarts(service, context))
    finally:
        service.stop()
    sys.stdout.write(json.dumps(found) + "\n")


main()
