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
PLAIN_LIBRARIES = {  # these are not Python modules, so their names lack the suffix of modules
    VIRTUAL: {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so"),
    STAND_IN: ".so.1",
}
SOURCES = {
    NATIVE: ["scardffi/csrc/*.c"],
    # the last two files belong to the core too
    VIRTUAL: ["scardffi/virtual/csrc/*.c", "scardffi/csrc/apdu.c", "scardffi/csrc/utf16.c"],
    STAND_IN: ["scardffi/virtual/standin/*.c"],
}
INCLUDE = ["scardffi/include", "scardffi/csrc"]
CDEF = run_path(str(ROOT / "scardffi" / "_cdef.py"))  # the package cannot be imported before it is built
LINUX = sys.platform.startswith("linux")


def find(*patterns: str) -> list[str]:
    """Return the files that match these patterns, as paths relative to the project's folder."""
    return [path.relative_to(ROOT).as_posix() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


class BuildExt(build_ext):
    """The command build_ext. It also generates the source of ``_native``, and builds the plain shared libraries."""

    def finalize_options(self) -> None:
        super().finalize_options()
        headers = find(*(f"{folder}/*.h" for folder in (*INCLUDE, "scardffi/virtual/csrc")))
        for ext in self.extensions:
            ext.sources = find(*SOURCES[ext.name])
            ext.include_dirs = [*INCLUDE, str(Path(ext.sources[0]).parent)]
            ext.depends = ["build_ffi.py", "scardffi/_cdef.py", *headers]
        if not LINUX:  # on other systems the PC/SC library has another name than the stand-in
            self.extensions = [ext for ext in self.extensions if ext.name != STAND_IN]

    def build_extension(self, ext: Extension) -> None:
        if sys.platform == "win32" and ext.name == VIRTUAL:
            self._build_with_gcc(ext)
            return
        unix = self.compiler.compiler_type == "unix"
        if unix:
            # Do not put the folder of this Python's libraries into the wheel: no library of it is needed.
            self.compiler.linker_so = [part for part in self.compiler.linker_so if not part.startswith("-Wl,-rpath")]
            ext.extra_compile_args = ["-std=c11", "-fvisibility=hidden", "-pthread"]
            ext.extra_link_args = ["-pthread"]
        if LINUX and ext.name == VIRTUAL:
            # The library has threads that run its code, so dlclose must not unload it.
            ext.extra_link_args += ["-Wl,-soname,libscardvirtual.so", "-Wl,-z,nodelete"]
        if ext.name == STAND_IN:  # linked to the virtual library, which was built before and is in the folder above
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
        """Build the virtual library on Windows, with mingw-w64 because it needs POSIX threads."""
        gcc = os.environ.get("SCARDFFI_GCC", "gcc")
        if shutil.which(gcc) is None:
            raise CompileError(f"{gcc} was not found: install mingw-w64's gcc, or set SCARDFFI_GCC to its name or path")
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
