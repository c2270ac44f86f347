"""Which PC/SC library: find it, load it once or by path, and tell what it has.

The only importer of the compiled module; everybody else takes ``ffi`` and ``lib`` from here. Nothing is loaded
by importing: the platform's library (or the one that ``SCARDFFI_LIBRARY`` names) is loaded at its first use.
"""

from __future__ import annotations

import os
from _weakref import ref  # weakref is slow to import
from collections import namedtuple

from ._native import ffi, lib
from .errors import (
    E_OUTOFMEMORY,
    LibraryError,
    LibraryNotFoundError,
    LibraryNotLoadableError,
    MissingSymbolError,
    OutOfMemoryError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ._native import Api, CData

__all__ = ["LibraryInfo", "default_table", "ffi", "lib", "library_info", "open_table", "owning", "set_default_table"]

_DETAIL_SIZE = 8192
# What pcsc_open answers, as pcsc_api.h numbers it
_NOT_FOUND, _NOT_LOADABLE, _NO_MEMORY = 1, 2, 4


class LibraryInfo(namedtuple("LibraryInfo", "path version functions missing")):
    """What is known of a loaded PC/SC library."""

    __slots__ = ()

    path: str
    """The file it was loaded from."""
    version: str | None
    """The version that the file's name carries, such as 1.0.0; None where there is none."""
    functions: frozenset[str]
    """The SCard* functions that it has, of those that scardffi knows."""
    missing: frozenset[str]
    """Those that it lacks: calling one raises UnsupportedFunctionError."""


def open_table(path: str | os.PathLike[str]) -> Api:
    """Load the PC/SC library of this path or name; the same library gives the same function table again.

    Raises:
        LibraryError: one of its classes for no such file, a file that cannot be loaded, or no PC/SC library.
    """
    name = os.fspath(path) if hasattr(path, "__fspath__") else path
    if not isinstance(name, str):
        raise TypeError(f"path: expected a str or a PathLike of str, got {type(path).__name__}")
    if not name or "\0" in name:
        raise LibraryNotFoundError(f"path: {name!r} is not the name of a file; give a path or a library's name")
    table = ffi.new("scardffi_library **")
    detail = ffi.new("char[]", _DETAIL_SIZE)
    _check(lib.pcsc_open(os.fsencode(name), table, detail, _DETAIL_SIZE), detail)
    opened: Api = table[0]
    return opened


def default_table() -> Api:
    """The function table of the default library, loaded now if it is not yet.

    Raises:
        LibraryError: as for :func:`open_table`.
    """
    table = ffi.new("scardffi_library **")
    detail = ffi.new("char[]", _DETAIL_SIZE)
    _check(lib.pcsc_open_default(table, detail, _DETAIL_SIZE), detail)
    opened: Api = table[0]
    return opened


def set_default_table(table: Api | None) -> Api | None:
    """Make ``table`` the default, or with None let the next use load the platform's; answers the previous one.

    Objects that exist keep the library that they were made with.
    """
    previous = lib.pcsc_set_default(ffi.NULL if table is None else table)
    return previous or None


def library_info(table: Api) -> LibraryInfo:
    """Path, version and functions of a loaded library."""
    file = _text(lib.pcsc_path(table))
    _, found, version = file.rpartition(".so.")
    functions: set[str] = set()
    missing: set[str] = set()
    index = 0
    while name := lib.pcsc_function_name(index):
        (functions if lib.pcsc_has_function(table, index) else missing).add(_text(name))
        index += 1
    return LibraryInfo(file, version if found and "." in version else None, frozenset(functions), frozenset(missing))


_references: dict[int, ref[CData]] = {}
"""What waits for each owning pointer's end, by its id."""


def owning(pointer: CData, free: Callable[[CData], object]) -> CData:
    """``pointer`` itself, for whose memory ``free`` is called when nobody holds the pointer any more.

    ``ffi.gc`` frees too early: in a reference cycle that is collected, before the finalizers of its other objects have
    run, and these may still use the memory. ``free`` must not hold what could hold the pointer.
    """
    same = ffi.cast(ffi.typeof(pointer), pointer)

    def gone(reference: ref[CData]) -> None:
        del _references[id(reference)]
        free(same)

    reference = ref(pointer, gone)
    _references[id(reference)] = reference
    return pointer


def _text(string: CData) -> str:
    return os.fsdecode(ffi.string(string))


def _check(result: int, detail: CData) -> None:
    if result == 0:
        return
    text = _text(detail)
    if result == _NO_MEMORY:
        raise OutOfMemoryError("no memory for a function table", hresult=E_OUTOFMEMORY)
    kind: type[LibraryError]
    if result == _NOT_FOUND:
        kind = LibraryNotFoundError
        text = f"no PC/SC library found; tried: {text}. Install one (Debian: libpcsclite1) or set SCARDFFI_LIBRARY"
    elif result == _NOT_LOADABLE:
        kind = LibraryNotLoadableError
        text = f"the PC/SC library cannot be loaded: {text}"
    else:
        kind = MissingSymbolError
        text = f"this is no PC/SC library; it lacks: {text}"
    raise kind(text)
