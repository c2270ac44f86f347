"""A job for virtual cards that need 5 ms for each command. Write a module like this one for your cards."""

import itertools
import os
import threading

from scardffi import Script, virtual

READERS, COMMANDS = (int(os.environ.get(f"FLEET_{name}", "200")) for name in ("READERS", "COMMANDS"))
SECONDS = float(os.environ.get("FLEET_SECONDS", "0.005"))
WRITE = Script([bytes.fromhex("80180000080123456789ABCDEF")] * COMMANDS, expect=0x9000)
readers, serials = {}, itertools.count(os.getpid() << 32)


def identify(card):
    """Return the identity of a card: here the serial number in its ATR; of other cards, what a command reads."""
    return card.atr[3:].hex()


def steps(_identity):
    """Return the steps of a card: the name of each, and its script."""
    return [("write", WRITE)]


def start(worker):
    """Plug in virtual readers. A job for real readers does not need this function."""
    os.environ["SCARDFFI_LIBRARY"] = virtual.library_path()
    virtual.VirtualReader().unplug()  # the one that is there from the start
    for name in (f"Virtual {worker}-{number:03}" for number in range(READERS)):
        readers[name] = virtual.VirtualReader(name, latency=SECONDS)
        readers[name].plug()
    for number, reader in enumerate(readers.values()):
        threading.Timer(number / READERS, lambda reader=reader: reader.insert(new_card())).start()


def eject(reader):
    """Replace a card that is done, as a card feeder does. Without this function somebody takes the card out."""
    readers[reader].swap(new_card(), gap=0)


def new_card():
    """Return a card with a serial number of its own."""
    return virtual.AnsweringCard(bytes.fromhex("3B8801") + next(serials).to_bytes(8, "big"))
