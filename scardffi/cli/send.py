"""Send commands to a card and show the responses."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ._exchanges import transmit
from ._exit_codes import ExitCode
from ._session import add_card_options, add_library_options, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the commands to send, and the reader."""
    add_library_options(parser)
    add_card_options(parser)
    parser.add_argument("apdus", nargs="+", type=_apdu, metavar="HEX", help="a command APDU, such as 00A4000C023F00")


def run(options: Namespace) -> int:
    """Send the commands in order. The code is CARD if a status word is missing, or is neither 9000 nor 61xx."""
    failed = False
    with opened(options) as session, session.card() as card:
        for apdu in options.apdus:
            response = transmit(card, apdu, session.output)
            failed |= response[-2:] != b"\x90\x00" and response[-2:-1] != b"\x61"
    return ExitCode.CARD if failed else ExitCode.SUCCESS


def _apdu(text: str) -> bytes:
    try:
        apdu = bytes.fromhex(text.replace(":", " "))
    except ValueError:
        apdu = b""
    if not apdu:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give two hexadecimal digits for each byte")
    return apdu
