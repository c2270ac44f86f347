"""The lines that a user types in the shell: with history, completion and colours if prompt_toolkit is installed."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..iso7816.instruction_names import NAMES
from ._output import has_colours

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Lines(Protocol):
    """Where the shell's lines come from."""

    def read(self, prompt: str) -> str:
        """Return the next line; raise EOFError at the end, KeyboardInterrupt after Ctrl-C."""
        ...

    def remember(self, text: str) -> None:
        """Put a line into the history."""


class PlainLines:
    """Lines by ``input``, and from a file or a pipe without a prompt. There is no history."""

    def read(self, prompt: str) -> str:
        """Return the next line."""
        if sys.stdin.isatty():
            return input(prompt)
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")

    def remember(self, text: str) -> None:
        """Forget the line."""


def lines(words: Iterable[str], readers: Callable[[], list[str]]) -> Lines:
    """Return where the lines come from: a terminal with prompt_toolkit, or ``input``.

    Args:
        words: the words that a line may begin with.
        readers: returns the names of the readers.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or find_spec("prompt_toolkit") is None:
        return PlainLines()
    return _terminal(sorted(words), readers)


def history_file() -> Path:
    """Return the file of the history, in the user's folder for the state of programs."""
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        folder = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "scardffi" / "shell-history"


def completions(before: str, words: Iterable[str], readers: Callable[[], list[str]]) -> Iterator[tuple[str, str]]:
    """Yield what the text before the cursor may become: the end of the line in place of its last words, and a name.

    The first word is one of ``words``, or the name of an instruction, which becomes its first two bytes. After
    ``attach`` follow readers.
    """
    first, space, rest = before.lstrip().partition(" ")
    if space and first == "attach":
        yield from ((name, name) for name in readers() if rest.lstrip().lower() in name.lower())
    elif not space:
        yield from ((f"{word} ", word) for word in words if word.startswith(first.lower()))
    if first and first[0].isalpha() and first != "attach":
        typed = before.strip().upper()
        named = ((ins, name) for ins, name in NAMES.items() if name.startswith(typed))
        yield from ((f"00 {ins:02X} ", f"{name} ({ins:02X})") for ins, name in named)


def _terminal(words: list[str], readers: Callable[[], list[str]]) -> Lines:  # noqa: C901  its classes need the import
    """Return lines by prompt_toolkit, which takes some 100 ms to import."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import Completer, Completion, PathCompleter
    from prompt_toolkit.formatted_text import ANSI
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.output import ColorDepth

    if TYPE_CHECKING:
        from prompt_toolkit.completion import CompleteEvent
        from prompt_toolkit.document import Document

    class Remembered(FileHistory):
        """A history of the lines that the shell found to hold no secret; the prompt itself adds none."""

        def append_string(self, string: str) -> None:
            """Add nothing: a line with a PIN must not get into the file."""

        def remember(self, string: str) -> None:
            """Add a line."""
            super().append_string(string)

    class Words(Completer):
        """Completes words of the shell, instructions, readers, and files after ``run``."""

        paths = PathCompleter(expanduser=True)

        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            before = document.text_before_cursor.lstrip()
            if before.startswith("run "):
                from prompt_toolkit.document import Document as Part

                yield from self.paths.get_completions(Part(before[4:].lstrip()), complete_event)
                return
            replaced = len(before.partition(" ")[2].lstrip()) if before.startswith("attach ") else len(before)
            for text, name in completions(before, words, readers):
                yield Completion(text, start_position=-replaced, display=name)

    try:
        path = history_file()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        history: Remembered | InMemoryHistory = Remembered(str(path))
    except OSError:  # the folder cannot be written
        history = InMemoryHistory()
    colours = has_colours(sys.stdout)
    depth = None if colours else ColorDepth.DEPTH_1_BIT
    session: PromptSession[str] = PromptSession(
        history=history, completer=Words(), complete_while_typing=False, color_depth=depth
    )

    class Terminal:
        """Lines by prompt_toolkit."""

        def read(self, prompt: str) -> str:
            """Return the next line."""
            return session.prompt(ANSI(f"\x1b[1m{prompt}\x1b[0m") if colours else prompt)

        def remember(self, text: str) -> None:
            """Put a line into the file of the history."""
            if isinstance(history, Remembered):
                history.remember(text)

    return Terminal()
