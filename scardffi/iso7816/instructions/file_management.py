"""Creation, deletion and life cycle of files and of the card (ISO/IEC 7816-9, clause 6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..command import Command
from ._arguments import encoded, short_id_bits
from .selection import SelectBy, file_reference

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ..tlv import Objects


def create_file(parameters: Objects, descriptor: int = 0, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build CREATE FILE, which creates a file in the current DF (clause 6.1).

    Args:
        parameters: the file control parameters, in a data object with tag 62.
        descriptor: the file descriptor byte; 0 if it is in ``parameters``.
        short_id: the short identifier of the EF, 1 to 30; None if the EF has none or it is in ``parameters``.
        cla: the class byte.
    """
    return Command(cla, 0xE0, descriptor, short_id_bits(short_id) << 3, encoded("parameters", parameters))


def delete_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build DELETE FILE (clause 6.2).

    Args:
        file: the file, as for :func:`select_file`; empty for the current file.
        by: the meaning of ``file``.
        cla: the class byte.
    """
    return Command(cla, 0xE4, by, 0, file_reference(file, by))


def activate_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build ACTIVATE FILE, formerly REHABILITATE (clause 6.4); arguments of :func:`delete_file`."""
    return Command(cla, 0x44, by, 0, file_reference(file, by))


def deactivate_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build DEACTIVATE FILE, formerly INVALIDATE (clause 6.3); arguments of :func:`delete_file`."""
    return Command(cla, 0x04, by, 0, file_reference(file, by))


def terminate_df(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build TERMINATE DF, after which a DF can never be used again (clause 6.5); arguments of :func:`delete_file`."""
    return Command(cla, 0xE6, by, 0, file_reference(file, by))


def terminate_ef(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build TERMINATE EF, after which an EF can never be used again (clause 6.6); arguments of :func:`delete_file`."""
    return Command(cla, 0xE8, by, 0, file_reference(file, by))


def terminate_card_usage(*, cla: int = 0) -> Command:
    """Build TERMINATE CARD USAGE, after which the card can never be used again (clause 6.7)."""
    return Command(cla, 0xFE)
