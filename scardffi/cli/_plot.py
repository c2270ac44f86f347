"""Bars in the terminal, drawn with rich if the extra `cli` is installed and the terminal can show them."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST: Final = 40
"""The characters of the longest bar of plain text."""


def print_bars(rows: Sequence[tuple[str, float, str]]) -> None:
    """Print a bar for each row: the label, the number that its length shows, and the text after the bar."""
    most = max(number for _, number, _ in rows) or 1
    if sys.stdout.isatty() and find_spec("rich") is not None:
        from rich.bar import Bar
        from rich.console import Console
        from rich.table import Table

        console = Console(markup=False, highlight=False)
        if not console.options.ascii_only:
            table = Table.grid(padding=(0, 1), expand=True)
            table.add_column(justify="right", no_wrap=True)
            table.add_column(ratio=1)
            table.add_column(no_wrap=True)
            for label, number, text in rows:
                table.add_row(label, Bar(most, 0, number, color="blue"), text)
            console.print(table)
            return
    label_width = max(len(label) for label, _, _ in rows)
    text_width = max(len(text) for _, _, text in rows)
    room = shutil.get_terminal_size().columns - label_width - text_width - 3
    longest = max(1, min(_LONGEST, room))
    for label, number, text in rows:
        print(f"{label:>{label_width}} {'#' * round(longest * number / most)} {text}", flush=True)
