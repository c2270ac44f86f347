"""Explain status words (ISO/IEC 7816-4:2013, 5.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..iso7816.status_word import meaning
from ._exit_codes import ExitCode
from ._input import HEXADECIMAL, joined, refuse
from ._output import Output
from ._session import add_json_option

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the status words."""
    add_json_option(parser)
    parser.add_argument("sw", nargs="+", metavar="HEX", help=f"status words of two bytes: {HEXADECIMAL}")


def run(options: Namespace) -> int:
    """Print the meaning of each status word."""
    raw = joined(options.sw)
    if len(raw) % 2:
        refuse(f"{raw.hex(' ').upper()} are {len(raw)} bytes; a status word has two")
    output = Output(json="json" in options)
    for place in range(0, len(raw), 2):
        sw = int.from_bytes(raw[place : place + 2], "big")
        output.line(f"{sw:04X} {meaning(sw)}")
        output.value({"sw": f"{sw:04X}", "meaning": meaning(sw)})
    return ExitCode.SUCCESS
