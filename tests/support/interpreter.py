"""Runs Python code in a new interpreter, with an environment that the test chooses."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping


def run_python(code: str, *arguments: str, environment: Mapping[str, str] | None = None) -> list[str]:
    """Run the code and return the lines that it printed; raise an AssertionError if it fails.

    Every warning is an error. The code imports the installed scardffi, and SCARDFFI_LIBRARY is set only if it is given.
    """
    inherited = {name: value for name, value in os.environ.items() if name != "SCARDFFI_LIBRARY"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "faulthandler", "-c", textwrap.dedent(code), *arguments],
        cwd="/",  # a folder without a source folder named scardffi, which would be imported
        env={**inherited, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout.splitlines()
