"""Functions that build the commands of ISO/IEC 7816-4 (clause 7, or 11 of later editions) and 7816-9.

Each function returns a :class:`.command.Command`. ``cla`` is the class byte: 00, the class byte of a logical channel,
or one that the card defines. ``le`` is the maximum number of data bytes in the response, 1 to 65536, or None for no
data. A number that does not fit its field raises a ValueError that names the argument.

Functions with a PIN or a password copy it into a bytearray. ``command.wipe()`` overwrites this bytearray.
``command.encode()`` returns another bytearray to send, which you overwrite after use.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from .._bytes_like import contiguous, copied
from ._secrets import Secrets
from .command import EXTENDED_DATA, SHORT_LE, Command, checked
from .tlv import TLV, encode, shortest_bytes

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MAX_OFFSET_OF_CURRENT_EF: Final = 0x7FFF
_MAX_OFFSET_WITH_SHORT_ID: Final = 0xFF
_MAX_OFFSET: Final = 0xFFFFFFFF
_OFFSET_TAG: Final = 0x54
_DATA_TAG: Final = 0x53
_END_VERIFICATION: Final = 0xFF


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


class RecordsBy(IntEnum):
    """The records that READ RECORD reads (bits 3 to 1 of P2)."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3
    NUMBER = 4
    """The record with this number."""
    NUMBER_TO_LAST = 5
    """All records from this number to the last."""
    LAST_TO_NUMBER = 6
    """All records from the last to this number."""


def select_file(
    file: Buffer = b"",
    by: SelectBy = SelectBy.FILE_ID,
    *,
    occurrence: Occurrence = Occurrence.FIRST,
    information: FileInformation = FileInformation.FCI,
    le: int = SHORT_LE,
    cla: int = 0,
) -> Command:
    """Build SELECT, which makes a file the current one.

    Args:
        file: an identifier, a name or a path, 0 to 65535 bytes.
        by: the meaning of ``file``.
        occurrence: the file to select if several match.
        information: the response data. With NONE the command has no Le.
        le: the maximum number of data bytes in the response.
        cla: the class byte.
    """
    return Command(cla, 0xA4, by, occurrence | information, file, None if information == FileInformation.NONE else le)


