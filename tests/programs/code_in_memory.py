"""Sends a card wrong codes, forgets them, and looks for them in this process's own memory.

Arguments: the reader; a number that the codes are made of; their lengths, with commas; the padding; and what is left
behind on purpose: "nothing", or "buffer", "bytes" or "piece" to see that the search finds it. Prints as JSON where a
code was found, by the name of the mapping with the count of places, and what the card said.

A code is made by arithmetic, byte by byte, and is never in one object but the bytearray. The search has its
complement alone, in pieces of PIECE bytes, and complements the memory that it searches: it cannot find itself.
"""

import json
import re
import sys
from pathlib import Path

from scardffi import SCardManage
from scardffi.iso7816.status_word import StatusError
from scardffi.services.ch_verification import CHVerification
from scardffi.services.codes import Padding

PIECE = 6
FILLED = 40
"""Bytes of FF: more than what an allocator takes for the same size."""
KEPT: list[object] = []
BLOCK = 1 << 20
COMPLEMENT = bytes(255 - value for value in range(256))


def byte_of(number: int, place: int, padding: Padding) -> int:
    """The code's byte at this place, a digit for a format 2 block."""
    state = (number * 0x9E3779B97F4A7C15 + (place + 1) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    state = ((state ^ state >> 31) * 0x94D049BB133111EB >> 40) & 0xFFFF
    return 0x30 + state % 10 if padding is Padding.FORMAT_2 else state & 0xFF


def complements(number: int, length: int, padding: Padding) -> list[bytes]:
    """What is looked for."""
    whole = bytes(255 - byte_of(number, place, padding) for place in range(length))
    pieces = [whole[place : place + PIECE] for place in range(0, length - PIECE + 1, max(1, length // 12))]
    if padding is Padding.FORMAT_2:
        low = [byte_of(number, place, padding) - 0x30 for place in range(length)]
        pieces.append(bytes(255 - (high << 4 | low) for high, low in zip(low[::2], low[1::2], strict=True))[:PIECE])
    return pieces


def writable_mappings() -> list[tuple[int, int, str]]:
    """Start, end and name of all memory of this process that can be written."""
    found = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ \S+ *(.*)", line)
        if match:
            found.append((int(match[1], 16), int(match[2], 16), match[3] or "anonymous"))
    return found


def search(pieces: list[bytes]) -> dict[str, int]:
    """How often each mapping holds one of the pieces, which are given by their complements."""
    found: dict[str, int] = {}
    with Path("/proc/self/mem").open("rb", buffering=0) as memory:
        for start, end, name in writable_mappings():
            for block in range(start, end, BLOCK):
                memory.seek(block)
                content = memory.read(min(BLOCK + PIECE, end - block)).translate(COMPLEMENT)
                count = sum(content.count(piece) for piece in pieces)
                if count:
                    found[name] = found.get(name, 0) + count
    return found


def send(card: SCardManage, number: int, length: int, padding: Padding, left: str) -> list[str]:
    """One code by every way there is: the status words that came back."""
    code = bytearray(length)
    for place in range(length):
        code[place] = byte_of(number, place, padding)
    service = CHVerification(card, padding=padding, length=8 if padding is Padding.FORMAT_2 else length + FILLED)
    calls = {service.verify: 1, service.enable: 1, service.disable: 1, service.change_code: 2, service.unblock: 2}
    said = []
    for method, count in calls.items():
        try:
            method(*[code] * count, reference=1)  # type: ignore[operator]  # each has a signature of its own
        except StatusError as error:
            KEPT.append(error)
            said.append(f"{error.sw:04X}")
    if left in {"bytes", "piece"}:
        KEPT.append(bytes(code[: length if left == "bytes" else PIECE]))
    if left == "buffer":
        KEPT.append(code)
    else:
        code[:] = bytes(length)
    return said


def main() -> None:
    """Do it."""
    reader, number, padding, left = sys.argv[1], int(sys.argv[2]), Padding[sys.argv[4]], sys.argv[5]
    lengths = [int(length) for length in sys.argv[3].split(",")]
    with SCardManage().attach_by_ifd(reader) as card:
        said = [sw for length in lengths for sw in send(card, number + length, length, padding, left)]
        found = search([piece for length in lengths for piece in complements(number + length, length, padding)])
    print(json.dumps({"found": found, "said": said}))  # noqa: T201  the test reads it


if __name__ == "__main__":
    main()
