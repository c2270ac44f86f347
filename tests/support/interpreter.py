"""Runs Python code in an interpreter of its own, with an environment of the test's choice."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping


def run_python(code: str, *arguments: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """The lines that the code printed; it ends with an AssertionError where it fails.

    Every warning is an error. The installed scardffi is imported, and SCARDFFI_LIBRARY is not set unless given.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "SCARDFFI_LIBRARY"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", textwrap.dedent(code), *arguments],
        cwd="/",  # not where a source folder of the same name would be imported
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout.splitlines()
