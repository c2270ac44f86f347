"""A pyscard program, ported to scardffi: readers, waiting, SELECT with GET RESPONSE, exclusive access, a monitor.

Without hardware: python examples/without_hardware.py ported_from_pyscard
"""

import sys
import time

from scardffi import Context, EventKind, SCardTimeoutError, ShareMode, SharingViolationError
from scardffi.iso7816.atr import Atr
from scardffi.iso7816.status_word import SIM, StatusError

WAIT_SECONDS = 10
WATCH_SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0


def show(event):  # CardObserver.update
    if event.kind is EventKind.CARD_INSERTED:
        print("+Inserted:", (event.atr or b"").hex(" "))
    elif event.kind is EventKind.CARD_REMOVED:
        print("-Removed:", (event.atr or b"").hex(" "))


def select(card, name, file):
    try:
        data, sw = card.send(f"A0 A4 00 00 02 {file}", table=SIM)  # sends GET RESPONSE after 9Fxx too
        print(f"{name}: {sw:04X}, {len(data)} bytes")
    except StatusError as error:
        print(f"{name}: {error}")


with Context() as context:
    print("readers:", context.list_readers())  # readers()
    try:
        reader, atr = context.wait_for_card(WAIT_SECONDS)  # CardRequest(timeout=10).waitforcard()
    except SCardTimeoutError:
        sys.exit("no card was inserted")
    print("T=0:", 0 in Atr(atr).protocols, "historical bytes:", Atr(atr).historical_bytes.hex(" "))
    try:
        with context.attach(reader, ShareMode.EXCLUSIVE) as card:  # ExclusiveConnectCardConnection
            select(card, "DF TELECOM", "7F 10")
            select(card, "no such file", "6F FF")
    except SharingViolationError:
        sys.exit("another program uses the card")
    with context.monitor() as monitor:  # CardMonitor().addObserver(observer)
        monitor.subscribe(show)
        time.sleep(WATCH_SECONDS)
