"""Run the competitors in separate processes, and alternate their rounds.

A worker reads lines "row capacity command count". If the count is 0, it makes one exchange and prints the response in
hexadecimal. Otherwise it makes this number of exchanges and prints the nanoseconds for one of them. It prints
"error ..." if the row does not support the exchange.
The programs in C, Rust and Java, and the workers in Python of bench_calls.py and bench_events.py, also have rows that
make other calls: "attach" and "status" make `count` of them; "wait" waits until a card is inserted or removed, and
prints the nanoseconds of the monotonic clock.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self, final

from benchmarks import ROOT
from benchmarks.exchanges import LENGTHS, Exchange, exchange

ROUNDS: Final = 70  # on a busy machine, a short round is more likely to be undisturbed than a long one

_WARM_UP_SECONDS: Final = 0.25


class UnsupportedExchangeError(Exception):
    """Raised if a competitor does not support an exchange. The message is the competitor's."""


@final
class Worker:
    """A process that makes exchanges on request; a context manager.

    Args:
        command: the program and its arguments.
        environment: variables to add to the environment of this process.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    def answer(self, row: str, wanted: Exchange) -> bytes:
        """Make one exchange and return the response."""
        return bytes.fromhex(self._ask(row, wanted, 0))

    def nanoseconds(self, row: str, wanted: Exchange, count: int) -> float:
        """Return the time of one exchange in a loop of `count`."""
        return float(self._ask(row, wanted, count))

    def calls(self, row: str, count: int) -> float:
        """Return the time of one of `count` calls that are not exchanges."""
        self.request(row, count)
        return float(self.result())

    def request(self, row: str, count: int = 1, capacity: int = 0, command: str = "00") -> None:
        """Send a request. :meth:`result` then waits for the result."""
        stdin = self._process.stdin
        if stdin is None:
            raise RuntimeError("the worker has no pipes")
        stdin.write(f"{row} {capacity} {command} {count}\n")
        stdin.flush()

    def result(self) -> str:
        """Return the line that the worker prints for the request."""
        stdout = self._process.stdout
        if stdout is None:
            raise RuntimeError("the worker has no pipes")
        line = stdout.readline().strip()
        if line.startswith("error"):
            raise UnsupportedExchangeError(line.removeprefix("error").strip())
        if not line:
            raise RuntimeError(f"{self._command} ended during a request")
        return line

    def _ask(self, row: str, wanted: Exchange, count: int) -> str:
        self.request(row, count, wanted.capacity, wanted.command.hex())
        return self.result()


def python_worker(environment: Mapping[str, str]) -> Worker:
    """Start the worker for all rows of python_rows.py."""
    return Worker([sys.executable, "-m", "benchmarks.python_rows"], environment)


class Competitor(NamedTuple):
    """A row of the table."""

    row: str
    """The name of the row in requests to the worker."""
    label: str
    """The name of the row in the table."""
    worker: Worker


def compare(
    competitors: Sequence[Competitor], seconds: float, lengths: Sequence[int] = LENGTHS
) -> list[dict[str, Any]]:
    """Compare the responses of all competitors byte by byte, and then time the competitors.

    Args:
        competitors: the competitors. The first one is the base of the ratios.
        seconds: about how long each row is measured, in all rounds together.
        lengths: the lengths of the responses in bytes.

    Returns:
        An entry for each competitor. For each length it has the minimum of the rounds in nanoseconds and the ratio to
        the first competitor, or the reason why they are missing.

    Raises:
        RuntimeError: a response is wrong, or a worker has ended.
    """
    results: list[dict[str, Any]] = [
        {"row": each.row, "label": each.label, "ns": {}, "why": {}} for each in competitors
    ]
    exchanges = [exchange(length) for length in lengths]
    counts = [_counts(competitors, results, wanted, seconds / ROUNDS) for wanted in exchanges]
    for wanted, count in zip(exchanges, counts, strict=True):
        _time_rounds(competitors, results, wanted, count)
    base = results[0]["ns"]
    for entry in results:
        entry["ratio"] = {length: round(now / base[length], 3) for length, now in entry["ns"].items()}
    return results


def _counts(
    competitors: Sequence[Competitor], results: list[dict[str, Any]], wanted: Exchange, seconds: float
) -> dict[int, int]:
    """Check the response of each competitor, warm it up, and return its number of exchanges per round."""
    counts: dict[int, int] = {}
    for index, each in enumerate(competitors):
        try:
            answer = each.worker.answer(each.row, wanted)
        except UnsupportedExchangeError as why:
            results[index]["why"][str(wanted.length)] = str(why)
            continue
        if answer != wanted.answer:
            received, expected = answer[:32].hex(), wanted.answer[:32].hex()
            raise RuntimeError(f"{each.label} received {received}... of {len(answer)} bytes instead of {expected}...")
        counts[index] = _count_for(each, wanted, seconds)
    return counts


def _time_rounds(
    competitors: Sequence[Competitor], results: list[dict[str, Any]], wanted: Exchange, counts: dict[int, int]
) -> None:
    for _ in range(ROUNDS):
        for index, count in counts.items():
            each = competitors[index]
            now = round(each.worker.nanoseconds(each.row, wanted, count), 2)
            known = results[index]["ns"].get(str(wanted.length), now)
            results[index]["ns"][str(wanted.length)] = min(known, now)


def _count_for(each: Competitor, wanted: Exchange, seconds: float) -> int:
    """Return the number of exchanges that take about this time, after a warm-up for just-in-time compilers."""
    warm = time.monotonic() + _WARM_UP_SECONDS
    count = 10
    while time.monotonic() < warm:
        count = _calibrated(each, wanted, seconds)
    return count


def _calibrated(each: Competitor, wanted: Exchange, seconds: float) -> int:
    count = 10
    while (now := each.worker.nanoseconds(each.row, wanted, count)) * count < seconds * 1e8:
        count *= 4
    return max(count, int(seconds * 1e9 / now))


def pinned_core() -> int:
    """Return the core for measurements in which two processes must share a core."""
    return min(os.sched_getaffinity(0))


@final
class Pinned:
    """Keep this process and the processes that it starts on one core; a context manager."""

    def __enter__(self) -> None:
        self._before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {pinned_core()})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.sched_setaffinity(0, self._before)


def run_module(module: str, environment: Mapping[str, str], *arguments: str) -> str:
    """Run a module of this package in a new process, and return its output."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env={**os.environ, **environment}, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return done.stdout


def null_environment(library: Path) -> dict[str, str]:
    """Return the environment variable that makes competitors load this library by its path."""
    return {"SCARDFFI_LIBRARY": str(library)}
