"""The three modes in which programs for pyscard run: pyscard itself, and the two layers of scardffi.compat."""

import os
import subprocess
import sys
from pathlib import Path

from scardffi import virtual

MODES = ("pyscard", "scard", "all")


def run_in_mode(mode: str, *program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program on the virtual library in a mode; its arguments are a file or ``-m`` and a module first.

    The program has no time limit but the test's, and its environment has the virtual library for pyscard and scardffi.
    """
    start = () if mode == "pyscard" else ("-m", "scardffi.compat", "--layers", mode)
    return run_python(*start, *program, **environment)


def run_python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these arguments on the virtual library."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd="/",
        env={**os.environ, **library_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def library_environment() -> dict[str, str]:
    """Return the variables with which pyscard and scardffi use the virtual library."""
    return {"LD_LIBRARY_PATH": str(virtual.library_folder()), "SCARDFFI_LIBRARY": str(virtual.library_path())}


def program_named(name: str) -> str:
    """Return the path of a program in tests/programs."""
    return str(Path(__file__).parent.parent / "programs" / name)
