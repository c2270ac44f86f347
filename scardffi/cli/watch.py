"""Watch readers and cards come and go, until Ctrl-C.

On a terminal, with the extra `cli`, it shows a table of the readers, with the cards explained; otherwise a line
for each event.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from .._printable import printable
from ..iso7816.atr import Atr, MalformedAtrError
from ..monitor import EventKind
from ._card_names import card_names
from ._exit_codes import ExitCode
from ._session import Session, add_library_options, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable

    from rich.table import Table

    from ..monitor import Event

_WORDS: Final = {
    EventKind.READER_ADDED: "reader added",
    EventKind.READER_REMOVED: "reader removed",
    EventKind.CARD_INSERTED: "card inserted",
    EventKind.CARD_REMOVED: "card removed",
    EventKind.CARD_CHANGED: "card in use or free",
    EventKind.SERVICE_STOPPED: "the resource manager has stopped",
    EventKind.SERVICE_STARTED: "the resource manager runs again",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the options of the command."""
    add_library_options(parser)
    parser.add_argument("--lines", action="store_true", help="print a line for each event, also on a terminal")


def run(options: Namespace) -> int:
    """Show the readers and cards that are present, then each event, until Ctrl-C."""
    with opened(options) as session, session.context() as context, context.monitor() as monitor:
        if session.output.is_json or options.lines or not sys.stdout.isatty() or find_spec("rich") is None:
            _show_lines(session, monitor)
        else:
            _show_table(monitor)
    return ExitCode.SUCCESS


def _show_lines(session: Session, events: Iterable[Event]) -> None:
    for event in events:
        words = f"{_now()}\t{_WORDS[event.kind]}\t{printable(event.reader)}\t{_explained(event.atr)}"
        session.output.line(words.rstrip())
        session.output.value(
            {
                "time": _now(),
                "event": event.kind.name,
                "reader": event.reader,
                "atr": None if event.atr is None else event.atr.hex().upper(),
            }
        )


def _show_table(events: Iterable[Event]) -> None:
    """Show the readers, their cards and the last event of each in a table that changes."""
    from rich.live import Live

    rows: dict[str, list[str]] = {}
    with Live(_table(rows)) as live:
        for event in events:
            if event.kind is EventKind.READER_REMOVED:
                rows.pop(event.reader, None)
            elif event.reader:
                row = rows.setdefault(event.reader, ["", "", ""])
                if event.kind in {EventKind.CARD_INSERTED, EventKind.CARD_REMOVED}:
                    row[0] = _explained(event.atr) if event.kind is EventKind.CARD_INSERTED else "no card"
                row[1:] = [_WORDS[event.kind], _now()]
            else:
                for row in rows.values():
                    row[1:] = [_WORDS[event.kind], _now()]
            live.update(_table(rows), refresh=True)


def _table(rows: dict[str, list[str]]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table("reader", "card", "last event", "at", box=box.SIMPLE, title="Ctrl-C ends")
    for reader, row in rows.items():
        table.add_row(
            *(Text(printable(cell) if place else cell) for place, cell in enumerate([printable(reader), *row]))
        )
    return table


def _explained(atr: bytes | None) -> str:
    """Return an ATR, with the names of its cards and its protocols."""
    if not atr:
        return ""
    words = [*(card_names(atr) or [])[:2]]
    with suppress(MalformedAtrError):
        words += [f"T={protocol}" for protocol in Atr(atr, lenient=True).protocols]
    return f"{atr.hex(' ').upper()}  {', '.join(words)}".rstrip()


def _now() -> str:
    return time.strftime("%H:%M:%S")
