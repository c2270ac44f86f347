"""A real pcscd with 16 readers that is restarted, frozen and killed under a monitor: programs/monitored_restarts.py."""

import os
from pathlib import Path

import pytest
from support.alone import run_alone
from support.pcscd import pcscd_version
from support.reports import report

RESTARTS = int(os.environ.get("SCARDFFI_TEST_RESTARTS", "5"))
READERS = 16


@pytest.mark.usefixtures("daemon")  # skips without a pcscd; the program starts its own one
def test_a_monitor_of_16_readers_survives_restarts_and_is_not_held_up_by_a_frozen_daemon(tmp_path: Path) -> None:
    found, errors = run_alone("monitored_restarts", str(tmp_path), str(RESTARTS), seconds=60 + 5 * RESTARTS)
    assert errors == ""
    assert found["present"] == found["present for asyncio"] == {"READER_ADDED": READERS, "CARD_INSERTED": READERS}
    assert found["atrs"] == READERS
    assert found["card of the last reader"] == ["CARD_REMOVED", "CARD_INSERTED"]
    assert found["card of a reader that came back"] is True
    assert found["used"] == RESTARTS
    called = found["events of the callback"]
    assert called["SERVICE_STOPPED"] == called["SERVICE_STARTED"] == RESTARTS
    assert called["CARD_INSERTED"] >= READERS * (RESTARTS + 1)
    watched = found["asyncio"]
    assert watched["SERVICE_STOPPED"] == watched["SERVICE_STARTED"] == watched["used"] == RESTARTS
    assert watched["CARD_INSERTED"] >= READERS * (RESTARTS + 1)
    assert watched["CARD_INSERTED"] == watched["CARD_REMOVED"] + READERS
    assert found["threads"] == 1
    report(
        f"{pcscd_version()} restarted {RESTARTS} times under a monitor of {READERS} readers: "
        f"{called['SERVICE_STARTED']} returns seen, the card used after each, {found['seconds']} s; "
        f"a monitor of scardffi.aio saw {watched['SERVICE_STARTED']}, and used the card after {watched['used']}"
    )
    frozen = found["frozen"]
    report(f"seconds of calls on a frozen {pcscd_version()}: {frozen}")
    for call, seconds in frozen.items():
        waits = 0.3 if "0.3" in call or "Ctrl-C" in call else 0.0
        assert waits <= seconds + 0.01, call
        assert seconds < waits + 2, call  # the machine may be busy
