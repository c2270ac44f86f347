"""Bytes on the command line: hexadecimal text, standard input (-) or a file (@file)."""

from __future__ import annotations

import sys
from pathlib import Path
from string import hexdigits
from typing import TYPE_CHECKING

from ._exit_codes import ExitCode
from ._output import explained, warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import NoReturn, TextIO

HEXADECIMAL = "hexadecimal, with or without spaces and 0x; - for standard input, @FILE for a file"


def refuse(message: str) -> NoReturn:
    """Print a message about a wrong argument or file, and end with the exit code for it."""
    warn(message)
    raise SystemExit(ExitCode.USAGE)


def hexadecimal(text: str, where: str) -> bytes:
    """Return the bytes of hexadecimal text; colons, commas and 0x may stand between them."""
    digits = text.replace("0x", " ").replace("0X", " ").replace(":", " ").replace(",", " ")
    try:
        return bytes.fromhex(digits)
    except ValueError:  # its text is not shown: it may be a command with a code
        wrong = next((char for char in digits if char not in hexdigits and not char.isspace()), None)
        problem = "a byte with one digit" if wrong is None else repr(wrong)
        refuse(f"{where}: {problem} is not allowed; give two hexadecimal digits for each byte")


def pieces(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each text with the place where it stands: an argument, or a line of a file or of standard input.

    In files, empty lines and what follows a # are left out.
    """
    for number, argument in enumerate(arguments, 1):
        if argument == "-":
            yield from _lines("standard input", _read(sys.stdin, "standard input"))
        elif argument.startswith("@"):
            path = argument[1:]
            try:
                with Path(path).open(encoding="utf-8") as file:
                    text = _read(file, path)
            except OSError as error:
                refuse(explained(error, path))
            yield from _lines(path, text)
        else:
            yield f"argument {number}", argument


def joined(arguments: Sequence[str]) -> bytes:
    """Return the bytes of all arguments together."""
    raw = b"".join(hexadecimal(text, where) for where, text in pieces(arguments))
    if not raw:
        refuse("no bytes were given; give two hexadecimal digits for each byte")
    return raw


def _read(file: TextIO, name: str) -> str:
    try:
        return file.read()
    except UnicodeDecodeError as error:
        refuse(f"{name}: {error}; give hexadecimal text")


def _lines(name: str, text: str) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        digits = line.partition("#")[0].strip()
        if digits:
            yield f"{name}, line {number}", digits
