"""A trace as text: one line for each call, what it holds in words, and at the end how long each function took."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from .._printable import printable
from ._explanation import SLOW, Explainer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._record import Record


class FunctionTimes(NamedTuple):
    """The number of calls of a function, and the time that they took, in seconds."""

    function: str
    calls: int
    failed: int
    total: float
    median: float
    longest: float


class Times:
    """Collects how long the calls of each function take."""

    def __init__(self) -> None:
        self._durations: dict[str, list[int]] = {}
        self._failed: dict[str, int] = {}
        self._begin: int | None = None
        self._end = 0

    def add(self, record: Record) -> None:
        """Count a record."""
        self._durations.setdefault(record.function, []).append(record.duration_ns)
        self._failed[record.function] = self._failed.get(record.function, 0) + (record.result != 0)
        self._begin = record.time_ns if self._begin is None else min(self._begin, record.time_ns)
        self._end = max(self._end, record.time_ns + record.duration_ns)

    @property
    def seconds(self) -> float:
        """The time from the begin of the first call to the end of the last one."""
        return 0.0 if self._begin is None else (self._end - self._begin) / 1e9

    def functions(self) -> list[FunctionTimes]:
        """Return the functions, the one that took longest first."""
        rows = [
            FunctionTimes(name, len(taken), self._failed[name], sum(taken) / 1e9, median(taken) / 1e9, max(taken) / 1e9)
            for name, taken in self._durations.items()
        ]
        return sorted(rows, key=lambda row: -row.total)


def duration(seconds: float) -> str:
    """Return a duration with a unit in which it has at most three digits before the point."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def summary(times: Times, threads: dict[tuple[int, int], int], slow_calls: int, slow: float) -> str:
    """Return the sentence about a whole trace."""
    rows = times.functions()
    processes = len({process for process, _ in threads})
    return (
        f"{_count(sum(row.calls for row in rows), 'call')} in {duration(times.seconds)}, "
        f"{_count(processes, 'process', 'processes')}, {_count(len(threads), 'thread')}; "
        f"{slow_calls} slow ({duration(slow)} or more), {sum(row.failed for row in rows)} failed"
    )


def lines(records: Iterable[Record], slow: float = SLOW) -> Iterator[str]:
    """Yield the lines of a trace: when each call began, how long it took, its thread, and what it did.

    Args:
        records: the records, in the order of the trace: that in which the calls returned.
        slow: the seconds from which a call is marked with "slow".
    """
    explainer = Explainer(slow)
    times = Times()
    slow_calls = 0
    for record in records:
        times.add(record)
        one = explainer.explain(record)
        slow_calls += one.is_slow
        mark = "slow" if one.is_slow else ""
        yield f"{one.seconds:12.6f} {duration(record.duration_ns / 1e9):>9} {mark:4} [{one.thread}] {one.line}"
        for note in one.notes:
            yield f"{'':32}{note}"
    yield ""
    yield summary(times, explainer.threads, slow_calls, slow)
    if rows := times.functions():
        yield f"{'function':24}{'calls':>8}{'failed':>8}{'total':>11}{'median':>11}{'longest':>11}"
    for row in rows:
        measured = "".join(f"{duration(value):>11}" for value in (row.total, row.median, row.longest))
        yield f"{printable(row.function):24}{row.calls:8}{row.failed:8}{measured}"


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"
