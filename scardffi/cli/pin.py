"""Verify, change or unblock a code of the card, or ask for its tries.

Codes are asked for without echo. If standard input is no terminal, each line of it is a code. A code never stands on
the command line, where other users can see it. In the exchanges that are shown, codes are **.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..iso7816._secrets import Secrets
from ..iso7816.status_word import AuthenticationBlockedError, VerificationFailedError
from ..services.ch_verification import CHVerification
from ..services.codes import Padding
from ..services.file_access import FileAccess
from . import _files
from ._codes import read_code
from ._exchanges import ShownOnStderr
from ._exit_codes import ExitCode
from ._input import hexadecimal, refuse
from ._output import warn
from ._session import opened

if TYPE_CHECKING:
    from argparse import Namespace

    from ._output import Output
    from .main import CommandParser

_PROMPTS: Final = {
    "verify": ["code"],
    "change": ["present code", "new code", "new code again"],
    "unblock": ["unblocking code", "new code", "new code again"],
    "tries": [],
}


def add_arguments(parser: CommandParser) -> None:
    """Add what to do, and with which code of the card."""
    parser.hides_arguments = True
    _files.add_arguments(parser)
    parser.add_argument("action", choices=[*_PROMPTS], help="what to do")
    parser.add_argument("--reference", type=int, default=1, metavar="NUMBER", help="the code, 0 to 31 (default: 1)")
    parser.add_argument("--local", action="store_true", help="the code belongs to the application, not to the card")
    parser.add_argument("--aid", metavar="HEX", help="select this application first")
    parser.add_argument(
        "--padding",
        choices=[padding.value for padding in Padding],
        default=Padding.NONE.value,
        help='how the card fills up codes: "FF" for PIV and SIM, "format 2" for EMV (default: none)',
    )


def run(options: Namespace) -> int:
    """Do what the options say, and print how many tries are left."""
    if not 0 <= options.reference <= 31:
        refuse(f"--reference {options.reference} is not allowed; give 0 to 31")
    aid = hexadecimal(options.aid, "--aid") if options.aid else b""
    secrets = Secrets()
    try:
        codes = [read_code(prompt, secrets) for prompt in _PROMPTS[options.action]]
        if len(codes) == 3 and codes[1] != codes[2]:
            refuse("the new codes differ; nothing was sent")
        with _files.refusals(), opened(options) as session, session.card(quiet=True) as card:
            transmitter = card if options.quiet else ShownOnStderr(card)
            if aid:
                FileAccess(transmitter).change_dir(aid)
            return _do(options, CHVerification(transmitter, padding=options.padding), codes[:2], session.output)
    finally:
        _ = [*secrets.wiping]


def _do(options: Namespace, verification: CHVerification, codes: list[bytearray], output: Output) -> ExitCode:
    reference, local = options.reference, options.local
    try:
        if options.action == "verify":
            verification.verify(codes[0], reference, local=local)
        elif options.action == "change":
            verification.change_code(codes[0], codes[1], reference, local=local)
        elif options.action == "unblock":
            verification.unblock(codes[0], codes[1], reference, local=local)
    except ValueError as error:
        refuse(f"{error}; nothing was sent")
    except (VerificationFailedError, AuthenticationBlockedError) as error:
        warn(f"wrong code, {'unknown' if error.tries_left is None else error.tries_left} tries left")
        output.value({"done": False, "tries_left": error.tries_left})
        return ExitCode.CARD
    if options.action != "tries":
        output.line("done")
        output.value({"done": True})
        return ExitCode.SUCCESS
    tries = verification.tries_left(reference, local=local)
    output.line("the card does not say how many tries are left" if tries is None else f"{tries} tries left")
    output.value({"tries_left": tries})
    return ExitCode.SUCCESS
