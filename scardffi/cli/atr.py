"""Explain an answer to reset in words, with the names of cards that have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..iso7816.atr import Atr, MalformedAtrError
from ._card_names import card_names
from ._exit_codes import ExitCode
from ._input import HEXADECIMAL, joined, refuse
from ._output import Output
from ._session import add_json_option

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the answer to reset."""
    add_json_option(parser)
    parser.add_argument("atr", nargs="+", metavar="HEX", help=f"the answer to reset: {HEXADECIMAL}")


def run(options: Namespace) -> int:
    """Print the answer to reset in words, and the cards of pcsc-tools' list."""
    raw = joined(options.atr)
    try:
        atr = Atr(raw, lenient=True)
    except MalformedAtrError as error:
        refuse(f"{raw.hex(' ').upper()}: {error}")
    names = card_names(raw)
    output = Output(json="json" in options)
    output.line(atr.describe())
    if names is None:
        output.line("card: unknown, because the list of pcsc-tools is not installed")
    else:
        output.line(f"card: {'; '.join(names) or 'not in the list of pcsc-tools'}")
    output.value(
        {
            "atr": raw.hex().upper(),
            "description": atr.describe().splitlines(),
            "problems": [str(problem) for problem in atr.problems],
            "cards": names,
        }
    )
    return ExitCode.SUCCESS
