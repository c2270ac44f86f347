"""Arguments that several commands have: short EF identifiers, and positions and data as data objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..command import checked
from ..tlv import TLV, shortest_bytes

if TYPE_CHECKING:
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
    return TLV(DATA_TAG, memoryview(data).tobytes())
