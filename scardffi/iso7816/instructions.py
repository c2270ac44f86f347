"""The commands of ISO/IEC 7816-4 (clause 7, and 11 of later editions) and 7816-9 by name, ready to be sent.

Each function builds a :class:`.command.Command`; ``cla`` is the class byte, 00 or that of a logical channel or of the
card's own. ``le`` is the most bytes that may be answered, 1 to 65536, or None for none. Numbers that do not fit their
field are a ValueError that names the argument.

Those that carry a PIN or a password copy it into a bytearray: ``command.wipe()`` overwrites that one,
``command.encode()`` gives another to be sent and overwritten.
"""

from __future__ import annotations

from enum import IntEnum

from .command import EXTENDED_DATA, SHORT_LE, Command, checked
from .tlv import TLV, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from typing_extensions import Buffer

_LAST_SHORT_OFFSET: Final = 0x7FFF
_LAST_OFFSET: Final = 0xFFFFFFFF
_OFFSET_TAG: Final = 0x54
_DATA_TAG: Final = 0x53
_ABSENT: Final = 0xFF


class SelectBy(IntEnum):
    """What the data of SELECT name (its P1)."""

    FILE_ID = 0x00
    """MF, DF or EF by its file identifier of 2 bytes; no data for the MF."""
    CHILD_DF = 0x01
    """A DF below the current one, by file identifier."""
    CHILD_EF = 0x02
    """An EF in the current DF, by file identifier."""
    PARENT_DF = 0x03
    """The DF above the current one; no data."""
    DF_NAME = 0x04
    """A DF by its name, such as an application identifier, or the beginning of it."""
    PATH_FROM_MF = 0x08
    """A path from the MF, without the MF's own identifier."""
    PATH_FROM_DF = 0x09
    """A path from the current DF, without its own identifier."""


