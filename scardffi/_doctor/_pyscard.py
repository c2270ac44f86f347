"""The PC/SC library that pyscard loads, in a process of its own: importing pyscard here would load it here too."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_SECONDS: Final = 5.0
_WORDS: Final = ("pcsc", "winscard", "scardvirtual", "scardtrace")

_IMPORT: Final = """
import smartcard.scard
for line in open("/proc/self/maps", errors="surrogateescape"):
    print(line.rstrip("\\n").partition("/")[2])
"""


def is_installed() -> bool:
    """Return True if ``import smartcard`` imports pyscard, and not scardffi's modules of this name."""
    try:
        found = importlib.util.find_spec("smartcard")
    except (ImportError, ValueError):
        return False
    return found is not None and found.origin is not None and "scardffi" not in Path(found.origin).parts


def libraries() -> set[str] | None:
    """Return the paths of the PC/SC libraries that pyscard loads, links followed; None if that cannot be seen."""
    if sys.platform != "linux" or getattr(sys, "frozen", False):
        return None
    try:
        done = subprocess.run(  # noqa: S603  this interpreter
            [sys.executable, "-c", _IMPORT], cwd="/", stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_SECONDS, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    paths = {f"/{line}" for line in os.fsdecode(done.stdout).splitlines() if line}
    return {os.path.realpath(path) for path in paths if any(word in os.path.basename(path) for word in _WORDS)}  # noqa: PTH119  strings that are compared
