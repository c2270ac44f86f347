"""Many programs in one virtual.environment(): each gets the cards, and the fault of each is counted."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from support.cards import EchoCard
from support.compile import shared_library
from support.interpreter import run_python

from scardffi import virtual

SEND = [sys.executable, "-m", "scardffi", "send", "--reader", "Desk", "00840000"]
IMPATIENT_POLL = Path(__file__).parents[1] / "csrc" / "impatient_poll.c"
PROGRAMS = 300
"""More than wait in the queue of a socket."""


def test_a_fault_that_happens_in_hundreds_of_programs_stops_none_of_them_and_is_counted_in_each() -> None:
    with virtual.fault("SCardTransmit", code=1) as fault, virtual.environment({"Desk": None}) as variables:
        port = int(re.findall(r"report=(\d+)", variables["SCARDFFI_VIRTUAL"])[0])
        for _ in range(PROGRAMS):
            socket.create_connection(("127.0.0.1", port), timeout=10).close()
        assert fault.hits == PROGRAMS


def test_a_program_may_end_in_an_environment_with_a_fault() -> None:
    assert run_python("""
        from scardffi import virtual
        context = virtual.environment({"Desk": None}, faults=["function=SCardConnect,code=1"])
        context.__enter__()
        print("end")
        """) == ["end"]


@pytest.mark.skipif(sys.platform != "linux", reason="interposes poll with LD_PRELOAD")
def test_a_program_waits_for_its_card_however_long_the_command_of_another_program_takes(tmp_path: Path) -> None:
    entered, ends = threading.Event(), threading.Event()

    class SlowCard(EchoCard):
        def transmit(self, command: bytes) -> bytes:
            entered.set()
            assert ends.wait(30)
            return super().transmit(command)

    preloaded = f"{os.environ.get('LD_PRELOAD', '')} {shared_library(IMPATIENT_POLL, tmp_path)}"
    with virtual.environment({"Desk": SlowCard()}) as variables:
        first = subprocess.Popen(SEND, env=variables, cwd="/", stdout=subprocess.PIPE, text=True)
        assert entered.wait(30)
        second = subprocess.Popen(
            SEND, env={**variables, "LD_PRELOAD": preloaded}, cwd="/", stdout=subprocess.PIPE, text=True
        )
        with contextlib.suppress(subprocess.TimeoutExpired):  # it waits
            second.wait(0.5)
        ends.set()
        answers = [program.communicate(timeout=30)[0] for program in (first, second)]
    assert answers[0] == answers[1]
    assert [program.returncode for program in (first, second)] == [0, 0]
