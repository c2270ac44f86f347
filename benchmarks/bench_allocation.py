"""Measure the memory that exchanges allocate.

Runs a loop of exchanges with responses of 255 bytes on the null library. The figures are the memory that is still
allocated after the loop (net) and the maximum during the loop (peak), both from tracemalloc, and the change of
sys.getallocatedblocks. The buffers of the caller are created before the loop.

Does not show: memory that C code allocates without Python's allocator. libpcsclite allocates such memory; the null
library allocates none.
Blocks on Python's free lists count as allocated; the warm-up has put them there. The peak is that of one call, because
the result of each call is freed at the next call.
"""

import gc
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any, Final

from benchmarks import build
from benchmarks.exchanges import exchange
from benchmarks.python_rows import Prepared
from benchmarks.workers import null_environment, run_module

_COUNTS: Final = {
    "unchecked": 1_000_000, "exchange": 1_000_000, "transmit-into": 100_000, "transmit": 100_000, "script": 100_000,
    "ctypes": 100_000, "by-hand": 100_000,
}  # fmt: skip
_PYSCARD_COUNTS: Final = {"pyscard-scard": 10_000, "pyscard-connection": 10_000}
_LENGTH: Final = 255


def measure(folder: Path) -> list[dict[str, Any]]:
    """Return an entry for each row. The rows of scardffi run in one process, those of pyscard in another."""
    library = build.null_library(folder)
    by_name = {"LD_LIBRARY_PATH": str(build.library_path_folder(library))}
    entries: list[dict[str, Any]] = json.loads(run_module(__name__, null_environment(library), *_COUNTS))
    entries += json.loads(run_module(__name__, by_name, *_PYSCARD_COUNTS))
    return entries


def _allocated(row: str, count: int) -> dict[str, Any]:
    wanted = exchange(_LENGTH)
    prepared = Prepared(row, wanted.command, wanted.capacity)
    gc.collect()
    gc.disable()
    for _ in range(2):  # the first round is a warm-up
        before = sys.getallocatedblocks()
        prepared.loop(count)
        blocks = sys.getallocatedblocks() - before

    tracemalloc.start()
    prepared.loop(1000)
    tracemalloc.reset_peak()
    start, _ = tracemalloc.get_traced_memory()
    prepared.loop(count)
    end, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    gc.enable()
    return {"row": row, "count": count, "net": end - start, "peak": peak - start, "blocks": blocks}


if __name__ == "__main__":
    counts = {**_COUNTS, **_PYSCARD_COUNTS}
    json.dump([_allocated(row, counts[row]) for row in sys.argv[1:]], sys.stdout)
