"""Benchmarks of scardffi and its alternatives. Run `python -m benchmarks` in a clone with an editable install."""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
SOURCES: Final = Path(__file__).parent

# bench_pcscd.py and bench_threads.py use the private pcscd of the tests.
sys.path.append(str(ROOT / "tests"))
