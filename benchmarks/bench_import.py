"""How long does importing take?

Measures the time of the import statement in a fresh interpreter, the minimum of seven: scardffi against pyscard's
smartcard.System, which gives the same: a list of readers to connect to.

Does not show: the first import after installation (compiling to .pyc), cold disk caches, the start of the interpreter,
or the PC/SC library, which scardffi loads at its first use and pyscard while it is imported.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks import ROOT
from benchmarks.workers import ROUNDS

MODULES: Final = ("scardffi", "smartcard.System")

_PROGRAM: Final = "import time; start = time.perf_counter_ns(); import {}; print(time.perf_counter_ns() - start)"


def measure(folder: Path) -> dict[str, float]:
    """Milliseconds for each module; the folder is for their compiled files, which the first round makes."""
    times: dict[str, float] = {}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "pycache")
    for _ in range(1 + ROUNDS):
        for module in MODULES:
            printed = subprocess.run(
                [sys.executable, "-c", _PROGRAM.format(module)], cwd=ROOT, env=environment, text=True,
                stdout=subprocess.PIPE, check=True,
            ).stdout  # fmt: skip
            milliseconds = round(int(printed) / 1e6, 2)
            times[module] = min(times.get(module, milliseconds), milliseconds)
    return times
