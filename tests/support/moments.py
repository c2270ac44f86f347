"""Acts while a test's block waits: when a thread is in a function, or when something has happened."""

import contextlib
import faulthandler
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
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
    ident = (thread or threading.main_thread()).ident
    places = _places(functions)
    return lambda: not places.isdisjoint(_stacks().get(ident, ()))


def any_is_in(*functions: Callable[..., object]) -> Condition:
    """Return a function that tells whether any thread is in one of these functions."""
    places = _places(functions)
    return lambda: any(not places.isdisjoint(stack) for stack in _stacks().values())


def _places(functions: tuple[Any, ...]) -> set[tuple[str, str]]:
    return {(function.__code__.co_filename, function.__name__) for function in functions}


def _stacks() -> dict[int | None, list[tuple[str, str]]]:
    """Return the file and the name of each function that runs, by thread.

    Walking the frames of sys._current_frames() is not safe in Python 3.11: a garbage collection meanwhile lets the
    other thread go on, and the frames are freed. faulthandler makes no objects.
    """
    stacks: dict[int | None, list[tuple[str, str]]] = {}
    with tempfile.TemporaryFile() as file:
        faulthandler.dump_traceback(file)
        file.seek(0)
        for line in file.read().decode().splitlines():
            if begin := re.search(r"[Tt]hread 0x([0-9a-f]+)", line):
                stack = stacks.setdefault(int(begin[1], 16), [])
            elif place := re.fullmatch(r'  File "(.*)", line \d+ in (\S+)', line):
                stack.append((place[1], place[2]))
    return stacks


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
