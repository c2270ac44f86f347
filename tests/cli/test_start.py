"""The time that the program ``scardffi`` takes to start."""

import subprocess
import sys
import time
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
    environment = compiled_once(cache) | {"SCARDFFI_LIBRARY": virtual.library_path()}
    begin = time.perf_counter()
    subprocess.run(command, env=environment, cwd="/", check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


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
