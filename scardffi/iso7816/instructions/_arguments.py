"""Arguments that several commands have: short EF identifiers, positions, and bytes and data objects as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..._bytes_like import copied, kept
from ..command import EXTENDED_DATA, checked
from ..tlv import TLV, objects_as_bytes, shortest_bytes

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..tlv import Objects

MAX_OFFSET: Final = 0xFFFFFFFF
OFFSET_TAG: Final = 0x54
DATA_TAG: Final = 0x53


def short_id_bits(short_id: int | None) -> int:
    """Return the five bits of a short EF identifier; 0 for the current EF."""
    return 0 if short_id is None else checked("short_id", short_id, 1, 30)


def offset_object(offset: int) -> TLV:
    """Return a position as a data object."""
    return TLV(OFFSET_TAG, shortest_bytes(checked("offset", offset, 0, MAX_OFFSET)))


def data_object(data: Buffer) -> TLV:
    """Return the data for an EF as a data object."""
    return TLV(DATA_TAG, copied("data", data))


def plain(name: str, value: Buffer) -> bytes | memoryview:
    """Return an argument that becomes the command's data, without a copy.

    Args:
        name: the argument's name, for the messages of the errors.
        value: the argument's value.

    Raises:
        TypeError: the value is not a contiguous buffer.
        ValueError: the value has more than 65535 bytes.
    """
    return _fitting(name, kept(name, value))


def encoded(name: str, value: Objects) -> bytes | memoryview:
    """Return the bytes of an argument that is data objects and becomes the command's data.

    The arguments and errors are those of :func:`plain`; a TLV and an iterable of TLVs are allowed too.
    """
    return _fitting(name, objects_as_bytes(name, value))


def _fitting(name: str, data: bytes | memoryview) -> bytes | memoryview:
    checked(f"length of {name}", len(data), 0, EXTENDED_DATA)
    return data
