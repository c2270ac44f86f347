"""A trace as one HTML page, which requests nothing from a network."""

from __future__ import annotations

import json
import math
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

from .._html_page import escaped, framed
from ._explanation import SLOW, Explainer
from ._time_line import Times, duration, summary

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._record import Record

_FOLDER: Final = Path(__file__).absolute().parent
_SLOW: Final = 1
_FAILED: Final = 2
_BARS: Final = 240
_SHORTEST_BAR: Final = 1e-7
"""The seconds of calls whose bar has no height."""


def page(records: Iterable[Record], title: str, slow: float = SLOW) -> str:
    """Return an HTML page of a trace, for a file in UTF-8.

    Names and bytes of the trace are data of the page's script, which shows them as text. The script is the only one
    that the page allows.

    Args:
        records: the records.
        title: the title, such as the file's name.
        slow: the seconds from which a call is marked as slow.
    """
    content = _Content(slow)
    for record in records:
        content.add(record)
    rows = "".join(
        f"<tr><td>{escaped(row.function)}<td>{row.calls}<td>{row.failed}"
        f"<td>{duration(row.total)}<td>{duration(row.median)}<td>{duration(row.longest)}"
        for row in content.times.functions()
    )
    body = Template(_part("html")).substitute(
        summary=escaped(content.summary()),
        bars=_BARS,
        part=duration(content.times.seconds / _BARS),
        rows=rows,
        data=json.dumps(content.data(), separators=(",", ":")).replace("<", "\\u003c"),
    )
    return framed(title, body, style=_part("css"), script=_part("js"))


def _part(kind: str) -> str:
    return (_FOLDER / f"page.{kind}").read_text(encoding="utf-8")


class _Content:
    """The data of the page's script: the calls, their notes, and the bars of the time line."""

    def __init__(self, slow: float) -> None:
        self.times = Times()
        self._slow = slow
        self._explainer = Explainer(slow, shown=None)
        self._calls: list[tuple[str, str, int, int, str, int]] = []
        self._notes: dict[str, int] = {}
        self._spans: list[tuple[float, int]] = []

    def add(self, record: Record) -> None:
        """Add a record."""
        self.times.add(record)
        one = self._explainer.explain(record)
        flags = one.is_slow * _SLOW | (record.result != 0) * _FAILED
        text = "\n".join(one.notes)
        note = self._notes.setdefault(text, len(self._notes)) if text else -1
        took = duration(record.duration_ns / 1e9)
        self._calls.append((f"{one.seconds:.6f}", took, one.thread, flags, one.line, note))
        self._spans.append((one.seconds, record.duration_ns))

    def summary(self) -> str:
        """Return the sentence about the whole trace."""
        slow_calls = sum(flags & _SLOW for _, _, _, flags, _, _ in self._calls)
        return summary(self.times, self._explainer.threads, slow_calls, self._slow)

    def data(self) -> dict[str, Any]:
        """Return what the script gets."""
        return {"calls": self._calls, "notes": list(self._notes), "bars": self._bars()}

    def _bars(self) -> list[tuple[int, float, int, bool]]:
        """Return the longest call in each part of the time: part, height of 0 to 100, place, and if it is slow."""
        if not self._spans:
            return []
        begin = min(seconds for seconds, _ in self._spans)
        whole = max(seconds for seconds, _ in self._spans) - begin or 1.0
        longest: dict[int, int] = {}
        for place, (seconds, taken) in enumerate(self._spans):
            part = min(int((seconds - begin) / whole * _BARS), _BARS - 1)
            if part not in longest or taken > self._spans[longest[part]][1]:
                longest[part] = place
        scale = math.log(max(max(taken for _, taken in self._spans) / 1e9, 2 * _SHORTEST_BAR) / _SHORTEST_BAR)
        return [
            (part, round(100 * self._height(place, scale), 1), place, bool(self._calls[place][3] & _SLOW))
            for part, place in sorted(longest.items())
        ]

    def _height(self, place: int, scale: float) -> float:
        seconds = self._spans[place][1] / 1e9
        return max(math.log(max(seconds, _SHORTEST_BAR) / _SHORTEST_BAR) / scale, 0.03)
