"""Codes (PINs) that the user types: without echo in a terminal, or a line each from standard input."""

from __future__ import annotations

import io
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._input import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..iso7816._secrets import Secrets

_MOST = 255
_END = b"\r\n"


def read_code(prompt: str, secrets: Secrets) -> bytearray:
    """Return a code in memory that is wiped with the other secrets. Its length may be at most 255 bytes.

    On Windows a terminal gives it as text, which cannot be wiped.
    """
    line = secrets.new(_MOST + 1)
    length = _typed(prompt, line) if sys.stdin.isatty() else _read_line(_unbuffered(), line)
    if not 0 < length <= _MOST:
        refuse(f"{prompt}: a code of {length or 'no'} bytes is not allowed; give 1 to {_MOST}")
    code = secrets.new(length)
    code[:] = memoryview(line)[:length]
    return code


def _read_line(raw: io.RawIOBase, line: bytearray) -> int:
    """Read a line byte by byte, because what follows belongs to the next code. Return its length without the end."""
    one = bytearray(1)
    length = 0
    while raw.readinto(one):
        if one == b"\n" or length > _MOST:
            break
        if one != b"\r":
            line[min(length, _MOST)] = one[0]
            length += 1
    one[0] = 0
    return length


def _unbuffered() -> io.FileIO:
    return io.FileIO(sys.stdin.fileno(), closefd=False)


def _typed(prompt: str, line: bytearray) -> int:
    """Read a line from the terminal without echo."""
    if sys.platform == "win32":
        from getpass import getpass

        typed = getpass(f"{prompt}: ").encode()
        line[: min(len(typed), len(line))] = typed[: len(line)]
        return len(typed)
    print(f"{prompt}: ", end="", file=sys.stderr, flush=True)
    with _without_echo(sys.stdin.fileno()):
        length = _read_line(_unbuffered(), line)
    print(file=sys.stderr, flush=True)
    return length


@contextmanager
def _without_echo(descriptor: int) -> Iterator[None]:
    import termios

    before = termios.tcgetattr(descriptor)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
