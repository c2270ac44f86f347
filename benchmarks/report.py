"""Turn the results of a run into tables, charts, and the generated sections of docs/benchmarks.md and README.md."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.bench_import import LOADED_BEFORE
from benchmarks.bench_script import CASES

BEGIN: Final = "<!-- benchmarks:begin -->"
END: Final = "<!-- benchmarks:end -->"

_CHART_LENGTHS: Final = ("16", "255")
CHARTS: Final = {
    "exchange": "What does a binding add to one exchange?",
    "pcscd": "How long does one exchange through pcscd take?",
    "scripts": "How long does one exchange of a script take?",
    "raw": "How long do the raw functions take?",
    "attach": "How long do attaching to a card and detaching take?",
    "status": "How long does the question for a reader's state take?",
    "card": "How long does a command to a card in Python take?",
    "events": "How soon after the insertion does a program know of a card?",
}
"""The question that each chart answers, by the part of the results. The chart is the file of that name."""
_LINEAR: Final = frozenset({"pcscd", "raw", "card", "events"})  # their longest times are not far from the shortest
_COLOURS: Final = ("#4477aa", "#ddaa33", "#66aa77")
_INK: Final = "#010203"  # stands for the colour of text and lines, which the reader's mode decides
_STYLE: Final = "svg{color:#1f2328}@media(prefers-color-scheme:dark){svg{color:#e4e6e8}}"
_PARTS: Final = {
    "exchange": "A library that answers at once (the binding's own cost)",
    "pcscd": "A real pcscd, client and daemon on one core",
}
_CALLS: Final = {
    "attach": "**Attaching to a card and detaching**, on the library that answers at once. In brackets: relative to C",
    "status": "**The state of one reader**, asked for without waiting, on the library that answers at once",
    "card": "**A card in Python**, in its own process: the time of a command with a response of 16 bytes",
    "card-by-socket": "**The same card as a `VpcdCard`** in another process, on the same core",
    "events": "**Events**: the time from the insertion of a card until the program's own code runs",
}
_README_LENGTH: Final = "16"
_README_COLUMNS: Final = {"exchange": "on a library that answers at once", "pcscd": "on a real pcscd"}
_README_ROWS: Final = ("scardffi `exchange()`", "scardffi `card.transmit()`", "pyscard `connection.transmit`")
_LIMITS: Final = """\
A real card takes milliseconds for an exchange with any binding. The first table shows the time that a binding adds,
measured with a library that does nothing. The saved time matters for programs that use many readers at a time, for
emulators, for fuzzing, for fast contactless cards, and for the load of the processor. It does not matter for a program
that sends a command to one card now and then.
The figures are from one machine that also did other work: compare the ratios to the C loop (in brackets), not the
nanoseconds."""


def markdown(results: dict[str, Any]) -> str:
    """Return all tables as Markdown, with a note on their limits."""
    lines = [_LIMITS, ""]
    for part, title in _PARTS.items():
        lines += [f"**{title}.** Time of one exchange by the length of the response:", ""]
        lines += [*_times(results[part]), ""]
    lines += [
        "**One run of a script**: the time of an exchange by the number of commands and the length of the responses:"
    ]
    lines += ["", *_scripts(results["scripts"]), ""]
    lines += [*_raw(results["raw"]), ""]
    for part, title in _CALLS.items():
        lines += [f"{title}:", "", *_calls(results[part]), ""]
    lines += ["**Memory** that Python allocates in a loop of exchanges with responses of 255 bytes:", ""]
    lines += [*_allocation(results), ""]
    lines += [*_threads(results["threads"]), "", _virtual(results["virtual"]), ""]
    lines += [*_readers(results["readers"]), "", _imports(results["imports"]), ""]
    lines += ["Measured on: " + "; ".join(f"{name}: {value}" for name, value in results["machine"].items()) + "."]
    return "\n".join(lines) + "\n"


def page_section(results: dict[str, Any]) -> str:
    """Return the section between the markers of docs/benchmarks.md: the charts and all tables."""
    charts = "\n\n".join(f"![{title}](../benchmarks/results/{name}.svg)" for name, title in CHARTS.items())
    return f"{BEGIN}\n{charts}\n\n{markdown(results)}{END}"


def readme_section(results: dict[str, Any]) -> str:
    """Return the section between the markers of the README: a row for each way to transmit that most programs use."""
    lines = [_row([f"an exchange of {_README_LENGTH} bytes", *_README_COLUMNS.values()])]
    lines.append("|---" * (1 + len(_README_COLUMNS)) + "|")
    parts = [{row["label"]: row for row in results[name]["rows"]} for name in _README_COLUMNS]
    cells = [
        [_cell(part[label], _README_LENGTH) if label in part else "absent" for part in parts] for label in _README_ROWS
    ]
    lines += [_row([label, *row]) for label, row in zip(_README_ROWS, cells, strict=True)]
    note = "In brackets: the time relative to the same loop in C. The figures are from one machine; compare the ratios."
    return "\n".join([BEGIN, *lines, "", note, END])


def update(page: Path, section: str) -> None:
    """Replace the section between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise RuntimeError(f"{page} must contain {BEGIN} and {END} once each")
    before, _, rest = text.partition(BEGIN)
    page.write_text(before + section + rest.partition(END)[2], encoding="utf-8")


