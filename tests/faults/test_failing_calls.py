"""Each call of C code that can fail is made to fail once, and only that operation fails: programs/failing_calls.py."""

import shutil
import sys
from pathlib import Path

import pytest
from support.alone import run_alone
from support.compile import shared_library, virtual_library_in_windows_shape
from support.reports import report

from scardffi._loader import calls

from .failing_calls import CALL_NOTHING, FAILING_CALLS, NOT_ALWAYS_SEEN, SEEN_IF_QUICK
from .page import PAGE, failing_calls_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="interposes glibc's functions with LD_PRELOAD")
WITHOUT_CALLS = set() if calls is not None else {"transmit"}
"""Operations for whose memory cffi cares if there is no module _calls."""


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, int]]:
    """How often each function was failed, by operation."""
    folder = tmp_path_factory.mktemp("failing_calls")
    preload = shared_library(Path(__file__).parent.parent / "csrc" / "failing_calls.c", folder, "-pthread", "-ldl")
    copies = folder / "copies"
    copies.mkdir()
    found, _ = run_alone(
        "failing_calls",
        str(preload),
        str(copies),
        str(virtual_library_in_windows_shape(folder)),
        environment={"LD_PRELOAD": str(preload), "SCARDFFI_LIBRARY": ""},
    )
    shutil.rmtree(copies)
    counts: dict[str, dict[str, int]] = found
    return counts


@pytest.mark.alone  # on a busy machine the library's threads call later, and calls of a start change places
def test_a_failed_call_raises_its_error_leaks_nothing_and_the_next_try_works(
    failed: dict[str, dict[str, int]],
) -> None:
    seen = {(operation, function) for operation, functions in failed.items() for function in functions}
    expected = {(row.operation, row.function) for row in FAILING_CALLS if row.operation not in WITHOUT_CALLS}
    assert {row for row in (seen ^ expected) - SEEN_IF_QUICK if row[1] not in NOT_ALWAYS_SEEN} == set()
    assert {operation for operation, functions in failed.items() if not functions} == CALL_NOTHING | WITHOUT_CALLS
    report(
        f"{sum(map(len, failed.values()))} pairs of operation and failing function, failed "
        f"{sum(count for functions in failed.values() for count in functions.values())} times"
    )


def test_the_page_has_exactly_the_failing_calls_of_the_table() -> None:
    assert failing_calls_of(PAGE.read_text(encoding="utf-8")) == FAILING_CALLS
