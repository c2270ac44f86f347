"""Cards of a real pcscd that move at the same time, under monitors and other waits: programs/moving_cards.py."""

import os
from pathlib import Path

import pytest
from support.alone import run_alone
from support.pcscd import pcscd_version
from support.reports import report

ROUNDS = int(os.environ.get("SCARDFFI_TEST_MOVES", "20"))


@pytest.mark.usefixtures("daemon")  # skips without a pcscd; the program starts its own one
def test_waits_tell_each_move_of_a_card_and_no_reader_that_stays_is_gone(tmp_path: Path) -> None:
    found, errors = run_alone("moving_cards", str(tmp_path), str(ROUNDS), seconds=120 + 5 * ROUNDS)
    assert errors == ""
    assert {what: count for what, count in found["wrong"].items() if count} == {}
    right = found["right"]
    assert right["moves under a monitor of 16"] >= 28 * ROUNDS
    assert right["moves under a monitor of 1"] >= 2 * ROUNDS
    assert min(right[f"waits for a {what}"] for what in ("move", "change of the list", "card")) > 0
    report(f"{pcscd_version()}: cards that move at the same time: {right}, nothing wrong")
