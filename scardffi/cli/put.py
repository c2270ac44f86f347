"""Write bytes to a file of the card: from a local file, or from standard input (-)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import _files
from ._exit_codes import ExitCode
from ._input import refuse

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the file, what is written, and the place."""
    _files.add_arguments(parser)
    parser.add_argument("file", metavar="FILE", help=f"a transparent file of the card: {_files.FILE}")
    parser.add_argument("source", metavar="SOURCE", help="the local file with the bytes; - for standard input")
    parser.add_argument("--offset", type=int, default=0, metavar="BYTES", help="where to begin to write (default: 0)")


def run(options: Namespace) -> int:
    """Write the bytes, if they fit into the file."""
    file = _files.checked(options.file)
    if options.offset < 0:
        refuse(f"--offset {options.offset} is not allowed; give 0 or more")
    try:
        content = sys.stdin.buffer.read() if options.source == "-" else Path(options.source).read_bytes()
    except OSError as error:
        refuse(f"{options.source}: {error.strerror}")
    with _files.files(options) as (access, output), access.open(file, "r+b") as target:
        size = target.seek(0, 2)
        if options.offset + len(content) > size:
            refuse(
                f"{options.source}: {len(content)} bytes at {options.offset} do not fit into the file of {size} bytes"
            )
        target.seek(options.offset)
        written = 0
        while written < len(content):
            written += target.write(content[written:]) or 0
        output.line(f"{written} bytes written")
        output.value({"file": options.file, "offset": options.offset, "written": written})
    return ExitCode.SUCCESS
