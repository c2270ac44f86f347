"""Measure the throughput of threads that use cards in different readers.

Runs 1 to 16 threads in one process. Each has a reader and a card of its own, all with one real pcscd. A card takes 5 ms
for its command. The best of three rounds is the result. The ideal result is 16 times the throughput of one thread.

Does not show: readers that share a bus; throughputs above a few thousand exchanges per second, which the interpreter
lock and the daemon do not allow.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from support.pcscd import PrivatePcscd, unavailable_reason

from benchmarks.workers import run_module

THREADS: Final = (1, 2, 4, 8, 16)

_COMMAND: Final = bytes.fromhex("80100005")  # the card of the tests takes 5 ms for it
_ROUNDS: Final = 3


def measure(folder: Path, *, short: bool) -> dict[str, Any]:
    """Return the exchanges per second for each number of threads.

    Args:
        folder: the folder for the daemon's files.
        short: True for rounds with few exchanges.
    """
    reason = unavailable_reason()
    if reason is not None:
        return {"per_second": {}, "why": reason}
    with PrivatePcscd(folder / "threads", ifd_readers=max(THREADS), debug=False) as daemon:
        printed = run_module(__name__, daemon.environment, "50" if short else "300")
    return {"per_second": json.loads(printed), "why": ""}


def _throughput(cards: list[Any], count: int) -> float:
    """Return the exchanges per second with a thread for each card."""
    ready = threading.Barrier(len(cards) + 1)
    responses: list[bytes] = []

    def exchanges(card: Any) -> None:
        ready.wait()
        for _ in range(count):
            response = card.transmit(_COMMAND)
        responses.append(response)

    threads = [threading.Thread(target=exchanges, args=(card,)) for card in cards]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if responses != [b"\x90\x00"] * len(cards):
        raise RuntimeError(f"the cards must all answer 9000; the responses were {responses}")
    return len(cards) * count / seconds


def _run(count: int) -> dict[int, float]:
    import scardffi

    context = scardffi.Context()
    cards = [context.attach(reader) for reader in context.list_readers()]
    best = {
        threads: max(_throughput(cards[:threads], count) for _ in range(_ROUNDS)) for threads in THREADS
    }  # fmt: skip
    context.release()
    return {threads: round(value, 1) for threads, value in best.items()}


if __name__ == "__main__":
    json.dump(_run(int(sys.argv[1])), sys.stdout)
