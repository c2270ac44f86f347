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
MIB = 1 << 20


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
        report(
            f"soak on {where}: {count} {what.removeprefix('40 ')}: {grown['bytes']} bytes, {grown['descriptors']} "
            f"descriptors and {grown['threads']} threads more, {grown['us']} us for {what}"
        )
        assert grown["bytes"] < MIB, what
        assert grown["descriptors"] <= 0, what
        assert grown["threads"] <= 0, what
