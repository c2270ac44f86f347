"""Print the content of a file of the card: bytes, or hexadecimal on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..services.file_properties import FileKind
from . import _files
from ._exit_codes import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the file."""
    _files.add_arguments(parser)
    parser.add_argument("--hex", action="store_true", help="print hexadecimal, as on a terminal")
    parser.add_argument("file", metavar="FILE", help=_files.FILE)


def run(options: Namespace) -> int:
    """Read the file as a whole, or all of its records, and print it."""
    file = _files.checked(options.file)
    with _files.files(options) as (access, output):
        kind = access.properties(file).kind
        if kind in {None, FileKind.TRANSPARENT}:
            contents = [access.open(file).read() or b""]
        else:
            contents = [bytes(record) for record in access.records(file)]
        output.value(
            {
                "file": options.file,
                "kind": None if kind is None else kind.name.lower(),
                "contents": [content.hex().upper() for content in contents],
            }
        )
        if output.is_json:
            return ExitCode.SUCCESS
        for content in contents:
            if options.hex or sys.stdout.isatty():
                print("\n".join(content[at : at + 16].hex(" ").upper() for at in range(0, len(content), 16)))
            else:
                sys.stdout.buffer.write(content)
    return ExitCode.SUCCESS
