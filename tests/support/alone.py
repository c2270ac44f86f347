"""Runs a program of tests/programs in an interpreter of its own, and reads what it found out."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_PROGRAMS = Path(__file__).parent.parent / "programs"


def run_alone(
    program: str,
    *arguments: str,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> tuple[Any, str]:
    """What the program printed as JSON in its last line, and what it wrote to stderr.

    The program takes its arguments as text; the installed scardffi is the one that it imports.
    """
    command = [sys.executable, "-X", "faulthandler", *options, str(_PROGRAMS / f"{program}.py"), *arguments]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, **(environment or {})},
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
