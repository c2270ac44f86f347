"""The threads of the package, for whose start the end of the program waits.

Python 3.11 may crash if the interpreter ends after a thread was started and before it runs, because it frees the state
of the thread. From Python 3.12 on, such a thread may keep what the interpreter needs to end.
"""

from __future__ import annotations

import _thread
import atexit
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable

_EXIT_SECONDS: Final = 1.0
_LOOK_AGAIN: Final = 0.0005
_OTHERS_SECONDS: Final = 5.0


class _Thread:
    """A thread that has not begun to run."""

    __slots__ = ("__weakref__",)


_not_running: Final[set[ref[_Thread]]] = set()
_forget: Final = _not_running.discard  # in C, so Ctrl-C cannot interrupt it
_ended_by: int | None = None  # the thread that ends the program

if hasattr(os, "register_at_fork"):  # the threads of the parent do not exist in a child
    os.register_at_fork(after_in_child=_not_running.clear)


def prepared(function: Callable[..., object], *arguments: object) -> Callable[[], object]:
    """Return a function that starts a thread, which calls ``function``.

    The returned function is in C: Ctrl-C cannot come between the line before its call and the start of the thread.
    threading.Thread.start() would wait for the thread, in Python code that is not safe if Ctrl-C interrupts it.

    Raises:
        RuntimeError: the program is ending; on another thread than the one that ends it, this is raised after five
            seconds. The returned function raises it too, if no thread can be started.
    """
    thread = _Thread()
    known = ref(thread, _forget)  # if the function is never called, too
    _not_running.add(known)
    if _ended_by is not None:  # the end of the program waits for threads that were added before it has set this
        if _thread.get_ident() != _ended_by:  # usually the process ends meanwhile, without a traceback of this thread
            time.sleep(_OTHERS_SECONDS)
        raise RuntimeError("can't start new thread: the program is ending")
    return partial(_thread.start_new_thread, _run, (thread, known, function, arguments))


def program_is_ending() -> bool:
    """Return True if no thread can be started any more."""
    return _ended_by is not None


def start(function: Callable[..., object], *arguments: object) -> None:
    """Start a thread that calls ``function``; Ctrl-C may come before it has started.

    Raises:
        RuntimeError: no thread can be started, or the program is ending.
    """
    prepared(function, *arguments)()


def _run(_thread: _Thread, known: ref[_Thread], function: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    _forget(known)
    function(*arguments)


def _wait_for_starts() -> None:
    """Start no more threads, and wait until those that were started run, at most a second."""
    global _ended_by  # noqa: PLW0603  it changes once, at the end of the program
    _ended_by = _thread.get_ident()
    end = time.perf_counter() + _EXIT_SECONDS
    while _not_running and time.perf_counter() < end:
        time.sleep(_LOOK_AGAIN)


atexit.register(_wait_for_starts)
