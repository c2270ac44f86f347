"""The cost of ``import scardffi``: a limit for its processor time, and modules that it must not load."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import _cffi_backend
import pytest
from support.reports import report

import scardffi

PACKAGE = Path(scardffi.__file__).parent
ROUNDS = 11
TRIES = 3
LIMIT = 2.5
"""The processor time that importing scardffi may add, as a multiple of what importing smartcard.System adds."""

COMMON = "contextlib, dataclasses, enum, functools, threading, typing, warnings, weakref"
"""Modules that most programs have loaded already. Loading them is not part of the time. Before Python 3.14 the
others load contextlib and warnings too, and before 3.15 weakref."""

ON_DEMAND = {"anyio", "asyncio", "ctypes", "scardffi.iso7816", "scardffi.monitor", "scardffi.services"}
"""Modules that only programs that use them should load."""

PROGRAM = f"""
import gc, json, sys, time, {COMMON}
gc.disable()  # a collection of all objects falls into one import or another by chance
start = time.process_time_ns()  # other programs slow it down less than they slow down the clock
import {{modules}}
print(json.dumps([time.process_time_ns() - start, list(sys.modules)]))
"""


def run_import(modules: str, environment: dict[str, str] | None = None) -> Any:
    """Import modules in a new interpreter; return the added processor time in ns and all loaded modules."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(modules=modules)],
        cwd="/",  # a source folder in the working directory would be imported instead
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def added_times(environment: dict[str, str]) -> tuple[float, float]:
    """Return the minimum of the milliseconds that importing scardffi and importing pyscard add."""
    rounds = [[run_import(name, environment)[0] for name in ("scardffi", "smartcard.System")] for _ in range(ROUNDS)]
    ours, theirs = zip(*rounds, strict=True)
    return min(ours) / 1e6, min(theirs) / 1e6


@pytest.mark.alone
def test_importing_adds_at_most_two_and_a_half_times_what_importing_pyscard_adds(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(tmp_path)  # the first round compiles all modules
    for _ in range(TRIES):  # other programs can slow down all rounds
        ours, theirs = added_times(environment)
        if ours <= theirs * LIMIT:
            break
    figures = f"scardffi {ours:.1f} ms, smartcard.System {theirs:.1f} ms, ratio {ours / theirs:.2f}"
    report(f"processor time added by an import, minimum of {ROUNDS}: {figures}")
    assert ours <= theirs * LIMIT


def test_importing_loads_no_module_that_only_some_programs_use() -> None:
    loaded = set(run_import("scardffi")[1])
    assert "scardffi.constants" in loaded
    assert loaded & ON_DEMAND == set()
    modules = ", ".join(sorted(ON_DEMAND - {"anyio"}))
    assert ON_DEMAND - {"anyio"} <= set(run_import(modules)[1])


@pytest.mark.parametrize("module", ["_native", "_calls"])
def test_a_source_folder_without_a_compiled_module_says_what_to_do(module: str, tmp_path: Path) -> None:
    folder = tmp_path / "scardffi"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns(f"{module}*.so", f"{module}*.pyd", "__pycache__"))
    command = [sys.executable, "-S", "-c", "import scardffi"]  # -S: an editable install would find the module
    backend = str(Path(_cffi_backend.__file__).parent)
    environment = {**os.environ, "SCARDFFI_NO_CALLS": "", "PYTHONPATH": backend}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {folder / '_loader.py'} is in a source folder without the compiled module")
    assert "pip install -e ." in last
