"""scardffi for other FFI tools: its table of C functions, by every way that they take one.

The table (``scardffi_api`` of ``scardffi.h`` in :func:`get_include`) is the same memory for all of them: the PyCapsule
``scardffi.C_API`` for C extensions and Cython, :func:`table` for cffi, :func:`prototype` for ctypes and numba, and
:func:`address` for whatever takes a number. Its functions need no GIL. ``SCardManage.native``, ``Exchange.native`` and
``Library.native`` are the objects that they take: keep the Python object alive while C uses its ``native``.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

from ._loader import ffi, lib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

    from cffi import FFI

    from ._native import CData

__all__ = ["address", "capsule", "ffi_builder", "get_include", "names", "prototype", "table"]

# By sign and size
_INTEGERS: Final = {
    (signed, ctypes.sizeof(kind)): kind
    for signed, kinds in (
        (True, (ctypes.c_int8, ctypes.c_int16, ctypes.c_int32, ctypes.c_int64)),
        (False, (ctypes.c_uint8, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64)),
    )
    for kind in kinds
}


def get_include() -> str:
    """The folder of ``scardffi.h`` and ``pcsc_abi.h``, for a C compiler's ``-I``."""
    return str(Path(__file__).resolve().parent / "include")


def ffi_builder() -> FFI:
    """The builder of ``scardffi.ffi``, for another cffi project to ``include``: pointers then pass both ways.

    Its own C source includes ``scardffi.h`` from :func:`get_include`. Needs what building with cffi needs.
    """
    from ._cdef import ffi_builder as build  # here, since it imports cffi's parser

    return build()


def table() -> Any:
    """The table as cffi has it (``const scardffi_api *``); its fields are function pointers of cffi."""
    return lib.embed_table()


def names() -> list[str]:
    """The names of the table's functions, in its order."""
    fields: Any = ffi.typeof("scardffi_api").fields
    return [name for name, field in fields if field.type.kind == "function"]


def address(pointer: CData) -> int:
    """The address that a pointer of cffi holds: of :func:`table`, of a function in it, or of an object's ``native``.

    Raises:
        TypeError: it is no pointer of cffi.
    """
    if not isinstance(pointer, ffi.CData) or ffi.typeof(pointer).kind not in {"pointer", "function"}:
        raise TypeError(
            f"pointer: expected a pointer of cffi, such as SCardManage.native, got {type(pointer).__name__}"
        )
    return int(ffi.cast("uintptr_t", pointer))


def prototype(name: str) -> Any:
    """A function of the table for ctypes, with its argument and result types; numba calls it as it is.

    Every pointer is a ``c_void_p``: it takes an address, None, bytes, an array or ``ctypes.byref(...)``. ctypes
    releases the GIL for each call.

    Raises:
        AttributeError: the table has no such function; :func:`names` lists them.
    """
    if name not in names():
        raise AttributeError(f"the table has no function {name!r}; embed.names() lists them")
    pointer = getattr(table(), name)
    kind: Any = ffi.typeof(pointer)
    return ctypes.CFUNCTYPE(_ctypes_type(kind.result), *map(_ctypes_type, kind.args))(address(pointer))


def capsule() -> Any:
    """The table as a PyCapsule; ``scardffi.C_API`` is one, for C's ``PyCapsule_Import``."""
    kind = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
    new = kind(("PyCapsule_New", ctypes.pythonapi))
    return new(address(table()), address(lib.embed_capsule_name()), None)


def _ctypes_type(kind: Any) -> Any:
    """What ctypes calls a type of cffi's."""
    if kind.kind == "void":
        return None
    if kind.kind == "pointer":
        return ctypes.c_void_p
    return _INTEGERS[int(ffi.cast(kind, -1)) < 0, ffi.sizeof(kind)]
