"""The program that tests/test_frozen.py freezes: it sends a command to the virtual card, and ends with an open card.

Prints the response, the name of a service's class, the class of a card that it saved and loaded, and the Python that
runs it.
"""

import json
import sys
import tempfile
from pathlib import Path

from scardffi import Context, SCardManage, virtual

with virtual.installed(), Context() as context:
    (reader,) = context.list_readers()
    with context.attach(reader) as card:
        response = card.transmit(bytes.fromhex("00A4000C023F00"))
        service = type(card.create_interface("FileAccess")).__name__
    left_open = SCardManage().attach_by_ifd(reader)

with tempfile.TemporaryDirectory() as folder:
    virtual.sim_card().save(Path(folder) / "card.json")
    loaded = type(virtual.load_card(Path(folder) / "card.json")).__name__

result = {
    "response": response.hex(),
    "service": service,
    "loaded": loaded,
    "frozen": getattr(sys, "frozen", False),
    "prefix": sys.prefix,
}
sys.stdout.write(json.dumps(result) + "\n")
