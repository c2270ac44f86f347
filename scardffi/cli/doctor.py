"""Find out why PC/SC does not work, and print the next command for each fault.

It changes nothing, connects to no card, and ends within seconds, even if the resource manager does not answer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .._doctor import KINDS, examine
from .._printable import printable
from ..virtual import library_path
from ._output import Output
from ._session import add_library_options, add_reader_option

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .._doctor import Report


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options, and the exit codes."""
    add_library_options(parser)
    add_reader_option(parser, default="all readers")
    codes = "\n".join(f"  {kind.exit_code:<3}  {kind.id}" for kind in KINDS)
    parser.epilog = (
        "exit codes, that of the first finding that is printed:\n  0    no finding\n  2    the command line is wrong\n"
        f"  6    a file or the output cannot be read or written\n{codes}\n"
        "  130  interrupted by Ctrl-C\n  141  the program that reads the output has ended"
    )


def run(options: Namespace) -> int:
    """Print the report, and return the exit code of its first finding; 0 without findings."""
    if "trace" in options:
        os.environ["SCARDFFI_TRACE"] = options.trace  # is read when the library is loaded, if it can be
    report = examine(library_path() if "virtual" in options else getattr(options, "library", None), options.reader)
    output = Output(json="json" in options)
    output.value(report.as_json())
    _print(report, output)
    return report.exit_code


def _print(report: Report, output: Output) -> None:
    """Print the report for people: the library, the readers, and each finding."""
    output.line(f"library  {report.library or 'none'}")
    for name, (states, atr) in report.readers.items():
        output.line(f"reader   {printable(name)}: {' '.join([*states, atr.hex(' ').upper()])}".rstrip())
    for finding in report.findings:
        output.line(f"\n{output.coloured(finding.id, 'red')}")
        for seen in finding.seen:
            output.line(f"  seen     {printable(seen)}")
        output.line(f"  means    {finding.means}")
        for unknown in finding.unknown:
            output.line(f"  unknown  {unknown}")
        output.line(f"  next     {output.coloured(printable(finding.command), 'bold')}")
    if not report.findings:
        output.line("\nnothing wrong was found")
