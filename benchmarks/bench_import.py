"""Measure the processor time that importing scardffi adds to a program.

Times the import statement in a new interpreter that has already loaded the modules in LOADED_BEFORE, as most programs
have. The minimum of fifteen rounds is the result. It is compared with pyscard's smartcard.System, which has the same
purpose: to list the readers and connect to them. ``import scardffi`` loads the compiled modules, and the classes are
loaded at their first use; a program that uses Context or SCardManage also loads what scardffi.context loads.

Does not show: the first import after the installation, which compiles the modules to .pyc files; cold disk caches; the
start of the interpreter; loading the PC/SC library, which scardffi does at its first use and pyscard during the import.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks import ROOT

_ROUNDS: Final = 15
MODULES: Final = ("scardffi", "scardffi.context", "smartcard.System")
LOADED_BEFORE: Final = ("dataclasses", "enum", "functools", "threading", "typing")

_PROGRAM: Final = f"""
import gc, time, {", ".join(LOADED_BEFORE)}
gc.disable()  # a collection of all objects falls into one import or another by chance
start = time.process_time_ns()
import {{module}}
print(time.process_time_ns() - start)
"""


def measure(folder: Path) -> dict[str, float]:
    """Return the milliseconds for each module. The first round compiles the modules to files in the folder."""
    times: dict[str, float] = {}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "pycache")
    for _ in range(1 + _ROUNDS):
        for module in MODULES:
            printed = subprocess.run(
                [sys.executable, "-c", _PROGRAM.format(module=module)], cwd=ROOT, env=environment, text=True,
                stdout=subprocess.PIPE, check=True,
            ).stdout  # fmt: skip
            milliseconds = round(int(printed) / 1e6, 2)
            times[module] = min(times.get(module, milliseconds), milliseconds)
    return times
