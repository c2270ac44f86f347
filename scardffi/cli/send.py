"""Send commands to a card and show the responses.

Each argument is a command, with or without spaces in it. If an argument has fewer than four bytes, all arguments
together are one command.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..iso7816._command_text import SECRET_INSTRUCTIONS, text_without_secrets
from ..iso7816.command import Command, MalformedCommandError
from ._exchanges import status_word, transmit
from ._exit_codes import ExitCode
from ._input import HEXADECIMAL, hexadecimal, pieces, refuse
from ._output import warn
from ._session import add_card_options, add_library_options, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..manage import SCardManage
    from ._output import Output


def add_arguments(parser: ArgumentParser) -> None:
    """Add the commands to send, and what is expected."""
    add_library_options(parser)
    add_card_options(parser)
    parser.add_argument(
        "commands", nargs="+", metavar="COMMAND", help=f"command APDUs: {HEXADECIMAL}, with a command on each line"
    )
    parser.add_argument("--raw", action="store_true", help="also send bytes that are not a command APDU")
    parser.add_argument(
        "--get-response",
        action="store_true",
        help="after 61xx send GET RESPONSE, and after 6Cxx the command again with the right length",
    )
    parser.add_argument(
        "--expect",
        metavar="SW",
        help="stop at a status word other than these, such as 9000,61xx (default: show all responses; 9000 and 61xx "
        "are successes)",
    )


def run(options: Namespace) -> int:
    """Send the commands in order. The code is CARD if a status word is missing or not as expected."""
    commands = _commands(options.commands)
    if len(commands) > 1:
        for where, command in commands:
            _check_data(where, command)
    if not options.raw:
        for where, command in commands:
            _check(where, command)
    expected = _pattern(options.expect or "9000,61xx")
    failed = False
    with opened(options) as session, session.card() as card:
        for _, command in commands:
            send = _with_get_response if options.get_response else transmit
            sw = status_word(send(card, command, session.output))
            if sw is None or not expected.fullmatch(f"{sw:04X}"):
                failed = True
                if options.expect:
                    warn(f"expected {options.expect}, but got {'no status word' if sw is None else f'{sw:04X}'}")
                    break
    return ExitCode.CARD if failed else ExitCode.SUCCESS


def _commands(arguments: list[str]) -> list[tuple[str, bytes]]:
    """Return the commands, each with the place where it stands."""
    found = [(where, hexadecimal(text, where)) for where, text in pieces(arguments)]
    if not all(command for _, command in found) or not found:
        refuse("a command without bytes; give two hexadecimal digits for each byte")
    if len(found) > 1 and any(len(command) < 4 for _, command in found):
        return [("the command", b"".join(command for _, command in found))]
    return found


def _check(where: str, command: bytes) -> None:
    try:
        Command.decode(command)
    except MalformedCommandError as error:
        shown = text_without_secrets(command)
        refuse(f"{where}: {shown} is not a command APDU: {error}; --raw sends it all the same")


def _check_data(where: str, command: bytes) -> None:
    """Refuse a command whose data, a code or key, seems to be the next argument, which would be shown as a command."""
    if len(command) == 5 and command[1] in SECRET_INSTRUCTIONS and command[4]:
        shown = text_without_secrets(command)
        refuse(f"{where}: {shown} has no data; if the next argument is its data, put both between the same quotes")


def _pattern(expected: str) -> re.Pattern[str]:
    """Return the pattern of status words such as 9000,61xx."""
    words = expected.upper().split(",")
    for word in words:
        if not re.fullmatch("[0-9A-FX]{4}", word):
            refuse(f"--expect {expected}: {word!r} is not allowed; give four hexadecimal digits, or x for any digit")
    return re.compile("|".join(words).replace("X", "[0-9A-F]"))


def _with_get_response(card: SCardManage, command: bytes, output: Output) -> bytes:
    """Send a command, and what 6Cxx and 61xx ask for."""
    response = transmit(card, command, output)
    if response[-2:-1] == b"\x6c":
        response = transmit(card, _with_le(command, response[-1]), output)
    cla = command[:1]
    while response[-2:-1] == b"\x61":
        response = transmit(card, cla + b"\xc0\0\0" + response[-1:], output)
    return response


def _with_le(command: bytes, le: int) -> bytes:
    """Return a short command with another Le (ISO/IEC 7816-3:2006, 12.1.2)."""
    if len(command) <= 5:
        return command[:4] + bytes([le])
    return command[: 5 + command[4]] + bytes([le])
