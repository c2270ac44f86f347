"""Uses scardffi.compat.smartcard on a private pcscd, and prints what happened as one JSON object.

Arguments: a folder for files, the number of restarts of the daemon, the number of calls of connect().
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.pcscd import PrivatePcscd

from scardffi.compat.smartcard.CardMonitoring import CardMonitor, CardObserver
from scardffi.compat.smartcard.ReaderMonitoring import ReaderMonitor, ReaderObserver
from scardffi.compat.smartcard.System import readers

READERS = 2
SECONDS = 20.0
READ_4 = [0x00, 0xB0, 0x00, 0x00, 0x04]


class Counting(CardObserver, ReaderObserver):
    """An observer that counts."""

    def __init__(self) -> None:
        self.added = self.removed = 0

    def update(self, _observable: Any, handlers: Any) -> None:
        """Count the news."""
        self.added += len(handlers[0])
        self.removed += len(handlers[1])


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)


def with_monitors(daemon: PrivatePcscd, link: Path, restarts: int) -> dict[str, Any]:
    cards, all_readers = Counting(), Counting()
    CardMonitor().addObserver(cards)
    ReaderMonitor().addObserver(all_readers)
    until(lambda: cards.added == all_readers.added == READERS)
    for number in range(1, restarts + 1):
        daemon.stop()
        until(lambda number=number: cards.removed == all_readers.removed == READERS * number)  # type: ignore[misc]  # mypy cannot infer it
        daemon.start()
        link.unlink()
        link.symlink_to(daemon.socket)
        until(lambda number=number: cards.added == all_readers.added == READERS * (number + 1))  # type: ignore[misc]  # as above
    found = {"cards": [cards.added, cards.removed], "readers": [all_readers.added, all_readers.removed]}
    CardMonitor().deleteObserver(cards)
    ReaderMonitor().deleteObserver(all_readers)
    return found


def main() -> None:
    folder, restarts, connects = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    link = folder / "socket"
    os.environ["PCSCLITE_CSOCK_NAME"] = str(link)
    with PrivatePcscd(folder, READERS) as daemon:
        link.symlink_to(daemon.socket)
        found = with_monitors(daemon, link, restarts)
        time.sleep(0.1)
        before = daemon.thread_count
        connection = readers()[0].createConnection()
        for _ in range(connects):
            connection.connect(disposition=0)
        found["answer"] = connection.transmit(READ_4)
        found["threads of the daemon"] = daemon.thread_count - before
        connection.disconnect()
    sys.stdout.write(json.dumps(found) + "\n")


main()
