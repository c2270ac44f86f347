"""Build the null library and the competitors in C, Rust and Java, with the usual optimisation of each language."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks import ROOT, SOURCES

CRATES: Final = Path("/usr/share/cargo/registry")
"""The folder in which Debian's librust-*-dev packages install their sources."""

_C_FLAGS: Final = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'scardffi' / 'include'}")
_SHARED: Final = ("-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-soname,libscardnull.so")
_JAVA_SOURCE: Final = SOURCES / "JavaLoop.java"


class UnavailableError(Exception):
    """Raised if a competitor cannot be built on this machine. The message has the reason."""


def compiler() -> list[str]:
    """Return the command of the C compiler: CC, or cc if CC is not set."""
    return shlex.split(os.environ.get("CC", "")) or ["cc"]


def null_library(folder: Path) -> Path:
    """Build null_pcsc.c as a shared library and return its path."""
    library = folder / "libscardnull.so"
    _run([*compiler(), *_C_FLAGS, *_SHARED, "-o", str(library), str(SOURCES / "null_pcsc.c")])
    return library


def library_path_folder(library: Path) -> Path:
    """Copy the library as libpcsclite.so.1 into a folder for LD_LIBRARY_PATH, and return the folder."""
    folder = library.parent / "libpcsclite"
    folder.mkdir(exist_ok=True)
    shutil.copy(library, folder / "libpcsclite.so.1")
    return folder


def c_loop(folder: Path) -> list[str]:
    """Build c_loop.c and return its command, without the argument for the library."""
    program = folder / "c_loop"
    _run([*compiler(), *_C_FLAGS, "-o", str(program), str(SOURCES / "c_loop.c")])
    return [str(program)]


def c_loop_library(folder: Path) -> Path:
    """Build c_loop.c as a shared library, for a process that has Python in it, and return its path."""
    library = folder / "c_loop.so"
    _run([*compiler(), *_C_FLAGS, "-shared", "-fPIC", "-o", str(library), str(SOURCES / "c_loop.c")])
    return library


def rust_loop(folder: Path) -> list[str]:
    """Build rust_loop and return its command. Only the sources of Debian's package are used.

    Raises:
        UnavailableError: cargo or the pcsc crate is not installed.
    """
    _require("cargo")
    if not any(CRATES.glob("pcsc-[0-9]*")):
        raise UnavailableError("the pcsc crate (Debian's librust-pcsc-dev) is not installed")
    project = folder / "rust_loop"
    shutil.copytree(SOURCES / "rust_loop", project, dirs_exist_ok=True)
    source = ["source.crates-io.replace-with='debian'", f"source.debian.directory='{CRATES}'"]
    options = [option for entry in source for option in ("--config", entry)]
    _run(["cargo", "build", "--release", "--offline", "--quiet", *options], project)
    return [str(project / "target" / "release" / "rust_loop")]


def java_loop(folder: Path) -> list[str]:
    """Build JavaLoop.java and return its command.

    Raises:
        UnavailableError: Java or its compiler is not installed.
    """
    _require("javac")
    _require("java")
    _run(["javac", "-d", str(folder), str(_JAVA_SOURCE)])
    return ["java", "-cp", str(folder), "JavaLoop"]


def _require(program: str) -> None:
    if shutil.which(program) is None:
        raise UnavailableError(f"{program} is not installed")


def _run(command: Sequence[str], folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stdout}")
