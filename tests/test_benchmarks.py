"""The documentation shows the figures of the stored run, and each benchmark says what it does not show."""

import ast
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results"
BENCHMARKS = sorted((ROOT / "benchmarks").glob("bench_*.py"))


@pytest.fixture
def results() -> dict[str, Any]:
    """The stored run."""
    stored: dict[str, Any] = json.loads((RESULTS / "results.json").read_text(encoding="utf-8"))
    return stored


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Import the module that writes the tables; the clone is last on the path: its scardffi may not be built."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    yield importlib.import_module("benchmarks.report")
    for name in [name for name in sys.modules if name.split(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_the_page_shows_the_stored_run(report: Any, results: dict[str, Any]) -> None:
    assert report.page_section(results) in PAGE, "run `python -m benchmarks`"


def test_the_readme_shows_three_rows_of_the_stored_run(report: Any, results: dict[str, Any]) -> None:
    section = report.readme_section(results)
    assert section in README, "run `python -m benchmarks`"
    rows = [line for line in section.splitlines() if "x)" in line]
    assert len(rows) == 3
    assert all(cell in PAGE for row in rows for cell in row.strip("| ").split(" | "))


def test_the_separate_file_has_the_same_tables(report: Any, results: dict[str, Any]) -> None:
    assert (RESULTS / "results.md").read_text(encoding="utf-8") == report.markdown(results)


def test_each_chart_answers_one_question_which_is_its_title(report: Any) -> None:
    assert {path.stem for path in RESULTS.glob("*.svg")} == set(report.CHARTS)
    for name, question in report.CHARTS.items():
        text = (RESULTS / f"{name}.svg").read_text(encoding="utf-8")
        assert question.endswith("?")
        assert f">{question}</text>" in text
        assert f"![{question}](../benchmarks/results/{name}.svg)" in PAGE


@pytest.mark.parametrize("chart", sorted(RESULTS.glob("*.svg")), ids=lambda chart: chart.stem)
def test_a_chart_has_no_background_and_text_in_the_colour_of_the_mode(chart: Path) -> None:
    text = chart.read_text(encoding="utf-8")
    assert "prefers-color-scheme:dark" in text
    assert "#ffffff" not in text
    texts = re.findall(r"(?:<g [^>]*>\s*)?<text[^>]*>", text)
    assert texts
    assert [one for one in texts if "fill: currentColor" not in one] == []


def test_each_cell_of_the_page_is_a_figure_in_the_json_file(results: dict[str, Any]) -> None:
    """Parse labels, units and rounding without the code that wrote them."""
    units = {"ns": 1.0, "µs": 1e3, "ms": 1e6}
    cells = 0
    for part in ("exchange", "pcscd"):
        for row in results[part]["rows"]:
            lines = [line for line in PAGE.splitlines() if line.startswith(f"| {row['label']} |") and "x)" in line]
            shown = [re.findall(r"([\d.]+) (ns|µs|ms) \(([\d.]+)x\)", line) for line in lines]
            figures = list(zip(row["ns"].values(), row["ratio"].values(), strict=True))
            expected = pytest.approx([number for pair in figures for number in pair], rel=0.006)
            found = [
                [figure for number, unit, ratio in line for figure in (float(number) * units[unit], float(ratio))]
                for line in shown
            ]
            assert expected in found, f"{part}: {row['label']}"
            cells += len(figures)
    assert cells


@pytest.mark.usefixtures("report")
def test_the_stored_run_is_above_every_floor(results: dict[str, Any]) -> None:
    judge = importlib.import_module("benchmarks.floors")
    verdicts = judge.floors(results, judge.MARGIN)
    assert [verdict for verdict in verdicts if verdict.passed is False] == []
    assert any(verdict.passed for verdict in verdicts)


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_each_benchmark_says_what_it_measures_and_what_it_does_not_show(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert docstring.startswith("Measure ")
    assert "Does not show: " in docstring


def test_there_is_a_file_for_each_benchmark() -> None:
    assert [path.stem for path in BENCHMARKS] == [
        "bench_allocation", "bench_calls", "bench_events", "bench_exchange", "bench_import", "bench_pcscd",
        "bench_python_card", "bench_raw", "bench_readers", "bench_script", "bench_threads", "bench_virtual",
    ]  # fmt: skip
