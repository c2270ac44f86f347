"""What a test needs of the machine: where it lacks, the test fails under CI and is skipped elsewhere."""

import os
import shutil
import subprocess

import pytest

from .compile import compiler, pcsc_include_flags


def need_program(*names: str) -> None:
    """These programs are on the path."""
    _need([f"{name} is not installed" for name in names if shutil.which(name) is None])


def need_pcsclite_headers() -> None:
    """pcsc-lite's headers and a C compiler are installed."""
    need_program(compiler()[0])
    command = [*compiler(), *pcsc_include_flags(), "-fsyntax-only", "-x", "c", "-"]
    done = subprocess.run(command, input="#include <winscard.h>\n", capture_output=True, text=True, check=False)
    _need(["pcsc-lite's winscard.h (libpcsclite-dev) is not installed"] if done.returncode else [])


def _need(lacking: list[str]) -> None:
    if lacking and os.environ.get("CI"):
        pytest.fail(f"under CI this test must run: {', '.join(lacking)}")
    if lacking:
        pytest.skip(", ".join(lacking))
