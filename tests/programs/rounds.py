"""Attaches, transmits and detaches many times, and prints by how much the process has grown.

Arguments: PC/SC library, reader, "handle" or "ifd", "fresh" or "reused", rounds. Prints the growth of the resident set
in bytes and of the number of descriptors after a warm-up of a tenth of the rounds, and the microseconds of a round.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable

from support.commands import ANSWER_4, READ_4

from scardffi import Library, SCardManage


def resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  pathlib would allocate more objects
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  as above


def one_round(library: Library, reader: str, how: str, object_of: Callable[[], SCardManage]) -> Callable[[], None]:
    if how == "ifd":

        def attach() -> SCardManage:
            return object_of().attach_by_ifd(reader)

    else:
        code, context = library.SCardEstablishContext(2)
        assert code == 0, hex(code)
        code, handle, _ = library.SCardConnect(context, reader, 2, 3)
        assert code == 0, hex(code)

        def attach() -> SCardManage:
            return object_of().attach_by_handle(handle)

    def run() -> None:
        with attach() as card:
            assert card.transmit(READ_4) == ANSWER_4

    return run


def main() -> None:
    path, reader, how, which, number = sys.argv[1:]
    library, rounds = Library(path), int(number)
    one = SCardManage(library)
    run = one_round(library, reader, how, (lambda: one) if which == "reused" else lambda: SCardManage(library))
    for _ in range(rounds // 10):
        run()
    gc.collect()
    before, open_before, start = resident_bytes(), descriptors(), time.perf_counter()
    for _ in range(rounds):
        run()
    elapsed = time.perf_counter() - start
    gc.collect()
    grown = {
        "bytes": resident_bytes() - before,
        "descriptors": descriptors() - open_before,
        "us": round(1e6 * elapsed / rounds, 1),
    }
    sys.stdout.write(json.dumps(grown) + "\n")


main()
