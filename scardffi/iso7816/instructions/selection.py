"""Selection of files and logical channels: SELECT and MANAGE CHANNEL (ISO/IEC 7816-4, clause 11.1)."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ..class_bytes import LAST_CHANNEL
from ..command import EXTENDED_DATA, SHORT_LE, Command, checked
from ._arguments import plain

if TYPE_CHECKING:
    from collections.abc import Container

    from typing_extensions import Buffer

__all__ = ["FileInformation", "Occurrence", "SelectBy", "manage_channel", "select_file"]


class SelectBy(IntEnum):
    """The meaning of the data of SELECT (P1)."""

    FILE_ID = 0x00
    """The file identifier of the MF, a DF or an EF, 2 bytes; no data for the MF."""
    CHILD_DF = 0x01
    """The file identifier of a DF in the current DF."""
    CHILD_EF = 0x02
    """The file identifier of an EF in the current DF."""
    PARENT_DF = 0x03
    """The DF that contains the current one; no data."""
    DF_NAME = 0x04
    """The name of a DF, such as an application identifier, or the beginning of the name."""
    PATH_FROM_MF = 0x08
    """A path from the MF, without the identifier of the MF."""
    PATH_FROM_DF = 0x09
    """A path from the current DF, without the identifier of the current DF."""


_LONGEST_NAME: Final = 16
_LENGTHS: Final[dict[int, tuple[Container[int], str]]] = {
    SelectBy.FILE_ID: ((0, 2), "0 or 2"),
    SelectBy.CHILD_DF: ((2,), "2"),
    SelectBy.CHILD_EF: ((2,), "2"),
    SelectBy.PARENT_DF: ((0,), "0"),
    SelectBy.DF_NAME: (range(_LONGEST_NAME + 1), f"0 to {_LONGEST_NAME}"),
    SelectBy.PATH_FROM_MF: (range(2, EXTENDED_DATA, 2), "an even number"),
    SelectBy.PATH_FROM_DF: (range(2, EXTENDED_DATA, 2), "an even number"),
}
"""The numbers of bytes that each kind of reference has, as a container and in words."""


class Occurrence(IntEnum):
    """The file to select if several have the name, or the record if several have the identifier."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3


class FileInformation(IntEnum):
    """The response data of SELECT (bits 4 and 3 of P2)."""

    FCI = 0x00
    """The file control information template."""
    FCP = 0x04
    """The file control parameters."""
    FMD = 0x08
    """The file management data."""
    NONE = 0x0C
    """No data."""


def select_file(
    file: Buffer = b"",
    by: SelectBy = SelectBy.FILE_ID,
    *,
    occurrence: Occurrence = Occurrence.FIRST,
    information: FileInformation = FileInformation.FCI,
    le: int = SHORT_LE,
    cla: int = 0,
) -> Command:
    """Build SELECT, which makes a file the current one (clause 11.1.1).

    Args:
        file: an identifier of 0 or 2 bytes, a name of 0 to 16 bytes, or a path, which has 2 bytes for each file.
        by: the meaning of ``file``. An application identifier (AID) needs ``SelectBy.DF_NAME``. Any length of ``file``
            is allowed with a number that is not in :class:`SelectBy`.
        occurrence: the file to select if several match.
        information: the response data. With NONE the command has no Le.
        le: the maximum number of data bytes in the response.
        cla: the class byte.

    Raises:
        ValueError: a number does not fit its field, or ``file`` has not the length that ``by`` requires.
    """
    le_or_none = None if information == FileInformation.NONE else le
    return Command(cla, 0xA4, by, occurrence | information, file_reference(file, by), le_or_none)


def file_reference(file: Buffer, by: int) -> bytes | memoryview:
    """Return the argument ``file`` of a command that names a file.

    Raises:
        TypeError: it is not a contiguous buffer.
        ValueError: its length is not one that ``by`` allows.
    """
    data = plain("file", file)
    lengths, allowed = _LENGTHS.get(by, (None, ""))
    if lengths is not None and len(data) not in lengths:
        advice = "" if by == SelectBy.DF_NAME else "; an application identifier (AID) needs SelectBy.DF_NAME"
        raise ValueError(
            f"file: {len(data)} bytes are not allowed with SelectBy.{SelectBy(by).name}; give {allowed}{advice}"
        )
    return data


def manage_channel(channel: int = 0, *, close: bool = False, cla: int = 0) -> Command:
    """Build MANAGE CHANNEL, which opens or closes a logical channel (clause 11.1.2).

    Args:
        channel: the number of the channel, 1 to 19. With 0 the card opens a channel of its choice and returns its
            number in one byte, or, if ``close`` is True, closes the channel of ``cla``.
        close: True to close the channel.
        cla: the class byte.
    """
    checked("channel", channel, 0, LAST_CHANNEL)
    return Command(cla, 0x70, 0x80 if close else 0x00, channel, le=None if close or channel else 1)
