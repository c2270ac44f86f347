"""How our own PC/SC library becomes the default of the process."""

from __future__ import annotations

import threading
from contextlib import contextmanager

from .._loader import set_default_table
from ..library import Library
from .files import library_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from .._native import Api

_installing: Final = threading.Lock()
_installed = 0  # how many uses of installed() are under way
_before: Api | None = None  # the default library before the first of them


@contextmanager
def installed() -> Iterator[Library]:
    """Make our own PC/SC library the default of the whole process while the context lasts.

    Where several overlap, the last to end restores what was the default before the first. Contexts and cards that
    exist keep the library that they were made with.
    """
    global _installed, _before  # noqa: PLW0603  the default library is one for the process
    library = Library(library_path())
    with _installing:
        if _installed == 0:
            _before = set_default_table(library.native)
        _installed += 1
    try:
        yield library
    finally:
        with _installing:
            _installed -= 1
            if _installed == 0:
                set_default_table(_before)
