"""The number of cases, and that each of them runs in every place."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.shape import PLACES

from .cases import cases
from .differences import DIFFERENCES
from .lacks import LACKS

FOLDER = Path(__file__).parent
FEWEST = 150


@pytest.fixture(scope="module")
def collected() -> list[str]:
    """Return the names of all tests of this folder."""
    # -I: the source folder scardffi may be without its compiled module.
    command = [sys.executable, "-I", "-m", "pytest", "--collect-only", "-q", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=FOLDER.parent.parent)
    return done.stdout.splitlines()


def test_every_case_runs_in_all_places(collected: list[str]) -> None:
    found = cases(collected)
    assert len(found) >= FEWEST
    assert [case for case, places in found.items() if places != set(PLACES)] == []


def test_each_deliberate_difference_is_used_by_a_case() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("test_*.py"))
    assert [what for what in DIFFERENCES if f'"{what}"' not in sources] == []
    assert [what for what, one in DIFFERENCES.items() if one.pcscd == one.virtual] == []


def test_cases_that_this_platform_lacks_are_left_out(collected: list[str]) -> None:
    for lack in LACKS:
        for test, parameters in lack.cases.items():
            assert not any(f"::{test}[" in name and parameters in name for name in collected), test
