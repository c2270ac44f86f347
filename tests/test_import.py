"""What ``import scardffi`` costs: no more than the import of pyscard, and nothing for what is not in use."""

import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from support.reports import report

import scardffi

PACKAGE = Path(scardffi.__file__).parent
ROUNDS = 11
TRIES = 3


def import_times(module: str) -> dict[str, int]:
    """Microseconds of each module that `import module` imports in a new interpreter, with what it imports itself."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"],
        cwd="/",  # not where a source folder of the same name would be imported
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines() if "|" in line]
    return {name.strip(): int(cumulative) for _, cumulative, name in lines[1:]}


def medians() -> tuple[float, float]:
    """Microseconds that the import of scardffi and that of pyscard take."""
    ours: list[int] = []
    theirs: list[int] = []
    for _ in range(ROUNDS):  # in turns, so that what disturbs one disturbs the other
        ours.append(import_times("scardffi")["scardffi"])
        theirs.append(import_times("smartcard.System")["smartcard.System"])
    return statistics.median(ours), statistics.median(theirs)


def test_importing_takes_no_longer_than_importing_pyscard() -> None:
    for _ in range(TRIES):  # the machine may be busy with something else: all is measured again
        ours, theirs = medians()
        if ours <= theirs:
            break
    figures = f"scardffi {ours / 1000:.1f} ms, smartcard.System {theirs / 1000:.1f} ms, ratio {ours / theirs:.2f}"
    report(f"import time, median of {ROUNDS}: {figures}")
    assert ours <= theirs


def test_importing_scardffi_loads_nothing_of_iso7816() -> None:
    assert "scardffi.constants" in import_times("scardffi")
    assert [name for name in import_times("scardffi") if "iso7816" in name] == []
    assert "scardffi.iso7816" in import_times("scardffi.iso7816.atr")


def test_a_source_folder_without_the_compiled_module_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "scardffi"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("_native*.so", "_native*.pyd", "__pycache__"))
    command = [sys.executable, "-S", "-c", "import scardffi"]  # -S: an editable install would find _native
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: {folder / '_loader.py'} is in a source folder without the compiled module")
    assert "pip install -e ." in last
