"""How many cases there are, and that none of them is left out on one of the two places."""

import subprocess
import sys
from pathlib import Path

from .cases import PLACES, cases

FOLDER = Path(__file__).parent
FEWEST = 150


def test_every_case_is_one_of_both_places() -> None:
    # -I: the folder that this runs in holds a scardffi without its C part.
    command = [sys.executable, "-I", "-m", "pytest", "--collect-only", "-q", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=FOLDER.parent.parent)
    found = cases(done.stdout.splitlines())
    assert len(found) >= FEWEST
    assert [case for case, places in found.items() if places != set(PLACES)] == []
