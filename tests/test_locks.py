"""Mutex: a lock that Ctrl-C never leaves held. test_interruption.py interrupts it at each point."""

import ast
import sys
import threading
from pathlib import Path

import pytest
from support.moments import is_in
from support.signals import ended_by_ctrl_c

import scardffi
from scardffi._locks import Mutex

PACKAGE = Path(scardffi.__file__).parent


def is_free(mutex: Mutex) -> bool:
    """Return True if another thread can take it."""
    taken = []

    def take() -> None:
        if mutex.acquire(blocking=False):
            taken.append(True)
            mutex.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return bool(taken)


def test_it_is_held_until_the_last_block_ends() -> None:
    mutex = Mutex()
    with mutex:
        with mutex:
            assert not is_free(mutex)
        assert not is_free(mutex)
    assert is_free(mutex)


def test_it_is_free_after_an_error() -> None:
    mutex = Mutex()
    with pytest.raises(ZeroDivisionError), mutex:
        _ = 1 // 0
    assert is_free(mutex)


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C does not end the wait for a lock")
def test_ctrl_c_ends_the_wait_for_it() -> None:
    mutex = Mutex()
    is_held, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with mutex:
            is_held.set()
            may_end.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(10)
    with ended_by_ctrl_c(is_in(Mutex.__enter__)), mutex:
        pass
    assert not is_free(mutex)
    may_end.set()
    thread.join()
    assert is_free(mutex)


def test_no_module_uses_the_locks_of_threading() -> None:
    names = {"Lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore"}
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node) != "anyio.Event")
        or (
            isinstance(node, ast.ImportFrom)
            and node.module in {"threading", "_thread"}
            and names & {name.name for name in node.names}
        )
    ]
    assert [place.partition(":")[0] for place in found] == ["_locks.py"]  # the base class of Mutex


def test_no_other_module_starts_a_thread_for_which_the_end_of_the_program_does_not_wait() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if (isinstance(node, ast.Attribute) and node.attr in {"start_new_thread", "start_new"})
        or (isinstance(node, ast.ImportFrom) and node.module == "_thread")
    ]
    assert [place.partition(":")[0] for place in found] == ["_threads.py"]
