"""Measure the time of one exchange through a real resource manager.

Runs SCardTransmit through libpcsclite and a pcscd that is started for this run. Its reader driver, the IFD handler of
the tests, answers from memory. Client and daemon are pinned to one core. On two cores, the time that the kernel takes
to wake up the other core would be most of the figure and would differ from run to run. The rounds and the comparison of
responses are those of bench_exchange.py.

Does not show: a reader and a card, which take milliseconds. The driver writes a log line for each command, which adds
the same time to all rows and makes the ratios smaller.
"""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from support.pcscd import PrivatePcscd, unavailable_reason

from benchmarks import build
from benchmarks.bench_exchange import LABELS
from benchmarks.workers import Competitor, Pinned, Worker, compare, python_worker

_LIBRARY: Final = "libpcsclite.so.1"
_SCARDFFI: Final = ("script", "unchecked", "exchange", "transmit-into", "transmit")
_PYSCARD: Final = ("pyscard-scard", "pyscard-connection")


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Measure the C loop, scardffi and pyscard with one daemon.

    Args:
        folder: the folder for the program to build and for the daemon's files.
        seconds: about how long each row is measured.
    """
    reason = unavailable_reason()
    if reason is not None:
        return {"rows": [], "absent": [{"row": "pcscd", "label": "all through pcscd", "why": reason}]}
    with ExitStack() as stack:
        stack.enter_context(Pinned())
        daemon = stack.enter_context(PrivatePcscd(folder / "pcscd", ifd_readers=1, debug=False))
        environment = {**daemon.environment, "SCARDFFI_LIBRARY": _LIBRARY}
        workers = {"c": stack.enter_context(Worker([*build.c_loop(folder), _LIBRARY], environment))}
        workers |= dict.fromkeys(_SCARDFFI, stack.enter_context(python_worker(environment)))
        workers |= dict.fromkeys(_PYSCARD, stack.enter_context(python_worker(environment)))
        competitors = [Competitor(row, label, workers[row]) for row, label in LABELS.items() if row in workers]
        return {"rows": compare(competitors, seconds), "absent": []}