def charts(results: dict[str, Any], folder: Path) -> None:
    """Draw a chart for each question, as an SVG file in the folder."""
    for part, question in CHARTS.items():
        labels, series = _bars(part, results)
        if labels:
            _chart(question, labels, series, folder / f"{part}.svg", logarithmic=part not in _LINEAR)


def _bars(part: str, results: dict[str, Any]) -> tuple[list[str], dict[str, list[float]]]:
    """Return the labels of a chart, and the nanoseconds of each series of bars."""
    rows = results[part] if part in {"raw", "scripts"} else results[part]["rows"]
    labels = [row["label"].replace("`", "") for row in rows]
    if part == "raw":
        return labels, {who: [row[who] for row in rows] for who in ("scardffi", "pyscard")}
    if part == "scripts":
        return labels, {case.name: [row["ns"][case.name] for row in rows] for case in CASES}
    if part in _CALLS:
        return labels, {"": [row["ns"] for row in rows]}
    return labels, {f"{length} bytes": [row["ns"][length] for row in rows] for length in _CHART_LENGTHS}


def _chart(question: str, labels: list[str], series: dict[str, list[float]], path: Path, *, logarithmic: bool) -> None:
    plt = _pyplot()
    height = 0.8 / len(series)
    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.4 * len(labels)), layout="constrained")
    for place, ((name, times), colour) in enumerate(zip(series.items(), _COLOURS, strict=False)):
        places = [index + height * place for index in range(len(labels))]
        bars = axes.barh(places, times, 0.95 * height, color=colour, label=name)
        axes.bar_label(bars, [time_text(time) for time in times], padding=3, fontsize=7)
    axes.set_yticks(
        [index + height * (len(series) - 1) / 2 for index in range(len(labels))],
        [label.replace(", SCard", ",\nSCard") for label in labels],
    )
    longest = max(max(times) for times in series.values())
    if logarithmic:
        axes.set_xscale("log")
    axes.set_xlim(int(logarithmic), longest * (4 if logarithmic else 1.15))
    axes.invert_yaxis()
    axes.set_title(question, loc="left", fontsize=10)
    axes.set_xlabel("nanoseconds, logarithmic" if logarithmic else "nanoseconds")
    if len(series) > 1:
        axes.legend(fontsize=8)
    drawing = io.StringIO()
    figure.savefig(drawing, format="svg", metadata={"Date": None}, transparent=True)
    plt.close(figure)
    begin = '<style type="text/css">'
    text = drawing.getvalue().replace(_INK, "currentColor").replace(begin, begin + _STYLE)
    path.write_text(text, encoding="utf-8")


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "scardffi", "font.size": 9})
    inked = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "legend.edgecolor")
    mpl.rcParams.update({**dict.fromkeys(inked, _INK), "legend.facecolor": "none"})
    return plt


def time_text(nanoseconds: float) -> str:
    """Return a time with three digits and its unit."""
    for unit, size in (("ms", 1e6), ("µs", 1e3), ("ns", 1.0)):
        if nanoseconds >= size or unit == "ns":
            return f"{_three_digits(nanoseconds / size)} {unit}"
    raise AssertionError


def _three_digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.1f}" if number >= 10 else f"{number:.2f}"


def _times(part: dict[str, Any]) -> list[str]:
    lines = []
    if part["rows"]:
        lengths = list(part["rows"][0]["ns"])
        lines.append(_row(["", *(f"{int(length):,} bytes".replace(",", " ") for length in lengths)]))
        lines.append("|---" * (1 + len(lengths)) + "|")
        lines += [_row([row["label"], *(_cell(row, length) for length in lengths)]) for row in part["rows"]]
    why = [f"{row['label']} with {length} bytes ({why})" for row in part["rows"] for length, why in row["why"].items()]
    return lines + _absent(part, why)


