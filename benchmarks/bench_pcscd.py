"""What does a binding add to one exchange through a real resource manager?

Measures the time of one SCardTransmit through libpcsclite and a pcscd of the run's own, whose reader driver (the tests'
IFD handler) answers from memory. Client and daemon are pinned to one core: across two cores the kernel's waking up of
the other one would be most of the figure, and would change from run to run. Rounds, turns and comparison of answers as
in bench_exchange.py.

Does not show: a reader and a card, which take milliseconds. The driver writes a line for each command, which belongs
to every row alike and makes the ratios smaller than they could be.
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
    """Time the C loop, scardffi and pyscard through one daemon.

    Args:
        folder: for what is built, and for the daemon's files.
        seconds: how long a round of a row takes, about.
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
