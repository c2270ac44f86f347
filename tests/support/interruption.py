"""Interrupts an operation at each point at which CPython handles signals, in turn.

`csrc/signal_points.c` says why the points are chosen in C. A signal that is pending before one instruction is handled
at the next point; the instructions up to that point are skipped, so each point is tried once.
"""

import ctypes
import gc
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

SETTLE_SECONDS = 1.0


class Signals:
    """The compiled csrc/signal_points.c."""

    def __init__(self, path: Path) -> None:
        module = ctypes.PyDLL(str(path))
        self.begin, self.end, self.raised_at = module.points_begin, module.points_end, module.points_raised_at
        self.begin.argtypes = [ctypes.c_long]
        self.end.restype = self.raised_at.restype = ctypes.c_long
        self.begin(0)
        _do_nothing()  # 3.12 counts instructions only from the next begin() on
        self.end()


def _do_nothing() -> None:
    pass


class Outcome(NamedTuple):
    """What was seen of one operation."""

    points: int
    """The number of points at which it was interrupted."""
    swallowed: int
    """The number of points whose exception did not reach the caller: CPython drops those of finalizers."""
    faults: list[str]
    """What was wrong after an interruption."""


def interrupt_everywhere(
    signals: Signals,
    operation: Callable[[], object],
    finish: Callable[[], object],
    faults: Callable[[], list[str]],
    forget: Callable[[], object],
) -> Outcome:
    """Run the operation again and again, until no point is left.

    Args:
        signals: makes a signal pending.
        operation: the operation.
        finish: called after an operation that was not interrupted; it lets go of what the operation has acquired.
        faults: returns what is held or left after an interruption; it is asked again until it returns nothing, for a
            second.
        forget: called after faults were found, so that the next point does not show the same ones.
    """
    number, points, swallowed = 1, 0, 0
    found: list[str] = []
    while True:
        was_interrupted = completed = False
        where = "in a finalizer"
        seen = 0
        try:
            signals.begin(number)
            operation()
            completed = True
        except BaseException as error:  # the standard library may turn the interruption into another error
            if not signals.raised_at():
                raise
            was_interrupted = True
            where = _where(error)
        try:
            seen = signals.end()
            time.sleep(0)  # handles a signal that is still pending
        except KeyboardInterrupt:
            seen = seen or signals.end()
        if completed:
            finish()
        raised_at = signals.raised_at()
        if was_interrupted or raised_at:
            points += 1
            swallowed += not was_interrupted
            wrong = settled(faults, SETTLE_SECONDS if len(found) < 3 else 0.05)
            if wrong:
                found.append(f"point {points}, {where}: {', '.join(wrong)}")
                forget()
            operation()  # so that each run finds the same caches
            finish()
        if seen < number:
            return Outcome(points, swallowed, found)
        number = max(number, raised_at) + 1


def _where(error: BaseException) -> str:
    """Return the functions and lines that the exception has passed, without keeping its frames."""
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(traceback.extract_tb(error.__traceback__)))


def settled(faults: Callable[[], list[str]], seconds: float) -> list[str]:
    """Return the faults that stay; threads that close something need a moment."""
    end = time.perf_counter() + seconds
    while wrong := faults():
        if time.perf_counter() > end:
            break
        time.sleep(0.001)
        gc.collect()
    return wrong