def _calls(part: dict[str, Any]) -> list[str]:
    first = part["rows"][0]["ns"]
    cells = [f"{time_text(row['ns'])} ({_three_digits(row['ns'] / first)}x)" for row in part["rows"]]
    lines = [_row([row["label"], cell]) for row, cell in zip(part["rows"], cells, strict=True)]
    return [_row(["", "time"]), "|---|---|", *lines, *_absent(part, [])]


def _absent(part: dict[str, Any], why: list[str]) -> list[str]:
    why = why + [f"{row['label']} ({row['why']})" for row in part["absent"]]
    return ["", "Absent: " + "; ".join(why) + "."] if why else []


def _scripts(rows: Sequence[dict[str, Any]]) -> list[str]:
    names = [case.name for case in CASES]
    cells = [
        [f"{time_text(row['ns'][name])} ({_three_digits(row['ns'][name] / rows[0]['ns'][name])}x)" for name in names]
        for row in rows
    ]
    lines = [_row([row["label"], *line]) for row, line in zip(rows, cells, strict=True)]
    return [_row(["", *names]), "|---" * (1 + len(names)) + "|", *lines]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: dict[str, Any], length: str) -> str:
    if length not in row["ns"]:
        return "absent"
    return f"{time_text(row['ns'][length])} ({_three_digits(row['ratio'][length])}x)"


def _allocation(results: dict[str, Any]) -> list[str]:
    labels = {row["row"]: row["label"] for row in results["exchange"]["rows"]}
    lines = [
        _row(["", "exchanges", "allocated after the loop", "maximum during the loop", "additional memory blocks"]),
        "|---" * 5 + "|",
    ]
    for entry in results["allocation"]:
        figures = [f"{entry['count']}", f"{entry['net']} bytes", f"{entry['peak']} bytes", f"{entry['blocks']}"]
        lines.append(_row([labels[entry["row"]], *figures]))
    return lines


def _threads(part: dict[str, Any]) -> list[str]:
    if part["why"]:
        return [f"**Threads**: not measured ({part['why']})."]
    one = part["per_second"]["1"]
    cells = [f"{count}: {value:.0f} ({value / one:.1f}x)" for count, value in part["per_second"].items()]
    title = "**Threads**, each with a reader of its own, a card that takes 5 ms, and one pcscd for all."
    return [f"{title} Exchanges per second by the number of threads: {', '.join(cells)}."]


def _raw(rows: list[dict[str, Any]]) -> list[str]:
    title = (
        "**The raw functions** of scardffi and pyscard, on the library that answers at once. In brackets: relative to"
    )
    lines = [f"{title} pyscard.", "", _row(["", "scardffi", "pyscard"]), "|---|---|---|"]
    for row in rows:
        label = ", ".join(f"`{name}`" for name in row["label"].split(", "))
        ours = f"{time_text(row['scardffi'])} ({_three_digits(row['scardffi'] / row['pyscard'])} times)"
        lines.append(_row([label, ours, time_text(row["pyscard"])]))
    return lines


def _virtual(times: dict[str, dict[str, float]]) -> str:
    more = ", ".join(
        f"{time_text(times['virtual'][length] - bare)} for {int(length):,} bytes".replace(",", " ")
        for length, bare in times["null"].items()
    )
    return f"**The virtual library** adds this time to a function call in a C loop: {more}."


def _readers(times: dict[str, dict[str, float]]) -> list[str]:
    lines = ["**Many virtual readers** in one process, each with an open attachment. Time of one call:", ""]
    lines += [_row(["", "10 readers", "1 000 readers"]), "|---" * 3 + "|"]
    for call, by_count in times.items():
        ratio = by_count["1000"] / by_count["10"]
        lines.append(_row([call, time_text(by_count["10"]), f"{time_text(by_count['1000'])} ({ratio:.2f}x)"]))
    return lines


def _imports(times: dict[str, float]) -> str:
    loaded = ", ".join(f"`{module}`" for module in LOADED_BEFORE)
    added = ", ".join(f"`{module}` {value:.1f} ms" for module, value in times.items())
    return f"**Import** into an interpreter that has {loaded} loaded. Added processor time: {added}."
