"""List the readers and the ATRs of their cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..constants import ReaderStateFlag
from ..context import Context

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..library import Library


def add_arguments(_parser: ArgumentParser) -> None:
    """Add no arguments: this command has none."""


def run(_options: Namespace, library: Library) -> int:
    """Print a line for each reader: its name, and the ATR of its card or the reader's state."""
    with Context(library=library) as context:
        names = context.list_readers()
        if not names:
            print("no readers")
            return 0
        for state in context.get_status_change(names, timeout=0):
            print(f"{state.reader}\t{state.atr.hex(' ').upper() or _state_without_atr(state.state)}")
    return 0


def _state_without_atr(state: ReaderStateFlag) -> str:
    if state & ReaderStateFlag.EMPTY:
        return "no card"
    if state & ReaderStateFlag.MUTE:
        return "a card that does not answer"
    return "unavailable"
