"""Writes the results of the fault table as the page docs/faults.md, and reads the rows of that page."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from .failing_calls import FAILING_CALLS, FailingCall
from .table import BOTH, ROWS, Row

PAGE: Final = Path(__file__).parent.parent.parent / "docs" / "faults.md"
ZEROS: Final = ("lost answers", "handles", "descriptors", "threads", "hangs")
_NAMES: Final = {
    "handles": "leaked handles and contexts",
    "descriptors": "leaked descriptors",
    "threads": "leaked threads",
}

_INTRODUCTION: Final = """\
# Faults

What each call does if something fails: the resource manager, the reader, the card, another program or the system. A
program runs this table on the virtual library and on a real pcscd, and writes this page: `bash .ci/long faults`.
`bash .ci/run` runs a part of the table.

- **Expected** is what the call may give: its right result, or an error of this class. For a script, it is the class of
  the error that ended it.
- **Virtual** and **pcscd** say how often the row was run on that library, and what was seen, if several outcomes are
  allowed. A dash means that the library cannot show this fault: the virtual library is a part of the program, so
  it cannot be killed.
- **Another program** is a process of its own on pcscd. Each process has a virtual library of its own, so there it
  is a second client in the same process, with a native context of its own.
- *Before* the call means that the fault is there when the call begins; *during* means that it comes while the call runs
  or, for a quick call, while the program makes the call again and again; *after* means that it comes between the call
  and the end of its objects.

After each run everything is closed, which must not raise; then a new context and a new attachment must work, and the
program must have as many native contexts, card handles, descriptors and threads as before. An answer counts as lost if
the card has executed a command and the program has neither the answer nor an error. A call that does not return within
20 seconds counts as a hang, and the end of the process as a crash.
"""


_FAILING_CALLS = """
## A function of the C library fails

In `tests/faults/test_failing_calls.py` each call in C code that can fail fails once: the first call of an operation,
then the second, and so on until the operation makes no further one. Memory must be as before, and the next try must
work. Operations that are not in this table make no such call.
"""


def expected_text(row: Row) -> str:
    """Return the outcomes that a row allows."""
    return " or ".join(row.expected)


def _seen_text(row: Row, found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    if len(row.expected) == 1:
        return f"{found['times']}"
    return ", ".join(f"{count} {name}" for name, count in sorted(found["seen"].items()))


def page(results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Return the page for the results of each place, by the names of the rows."""
    runs = [found for place in BOTH for found in results[place].values()]
    lines = [_INTRODUCTION, f"{len(ROWS)} rows, {sum(found['times'] for found in runs)} runs:", ""]
    lines += ["| counted in all runs | |", "|---|---|"]
    lines += [f"| {_NAMES.get(zero, zero)} | {sum(found[zero] for found in runs)} |" for zero in ZEROS]
    lines += ["| crashes | 0 |"]
    for fault, rows in groupby(sorted(ROWS, key=_first_of_the_fault), key=lambda row: row.fault):
        lines += [
            "",
            f"## {fault[0].upper()}{fault[1:]}",
            "",
            "| when | call | expected | virtual | pcscd |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(row, results) for row in rows]
    lines += [_FAILING_CALLS, "| operation | function | expected |", "|---|---|---|"]
    lines += [f"| {row.operation} | {row.function} | {row.expected} |" for row in FAILING_CALLS]
    return "\n".join(lines) + "\n"


def _first_of_the_fault(row: Row) -> int:
    return next(number for number, one in enumerate(ROWS) if one.fault == row.fault)


def _line(row: Row, results: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    seen = [_seen_text(row, results[place][row.name] if place in row.places else None) for place in BOTH]
    return f"| {row.moment} | {row.operation} | {expected_text(row)} | {' | '.join(seen)} |"


def rows_of(text: str) -> Iterable[tuple[str, str, str, str, tuple[str, ...]]]:
    """Yield what the page says of each row: fault, moment, operation, expected outcomes, places."""
    fault = ""
    for line in text.splitlines():
        if line.startswith("## "):
            fault = line[3:]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == len(BOTH) + 3 and cells[0] in {"before", "during", "after"}:
            places = tuple(place for place, cell in zip(BOTH, cells[3:], strict=True) if cell != "-")
            yield fault, cells[0], cells[1], cells[2], places


def failing_calls_of(text: str) -> list[FailingCall]:
    """Return the rows of the page's last table."""
    _, _, last = text.rpartition("| operation | function | expected |\n|---|---|---|\n")
    return [FailingCall(*(cell.strip() for cell in line.strip("|").split("|"))) for line in last.splitlines()]
