"""Measure the time from the insertion of a card until a program knows of it.

Each program waits in a process of its own on the virtual library, whose reader takes its card from a socket, as vpcd
does. In each round a card is inserted and removed in all of them, one after the other. The time begins when the card's
ATR is sent to the socket, and ends when the program's own code runs: in the callback, in the loop over the monitor, or
after the wait. The clock is the system's monotonic one, which all processes share. The median of the rounds is the
result. Every row includes the time in which the kernel wakes up the library's thread and the program's; the first row
has nothing else.

Does not show: a real pcscd, which asks most readers for their state every 400 ms.

`python -m benchmarks.bench_events ROW` is the worker for the rows in Python, with the requests of workers.py: for each
it prints the time of the next insertion or removal.
"""

import queue
import socket
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks import build
from benchmarks.workers import Worker
from scardffi.virtual import library_folder, library_path

LABELS: Final = {
    "c": "C, `SCardGetStatusChange`",
    "rust": "Rust, pcsc crate, `get_status_change`",
    "java": "javax.smartcardio `waitForCardPresent`",
    "callback": "scardffi `monitor.subscribe()`, in the callback",
    "iteration": "scardffi `for event in monitor`",
    "pyscard": "pyscard `CardMonitor`, in the observer",
}
"""The rows of the table and their labels, in order."""

_ATR: Final = bytes.fromhex("3B80800101")
_GET_ATR: Final = b"\4"
_WARM_UP: Final = 5  # rounds
_PAUSE: Final = 0.003  # seconds after which the program waits again


class _Socket:
    """The card of a reader with a port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def insert(self) -> int:
        """Insert the card, and return the time at which its ATR was sent."""
        self._connection = self._connected()
        received = self._connection.makefile("rb")
        while (message := received.read(int.from_bytes(received.read(2), "big"))) != _GET_ATR:
            if not message:
                raise RuntimeError("the virtual reader ended the connection")
        time.sleep(_PAUSE)
        start = time.monotonic_ns()
        self._connection.sendall(len(_ATR).to_bytes(2, "big") + _ATR)
        return start

    def remove(self) -> None:
        """Remove the card."""
        self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()

    def _connected(self) -> socket.socket:
        for _ in range(1000):  # the program may not have started yet
            try:
                return socket.create_connection(("127.0.0.1", self._port))
            except ConnectionRefusedError:
                time.sleep(0.01)
        raise RuntimeError(f"no virtual reader listens at the port {self._port}")


def measure(folder: Path, rounds: int) -> dict[str, Any]:
    """Return the rows, with the median of the nanoseconds, and the rows that are absent.

    Args:
        folder: the folder for the programs to build.
        rounds: the number of insertions in each program.
    """
    builders: dict[str, Callable[[Path], list[str]]] = {
        "c": lambda folder: [*build.c_loop(folder), library_path()], "rust": build.rust_loop, "java": build.java_loop
    }  # fmt: skip
    absent = []
    programs: dict[str, tuple[Worker, _Socket]] = {}
    with ExitStack() as stack:
        for row, label in LABELS.items():
            try:
                command = builders[row](folder) if row in builders else [sys.executable, "-m", __name__, row]
            except build.UnavailableError as why:
                absent.append({"row": row, "label": label, "why": str(why)})
                continue
            port = _free_port()
            environment = {
                "SCARDFFI_LIBRARY": library_path(), "LD_LIBRARY_PATH": library_folder(),
                "SCARDFFI_VIRTUAL": f"reader,listen={port}",
            }  # fmt: skip
            programs[row] = stack.enter_context(Worker(command, environment)), _Socket(port)
        times: dict[str, list[int]] = {row: [] for row in programs}
        for _ in range(_WARM_UP + rounds):
            for row, (worker, card) in programs.items():
                times[row].append(_latency(worker, card))
    return {
        "rows": [
            {"row": row, "label": LABELS[row], "ns": statistics.median(found[_WARM_UP:])}
            for row, found in times.items()
        ],
        "absent": absent,
    }


def _latency(worker: Worker, card: _Socket) -> int:
    """Insert the card, remove it, and return the nanoseconds after which the program knew of the insertion."""
    worker.request("wait")
    start = card.insert()
    known = int(worker.result())
    worker.request("wait")
    time.sleep(_PAUSE)
    card.remove()
    worker.result()
    if known < start:
        raise RuntimeError("the program saw a card before the insertion")
    return known - start


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _changes_by_callback() -> Iterator[int]:
    """Yield the time of each insertion and removal, taken in the callback of a monitor."""
    import scardffi

    changes = {scardffi.EventKind.CARD_INSERTED, scardffi.EventKind.CARD_REMOVED}
    times: queue.SimpleQueue[int] = queue.SimpleQueue()

    def callback(event: scardffi.Event) -> None:
        now = time.monotonic_ns()
        if event.kind in changes:
            times.put(now)

    with scardffi.Context() as context, context.monitor() as monitor:
        monitor.subscribe(callback)
        while True:
            yield times.get()


def _changes_by_iteration() -> Iterator[int]:
    """Yield the time of each insertion and removal, taken in a loop over the events of a monitor."""
    import scardffi

    changes = {scardffi.EventKind.CARD_INSERTED, scardffi.EventKind.CARD_REMOVED}
    with scardffi.Context() as context, context.monitor() as monitor:
        for event in monitor:
            now = time.monotonic_ns()
            if event.kind in changes:
                yield now


def _changes_by_observer() -> Iterator[int]:
    """Yield the time of each insertion and removal, taken in pyscard's observer of cards."""
    from smartcard.CardMonitoring import CardMonitor, CardObserver

    times: queue.SimpleQueue[int] = queue.SimpleQueue()

    class Observer(CardObserver):  # type: ignore[misc]  # pyscard has no types
        def update(self, _monitor: object, changed: tuple[list[object], list[object]]) -> None:
            now = time.monotonic_ns()
            if any(changed):
                times.put(now)

    monitor, observer = CardMonitor(), Observer()
    monitor.addObserver(observer)
    while True:
        yield times.get()


_CHANGES: Final = {
    "callback": _changes_by_callback, "iteration": _changes_by_iteration, "pyscard": _changes_by_observer
}  # fmt: skip


def _serve(row: str) -> None:
    changes = _CHANGES[row]()
    for _ in sys.stdin:
        print(next(changes), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
