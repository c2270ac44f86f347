"""The exchanges that are measured: commands and their expected responses."""

from typing import Final, NamedTuple

LENGTHS: Final = (2, 16, 255, 65_538)
"""The lengths of the responses in bytes, including the status word."""

_PATTERN: Final = bytes((i ^ i >> 8) & 0xFF for i in range(65_536))


class Exchange(NamedTuple):
    """A command and its expected response."""

    length: int
    """The length of the response in bytes, including the status word."""
    command: bytes
    """READ BINARY at offset 0, a short command if possible (ISO/IEC 7816-4, 11.2.3)."""
    capacity: int
    """The size of every competitor's receive buffer: at least the minimum that javax.smartcardio requires."""
    answer: bytes
    """The response of null_pcsc.c and of the card that the tests use with pcscd."""


def exchange(length: int) -> Exchange:
    """Return the exchange with a response of this length."""
    data = length - 2
    le = b"" if data == 0 else bytes([data % 256]) if data <= 256 else b"\0" + (data % 65_536).to_bytes(2, "big")
    return Exchange(length, b"\x00\xb0\x00\x00" + le, max(258, length), _PATTERN[:data] + b"\x90\x00")
