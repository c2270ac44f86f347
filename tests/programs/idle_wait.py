"""Waits on the virtual library for the seconds in the argument, and prints the processor time of the waiting threads.

Prints the milliseconds of processor time of a thread in SCardGetStatusChange, and of the whole process, whose main
thread waits in a Context meanwhile. On Linux also those of the threads of a monitor that waits too, with a callback and
an iteration.
"""

import json
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from scardffi import Context, Library, ReturnCode, SCardTimeoutError, virtual

TASKS = Path("/proc/self/task")
"""The threads; it does not exist on other systems than Linux."""
SETTLE_SECONDS = 15


def main() -> None:
    library, seconds = Library(virtual.library_path()), float(sys.argv[1])
    cost: dict[str, float] = {}

    def wait() -> None:
        _, context = library.SCardEstablishContext(2)
        _, [(state, _)] = library.SCardGetStatusChange(context, 0, [(virtual.DEFAULT_READER, 0)])
        known = [(virtual.DEFAULT_READER, state & ~2)]
        start = time.thread_time()
        code, _ = library.SCardGetStatusChange(context, round(1000 * seconds), known)
        cost["thread"] = time.thread_time() - start
        assert code == ReturnCode.SCARD_E_TIMEOUT, hex(code)

    thread = threading.Thread(target=wait)
    with Context(library=library) as context, context.monitor() as monitor:
        monitor.subscribe(lambda _: None)
        threading.Thread(target=list, args=(monitor,)).start()
        known = context.get_status_change([virtual.DEFAULT_READER])
        of_the_monitor = settled()
        thread.start()
        settled()
        start = time.process_time()
        try:
            context.get_status_change(known, seconds)
        except SCardTimeoutError:
            cost["process"] = time.process_time() - start
        now = others()
        cost["monitor"] = sum(now[task][1] - used for task, (_, used) in of_the_monitor.items())
    thread.join()
    sys.stdout.write(json.dumps({name: 1000 * one for name, one in cost.items()}) + "\n")


def others() -> dict[str, tuple[str, float]]:
    """Return the state of each other thread, "S" if it waits, and the processor time that it has used, in seconds."""
    found = {}
    for task in TASKS.glob("*"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            found[task.name] = state, int((task / "schedstat").read_text().split()[0]) / 1e9
    found.pop(str(threading.get_native_id()), None)
    return found


def settled() -> dict[str, tuple[str, float]]:
    """Return `others()` when they all wait and have not run for a while, or after SETTLE_SECONDS."""
    deadline = time.monotonic() + SETTLE_SECONDS
    before = others()
    while True:
        time.sleep(0.2)  # a thread that is not idle runs in this time
        now = others()
        if (now == before and all(state == "S" for state, _ in now.values())) or time.monotonic() > deadline:
            return now
        before = now


main()
