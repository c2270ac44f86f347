"""The files of the virtual PC/SC library: their paths, and the stand-in for libpcsclite.so.1."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).absolute().parent
_SUFFIX: Final = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_STAND_IN: Final = "libpcsclite.so.1"  # the name, and the SONAME, that programs on Linux load


def library_path() -> str:
    """Return the path of the virtual PC/SC library, for ``SCARDFFI_LIBRARY`` or :class:`scardffi.Library`."""
    return str(_FOLDER / f"libscardvirtual{_SUFFIX}")


def library_folder() -> str:
    """Return the folder of the stand-in, for the ``LD_LIBRARY_PATH`` of a program.

    The stand-in is a libpcsclite.so.1 that forwards every call to the virtual library. Within one process both have
    the same readers and cards. :func:`stand_in` loads it into this process.

    Raises:
        NotImplementedError: this is not Linux.
    """
    if not sys.platform.startswith("linux"):
        raise NotImplementedError("the stand-in for libpcsclite.so.1 exists only on Linux")
    return str(_FOLDER / "standin")


def stand_in() -> None:
    """Load the stand-in: later loads of libpcsclite.so.1 in this process get the virtual library.

    For example, call this before you import pyscard. The effect lasts until the process ends. Later calls have no
    effect.

    Raises:
        RuntimeError: another libpcsclite.so.1 is loaded already, or this platform's loader does not compare SONAMEs.
        NotImplementedError: this is not Linux.
    """
    path = f"{library_folder()}/{_STAND_IN}"
    if _loaded_handle(_STAND_IN) not in {None, _loaded_handle(path)}:
        raise RuntimeError(
            f"another {_STAND_IN} is loaded in this process already: call stand_in() before anything loads it "
            f"(importing pyscard does), or start the program with LD_LIBRARY_PATH={library_folder()}"
        )
    _load(path)
    if _loaded_handle(_STAND_IN) is None:
        raise RuntimeError(
            f"this platform's loader does not find {_STAND_IN} by its SONAME: start the program with "
            f"LD_LIBRARY_PATH={library_folder()}"
        )


def is_standing_in() -> bool:
    """Return True if code of this process that loads libpcsclite.so.1 gets the virtual library."""
    return _loaded_handle(_STAND_IN) is not None and _loaded_handle(_STAND_IN) == _loaded_handle(
        f"{library_folder()}/{_STAND_IN}"
    )


def _loaded_handle(name: str) -> int | None:
    """Return the loader's handle of a library; None if it is not loaded."""
    try:
        return _load(name, os.RTLD_NOLOAD)
    except OSError:
        return None


def _load(name: str, mode: int = 0) -> int:
    """Load a library for the rest of the process and return the loader's handle."""
    return ctypes.CDLL(name, mode)._handle  # noqa: SLF001  ctypes documents it
