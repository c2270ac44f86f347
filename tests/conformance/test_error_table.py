"""Every call in every state of reader, card and resource manager: the class of its error, and what the error says."""

import sys
from typing import Any

import pytest
from support.alone import run_alone
from support.pcscd import pcscd_version
from support.reports import report
from support.shape import PLACES

GONE, OK = "NoServiceError", "ok"
UNAVAILABLE = "ReaderUnavailableError"
ATTACHING = ["attach", "attach_by_ifd", "attach directly"]
ASKING = ["list_readers", "list_reader_groups", "is_valid", "get_status_change", "get_status_change of the list"]
LETTING_GO = ["release", "detach", "detach with a reset", "unlock"]
NOTHING_NEW = {"get_status_change of the list": "SCardTimeoutError", "is_valid": "ok True"}
NO_CONTEXT = {"Context": GONE, "get_status_change of the list": GONE, "get_status_change": GONE}
WITHOUT_SERVICE = {**NO_CONTEXT, "list_readers": GONE, "is_valid": "ok False"}

# The classes in each state: of the calls that attach, of the calls on an attached card, and of other calls that do not
# succeed. Letting go of what is gone is no error.
EXPECTED: dict[str, tuple[str, str, dict[str, str]]] = {
    "absent": ("NoSmartCardError", OK, {"attach directly": OK}),
    "mute": ("UnpoweredCardError", OK, {"attach directly": OK}),
    "removed": (
        "NoSmartCardError",
        "RemovedCardError",
        {
            **NOTHING_NEW,
            "attach directly": OK,
            "unlock": "RemovedCardError",
            "reconnect": "NoSmartCardError",
            "reconnect with a reset": "NoSmartCardError",
            "control": OK,  # it is for the reader
            "attach_by_handle": OK,  # the first use says that the card is gone
            "get_attribute": "ResetCardError",  # an earlier call of the table has reset the reader
            "set_attribute": "ResetCardError",
        },
    ),
    "reset": (
        OK,
        "ResetCardError",
        {
            **NOTHING_NEW,
            "unlock": "ResetCardError",
            "reconnect": OK,
            "reconnect with a reset": OK,
            "control": OK,
            "attach_by_handle": OK,
        },
    ),
    "unplugged": ("UnknownReaderError", UNAVAILABLE, {**NOTHING_NEW, "get_status_change": "UnknownReaderError"}),
    "held": (OK, "SharingViolationError", {"lock": "SCardTimeoutError"}),
    "exclusive": ("SharingViolationError", OK, NOTHING_NEW),
    "stopped": (GONE, GONE, WITHOUT_SERVICE),
    "killed": (GONE, GONE, WITHOUT_SERVICE),
    "restarted": (OK, GONE, NOTHING_NEW),
    "other version": ("ServiceStoppedError", OK, {"Context": "ServiceStoppedError"}),
    "no descriptors": (
        GONE,
        OK,
        {**NO_CONTEXT, "is_valid": "ok True", "get_attribute": "ResetCardError", "set_attribute": "ResetCardError"},
    ),
}

# What errors say that the user shall do, in the states in which the code itself does not tell.
REMEDIES = {
    ("mute", "attach"): "Insert it the right way round",
    ("unplugged", "transmit"): "Plug it in, then attach again.",
    ("stopped", "Context"): "Start it",
    ("stopped", "transmit"): "Attach again when the resource manager runs",
    ("restarted", "status"): "Attach again when the resource manager runs",
    ("no descriptors", "Context"): "ulimit -n",
    ("no descriptors", "attach"): "ulimit -n",
    ("other version", "Context"): "the same version",
}


@pytest.fixture(scope="module")
def tables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The program's result in each place."""
    if "pcscd" in PLACES:
        request.getfixturevalue("daemon")  # skips without a pcscd; the program starts its own one
    found = {}
    for name in PLACES:
        folder = str(tmp_path_factory.mktemp(name))
        found[name], _ = run_alone("error_table", name, folder, seconds=300)  # an emulated machine is slow
    return found


def expected(state: str, call: str) -> str:
    attaching, on_a_card, others = EXPECTED[state]
    if call in others:
        return others[call]
    if call in ATTACHING:
        return attaching
    return OK if call in (*ASKING, *LETTING_GO, "Context") else on_a_card


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("state", EXPECTED)
def test_each_call_has_the_class_of_its_state(tables: dict[str, Any], name: str, state: str) -> None:
    found = {call: answer[0] for call, answer in tables[name][state].items()}
    wanted = {call: expected(state, call) for call in found}
    if "script" in wanted and wanted["script"] != OK:
        wanted["script"] = "ScriptError"
    assert found == wanted


def test_class_and_remedy_are_the_same_in_both_places(tables: dict[str, Any]) -> None:
    differing = [
        (state, call, [table[state][call] for table in tables.values()])
        for state in EXPECTED
        for call in tables["virtual"][state]
        if len({tuple(table[state][call][:2]) for table in tables.values()}) > 1
    ]
    assert differing == []
    cells = sum(len(calls) for calls in tables["virtual"].values())
    assert cells >= 100
    report(
        f"error table: {cells} cells in {len(EXPECTED)} states, each on {' and on '.join(PLACES)} ({pcscd_version()})"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="descriptors and sockets are causes on other systems")
@pytest.mark.parametrize(("state", "call"), REMEDIES)
def test_the_error_says_what_to_do_in_this_state(tables: dict[str, Any], state: str, call: str) -> None:
    assert REMEDIES[state, call] in tables["virtual"][state][call][1]
    assert "reconnect()" not in tables["virtual"][state][call][1]
