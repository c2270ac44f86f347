"""The files of the trace library: their paths."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).absolute().parent
_SUFFIX: Final = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


def library_path() -> str:
    """Return the path of the trace library."""
    return str(_FOLDER / f"libscardtrace{_SUFFIX}")


def library_folder() -> str:
    """Return the folder for the ``LD_LIBRARY_PATH`` of a program whose calls are recorded as ``SCARDFFI_TRACE`` says.

    It has a libpcsclite.so.1 that records each call and passes it on: to the library that ``SCARDFFI_LIBRARY`` names,
    or to the libpcsclite.so.1 that the program would load without this folder.

    Raises:
        NotImplementedError: this is not Linux.
    """
    if not sys.platform.startswith("linux"):
        raise NotImplementedError("programs that do not use scardffi are traced only on Linux")
    return str(_FOLDER / "standin")
