"""Signals that a program gets, on every platform."""

import os
import signal
import sys
from typing import Final

ANY_SIGNAL: Final = signal.SIGTERM if sys.platform == "win32" else signal.SIGUSR1
"""One that nobody else sends."""


def send_signal(number: int) -> None:
    """Send one to this process, from any thread; SIGINT is Ctrl-C."""
    if sys.platform == "win32":  # there os.kill ends the process
        signal.raise_signal(number)
    else:
        os.kill(os.getpid(), number)
