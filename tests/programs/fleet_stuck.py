"""A reader of examples/fleet that does not answer, and one that does; prints what the line says of them as JSON.

Argument: a folder for files.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

from fleet.journal import DONE, IN_DOUBT
from fleet.line import Line
from fleet.local import cluster
from programs import fleet_job
from support.ports import free_port

from scardffi.virtual import VpcdCard

LIMIT_SECONDS = 0.5


class SlowCard:
    """A card that answers a write command only when it may."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self, serial: str, may_answer: threading.Event) -> None:
        self.serial = bytes.fromhex(serial)
        self.may_answer = may_answer

    def transmit(self, command: bytes) -> bytes:
        """Run a command."""
        if command == fleet_job.SERIAL:
            return self.serial + b"\x90\x00"
        self.may_answer.wait(60)
        return b"\x90\x00"


def wait_for(line: Line, **states: str) -> None:
    """Wait until the line says this of these cards."""
    end = time.monotonic() + 30
    while {name: card.state for name, card in line.cards.items()} != states:
        assert time.monotonic() < end, line.cards
        time.sleep(0.02)


if __name__ == "__main__":
    ports = free_port(), free_port()
    os.environ["FLEET_PORTS"] = json.dumps([ports])
    never, at_once = threading.Event(), threading.Event()
    at_once.set()
    with cluster(Path(sys.argv[1]), 1, 2, "--job=programs.fleet_job", f"--limit={LIMIT_SECONDS}") as (client, _):
        line = Line(client)
        with VpcdCard(SlowCard("bbbbbbbb", never), ports[0]):
            wait_for(line, bbbbbbbb=IN_DOUBT)
            with VpcdCard(SlowCard("aaaaaaaa", at_once), ports[1]):
                wait_for(line, bbbbbbbb=IN_DOUBT, aaaaaaaa=DONE)
            aside = {reader: why for (_, reader), why in line.aside.items()}
            never.set()
            wait_for(line, bbbbbbbb=DONE, aaaaaaaa=DONE)  # it has answered after all
        line.finish()
    sys.stdout.write(json.dumps({"aside": aside, "stuck": f"Reader {ports[0]}", "twice": line.twice}) + "\n")
