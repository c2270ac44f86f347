"""What does the virtual library take for one exchange?

Measures the time of one SCardTransmit in a C loop: on null_pcsc.c, where it is a bare function call, and on scardffi's
own virtual library, whose answering card looks the handle up, waits for its turn at the reader and reads the command.
Rounds, turns and comparison of answers as in bench_exchange.py; the difference is what the virtual library adds.

Does not show: a card in Python, which takes some microseconds for Python's own work, or a card emulator behind a
socket. One thread: threads that use the same reader wait for each other, as with a real one.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import build
from benchmarks.workers import Competitor, Worker, compare
from scardffi.virtual import library_path

LENGTHS: Final = (16, 255, 65_538)


def measure(folder: Path, seconds: float) -> dict[str, dict[str, float]]:
    """Nanoseconds by the answer's length, of the bare call and of the virtual library.

    Args:
        folder: for what is built.
        seconds: how long a round takes, about.
    """
    libraries = {"null": str(build.null_library(folder)), "virtual": library_path()}
    with ExitStack() as stack:
        workers = {
            name: stack.enter_context(Worker([*build.c_loop(folder), path], {})) for name, path in libraries.items()
        }
        rows = compare([Competitor(name, name, worker) for name, worker in workers.items()], seconds, LENGTHS)
    return {row["row"]: row["ns"] for row in rows}
