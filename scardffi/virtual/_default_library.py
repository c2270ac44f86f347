"""Make the virtual PC/SC library the default library of the process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .._at_exit import silent_at_exit
from .._loader import set_default_table
from .._locks import ForkMutex
from ..library import Library
from ._library_files import library_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._native import Api

_lock: Final = ForkMutex()
_uses = 0  # the number of installed() contexts that have not ended
_previous: Api | None = None  # the default library before the first of them


@contextmanager
@silent_at_exit
def installed() -> Iterator[Library]:
    """Make the virtual PC/SC library the default of the whole process while the context lasts.

    If several of these context managers overlap, the last one to end restores the default that was set before the first
    one. ``Context`` and ``SCardManage`` objects that already exist keep their library.

    Raises:
        LibraryError: the virtual library cannot be loaded.
        OutOfMemoryError: there is not enough memory.
    """
    global _uses, _previous  # noqa: PLW0603  the process has one default library
    library = Library(library_path())
    with _lock:
        if _uses == 0:
            _previous = set_default_table(library.native)
        _uses += 1
    try:
        yield library
    finally:
        with _lock:
            _uses -= 1
            if _uses == 0:
                set_default_table(_previous)
