"""The processor time that the program ``scardffi`` takes to start."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.compiled import compiled_once
from support.reports import report

from scardffi import virtual

LIMIT = 1.5
SLACK = 1.25
ROUNDS = 15


def seconds(command: Sequence[str], cache: Path) -> float:
    """Return the processor time that a program takes; other programs of this machine change the elapsed time."""
    environment = compiled_once(cache) | {"SCARDFFI_LIBRARY": virtual.library_path()}
    program = subprocess.Popen(command, env=environment, cwd="/", stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(program.pid, 0)
    program.returncode = os.waitstatus_to_exitcode(status)
    assert program.returncode == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.alone
@pytest.mark.skipif(sys.platform == "win32", reason="under Wine all programs start slowly")
def test_readers_starts_almost_as_soon_as_python_with_argparse_and_scardffi(tmp_path: Path) -> None:
    imports = [sys.executable, "-c", "import argparse, scardffi"]
    readers = [str(Path(sys.executable).with_name("scardffi")), "readers"]
    pairs = [(seconds(imports, tmp_path), seconds(readers, tmp_path)) for _ in range(ROUNDS)]
    least, ours = (min(times) for times in zip(*pairs, strict=True))
    report(
        f"start of scardffi readers: {1000 * ours:.1f} ms, {ours / least:.2f} times that of the imports (limit {LIMIT})"
    )
    assert ours <= LIMIT * SLACK * least
