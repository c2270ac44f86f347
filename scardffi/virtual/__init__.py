"""Readers and cards without hardware: a PC/SC library of our own, in plain C.

It has the ABI of the platform's PC/SC library and a world of its own in each process: one reader,
``scardffi Virtual Reader 0``, with a card that answers SELECT MF, GET CHALLENGE and READ BINARY.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..library import set_default_table
from ..raw import Library

if TYPE_CHECKING:
    from collections.abc import Iterator

_SUFFIX: Final = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def library_path() -> str:
    """The file of our own PC/SC library, for ``SCARDFFI_LIBRARY`` or :class:`~scardffi.raw.Library`."""
    return str(Path(__file__).with_name("libscardvirtual" + _SUFFIX))


@contextmanager
def installed() -> Iterator[Library]:
    """Make our own PC/SC library the default while the context lasts.

    Contexts and cards that exist keep the library that they were made with.
    """
    library = Library(library_path())
    previous = set_default_table(library.native)
    try:
        yield library
    finally:
        set_default_table(previous)
