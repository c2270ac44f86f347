"""Waits on the virtual library for the seconds in the argument, and prints the processor time of the waiting threads.

Prints the milliseconds of processor time of a thread in SCardGetStatusChange, and of the whole process, whose main
thread waits in a Context meanwhile. On Linux also those of the threads of a monitor that waits too, with a callback and
an iteration.
"""

import json
import sys
import threading
import time
from pathlib import Path

from scardffi import Context, Library, ReturnCode, SCardTimeoutError, virtual

TASKS = Path("/proc/self/task")
"""The threads; it does not exist on other systems than Linux."""


def main() -> None:
    library, seconds = Library(virtual.library_path()), float(sys.argv[1])
    cost: list[float] = []

    def wait() -> None:
        _, context = library.SCardEstablishContext(2)
        _, [(state, _)] = library.SCardGetStatusChange(context, 0, [(virtual.DEFAULT_READER, 0)])
        known = [(virtual.DEFAULT_READER, state & ~2)]
        start = time.thread_time()
        code, _ = library.SCardGetStatusChange(context, round(1000 * seconds), known)
        cost.append(time.thread_time() - start)
        assert code == ReturnCode.SCARD_E_TIMEOUT, hex(code)

    thread = threading.Thread(target=wait)
    before = set(TASKS.glob("*"))
    with Context(library=library) as context, context.monitor() as monitor:
        monitor.subscribe(lambda _: None)
        threading.Thread(target=list, args=(monitor,)).start()
        time.sleep(0.2)
        of_the_monitor = set(TASKS.glob("*")) - before
        began = processor_time(of_the_monitor)
        known = context.get_status_change([virtual.DEFAULT_READER])
        thread.start()
        time.sleep(0.1)
        start = time.process_time()
        try:
            context.get_status_change(known, seconds)
        except SCardTimeoutError:
            cost.append(time.process_time() - start)
        cost.append(processor_time(of_the_monitor) - began)
    thread.join()
    sys.stdout.write(
        json.dumps(dict(zip(("thread", "process", "monitor"), (1000 * one for one in cost), strict=True))) + "\n"
    )


def processor_time(tasks: set[Path]) -> float:
    """Return the seconds that these threads have used."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


main()
