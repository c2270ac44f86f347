"""The cffi builder and the build command: C sources in scardffi/ become scardffi._native and the virtual library."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cffi import FFI
from setuptools.command.build_ext import build_ext

if TYPE_CHECKING:
    from setuptools import Extension

PACKAGE = Path(__file__).parent / "scardffi"
NATIVE = "scardffi._native"
VIRTUAL = "scardffi.virtual.libscardvirtual"


def native_ffi() -> FFI:
    """The builder of ``scardffi._native``, in API mode."""
    builder = FFI()
    builder.cdef((PACKAGE / "csrc" / "cdef.h").read_text(encoding="utf-8"))
    builder.set_source(NATIVE, '#include "binary_file.h"\n#include "exchange.h"\n#include "script.h"')
    return builder


class BuildExt(build_ext):
    """Generates the source of ``_native``, and builds the virtual library as a plain shared library."""

    def build_extension(self, ext: Extension) -> None:
        unix = self.compiler.compiler_type == "unix"
        if unix:
            ext.extra_compile_args = ["-std=c11", "-fvisibility=hidden", "-pthread"]
            ext.extra_link_args = ["-pthread"]
        if ext.name == NATIVE:
            generated = Path(self.build_temp) / "_native.c"
            generated.parent.mkdir(parents=True, exist_ok=True)
            native_ffi().emit_c_code(str(generated))
            ext.sources = [*ext.sources, str(generated)]
            if sys.platform.startswith("linux"):
                ext.libraries = ["dl"]
        super().build_extension(ext)

    def get_ext_filename(self, fullname: str) -> str:
        if fullname.rpartition(".")[2] == VIRTUAL.rpartition(".")[2]:
            suffix = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
            return str(Path(*fullname.split("."))) + suffix
        return str(super().get_ext_filename(fullname))  # type: ignore[no-untyped-call]  # setuptools

    def get_export_symbols(self, ext: Extension) -> list[str]:  # type: ignore[override]  # distutils' Extension
        if ext.name == VIRTUAL:  # no Python module: it has no PyInit function
            return list(ext.export_symbols or [])
        return list(super().get_export_symbols(ext))  # type: ignore[no-untyped-call]  # setuptools
