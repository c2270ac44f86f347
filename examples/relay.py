"""Serve the card in a local reader to the pcscd of another host, whose driver vpcd waits for it, through an SSH tunnel.

The other host needs pcscd and vpcd (Debian: vsmartcard-vpcd); the card is then in its reader "Virtual PCD 00 00".
Each command travels there and back, and a relayed card is as open to programs there as it is to programs here.

    python examples/relay.py --ssh user@host [--reader NAME] [--port 35963]

Without hardware: python examples/without_hardware.py relay --port 35963, with a vpcd on this machine.
"""

import argparse
import contextlib
import socket
import subprocess
import sys
import time

from scardffi import Context, Disposition, EventKind, SCardError, ShareMode
from scardffi.virtual import VpcdCard

GONE = {EventKind.CARD_REMOVED, EventKind.READER_REMOVED, EventKind.SERVICE_STOPPED}
AGAIN_SECONDS = 1.0


class LocalCard:
    """The card in a local reader, in the form that VpcdCard serves."""

    def __init__(self, card):
        self.card, self.atr = card, card.atr

    def transmit(self, command):
        return self.card.transmit(command)

    def reset(self):
        self.card.reconnect(initialization=Disposition.RESET, timeout=10)


@contextlib.contextmanager
def tunnel(host, port):
    """Yield a local port that leads to this port of the host; without a host, the port itself."""
    if host is None:
        yield port
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        local = free.getsockname()[1]
    forward = ["-L", f"127.0.0.1:{local}:127.0.0.1:{port}"]
    with subprocess.Popen(["ssh", "-N", "-o", "ExitOnForwardFailure=yes", *forward, *host.split()]) as ssh:
        try:
            yield local
        finally:
            ssh.terminate()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ssh", metavar="HOST", help="options and destination of ssh; default: connect without ssh")
    parser.add_argument("--port", type=int, default=35963, help="the port on which vpcd waits (default: %(default)s)")
    parser.add_argument("--reader", help="the local reader's name or a part of it (default: the first with a card)")
    options = parser.parse_args()
    with Context() as context, tunnel(options.ssh, options.port) as port, context.monitor() as monitor:
        while True:
            reader, _ = context.wait_for_card(reader=options.reader)
            try:
                with context.attach(reader, ShareMode.EXCLUSIVE, timeout=10) as card:
                    served = VpcdCard(LocalCard(card), port)
                    with served:
                        print(f"the card in {reader} is served", flush=True)
                        monitor.wait(lambda event, reader=reader: event.kind in GONE and event.reader in {reader, ""})
                print(f"the card in {reader} was removed; {len(served.errors)} commands failed", flush=True)
            except SCardError as error:
                print(error, file=sys.stderr)
                time.sleep(AGAIN_SECONDS)  # the reader or the other host may come back


with contextlib.suppress(KeyboardInterrupt):
    main()
