"""Record the PC/SC calls of any program, and show a trace: its time line, with status words and data in words.

The program need not be changed. On Linux it may be written in any language;
on macOS and Windows it must use scardffi.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..trace import _page, _time_line, read
from ..trace._explanation import SLOW
from ..trace._program import TracedProgram
from ._exit_codes import HELP, ExitCode
from ._output import explained, warn
from ._session import add_choice_of_library

if TYPE_CHECKING:
    from argparse import Namespace

    from .main import CommandParser

_EPILOG: Final = f"""The exit code is that of the program; 2 if it cannot be started, or if FILE exists
and is not a trace. A trace that exists is appended to.

{HELP}"""


def add_arguments(parser: CommandParser) -> None:
    """Add the options for recording, and the command `show`."""
    parser.takes_program = True
    parser.usage = (
        "%(prog)s [-o FILE] [--secrets RULES] [--show-secrets] -- PROGRAM [ARGUMENT ...]\n       %(prog)s show --help"
    )
    parser.epilog = _EPILOG
    add_choice_of_library(parser)
    parser.add_argument("-o", "--output", metavar="FILE", help="the pcapng file (default: text on stderr)")
    _add_secrets(parser, "PINs and keys that the program sends")
    commands = parser.add_subparsers(title="commands", dest="show", metavar="show", prog=parser.prog)
    show = commands.add_parser(
        "show",
        help="show a trace or a log of pcsc-spy or OpenSC",
        description="Show a trace, or a log of pcsc-spy or OpenSC: when each call began, how long it took, its thread\n"
        "([1], [2], ...) and what it did.",
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    show.add_argument("file", metavar="FILE", help="the trace or log")
    slow = SLOW * 1000
    show.add_argument(
        "--slow", metavar="MS", type=float, default=slow, help="mark calls that took so long (default: %(default)g)"
    )
    form = show.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON: a line for each call")
    form.add_argument("--html", metavar="PAGE", help="write a page for a browser, which needs no network; - for stdout")
    _add_secrets(show, "PINs and keys of a log; those of a trace were replaced when it was recorded")


def _add_secrets(parser: argparse.ArgumentParser, which: str) -> None:
    parser.add_argument(
        "--secrets",
        metavar="RULES",
        default="",
        help="more commands whose data is replaced: instructions, or classes with instructions, such as DB,90C4",
    )
    parser.add_argument("--show-secrets", action="store_true", help=f"keep {which}")


def run(options: Namespace) -> int:
    """Record a program, which replaces this process where the system can do that; or show a trace."""
    try:
        if options.show:
            return _show(options)
        if not options.program:
            warn("trace: give a program after --, or the command show")
            return ExitCode.USAGE
        program = TracedProgram(
            options.program,
            options.output or getattr(options, "trace", "-"),
            library=getattr(options, "library", None),
            is_virtual="virtual" in options,
            secrets=f"show,{options.secrets}" if options.show_secrets else options.secrets,
        )
        sys.stdout.flush()
        return program.run()
    except BrokenPipeError:
        raise
    except (ValueError, OSError) as error:
        warn(f"trace: {explained(error, 'the output') if isinstance(error, OSError) else error}")
        return ExitCode.USAGE


def _show(options: Namespace) -> int:
    records = read(options.file, secrets=options.secrets, show_secrets=options.show_secrets)
    slow = options.slow / 1000
    if options.html is not None:
        text = _page.page(records, Path(options.file).name, slow)
        if options.html == "-":
            sys.stdout.buffer.write(text.encode())
        else:
            Path(options.html).write_text(text, encoding="utf-8")
    elif "json" in options:
        import json  # only this option needs it

        for record in records:
            print(json.dumps(record.as_dict()))
    else:
        for line in _time_line.lines(records, slow):
            print(line)
    return ExitCode.SUCCESS
