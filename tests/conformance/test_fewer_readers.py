"""A resource manager that restarts with fewer readers: fewer_readers.py in each place."""

from pathlib import Path

import pytest
from support.alone import run_alone
from support.pcscd import pcscd_version
from support.reports import report
from support.requirements import need_module

from .differences import expected_in

MONITORS = ["Monitor", "aio.Monitor"]
ASKING = ["list", "list of a new context", "change", "status"]


def test_after_a_restart_with_fewer_readers_each_call_has_its_code(
    request: pytest.FixtureRequest, place_name: str, tmp_path: Path
) -> None:
    need_module("anyio")
    if place_name == "pcscd":
        request.getfixturevalue("daemon")  # skips without a pcscd; the program starts its own ones
    found = run_alone("fewer_readers", place_name, str(tmp_path))[0]
    assert found["transmit"] == [True, ""]
    code = expected_in(place_name, "code of a list after a restart with fewer readers")
    for call in ASKING:
        assert found[call][0] == (code or True)
        if code:
            assert found[call][1].startswith("CommunicationError: ")
            assert "only a new process can list readers" in found[call][1]
    for monitor in MONITORS:
        kinds, error = found[monitor]
        if code:
            assert kinds[0] == "SERVICE_STOPPED"
            assert set(kinds[1:]) == {"CARD_REMOVED", "READER_REMOVED"}
            assert error.startswith("CommunicationError: ")
            assert "only a new process can list readers" in error
        else:
            assert error == ""
            assert {"SERVICE_STOPPED", "SERVICE_STARTED"} < set(kinds)
    if place_name == "pcscd":
        seen = {monitor: [*found[monitor][0], found[monitor][1] or "no error"] for monitor in MONITORS}
        report(f"{pcscd_version()} restarted with 1 reader instead of 3: {seen}")
