"""Send command APDUs to a card and print the responses."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..constants import ReaderStateFlag
from ..context import Context
from ..errors import E_FAIL, NoReadersError, NoSmartCardError
from ..iso7816.status_word import SUCCESS, meaning

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..library import Library


def add_arguments(parser: ArgumentParser) -> None:
    """Add the commands to send, and the reader."""
    parser.add_argument("apdus", nargs="+", type=_apdu, metavar="HEX", help="a command APDU, such as 00A4000C023F00")
    parser.add_argument("--reader", metavar="NAME", help="the reader (default: the first one with a card)")


def run(options: Namespace, library: Library) -> int:
    """Send the commands in order, and return 1 if a status word is missing, or is neither 9000 nor 61xx."""
    failed = False
    with Context(library=library) as context:
        reader = options.reader or _first_with_card(context)
        print(f"reader {reader}")
        with context.attach(reader) as card:
            for apdu in options.apdus:
                response = card.transmit(apdu)
                print(f"> {apdu.hex(' ').upper()}")
                print(f"< {response.hex(' ').upper()}".rstrip())
                if len(response) < 2:
                    failed = True
                    print(f"  no status word: the card answered {len(response)} of 2 bytes")
                    continue
                sw = int.from_bytes(response[-2:], "big")
                failed |= sw != SUCCESS and sw >> 8 != 0x61
                print(f"  {sw:04X} {meaning(sw)}")
    return int(failed)


def _first_with_card(context: Context) -> str:
    names = context.list_readers()
    if not names:
        raise NoReadersError("no reader was found; connect one or use --virtual", hresult=E_FAIL)
    for state in context.get_status_change(names, timeout=0):
        if state.state & ReaderStateFlag.PRESENT:
            return state.reader
    raise NoSmartCardError(f"no card was found in {', '.join(names)}; insert one or use --virtual", hresult=E_FAIL)


def _apdu(text: str) -> bytes:
    try:
        apdu = bytes.fromhex(text.replace(":", " "))
    except ValueError:
        apdu = b""
    if not apdu:
        raise argparse.ArgumentTypeError(f"{text!r} is not allowed; give two hexadecimal digits for each byte")
    return apdu
