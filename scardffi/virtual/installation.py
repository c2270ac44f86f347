"""Where our own PC/SC library is, and how it becomes the default of the process."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager

from ..library import set_default_table
from ..raw import Library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from .._native import Api

_SUFFIX: Final = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def library_path() -> str:
    """The file of our own PC/SC library, for ``SCARDFFI_LIBRARY`` or :class:`~scardffi.raw.Library`."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "libscardvirtual" + _SUFFIX)  # noqa: PTH100, PTH118, PTH120  pathlib is slow to import


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
