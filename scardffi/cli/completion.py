"""Print the completion of commands, options and their values for a shell.

For bash, write eval "$(scardffi completion bash)" into ~/.bashrc. For zsh, save the output as _scardffi in a folder
of $fpath. For tcsh, save the output, and source it in ~/.tcshrc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._extras import extra
from ._exit_codes import ExitCode
from ._input import refuse
from .main import CommandParser, parser

if TYPE_CHECKING:
    import argparse
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

SHELLS: Final = ["bash", "zsh", "tcsh"]
_FILES: Final = {"--library", "--trace", "--card", "--output", "--compare", "--html"}
"""The options whose value is a file."""
_COMMANDS_FOR_FILES: Final = {"script", "show"}
"""The commands whose argument FILE is a file of this machine; that of the others is a file of the card."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the shell."""
    parser.add_argument("shell", choices=SHELLS, help="the shell")


def run(options: Namespace) -> int:
    """Print the program text for the shell."""
    try:
        with extra("cli"):
            import shtab
    except ModuleNotFoundError as error:
        refuse(str(error))
    every = parser(loaded=True)
    for action in _file_arguments(every):
        action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab reads this attribute
    print(shtab.complete(every, options.shell), end="")
    return ExitCode.SUCCESS


def _file_arguments(root: ArgumentParser) -> Iterator[argparse.Action]:
    """Yield the arguments of a parser, and of the parsers of its commands, that are files of this machine."""
    for action in root._actions:  # noqa: SLF001  argparse has no public list of them
        commands = action.choices.items() if isinstance(action.choices, dict) else []
        for _, command in commands:
            if isinstance(command, CommandParser):
                yield from _file_arguments(command)
        is_option = not _FILES.isdisjoint(action.option_strings)
        is_argument = action.metavar == "FILE" and root.prog.split()[-1] in _COMMANDS_FOR_FILES
        if is_option or is_argument or action.metavar == "SOURCE":
            yield action
