"""Codes as cards take them: padded, in bytearrays of our own that can be wiped, and never shown in an error.

A bytearray that grows leaves its bytes behind where it was before: those here are made at full size.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from ..iso7816.command import SHORT_DATA, checked

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Code: TypeAlias = Buffer | str
    """A code as a program has it."""

BLOCK: Final = 8
"""The bytes of a format 2 PIN block, and of most codes that are padded."""
FEWEST_DIGITS: Final = 4
"""The fewest digits in a format 2 PIN block."""
MOST_DIGITS: Final = 12
"""The most digits in a format 2 PIN block."""
_FORMAT_2: Final = 0x20


class Padding(Enum):
    """How a card wants its codes filled up."""

    NONE = "none"
    """Not at all: the card is sent the code as it is."""
    FF = "FF"
    """With bytes FF behind the code."""
    FORMAT_2 = "format 2"
    """As a format 2 PIN block (ISO 9564-1, clause 9.3.3): a nibble 2, one with the number of digits, the digits, and
    nibbles F up to 8 bytes."""


def checked_padding(padding: Padding | str) -> Padding:
    """A padding, or the one that has this value.

    Raises:
        ValueError: there is none of that value.
    """
    try:
        return Padding(padding)
    except ValueError:
        allowed = ", ".join(repr(one.value) for one in Padding)
        raise ValueError(f"padding: {padding!r} is not allowed; give {allowed}") from None


def checked_length(padding: Padding, length: int) -> int:
    """The number of bytes that codes are filled up to, which is allowed with this padding.

    Raises:
        ValueError: it is outside of 1 to 255, or not 8 with a format 2 block.
    """
    if padding is Padding.FORMAT_2:
        return checked("length", length, BLOCK, BLOCK)
    return checked("length", length, 1, SHORT_DATA)


def padded(code: Code, padding: Padding = Padding.NONE, length: int = BLOCK, *, name: str = "code") -> bytearray:
    """A code as the card takes it, to be wiped once it was sent.

    Args:
        code: 1 to 255 bytes without padding; 1 to ``length`` where FF fills it up; 4 to 12 digits in ASCII for a
            format 2 block. A str must be ASCII: the standard names no other encoding.
        padding: how it is filled up.
        length: the number of bytes that it is filled up to.
        name: of the argument, for errors.

    Raises:
        ValueError: too short, too long, or what is not allowed in it. The error tells lengths, nothing of the code.
        TypeError: it is neither a buffer nor a str.
    """
    try:
        raw = _copied(name, code)
    finally:
        del code  # no frame of ours holds it when an error goes out
    if padding is Padding.NONE:
        _checked_size(name, raw, 1, SHORT_DATA)
        return raw
    try:
        if padding is Padding.FORMAT_2:
            return _format_2(name, raw)
        _checked_size(name, raw, 1, length)
        block = bytearray(b"\xff" * length)
        block[: len(raw)] = raw
        return block
    finally:
        wipe(raw)


def placeholder(padding: Padding, length: int = BLOCK) -> bytes:
    """What stands in a command for a code that is typed on a reader's pad; without padding it must not be empty."""
    if padding is Padding.NONE:
        return b"0"
    return b"\xff" * length if padding is Padding.FF else bytes((_FORMAT_2,)) + b"\xff" * (BLOCK - 1)


def wipe(*buffers: bytearray) -> None:
    """Overwrite them with zeros."""
    for one in buffers:
        one[:] = bytes(len(one))


def _copied(name: str, code: Code) -> bytearray:
    try:
        if not isinstance(code, str):
            try:
                return bytearray(memoryview(code))
            except TypeError:
                kind = type(code).__name__
                raise TypeError(f"{name}: expected a bytearray, bytes or str, got {kind}") from None
        if not code.isascii():
            raise ValueError(f"{name}: a str must be ASCII; encode it as the card wants it, into a bytearray")
        raw = bytearray(len(code))
        for place, character in enumerate(code):  # encode() would leave bytes behind
            raw[place] = ord(character)
        return raw
    finally:
        del code


def _checked_size(name: str, raw: bytearray, fewest: int, most: int) -> None:
    if not fewest <= len(raw) <= most:
        size = len(raw)
        wipe(raw)
        raise ValueError(f"{name}: {size} bytes are not allowed; give {fewest} to {most}")


def _format_2(name: str, digits: bytearray) -> bytearray:
    if not digits.isdigit():
        raise ValueError(f"{name}: only the digits 0 to 9 are allowed in a format 2 block")
    _checked_size(name, digits, FEWEST_DIGITS, MOST_DIGITS)
    block = bytearray(b"\xff" * BLOCK)
    block[0] = _FORMAT_2 | len(digits)
    for place, digit in enumerate(digits, start=2):
        kept, shift = (0x0F, 4) if place % 2 == 0 else (0xF0, 0)
        block[place // 2] = block[place // 2] & kept | (digit & 0x0F) << shift
    return block
