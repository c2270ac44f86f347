"""What a test needs of the machine: where it lacks, the test fails under CI and is skipped elsewhere."""

import importlib.util
import os
import shutil

import pytest


def need(lacking: list[str]) -> None:
    """Nothing is lacking; each entry says what is."""
    if lacking and os.environ.get("CI"):
        pytest.fail(f"under CI this test must run: {', '.join(lacking)}")
    if lacking:
        pytest.skip(", ".join(lacking))


def need_program(*names: str) -> None:
    """These programs are on the path."""
    need([f"{name} is not installed" for name in names if shutil.which(name) is None])


def need_module(*names: str) -> None:
    """These Python modules are installed."""
    need([f"the module {name} is not installed" for name in names if importlib.util.find_spec(name) is None])
