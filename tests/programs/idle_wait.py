"""Waits on the virtual library for the seconds in the argument, and prints the processor time of the waiting threads.

Prints the milliseconds of processor time of a thread in SCardGetStatusChange, and of the whole process, whose main
thread waits in a Context meanwhile; a monitor with a callback and a thread that iterates over it wait too.
"""

import json
import sys
import threading
import time

from scardffi import Context, Library, ReturnCode, SCardTimeoutError, virtual


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
    with Context(library=library) as context, context.monitor() as monitor:
        monitor.subscribe(lambda _: None)
        threading.Thread(target=list, args=(monitor,)).start()
        known = context.get_status_change([virtual.DEFAULT_READER])
        thread.start()
        time.sleep(0.1)
        start = time.process_time()
        try:
            context.get_status_change(known, seconds)
        except SCardTimeoutError:
            cost.append(time.process_time() - start)
    thread.join()
    sys.stdout.write(json.dumps({"thread": 1000 * cost[0], "process": 1000 * cost[1]}) + "\n")


main()
