"""Use a card of the virtual library in each way that the C code knows, for valgrind. Prints "done"."""

import sys

from scardffi import Context, Flow, Script, raw, virtual
from scardffi.virtual import AnsweringCard, VirtualReader

READ_4 = bytes.fromhex("00B0000004")


def main() -> None:
    """Transmit, run scripts, read a file, wait, monitor; with a card in C and a card in Python."""
    with virtual.installed(), VirtualReader("Python", AnsweringCard()), Context() as context:
        for reader in context.list_readers():
            use_card(context, reader)
        with context.monitor() as monitor:
            monitor.wait(timeout=10)
        assert raw.SCardReleaseContext(0) != 0


def use_card(context: Context, reader: str) -> None:
    """Use the card in this reader."""
    response, content = bytearray(256), bytearray(600)
    with context.attach(reader) as card:
        assert card.transmit(READ_4)[-2:] == b"\x90\0"
        assert card.transmit_into(READ_4, response) == 6
        exchange = card.exchange(READ_4, response)
        assert exchange() == 6
        Script([READ_4] * 100).run(card)
        Script([READ_4] * 10, flow=Flow.GET_RESPONSE).run(card, repeat=3)
        card.read_binary_into(content)
        with card.transaction():
            card.transmit(READ_4)
        card.status()
        card.reconnect()
        exchange.close()


if __name__ == "__main__":
    main()
    sys.stdout.write("done\n")
