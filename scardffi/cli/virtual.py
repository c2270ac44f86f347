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
from contextlib import contextmanager
from itertools import zip_longest
from typing import TYPE_CHECKING

from ..iso7816.malformed import MalformedError
from ..virtual import DEFAULT_READER, AnsweringCard, FileSystemCard, environment
from ._exit_codes import HELP, ExitCode
from ._input import refuse
from ._output import warn

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from ..virtual import Card
    from .main import CommandParser


def add_arguments(parser: CommandParser) -> None:
    """Add the readers and cards."""
    parser.takes_program = True
    parser.usage = "%(prog)s [--card FILE ...] [--reader NAME ...] -- PROGRAM [ARGUMENT ...]"
    parser.epilog = f"The exit code is that of the program; 2 if it cannot be started.\n\n{HELP}"
    parser.add_argument(
        "--card", metavar="FILE", action="append", default=[], help="a card's file, as FileSystemCard.save() writes it"
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
            with _passed_on() as children:
                children.append(subprocess.Popen([program, *options.program[1:]], env=variables))  # noqa: S603  asked for
                code = children[0].wait()
    except (ValueError, OSError) as error:
        refuse(str(error))
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
        return FileSystemCard.load(path)
    except (OSError, ValueError, MalformedError) as error:
        refuse(f"{path}: {getattr(error, 'strerror', None) or error}")


@contextmanager
def _passed_on() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Pass on the request to end to the program in the list; the terminal itself sends Ctrl-C to the program.

    The handlers stand before the program starts, and are no SIG_IGN, which it would inherit.
    """
    children: list[subprocess.Popen[bytes]] = []

    def terminate(*_: object) -> None:
        for child in children:
            child.terminate()

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: None),
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
    }
    try:
        yield children
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
