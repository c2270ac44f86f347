"""Turn the results of a run into tables, charts, and the generated sections of docs/benchmarks.md and README.md."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.bench_import import LOADED_BEFORE
from benchmarks.bench_script import CASES

BEGIN: Final = "<!-- benchmarks:begin -->"
END: Final = "<!-- benchmarks:end -->"

_CHART_LENGTHS: Final = ("16", "255")
_PARTS: Final = {
    "exchange": "A library that answers at once (the binding's own cost)",
    "pcscd": "A real pcscd, client and daemon on one core",
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
    lines += ["**Memory** that Python allocates in a loop of exchanges with responses of 255 bytes:", ""]
    lines += [*_allocation(results), ""]
    lines += [*_threads(results["threads"]), "", _virtual(results["virtual"]), ""]
    lines += [*_readers(results["readers"]), "", _imports(results["imports"]), ""]
    lines += ["Measured on: " + "; ".join(f"{name}: {value}" for name, value in results["machine"].items()) + "."]
    return "\n".join(lines) + "\n"


def page_section(results: dict[str, Any]) -> str:
    """Return the section between the markers of docs/benchmarks.md: the charts and all tables."""
    charts = (
        "![One exchange: time of each way to transmit, logarithmic](../benchmarks/results/exchange.svg)\n\n"
        "![The raw functions of scardffi and pyscard: time of each](../benchmarks/results/raw.svg)"
    )
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


def chart(results: dict[str, Any], path: Path) -> None:
    """Draw the times as bars in an SVG file. Both parts have the same logarithmic scale."""
    plt = _pyplot()
    parts = [(title, results[name]["rows"]) for name, title in _PARTS.items() if results[name]["rows"]]
    heights = [len(rows) for _, rows in parts]
    right = 4 * max(row["ns"][length] for _, rows in parts for row in rows for length in _CHART_LENGTHS)
    figure, panels = plt.subplots(
        len(parts), 1, figsize=(9, 1.5 + 0.4 * sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    for axes, (title, rows) in zip(panels[:, 0], parts, strict=True):
        for place, (length, colour) in enumerate(zip(_CHART_LENGTHS, ("#4477aa", "#ddaa33"), strict=True)):
            places = [index + 0.4 * place for index in range(len(rows))]
            times = [row["ns"][length] for row in rows]
            widths = [time - 1 for time in times]
            bars = axes.barh(places, widths, 0.38, left=1, color=colour, label=f"response of {length} bytes")
            axes.bar_label(bars, [time_text(time) for time in times], padding=3, fontsize=7)
        axes.set_yticks([index + 0.2 for index in range(len(rows))], [row["label"].replace("`", "") for row in rows])
        axes.set_xscale("log")
        axes.set_xlim(1, right)
        axes.invert_yaxis()
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlabel("nanoseconds for one exchange, logarithmic")
    panels[0, 0].legend(fontsize=8)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def raw_chart(results: dict[str, Any], path: Path) -> None:
    """Draw the times of the raw functions as bars in an SVG file."""
    plt = _pyplot()
    rows = results["raw"]
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.4 * len(rows)), layout="constrained")
    for place, (who, colour) in enumerate((("scardffi", "#4477aa"), ("pyscard", "#ddaa33"))):
        times = [row[who] for row in rows]
        bars = axes.barh([index + 0.4 * place for index in range(len(rows))], times, 0.38, color=colour, label=who)
        axes.bar_label(bars, [time_text(time) for time in times], padding=3, fontsize=7)
    axes.set_yticks([index + 0.2 for index in range(len(rows))], [row["label"].replace(", ", "\n") for row in rows])
    axes.margins(x=0.1)
    axes.invert_yaxis()
    axes.set_xlabel("nanoseconds for the functions of a row, on a library that answers at once")
    axes.legend(fontsize=8)
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "scardffi", "font.size": 9})
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
    why += [f"{row['label']} ({row['why']})" for row in part["absent"]]
    return [*lines, "", "Absent: " + "; ".join(why) + "."] if why else lines


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
    return f"**Import** into an interpreter that has {loaded} loaded. Added time: {added}."
