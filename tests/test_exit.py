"""Objects that are still open when the interpreter ends: nothing but ResourceWarnings is written to stderr."""

import re

import pytest
from support.alone import run_alone
from support.reports import report

HOLDERS = ["program", "module", "class", "sys", "builtins", "cycle"]
COUNTS = {"": 0, "kept": 0}


@pytest.fixture(scope="module", autouse=True)
def report_the_counts() -> object:
    yield
    report(f"objects left open at the end of the interpreter: {sum(COUNTS.values())} cases, no error on stderr")


@pytest.mark.parametrize("kept", COUNTS, ids=["modules_free", "modules_kept"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_objects_left_open_at_exit_print_only_resource_warnings(holder: str, kept: str) -> None:
    options = ["-X", "dev", "-W", "error", "-W", "default::ResourceWarning"]
    count, stderr = run_alone("left_open", holder, kept, options=options)
    warned = re.compile(r".*\bResourceWarning: |  _warn\(")  # Python shows a line of code below the warning
    rest = [line for line in stderr.splitlines() if not warned.match(line)]
    assert rest == []
    assert "was collected while attached" in stderr or kept or holder != "program"
    assert count >= 25
    COUNTS[kept] += count
