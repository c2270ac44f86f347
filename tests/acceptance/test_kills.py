"""A real pcscd that is killed again and again while twelve threads use it: programs/kills.py."""

import os
from pathlib import Path

import pytest
from support.alone import run_alone
from support.pcscd import pcscd_version
from support.reports import report

KILLS = int(os.environ.get("SCARDFFI_TEST_KILLS", "8"))


@pytest.mark.usefixtures("daemon")  # skips without a pcscd; the program starts its own one
def test_after_each_kill_every_thread_gets_one_of_two_errors_and_goes_on(tmp_path: Path) -> None:
    found, _ = run_alone("kills", str(tmp_path), str(KILLS), seconds=60 + 2 * KILLS)
    assert found["unexpected"] == []
    assert found["endings"].keys() <= {"NoServiceError", "CommunicationError", "ServiceStoppedError"}
    assert sum(found["endings"].values()) >= KILLS
    assert found["stuck"] == 0
    assert found["not working again"] == []
    assert 0 <= found["executed without a reply"] <= found["cut short"] <= KILLS
    assert {what: count for what, count in found["after"].items() if count > found["before"][what]} == {}
    report(
        f"kills: {found['kills']} of {pcscd_version()} under 12 threads, endings {found['endings']}, "
        f"{found['completed']} results right, {found['replies']} replies of scripts kept, "
        f"{found['executed without a reply']} executed without a reply, open before and after: {found['after']}"
    )
