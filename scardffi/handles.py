"""Card handles: the values that SCardManage.attach_by_handle accepts, and the number in each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from ._arguments import HANDLE_BITS, handle, integer, invalid
from ._loader import ffi, lib

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ._native import CData
    from .library import Library

__all__: list[str] = []  # all of it is for other modules of scardffi

_MANAGE: Final = ffi.typeof("scardffi_manage *")
_MOST_DECORATORS: Final = 16


def handle_number(source: object, library: Library) -> int:
    """Return the card handle in an object; SCardManage.attach_by_handle lists the types.

    Args:
        source: the object.
        library: the PC/SC library of the handle. If the object names its library, the two must be the same.

    Raises:
        InvalidArgumentError: a manage object is not attached or uses another library, a pointer is NULL, or a
            connection is not connected.
        InvalidHandleError: the number does not fit a handle.
        UnexpectedStateError: a manage object was made in the parent process, before the fork.
        TypeError: the object has another type.
    """
    if isinstance(source, ffi.CData):
        return handle("handle", _cdata_integer(source))
    if _is_manage(getattr(source, "native", None)):
        return _manage_handle(source, library)
    number = _ctypes_integer(source)
    if number is not None:
        return handle("handle", number)
    for layer in _decorated(source):
        if hasattr(layer, "hcard"):
            if layer.hcard is None:
                raise invalid("handle", source, "a connection that is connected; the hcard of this one is None")
            return handle("handle", integer("hcard", layer.hcard))
    return handle("handle", source)  # type: ignore[arg-type]  # raises TypeError if there is no __index__


def _is_manage(native: object) -> bool:
    """Return whether this is a manage object in C."""
    return isinstance(native, ffi.CData) and ffi.typeof(native) == _MANAGE


def _manage_handle(manage: Any, library: Library) -> int:
    """Return the handle of a manage object, which has the attributes of SCardManage."""
    out = ffi.new("SCARDHANDLE *")
    if not lib.manage_handle(manage.native, out) and not lib.manage_is_forked(manage.native):
        raise invalid("handle", manage, "an object that is attached")
    if manage.library != library:
        raise invalid("handle", manage, f"an object that uses the same PC/SC library, {library!r}")
    number: int = manage.handle  # raises in a fork
    return number


def _decorated(source: object) -> Iterator[Any]:
    """Yield the object and the objects that it decorates, which pyscard's decorators have as ``component``."""
    layer = source
    for _ in range(_MOST_DECORATORS):
        yield layer
        layer = getattr(layer, "component", None)
        if layer is None:
            return


def _ctypes_integer(source: Any) -> int | None:
    """Return the value of an integer of ctypes, or of the handle that a pointer or ``byref`` of ctypes points to.

    Return None for any other object.
    """
    ctypes: Any = sys.modules.get("ctypes")  # not loaded here; without it there are no such objects
    if ctypes is None:
        return None
    if isinstance(source, ctypes._SimpleCData):  # noqa: SLF001  ctypes has no public name for it
        return integer("handle", source.value)
    if isinstance(source, type(ctypes.byref(ctypes.c_int()))):
        source = ctypes.pointer(source._obj)  # noqa: SLF001  the only way to the object
    if not isinstance(source, ctypes._Pointer):  # noqa: SLF001  ctypes has no public name for it
        return None
    kind = type(source)._type_
    if not issubclass(kind, ctypes._SimpleCData) or 8 * ctypes.sizeof(kind) != HANDLE_BITS:  # noqa: SLF001  as above
        raise TypeError(f"handle: expected a pointer to a SCARDHANDLE, got a pointer to {kind.__name__}")
    if not source:
        raise invalid("handle", source, "a pointer that is not NULL")
    return integer("handle", source.contents.value)


def _cdata_integer(value: CData) -> int:
    """Return the value of an integer of cffi, or of the handle that a pointer points to."""
    kind = ffi.typeof(value)
    if kind.kind == "pointer" and kind.item.kind == "primitive" and 8 * ffi.sizeof(kind.item) == HANDLE_BITS:
        if not value:
            raise invalid("handle", value, "a pointer that is not NULL")
        target: object = value[0]
        if isinstance(target, int) and not isinstance(target, bool):
            return target
    elif kind.kind == "primitive" and kind.cname not in {"_Bool", "float", "double", "long double", "char"}:
        return int(value)
    raise TypeError(f"handle: expected an integer of cffi or a SCARDHANDLE *, got {kind.cname}")
