"""The table of scardffi's C functions, for C extensions, Cython, cffi, ctypes, numba and other FFI tools.

The table is the struct ``scardffi_api`` of ``scardffi.h``, whose folder :func:`get_include` returns. C extensions and
Cython get it as the PyCapsule ``scardffi.C_API``, cffi by :func:`table`, ctypes and numba by :func:`prototype`, other
tools as a number by :func:`address`. Its functions do not need the GIL. They take ``SCardManage.native``,
``Exchange.native`` and ``Library.native``; keep the Python object alive while C uses its ``native``.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ._loader import ffi, lib

if TYPE_CHECKING:
    from typing import Any

    from cffi import FFI

    from ._native import CData

__all__ = ["address", "capsule", "ffi_builder", "get_include", "names", "prototype", "table"]

# ctypes' integers by (is signed, bytes)
_INTEGERS: Final = {
    (signed, ctypes.sizeof(kind)): kind
    for signed, kinds in (
        (True, (ctypes.c_int8, ctypes.c_int16, ctypes.c_int32, ctypes.c_int64)),
        (False, (ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64)),
    )
    for kind in kinds
}


def get_include() -> str:
    """Return the folder of ``scardffi.h``, ``scardffi_types.h`` and ``pcsc_abi.h``, for a C compiler's ``-I``."""
    return str(Path(__file__).resolve().parent / "include")


def ffi_builder() -> FFI:
    """Return the builder of ``scardffi.ffi``, for ``include()`` in another cffi project.

    Both projects can then pass pointers to each other. The other project's C source must include ``scardffi.h``
    and ``pcsc_abi.h``, or the platform's ``winscard.h`` in place of the latter.
    """
    from ._cdef import ffi_builder as build  # imports cffi and its parser, which only a build needs

    return build()


def table() -> Any:
    """Return the table as a cffi pointer (``const scardffi_api *``), whose fields are function pointers."""
    return lib.embed_table()


def names() -> list[str]:
    """Return the names of the table's functions, in the order of the table."""
    fields: Any = ffi.typeof("scardffi_api").fields
    return [name for name, field in fields if field.type.kind == "function"]


def address(pointer: CData) -> int:
    """Return the address that a cffi pointer holds: of the table, one of its functions, or an object's ``native``.

    Raises:
        TypeError: ``pointer`` is not a cffi pointer.
    """
    if not isinstance(pointer, ffi.CData) or ffi.typeof(pointer).kind not in {"pointer", "function"}:
        raise TypeError(
            f"pointer: expected a pointer of cffi, such as SCardManage.native, got {type(pointer).__name__}"
        )
    return _number(pointer)


def prototype(name: str) -> Any:
    """Return a function of the table as a ctypes function with its argument and result types; numba can call it too.

    Every pointer argument is a ``c_void_p``: give an address, None, bytes, an array or ``ctypes.byref(...)``. ctypes
    releases the GIL for each call. If ``result`` of ``transmit`` is negative, ``-result & 0xFFFFFFFF`` is the HRESULT,
    and ``-result >> 32`` is the length that the response needs, 0 if it is unknown.

    Raises:
        AttributeError: the table has no function of this name; :func:`names` lists them.
    """
    if name not in names():
        raise AttributeError(f"the table has no function {name!r}; embed.names() lists them")
    pointer = getattr(table(), name)
    kind: Any = ffi.typeof(pointer)
    return ctypes.CFUNCTYPE(_ctypes_type(kind.result), *map(_ctypes_type, kind.args))(_number(pointer))


def capsule() -> Any:
    """Return the table as a PyCapsule; ``scardffi.C_API`` is one, for ``PyCapsule_Import`` in C."""
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    new = kind(("PyCapsule_New", ctypes.pythonapi))
    return new(_number(table()), _number(lib.embed_capsule_name()), None)


def _number(pointer: CData) -> int:
    return int(ffi.cast("uintptr_t", pointer))


def _ctypes_type(kind: Any) -> Any:
    """Return the ctypes type for a cffi type; None for void."""
    if kind.kind == "void":
        return None
    if kind.kind == "pointer":
        return ctypes.c_void_p
    return _INTEGERS[int(ffi.cast(kind, -1)) < 0, ffi.sizeof(kind)]
