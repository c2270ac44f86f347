"""Run all benchmarks: `python -m benchmarks` in a clone with `pip install -e ".[test,bench]"`.

Without options this takes some minutes. It writes results.json, results.md and a chart for each question to
benchmarks/results, the tables to docs/benchmarks.md, and three rows to README.md. With --quick it takes about a minute
and only prints the tables, unless --output names a folder for the files.
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
    bench_calls,
    bench_events,
    bench_exchange,
    bench_import,
    bench_pcscd,
    bench_python_card,
    bench_raw,
    bench_readers,
    bench_script,
    bench_threads,
    bench_virtual,
    machine,
    report,
)
from benchmarks.floors import MARGIN, floors

_RESULTS: Final = SOURCES / "results"
_SECONDS: Final = 0.35  # about how long each row is measured
_QUICK_SECONDS: Final = 0.14
_EVENTS: Final = 500
_QUICK_EVENTS: Final = 50


def measure(*, quick: bool) -> dict[str, Any]:
    """Run all benchmarks and return their results."""
    seconds = _QUICK_SECONDS if quick else _SECONDS
    with tempfile.TemporaryDirectory(prefix="scardffi-benchmarks-") as name:
        folder = Path(name)
        return {
            "machine": machine.describe(),
            "exchange": bench_exchange.measure(folder, seconds),
            "scripts": bench_script.measure(folder),
            "pcscd": bench_pcscd.measure(folder, seconds),
            "raw": bench_raw.measure(folder, seconds),
            **bench_calls.measure(folder, seconds),
            **bench_python_card.measure(folder, seconds),
            "events": bench_events.measure(folder, _QUICK_EVENTS if quick else _EVENTS),
            "virtual": bench_virtual.measure(folder, seconds),
            "readers": bench_readers.measure(seconds / 28),
            "allocation": bench_allocation.measure(folder),
            "threads": bench_threads.measure(folder, short=quick),
            "imports": bench_import.measure(folder),
        }


def write(results: dict[str, Any], folder: Path) -> None:
    """Write the results as JSON, the tables as Markdown, and the charts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "results.md").write_text(report.markdown(results), encoding="utf-8")
    report.charts(results, folder)


def check(results: dict[str, Any], margin: float) -> bool:
    """Print each limit and its result, and return True if the run passes all."""
    verdicts = floors(results, margin)
    print(f"\nLimits, with a margin of {1 - margin:.0%} except for allocations:")
    for verdict in verdicts:
        word = {True: "ok", False: "FAILED", None: "absent"}[verdict.passed]
        print(f"{word:8} {verdict.what}: {verdict.measured}, limit {verdict.floor}")
    return all(verdict.passed is not False for verdict in verdicts)


def main() -> int:
    """Run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure short rounds, and do not update the pages")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is not met")
    parser.add_argument("--output", type=Path, help="write the results to this folder, and do not update the pages")
    options = parser.parse_args()

    results = measure(quick=options.quick)
    print(report.markdown(results))
    if options.output is not None:
        write(results, options.output)
    elif not options.quick:
        write(results, _RESULTS)
        report.update(ROOT / "docs" / "benchmarks.md", report.page_section(results))
        report.update(ROOT / "README.md", report.readme_section(results))
    passed = not options.check or check(results, MARGIN if options.quick else 1.0)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
