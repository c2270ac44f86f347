"""What a test needs of the machine: where it lacks, the test fails under CI and is skipped elsewhere."""

import importlib.util
import os
import shutil
import subprocess

import pytest

from .compile import compiler, pcsc_include_flags, python_include_flags, python_library_flags


def need_program(*names: str) -> None:
    """These programs are on the path."""
    _need([f"{name} is not installed" for name in names if shutil.which(name) is None])


def need_pcsclite_headers() -> None:
    """pcsc-lite's headers and a C compiler are installed."""
    need_program(compiler()[0])
    command = [*compiler(), *pcsc_include_flags(), "-fsyntax-only", "-x", "c", "-"]
    done = subprocess.run(command, input="#include <winscard.h>\n", capture_output=True, text=True, check=False)
    _need(["pcsc-lite's winscard.h (libpcsclite-dev) is not installed"] if done.returncode else [])


def need_module(*names: str) -> None:
    """These Python modules are installed."""
    _need([f"the module {name} is not installed" for name in names if importlib.util.find_spec(name) is None])


def need_python_headers() -> None:
    """Python.h and a C compiler are installed."""
    need_program(compiler()[0])
    _need([] if _compiles(*python_include_flags(), "-fsyntax-only") else ["Python.h (python3-dev) is not installed"])


def need_libpython() -> None:
    """A program can be linked that embeds this Python."""
    need_python_headers()
    linked = _compiles(*python_include_flags(), "-o", os.devnull, after=python_library_flags())
    _need([] if linked else ["libpython is not installed"])


def _compiles(*flags: str, after: list[str] | None = None) -> bool:
    command = [*compiler(), *flags, "-x", "c", "-", *(after or [])]
    source = "#include <Python.h>\nint main(void) { Py_Initialize(); return 0; }\n"
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False).returncode == 0


def _need(lacking: list[str]) -> None:
    if lacking and os.environ.get("CI"):
        pytest.fail(f"under CI this test must run: {', '.join(lacking)}")
    if lacking:
        pytest.skip(", ".join(lacking))
