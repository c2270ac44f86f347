"""Runs pyscard's own tests and prints a line of JSON with the outcome of each, by its name.

Arguments: the layers, "pyscard", "scard" or "all"; the PC/SC library, "virtual" or "pcscd"; a folder of pyscard's sdist
with tests; the module of a unittest suite in it, or nothing to run pytest; modules of the suite that are left out.
"""

import io
import json
import os
import sys
import unittest
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Any

from scardffi import compat, virtual


class T0Card:
    """A card with T=0 that supports no class."""

    def __init__(self, name: str) -> None:
        self.atr = bytes([0x3B, len(name), *name.encode()])

    def transmit(self, _command: bytes) -> bytes:
        """Answer 6E00."""
        return b"\x6e\x00"


class Outcomes:
    """A plugin of pytest that notes the outcome of each test."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Note an outcome."""
        if report.when == "call" or report.outcome != "passed":
            strict = report.outcome == "failed" and "XPASS(strict)" in str(report.longrepr)
            self.of[report.nodeid] = "failed: unexpected success" if strict else report.outcome


def by_pytest() -> dict[str, str]:
    import pytest

    outcomes = Outcomes()
    pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", ".", "."], plugins=[outcomes])
    return outcomes.of


def by_unittest(name: str, without: list[str]) -> dict[str, str]:
    sys.path.insert(0, ".")
    module = __import__(name)
    module.configcheck.checklocalconfig()
    tests = list(flat(module.suite()))
    chosen = [test for test in tests if type(test).__module__ not in without]
    result = unittest.TextTestRunner(stream=io.StringIO()).run(unittest.TestSuite(chosen))
    bad = {test.id(): text for test, text in result.failures + result.errors}
    return {test: "failed" if test in bad else "passed" for test in (test.id() for test in chosen)} | dict.fromkeys(
        bad.keys() - {test.id() for test in chosen}, "failed"
    )


def flat(suite: Any) -> Any:
    for one in suite:
        if isinstance(one, unittest.TestSuite):
            yield from flat(one)
        else:
            yield one


def main() -> None:
    layers, library, folder, *suite = sys.argv[1:]
    if layers != "pyscard":
        compat.install(layers)  # type: ignore[arg-type]  # "scard" or "all"
    os.chdir(folder)
    with ExitStack() as stack:
        if library == "virtual":
            virtual.VirtualReader().unplug()
            for name in ("one", "another"):
                stack.enter_context(virtual.VirtualReader(f"T=0 {name}", T0Card(name)))
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            outcomes = by_unittest(suite[0], suite[1:]) if suite else by_pytest()
    sys.stdout.write(f"{json.dumps(outcomes)}\n")
    sys.stdout.flush()
    sys.stderr.write(said.getvalue())
    os._exit(0)  # pyscard's tests leave threads behind that wait


main()
