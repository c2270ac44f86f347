"""Arguments that several commands have: short EF identifiers, and positions and data as data objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..._bytes_like import copied
from ..command import checked
from ..tlv import TLV, encode, shortest_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

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


def encoded(name: str, objects: Iterable[TLV]) -> bytes:
    """Return the bytes of these data objects.

    Args:
        name: the argument's name, for the message of the error.
        objects: the data objects.

    Raises:
        TypeError: one of them is not a TLV.
    """
    given = list(objects)
    for one in given:
        if not isinstance(one, TLV):  # bytes(3) would be three zeros
            raise TypeError(f"{name}: expected TLV objects, got {type(one).__name__}")
    return encode(given)
