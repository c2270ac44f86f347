"""The result of `bench` as one HTML page with charts, which requests nothing from a network.

The charts are SVG without text: they are as wide as the screen, and the text around them keeps its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .._html_page import escaped, framed
from ._measurements import TIMES, byte_count, duration, per_second, same_command

if TYPE_CHECKING:
    from collections.abc import Sequence

_STYLE: Final = """\
:root { --old: light-dark(#c2691c, #d98a4a); }
h2 { font-size: 1.05rem; margin: 1.6rem 0 0.2rem; }
p { margin: 0.3rem 0; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); gap: 1.4rem 2.5rem; }
figure { margin: 0.6rem 0 0; min-width: 0; }
figcaption { font-weight: bold; overflow-wrap: anywhere; }
rect.old { fill: var(--old); }
.key { display: inline-block; width: 0.7rem; height: 0.7rem; }
.key.new { background: var(--bar); }
.key.old { background: var(--old); }
.ends { display: flex; justify-content: space-between; gap: 1rem; font-variant-numeric: tabular-nums; }
.ends span:last-child { white-space: nowrap; }
.ends.new { margin-top: 0.6rem; }
.ends.old { margin: 0; color: var(--faint); }
.bar { height: 0.7rem; }
.histogram { height: 6rem; border-bottom: 1px solid var(--faint); }
line { stroke: var(--ink); stroke-dasharray: 4 3; vector-effect: non-scaling-stroke; }
table { margin: 0.6rem 0; }
td:first-child, th { color: var(--faint); font-weight: normal; }"""
_UNITS: Final = {"bytes_per_second": "bytes/s", "exchanges_per_second": "exchanges/s"}


def page(result: dict[str, Any], old: dict[str, Any] | None, old_name: str) -> str:
    """Return an HTML page of a result of `bench`, for a file in UTF-8.

    Args:
        result: the result.
        old: the result that it is compared with, if any.
        old_name: the name of that result, such as the file's.
    """
    runs = _run("new", "this run", result) + (_run("old", old_name, old) if old else "")
    pairs = [(row, same_command(row, old)) for row in result["results"]]
    rates = "".join(
        _rates(title, name, pairs)
        for title, name in (
            ("Bytes of data per second", "bytes_per_second"),
            ("Exchanges per second", "exchanges_per_second"),
        )
        if any(row[name] for row, _ in pairs)
    )
    body = f"""{runs}
<h2>Throughput by length</h2>
<div class="charts">{rates}</div>
<h2>Times of the exchanges</h2>
<p class="faint">How many exchanges took how long. The dashed line is the median.
The last bar has all longer times too.</p>
<div class="charts">{"".join(_times(row, before) for row, before in pairs)}</div>
<p class="faint">{escaped(result["not_shown"])} The timer's resolution is {duration(result["timer_resolution"])}.</p>"""
    return framed(f"Exchanges with {result['reader']}", body, style=_STYLE)


def _run(kind: str, name: str, result: dict[str, Any]) -> str:
    said = f"{name}: {result['reader']}, ATR {result['atr']}, {result['time'].replace('T', ' ')}"
    return f'<p><span class="key {kind}"></span> {escaped(said)}</p>'


def _rates(title: str, name: str, pairs: Sequence[tuple[dict[str, Any], dict[str, Any] | None]]) -> str:
    """Return a chart with a bar for each command."""
    most = max(one[name] for pair in pairs for one in pair if one)
    bars = "".join(
        f'<p class="ends {kind}"><span>{label}</span><span>{per_second(one[name])} {_UNITS[name]}</span></p>'
        '<svg class="bar" aria-hidden="true">'
        f'<rect class="{kind}" width="{100 * (one[name] / most):.2f}%" height="100%"/></svg>'
        for row, before in pairs
        for one, label, kind in ((row, byte_count(row["length"]), "new"), (before, "earlier", "old"))
        if one
    )
    return f"<figure><figcaption>{title}</figcaption>{bars}</figure>"


def _times(row: dict[str, Any], before: dict[str, Any] | None) -> str:
    """Return the histograms of a command, one below the other on the same axis, and its statistics as a table."""
    both = [row, before] if before else [row]
    starts = [begin for one in both for begin, _, _ in one["histogram"]]
    ends = [_end(one["histogram"]) for one in both]
    low, high = min(starts), max(ends)
    if high <= low:
        low, high = low * 0.95, low * 1.05 + 1e-9
    charts = _histogram(row, low, high, "this run", "new")
    if before:
        charts += _histogram(before, low, high, "earlier", "old")
    axis = "".join(f"<span>{duration(time)}</span>" for time in (low, (low + high) / 2, high))
    command = bytes.fromhex(row["command"]).hex(" ").upper()
    return f"""<figure><figcaption>{command}: {byte_count(row["length"])} of data</figcaption>
{charts}<p class="ends">{axis}</p>
{_table(row, before)}</figure>"""


def _end(bins: Sequence[tuple[float, float, int]]) -> float:
    """Return where the last bar ends if it is as wide as the others."""
    return bins[-1][0] + (bins[0][1] - bins[0][0] if len(bins) > 1 else 0)


def _histogram(row: dict[str, Any], low: float, high: float, name: str, kind: str) -> str:
    bins = row["histogram"]
    most = max(count for _, _, count in bins) or 1
    width = max((_end(bins) - bins[0][0]) / len(bins) / (high - low) * 100, 1.0)
    bars = "".join(
        f'<rect class="{kind}" x="{min(_place(begin, low, high), 100 - width):.2f}" y="{100 - 100 * count / most:.2f}" '
        f'width="{0.92 * width:.2f}" height="{100 * count / most:.2f}"/>'
        for begin, _, count in bins
        if count
    )
    median = _place(row["median"], low, high)
    said = f"{name}: {row['count']} exchanges, median {duration(row['median'])}, highest bar {most}"
    return (
        f'<p class="faint">{said}</p>'
        f'<svg class="histogram" viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="{said}">'
        f'{bars}<line x1="{median:.2f}" x2="{median:.2f}" y1="0" y2="100"/></svg>'
    )


def _place(time: float, low: float, high: float) -> float:
    return min(max((time - low) / (high - low) * 100, 0), 100)


def _table(row: dict[str, Any], before: dict[str, Any] | None) -> str:
    head = "<th>" + ("<th>this run<th>earlier<th>ratio" if before else "<th>this run")
    figures = [(name, duration) for name in TIMES] + [(name, per_second) for name in _UNITS]
    lines = []
    for name, shown in figures:
        cells = f"<td>{_UNITS.get(name, name)}<td>{shown(row[name])}"
        if before:
            ratio = f"{row[name] / before[name]:.2f}" if before[name] else ""
            cells += f"<td>{shown(before[name])}<td>{ratio}"
        lines.append(f"<tr>{cells}")
    return f"<table><thead><tr>{head}</thead><tbody>{''.join(lines)}</tbody></table>"
