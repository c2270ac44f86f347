"""Measure the time that a binding adds to one exchange.

Runs SCardTransmit through each competitor on null_pcsc.c, a PC/SC library that only copies a response of 2, 16, 255 or
65 538 bytes. All competitors load the same library file in the same run. Each runs in a separate process, their short
rounds alternate, and the minimum of the rounds is the result. Before the measurement, the responses are compared byte
by byte and the loops run until they are warm, including Java's compiler. Each competitor returns the response as its
users receive it: as a list of ints (pyscard), as a new bytes object (transmit), or in memory of the caller (the
others).

Does not show: the time of an exchange with a card. A card takes milliseconds and a resource manager tens of
microseconds (bench_pcscd.py). The result is only the processor time in the binding, with one thread, warm caches and
the same command in every exchange. A row "Script" is one APDU in a script of 100 APDUs, which runs many times and keeps
each response in separate memory until the next run. With responses of 65 538 bytes this memory is larger than the
processor's caches, while the others write to one buffer repeatedly. javax.smartcardio (OpenJDK) receives at most 8 KiB.

`python -m pytest benchmarks/bench_exchange.py` measures the rows that can run in one process with pytest-benchmark; a
round has 1 000 exchanges. The rows of pyscard are not included, because they need another LD_LIBRARY_PATH.
"""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final

import pytest

from benchmarks import build
from benchmarks.exchanges import LENGTHS, exchange
from benchmarks.python_rows import ROWS, Prepared
from benchmarks.workers import Competitor, Worker, compare, null_environment, python_worker

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
    "raw": "scardffi `raw.SCardTransmit`",
    "cffi-abi": "cffi, ABI mode, by hand",
    "ctypes": "ctypes, by hand",
    "pyscard-scard": "pyscard `scard.SCardTransmit`",
    "pyscard-connection": "pyscard `connection.transmit`",
}
"""The rows of the table and their labels, in order."""

_ROUNDS: Final = 7  # of pytest-benchmark
_IN_PROCESS: Final = [row for row in ROWS if not row.startswith("pyscard")]


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Measure every competitor that can be built on this machine.

    Args:
        folder: the folder for the programs and the library to build.
        seconds: about how long each row is measured.
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
    """The null library, as the default library of this process."""
    library = build.null_library(tmp_path_factory.mktemp("null"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCARDFFI_LIBRARY", str(library))
        yield library


@pytest.mark.usefixtures("null_library")
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("row", _IN_PROCESS)
def test_a_thousand_exchanges(benchmark: Any, row: str, length: int) -> None:
    """Make 1000 exchanges. The published figures are from `python -m benchmarks`, not from here."""
    wanted = exchange(length)
    with closing(Prepared(row, wanted.command, wanted.capacity)) as prepared:
        assert prepared.answer() == wanted.answer
        benchmark.pedantic(prepared.loop, args=(1000,), rounds=_ROUNDS)
