"""The build command of setuptools: compile ``scardffi._native``, the virtual library and the stand-in.

``python build_ffi.py`` writes the two files that are generated from the C headers and are checked in: the stub
``scardffi/_native.pyi`` and Cython's ``scardffi/__init__.pxd``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING

from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

if TYPE_CHECKING:
    from cffi import FFI
    from setuptools import Extension

ROOT = Path(__file__).parent
NATIVE = "scardffi._native"
VIRTUAL = "scardffi.virtual.libscardvirtual"
STAND_IN = "scardffi.virtual.standin.libpcsclite"
PLAIN_LIBRARIES = {  # no Python modules, and so of another name than those have
    VIRTUAL: {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so"),
    STAND_IN: ".so.1",
}
SOURCES = {
    NATIVE: ["scardffi/csrc/*.c"],
    # and the files that it shares with the core
    VIRTUAL: ["scardffi/virtual/csrc/*.c", "scardffi/csrc/apdu.c", "scardffi/csrc/utf16.c"],
    STAND_IN: ["scardffi/virtual/standin/*.c"],
}
INCLUDE = ["scardffi/include", "scardffi/csrc"]
CDEF = run_path(str(ROOT / "scardffi" / "_cdef.py"))  # the package cannot be imported before it is built
LINUX = sys.platform.startswith("linux")


def find(*patterns: str) -> list[str]:
    """Return the files of these patterns, as paths below the project's folder."""
    return [path.relative_to(ROOT).as_posix() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


class BuildExt(build_ext):
    """Generates the source of ``_native``, and builds the virtual library and the stand-in as plain shared ones."""

    def finalize_options(self) -> None:
        super().finalize_options()
        headers = find(*(f"{folder}/*.h" for folder in (*INCLUDE, "scardffi/virtual/csrc")))
        for ext in self.extensions:
            ext.sources = find(*SOURCES[ext.name])
            ext.include_dirs = [*INCLUDE, str(Path(ext.sources[0]).parent)]
            ext.depends = ["build_ffi.py", "scardffi/_cdef.py", *headers]
        if not LINUX:  # elsewhere programs do not load PC/SC by the name that the stand-in has
            self.extensions = [ext for ext in self.extensions if ext.name != STAND_IN]

    def build_extension(self, ext: Extension) -> None:
        if sys.platform == "win32" and ext.name == VIRTUAL:
            self._build_with_gcc(ext)
            return
        unix = self.compiler.compiler_type == "unix"
        if unix:
            # Where this Python's own libraries lie is no concern of a wheel: none of them is needed.
            self.compiler.linker_so = [part for part in self.compiler.linker_so if not part.startswith("-Wl,-rpath")]
            ext.extra_compile_args = ["-std=c11", "-fvisibility=hidden", "-pthread"]
            ext.extra_link_args = ["-pthread"]
        if LINUX and ext.name == VIRTUAL:
            # Its threads run its code: it stays loaded whatever dlclose is called for.
            ext.extra_link_args += ["-Wl,-soname,libscardvirtual.so", "-Wl,-z,nodelete"]
        if ext.name == STAND_IN:  # linked to the library that was built before it, and finds that one above its folder
            linked = ["-Wl,--no-as-needed", self.get_ext_fullpath(VIRTUAL), "-Wl,-rpath,$ORIGIN/.."]
            ext.extra_link_args += ["-Wl,-soname,libpcsclite.so.1", *linked]
        if ext.name == NATIVE:
            generated = Path(self.build_temp) / "_native.c"
            generated.parent.mkdir(parents=True, exist_ok=True)
            builder: FFI = CDEF["ffi_builder"]()
            builder.emit_c_code(str(generated))
            ext.sources = [*ext.sources, str(generated)]
            if LINUX:
                ext.libraries = ["dl"]
        super().build_extension(ext)

    def _build_with_gcc(self, ext: Extension) -> None:
        """The virtual library on Windows: its C is of POSIX threads, and nothing of Python's compiler is in it."""
        gcc = os.environ.get("SCARDFFI_GCC", "gcc")
        if shutil.which(gcc) is None:
            raise CompileError(f"{gcc} is not there: the virtual library needs gcc of mingw-w64; SCARDFFI_GCC names it")
        path = Path(self.get_ext_fullpath(ext.name))
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = ["-std=c11", "-O2", "-shared", "-static", "-pthread", "-Wl,--kill-at"]
        folders = [f"-I{folder}" for folder in ext.include_dirs]
        subprocess.run([gcc, *flags, *folders, "-o", path, *ext.sources, "-lws2_32"], check=True)

    def get_ext_filename(self, fullname: str) -> str:
        for name, suffix in PLAIN_LIBRARIES.items():
            if fullname.rpartition(".")[2] == name.rpartition(".")[2]:
                return str(Path(*fullname.split("."))) + suffix
        return str(super().get_ext_filename(fullname))  # type: ignore[no-untyped-call]  # setuptools

    def get_export_symbols(self, ext: Extension) -> list[str]:  # type: ignore[override]  # distutils' Extension
        if ext.name in PLAIN_LIBRARIES:  # no Python module: it has no PyInit function
            return list(ext.export_symbols or [])
        return list(super().get_export_symbols(ext))  # type: ignore[no-untyped-call]  # setuptools


if __name__ == "__main__":
    CDEF["write_generated_files"]()
