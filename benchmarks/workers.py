"""Runs competitors side by side: each in a process of its own, asked for one round after another in turn.

A worker reads lines "row capacity command count". A count of 0 is answered by the card's answer in hexadecimal, another
one by the nanoseconds of one exchange in a loop of that many. "error ..." says that this row cannot do this exchange.
"""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, final

from benchmarks import ROOT
from benchmarks.exchanges import LENGTHS, Exchange, exchange

ROUNDS: Final = 7

_WARM_UP_SECONDS: Final = 0.25


class CannotError(Exception):
    """The competitor cannot do this exchange; the message is its own."""


@final
class Worker:
    """A process that makes exchanges when asked; a context manager.

    Args:
        command: the program and its arguments.
        environment: what its environment holds besides this process's.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = command
        self._process = subprocess.Popen(
            command, env={**os.environ, **environment}, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True,
        )  # fmt: skip

    def __enter__(self) -> "Worker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.communicate()

    def answer(self, row: str, wanted: Exchange) -> bytes:
        """What the card answers to one exchange."""
        return bytes.fromhex(self._ask(row, wanted, 0))

    def nanoseconds(self, row: str, wanted: Exchange, count: int) -> float:
        """The time of one exchange in a loop of `count`."""
        return float(self._ask(row, wanted, count))

    def _ask(self, row: str, wanted: Exchange, count: int) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("a worker has pipes")
        stdin.write(f"{row} {wanted.capacity} {wanted.command.hex()} {count}\n")
        stdin.flush()
        line = stdout.readline().strip()
        if line.startswith("error"):
            raise CannotError(line.removeprefix("error").strip())
        if not line:
            raise RuntimeError(f"{self._command} ended while it was asked for {row}")
        return line


def python_worker(environment: Mapping[str, str]) -> Worker:
    """The worker for all rows of python_rows.py."""
    return Worker([sys.executable, "-m", "benchmarks.python_rows"], environment)


class Competitor(NamedTuple):
    """A row of the table."""

    row: str
    """Its short name; the worker knows it by that."""
    label: str
    """Its name in the table."""
    worker: Worker


def compare(
    competitors: Sequence[Competitor], seconds: float, lengths: Sequence[int] = LENGTHS
) -> list[dict[str, Any]]:
    """Time the competitors in turn, after their answers were compared byte for byte.

    Args:
        competitors: those that run here, first the one that the others are compared with.
        seconds: how long one of the seven rounds of one row takes, about.
        lengths: of the answers in bytes.

    Returns:
        One entry for each competitor: for each length the minimum of the rounds in nanoseconds and its ratio to the
        first competitor's, or why there is none.
    """
    results: list[dict[str, Any]] = [
        {"row": each.row, "label": each.label, "ns": {}, "why": {}} for each in competitors
    ]
    exchanges = [exchange(length) for length in lengths]
    counts = [_counts(competitors, results, wanted, seconds) for wanted in exchanges]
    for wanted, count in zip(exchanges, counts, strict=True):
        _take_turns(competitors, results, wanted, count)
    base = results[0]["ns"]
    for entry in results:
        entry["ratio"] = {length: round(now / base[length], 3) for length, now in entry["ns"].items()}
    return results


def _counts(
    competitors: Sequence[Competitor], results: list[dict[str, Any]], wanted: Exchange, seconds: float
) -> dict[int, int]:
    """How many exchanges a round of each competitor has, whose answers are right and who is warm by then."""
    counts: dict[int, int] = {}
    for index, each in enumerate(competitors):
        try:
            answer = each.worker.answer(each.row, wanted)
        except CannotError as why:
            results[index]["why"][str(wanted.length)] = str(why)
            continue
        if answer != wanted.answer:
            raise RuntimeError(f"{each.label} received another answer of {wanted.length} bytes: {answer[:32].hex()}")
        counts[index] = _count_for(each, wanted, seconds)
    return counts


def _take_turns(
    competitors: Sequence[Competitor], results: list[dict[str, Any]], wanted: Exchange, counts: dict[int, int]
) -> None:
    for _ in range(ROUNDS):
        for index, count in counts.items():
            each = competitors[index]
            now = round(each.worker.nanoseconds(each.row, wanted, count), 2)
            known = results[index]["ns"].get(str(wanted.length), now)
            results[index]["ns"][str(wanted.length)] = min(known, now)


def _count_for(each: Competitor, wanted: Exchange, seconds: float) -> int:
    """How many exchanges take that long, about; by then the competitor is warm, its compiler at run time has ended."""
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
    """The core for comparisons where two processes must share one."""
    return min(os.sched_getaffinity(0))


@final
class Pinned:
    """Keeps this process, and those that it starts meanwhile, on one core; a context manager."""

    def __enter__(self) -> None:
        self._before = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {pinned_core()})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.sched_setaffinity(0, self._before)


def run_module(module: str, environment: Mapping[str, str], *arguments: str) -> str:
    """What a module of this package prints, run in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], env={**os.environ, **environment}, cwd=ROOT, text=True,
        stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return done.stdout


def null_environment(library: Path) -> dict[str, str]:
    """What makes those that load by path use this library."""
    return {"SCARDFFI_LIBRARY": str(library)}
