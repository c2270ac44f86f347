"""The programs with the fuzz targets in C: their sources, and how they are built."""

from pathlib import Path
from typing import NamedTuple

from support.compile import program, virtual_library_sources

import scardffi

PACKAGE = Path(scardffi.__file__).parent
CSRC = Path(__file__).resolve().parent.parent / "csrc"
FLAGS = ("-pthread", f"-I{PACKAGE / 'include'}", f"-I{PACKAGE / 'csrc'}", f"-I{PACKAGE / 'virtual' / 'csrc'}")


class Program(NamedTuple):
    """A program of fuzz targets."""

    source: str
    sources: list[Path]
    flags: tuple[str, ...] = ()


CORE = sorted((PACKAGE / "csrc").glob("*.c"))
PROGRAMS = {
    "core": Program("fuzz_core.c", CORE),
    "core_in_windows_shape": Program("fuzz_core.c", CORE, ("-USCARDFFI_ABI_MACOS", "-DSCARDFFI_ABI_WINDOWS")),
    "virtual": Program(
        "fuzz_virtual.c", [path for path in virtual_library_sources(PACKAGE) if path.name != "sockets.c"]
    ),
}
C_TARGETS = {
    "exchange": "core",
    "script": "core",
    "binary_file": "core",
    "answers": "core",
    "answers_in_utf16": "core_in_windows_shape",
    "configuration": "virtual",
    "emulator": "virtual",
    "answering_card": "virtual",
    "pcsc_calls": "virtual",
}
"""The program of each target in C."""


def build(name: str, folder: Path, *flags: str, with_sources: bool = True) -> Path:
    """Build a program in a folder of its own, and return its path; without sources, compile only the targets."""
    wanted = PROGRAMS[name]
    out = folder / name
    out.mkdir()
    sources = (str(CSRC / "fuzz.c"), *map(str, wanted.sources), "-ldl") if with_sources else ()
    return program(CSRC / wanted.source, out, *FLAGS, *wanted.flags, *flags, *sources)
