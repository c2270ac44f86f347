"""Measure the time of one exchange in the virtual library.

Runs SCardTransmit in a C loop, on null_pcsc.c and on scardffi's virtual library. In the null library it is only a
function call. The virtual library also looks up the handle, waits for other users of the reader and decodes the
command; the difference is the time of this work. The rounds and the comparison of responses are those of
bench_exchange.py.

Does not show: a card written in Python, which takes some microseconds, or a card emulator that is connected by a
socket. The loop has one thread; threads that use the same reader wait for each other, as with a real reader.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import build
from benchmarks.workers import Competitor, Worker, compare
from scardffi.virtual import library_path

LENGTHS: Final = (16, 255, 65_538)


def measure(folder: Path, seconds: float) -> dict[str, dict[str, float]]:
    """Return the nanoseconds by the length of the response, for the null library and the virtual library.

    Args:
        folder: the folder for the program and the library to build.
        seconds: about how long each row is measured.
    """
    libraries = {"null": str(build.null_library(folder)), "virtual": library_path()}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker([*build.c_loop(folder), path], {})) for name, path in libraries.items()
        }
        rows = compare([Competitor(name, name, worker) for name, worker in workers.items()], seconds, LENGTHS)
    return {row["row"]: row["ns"] for row in rows}