def read_binary(offset: int = 0, le: int = SHORT_LE, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build READ BINARY, which reads from a transparent EF.

    Args:
        offset: the position of the first byte. Above 32767, or above 255 with a short identifier, the command has the
            odd instruction byte. Not every card supports it, and its response data is in a data object with tag 53.
        le: the maximum number of data bytes in the response.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _binary(0xB0, offset, b"", short_id, le, cla)


def write_binary(offset: int, data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build WRITE BINARY, which writes once to a transparent EF or ORs into it; arguments of :func:`update_binary`."""
    return _binary(0xD0, offset, data, short_id, None, cla)


def update_binary(offset: int, data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build UPDATE BINARY, which overwrites a part of a transparent EF.

    Args:
        offset: the position of the first byte; for large offsets see :func:`read_binary`.
        data: the new bytes.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _binary(0xD6, offset, data, short_id, None, cla)


def erase_binary(offset: int = 0, end: int | None = None, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build ERASE BINARY, which erases a part of a transparent EF.

    Args:
        offset: the position of the first byte to erase; for large offsets see :func:`read_binary`.
        end: the position after the last byte to erase; None to erase to the end of the EF.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    limits = [checked("offset", offset, 0, _MAX_OFFSET)]
    if end is not None:
        limits.append(checked("end", end, offset + 1, _MAX_OFFSET))
    if _fits_p1_p2(offset, short_id) and limits[-1] <= 0xFFFF:
        return _binary(0x0E, offset, b"" if end is None else end.to_bytes(2, "big"), short_id, None, cla)
    return Command(cla, 0x0F, 0, _short_id_bits(short_id), encode(map(_offset_object, limits)))


def read_record(
    number: int = 0,
    le: int = SHORT_LE,
    *,
    records: RecordsBy = RecordsBy.NUMBER,
    short_id: int | None = None,
    cla: int = 0,
) -> Command:
    """Build READ RECORD, which reads records of a linear or cyclic EF.

    Args:
        number: the record number, 0 to 254, 0 for the current record. If ``records`` is FIRST, LAST, NEXT or PREVIOUS,
            this is the record identifier.
        le: the maximum number of data bytes in the response.
        records: the records to read.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _record(0xB2, number, records, b"", short_id, le, cla)


def write_record(
    number: int, data: Buffer, *, which: Occurrence | None = None, short_id: int | None = None, cla: int = 0
) -> Command:
    """Build WRITE RECORD, which writes a record once or ORs into it; arguments of :func:`update_record`."""
    return _record(0xD2, number, which, data, short_id, None, cla)


def update_record(
    number: int, data: Buffer, *, which: Occurrence | None = None, short_id: int | None = None, cla: int = 0
) -> Command:
    """Build UPDATE RECORD, which replaces a record.

    Args:
        number: the record number, 0 to 254, 0 for the current record; 0 if ``which`` is given.
        data: the new contents of the record.
        which: the first, last, next or previous record; None for the record with the number.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return _record(0xDC, number, which, data, short_id, None, cla)


def append_record(data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build APPEND RECORD, which adds a record to the end of a linear EF, or as record 1 to a cyclic EF.

    Args:
        data: the contents of the record.
        short_id: the short identifier of the EF, 1 to 30; None for the current EF.
        cla: the class byte.
    """
    return Command(cla, 0xE2, 0, _short_id_bits(short_id) << 3, data)


def get_data(tag: int, le: int = SHORT_LE, *, cla: int = 0) -> Command:
    """Build GET DATA, which reads a data object.

    Args:
        tag: the tag of 1 or 2 bytes, 0 to 0xFFFF (P1-P2).
        le: the maximum number of data bytes in the response.
        cla: the class byte.
    """
    return _data_object(0xCA, tag, b"", le, cla)


def put_data(tag: int, data: Buffer, *, cla: int = 0) -> Command:
    """Build PUT DATA, which writes the value of a data object.

    Args:
        tag: the tag of 1 or 2 bytes, 0 to 0xFFFF (P1-P2).
        data: the value.
        cla: the class byte.
    """
    return _data_object(0xDA, tag, data, None, cla)


def get_response(le: int = SHORT_LE, *, cla: int = 0) -> Command:
    """Build GET RESPONSE, which reads the data that the card announced with 61xx."""
    return Command(cla, 0xC0, le=le)


def envelope(command: Buffer, le: int | None = SHORT_LE, *, cla: int = 0) -> Command:
    """Build ENVELOPE, which contains another command, for example an extended one for T=0.

    Args:
        command: the APDU of the other command, such as ``bytes(other)``. Split a long one with ``Command.chain``.
        le: the maximum number of data bytes in the response; None for no data.
        cla: the class byte.
    """
    return Command(cla, 0xC2, 0, 0, command, le)


def get_challenge(le: int = 8, algorithm: int = 0, *, cla: int = 0) -> Command:
    """Build GET CHALLENGE, which requests random bytes for an authentication.

    Args:
        le: the maximum number of random bytes.
        algorithm: the number of the algorithm; 0 if the card knows it.
        cla: the class byte.
    """
    return Command(cla, 0x84, algorithm, le=le)


def internal_authenticate(
    challenge: Buffer, algorithm: int = 0, reference: int = 0, le: int = SHORT_LE, *, cla: int = 0
) -> Command:
    """Build INTERNAL AUTHENTICATE, which authenticates the card.

    Args:
        challenge: the input of the card's computation.
        algorithm: the number of the algorithm; 0 if the card knows it.
        reference: the number of the key; 0 if the card knows it. Bit 8 is set for a key of the current DF.
        le: the maximum number of data bytes in the response.
        cla: the class byte.
    """
    return Command(cla, 0x88, algorithm, reference, challenge, le)


def external_authenticate(
    answer: Buffer = b"", algorithm: int = 0, reference: int = 0, *, le: int | None = None, cla: int = 0
) -> Command:
    """Build EXTERNAL AUTHENTICATE, which authenticates you to the card; with ``le`` it is MUTUAL AUTHENTICATE.

    Args:
        answer: the result of your computation on the card's challenge. If it is empty, the card answers 63Cx with the
            number of tries that are left.
        algorithm: the number of the algorithm; 0 if the card knows it.
        reference: the number of the key, as for :func:`internal_authenticate`.
        le: the maximum number of data bytes in the response; None for no data.
        cla: the class byte.
    """
    return Command(cla, 0x82, algorithm, reference, answer, le)


def general_authenticate(
    template: Buffer, algorithm: int = 0, reference: int = 0, le: int | None = SHORT_LE, *, cla: int = 0
) -> Command:
    """Build GENERAL AUTHENTICATE, one step of an authentication protocol.

    Args:
        template: the data of this step, in a data object with tag 7C.
        algorithm: the number of the algorithm; 0 if the card knows it.
        reference: the number of the key, as for :func:`internal_authenticate`.
        le: the maximum number of data bytes in the response; None for no data.
        cla: the class byte.
    """
    return Command(cla, 0x86, algorithm, reference, template, le)


def manage_channel(channel: int = 0, *, close: bool = False, cla: int = 0) -> Command:
    """Build MANAGE CHANNEL, which opens or closes a logical channel.

    Args:
        channel: the number of the channel, 1 to 19. With 0 the card opens a channel of its choice and returns its
            number in one byte, or, if ``close`` is True, closes the channel of ``cla``.
        close: True to close the channel.
        cla: the class byte.
    """
    checked("channel", channel, 0, 19)
    return Command(cla, 0x70, 0x80 if close else 0x00, channel, le=None if close or channel else 1)


def verify(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """Build VERIFY, which compares a PIN or password with the one in the card.

    Args:
        code: the PIN or password in the card's format, including padding. If it is empty, the card answers 63Cx with
            the number of tries that are left.
        reference: the number of the PIN or password: 1 to 31 if it belongs to the whole card; this number with bit 8
            set if it belongs to the current DF; 0 if the card knows it.
        cla: the class byte.
    """
    return _with_secret(0x20, 0x00, reference, cla, code)


def end_verification(reference: int = 0, *, cla: int = 0) -> Command:
    """Build VERIFY with P1 FF, after which the code is no longer verified; arguments of :func:`verify`."""
    return Command(cla, 0x20, _END_VERIFICATION, reference)


def change_reference_data(old: Buffer, new: Buffer, reference: int = 0, *, cla: int = 0) -> Command:
    """Build CHANGE REFERENCE DATA, which sets a new PIN or password.

    Args:
        old: the present PIN or password in the card's format; empty if the security status is sufficient.
        new: the new PIN or password.
        reference: the number of the PIN or password, as for :func:`verify`.
        cla: the class byte.
    """
    return _with_secret(0x24, 0x00 if contiguous("old", old) else 0x01, reference, cla, old, new)


def reset_retry_counter(
    resetting_code: Buffer = b"", new: Buffer = b"", reference: int = 0, *, cla: int = 0
) -> Command:
    """Build RESET RETRY COUNTER, which unblocks a PIN or password.

    Args:
        resetting_code: the unblocking code (PUK); empty if the security status is sufficient.
        new: the new PIN or password; empty to keep the present one.
        reference: the number of the PIN or password to unblock, as for :func:`verify`.
        cla: the class byte.
    """
    p1 = (0 if contiguous("resetting_code", resetting_code) else 2) | (0 if contiguous("new", new) else 1)
    return _with_secret(0x2C, p1, reference, cla, resetting_code, new)


def enable_verification_requirement(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """Build ENABLE VERIFICATION REQUIREMENT, after which the card requires the code; arguments of :func:`verify`."""
    return _with_secret(0x28, 0x00 if contiguous("code", code) else 0x01, reference, cla, code)


def disable_verification_requirement(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """Build DISABLE VERIFICATION REQUIREMENT, after which the card requires no code; arguments of :func:`verify`."""
    return _with_secret(0x26, 0x00 if contiguous("code", code) else 0x01, reference, cla, code)


def create_file(parameters: Buffer, descriptor: int = 0, *, short_id: int | None = None, cla: int = 0) -> Command:
    """Build CREATE FILE, which creates a file in the current DF (ISO/IEC 7816-9).

    Args:
        parameters: the file control parameters, in a data object with tag 62.
        descriptor: the file descriptor byte; 0 if it is in ``parameters``.
        short_id: the short identifier of the EF, 1 to 30; None if the EF has none or it is in ``parameters``.
        cla: the class byte.
    """
    return Command(cla, 0xE0, descriptor, _short_id_bits(short_id) << 3, parameters)


def delete_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build DELETE FILE (ISO/IEC 7816-9).

    Args:
        file: the file, as for :func:`select_file`; empty for the current file.
        by: the meaning of ``file``.
        cla: the class byte.
    """
    return Command(cla, 0xE4, by, 0, file)


def activate_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build ACTIVATE FILE, formerly REHABILITATE (ISO/IEC 7816-9); arguments of :func:`delete_file`."""
    return Command(cla, 0x44, by, 0, file)


def deactivate_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """Build DEACTIVATE FILE, formerly INVALIDATE (ISO/IEC 7816-9); arguments of :func:`delete_file`."""
    return Command(cla, 0x04, by, 0, file)


def _short_id_bits(short_id: int | None) -> int:
    """Return the five bits of a short EF identifier; 0 for the current EF."""
    return 0 if short_id is None else checked("short_id", short_id, 1, 30)


def _fits_p1_p2(offset: int, short_id: int | None) -> bool:
    return offset <= (_MAX_OFFSET_OF_CURRENT_EF if short_id is None else _MAX_OFFSET_WITH_SHORT_ID)


def _binary(ins: int, offset: int, data: Buffer, short_id: int | None, le: int | None, cla: int) -> Command:
    """Build a command for a transparent EF, with the odd instruction byte if P1-P2 cannot contain the offset."""
    checked("offset", offset, 0, _MAX_OFFSET)
    if not _fits_p1_p2(offset, short_id):
        content = copied("data", data)
        objects = [_offset_object(offset)] + ([TLV(_DATA_TAG, content)] if content else [])
        return Command(cla, ins | 1, 0, _short_id_bits(short_id), encode(objects), le)
    p1, p2 = offset.to_bytes(2, "big")
    return Command(cla, ins, p1 if short_id is None else 0x80 | _short_id_bits(short_id), p2, data, le)


def _offset_object(offset: int) -> TLV:
    return TLV(_OFFSET_TAG, shortest_bytes(offset))


def _record(
    ins: int,
    number: int,
    which: RecordsBy | Occurrence | None,
    data: Buffer,
    short_id: int | None,
    le: int | None,
    cla: int,
) -> Command:
    """Build a command for a record of a linear or cyclic EF."""
    p2 = _short_id_bits(short_id) << 3 | (RecordsBy.NUMBER if which is None else which)
    return Command(cla, ins, checked("number", number, 0, 0xFE), p2, data, le)


def _data_object(ins: int, tag: int, data: Buffer, le: int | None, cla: int) -> Command:
    """Build a command for a data object, whose tag is P1-P2."""
    p1, p2 = checked("tag", tag, 0, 0xFFFF).to_bytes(2, "big")
    return Command(cla, ins, p1, p2, data, le)


def _with_secret(ins: int, p1: int, reference: int, cla: int, *parts: Buffer) -> Command:
    """Build a command with secret data, which is copied only into bytearrays. Only the command's bytearray remains."""
    views = [contiguous("code", part) for part in parts]
    size = sum(len(view) for view in views)
    checked("length of the code", size, 0, EXTENDED_DATA)
    command = Command(cla, ins, p1, reference, bytearray(size))
    secrets = Secrets()
    secrets.blocks += [command.data]  # type: ignore[list-item]  # it is a bytearray
    target = memoryview(command.data)  # assigning to a slice of the bytearray would create a temporary copy
    start = 0
    try:
        for view in views:
            target[start : start + len(view)] = view
            start += len(view)
    except BaseException:  # a signal handler has raised
        _ = [*secrets.wiping]
        raise
    return command
