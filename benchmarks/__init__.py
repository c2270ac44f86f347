"""What one exchange costs, against every alternative: `python -m benchmarks` from a clone with an editable install."""

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
SOURCES: Final = Path(__file__).parent

# The private pcscd with its test cards belongs to the tests.
sys.path.append(str(ROOT / "tests"))
