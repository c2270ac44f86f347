"""The bits of the card service data and the card capabilities (ISO/IEC 7816-4, clause 12.1.1)."""

from __future__ import annotations

from typing import Final

_SERVICE_DATA: Final = (
    ("select_by_name", 0x80, False),
    ("select_by_partial_name", 0x40, False),
    ("data_objects_in_dir", 0x20, False),
    ("data_objects_in_atr", 0x10, False),
    ("has_mf", 0x01, True),
)
"""Attribute, bit, and True if the bit means that the attribute is False."""
_SELECTION: Final = (
    ("select_by_name", 0x80, False),
    ("select_by_partial_name", 0x40, False),
    ("select_by_path", 0x20, False),
    ("select_by_id", 0x10, False),
    ("select_implicitly", 0x08, False),
    ("short_ids", 0x04, False),
    ("record_numbers", 0x02, False),
    ("record_ids", 0x01, False),
)
"""The bits of the first byte of the card capabilities, in the same form."""
_LENGTHS: Final = (
    ("chaining", 0x80, False),
    ("extended_length", 0x40, False),
    ("channel_by_card", 0x10, False),
    ("channel_by_program", 0x08, False),
)
"""The bits of the third byte of the card capabilities, in the same form."""


def service_data_bits(value: bytes) -> dict[str, bool]:
    """Return what the card service data (tag 43) state, by attribute; an empty dict if the value is empty."""
    return _bits(_SERVICE_DATA, value[:1])


def capability_bits(value: bytes) -> dict[str, bool]:
    """Return what the bits of the card capabilities (tag 47) state, by attribute. Bytes may be missing at the end."""
    return {**_bits(_SELECTION, value[:1]), **_bits(_LENGTHS, value[2:3])}


def data_unit(coding: int) -> float:
    """Return the size of the data unit that a data coding byte states, in bytes; 0.5 for half a byte."""
    return (1 << (coding & 0x0F)) / 2


def channel_count(value: bytes) -> int | None:
    """Return the number of logical channels in the card capabilities, 8 for 8 or more; None if it is not stated."""
    return (value[2] & 7) + 1 if len(value) > 2 else None


def _bits(names: tuple[tuple[str, int, bool], ...], byte: bytes) -> dict[str, bool]:
    return {name: bool(byte[0] & bit) != inverted for name, bit, inverted in names} if byte else {}
