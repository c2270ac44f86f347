"""A resource manager without readers, a stopped one, and a restarted one: service_restart.py in each place."""

from typing import Any

import pytest
from support.alone import run_alone

from .codes import (
    CHANGED,
    COMM_ERROR,
    INVALID_HANDLE,
    NO_READERS_AVAILABLE,
    NO_SERVICE,
    SERVICE_STOPPED,
    SUCCESS,
    TIMEOUT,
    UNKNOWN_READER,
)

OF_A_CARD = [
    "status", "transmit", "begin", "end", "control", "get_attribute", "set_attribute", "reconnect",
    "reconnect_with_a_reset", "disconnect",
]  # fmt: skip
# The codes on a context without its service; with the service all succeed, except the last.
OF_A_CONTEXT = {
    "is_valid": SUCCESS,
    "list": NO_SERVICE,
    "groups": SUCCESS,
    "connect": NO_SERVICE,
    "connect_direct": NO_SERVICE,
    "change": NO_SERVICE,
    "no_change": SUCCESS,
    "cancel": SUCCESS,
    "free": SUCCESS,
    "release": NO_SERVICE,
    "is_valid_then": INVALID_HANDLE,
}
EXPECTED: dict[str, Any] = {
    "no_readers.list": NO_READERS_AVAILABLE,
    "no_readers.groups": SUCCESS,
    "no_readers.connect": UNKNOWN_READER,
    "no_readers.change": UNKNOWN_READER,
    "no_readers.notification": TIMEOUT,
    "no_readers.the_first_comes": [SUCCESS, CHANGED],
    "another_version.establish": SERVICE_STOPPED,
    "interrupted.change": COMM_ERROR,
    "interrupted.notification": COMM_ERROR,
    "interrupted.transmit": COMM_ERROR,
    "interrupted.connect": COMM_ERROR,
    "interrupted.begin_fails": True,
    "stopped.establish": NO_SERVICE,
    **{f"stopped.{name}": NO_SERVICE for name in OF_A_CARD},
    **{f"stopped.{name}": code for name, code in OF_A_CONTEXT.items()},
    "restarted.establish": SUCCESS,
    **{f"restarted.{name}": NO_SERVICE for name in OF_A_CARD},
    **{f"restarted.{name}": code for name, code in OF_A_CONTEXT.items()},
    **{f"anew.{name}": SUCCESS for name in OF_A_CARD},
    **{f"anew.{name}": SUCCESS for name in OF_A_CONTEXT},
    "anew.is_valid_then": INVALID_HANDLE,
}


@pytest.fixture(scope="module")
def answers(
    request: pytest.FixtureRequest, place_name: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The results of the program in this place."""
    if place_name == "pcscd":
        request.getfixturevalue("daemon")  # skips without a pcscd; the program starts its own one
    folder = tmp_path_factory.mktemp("service")
    found: dict[str, Any] = run_alone("service_restart", place_name, str(folder))[0]
    assert found.keys() == EXPECTED.keys()
    return found


@pytest.mark.parametrize("step", EXPECTED)
def test_each_function_has_its_code_when_the_service_stops_and_restarts(answers: dict[str, Any], step: str) -> None:
    assert answers[step] == EXPECTED[step]
