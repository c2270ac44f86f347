"""The entry point of the command line: the options of all commands, and the exit codes.

Exit codes: 0 success; 1 a response has no status word, or one that is neither 9000 nor 61xx; 2 the command line is
wrong; 3 PC/SC failed or no PC/SC library was found; 130 interrupted by Ctrl-C.
"""

from __future__ import annotations

import argparse
import io
import sys
from typing import TYPE_CHECKING

from .. import __version__
from ..errors import SCardError
from ..library import Library
from ..virtual import library_path
from . import doctor, readers, send

if TYPE_CHECKING:
    from collections.abc import Sequence


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    common = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    library = common.add_mutually_exclusive_group()
    library.add_argument("--virtual", action="store_true", help="use a virtual reader with a card instead of hardware")
    library.add_argument("--library", metavar="PATH", help="use the PC/SC library with this path or name")
    root = argparse.ArgumentParser(prog="scardffi", description="Talk to smart cards.", parents=[common])
    root.add_argument("--version", action="version", version=f"scardffi {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in (doctor, readers, send):
        name = module.__name__.rpartition(".")[2]
        summary = (module.__doc__ or "").partition("\n")[0]
        command = commands.add_parser(name, help=summary, description=summary, parents=[common])
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return root


def _escape_what_cannot_be_shown() -> None:
    """Print an escape for each character that the terminal's encoding lacks, as Python does on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and return the exit code."""
    _escape_what_cannot_be_shown()
    options = parser().parse_args(arguments)
    try:
        if options.run is doctor.run:
            return int(options.run(options))  # it may find that there is no library
        if getattr(options, "virtual", False):
            library = Library(library_path())
        elif hasattr(options, "library"):
            library = Library(options.library)
        else:
            library = Library.default()
        return int(options.run(options, library))
    except SCardError as error:
        print(f"scardffi: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
