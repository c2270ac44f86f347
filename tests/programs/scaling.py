"""Prints as JSON the throughput of cards that take 5 ms: in the first reader of the arguments, and in all of them."""

import json
import sys
import threading
import time

from support.commands import SLEEP_5_MS

from scardffi import SCardManage

ROUNDS = 150


def rate(cards: list[SCardManage]) -> float:
    """Return the APDUs per second of all cards together, each on its own thread."""
    ready = threading.Barrier(len(cards) + 1)

    def use(card: SCardManage) -> None:
        ready.wait()
        for _ in range(ROUNDS):
            card.transmit(SLEEP_5_MS)

    threads = [threading.Thread(target=use, args=(card,)) for card in cards]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return ROUNDS * len(cards) / (time.perf_counter() - start)


def main() -> None:
    """Attach to every reader, then measure."""
    cards = [SCardManage().attach_by_ifd(reader) for reader in sys.argv[1:]]
    print(json.dumps({"one": rate(cards[:1]), "all": rate(cards)}))  # noqa: T201  its result
    for card in cards:
        card.detach()


if __name__ == "__main__":
    main()
