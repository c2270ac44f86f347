"""Measures the time from a change to the program that waits for it, in C and with a monitor's callback.

Arguments: the compiled csrc/waiting_thread.c, the number of rounds. Prints as JSON the medians in microseconds.
"""

import ctypes
import json
import statistics
import sys
import time
from collections.abc import Callable

from scardffi import Library, virtual
from scardffi.monitor import Event, Monitor

PAUSE = 0.0003
NAME = "Reader of the events"


def main() -> None:
    program, rounds = ctypes.CDLL(sys.argv[1]), int(sys.argv[2])
    program.last_woken.restype = ctypes.c_int64
    library = Library(virtual.library_path())
    card = virtual.AnsweringCard()
    name = NAME.encode()  # the program in C keeps a pointer to it
    entered: list[int] = [0]

    def callback(_event: Event) -> None:
        entered[0] = time.perf_counter_ns()

    def by_callback() -> int:
        return entered[0]

    def until_noted(start: int, noted: Callable[[], int]) -> int:
        while (end := noted()) < start:
            assert time.perf_counter_ns() < start + 5e9, "the change was not noticed"
            time.sleep(PAUSE)
        return end - start

    def times(change: Callable[[], object], undo: Callable[[], object], noted: Callable[[], int]) -> float:
        found = []
        for _ in range(rounds):
            start = time.perf_counter_ns()
            change()
            time.sleep(PAUSE)
            found.append(until_noted(start, noted))
            start = time.perf_counter_ns()
            undo()
            until_noted(start, noted)
            time.sleep(PAUSE)  # the next wait begins
        return statistics.median(found) / 1000

    reader, other = virtual.VirtualReader(NAME), virtual.VirtualReader("Another reader")
    with reader:
        assert program.start_waiting(virtual.library_path().encode(), name)
        time.sleep(0.1)
        in_c = [
            times(lambda: reader.insert(card), reader.remove, program.last_woken),
            times(other.plug, other.unplug, program.last_woken),
        ]
        program.stop_waiting()
        with Monitor(library=library) as monitor:
            monitor.subscribe(callback)
            time.sleep(0.1)
            ours = [times(lambda: reader.insert(card), reader.remove, by_callback)]
            ours.append(times(other.plug, other.unplug, by_callback))
    sys.stdout.write(json.dumps({"C": in_c, "callback": ours}) + "\n")


main()
