"""Compiles the C sources of the tests with strict warnings."""

import os
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import scardffi

from .requirements import need, need_program
from .shape import COMPILER_FLAGS

_STRICT = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-g", *COMPILER_FLAGS)


def compiler() -> list[str]:
    """Return the command of the C compiler: CC, or cc."""
    return shlex.split(os.environ.get("CC", "")) or ["cc"]


def pcsc_include_flags() -> list[str]:
    """Return the compiler flags for pcsc-lite's headers."""
    if shutil.which("pkg-config"):
        asked = subprocess.run(["pkg-config", "--cflags", "libpcsclite"], capture_output=True, text=True, check=False)
        if asked.returncode == 0:
            return shlex.split(asked.stdout)
    return ["-I/usr/include/PCSC", "-pthread"]


def python_include_flags() -> list[str]:
    """Return the compiler flags for Python.h, as a system header, so that no warning is about it."""
    return ["-isystem", sysconfig.get_path("include")]


def python_library_flags() -> list[str]:
    """Return the linker flags for a program that embeds this Python."""
    folder = str(sysconfig.get_config_var("LIBDIR"))
    values = [sysconfig.get_config_var(name) or "" for name in ("LIBS", "SYSLIBS", "LINKFORSHARED")]
    library = f"-lpython{sysconfig.get_config_var('LDVERSION')}"
    return [f"-L{folder}", library, f"-Wl,-rpath,{folder}", *shlex.split(" ".join(values))]


def virtual_library_sources(package: Path) -> list[Path]:
    """Return the C files of the virtual library: its own, and those that it shares with the core."""
    shared = [package / "csrc" / name for name in ("apdu.c", "utf16.c")]
    return [*sorted((package / "virtual" / "csrc").glob("*.c")), *shared]


def virtual_library_in_windows_shape(folder: Path) -> Path:
    """Build the virtual library with Windows' types and functions for Linux, and return its path."""
    package = Path(scardffi.__file__).parent
    folders = (package / "include", package / "virtual" / "csrc", package / "csrc")
    first, *others = virtual_library_sources(package)
    flags = ("-fvisibility=hidden", "-pthread", "-USCARDFFI_ABI_MACOS", "-DSCARDFFI_ABI_WINDOWS")
    return shared_library(first, folder, *flags, *(f"-I{path}" for path in folders), *map(str, others))


def need_pcsclite_headers() -> None:
    """Require pcsc-lite's headers and a C compiler."""
    need_program(compiler()[0])
    command = [*compiler(), *pcsc_include_flags(), "-fsyntax-only", "-x", "c", "-"]
    done = subprocess.run(command, input="#include <winscard.h>\n", capture_output=True, text=True, check=False)
    need(["pcsc-lite's winscard.h (libpcsclite-dev) is not installed"] if done.returncode else [])


def need_python_headers() -> None:
    """Require Python.h and a C compiler."""
    need_program(compiler()[0])
    need([] if _compiles(*python_include_flags(), "-fsyntax-only") else ["Python.h (python3-dev) is not installed"])


def need_libpython() -> None:
    """Require that a program that embeds this Python can be linked."""
    need_python_headers()
    linked = _compiles(*python_include_flags(), "-o", os.devnull, after=python_library_flags())
    need([] if linked else ["libpython is not installed"])


def _compiles(*flags: str, after: list[str] | None = None) -> bool:
    command = [*compiler(), *flags, "-x", "c", "-", *(after or [])]
    source = "#include <Python.h>\nint main(void) { Py_Initialize(); return 0; }\n"
    return subprocess.run(command, input=source, capture_output=True, text=True, check=False).returncode == 0


def shared_library(source: Path, out_folder: Path, *flags: str) -> Path:
    """Compile one source file to lib<name>.so in the folder; the flags follow the source and may name libraries."""
    return _compile(source, out_folder / f"lib{source.stem}.so", ("-shared", "-fPIC"), flags)


def program(source: Path, out_folder: Path, *flags: str) -> Path:
    """Compile one source file to a program in the folder; the flags follow the source and may name libraries."""
    return _compile(source, out_folder / source.stem, (), flags)


def _compile(source: Path, out: Path, kind: tuple[str, ...], flags: tuple[str, ...]) -> Path:
    need_program(compiler()[0])
    command = [*compiler(), *_STRICT, *kind, "-o", str(out), str(source), *flags]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stdout}")
    return out
