"""The cffi builder of ``scardffi._native``: for its build, and for other cffi projects to include.

It imports nothing of the package, which is not built yet when this runs first.
"""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

_PACKAGE = Path(__file__).parent
_SOURCE = "\n".join(f'#include "{header}"' for header in ("binary_file.h", "exchange.h", "script.h", "embed.h"))


def ffi_builder() -> FFI:
    """A builder with all that the compiled module declares, in API mode; :func:`scardffi.embed.ffi_builder` is this."""
    header = (_PACKAGE / "include" / "scardffi.h").read_text(encoding="utf-8")
    declarations = header.partition("/* [declarations]")[2].partition("*/")[2].partition("/* [end")[0]
    cdef = (_PACKAGE / "csrc" / "cdef.h").read_text(encoding="utf-8")
    builder = FFI()
    builder.cdef(cdef.replace('#include "scardffi.h"', declarations))
    builder.set_source("scardffi._native", _SOURCE)
    return builder
