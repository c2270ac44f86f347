"""What programs see of calls that fail: the messages of exceptions, and the events of connections, beside pyscard's."""

import fnmatch
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from support.modes import program_named, run_in_mode
from support.reports import report
from support.requirements import need_module

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there pyscard can use the virtual library")

FEWEST_CALLS = 339

GONE = "it is no error if the card, the reader or the service is gone"
WITH_CODE = "the message of pyscard lacks the code"
NOT_CONNECTED = "every call says that the card is not connected"
T0_OR_T1 = "without a protocol, T=0 and T=1 are asked for; pyscard asks for the protocol of the card before"
ALLOWED = {
    "connect to exclude others, *: other.connect()": "the card is connected in one step, whose message has the code",
    "SCardBeginTransaction *": WITH_CODE,
    "SCardEndTransaction *": WITH_CODE,
    "*: exclusive.unlock()": WITH_CODE,
    "attribute and control after a removal, *: exclusive.lock()": WITH_CODE,
    "calls before connect, *": NOT_CONNECTED,
    "reconnect after a removal, 4: *": "a reconnect that fails does not end the connection",
    "calls after release, *: c.connect()": "a connection can be connected again",
    "a service that is stopped, *: c.connect()": T0_OR_T1,
    "SCardReconnect *": T0_OR_T1,
    "a service that is stopped, *: create()": "only connect() needs the service",
    "printed, *: c.control(*)": "pyscard's observer ends the call by a TypeError",
    "an answer of control printed, *": "pyscard's observer ends the call by a TypeError",
    "status words, *": "the meanings of status words are those of scardffi.iso7816",
    "SCardDisconnect *": GONE,
}
"""The reason of every difference, by patterns of the calls. The documentation lists them."""


class Outcomes(NamedTuple):
    """The outcome of each call of tests/programs/smartcard_probe.py, and its events."""

    pyscard: dict[str, list[object]]
    ours: dict[str, list[object]]

    @property
    def differences(self) -> list[str]:
        """The calls that had different outcomes or events."""
        return [call for call, outcome in self.pyscard.items() if outcome != self.ours[call]]


def run_probe(mode: str) -> dict[str, list[object]]:
    done = run_in_mode(mode, program_named("smartcard_probe.py"))
    assert done.returncode == 0, done.stderr
    if mode == "all":
        assert done.stderr == ""
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    need_module("smartcard")
    with ThreadPoolExecutor(2) as pool:
        return Outcomes(*pool.map(run_probe, ("pyscard", "all")))


def test_messages_and_events_are_those_of_pyscard_but_for_reasons(outcomes: Outcomes) -> None:
    assert outcomes.pyscard.keys() == outcomes.ours.keys()
    assert len(outcomes.ours) >= FEWEST_CALLS
    reasons = {call: [one for one in ALLOWED if fnmatch.fnmatch(call, one)] for call in outcomes.differences}
    unknown = {call: (outcomes.pyscard[call], outcomes.ours[call]) for call, found in reasons.items() if not found}
    assert unknown == {}
    report(
        f"smartcard's Python layers: {len(outcomes.ours)} calls under pyscard and scardffi.compat, {len(reasons)} "
        f"different outcomes for {len({ALLOWED[found[0]] for found in reasons.values()})} reasons"
    )


def test_every_reason_has_a_difference(outcomes: Outcomes) -> None:
    assert [one for one in ALLOWED if not fnmatch.filter(outcomes.differences, one)] == []


@pytest.mark.parametrize("function", ["SCardReconnect", "SCardBeginTransaction", "SCardEndTransaction"])
def test_the_messages_that_differ_begin_as_those_of_pyscard(function: str, outcomes: Outcomes) -> None:
    name = [call for call in outcomes.ours if call.startswith(f"{function} SCARD_E_NO_MEMORY")][-1]
    pyscard, ours = (str(found[name][0]).removesuffix(" -1") for found in outcomes)
    assert ours.replace("T0 or T1", "T1").startswith(pyscard)
    assert "(0x80100006)" in ours
