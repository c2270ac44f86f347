"""The output of commands: text or JSON, in colour if the terminal shows it."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import TextIO

_COLOURS: Final = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}


def escape_what_cannot_be_shown() -> None:
    """Print an escape for each character that the terminal's encoding lacks, as Python does on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def open_closed_streams() -> None:
    """Replace each standard stream that was closed before the start, which is None in Python, by an empty one."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115, PTH123  until the end


def explained(error: OSError, name: str) -> str:
    """Return the message for a file that cannot be used; ``name`` stands for it if the error does not name it."""
    return f"{error.filename or name}: {error.strerror or error}"


def has_colours(stream: TextIO) -> bool:
    """Return whether a stream is a terminal that shows colours, and the user wants them (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Output:
    """Standard output, as text or as JSON: one value on each line."""

    def __init__(self, *, json: bool) -> None:
        self.is_json = json
        self._has_colours = not json and has_colours(sys.stdout)

    def line(self, text: str = "") -> None:
        """Print a line of text, unless the output is JSON, and show it at once."""
        if not self.is_json:
            print(text, flush=True)

    def value(self, value: object) -> None:
        """Print a value as one line of JSON, if the output is JSON."""
        if self.is_json:
            import json  # only few calls need it

            print(json.dumps(value), flush=True)

    def coloured(self, text: str, colour: str) -> str:
        """Return a text in a colour, if the output shows colours."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self._has_colours else text


def warn(text: str) -> None:
    """Print a message about the run on stderr."""
    print(f"scardffi: {text}", file=sys.stderr, flush=True)
