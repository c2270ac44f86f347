"""How many cases there are, and that none of them is left out on one of the two places."""

import subprocess
import sys
from pathlib import Path

from .cases import PLACES, cases
from .differences import DIFFERENCES

FOLDER = Path(__file__).parent
FEWEST = 150


def test_every_case_is_one_of_both_places() -> None:
    # -I: the folder that this runs in holds a scardffi without its C part.
    command = [sys.executable, "-I", "-m", "pytest", "--collect-only", "-q", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=FOLDER.parent.parent)
    found = cases(done.stdout.splitlines())
    assert len(found) >= FEWEST
    assert [case for case, places in found.items() if places != set(PLACES)] == []


def test_each_deliberate_difference_is_one_and_is_asked_for_by_a_case() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("test_*.py"))
    assert [what for what in DIFFERENCES if f'"{what}"' not in sources] == []
    assert [what for what, (pcscd, virtual, _) in DIFFERENCES.items() if pcscd == virtual] == []
