"""Requirements of tests: without them a test fails under CI, and is skipped elsewhere."""

import importlib.util
import os
import shutil

import pytest


def need(lacking: list[str]) -> None:
    """Require that nothing is missing; each entry is a reason."""
    if lacking and os.environ.get("CI"):
        pytest.fail(f"under CI this test must run: {', '.join(lacking)}")
    if lacking:
        pytest.skip(", ".join(lacking))


def need_program(*names: str) -> None:
    """Require these programs on the path."""
    need([f"{name} is not installed" for name in names if shutil.which(name) is None])


def need_module(*names: str) -> None:
    """Require these Python modules."""
    need([f"the module {name} is not installed" for name in names if importlib.util.find_spec(name) is None])
