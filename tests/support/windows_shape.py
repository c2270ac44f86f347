"""The package with its core built in the shape of Windows, on Linux, under another name than the installed package."""

import importlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import scardffi
from scardffi import embed

from .compile import compiler

NAME = "scardffi_in_windows_shape"
PACKAGE = Path(scardffi.__file__).parent


def windows_shape(folder: Path) -> ModuleType:
    """Build the core into the folder with the flags in CFLAGS too, and import the package from there."""
    package = folder / NAME
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("*.so*", "__pycache__"))
    generated = folder / "_native.c"
    embed.ffi_builder().emit_c_code(str(generated))
    generated.write_text(generated.read_text().replace('"scardffi._native"', f'"{NAME}._native"'))
    csrc = PACKAGE / "csrc"
    build = [
        *compiler(),
        *("-std=c11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-pthread", "-DSCARDFFI_ABI_WINDOWS"),
        *(f"-I{path}" for path in (PACKAGE / "include", csrc, sysconfig.get_path("include"))),
        *shlex.split(os.environ.get("CFLAGS", "")),
    ]
    subprocess.run([*build, "-o", package / "_native.so", generated, *csrc.glob("*.c"), "-ldl"], check=True)
    limited = "-DPy_LIMITED_API=0x030B0000"
    sources = csrc / "python" / "calls.c", csrc / "wipe.c"
    subprocess.run([*build, limited, "-o", package / "_calls.so", *sources], check=True)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(NAME)
    finally:
        sys.path.remove(str(folder))
