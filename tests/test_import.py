"""The cost of ``import scardffi`` and of ``import smartcard``: limits for the processor time, and what they load."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import _cffi_backend
import pytest
from support.compiled import compiled_once
from support.interpreter import run_python
from support.modes import library_environment
from support.reports import report

import scardffi

PACKAGE = Path(scardffi.__file__).parent
ROUNDS = 4
TRIES = 3

COMMON = "contextlib, dataclasses, enum, functools, threading, typing, warnings, weakref"
"""Modules that most programs have loaded already. Loading them is not part of the time. Before Python 3.14 the
others load contextlib and warnings too, and before 3.15 weakref."""

ON_DEMAND = {"anyio", "asyncio", "ctypes", "scardffi.iso7816", "scardffi.monitor", "scardffi.services"}
"""Modules that only programs that use them should load."""

PROGRAM = f"""
import gc, json, sys, time, {COMMON}
gc.disable()  # a collection of all objects falls into one import or another by chance
start = time.process_time_ns()  # other programs slow it down less than they slow down the clock
{{statements}}
print(json.dumps([time.process_time_ns() - start, list(sys.modules)]))
"""

SMARTCARD = "import smartcard.System"
INSTALLED = f"from scardffi import compat; compat.install(); {SMARTCARD}"
READERS = "readers = smartcard.System.readers()"
CONNECT = f"{READERS}; connection = readers[0].createConnection(); connection.connect()"
OWN_READERS = "from scardffi import Context; context = Context(); readers = context.list_readers()"
OWN_CONNECT = f"{OWN_READERS}; card = context.attach(readers[0])"

IMPORTS = {"pyscard": SMARTCARD, "scardffi": "import scardffi", "scardffi.compat": INSTALLED}
"""Each library's import. ``import scardffi`` loads the compiled modules; the classes are loaded at their first use."""
IMPORT_LIMITS = {"scardffi": 1.0, "scardffi.compat": 1.5}
"""The processor time that an import may add, as a multiple of what importing smartcard.System of pyscard adds."""

USES = {
    "list the readers": {
        "pyscard": f"{SMARTCARD}; {READERS}",
        "scardffi": OWN_READERS,
        "scardffi.compat": f"{INSTALLED}; {READERS}",
    },
    "connect to the first card": {
        "pyscard": f"{SMARTCARD}; {CONNECT}",
        "scardffi": OWN_CONNECT,
        "scardffi.compat": f"{INSTALLED}; {CONNECT}",
    },
}
"""Programs that import a library and then use it, by what they do: the import and what the first use loads."""
USE_LIMITS = {"scardffi": 4.0, "scardffi.compat": 5.0}
"""The same limits for these programs."""


def run_statements(statements: str, environment: dict[str, str] | None = None) -> Any:
    """Run statements in a new interpreter; return the added processor time in ns and all loaded modules."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(statements=statements)],
        cwd="/",  # a source folder in the working directory would be imported instead
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def ratios_to_pyscard(programs: dict[str, str], limits: dict[str, float], what: str, cache: Path) -> dict[str, float]:
    """Return the processor time of each program as a multiple of pyscard's, and report it.

    Args:
        programs: the statements of each library; those of "pyscard" are what the others are compared with.
        limits: the greatest ratio of each other library; with more, all is measured again, at most three times.
        what: what the programs do, for the report.
        cache: a folder for compiled modules; the first round compiles all of them.
    """
    environment = compiled_once(cache) | library_environment()
    best = dict.fromkeys(programs, float("inf"))
    ratios: dict[str, float] = {}
    for _ in range(TRIES):  # other programs can slow down all rounds
        for _ in range(ROUNDS):
            best |= {name: min(best[name], run_statements(code, environment)[0]) for name, code in programs.items()}
        ratios = {name: best[name] / best["pyscard"] for name in limits}
        if all(ratios[name] <= limit for name, limit in limits.items()):
            break
    figures = ", ".join(f"{name} {best[name] / 1e6:.1f} ms ({ratios[name]:.2f} times)" for name in limits)
    report(f"processor time to {what}: pyscard {best['pyscard'] / 1e6:.1f} ms, {figures}")
    return ratios


@pytest.mark.alone
def test_importing_scardffi_or_its_smartcard_costs_about_as_much_as_importing_pyscard(tmp_path: Path) -> None:
    ratios = ratios_to_pyscard(IMPORTS, IMPORT_LIMITS, "import", tmp_path)
    assert {name: ratio for name, ratio in ratios.items() if ratio > IMPORT_LIMITS[name]} == {}


@pytest.mark.alone
@pytest.mark.skipif(sys.platform != "linux", reason="pyscard uses the virtual library only on Linux")
@pytest.mark.parametrize("use", USES)
def test_importing_and_then_using_scardffi_costs_a_few_times_what_pyscard_costs(use: str, tmp_path: Path) -> None:
    ratios = ratios_to_pyscard(USES[use], USE_LIMITS, f"import and {use}", tmp_path)
    assert {name: ratio for name, ratio in ratios.items() if ratio > USE_LIMITS[name]} == {}


def test_importing_loads_no_module_that_only_some_programs_use() -> None:
    loaded = set(run_statements("import scardffi")[1])
    assert "scardffi._loader" in loaded
    assert loaded & (ON_DEMAND | {"scardffi.context", "scardffi.manage"}) == set()
    loaded = set(run_statements("from scardffi import Context")[1])
    assert "scardffi.context" in loaded
    assert loaded & ON_DEMAND == set()
    modules = ", ".join(sorted(ON_DEMAND - {"anyio"}))
    assert ON_DEMAND - {"anyio"} <= set(run_statements(f"import {modules}")[1])


def test_every_public_name_is_imported_at_its_first_use_in_any_order() -> None:
    program = """
        import scardffi
        for name in reversed(scardffi.__all__):
            assert getattr(scardffi, name) is getattr(scardffi, name), name
            assert name in vars(scardffi), name
        from scardffi import *
        assert Context is scardffi.Context is scardffi.context.Context
        """
    assert run_python(program) == []


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
