"""The build command of setuptools: compile ``_native``, ``_calls``, the virtual and the trace library, and stand-ins.

``python build_ffi.py`` writes the two files that are generated from the C headers and are checked in: the stub
``scardffi/_native.pyi`` and Cython's ``scardffi/__init__.pxd``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from runpy import run_path
from typing import TYPE_CHECKING

from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

if TYPE_CHECKING:
    from cffi import FFI
    from setuptools import Extension

ROOT = Path(__file__).parent
NATIVE = "scardffi._native"
CALLS = "scardffi._calls"
VIRTUAL = "scardffi.virtual.libscardvirtual"
TRACE = "scardffi.trace.libscardtrace"
STAND_INS = {  # the library that each is linked to, which is in the folder above and was built before
    "scardffi.virtual.standin.libpcsclite": VIRTUAL,
    "scardffi.trace.standin.libpcsclite": TRACE,
}
PLAIN_LIBRARIES = {  # these are not Python modules, so their names lack the suffix of modules
    **dict.fromkeys([VIRTUAL, TRACE], {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")),
    **dict.fromkeys(STAND_INS, ".so.1"),
}
SOURCES = {
    NATIVE: ["scardffi/csrc/*.c"],
    CALLS: ["scardffi/csrc/python/*.c", "scardffi/csrc/wipe.c"],
    # the last two files belong to the core too
    VIRTUAL: ["scardffi/virtual/csrc/*.c", "scardffi/csrc/apdu.c", "scardffi/csrc/utf16.c"],
    TRACE: ["scardffi/trace/csrc/*.c", *(f"scardffi/csrc/{name}.c" for name in ("platform", "utf16", "wipe"))],
    "scardffi.virtual.standin.libpcsclite": ["scardffi/virtual/standin/*.c"],
    "scardffi.trace.standin.libpcsclite": ["scardffi/trace/standin/*.c"],
}
INCLUDE = ["scardffi/include", "scardffi/csrc"]
LIMITED_API = "0x030B0000"  # of Python 3.11; cffi defines it itself for _native
CDEF = run_path(str(ROOT / "scardffi" / "_cdef.py"))  # the package cannot be imported before it is built
LINUX = sys.platform.startswith("linux")
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))  # these Pythons have no limited API before 3.15

# Flags that make faults in C harder to exploit; each group is used if the compiler, with CFLAGS, accepts it.
HARDENING = [
    ["-fstack-protector-strong"],
    ["-fcf-protection"],  # CET, on x86
    ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],  # needs the optimizer
]
LINK_HARDENING = ["-Wl,-z,relro", "-Wl,-z,now"]
LINK_WITH_CET = ["-Wl,-z,cet-report=error"]  # the linker fails if a part of the library does not support CET
HARDENING_PROBE = """
#include <string.h> /* glibc warns if _FORTIFY_SOURCE has no optimizer */
#if defined(_FORTIFY_SOURCE) && defined(__SANITIZE_ADDRESS__)
#error "the sanitizer does not see the memory accesses in the functions of _FORTIFY_SOURCE"
#endif
int probe(void) { return 0; }
"""


def find(*patterns: str) -> list[str]:
    """Return the files that match these patterns, as paths relative to the project's folder."""
    return [path.relative_to(ROOT).as_posix() for pattern in patterns for path in sorted(ROOT.glob(pattern))]


