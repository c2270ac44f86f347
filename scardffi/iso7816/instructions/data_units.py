"""The commands on the bytes of transparent EFs, such as READ BINARY (ISO/IEC 7816-4, clause 11.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..._bytes_like import contiguous
from ..command import SHORT_LE, Command, checked
from ..tlv import encode
from ._arguments import MAX_OFFSET, data_object, offset_object, short_id_bits

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MAX_OFFSET_OF_CURRENT_EF: Final = 0x7FFF
_MAX_OFFSET_WITH_SHORT_ID: Final = 0xFF


def read_binary(offset: int = 0, le: int = SHORT_LE, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build READ BINARY, which reads from a transparent EF (clause 11.2.3).

    Args:
        offset: the position of the first byte. Above 32767, or above 255 with a short identifier, the command has the
            odd instruction byte. Not every card supports it, and its response data is in a data object with tag 53.
        le: the maximum number of data bytes in the response.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _binary(0xB0, offset, b"", short_id, le, cla)


def write_binary(offset: int, data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build WRITE BINARY, which writes once to a transparent EF or ORs into it (clause 11.2.4).

    The arguments are those of :func:`update_binary`.
    """
    return _binary(0xD0, offset, data, short_id, None, cla)


def update_binary(offset: int, data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build UPDATE BINARY, which overwrites a part of a transparent EF (clause 11.2.5).

    Args:
        offset: the position of the first byte; for large offsets see :func:`read_binary`.
        data: the new bytes.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _binary(0xD6, offset, data, short_id, None, cla)


def erase_binary(offset: int = 0, end: int | None = None, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build ERASE BINARY, which erases a part of a transparent EF (clause 11.2.7).

    Args:
        offset: the position of the first byte to erase; for large offsets see :func:`read_binary`.
        end: the position after the last byte to erase; None to erase to the end of the EF.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    limits = [checked("offset", offset, 0, MAX_OFFSET)]
    if end is not None:
        limits.append(checked("end", end, offset + 1, MAX_OFFSET))
    if _fits_p1_p2(offset, short_id) and limits[-1] <= 0xFFFF:
        return _binary(0x0E, offset, b"" if end is None else end.to_bytes(2, "big"), short_id, None, cla)
    return Command(cla, 0x0F, 0, short_id_bits(short_id), encode(map(offset_object, limits)))


def search_binary(
    data: Buffer = b"", offset: int = 0, le: int = SHORT_LE, *, short_id: int | None = None, cla: int = 0
) -> Command:
    """Build SEARCH BINARY, which searches a transparent EF; the response is the position (clause 11.2.6).

    Args:
        data: the bytes to find; empty to find the first erased byte.
        offset: the position of the byte at which the search begins; for large offsets see :func:`read_binary`.
        le: the maximum number of data bytes in the response, which is empty if nothing was found.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _binary(0xA0, offset, data, short_id, le, cla)


def _fits_p1_p2(offset: int, short_id: int | None) -> bool:
    return offset <= (_MAX_OFFSET_OF_CURRENT_EF if short_id is None else _MAX_OFFSET_WITH_SHORT_ID)


def _binary(ins: int, offset: int, data: Buffer, short_id: int | None, le: int | None, cla: int) -> Command:
    """Build a command for a transparent EF, with the odd instruction byte if P1-P2 cannot contain the offset."""
    checked("offset", offset, 0, MAX_OFFSET)
    if not _fits_p1_p2(offset, short_id):
        objects = [offset_object(offset)] + ([data_object(data)] if contiguous("data", data) else [])
        return Command(cla, ins | 1, 0, short_id_bits(short_id), encode(objects), le)
    p1, p2 = offset.to_bytes(2, "big")
    return Command(cla, ins, p1 if short_id is None else 0x80 | short_id_bits(short_id), p2, data, le)
