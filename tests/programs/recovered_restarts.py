"""Recovers a card after each restart of a real pcscd, and prints what the card answered.

Arguments: a folder for the daemon, the number of restarts.
"""

import json
import os
import sys
import time
from pathlib import Path

from support.commands import READ_4
from support.pcscd import PrivatePcscd

folder, restarts = Path(sys.argv[1]), int(sys.argv[2])
link = folder / "socket"  # pcsc-lite reads the path of the socket once, and it changes at each start
os.environ["PCSCLITE_CSOCK_NAME"] = str(link)

from scardffi import Context, SCardError, SCardManage  # noqa: E402  after the path of the socket

calls: list[SCardManage] = []
answers: list[str] = []
refused = 0


def start(daemon: PrivatePcscd) -> None:
    daemon.start()
    link.unlink(missing_ok=True)
    link.symlink_to(daemon.socket)


def main() -> None:
    global refused  # noqa: PLW0603  the program is one function
    daemon = PrivatePcscd(folder, 1)
    start(daemon)
    try:
        with Context() as context, context.attach(daemon.ifd_reader(0), on_reset=calls.append) as card:
            for _ in range(restarts):
                daemon.stop()
                for use in (lambda: card.transmit(READ_4), card.recover, card.recover):
                    try:
                        use()
                    except SCardError:
                        refused += 1
                start(daemon)
                end = time.monotonic() + 20
                while True:
                    try:
                        card.recover()
                        break
                    except SCardError:
                        assert time.monotonic() < end
                        time.sleep(0.05)
                answers.append(card.transmit(READ_4).hex())
            on_reset = [one is card for one in calls]
    finally:
        daemon.stop()
    sys.stdout.write(json.dumps({"answers": answers, "refused": refused, "on_reset": on_reset}) + "\n")


main()
