"""What does a binding add to one exchange?

Measures the time of one SCardTransmit through each competitor, on null_pcsc.c, a PC/SC library that answers at once
and does nothing else: a memcpy of 2, 16, 255 or 65 538 bytes. All competitors load the same file in the same run; each
runs in a process of its own, they take turns round by round, and the minimum of seven rounds counts. Before the clock
starts their answers are compared byte for byte and their loops are run warm, Java's compiler included. Each hands over
what it always hands over: lists of ints (pyscard), a new bytes object (transmit), the caller's own memory (the others).

Does not show: how long an exchange takes with a card. A real card takes milliseconds, a resource manager some ten
microseconds (bench_pcscd.py); this is the part of it that the caller's processor spends in the binding. One thread,
warm caches, the same command again and again. A row "Script" is one APDU in a script of 100, run many times, each
answer kept in memory of its own until the next pass; with answers of 65 538 bytes that memory is larger than the
processor's caches, while the others write one buffer again and again. javax.smartcardio (OpenJDK) receives 8 KiB at
most.

`python -m pytest benchmarks/bench_exchange.py` runs the rows that live in this process under pytest-benchmark; each of
its rounds is 1 000 exchanges. pyscard needs LD_LIBRARY_PATH and thus a process of its own, so it is not among them.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks import build
from benchmarks.exchanges import LENGTHS, exchange
from benchmarks.python_rows import ROWS, Prepared
from benchmarks.workers import ROUNDS, Competitor, Worker, compare, null_environment, python_worker

LABELS: Final = {
    "c": "C loop, -O2",
    "rust": "Rust, pcsc crate",
    "java-buffer": "javax.smartcardio `transmit(ByteBuffer)`",
    "java-command": "javax.smartcardio `transmit(CommandAPDU)`",
    "script": "scardffi `Script`, per APDU",
    "unchecked": "scardffi `exchange.unchecked()`",
    "exchange": "scardffi `exchange()`",
    "by-hand": "scardffi `lib.SCardTransmit` by hand",
    "transmit-into": "scardffi `card.transmit_into()`",
    "transmit": "scardffi `card.transmit()`",
    "cffi-abi": "cffi, ABI mode, by hand",
    "ctypes": "ctypes, by hand",
    "pyscard-scard": "pyscard `scard.SCardTransmit`",
    "pyscard-connection": "pyscard `connection.transmit`",
}
"""The rows in the table's order."""

_IN_PROCESS: Final = [row for row in ROWS if not row.startswith("pyscard")]


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Time every competitor that can be built here.

    Args:
        folder: for what is built.
        seconds: how long a round of a row takes, about.
    """
    library = build.null_library(folder)
    by_path = null_environment(library)
    by_name = {"LD_LIBRARY_PATH": str(build.library_path_folder(library))}
    absent = []
    with ExitStack() as stack:
        workers = {"c": stack.enter_context(Worker([*build.c_loop(folder), str(library)], by_path))}
        workers |= dict.fromkeys(_IN_PROCESS, stack.enter_context(python_worker(by_path)))
        pyscard = stack.enter_context(python_worker(by_name))
        workers |= {"pyscard-scard": pyscard, "pyscard-connection": pyscard}
        for rows, builder in (["rust"], build.rust_loop), (["java-buffer", "java-command"], build.java_loop):
            try:
                worker = stack.enter_context(Worker(builder(folder), by_name))
            except build.UnavailableError as why:
                absent += [{"row": row, "label": LABELS[row], "why": str(why)} for row in rows]
            else:
                workers |= dict.fromkeys(rows, worker)
        competitors = [Competitor(row, label, workers[row]) for row, label in LABELS.items() if row in workers]
        return {"rows": compare(competitors, seconds), "absent": absent}


@pytest.fixture(scope="module")
def null_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The null library, the default one of this process."""
    library = build.null_library(tmp_path_factory.mktemp("null"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCARDFFI_LIBRARY", str(library))
        yield library


@pytest.mark.usefixtures("null_library")
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("row", _IN_PROCESS)
def test_a_thousand_exchanges(benchmark: Any, row: str, length: int) -> None:
    """The rows of this process; the figures that count are those of `python -m benchmarks`."""
    wanted = exchange(length)
    with closing(Prepared(row, wanted.command, wanted.capacity)) as prepared:
        assert prepared.answer() == wanted.answer
        benchmark.pedantic(prepared.loop, args=(1000,), rounds=ROUNDS)
