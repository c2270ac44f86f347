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
    "allocated": 8 << 10,  # the buffers of such threads; a leak of 20 bytes in each of 500 restarts is more
    "objects": 100,  # caches of Python's own; a leak of one object in every fourth of 500 restarts is more
    "descriptors": 0,
    "threads": 0,
}
"""The growth in the second half of the rounds that is no leak. In the first half tables of Python's own may grow."""


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
        first, second = grown["halves"]
        report(
            f"soak on {where}: {count} {what.removeprefix('40 ')}: more in each half: "
            f"{', '.join(f'{first[name]} and {second[name]} {name}' for name in MOST)}; {grown['us']} us for {what}"
        )
        assert {name: second[name] for name, most in MOST.items() if second[name] > most} == {}, what
