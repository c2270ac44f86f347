"""Run another example without hardware: plug in virtual readers with the cards that it needs, and run it here.

    python examples/without_hardware.py piv

The PIN of the PIV card is 123456, that of the SIM 1234.
"""

import runpy
import sys
from contextlib import ExitStack
from pathlib import Path

from scardffi import virtual
from scardffi.virtual.file_system import DF, FileSystemCard, TransparentEF


def blank_card():
    """Return a card with an empty file, for personalize.py."""
    return FileSystemCard(DF(files=[TransparentEF(0x2F10, b"\xff" * 64)]))


CARDS = {
    "piv": [virtual.piv_card],
    "emv": [virtual.emv_card],
    "sim": [virtual.sim_card],
    "ported_from_pyscard": [virtual.sim_card],
    "door": [virtual.ContactlessStorageCard],
    "window": [virtual.emv_card, virtual.sim_card],
    "inventory": [virtual.piv_card, virtual.emv_card, virtual.sim_card, virtual.ContactlessStorageCard],
    "relay": [virtual.sim_card],
    "personalize": [blank_card, blank_card, blank_card],
}

if len(sys.argv) < 2 or sys.argv[1] not in CARDS:
    sys.exit(f"give the name of an example: {', '.join(CARDS)}")
name = sys.argv[1]
sys.argv = [f"{name}.py", *sys.argv[2:]]
with ExitStack() as stack:
    stack.enter_context(virtual.installed())
    virtual.VirtualReader().unplug()
    for number, card in enumerate(CARDS[name], 1):
        stack.enter_context(virtual.VirtualReader(f"Desk {number}", card()))
    runpy.run_path(str(Path(__file__).with_name(f"{name}.py")), run_name="__main__")
