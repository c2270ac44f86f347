"""The readers of one worker of examples/fleet, without Dask; prints what it has told the driver as JSON.

A task is repeated when the next card is in the reader, and a card gets stuck as soon as it is identified. This file is
the job.
"""

import json
import os
import queue
import sys
import tempfile
import threading
from types import SimpleNamespace
from typing import Any

from fleet.host import Host

from scardffi import SCardManage, Script, virtual

READ_SERIAL, WRITE = bytes.fromhex("00CA000001"), bytes.fromhex("80D0000001FF")
SECONDS = 30


class Card:
    """A card that answers a write command once it may."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self, serial: int) -> None:
        self.serial = serial
        self.is_written, self.may_answer = threading.Event(), threading.Event()

    def transmit(self, command: bytes) -> bytes:
        """Run a command."""
        if command == READ_SERIAL:
            return bytes([self.serial, 0x90, 0])
        self.is_written.set()
        self.may_answer.wait(2 * SECONDS)
        return b"\x90\x00"


feeder, desk = virtual.VirtualReader("Feeder"), virtual.VirtualReader("Desk")
first, second, stuck = Card(1), Card(2), Card(3)
first.may_answer.set()
ejected: list[str] = []
told: queue.Queue[Any] = queue.Queue()


def identify(card: SCardManage) -> str:
    """Return the serial number of a card, in hexadecimal."""
    return card.send(READ_SERIAL).data.hex()


def steps(_identity: str) -> list[tuple[str, Script]]:
    """Return the only step."""
    return [("write", Script([WRITE]))]


def start(_worker: str) -> None:
    """Plug in the readers, which are empty."""
    os.environ["SCARDFFI_LIBRARY"] = virtual.library_path()
    virtual.VirtualReader().unplug()  # the one that is there from the start
    feeder.plug()
    desk.plug()


def eject(reader: str) -> None:
    """Note the reader, and put the next card into it."""
    ejected.append(reader)
    feeder.swap(second, gap=0)


def hear(_topic: str, message: Any) -> None:
    """Take what the worker tells the driver. A task for the stuck card begins while the worker tells of the card."""
    told.put(message)
    if message == [("Desk", "this", "0"), {"card": "03"}]:
        threading.Thread(target=host.write, args=("Desk", "03"), daemon=True).start()
        assert stuck.is_written.wait(SECONDS)


def next_message(reader: str, **parts: str) -> dict[str, Any]:
    """Return what the worker tells next of a reader, and in which these parts are."""
    while True:
        (of, _, _), message = told.get(timeout=SECONDS)
        if of == reader and parts.items() <= message.items():
            found: dict[str, Any] = message
            return found


if __name__ == "__main__":
    state = SimpleNamespace(nthreads=2, total_resources={}, available_resources={})
    worker = SimpleNamespace(name="0", state=state, log_event=hear)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        host = Host(worker, "__main__", f"{folder}/journal.db", "this", "", 0.5)
        feeder.insert(first)
        next_message("Feeder", card="01")
        host.write("Feeder", "01")
        found["ejected after the first task"] = ejected.copy()
        next_message("Feeder", card="02")
        host.write("Feeder", "01")  # as Dask does if the worker was killed before Dask had the task's result
        found["ejected after the same task"] = ejected.copy()
        message = next_message("Feeder", note="another card is in the reader: 02")
        found["told of the same task"] = [message["state"], message["note"]]
        desk.insert(stuck)
        message = next_message("Desk", aside="no answer for 0.5 s")
        found["told of the stuck reader"] = [message["card"], message["aside"]]
        stuck.may_answer.set()
        next_message("Desk", state="done")
    sys.stdout.write(json.dumps(found) + "\n")
