"""How fast the Python layers are, beside pyscard's on the same library."""

import json
import os
import subprocess
import sys

import pytest
from support.modes import program_named, run_in_mode
from support.reports import report
from support.requirements import need_module

pytestmark = pytest.mark.alone

FLOORS = {"2": 1.8, "16": 2.2, "255": 5.5}
"""How many times as fast as pyscard's a transmit is at least, by the length of the response."""
SLACK = 0.8
TRIES = 4
IMPORT_LIMIT = 1.5
IMPORT_ROUNDS = 9
INSTALL = "from scardffi import compat; compat.install()"
MODULES = "smartcard.System"


def times(mode: str) -> dict[str, float]:
    """Return the microseconds of a transmit, by the length of the response."""
    done = run_in_mode(mode, program_named("smartcard_transmit.py"))
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_a_transmit_is_several_times_as_fast_as_pyscards() -> None:
    need_module("smartcard")
    best: dict[str, dict[str, float]] = {"pyscard": {}, "all": {}}
    for _ in range(TRIES):  # other programs can slow down all of a round
        for mode, found in best.items():
            for length, microseconds in times(mode).items():
                found[length] = min(microseconds, found.get(length, microseconds))
        ratios = {length: best["pyscard"][length] / best["all"][length] for length in FLOORS}
        if all(ratios[length] >= floor for length, floor in FLOORS.items()):
            break
    figures = ", ".join(
        f"{length} bytes {best['pyscard'][length]:.1f} and {best['all'][length]:.1f} us ({ratios[length]:.1f} times)"
        for length in FLOORS
    )
    report(f"connection.transmit of pyscard and scardffi.compat: {figures}")
    assert all(ratios[length] >= floor * SLACK for length, floor in FLOORS.items()), figures


def processor_time(program: str) -> float:
    """Return the milliseconds of processor time of a Python that runs a program, the minimum of several."""
    times = []
    for _ in range(IMPORT_ROUNDS):
        process = subprocess.Popen([sys.executable, "-c", program], cwd="/")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        times.append((used.ru_utime + used.ru_stime) * 1e3)
    return min(times)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no wait4()")
def test_a_program_that_imports_smartcard_starts_almost_as_fast_as_with_pyscard() -> None:
    need_module("smartcard")
    for _ in range(TRIES):  # other programs can slow down all of a round
        nothing, theirs, ours = map(processor_time, ("pass", f"import {MODULES}", f"{INSTALL}; import {MODULES}"))
        if ours <= theirs * IMPORT_LIMIT:
            break
    report(
        f"processor time of a Python that imports smartcard: {nothing:.1f} ms without, {theirs:.1f} ms with pyscard, "
        f"{ours:.1f} ms with scardffi.compat ({ours / theirs:.2f} times; the import by itself "
        f"{(ours - nothing) / (theirs - nothing):.1f} times)"
    )
    assert ours <= theirs * IMPORT_LIMIT
