"""Cards of a real pcscd that move at the same time, under monitors and a wait: programs/moving_cards.py."""

import os
from pathlib import Path

import pytest
from support.alone import run_alone
from support.pcscd import pcscd_version
from support.reports import report

ROUNDS = int(os.environ.get("SCARDFFI_TEST_MOVES", "20"))


@pytest.mark.usefixtures("daemon")  # skips without a pcscd; the program starts its own one
def test_waits_tell_each_move_of_a_card_and_no_reader_that_stays_is_gone(tmp_path: Path) -> None:
    found, errors = run_alone("moving_cards", str(tmp_path), str(ROUNDS), seconds=120 + ROUNDS)
    assert errors == ""
    assert found["readers"] == [[16, 0], [1, 0]]
    assert found["wrong counts of all"] == found["wrong counts of one"] == {}
    assert found["get_status_change"] == [False, "", []]
    assert found["moves"] >= 2 * 15 * ROUNDS
    report(f"{pcscd_version()}: {found['moves']} moves of cards in {found['seconds']} s, each told, no reader gone")
