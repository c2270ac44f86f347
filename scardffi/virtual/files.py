"""The files of our own PC/SC library: where they lie, and how other users of PC/SC come to load them."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_FOLDER: Final = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  pathlib is slow to import
_SUFFIX: Final = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
_STAND_IN: Final = "libpcsclite.so.1"  # the name, and the SONAME, that programs on Linux load


def library_path() -> str:
    """The file of our own PC/SC library, for ``SCARDFFI_LIBRARY`` or :class:`~scardffi.raw.Library`."""
    return os.path.join(_FOLDER, "libscardvirtual" + _SUFFIX)  # noqa: PTH118  pathlib is slow to import


def library_folder() -> str:
    """The folder of the stand-in: for ``LD_LIBRARY_PATH`` of a program that shall find our library as pcsc-lite's.

    It holds a libpcsclite.so.1 that is linked to our library: in one process both have the same readers and cards.
    To load that file by its path is to call :func:`stand_in`.

    Raises:
        NotImplementedError: not on Linux.
    """
    if not sys.platform.startswith("linux"):
        raise NotImplementedError("there is a stand-in for pcsc-lite's library on Linux alone")
    return os.path.join(_FOLDER, "standin")  # noqa: PTH118  pathlib is slow to import


def stand_in() -> None:
    """Load the stand-in, so that whatever in this process loads libpcsclite.so.1 later gets our library.

    pyscard, for one, does so when it is imported. It lasts as long as the process, and may be called again.

    Raises:
        RuntimeError: another libpcsclite.so.1 is loaded already, or this platform's loader goes by path alone.
        NotImplementedError: not on Linux.
    """
    path = os.path.join(library_folder(), _STAND_IN)  # noqa: PTH118  pathlib is slow to import
    if _loaded(_STAND_IN) not in {None, _loaded(path)}:
        raise RuntimeError(
            f"another {_STAND_IN} is loaded in this process already: call stand_in() before whatever loads it "
            f"(pyscard does when it is imported), or start the program with LD_LIBRARY_PATH={library_folder()}"
        )
    _load(path)
    if _loaded(_STAND_IN) is None:
        raise RuntimeError(
            f"this platform's loader does not find {_STAND_IN} by its SONAME: start the program with "
            f"LD_LIBRARY_PATH={library_folder()}"
        )


def _loaded(name: str) -> int | None:
    """The loader's handle of a library, or None where it is not loaded."""
    try:
        return _load(name, os.RTLD_NOLOAD)
    except OSError:
        return None


def _load(name: str, mode: int = 0) -> int:
    """The loader's handle of a library, which stays loaded."""
    import ctypes  # here, since it is slow to import and needed for this alone

    return ctypes.CDLL(name, mode)._handle  # noqa: SLF001  documented, for all its name
