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


def start(slot: int, destination: str | int, secrets: str) -> int:
    """Record the calls of a slot to a file, to stderr for ``-``, or to a pipe; return a number for :func:`stop`.

    The descriptor of a pipe is duplicated.

    Raises:
        ValueError: the file is not a trace, or the secrets are not valid.
        OSError: the file cannot be opened.
    """
    function = CFUNCTYPE(c_int, c_int, c_char_p, c_ssize_t, c_char_p, c_void_p, c_size_t)(
        ("scardtrace_start", _library())
    )
    problem = ctypes.create_string_buffer(_PROBLEM_SIZE)
    path, pipe = (None, _system_file(destination)) if isinstance(destination, int) else (os.fsencode(destination), -1)
    number: int = function(slot, path, pipe, os.fsencode(secrets), problem, _PROBLEM_SIZE)
    if number < 0:
        raise OSError(-number, os.strerror(-number), destination)
    if number == 0:
        raise ValueError(f"{destination}: {problem.value.decode(errors='replace')}")
    return number


def _system_file(descriptor: int) -> int:
    """Return the system's own number of a descriptor of Python."""
    if sys.platform == "win32":
        import msvcrt  # only Windows has it

        return msvcrt.get_osfhandle(descriptor)
    return descriptor


def stop(number: int) -> None:
    """End a recording. The duplicate of a pipe is closed."""
    CFUNCTYPE(None, c_int)(("scardtrace_stop", _library()))(number)


def secret_part(command: bytes, secrets: str) -> tuple[int, int] | None:
    """Return the secret part of a command, as (start, length), or None; ``secrets`` is as for :func:`start`.

    Raises:
        ValueError: the secrets are not valid.
    """
    function = CFUNCTYPE(c_int, c_char_p, c_char_p, c_int, c_void_p)(("scardtrace_secret_part", _library()))
    begin = c_int()
    length: int = function(secrets.encode(), command, len(command), ctypes.byref(begin))
    if length < 0:
        raise ValueError(f"secrets: {secrets!r} is not allowed; give instructions, such as DB, or classes with them")
    return (begin.value, length) if length else None