class BuildExt(build_ext):
    """The command build_ext. It also generates the source of ``_native``, and builds the plain shared libraries."""

    _hardening_flags: tuple[list[str], list[str]] | None = None

    def finalize_options(self) -> None:
        super().finalize_options()
        headers = find(*(f"{folder}/*.h" for folder in (*INCLUDE, "scardffi/virtual/csrc", "scardffi/trace/csrc")))
        for ext in self.extensions:
            ext.sources = find(*SOURCES[ext.name])
            ext.include_dirs = [*INCLUDE, str(Path(ext.sources[0]).parent)]
            ext.depends = ["build_ffi.py", "scardffi/_cdef.py", *headers]
            if FREE_THREADED:
                ext.py_limited_api = False
                ext.define_macros = [("_CFFI_NO_LIMITED_API", None)]
            elif ext.name == CALLS:
                ext.define_macros = [("Py_LIMITED_API", LIMITED_API)]
        if sys.implementation.name != "cpython":  # there _calls_by_cffi takes its place
            self.extensions = [ext for ext in self.extensions if ext.name != CALLS]
        if not LINUX:  # on other systems the PC/SC library has another name than the stand-in
            self.extensions = [ext for ext in self.extensions if ext.name not in STAND_INS]

    def build_extension(self, ext: Extension) -> None:
        if sys.platform == "win32" and ext.name in {VIRTUAL, TRACE}:
            self._build_with_gcc(ext)
            return
        unix = self.compiler.compiler_type == "unix"
        if unix:
            # Do not write the path of this Python's libraries (rpath) into the files: no library of it is needed.
            self.compiler.linker_so = [part for part in self.compiler.linker_so if not part.startswith("-Wl,-rpath")]
            compile_flags, link_flags = self._hardening()
            ext.extra_compile_args = ["-std=c11", "-fvisibility=hidden", "-pthread", *compile_flags]
            ext.extra_link_args = ["-pthread", *link_flags]
        if LINUX and ext.name == VIRTUAL:
            # The library has threads that run its code, so dlclose must not unload it.
            ext.extra_link_args += ["-Wl,-soname,libscardvirtual.so", "-Wl,-z,nodelete"]
        if LINUX and ext.name == TRACE:
            # A program that unloads it would lose the functions of the tables made from it.
            ext.extra_link_args += ["-Wl,-soname,libscardtrace.so", "-Wl,-z,nodelete"]
        if ext.name in STAND_INS:
            library = self.get_ext_fullpath(STAND_INS[ext.name])
            linked = ["-Wl,--no-as-needed", library, "-Wl,-rpath,$ORIGIN/.."]
            ext.extra_link_args += ["-Wl,-soname,libpcsclite.so.1", *linked]
        if LINUX and ext.name in {NATIVE, TRACE}:
            ext.libraries = ["dl"]
        if ext.name == NATIVE:
            generated = Path(self.build_temp) / "_native.c"
            generated.parent.mkdir(parents=True, exist_ok=True)
            builder: FFI = CDEF["ffi_builder"]()
            builder.emit_c_code(str(generated))
            ext.sources = [*ext.sources, str(generated)]
        super().build_extension(ext)

    def _hardening(self) -> tuple[list[str], list[str]]:
        """Return the flags of HARDENING that the compiler accepts, and those for the linker."""
        if self._hardening_flags is None:
            compile_flags = [flag for group in HARDENING if self._accepts(group, []) for flag in group]
            link_flags = LINK_HARDENING if self._accepts(compile_flags, LINK_HARDENING) else []
            if "-fcf-protection" in compile_flags and not self._accepts(compile_flags, LINK_WITH_CET):
                # Debian's C library is not marked as supporting CET. Its crti.o and crtn.o are left out: they hold only
                # _init and _fini, which nothing here needs. The only other part of it that is linked in is
                # pthread_atfork. It is only called directly, which CET allows, so the linker may set the mark.
                own = ["-nostartfiles", self._compiler_file("crtbeginS.o"), self._compiler_file("crtendS.o")]
                if self._accepts(compile_flags, [*own, *LINK_WITH_CET]):
                    link_flags = [*own[:2], *link_flags, "-Wl,-z,ibt", "-Wl,-z,shstk", own[2]]
            self._hardening_flags = compile_flags, link_flags
        return self._hardening_flags

    def _accepts(self, compile_flags: list[str], link_flags: list[str]) -> bool:
        """Return whether a shared library can be made with these flags without a warning."""
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder, "probe.c"), Path(folder, "probe.o")
            source.write_text(HARDENING_PROBE)
            steps = [
                [*self.compiler.compiler_so, *compile_flags, "-Werror", "-c", "-o", made, source],
                [*self.compiler.linker_so, "-o", made.with_suffix(".so"), made, *link_flags],
            ]
            return all(subprocess.run(step, capture_output=True, check=False).returncode == 0 for step in steps)

    def _compiler_file(self, name: str) -> str:
        """Return the path of one of the compiler's own files."""
        command = [self.compiler.compiler_so[0], f"-print-file-name={name}"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def _build_with_gcc(self, ext: Extension) -> None:
        """Build the virtual or the trace library on Windows, with mingw-w64 because they need POSIX threads."""
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


class BdistWheel(bdist_wheel):
    """The command bdist_wheel. A free-threaded Python gets a wheel of its own."""

    def finalize_options(self) -> None:
        if FREE_THREADED:
            self.py_limited_api = False
        super().finalize_options()


if __name__ == "__main__":
    CDEF["write_generated_files"]()
