"""The entry point of the command line: the list of commands, and the exit codes of errors."""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .. import __version__
from ..errors import NoReadersError, NoSmartCardError, SCardError, UnknownReaderError
from ._exit_codes import HELP, ExitCode
from ._output import escape_what_cannot_be_shown, explained, open_closed_streams, warn
from ._session import add_library_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import NoReturn

COMMANDS: Final = {
    "readers": "list the readers and their cards",
    "doctor": "find out why PC/SC does not work, and print the next command",
    "info": "show the library, and the reader's attributes and features",
    "atr": "explain an answer to reset in words",
    "tlv": "show data objects as a tree",
    "sw": "explain status words",
    "send": "send commands to a card and show the responses",
    "script": "run a file of commands on a card",
    "shell": "type commands for a card, with history and completion",
    "ls": "list the files of the card that can be found",
    "cat": "print a file of the card",
    "put": "write to a file of the card",
    "pin": "verify, change or unblock a code (PIN)",
    "bench": "measure how long exchanges with this reader and card take",
    "watch": "watch readers and cards come and go",
    "virtual": "run any program on virtual readers and cards",
    "trace": "record the PC/SC calls of any program, and show a trace",
    "completion": "print the completion of commands and options for a shell",
}
"""The summary of each command. Its module has the command's name; it is imported if the command is used."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal; argparse asks shutil for its width, which takes 2 ms to import at each start."""

    def __init__(self, prog: str) -> None:
        try:
            width = int(os.environ.get("COLUMNS", "")) or 80
        except ValueError:
            width = os.get_terminal_size(1).columns if os.isatty(1) else 80
        super().__init__(prog, width=max(width, 20) - 2)


class CommandParser(argparse.ArgumentParser):
    """The parser of one command, which imports the command's module at its first use: the command starts sooner."""

    unloaded: str | None = None
    """The name of the command until its module is loaded."""
    hides_arguments: bool = False
    """True if an argument that is not allowed may be a code, and must not be shown."""
    takes_program: bool = False
    """True if what follows "--" is another program and its arguments, which become the option ``program``."""

    def load(self) -> None:
        """Add the arguments of the command's module, once."""
        name, self.unloaded = self.unloaded, None
        if name is not None:
            module = import_module(f".{name}", __package__)
            self.description = (module.__doc__ or "").strip()
            module.add_arguments(self)
            self.set_defaults(run=module.run)

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        """Load the command, and parse its arguments."""
        self.load()
        words = list(args[0])
        end = words.index("--") if self.takes_program and "--" in words else len(words)
        options, unknown = super().parse_known_args(words[:end], *args[1:], **kwargs)
        if unknown:  # otherwise argparse would print the usage of the program, not of the command
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        if self.takes_program:
            options.program = words[end + 1 :]
        return options, unknown

    def error(self, message: str) -> NoReturn:
        """Print a message and how the command is used, and end with the exit code for it."""
        hidden = "an argument is not allowed; a code never stands on the command line, it is asked for"
        super().error(hidden if self.hides_arguments else message)


def parser(names: Iterable[str] = COMMANDS, *, loaded: bool = False) -> argparse.ArgumentParser:
    """Return the parser of the command line with these commands; ``loaded`` with their arguments, as for a man page."""
    root = argparse.ArgumentParser(
        prog="scardffi",
        description="Work with smart cards.",
        epilog=HELP,
        formatter_class=HelpFormatter,
    )
    add_library_options(root)
    root.add_argument("--version", action="version", version=f"scardffi {__version__}")
    commands = root.add_subparsers(
        title="commands",
        dest="command",
        required=True,
        metavar="COMMAND",
        parser_class=CommandParser,
        prog="scardffi",
    )
    for name in names:
        command = commands.add_parser(name, help=COMMANDS[name], epilog=HELP, formatter_class=HelpFormatter)
        command.unloaded = name
        if loaded:
            command.load()
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and return the exit code."""
    open_closed_streams()
    escape_what_cannot_be_shown()
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        options = parser(_named_in(words)).parse_args(words)
        code: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        return ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SCardError as error:
        warn(str(error))
        return _outcome(error)
    except OSError as error:
        warn(explained(error, "the output"))
        _discard_output()
        return ExitCode.FILE
    return code


def _discard_output() -> None:
    """Discard what is not written yet, so that Python's last flush does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _named_in(words: Sequence[str]) -> Iterable[str]:
    """Return the commands that the words may mean, because parsers of the others would take a tenth of the start."""
    for word in words:
        if word in {"-h", "--help"}:
            break
        if word in COMMANDS:
            return [name for name in COMMANDS if name in words]
    return COMMANDS


def _outcome(error: SCardError) -> ExitCode:
    if isinstance(error, (NoReadersError, UnknownReaderError)):
        return ExitCode.NO_READER
    return ExitCode.NO_CARD if isinstance(error, NoSmartCardError) else ExitCode.PCSC
