"""``scardffi watch``: events as lines, as JSON, and as a table in a terminal."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.pcscd import PrivatePcscd

from scardffi import virtual
from scardffi.virtual import AnsweringCard

pexpect = pytest.importorskip("pexpect", reason="terminals are tested on Linux, with pexpect")

READER = "Desk"


@contextmanager
def watched(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Watch a virtual reader into which the test can insert cards, without a terminal."""
    with virtual.environment({READER: AnsweringCard()}) as variables:
        command = [sys.executable, "-m", "scardffi", "watch", *arguments]
        with subprocess.Popen(command, env=variables, cwd="/", stdout=subprocess.PIPE, text=True) as watch:
            yield watch
            watch.send_signal(signal.SIGINT)
            assert watch.wait(10) == 130


def test_what_is_there_is_printed_first_and_ctrl_c_ends() -> None:
    with watched() as watch:
        assert watch.stdout is not None
        lines = [watch.stdout.readline().rstrip().split("\t")[1:] for _ in range(2)]
    assert lines == [
        ["reader added", READER],
        ["card inserted", READER, "3B 88 80 01 73 63 61 72 64 66 66 69 07  T=0, T=1"],
    ]


def test_each_event_is_a_line_of_json() -> None:
    with watched("--json") as watch:
        assert watch.stdout is not None
        events = [json.loads(watch.stdout.readline()) for _ in range(2)]
    assert [event["event"] for event in events] == ["READER_ADDED", "CARD_INSERTED"]
    assert events[1]["atr"] == "3B888001736361726466666907"


def test_a_terminal_shows_a_table_that_changes() -> None:
    with virtual.environment({READER: AnsweringCard()}) as variables:
        variables |= {"TERM": "xterm", "COLUMNS": "120"}
        terminal = pexpect.spawn(sys.executable, ["-m", "scardffi", "watch"], env=variables, cwd="/", timeout=20)
        terminal.expect("last event")
        terminal.expect(f"{READER}.*3B 88 80 01")
        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.close()
    assert terminal.exitstatus == 130


def test_cards_come_and_go_on_pcscd(removal_daemon: PrivatePcscd) -> None:
    terminal = pexpect.spawn(sys.executable, ["-m", "scardffi", "watch", "--lines"], cwd="/", timeout=20)
    terminal.expect("reader added")
    removal_daemon.remove_card(2)
    terminal.expect("card removed")
    removal_daemon.insert_card(2)
    terminal.expect("card inserted")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
