"""Loops compiled by numba: they transmit without the interpreter, with memory of numpy and an exchange of Python.

Arguments: the PC/SC library, the reader, the number of exchanges. First it prints the card's response, once with each
loop. Then it answers each line of its input with the nanoseconds per exchange: `raw` (SCardTransmit, with each code and
length checked) and `bound` (an Exchange of Python).
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from scardffi import Library, SCardManage, embed
from scardffi._loader import set_default_table

READ_SIXTEEN: Any = np.frombuffer(bytes.fromhex("00B0000010"), np.uint8)

transmit = embed.prototype("SCardTransmit")
send = embed.prototype("exchange_send")


def transmit_often(card: int, pci: Any, command: Any, response: Any, received: Any, count: int) -> int:
    for _ in range(count):
        received[0] = response.size
        code = transmit(card, pci.ctypes, command.ctypes, command.size, 0, response.ctypes, received.ctypes)
        if code != 0 or received[0] < 2:
            return -1
    return int(received[0])


def send_often(exchange: int, count: int) -> int:
    received = 0
    for _ in range(count):
        received = send(exchange)
        if received < 2:
            return -1
    return received


raw = numba.njit(nogil=True)(transmit_often)
bound = numba.njit(nogil=True)(send_often)


def nanoseconds(loop: Callable[[int], int], count: int) -> float:
    start = time.perf_counter_ns()
    assert loop(count) == READ_SIXTEEN[4] + 2
    return (time.perf_counter_ns() - start) / count


def main(path: str, reader: str, times: str) -> None:
    library, count = Library(path), int(times)
    set_default_table(library.native)
    response: Any = np.zeros(258, np.uint8)
    other: Any = np.zeros(258, np.uint8)
    with SCardManage(library).attach_by_ifd(reader) as card, card.exchange(READ_SIXTEEN, other) as exchange:
        pci = np.array([card.protocol, 16], np.uint64)
        received = np.zeros(1, np.uint64)

        def run_raw(times: int) -> int:
            return int(raw(card.handle, pci, READ_SIXTEEN, response, received, times))

        def run_bound(times: int) -> int:
            return int(bound(embed.address(exchange.native), times))

        lengths = run_raw(1), run_bound(1)
        sys.stdout.write(f"{response[: lengths[0]].tobytes().hex()} {other[: lengths[1]].tobytes().hex()}\n")
        sys.stdout.flush()
        for _ in sys.stdin:
            sys.stdout.write(f"{nanoseconds(run_raw, count):.3f} {nanoseconds(run_bound, count):.3f}\n")
            sys.stdout.flush()


main(*sys.argv[1:])
