"""Runs all benchmarks: `python -m benchmarks`, from a clone with `pip install -e ".[test,bench]"`.

Without options it takes some minutes, writes results.json, results.md and exchange.svg into benchmarks/results, and
puts the tables into docs/benchmarks.md and three rows into the README. With --quick it takes about a minute and
prints; it writes only where --output says.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks import (
    ROOT,
    SOURCES,
    bench_allocation,
    bench_exchange,
    bench_import,
    bench_pcscd,
    bench_threads,
    bench_virtual,
    machine,
    report,
)
from benchmarks.floors import MARGIN, floors

_RESULTS: Final = SOURCES / "results"
_SECONDS: Final = 0.05  # short rounds find a quiet moment on a busy machine, long ones do not
_QUICK_SECONDS: Final = 0.02


def measure(*, quick: bool) -> dict[str, Any]:
    """All results of a run."""
    seconds = _QUICK_SECONDS if quick else _SECONDS
    with tempfile.TemporaryDirectory(prefix="scardffi-benchmarks-") as name:
        folder = Path(name)
        return {
            "machine": machine.describe(),
            "exchange": bench_exchange.measure(folder, seconds),
            "pcscd": bench_pcscd.measure(folder, seconds),
            "virtual": bench_virtual.measure(folder, seconds),
            "allocation": bench_allocation.measure(folder),
            "threads": bench_threads.measure(folder, short=quick),
            "imports": bench_import.measure(folder),
        }


def write(results: dict[str, Any], folder: Path) -> None:
    """Results as JSON, tables as Markdown, and the chart."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(report.markdown(results), encoding="utf-8")
    report.chart(results, folder / "exchange.svg")


def check(results: dict[str, Any], margin: float) -> bool:
    """Print each floor and its verdict; whether all hold."""
    verdicts = floors(results, margin)
    print(f"\nFloors, of which {margin:.0%} are enough here (allocations: all):")
    for verdict in verdicts:
        word = {True: "ok", False: "TOO LOW", None: "absent"}[verdict.passed]
        print(f"{word:8} {verdict.what}: {verdict.measured}, floor {verdict.floor}")
    return all(verdict.passed is not False for verdict in verdicts)


def main() -> int:
    """The command; answers its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short rounds; the pages are left alone")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a ratio or an allocation is bad")
    parser.add_argument("--output", type=Path, help="the folder for results; the pages are left alone")
    options = parser.parse_args()

    results = measure(quick=options.quick)
    print(report.markdown(results))
    if options.output is not None:
        write(results, options.output)
    elif not options.quick:
        write(results, _RESULTS)
        report.update(ROOT / "docs" / "benchmarks.md", report.page_section(results))
        report.update(ROOT / "README.md", report.readme_section(results))
    held = not options.check or check(results, MARGIN if options.quick else 1.0)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
