"""Run any program on virtual readers and cards, without hardware.

On Linux the program may be written in any language; elsewhere it must use scardffi. Without --card each reader
has the answering card, whose commands are in the documentation. With --card the readers get these cards in
their order, and further readers are empty. Readers and faults may also be in the variable SCARDFFI_VIRTUAL.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..virtual import DEFAULT_READER, AnsweringCard, environment, load_card
from ._exit_codes import ExitCode
from ._input import refuse
from ._output import warn

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from ..virtual import Card
    from .main import CommandParser

_EPILOG: Final = """exit codes: that of the program, except
  1    if that is 0, but a card raised an exception, a fault did not happen, or with --order strict
       commands of a trace were not sent
  2    the program cannot be started, or an argument or a file is wrong
  128+ the number of the signal that ended the program"""
_NO_CARD: Final = "none"
_ATR_IF_NONE: Final = bytes.fromhex("3B80800101")  # T=0 and T=1, no historical bytes
_STRICT: Final = "strict"
_ORDERS: Final = (_STRICT, "lenient", "matching")


def add_arguments(parser: CommandParser) -> None:
    """Add the readers, cards and faults."""
    parser.takes_program = True
    parser.usage = (
        "%(prog)s [--card FILE ...] [--reader NAME ...] [--fault FIELDS ...] [--order ORDER]\n"
        "                        -- PROGRAM [ARGUMENT ...]"
    )
    parser.epilog = _EPILOG
    parser.add_argument(
        "--card",
        metavar="FILE",
        action="append",
        default=[],
        help=f"a card's file, which save() or a person wrote; a trace, to replay its card; or {_NO_CARD}: the reader "
        "is empty",
    )
    parser.add_argument(
        "--reader", metavar="NAME", action="append", default=[], help=f"a reader's name (default: {DEFAULT_READER})"
    )
    parser.add_argument(
        "--fault",
        metavar="FIELDS",
        action="append",
        default=[],
        help="a fault as in SCARDFFI_VIRTUAL, such as function=SCardTransmit,call=4,removal",
    )
    parser.add_argument(
        "--order",
        choices=_ORDERS,
        default=_STRICT,
        help="the order that a trace demands (default: %(default)s)",
    )


def run(options: Namespace) -> int:
    """Run the program, and return its exit code."""
    if not options.program:
        warn("virtual: give a program after --")
        return ExitCode.USAGE
    program = shutil.which(options.program[0])
    if program is None:
        refuse(f"the program {options.program[0]!r} is not found")
    readers, faults = _entries()
    if readers and (options.card or options.reader):
        refuse(f"SCARDFFI_VIRTUAL has readers too: {';'.join(readers)}; give readers in one of the two ways")
    cards = _cards(options)
    try:
        with environment(cards, faults=[*faults, *options.fault]) as variables:
            if readers:  # in place of the default reader
                _, *of_faults = variables["SCARDFFI_VIRTUAL"].split(";")
                variables["SCARDFFI_VIRTUAL"] = ";".join([*readers, *of_faults])
            _pass_trace_on(variables)
            sys.stdout.flush()
            code = _run([program, *options.program[1:]], variables)
            problems = [f"a card raised {type(error).__name__}: {error}" for error in variables.errors]
            problems += [f"this fault did not happen: {entry}" for entry in variables.missed_faults]
            variables.errors.clear()
        if options.card and options.order == _STRICT:
            problems += _unsent(cards)
    except (ValueError, OSError) as error:
        refuse(str(error))
    for problem in problems:
        warn(f"virtual: {problem}")
    if problems and code == 0:
        return ExitCode.CARD
    return code if code >= 0 else 128 - code  # as shells say which signal ended it


def _entries() -> tuple[list[str], list[str]]:
    """Return the entries of SCARDFFI_VIRTUAL: the readers, and the faults."""
    entries = [entry.strip() for entry in os.environ.get("SCARDFFI_VIRTUAL", "").split(";")]
    faults = [entry for entry in entries if entry.partition(",")[0] == "fault"]
    return [entry for entry in entries if entry and entry not in faults], faults


def _pass_trace_on(variables: dict[str, str]) -> None:
    """If this process is to be recorded, let the program load the library that records; it loads the virtual one."""
    if os.environ.get("SCARDFFI_TRACE") and sys.platform.startswith("linux"):
        from ..trace import library_folder  # only a trace needs it

        variables["LD_LIBRARY_PATH"] = f"{library_folder()}:{variables['LD_LIBRARY_PATH']}"


def _cards(options: Namespace) -> dict[str, Card | AnsweringCard | None]:
    """Return the card of each reader."""
    names = options.reader or [DEFAULT_READER]
    if len(options.card) > len(names):
        names += [f"scardffi Virtual Reader {number}" for number in range(len(names), len(options.card))]
    for name in names:
        if names.count(name) > 1:
            refuse(f"--reader: two readers have the name {name!r}; give each reader a name of its own")
    if not options.card:
        return {name: AnsweringCard() for name in names}
    return dict(zip_longest(names, [_card(path, options.order) for path in options.card]))


def _card(name: str, order: str) -> Card | None:
    if name == _NO_CARD:
        return None
    try:
        with Path(name).open("rb") as file:
            is_saved_card = file.read(4096).lstrip().startswith(b"{")
        if is_saved_card:
            return load_card(name)
        from ..trace import ReplayCard  # only a trace needs it

        try:
            return ReplayCard(name, order)
        except ValueError:  # the trace may have no ATR, because its program did not ask for one
            return ReplayCard(name, order, atr=_ATR_IF_NONE)
    except (OSError, ValueError) as error:
        text = getattr(error, "strerror", None) or str(error)
        refuse(text if name in text else f"{name}: {text}")


def _unsent(cards: dict[str, Card | AnsweringCard | None]) -> Iterator[str]:
    """Yield how many commands of each trace were not sent."""
    from ..trace import ReplayCard  # only a trace needs it

    for reader, card in cards.items():
        if isinstance(card, ReplayCard) and (count := card.remaining) > 0:
            commands = "1 command of the trace was" if count == 1 else f"{count} commands of the trace were"
            yield f"{reader}: {commands} not sent"


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
