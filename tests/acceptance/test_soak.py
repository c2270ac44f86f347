"""Memory, descriptors and threads stay flat over APDUs, attaches, monitors and restarts: programs/soak.py."""

import os
from pathlib import Path

import pytest
from support.alone import run_alone
from support.pcscd import pcscd_version
from support.reports import report
from support.shape import PLACES

TIMES = int(os.environ.get("SCARDFFI_TEST_SOAK", "1"))
"""1 000 for .ci/long soak: 10^6 APDUs, 10^5 attaches, 10^4 monitors, 10^3 restarts."""
NUMBERS = {"APDUs": 1_000 * TIMES, "attaches": 100 * TIMES, "monitors": 10 * TIMES, "restarts": TIMES}
MOST = {
    "resident": 64 << 10,  # pages of 4 KiB; the stacks and pools of threads that come and go touch some of them later
    "allocated": 8 << 10,  # the buffers of such threads; a leak of 25 bytes in each of 333 restarts is more
    "objects": 100,  # caches of Python's own; a leak of one object in every third of 333 restarts is more
}
"""The growth that is no leak, in the third of the rounds with the least. Memory that leaks grows in each third; tables
of Python's own, and the stacks and pools of threads, grow in some.
"""


@pytest.mark.parametrize("place", PLACES)
def test_a_soak_costs_no_memory_no_descriptor_and_no_thread(
    request: pytest.FixtureRequest, place: str, tmp_path: Path
) -> None:
    if place == "pcscd":
        request.getfixturevalue("daemon")  # skips without a pcscd; the program starts its own one
    numbers = map(str, NUMBERS.values())
    found, errors = run_alone("soak", place, str(tmp_path), *numbers, seconds=60 + 2 * TIMES)
    assert errors == ""
    where = pcscd_version() if place == "pcscd" else "the virtual library"
    for what, grown in found.items():
        count = NUMBERS[what.removeprefix("40 ")]
        thirds = grown["thirds"]
        more = ", ".join(f"{[third[name] for third in thirds]} {name}" for name in thirds[0])
        done = what.removeprefix("40 ")
        report(f"soak on {where}: {count} {done}: more in each third: {more}; {grown['us']} us for {what}")
        least = {name: min(third[name] for third in thirds) for name in MOST}
        assert {name: one for name, one in least.items() if one > MOST[name]} == {}, what
        for name in ("descriptors", "threads"):
            assert sum(third[name] for third in thirds) <= 0, (what, name)
