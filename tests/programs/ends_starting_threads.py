"""Ends while threads are started: those of monitors, of calls with a timeout, and those that close collected objects.

The argument is the number of each that the main thread starts last. An exit function that was registered before
scardffi's, and so runs after it, prints as JSON what it can still do.
"""

import atexit
import json
import sys


def use_late() -> None:
    """Use the card, and close everything."""
    found: dict[str, object] = {}
    try:
        context.attach(READER, timeout=1)
    except RuntimeError as error:
        found["with timeout"] = str(error)
    with context.attach(READER) as card:
        found["without"] = card.transmit(CHALLENGE)[-2:].hex()
    for monitor in monitors:
        monitor.close()
    context.release()
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


atexit.register(use_late)

import threading  # noqa: E402  after the exit function
import time  # noqa: E402

import scardffi  # noqa: E402
from scardffi.virtual import DEFAULT_READER as READER  # noqa: E402
from scardffi.virtual import library_path  # noqa: E402

CHALLENGE = bytes.fromhex("0084000008")
library = scardffi.Library(library_path())
context = scardffi.Context(library=library)
monitors: list[scardffi.Monitor] = []


def monitor() -> None:
    """Start a monitor with a callback."""
    monitors.append(scardffi.Monitor(library=library))
    monitors[-1].subscribe(lambda _: None)


def bounded_call() -> None:
    """Make a call with a timeout."""
    with context.attach(READER, timeout=1):
        pass


def collected() -> None:
    """Leave an attached object to the reaper."""
    scardffi.SCardManage(library).attach_by_ifd(READER)


def again_and_again() -> None:
    """Make calls with a timeout until the process ends."""
    own = scardffi.Context(library=library)
    while True:
        with own.attach(READER, timeout=1):
            pass


threading.Thread(target=again_and_again, daemon=True).start()
time.sleep(0.01)
for _ in range(int(sys.argv[1])):
    for start in (monitor, bounded_call, collected):
        start()
