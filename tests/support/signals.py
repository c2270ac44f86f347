"""Sends signals to this process, on every platform, and Ctrl-C to a block that waits."""

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Iterator
from typing import Final

import pytest

from .moments import WAITS, Condition, is_in, when

ANY_SIGNAL: Final = signal.SIGTERM if sys.platform == "win32" else signal.SIGUSR1
"""A signal that only tests send."""


def send_signal(number: int) -> None:
    """Send a signal to this process, from any thread; SIGINT is Ctrl-C."""
    if sys.platform == "win32":  # on Windows os.kill ends the process
        signal.raise_signal(number)
    else:
        os.kill(os.getpid(), number)


class Interruption:
    """How Ctrl-C ended a block.

    Attributes:
        error: the exception that ended the block.
        took: the seconds from Ctrl-C to the end of the block.
    """

    error: KeyboardInterrupt
    took: float


@contextlib.contextmanager
def ended_by_ctrl_c(condition: Condition | None = None, *, after: float = 0.05) -> Iterator[Interruption]:
    """Press Ctrl-C once the block is where it is to be interrupted, and assert that this ends the block.

    The block may take two seconds to end, which is far more than is promised, for a busy machine.

    Args:
        condition: tells whether the block is there; by default, whether it is in one of :data:`~.moments.WAITS`.
        after: the seconds from then to Ctrl-C.
    """
    found = Interruption()
    press = functools.partial(send_signal, signal.SIGINT)
    with (  # pytest.raises is the outer one: a Ctrl-C that comes too late would end the whole run of the tests
        pytest.raises(KeyboardInterrupt) as raised,
        when(condition or is_in(*WAITS), press, after=after) as pressed,
    ):
        yield found
    found.error, found.took = raised.value, pressed.took
    assert found.took < 2
