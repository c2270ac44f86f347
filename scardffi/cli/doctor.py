"""Find out why PC/SC does not work, and print the next command for each fault."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .._doctor import KINDS, examine
from ..virtual import library_path
from ._session import add_library_options

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .._doctor import Report


def add_arguments(parser: ArgumentParser) -> None:
    """Add the reader, --json, and the exit codes."""
    add_library_options(parser)
    parser.add_argument("--reader", metavar="NAME", help="the reader that matters, by a part of its name")
    codes = "\n".join(f"  {kind.exit_code}  {kind.id}" for kind in KINDS)
    parser.epilog = (
        f"exit codes, that of the first finding that is printed:\n   0  no finding\n{codes}\n\n"
        "It changes nothing, connects to no card, and ends within seconds, even if the resource manager does not."
    )


def run(options: Namespace) -> int:
    """Print the report, and return the exit code of its first finding; 0 without findings."""
    library = library_path() if "virtual" in options else getattr(options, "library", None)
    report = examine(library, options.reader)
    print(json.dumps(report.as_json(), indent=2) if "json" in options else as_text(report))
    return report.exit_code


def as_text(report: Report) -> str:
    """Return the report for people: the library, the readers, and each finding."""
    lines = [f"library  {report.library or 'none'}"]
    for name, (states, atr) in report.readers.items():
        lines.append(f"reader   {name}: {' '.join(states)} {atr.hex(' ').upper()}".rstrip())
    for finding in report.findings:
        lines += ["", finding.id]
        lines += [f"  seen     {seen}" for seen in finding.seen]
        lines.append(f"  means    {finding.means}")
        lines += [f"  unknown  {unknown}" for unknown in finding.unknown]
        lines.append(f"  next     {finding.command}")
    if not report.findings:
        lines += ["", "nothing wrong was found"]
    return "\n".join(lines)
