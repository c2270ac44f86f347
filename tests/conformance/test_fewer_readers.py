"""A resource manager that restarts with fewer readers: fewer_readers.py in each place."""

from pathlib import Path

import pytest
from support.alone import run_alone

from .differences import expected_in

ASKING = ["list", "list of a new context", "change", "status"]


def test_after_a_restart_with_fewer_readers_each_call_has_its_code(
    request: pytest.FixtureRequest, place_name: str, tmp_path: Path
) -> None:
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
