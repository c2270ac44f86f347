"""Each row of the fault table on the virtual library and on a real pcscd: programs/fault_rows.py, docs/faults.md."""

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from support.alone import run_alone
from support.compile import shared_library
from support.pcscd import pcscd_version
from support.reports import report
from support.shape import MACOS, PLACES, WINDOWS

import scardffi

from .page import PAGE, ZEROS, expected_text, page, rows_of
from .table import BOTH, ROWS, of_place

TIMES = int(os.environ.get("SCARDFFI_TEST_FAULTS", "0"))
"""How often each row is run; 0 for a part of the rows, and once."""
STRIDES = {"virtual": 5, "pcscd": 17}
"""One of so many rows is run in the short form."""
PARTS = 2

pytestmark = pytest.mark.skipif(MACOS or WINDOWS, reason="the errors of another platform's library differ")


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What was seen in each place, by the names of the rows; the parts of the table run at the same time."""
    if "pcscd" in PLACES:
        request.getfixturevalue("daemon")  # skips without a pcscd; the programs start their own ones
    package = Path(scardffi.__file__).parent
    counting = shared_library(
        Path(__file__).parent.parent / "csrc" / "counting_pcsc.c",
        tmp_path_factory.mktemp("counting"),
        *(f"-I{package / folder}" for folder in ("include", "csrc")),
    )

    def run_part(place: str, part: int) -> Any:
        stride = 1 if TIMES else STRIDES[place]
        numbers = map(str, (part, PARTS, stride, max(1, TIMES)))
        folder = tmp_path_factory.mktemp(place)
        return run_alone("fault_rows", place, str(folder), str(counting), *numbers, seconds=120 + 900 * TIMES)[0]

    with ThreadPoolExecutor() as parts:
        running = [(place, parts.submit(run_part, place, part)) for place in PLACES for part in range(PARTS)]
        found: dict[str, dict[str, Any]] = {place: {} for place in PLACES}
        for place, one in running:
            found[place].update(one.result())
    if TIMES and all(not one["wrong"] for place in BOTH for one in found[place].values()):
        PAGE.write_text(page(found), encoding="utf-8")
    return found


@pytest.mark.parametrize("place", PLACES)
def test_each_fault_has_the_outcome_of_the_table_and_leaves_nothing(
    results: dict[str, dict[str, Any]], place: str
) -> None:
    found = results[place]
    assert found.keys() == {row.name for row in of_place(place, 1 if TIMES else STRIDES[place])}
    assert {name: one["wrong"] for name, one in found.items() if one["wrong"]} == {}
    counts = {zero: sum(one[zero] for one in found.values()) for zero in ZEROS}
    where = pcscd_version() if place == "pcscd" else "the virtual library"
    runs = sum(one["times"] for one in found.values())
    report(
        f"faults on {where}: {len(found)} rows, {runs} runs; {', '.join(f'{n} {zero}' for zero, n in counts.items())}"
    )
    assert counts == dict.fromkeys(ZEROS, 0), [name for name, one in found.items() if any(one[zero] for zero in ZEROS)]


def test_the_table_has_at_least_a_hundred_rows_and_no_row_twice() -> None:
    assert len({row.name for row in ROWS}) >= 100
    assert max(Counter((row.name, place) for row in ROWS for place in row.places).values()) == 1


def test_the_page_has_exactly_the_rows_and_expectations_of_the_table() -> None:
    on_the_page = Counter(rows_of(PAGE.read_text(encoding="utf-8")))
    in_the_table = Counter(
        (row.fault[0].upper() + row.fault[1:], row.moment, row.operation, expected_text(row), row.places)
        for row in ROWS
    )
    assert on_the_page == in_the_table
