"""Load PC/SC libraries through the C core (csrc/pcsc_api.c). Only this module imports the compiled modules.

Other modules import ``ffi``, ``lib`` and ``calls`` from here. ``calls`` is the module ``_calls``; it is None on PyPy,
where it cannot be built, and in tests that set the environment variable SCARDFFI_NO_CALLS.

Importing this module loads no PC/SC library. The default library (the platform's, or the one that ``SCARDFFI_LIBRARY``
names) is loaded at its first use.
"""

from __future__ import annotations

import atexit
import functools
import os
import sys
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Final
from weakref import ref

from ._at_exit import silent_at_exit
from ._locks import ForkMutex

calls: ModuleType | None = None
try:
    if sys.implementation.name == "cpython" and not os.environ.get("SCARDFFI_NO_CALLS"):
        from . import _calls as calls
    from ._native import ffi, lib
except ImportError as error:
    if "does not support loading in subinterpreters" in str(error):  # Python's message for one with its own GIL
        raise ImportError(
            "scardffi works only in the main interpreter of a process: import it there, not in a sub-interpreter"
        ) from None
    is_missing = type(error) is ModuleNotFoundError and error.name == f"{__package__}._native"
    if not is_missing and error.name != __package__:
        raise
    raise ImportError(
        f"{__file__} is in a source folder without the compiled modules: run 'pip install -e .' in the folder above, "
        "or start Python in another folder to import the installed package"
    ) from None

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

    from ._native import Api, CData
    from .errors import LibraryError

__all__ = [
    "address_of",
    "calls",
    "default_replaced",
    "default_table",
    "ffi",
    "keeping",
    "lib",
    "open_table",
    "owning",
    "set_default_table",
    "text_of",
    "traced_table",
]

_ADDRESS = ffi.typeof("uintptr_t")  # passing the name of a type as text at each call is slower
_DETAIL_SIZE = 8192


def open_table(path: str | os.PathLike[str]) -> Api:
    """Load the PC/SC library with this path or name and return its function table.

    Each library has one table: a second call for the same library returns the same table.

    Raises:
        LibraryNotFoundError: no such file exists.
        LibraryNotLoadableError: the system's loader refuses the file.
        MissingSymbolError: the file is not a PC/SC library.
    """
    name = os.fspath(path) if hasattr(path, "__fspath__") else path
    if not isinstance(name, str):
        raise TypeError(f"path: expected a str or a PathLike of str, got {type(path).__name__}")
    if not name or "\0" in name:
        from .errors import LibraryNotFoundError

        raise LibraryNotFoundError(f"path: {name!r} is not allowed; give the path or the name of a library")
    table = ffi.new("scardffi_library **")
    detail = ffi.new("char[]", _DETAIL_SIZE)
    _check(lib.pcsc_open(os.fsencode(name), table, detail, _DETAIL_SIZE), detail, name)
    opened: Api = table[0]
    return opened


def default_table() -> Api:
    """Return the function table of the default library. Load the library if this was not done before.

    Raises:
        LibraryError: as for :func:`open_table`.
    """
    table = ffi.new("scardffi_library **")
    detail = ffi.new("char[]", _DETAIL_SIZE)
    name = os.environ.get("SCARDFFI_LIBRARY") or "the platform's PC/SC library"
    _check(lib.pcsc_open_default(table, detail, _DETAIL_SIZE), detail, name)
    opened: Api = table[0]
    return opened


def traced_table(table: Api) -> Api:
    """Return the table of the same library whose functions record and pass on, by the trace library.

    Raises:
        LibraryError: as for :func:`open_table`, about the trace library.
    """
    traced = ffi.new("scardffi_library **")
    detail = ffi.new("char[]", _DETAIL_SIZE)
    _check(lib.pcsc_open_traced(table, traced, detail, _DETAIL_SIZE), detail, "the trace library")
    opened: Api = traced[0]
    return opened


def set_default_table(table: Api | None) -> Api | None:
    """Make ``table`` the default and return the previous one; with None the next use loads the default library again.

    Existing objects keep the library that they were made with.
    """
    previous = lib.pcsc_set_default(ffi.NULL if table is None else table)
    return previous or None


_lock: Final = ForkMutex()
_replacements: Final[dict[object, Api]] = {}
"""The tables of the :func:`default_replaced` contexts that have not ended, the newest last."""
_replaced: Api | None = None  # the default before the first of them


