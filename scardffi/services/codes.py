"""The padding of codes for cards, in bytearrays that can be wiped. No error shows a code.

A bytearray that grows leaves a copy of its bytes in memory. The bytearrays in this module therefore have their full
size from the start.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from ..iso7816._secrets import Secrets
from ..iso7816.command import SHORT_DATA, checked

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Code: TypeAlias = Buffer | str
    """A code as programs give it."""

__all__ = ["Padding"]

BLOCK: Final = 8
"""The length of a format 2 PIN block, and of most padded codes, in bytes."""
MIN_DIGITS: Final = 4
"""The minimum number of digits in a format 2 PIN block."""
MAX_DIGITS: Final = 12
"""The maximum number of digits in a format 2 PIN block."""
_FORMAT_2: Final = 0x20


class Padding(StrEnum):
    """The padding that a card expects for its codes."""

    NONE = "none"
    """No padding."""
    FF = "FF"
    """Bytes FF after the code."""
    FORMAT_2 = "format 2"
    """A format 2 PIN block (ISO 9564-1, clause 9.3.3): a nibble 2, a nibble with the number of digits, the digits, and
    nibbles F up to 8 bytes."""


def checked_padding(padding: Padding | str) -> Padding:
    """Return a padding for a Padding or its value.

    Raises:
        ValueError: no padding has this value.
    """
    try:
        return Padding(padding)
    except ValueError:
        allowed = ", ".join(repr(one.value) for one in Padding)
        raise ValueError(f"padding: {padding!r} is not allowed; give {allowed}") from None


def checked_length(padding: Padding, length: int) -> int:
    """Return the length of padded codes if it is allowed for this padding.

    Raises:
        ValueError: it is outside 1 to 255, or not 8 for a format 2 block.
    """
    if padding is Padding.FORMAT_2:
        return checked("length", length, BLOCK, BLOCK)
    return checked("length", length, 1, SHORT_DATA)


def padded(
    code: Code,
    padding: Padding = Padding.NONE,
    length: int = BLOCK,
    *,
    name: str = "code",
    secrets: Secrets | None = None,
) -> bytearray:
    """Return a padded copy of a code. The caller must wipe it after it was sent.

    Args:
        code: 1 to 255 bytes without padding; 1 to ``length`` bytes for padding with FF; 4 to 12 digits in ASCII for a
            format 2 block. A str must be ASCII: the standard names no other encoding.
        padding: the padding.
        length: the length of the padded code in bytes.
        name: the name of the argument, for errors.
        secrets: gets the copies of the code, which the caller wipes with it.

    Raises:
        ValueError: the code is too short or too long, or has characters that are not allowed. The message contains
            lengths, but no part of the code.
        TypeError: the code is neither a buffer nor a str.
    """
    copies = Secrets() if secrets is None else secrets
    try:
        try:
            raw = _copied(name, code, copies)
        finally:
            del code  # so that the traceback of an error does not hold it
        if padding is Padding.NONE:
            _checked_size(name, raw, 1, SHORT_DATA)
            return raw
        if padding is Padding.FORMAT_2:
            block = _format_2(name, raw, copies)
        else:
            _checked_size(name, raw, 1, length)
            block = copies.new(length)
            block[len(raw) :] = b"\xff" * (length - len(raw))
            block[: len(raw)] = raw
        raw[:] = bytes(len(raw))
    except BaseException:
        _ = [*copies.wiping]
        raise
    return block


def placeholder(padding: Padding, length: int = BLOCK) -> bytes:
    """Return placeholder bytes for a command with a code that the user will enter on a pad."""
    if padding is Padding.NONE:
        return b"0"  # the functions that build commands refuse an empty code
    return b"\xff" * length if padding is Padding.FF else bytes((_FORMAT_2,)) + b"\xff" * (BLOCK - 1)


def _copied(name: str, code: Code, secrets: Secrets) -> bytearray:
    try:
        if not isinstance(code, str):
            try:
                view = memoryview(code)
            except TypeError:
                kind = type(code).__name__
                raise TypeError(f"{name}: expected a bytearray, bytes or str, got {kind}") from None
            raw = secrets.new(view.nbytes)
            target = memoryview(raw)  # assigning to a slice of the bytearray would create a temporary copy
            if view.c_contiguous and raw:
                target[:] = view.cast("B")
            elif raw:
                for place in range(len(view)):  # one item is contiguous
                    target[place * view.itemsize : (place + 1) * view.itemsize] = view[place : place + 1].cast("B")
            return raw
        if not code.isascii():
            raise ValueError(f"{name}: a str must be ASCII; encode it for the card and give a bytearray")
        raw = secrets.new(len(code))
        for place, character in enumerate(code):  # encode() would leave a copy in memory
            raw[place] = ord(character)
        return raw
    finally:
        del code


def _checked_size(name: str, raw: bytearray, fewest: int, most: int) -> None:
    if not fewest <= len(raw) <= most:
        raise ValueError(f"{name}: {len(raw)} bytes are not allowed; give {fewest} to {most}")


def _format_2(name: str, digits: bytearray, secrets: Secrets) -> bytearray:
    if not digits.isdigit():
        raise ValueError(f"{name}: only the digits 0 to 9 are allowed in a format 2 block")
    _checked_size(name, digits, MIN_DIGITS, MAX_DIGITS)
    block = secrets.new(BLOCK)
    block[:] = b"\xff" * BLOCK
    block[0] = _FORMAT_2 | len(digits)
    for place, digit in enumerate(digits, start=2):
        kept, shift = (0x0F, 4) if place % 2 == 0 else (0xF0, 0)
        block[place // 2] = block[place // 2] & kept | (digit & 0x0F) << shift
    return block