class Occurrence(IntEnum):
    """Which one, where several files have the name, or several records the identifier."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3


class FileInformation(IntEnum):
    """What SELECT answers (bits 4 and 3 of its P2)."""

    FCI = 0x00
    """The file control information template."""
    FCP = 0x04
    """The file control parameters."""
    FMD = 0x08
    """The file management data."""
    NONE = 0x0C
    """Nothing."""


class RecordsBy(IntEnum):
    """Which records READ RECORD reads (bits 3 to 1 of its P2)."""

    FIRST = 0
    LAST = 1
    NEXT = 2
    PREVIOUS = 3
    NUMBER = 4
    """The one of this number."""
    NUMBER_TO_LAST = 5
    """All from this number to the last."""
    LAST_TO_NUMBER = 6
    """All from the last to this number."""


def select_file(
    file: Buffer = b"",
    by: SelectBy = SelectBy.FILE_ID,
    *,
    occurrence: Occurrence = Occurrence.FIRST,
    information: FileInformation = FileInformation.FCI,
    le: int = SHORT_LE,
    cla: int = 0,
) -> Command:
    """SELECT: make a file the current one.

    Args:
        file: an identifier, a name or a path, as ``by`` says; 0 to 65535 bytes.
        by: what ``file`` is.
        occurrence: which of several.
        information: what to answer; with NONE there is no Le.
        le: see above.
        cla: see above.
    """
    return Command(cla, 0xA4, by, occurrence | information, file, None if information == FileInformation.NONE else le)


def read_binary(offset: int = 0, le: int = SHORT_LE, *, short_id: int | None = None, cla: int = 0) -> Command:
    """READ BINARY from a transparent EF.

    Args:
        offset: of the first byte. Above 32767, or above 255 with a short identifier, it is the command with the odd
            instruction byte, which not every card knows and whose answer is wrapped in a data object of tag 53.
        le: see above.
        short_id: the EF's short identifier, 1 to 30; None for the current EF.
        cla: see above.
    """
    return _binary(0xB0, offset, b"", short_id, le, cla)


def write_binary(offset: int, data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """WRITE BINARY: write once into a transparent EF, or OR into it; arguments as for :func:`update_binary`."""
    return _binary(0xD0, offset, data, short_id, None, cla)


def update_binary(offset: int, data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """UPDATE BINARY: overwrite a part of a transparent EF.

    Args:
        offset: of the first byte; for large ones see :func:`read_binary`.
        data: what to write.
        short_id: the EF's short identifier, 1 to 30; None for the current EF.
        cla: see above.
    """
    return _binary(0xD6, offset, data, short_id, None, cla)


def erase_binary(offset: int = 0, end: int | None = None, *, short_id: int | None = None, cla: int = 0) -> Command:
    """ERASE BINARY: a part of a transparent EF.

    Args:
        offset: of the first byte to erase; for large ones see :func:`read_binary`.
        end: the offset of the first byte not to erase; None to erase up to the end.
        short_id: the EF's short identifier, 1 to 30; None for the current EF.
        cla: see above.
    """
    limits = [checked("offset", offset, 0, _LAST_OFFSET)]
    if end is not None:
        limits.append(checked("end", end, offset + 1, _LAST_OFFSET))
    if _even(offset, short_id) and limits[-1] <= 0xFFFF:
        return _binary(0x0E, offset, b"" if end is None else end.to_bytes(2, "big"), short_id, None, cla)
    return Command(cla, 0x0F, 0, _short_id(short_id), encode(map(_offset_object, limits)))


def read_record(
    number: int = 0,
    le: int = SHORT_LE,
    *,
    records: RecordsBy = RecordsBy.NUMBER,
    short_id: int | None = None,
    cla: int = 0,
) -> Command:
    """READ RECORD(S) from a linear or cyclic EF.

    Args:
        number: record number, or with the first four of ``records`` an identifier; 0 to 254, 0 is the current record.
        le: see above.
        records: which ones.
        short_id: the EF's short identifier, 1 to 30; None for the current EF.
        cla: see above.
    """
    return Command(cla, 0xB2, _record(number), _short_id(short_id) << 3 | records, b"", le)


def write_record(
    number: int, data: Buffer, *, which: Occurrence | None = None, short_id: int | None = None, cla: int = 0
) -> Command:
    """WRITE RECORD: write once into a record, or OR into it; arguments as for :func:`update_record`."""
    return Command(cla, 0xD2, _record(number), _short_id(short_id) << 3 | (4 if which is None else which), data)


def update_record(
    number: int, data: Buffer, *, which: Occurrence | None = None, short_id: int | None = None, cla: int = 0
) -> Command:
    """UPDATE RECORD: replace a record.

    Args:
        number: record number, 0 to 254, 0 is the current record; 0 where ``which`` is given.
        data: the record.
        which: None for the record of that number; else the first, last, next or previous one.
        short_id: the EF's short identifier, 1 to 30; None for the current EF.
        cla: see above.
    """
    return Command(cla, 0xDC, _record(number), _short_id(short_id) << 3 | (4 if which is None else which), data)


def append_record(data: Buffer, *, short_id: int | None = None, cla: int = 0) -> Command:
    """APPEND RECORD: a new last record of a linear EF, or record 1 of a cyclic one."""
    return Command(cla, 0xE2, 0, _short_id(short_id) << 3, data)


def get_data(tag: int, le: int = SHORT_LE, *, cla: int = 0) -> Command:
    """GET DATA: one data object.

    Args:
        tag: of 1 or 2 bytes, 0 to 0xFFFF, as P1-P2.
        le: see above.
        cla: see above.
    """
    checked("tag", tag, 0, 0xFFFF)
    return Command(cla, 0xCA, tag >> 8, tag & 0xFF, b"", le)


def put_data(tag: int, data: Buffer, *, cla: int = 0) -> Command:
    """PUT DATA: the value of one data object.

    Args:
        tag: of 1 or 2 bytes, 0 to 0xFFFF, as P1-P2.
        data: the value.
        cla: see above.
    """
    checked("tag", tag, 0, 0xFFFF)
    return Command(cla, 0xDA, tag >> 8, tag & 0xFF, data)


def get_response(le: int = SHORT_LE, *, cla: int = 0) -> Command:
    """GET RESPONSE: the data that a card announced by 61xx."""
    return Command(cla, 0xC0, le=le)


def envelope(command: Buffer, le: int | None = SHORT_LE, *, cla: int = 0) -> Command:
    """ENVELOPE: carry a command inside of another, an extended one by T=0 for instance.

    Args:
        command: its APDU, such as ``bytes(other)``; longer ones go in several by ``Command.chain``.
        le: see above.
        cla: see above.
    """
    return Command(cla, 0xC2, 0, 0, command, le)


def get_challenge(le: int = 8, algorithm: int = 0, *, cla: int = 0) -> Command:
    """GET CHALLENGE: random bytes for an authentication; ``algorithm`` 0 where the card knows which."""
    return Command(cla, 0x84, algorithm, le=le)


def internal_authenticate(
    challenge: Buffer, algorithm: int = 0, reference: int = 0, le: int = SHORT_LE, *, cla: int = 0
) -> Command:
    """INTERNAL AUTHENTICATE: the card proves who it is.

    Args:
        challenge: what it is to work on.
        algorithm: 0 where the card knows which.
        reference: of the key: 0 where the card knows which; bit 8 set for one of the current DF.
        le: see above.
        cla: see above.
    """
    return Command(cla, 0x88, algorithm, reference, challenge, le)


def external_authenticate(
    answer: Buffer = b"", algorithm: int = 0, reference: int = 0, *, le: int | None = None, cla: int = 0
) -> Command:
    """EXTERNAL AUTHENTICATE: somebody proves to the card who they are; with ``le`` MUTUAL AUTHENTICATE.

    Args:
        answer: what was computed from the challenge; without it the card tells by 63Cx how many tries are left.
        algorithm: 0 where the card knows which.
        reference: of the key, as for :func:`internal_authenticate`.
        le: see above.
        cla: see above.
    """
    return Command(cla, 0x82, algorithm, reference, answer, le)


def general_authenticate(
    template: Buffer, algorithm: int = 0, reference: int = 0, le: int | None = SHORT_LE, *, cla: int = 0
) -> Command:
    """GENERAL AUTHENTICATE: one step of a protocol whose data stand in a template of tag 7C."""
    return Command(cla, 0x86, algorithm, reference, template, le)


def manage_channel(channel: int = 0, *, close: bool = False, cla: int = 0) -> Command:
    """MANAGE CHANNEL: open a logical channel, or close it.

    Args:
        channel: 1 to 19; 0 to open one of the card's choice, whose number is then the one byte of the answer, or to
            close the one that ``cla`` names.
        close: close it.
        cla: see above.
    """
    checked("channel", channel, 0, 19)
    return Command(cla, 0x70, 0x80 if close else 0x00, channel, le=None if close or channel else 1)


def verify(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """VERIFY: a PIN or password against the card's.

    Args:
        code: as the card wants it, padding included; without it the card tells by 63Cx how many tries are left.
        reference: 0 where the card knows which; 1 to 31 for one of the whole card; bit 8 set for one of the
            current DF.
        cla: see above.
    """
    return _secret(cla, 0x20, 0x00, reference, code)


def end_verification(reference: int = 0, *, cla: int = 0) -> Command:
    """VERIFY with P1 FF: the code counts as not verified from now on; ``reference`` as for :func:`verify`."""
    return Command(cla, 0x20, _ABSENT, reference)


def change_reference_data(old: Buffer, new: Buffer, reference: int = 0, *, cla: int = 0) -> Command:
    """CHANGE REFERENCE DATA: a new PIN or password.

    Args:
        old: the one that is valid so far, as the card wants it; empty where the security status suffices.
        new: the new one.
        reference: as for :func:`verify`.
        cla: see above.
    """
    return _secret(cla, 0x24, 0x00 if memoryview(old) else 0x01, reference, old, new)


def reset_retry_counter(
    resetting_code: Buffer = b"", new: Buffer = b"", reference: int = 0, *, cla: int = 0
) -> Command:
    """RESET RETRY COUNTER: unblock a PIN or password.

    Args:
        resetting_code: the code that unblocks (PUK); absent where the security status suffices.
        new: the new PIN or password; absent to keep the old one.
        reference: of the one to unblock, as for :func:`verify`.
        cla: see above.
    """
    p1 = (0 if memoryview(resetting_code) else 2) | (0 if memoryview(new) else 1)
    return _secret(cla, 0x2C, p1, reference, resetting_code, new)


def enable_verification_requirement(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """ENABLE VERIFICATION REQUIREMENT: the code is asked for from now on; arguments as for :func:`verify`."""
    return _secret(cla, 0x28, 0x00 if memoryview(code) else 0x01, reference, code)


def disable_verification_requirement(code: Buffer = b"", reference: int = 0, *, cla: int = 0) -> Command:
    """DISABLE VERIFICATION REQUIREMENT: the code is not asked for any more; arguments as for :func:`verify`."""
    return _secret(cla, 0x26, 0x00 if memoryview(code) else 0x01, reference, code)


def create_file(parameters: Buffer, descriptor: int = 0, *, short_id: int | None = None, cla: int = 0) -> Command:
    """CREATE FILE below the current DF (ISO/IEC 7816-9).

    Args:
        parameters: the file control parameters, in a template of tag 62.
        descriptor: the file descriptor byte; 0 where it stands in ``parameters``.
        short_id: the EF's short identifier, 1 to 30; None for none, or where it stands in ``parameters``.
        cla: see above.
    """
    return Command(cla, 0xE0, descriptor, _short_id(short_id) << 3, parameters)


def delete_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """DELETE FILE (ISO/IEC 7816-9): the one that SELECT would find by this, or the current one without data."""
    return Command(cla, 0xE4, by, 0, file)


def activate_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """ACTIVATE FILE, once REHABILITATE (ISO/IEC 7816-9); arguments as for :func:`delete_file`."""
    return Command(cla, 0x44, by, 0, file)


def deactivate_file(file: Buffer = b"", by: SelectBy = SelectBy.FILE_ID, *, cla: int = 0) -> Command:
    """DEACTIVATE FILE, once INVALIDATE (ISO/IEC 7816-9); arguments as for :func:`delete_file`."""
    return Command(cla, 0x04, by, 0, file)


def _record(number: int) -> int:
    return checked("number", number, 0, 0xFE)


def _short_id(short_id: int | None) -> int:
    """The five bits of a short EF identifier, none set for the current EF."""
    return 0 if short_id is None else checked("short_id", short_id, 1, 30)


def _even(offset: int, short_id: int | None) -> bool:
    """Whether the offset fits into P1-P2."""
    return offset <= (_LAST_SHORT_OFFSET if short_id is None else 0xFF)


def _binary(ins: int, offset: int, data: Buffer, short_id: int | None, le: int | None, cla: int) -> Command:
    """A command on a transparent EF, with the odd instruction byte where P1-P2 cannot hold the offset."""
    checked("offset", offset, 0, _LAST_OFFSET)
    if not _even(offset, short_id):
        content = memoryview(data).tobytes()
        objects = [_offset_object(offset)] + ([TLV(_DATA_TAG, content)] if content else [])
        return Command(cla, ins | 1, 0, _short_id(short_id), encode(objects), le)
    p1, p2 = offset.to_bytes(2, "big")
    return Command(cla, ins, p1 if short_id is None else 0x80 | _short_id(short_id), p2, data, le)


def _offset_object(offset: int) -> TLV:
    return TLV(_OFFSET_TAG, offset.to_bytes(max(1, (offset.bit_length() + 7) // 8), "big"))


def _secret(cla: int, ins: int, p1: int, p2: int, *parts: Buffer) -> Command:
    """A command whose data, in parts, are copied into bytearrays alone, of which only the command's own stays."""
    views = [memoryview(part).cast("B") for part in parts]
    size = sum(len(view) for view in views)
    checked("length of the code", size, 0, EXTENDED_DATA)
    data = bytearray(size)
    whole = memoryview(data)  # a slice of the bytearray itself would be set by way of a copy
    place = 0
    for view in views:
        whole[place : place + len(view)] = view
        place += len(view)
    try:
        return Command(cla, ins, p1, p2, data)
    finally:
        data[:] = bytes(size)
