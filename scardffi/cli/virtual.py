"""Run any program on virtual readers and cards, without hardware.

On Linux the program may be written in any language; elsewhere it must use scardffi. Without --card each reader
has the answering card, whose commands are in the documentation. With --card the readers get these cards in
their order, and further readers are empty.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from itertools import zip_longest
from typing import TYPE_CHECKING

from ..virtual import DEFAULT_READER, AnsweringCard, environment, load_card
from ._exit_codes import HELP, ExitCode
from ._input import refuse
from ._output import warn

if TYPE_CHECKING:
    from argparse import Namespace

    from ..virtual import Card
    from .main import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the readers and cards."""
    parser.takes_program = True
    parser.usage = "%(prog)s [--card FILE ...] [--reader NAME ...] -- PROGRAM [ARGUMENT ...]"
    parser.epilog = f"The exit code is that of the program; 2 if it cannot be started.\n\n{HELP}"
    parser.add_argument(
        "--card", metavar="FILE", action="append", default=[], help="a card's file, which save() or a person wrote"
    )
    parser.add_argument(
        "--reader", metavar="NAME", action="append", default=[], help=f"a reader's name (default: {DEFAULT_READER})"
    )


def run(options: Namespace) -> int:
    """Run the program, and return its exit code."""
    if not options.program:
        warn("virtual: give a program after --")
        return ExitCode.USAGE
    program = shutil.which(options.program[0])
    if program is None:
        refuse(f"the program {options.program[0]!r} is not found")
    try:
        with environment(_cards(options)) as variables:
            sys.stdout.flush()
            code = _run([program, *options.program[1:]], variables)
            problems = [f"a card raised {type(error).__name__}: {error}" for error in variables.errors]
            variables.errors.clear()
    except (ValueError, OSError) as error:
        refuse(str(error))
    for problem in problems:
        warn(f"virtual: {problem}")
    if problems and code == 0:
        return ExitCode.CARD
    return code if code >= 0 else 128 - code  # as shells say which signal ended it


def _cards(options: Namespace) -> dict[str, Card | AnsweringCard | None]:
    """Return the card of each reader."""
    names = options.reader or [DEFAULT_READER]
    if len(options.card) > len(names):
        names += [f"scardffi Virtual Reader {number}" for number in range(len(names), len(options.card))]
    if not options.card:
        return {name: AnsweringCard() for name in names}
    return dict(zip_longest(names, [_card(path) for path in options.card]))


def _card(path: str) -> Card:
    try:
        return load_card(path)
    except (OSError, ValueError) as error:
        refuse(f"{path}: {getattr(error, 'strerror', None) or error}")


def _run(command: list[str], variables: dict[str, str]) -> int:
    """Run the program and return its exit code. A request to end is passed on, also one that comes while it starts.

    The terminal itself sends Ctrl-C to the program. The handler is no SIG_IGN, which the program would inherit.
    """
    children: list[subprocess.Popen[bytes]] = []
    requests: list[int] = []

    def terminate(number: int, _frame: object) -> None:
        requests.append(number)
        for child in children:
            child.terminate()

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
    }
    try:
        children.append(subprocess.Popen(command, env=variables))  # noqa: S603  the user asks for it
        if requests:
            children[0].terminate()
        return children[0].wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
