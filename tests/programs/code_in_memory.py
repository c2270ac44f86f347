"""Sends a card wrong codes, drops them, and searches for them in the memory of this process.

Arguments: the reader; a number from which the codes are computed; their lengths, with commas; the padding; and what is
left on purpose: "nothing", or "buffer", "bytes" or "piece" to test the search itself. Prints as JSON in which mapping,
by name, a code was found and how often, and the status words of the card.

A code is computed byte by byte, and no object but the bytearray ever has it. The search has only its
complement, in pieces of PIECE bytes, and complements the memory that it searches, so that it does not find itself.
"""

import json
import re
import sys
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from scardffi import SCardManage
from scardffi.iso7816.instructions import verify
from scardffi.iso7816.status_word import StatusError
from scardffi.services.ch_verification import CHVerification
from scardffi.services.codes import Padding

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE = 6
PAGE = 4096
FILLED = 40
"""Bytes of FF: more than an allocation of the same size has."""
KEPT: list[object] = []
BLOCK = 1 << 20
COMPLEMENT = bytes(255 - value for value in range(256))


def byte_of(number: int, place: int, padding: Padding) -> int:
    """Return the code's byte at this index: a digit for a format 2 block."""
    state = (number * 0x9E3779B97F4A7C15 + (place + 1) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    state = ((state ^ state >> 31) * 0x94D049BB133111EB >> 40) & 0xFFFF
    return 0x30 + state % 10 if padding is Padding.FORMAT_2 else state & 0xFF


def complements(number: int, length: int, padding: Padding) -> list[bytes]:
    """Return the complements of the pieces to search for."""
    whole = bytes(255 - byte_of(number, place, padding) for place in range(length))
    pieces = [whole[place : place + PIECE] for place in range(0, length - PIECE + 1, max(1, length // 12))]
    if padding is Padding.FORMAT_2:
        low = [byte_of(number, place, padding) - 0x30 for place in range(length)]
        pieces.append(bytes(255 - (high << 4 | low) for high, low in zip(low[::2], low[1::2], strict=True))[:PIECE])
    return pieces


def writable_mappings() -> list[tuple[int, int, str]]:
    """Return start, end and name of each writable mapping of this process."""
    found = []
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        match = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw\S+ \S+ \S+ \S+ *(.*)", line)
        if match:
            found.append((int(match[1], 16), int(match[2], 16), match[3] or "anonymous"))
    return found


def read(memory: FileIO, start: int, length: int) -> bytes:
    """Read memory of this process; leave out pages that cannot be read, such as guard pages of a thread's stack."""
    memory.seek(start)
    try:
        return memory.read(length)
    except OSError:
        if length <= PAGE:
            return b""
        return b"".join(
            read(memory, page, min(PAGE, start + length - page)) for page in range(start, start + length, PAGE)
        )


def search(pieces: list[bytes]) -> dict[str, int]:
    """Return how often each mapping has one of the pieces, which are given by their complements."""
    found: dict[str, int] = {}
    with FileIO("/proc/self/mem") as memory:
        for start, end, name in writable_mappings():
            for block in range(start, end, BLOCK):
                content = read(memory, block, min(BLOCK + PIECE, end - block)).translate(COMPLEMENT)
                count = sum(content.count(piece) for piece in pieces)
                if count:
                    found[name] = found.get(name, 0) + count
    return found


def send(card: SCardManage, number: int, length: int, padding: Padding, left: str) -> list[str]:
    """Send one code with every method; return the status words."""
    code = bytearray(length)
    for place in range(length):
        code[place] = byte_of(number, place, padding)
    service = CHVerification(card, padding=padding, length=8 if padding is Padding.FORMAT_2 else length + FILLED)

    def send_command(code: bytearray, reference: int) -> None:
        command = verify(code, reference)
        try:
            card.send(command)
        finally:
            command.wipe()

    def send_apdu(code: bytearray, reference: int) -> None:
        command = verify(code, reference)
        apdu = command.encode()
        command.wipe()
        try:
            card.send(apdu)
        finally:
            apdu[:] = bytes(len(apdu))

    calls: dict[Callable[..., None], int] = {
        service.verify: 1, service.enable: 1, service.disable: 1, service.change_code: 2, service.unblock: 2,
        send_command: 1, send_apdu: 1,
    }  # fmt: skip
    said = []
    for method, count in calls.items():
        try:
            method(*[code] * count, reference=1)
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
    """Run the program."""
    reader, number, padding, left = sys.argv[1], int(sys.argv[2]), Padding[sys.argv[4]], sys.argv[5]
    lengths = [int(length) for length in sys.argv[3].split(",")]
    with SCardManage().attach_by_ifd(reader) as card:
        said = [sw for length in lengths for sw in send(card, number + length, length, padding, left)]
        found = search([piece for length in lengths for piece in complements(number + length, length, padding)])
    print(json.dumps({"found": found, "said": said}))  # noqa: T201  the test reads it


if __name__ == "__main__":
    main()
