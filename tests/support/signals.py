"""Sends signals to this process, on every platform."""

import os
import signal
import sys
from typing import Final

ANY_SIGNAL: Final = signal.SIGTERM if sys.platform == "win32" else signal.SIGUSR1
"""A signal that only tests send."""


def send_signal(number: int) -> None:
    """Send a signal to this process, from any thread; SIGINT is Ctrl-C."""
    if sys.platform == "win32":  # on Windows os.kill ends the process
        signal.raise_signal(number)
    else:
        os.kill(os.getpid(), number)
