"""Runs a program of tests/programs in an interpreter of its own, and reads its result."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_TESTS = Path(__file__).parent.parent


def run_alone(
    program: str,
    *arguments: str,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
    seconds: float = 60,
) -> tuple[Any, str]:
    """Run the program; return what it printed as JSON in its last line, and what it wrote to stderr.

    It imports the installed scardffi, and can import the tests' folders, such as `support`.
    """
    command = [sys.executable, "-X", "faulthandler", *options, str(_TESTS / "programs" / f"{program}.py"), *arguments]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_TESTS), **(environment or {})},
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        error.add_note(f"it wrote to stderr: {(error.stderr or b'').decode(errors='replace')}")
        raise
    assert done.returncode == 0, f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
