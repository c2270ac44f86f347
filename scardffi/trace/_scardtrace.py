"""The functions that scardtrace.h declares, through ctypes: they begin and end recordings."""

from __future__ import annotations

import ctypes
import os
import sys
from ctypes import CFUNCTYPE, c_char_p, c_int, c_size_t, c_ssize_t, c_void_p
from functools import cache

from ._library_files import library_path

_PROBLEM_SIZE = 1024


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(library_path())


class Recording:
    """A recording of the calls of a slot. It can be stopped even if Ctrl-C has interrupted :meth:`start`."""

    def __init__(self, slot: int) -> None:
        self._slot = slot
        self._number = c_int()  # C writes it when the recording starts

    def start(self, destination: str | int, secrets: str) -> None:
        """Record to a file, to stderr for ``-``, or to a pipe, whose descriptor is duplicated.

        Raises:
            ValueError: the file is not a trace, or the secrets are not valid.
            OSError: the file cannot be opened.
        """
        function = CFUNCTYPE(c_int, c_int, c_char_p, c_ssize_t, c_char_p, c_void_p, c_void_p, c_size_t)(
            ("scardtrace_start", _library())
        )
        problem = ctypes.create_string_buffer(_PROBLEM_SIZE)
        path, pipe = (
            (None, _system_file(destination)) if isinstance(destination, int) else (os.fsencode(destination), -1)
        )
        number = ctypes.byref(self._number)
        result: int = function(self._slot, path, pipe, os.fsencode(secrets), number, problem, _PROBLEM_SIZE)
        if result > 0:
            raise OSError(result, os.strerror(result), destination)
        if result < 0:
            raise ValueError(f"{destination}: {problem.value.decode(errors='replace')}")

    def stop(self) -> None:
        """End the recording, if it was started. The reader of a pipe gets its end, also if a forked child has it."""
        CFUNCTYPE(None, c_int)(("scardtrace_stop", _library()))(self._number)


def _system_file(descriptor: int) -> int:
    """Return the system's own number of a descriptor of Python."""
    if sys.platform == "win32":
        import msvcrt  # only Windows has it

        return msvcrt.get_osfhandle(descriptor)
    return descriptor


def secret_part(command: bytes, secrets: str) -> tuple[int, int] | None:
    """Return the secret part of a command, as (start, length), or None; ``secrets`` is as for :meth:`Recording.start`.

    Raises:
        ValueError: the secrets are not valid.
    """
    function = CFUNCTYPE(c_int, c_char_p, c_char_p, c_int, c_void_p)(("scardtrace_secret_part", _library()))
    begin = c_int()
    length: int = function(secrets.encode(), command, len(command), ctypes.byref(begin))
    if length < 0:
        raise ValueError(f"secrets: {secrets!r} is not allowed; give instructions, such as DB, or classes with them")
    return (begin.value, length) if length else None
