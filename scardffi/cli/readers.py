"""List the readers, and the state of each one or the ATR of its card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._printable import printable
from ..constants import ReaderStateFlag
from ._exit_codes import ExitCode
from ._output import warn
from ._session import add_library_options, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    add_library_options(parser)


def run(options: Namespace) -> int:
    """Print a line for each reader: its number, its name, and the ATR of its card or the reader's state."""
    with opened(options) as session, session.context() as context:
        names = context.list_readers()
        if not names:
            warn("there are no readers")
            return ExitCode.NO_READER
        for number, state in enumerate(context.get_status_change(names, timeout=0)):
            shown = state.atr.hex(" ").upper() or _state_without_atr(state.state)
            session.output.line(f"{number}\t{printable(state.reader)}\t{shown}")
            session.output.value(
                {
                    "number": number,
                    "reader": state.reader,
                    "atr": state.atr.hex().upper() or None,
                    "state": [str(flag.name).lower() for flag in state.state & ~ReaderStateFlag.CHANGED],
                }
            )
    return ExitCode.SUCCESS


def _state_without_atr(state: ReaderStateFlag) -> str:
    if state & ReaderStateFlag.EMPTY:
        return "no card"
    if state & ReaderStateFlag.MUTE:
        return "a card that does not answer"
    return "unavailable"
