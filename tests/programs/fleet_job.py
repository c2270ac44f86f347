"""A job of examples/fleet in two steps, for the cards of fleet_kills.py: it reads a serial number and writes it."""

import json
import os

from scardffi import SCardManage, Script, virtual

SERIAL = bytes.fromhex("00CA000004")
COMMANDS = 20
STEPS = "keys", "data"


def command(step: int, number: int) -> bytes:
    """Return a write command, which names its step and its place in it."""
    return bytes((0x80, 0xD0, step, number, 1, number))


def identify(card: SCardManage) -> str:
    """Return the serial number of a card, in hexadecimal."""
    return card.send(SERIAL).data.hex()


def steps(_identity: str) -> list[tuple[str, Script]]:
    """Return the steps of a card and their scripts."""
    return [
        (name, Script([command(step, number) for number in range(COMMANDS)], expect=0x9000))
        for step, name in enumerate(STEPS)
    ]


def start(worker: str) -> None:
    """Give this worker virtual readers, into which cards of another process are inserted."""
    readers = json.loads(os.environ["FLEET_PORTS"])[int(worker)]
    os.environ["SCARDFFI_LIBRARY"] = virtual.library_path()
    os.environ["SCARDFFI_VIRTUAL"] = ";".join(f"reader,name=Reader {port},listen={port}" for port in readers)
