"""Uses the system's PC/SC library through pyscard and the virtual one through scardffi, in turns and in threads.

Arguments: a reader of the system's library; "pyscard" or "scardffi", which loads its library first. Prints the readers
that each of them listed.
"""

import json
import sys
import threading
from collections.abc import Callable

from scardffi import Context, Library, SCardManage, virtual

READ_4_BYTES = {"theirs": bytes.fromhex("00B0001004"), "ours": bytes.fromhex("00B0002004")}
ANSWERS = {"theirs": bytes.fromhex("101112139000"), "ours": bytes.fromhex("202122239000")}
COUNT_COMMANDS = bytes.fromhex("801A0000")
THREADS = 2
ROUNDS = 200


def load_pyscard() -> None:
    import smartcard.scard  # noqa: F401  loads libpcsclite.so.1


def load_scardffi() -> None:
    Library(virtual.library_path())


def main() -> None:
    loads = [load_pyscard, load_scardffi]
    for load in loads if sys.argv[2] == "pyscard" else reversed(loads):
        load()
    from smartcard.System import readers

    with virtual.installed(), Context() as context:
        theirs, ours = {str(reader): reader for reader in readers()}, context.list_readers()
        connection = theirs[sys.argv[1]].createConnection()
        connection.connect()
        card = SCardManage().attach_by_ifd(ours[0])

        def transmit(command: bytes) -> bytes:
            data, sw1, sw2 = connection.transmit(list(command))
            return bytes([*data, sw1, sw2])

        def ask_theirs() -> None:
            assert transmit(READ_4_BYTES["theirs"]) == ANSWERS["theirs"]

        def ask_ours() -> None:
            assert card.transmit(READ_4_BYTES["ours"]) == ANSWERS["ours"]

        def repeat(ask: Callable[[], None]) -> None:
            for _ in range(ROUNDS):
                ask()

        before = transmit(COUNT_COMMANDS)
        for _ in range(ROUNDS):
            ask_theirs()
            ask_ours()
        failed: list[threading.ExceptHookArgs] = []
        threading.excepthook = failed.append
        threads = [threading.Thread(target=repeat, args=(ask,)) for ask in (ask_theirs, *[ask_ours] * THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        seen = int.from_bytes(transmit(COUNT_COMMANDS)[:4], "big") - int.from_bytes(before[:4], "big")
        assert seen == 2 * ROUNDS + 1, "the card in the system's reader got other commands"
        card.detach()
        connection.disconnect()
    sys.stdout.write(json.dumps({"pyscard": sorted(theirs), "scardffi": ours}) + "\n")


main()
