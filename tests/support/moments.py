"""Acts while a test's block waits: when a thread is in a function, or when something has happened."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import CodeType, FrameType
from typing import Any

from scardffi import Monitor
from scardffi._bounded_call import BoundedCall

Condition = Callable[[], object]

WAITS: tuple[Callable[..., object], ...] = (BoundedCall.wait, Monitor._wait)
"""The functions in which a caller waits for a call of PC/SC on another thread, or for an event."""


class Moment:
    """The moment at which :func:`when` acts.

    Attributes:
        took: the seconds from then to the end of the block.
    """

    def __init__(self) -> None:
        self.took = 0.0


def is_in(*functions: Callable[..., object], thread: threading.Thread | None = None) -> Condition:
    """Return a function that tells whether a thread, by default the main thread, is in one of these functions."""
    codes = _codes(functions)
    ident = (thread or threading.main_thread()).ident
    return lambda: ident is not None and _runs(sys._current_frames().get(ident), codes)


def any_is_in(*functions: Callable[..., object]) -> Condition:
    """Return a function that tells whether any thread is in one of these functions."""
    codes = _codes(functions)
    return lambda: any(_runs(frame, codes) for frame in sys._current_frames().values())


def _codes(functions: tuple[Any, ...]) -> list[CodeType]:
    return [function.__code__ for function in functions]


def _runs(frame: FrameType | None, codes: list[CodeType]) -> bool:
    while frame is not None and frame.f_code not in codes:
        frame = frame.f_back
    return frame is not None


def until(condition: Condition, seconds: float = 10) -> None:
    """Wait until the condition is true."""
    end = time.perf_counter() + seconds
    while not condition():
        assert time.perf_counter() < end, "it did not happen"
        time.sleep(0.001)


@contextlib.contextmanager
def when(condition: Condition, action: Callable[[], object], *, after: float = 0.0) -> Iterator[Moment]:
    """Call a function on another thread during the block, ``after`` seconds after the condition has become true.

    The block does not end before the function has returned. If the block ends first, the function is not called.
    """
    moment, is_over = Moment(), threading.Event()
    acted = 0.0

    def act() -> None:
        nonlocal acted
        while not condition():
            if is_over.wait(0.001):
                return
        if not is_over.wait(after):
            acted = time.perf_counter()
            action()

    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield moment
    finally:
        moment.took = time.perf_counter() - acted
        is_over.set()
        thread.join()
