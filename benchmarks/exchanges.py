"""The exchanges that are measured: commands for answers of given lengths, and what must come back."""

from typing import Final, NamedTuple

LENGTHS: Final = (2, 16, 255, 65_538)
"""Total lengths of the answers in bytes, status word included."""

_PATTERN: Final = bytes((i ^ i >> 8) & 0xFF for i in range(65_536))


class Exchange(NamedTuple):
    """One command and its answer."""

    length: int
    """Of the answer in bytes, status word included."""
    command: bytes
    """READ BINARY at offset 0, short where it can be (ISO/IEC 7816-4, 11.2.3)."""
    capacity: int
    """The room that every competitor offers: as much as javax.smartcardio insists on."""
    answer: bytes
    """What null_pcsc.c and the test card behind pcscd answer."""


def exchange(length: int) -> Exchange:
    """The exchange with an answer of this length."""
    data = length - 2
    le = b"" if data == 0 else bytes([data % 256]) if data <= 256 else b"\0" + (data % 65_536).to_bytes(2, "big")
    return Exchange(length, b"\x00\xb0\x00\x00" + le, max(258, length), _PATTERN[:data] + b"\x90\x00")
