"""Bytes as lists of ints, as text, and in the alphabet of SMS."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

PACK = 1
"""toHexString: no spaces."""
HEX = 2
"""toHexString: 0x before each byte."""
UPPERCASE = 4
"""toHexString: 0X in place of 0x."""
COMMA = 8
"""toHexString: a comma after each byte but the last."""

# 3GPP TS 23.038, clauses 6.2.1 and 6.2.1.1, the tables' rows from left to right.
_GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENSION = {"\f": 0x0A, "^": 0x14, "{": 0x28, "}": 0x29, "\\": 0x2F, "[": 0x3C, "~": 0x3D, "]": 0x3E, "|": 0x40,
                  "€": 0x65}  # fmt: skip
_ESCAPE = 0x1B


def padd(bytelist: Sequence[int], length: int, padding: str = "FF") -> list[int]:
    """Return bytes, padded at the end to a length.

    Args:
        bytelist: the bytes.
        length: the length in bytes; a list that is as long or longer is only copied.
        padding: the byte to add, as two hexadecimal digits.
    """
    return [*bytelist, *[int(padding, 16)] * (length - len(bytelist))]


def toASCIIBytes(stringtoconvert: str) -> list[int]:
    """Return text as bytes (in UTF-8 if it is not ASCII)."""
    return list(stringtoconvert.encode())


def toASCIIString(bytelist: Sequence[int]) -> str:
    """Return bytes as ASCII text, with a dot in place of each byte that is no printable character."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in bytelist)


def toBytes(bytestring: str) -> list[int]:
    """Return the bytes of hexadecimal digits. White space may stand anywhere.

    Raises:
        TypeError: the text is not hexadecimal, or has an odd number of digits.
    """
    try:
        return list(bytes.fromhex("".join(bytestring.split())))
    except (AttributeError, ValueError) as error:
        raise TypeError(f"bytestring: expected an even number of hexadecimal digits, {error}") from None


def toGSM3_38Bytes(stringtoconvert: str | bytes) -> list[int]:
    """Return text in the default alphabet of SMS, one byte for each character of 7 bits (3GPP TS 23.038).

    Args:
        stringtoconvert: the text; bytes are read as ISO 8859-1. Characters of the extension table take two bytes.

    Raises:
        KeyError: a character is not in the alphabet.
    """
    text = stringtoconvert.decode("iso8859-1") if isinstance(stringtoconvert, bytes) else stringtoconvert
    result: list[int] = []
    for character in text:
        place = _GSM.find(character)
        if place in {-1, _ESCAPE}:
            result += _ESCAPE, _GSM_EXTENSION[character]
        else:
            result.append(place)
    return result


def toHexString(data: Sequence[int] | None = None, output_format: int = 0) -> str:
    """Return bytes in hexadecimal digits: ``"3B 65 00"``.

    Args:
        data: a list, a tuple or a buffer of bytes; None for an empty text.
        output_format: a sum of PACK, HEX, UPPERCASE and COMMA.

    Raises:
        TypeError: ``data`` is none of these.
    """
    if data is None:
        return ""
    if not isinstance(data, list | tuple | bytes | bytearray | memoryview):
        raise TypeError(f"data: expected a list of bytes, got {type(data).__name__}")
    prefix = "" if not output_format & HEX else "0X" if output_format & UPPERCASE else "0x"
    separator = ("," if output_format & COMMA else "") + ("" if output_format & PACK else " ")
    return separator.join([f"{prefix}{byte & 0xFF:02X}" for byte in data])


def _deprecated(name: str, instead: str) -> None:
    warnings.warn(f"{name}() is deprecated; use {instead}", DeprecationWarning, stacklevel=3)


def HexListToBinString(hexlist: Sequence[int]) -> str:
    """Return a text with one character for each byte. Deprecated: use ``bytes(hexlist)``."""
    _deprecated("HexListToBinString", "bytes(hexlist)")
    return bytes(hexlist).decode("iso8859-1")


def BinStringToHexList(binstring: str) -> list[int]:
    """Return the bytes of a text with one character for each. Deprecated: use ``list(data)`` of bytes."""
    _deprecated("BinStringToHexList", "list(data) of bytes")
    return list(binstring.encode("iso8859-1"))


hl2bs, bs2hl = HexListToBinString, BinStringToHexList
"""Other names of these two functions."""
