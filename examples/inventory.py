"""Write an inventory of the cards in all readers as CSV: the protocols, the applications and the number of each card.

Without hardware: python examples/without_hardware.py inventory
"""

import csv
import sys

from scardffi import Context, NoSmartCardError, SCardError
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.atr import Atr
from scardffi.iso7816.response import MalformedResponseError

APPLICATIONS = {
    "PIV": "A000000308",
    "EMV": b"1PAY.SYS.DDF01".hex(),
    "EMV contactless": b"2PAY.SYS.DDF01".hex(),
    "USIM": "A0000000871002",
    "OpenPGP": "D27600012401",
    "eMRTD": "A0000002471001",
}
GET_IDENTIFIER = "FF CA 00 00 00"  # PC/SC part 3: answered by the reader if the card is contactless
ANY = range(0x10000)


def applications(card):
    """Yield the name of each application that the card selects."""
    for name, identifier in APPLICATIONS.items():
        if card.send(iso.select_file(bytes.fromhex(identifier), iso.SelectBy.DF_NAME), allow=ANY).sw == 0x9000:
            yield name


def row(context, reader):
    """Return a line of the inventory. An error of one card is written into its line."""
    try:
        with context.attach(reader, timeout=10) as card, card.transaction():
            protocols = " ".join(f"T={number}" for number in sorted(Atr(card.atr).protocols))
            answer = card.send(GET_IDENTIFIER, allow=ANY)
            number = answer.data.hex() if answer.ok else ""
            return [reader, "card", card.atr.hex(), protocols, number, ", ".join(applications(card))]
    except NoSmartCardError:
        return [reader, "empty", "", "", "", ""]
    except (SCardError, MalformedResponseError, ValueError) as error:
        return [reader, f"error: {error}", "", "", "", ""]


with Context() as context:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["reader", "state", "ATR", "protocols", "identifier", "applications"])
    writer.writerows(row(context, reader) for reader in context.list_readers())
