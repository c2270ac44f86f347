"""How fast the Python layers are, beside pyscard's on the same library."""

import json

from support.modes import program_named, run_in_mode
from support.reports import report
from support.requirements import need_module

FLOORS = {"2": 1.8, "16": 2.2, "255": 5.5}
"""How many times as fast as pyscard's a transmit is at least, by the length of the response."""
SLACK = 0.8
TRIES = 4


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
