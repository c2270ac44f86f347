"""Make the virtual PC/SC library the default library of the process."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from .._at_exit import silent_at_exit
from .._loader import default_replaced
from ..library import Library
from ._library_files import library_path

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
@silent_at_exit
def installed() -> Iterator[Library]:
    """Make the virtual PC/SC library the default of the whole process while the context lasts.

    If several such context managers overlap, also with :func:`scardffi.trace.record`, the default is that of the newest
    one that has not ended. A recording of the virtual library goes on. ``Context`` and ``SCardManage`` objects that
    already exist keep their library.

    Raises:
        LibraryError: the virtual library cannot be loaded.
        OutOfMemoryError: there is not enough memory.
    """
    library = Library(library_path())
    with default_replaced(library.native):
        yield library
