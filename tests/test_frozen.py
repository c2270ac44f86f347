"""A program that PyInstaller freezes into one file uses the virtual card on a machine without Python."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.requirements import need_module, need_program

import scardffi

PROGRAM = Path(__file__).parent / "programs" / "frozen.py"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the program as one file; PyInstaller takes some seconds to make it."""
    need_module("PyInstaller")
    need_program("objdump", "objcopy")
    folder = tmp_path_factory.mktemp("frozen")
    paths = ["--paths", str(Path(scardffi.__file__).parent.parent)]  # an editable install is not found without it
    options = ["--onefile", "--distpath", str(folder), "--workpath", str(folder / "build"), "--specpath", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "PyInstaller", *options, *paths, str(PROGRAM)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return folder / "frozen"


def test_a_frozen_program_runs_without_python_and_prints_no_error_at_its_end(frozen: Path, tmp_path: Path) -> None:
    alone = frozen.rename(tmp_path / "alone")  # none of its parts is beside it
    done = subprocess.run([alone], cwd="/", env={"PATH": ""}, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result["response"] == "9000"
    assert result["service"] == "FileAccess"
    assert result["loaded"] == "SIMCard"  # with the schema of a card's file
    assert result["frozen"] is True
    assert not result["prefix"].startswith(sys.prefix)
