"""A progress bar for runs of many exchanges, if the package rich is installed and the user sees a terminal."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def progress(total: int) -> Iterator[Callable[[], object]]:
    """Show a bar while the context lasts; call what it yields after each exchange.

    The bar is below the output if both are in one terminal. It is removed at the end.
    """
    if not sys.stderr.isatty() or total < 2 or find_spec("rich") is None:
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    shared = sys.stdout.isatty()
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns, console=Console(stderr=not shared, soft_wrap=True), transient=True,
        redirect_stdout=shared, redirect_stderr=shared,
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)
