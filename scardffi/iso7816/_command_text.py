"""A command as text, without the PINs and keys that it may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRET_INSTRUCTIONS: Final = frozenset(
    (0x20, 0x21, 0x24, 0x25, 0x26, 0x28, 0x2C, 0x2D, 0x82, 0x83, 0x86, 0x87, 0xC2, 0xC3, 0xD8, 0xD9)
)
"""VERIFY, CHANGE REFERENCE DATA, DISABLE and ENABLE VERIFICATION REQUIREMENT, RESET RETRY COUNTER, EXTERNAL, MUTUAL and
GENERAL AUTHENTICATE, ENVELOPE (ISO/IEC 7816-4:2013, clause 11) and PUT KEY (GlobalPlatform), in each class. The trace
library has the same ones."""


def text_without_secrets(command: bytes | bytearray | memoryview, hidden: Sequence[tuple[int, int]] = ()) -> str:
    """Return a command in hexadecimal, with ``**`` for each byte of the data if it may hold a PIN or a key.

    If the length fields are wrong, everything after the first five bytes may be data. ``hidden`` has other bytes that
    are secret, as (start, length).
    """
    digits = [f"{byte:02X}" for byte in command]
    by_instruction = [_data(command)] if len(command) > 1 and command[1] in SECRET_INSTRUCTIONS else []
    for start, length in (*hidden, *by_instruction):
        digits[start : start + length] = ["**"] * length
    return " ".join(digits)


def _data(command: bytes | bytearray | memoryview) -> tuple[int, int]:
    size = len(command)
    if size <= 5:
        return 5, 0
    if command[4] and size in (5 + command[4], 6 + command[4]):
        return 5, command[4]
    if not command[4] and size > 7:
        length = command[5] << 8 | command[6]
        if length and size in (7 + length, 9 + length):
            return 7, length
    return 5, size - 5
