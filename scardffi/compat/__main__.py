"""Run a program that was written for pyscard on scardffi: ``python -m scardffi.compat PROGRAM ARGS``."""

from __future__ import annotations

import argparse
import runpy
import shutil
import sys
from pathlib import Path

from ._finder import install, on_path

_USAGE = (
    "python -m scardffi.compat [--layers all|scard] (PROGRAM | -m MODULE) ...\n       python -m scardffi.compat --path"
)


def main() -> None:
    """Run the program of the command line as ``python PROGRAM`` or ``python -m MODULE`` would."""
    parser = argparse.ArgumentParser(
        prog="python -m scardffi.compat",
        usage=_USAGE,
        description="Run a Python program that was written for pyscard on scardffi.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--layers",
        choices=["all", "scard"],
        default="all",
        help="all: replace every module of pyscard, which need not be installed (the default); "
        "scard: replace only smartcard.scard",
    )
    parser.add_argument(
        "--path",
        action="store_true",
        help="print a folder for PYTHONPATH: programs with this folder, and their child processes, use scardffi",
    )
    parser.add_argument("-m", dest="is_module", action="store_true", help="run a module instead of a file")
    parser.add_argument("program", nargs="?", help="a file, or the name of a Python program in PATH")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's arguments")
    given = parser.parse_args()
    if given.path:
        if given.layers != "all" or given.is_module or given.program:
            parser.error("--path stands by itself")
        sys.stdout.write(f"{on_path()}\n")
        return
    if not given.program:
        parser.error("give a PROGRAM or -m MODULE")
    try:
        install(given.layers)
    except (ImportError, RuntimeError) as error:
        parser.exit(1, f"{parser.prog}: {error}\n")
    if given.is_module:
        sys.argv = [given.program, *given.arguments]
        runpy.run_module(given.program, run_name="__main__", alter_sys=True)
        return
    found = given.program if Path(given.program).exists() else shutil.which(given.program)
    if found is None:
        parser.error(f"there is no file {given.program}, and no such program in PATH")
    program = Path(found).absolute()  # as python does, so that __file__ is right after a change of the folder
    sys.argv = [str(program), *given.arguments]
    if not sys.flags.safe_path and program.is_file():
        sys.path[0] = str(program.resolve().parent)
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main()