@contextmanager
@silent_at_exit
def default_replaced(table: Api) -> Iterator[None]:
    """Make ``table`` the default of the whole process while the context lasts.

    If several of these context managers overlap, the default is that of the newest one that has not ended. A default
    that records the same library stays the default.
    """
    global _replaced  # noqa: PLW0603  the process has one default library
    key = object()
    try:
        with _lock:
            newest = next(reversed(_replacements.values()), None)
            if newest is not None and lib.pcsc_trace_slot(newest) >= 0 and _path(newest) == _path(table):
                table = newest
            _replacements[key] = table
            previous = set_default_table(table)
            if len(_replacements) == 1:
                _replaced = previous
        yield
    finally:
        with _lock:
            if _replacements.pop(key, None) is not None:
                set_default_table(next(reversed(_replacements.values()), _replaced))


def _path(table: Api) -> str:
    return text_of(lib.pcsc_path(table))


_kept: dict[int, tuple[ref[CData], object]] = {}
"""A weak reference to a pointer, and the object that is kept while the pointer lives."""
_numbers = count()


def owning(create: Callable[[], CData], free: Callable[[CData], object]) -> CData | None:
    """Return the pointer that ``create`` returns, and call ``free`` when it is collected; None if it is NULL.

    Both must be functions in C, or :func:`functools.partial` of one. Python handles signals only between two
    instructions of Python code. The call of ``next`` below is one instruction, which creates the memory and its owner,
    so nothing is lost if Ctrl-C interrupts this function. Freeing runs no Python code either.

    A pointer that owns its memory itself (``ffi.gc``) would be freed too early: if a reference cycle is collected, it
    is freed before the finalizers of the other objects run, and these may still use the memory.

    At the end of the program nothing is freed: another thread may be inside a function in C that uses the memory, or
    may have been ended there, with a lock held. The end of the process closes everything.
    """
    owner = next(map(_own, iter(create, ffi.NULL), (free,)), None)
    return None if owner is None else keeping(ffi.cast(ffi.typeof(owner), owner), owner)


def _do_not_own(pointer: CData, _free: Callable[[CData], object]) -> CData:
    return pointer


def _free_no_more() -> None:
    """Free no pointer of :func:`owning` from now on."""
    global _own  # noqa: PLW0603  it changes once, at the end of the program
    _own = _do_not_own
    for _, kept in list(_kept.values()):
        if isinstance(kept, ffi.CData):
            try:
                ffi.gc(kept, None)
            except TypeError:  # another pointer owns the memory
                continue


_own = ffi.gc
atexit.register(_free_no_more)


def keeping(pointer: CData, kept: object) -> CData:
    """Return ``pointer``, and keep an object alive as long as it lives. The object must not refer to the pointer."""
    number = next(_numbers)
    _kept[number] = ref(pointer, functools.partial(_kept.pop, number)), kept
    return pointer


def address_of(pointer: CData) -> int:
    """Return the address that a pointer holds."""
    return int(ffi.cast(_ADDRESS, pointer))


if calls is not None:
    calls.use_table(address_of(lib.embed_table()))


def text_of(string: CData) -> str:
    """Return a string in C as the operating system's functions of Python return names of files."""
    return os.fsdecode(ffi.string(string))


def _check(result: int, detail: CData, name: str) -> None:
    """Raise if the library was not loaded; ``name`` is its path or name."""
    if result == 0:
        return
    from .errors import (
        E_OUTOFMEMORY,
        LibraryNotFoundError,
        LibraryNotLoadableError,
        MissingSymbolError,
        OutOfMemoryError,
    )

    text = text_of(detail)
    if result == lib.SCARDFFI_LIBRARY_NO_MEMORY:
        raise OutOfMemoryError(f"{name}: no memory for a function table", hresult=E_OUTOFMEMORY)
    kind: type[LibraryError]
    if result == lib.SCARDFFI_LIBRARY_NOT_FOUND:
        kind = LibraryNotFoundError
        text = f"no PC/SC library found; tried: {text}. Install one (Debian: libpcsclite1) or set SCARDFFI_LIBRARY"
    elif result == lib.SCARDFFI_LIBRARY_NOT_LOADABLE:
        kind = LibraryNotLoadableError
        text = f"the PC/SC library cannot be loaded: {text}"
    else:
        kind = MissingSymbolError
        text = f"{name} is not a PC/SC library; it lacks: {text}"
    raise kind(text)
