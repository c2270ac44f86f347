"""Ctrl-C at each point at which Python handles signals: nothing stays locked, open or in memory."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from support.alone import run_alone
from support.compile import need_python_headers, python_include_flags, shared_library
from support.reports import report

import scardffi
from scardffi import virtual

C_FOLDER = Path(__file__).parent / "csrc"
PACKAGE = Path(scardffi.__file__).parent
READER = "scardffi Virtual Reader 0"
LONG = bool(os.environ.get("SCARDFFI_TEST_EVERY_INTERRUPTION"))
SLOW = ["verify", "verify_with_padding", "unblock"]
"""Operations that are like others; with SCARDFFI_TEST_EVERY_INTERRUPTION they are interrupted too."""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the search reads /proc/self/maps, which is Linux's")


class Interruptions:
    """The program that interrupts operations, and the libraries that it needs."""

    def __init__(self, folder: Path) -> None:
        need_python_headers()
        includes = [f"-I{PACKAGE / 'include'}", f"-I{PACKAGE / 'csrc'}"]
        self.libraries = [
            str(shared_library(C_FOLDER / "counting_pcsc.c", folder, *includes)),
            str(shared_library(C_FOLDER / "signal_points.c", folder, *python_include_flags())),
            str(shared_library(C_FOLDER / "memory_search.c", folder)),
        ]

    def run(self, *names: str) -> dict[str, dict[str, Any]]:
        """Interrupt these operations; return what was seen, by name."""
        environment = {"SCARDFFI_LIBRARY": virtual.library_path()}
        outcome: dict[str, dict[str, Any]]
        outcome, _ = run_alone(
            "interruptions",
            *self.libraries,
            virtual.library_path(),
            READER,
            *names,
            environment=environment,
            seconds=1200 if LONG else 300,
        )
        return outcome


@pytest.fixture(scope="module")
def interruptions(tmp_path_factory: pytest.TempPathFactory) -> Interruptions:
    return Interruptions(tmp_path_factory.mktemp("interruption"))


def test_nothing_is_left_by_an_interruption_at_any_point(interruptions: Interruptions) -> None:
    outcomes = interruptions.run(*([] if LONG else [f"-{name}" for name in SLOW]))
    faults = [f"{name}: {fault}" for name, outcome in outcomes.items() for fault in outcome["faults"]]
    points = sum(outcome["points"] for outcome in outcomes.values())
    dropped = sum(outcome["swallowed"] for outcome in outcomes.values())
    report(f"interruption: {len(outcomes)} operations, {points} points ({dropped} in finalizers), {len(faults)} faults")
    assert faults == []
    assert len(outcomes) >= 20
    assert min(outcome["points"] for outcome in outcomes.values()) >= 1  # transmit() is one call into C


@pytest.mark.parametrize("name", ["leave_a_copy", "leave_a_transaction", "leave_a_context", "leave_a_mutex"])
def test_something_left_on_purpose_is_found(name: str, interruptions: Interruptions) -> None:
    assert interruptions.run(name)[name]["faults"] != []
