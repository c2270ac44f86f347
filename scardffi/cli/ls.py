"""List the files of a directory of the card that can be found.

No command of ISO/IEC 7816-4 lists files: the list has the applications in EF.DIR, the directories that SELECT finds by
name, the files that the directory itself lists, and those that --probe finds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _files
from ._exit_codes import ExitCode
from ._input import refuse
from ._output import warn

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..services.file_directory import DirectoryEntry


def add_arguments(parser: ArgumentParser) -> None:
    """Add the directory."""
    _files.add_arguments(parser)
    parser.add_argument("directory", nargs="?", metavar="DIRECTORY", help=f"{_files.FILE} (default: the MF)")
    parser.add_argument(
        "--probe", metavar="FIRST-LAST", help="select each identifier from FIRST to LAST, such as 5000-50FF"
    )


def run(options: Namespace) -> int:
    """Print a line for each file: its reference, its kind, and its name or label."""
    probe = _identifiers(options.probe) if options.probe else range(0)
    directory = _files.checked(options.directory) if options.directory else None
    with _files.files(options) as (access, output):
        if directory is not None:
            access.change_dir(directory)
        entries = access.directory(probe=probe)
        for entry in entries:
            kind = "" if entry.kind is None else entry.kind.name.lower().replace("_", " ")
            output.line(f"{entry.reference}\t{kind}\t{_title(entry)}".rstrip())
            output.value(
                {
                    "reference": str(entry.reference),
                    "kind": kind or None,
                    "name": None if entry.name is None else entry.name.hex().upper(),
                    "label": entry.label,
                }
            )
        if not entries:
            warn("no file was found; --probe 0000-FFFF selects each identifier")
        for problem in entries.problems:
            warn(str(problem))
    return ExitCode.SUCCESS


def _title(entry: DirectoryEntry) -> str:
    return entry.label or ("" if entry.name is None else entry.name.hex(" ").upper())


def _identifiers(text: str) -> range:
    first, dash, last = text.partition("-")
    try:
        numbers = range(int(first, 16), int(last if dash else first, 16) + 1)
    except ValueError:
        numbers = range(0)
    if not numbers or numbers[-1] > 0xFFFF:
        refuse(f"--probe {text!r} is not allowed; give two identifiers of four hexadecimal digits, such as 5000-50FF")
    return numbers
