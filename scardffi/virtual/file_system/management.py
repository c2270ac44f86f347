"""The commands on files as a whole: SELECT, CREATE, DELETE, ACTIVATE, DEACTIVATE (7816-4, clause 7.1; 7816-9)."""

from __future__ import annotations

from ...iso7816.instructions import FileInformation, Occurrence
from ...iso7816.tlv import TLV, decode, encode
from .session import AnsweredError, need
from .tree import DEEPEST, DF, RecordEF, Structure, TransparentEF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ...iso7816.command import Command
    from .session import Session
    from .tree import File

_FCP, _FMD, _FCI = 0x62, 0x64, 0x6F
_SIZE, _DESCRIPTOR, _FILE_ID, _NAME, _SHORT_ID, _LIFE_CYCLE = 0x80, 0x82, 0x83, 0x84, 0x88, 0x8A
_DF_DESCRIPTOR, _TRANSPARENT = 0x38, 0x01
_ACTIVE, _DEACTIVATED = 0x05, 0x04
DATA_CODING: Final = 0x41
"""The data coding byte: WRITE sets bits and clears none, and a data unit is one byte."""


def _select(session: Session, command: Command) -> bytes:
    need(not command.p2 & 0xF0, 0x6A86)
    path, ef = session.find(command.p1, bytes(command.data), Occurrence(command.p2 & 3))
    session.select(path, ef)
    file = ef or path[-1]
    answer = _information(file, command.p2 & 0x0C)
    if not file.active:
        raise AnsweredError(0x6283, answer)
    return answer


def _information(file: File, kind: int) -> bytes:
    if kind == FileInformation.NONE:
        return b""
    if kind == FileInformation.FMD:
        return bytes(TLV(_FMD))
    return bytes(TLV(_FCI if kind == FileInformation.FCI else _FCP, encode(_parameters(file))))


def _parameters(file: File) -> list[TLV]:
    """The file control parameters."""
    life_cycle = TLV(_LIFE_CYCLE, bytes((_ACTIVE if file.active else _DEACTIVATED,)))
    file_id = TLV(_FILE_ID, file.file_id.to_bytes(2, "big"))
    if isinstance(file, DF):
        name = [TLV(_NAME, file.name)] if file.name else []
        return [TLV(_DESCRIPTOR, bytes((_DF_DESCRIPTOR, DATA_CODING))), file_id, *name, life_cycle]
    short_id = TLV(_SHORT_ID, b"" if file.short_id is None else bytes((file.short_id << 3,)))
    if isinstance(file, TransparentEF):
        size, descriptor = len(file.content), bytes((_TRANSPARENT, DATA_CODING))
    else:
        size = file.record_size * file.capacity
        descriptor = bytes((file.structure, DATA_CODING, *file.record_size.to_bytes(2, "big"), file.capacity))
    length = max(2, (size.bit_length() + 7) // 8)
    size_object = TLV(_SIZE, size.to_bytes(length, "big"))
    return [size_object, TLV(_DESCRIPTOR, descriptor), file_id, short_id, life_cycle]


def _create(session: Session, command: Command) -> bytes:
    need(not command.p2 & 7, 0x6A86)
    session.permit("create", session.df)
    try:
        (template,) = decode(command.data)
        values = {one.tag: one.value for one in template.children()}
        file = _of_parameters(command, values if template.tag == _FCP else {})
    except (ValueError, LookupError):  # MalformedTLVError is a ValueError, and so is what cannot be a file
        raise AnsweredError(0x6A80) from None
    need(all(file.file_id != other.file_id for other in session.df.files), 0x6A89)
    if isinstance(file, DF):
        need(len(session.path) < DEEPEST, 0x6A84)
        need(not file.name or all(path[-1].name != file.name for path in session.mf.folders()), 0x6A8A)
        session.df.files.append(file)
        session.select((*session.path, file))
        return b""
    taken = {other.short_id for other in session.df.files if not isinstance(other, DF) and other.short_id}
    need(file.short_id not in taken, 0x6A89)
    session.df.files.append(file)
    session.select(session.path, file)
    return b""


def _of_parameters(command: Command, values: dict[int, bytes]) -> File:
    """The file that file control parameters describe; a KeyError or ValueError where they do not."""
    descriptor = values[_DESCRIPTOR] if not command.p1 else bytes((command.p1,))
    file_id = int.from_bytes(values[_FILE_ID], "big")
    active = values.get(_LIFE_CYCLE) != bytes((_DEACTIVATED,))
    if descriptor[0] == _DF_DESCRIPTOR:
        if file_id == 0x3F00:
            raise ValueError("file_id: the MF is there")
        return DF(file_id, name=values.get(_NAME, b""), active=active)
    short_id = (values[_SHORT_ID][0] if values.get(_SHORT_ID) else command.p2) >> 3 or None
    if descriptor[0] == _TRANSPARENT:
        size = int.from_bytes(values[_SIZE], "big")
        need(size <= 0xFFFF, 0x6A84)
        return TransparentEF(file_id, bytes(size), short_id=short_id, active=active)
    return RecordEF(
        file_id,
        structure=Structure(descriptor[0]),
        record_size=int.from_bytes(descriptor[2:4], "big"),
        capacity=int.from_bytes(descriptor[4:6], "big"),
        short_id=short_id,
        active=active,
    )


def _meant(session: Session, command: Command) -> tuple[tuple[DF, ...], File]:
    """The file that P1 and the data mean, by default the current one, with its path; never the MF."""
    need(command.p2 == 0, 0x6A86)
    path, ef = session.path, session.ef
    if command.data or command.p1:
        path, ef = session.find(command.p1, bytes(command.data))
    file = ef or path[-1]
    need(file is not session.mf, 0x6985)
    return path, file


def _delete(session: Session, command: Command) -> bytes:
    path, file = _meant(session, command)
    session.permit("delete", file, path)
    above = path[:-1] if isinstance(file, DF) else path
    parent = path[-2] if isinstance(file, DF) else path[-1]
    parent.files = [one for one in parent.files if one is not file]
    if file is session.ef or any(file is df for df in session.path):
        session.select(above)
    return b""


def _activate(session: Session, command: Command) -> bytes:
    path, file = _meant(session, command)
    session.permit("activate", file, path)
    file.active = True
    return b""


def _deactivate(session: Session, command: Command) -> bytes:
    path, file = _meant(session, command)
    session.permit("deactivate", file, path)
    file.active = False
    return b""


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {
    0xA4: _select, 0xE0: _create, 0xE4: _delete, 0x44: _activate, 0x04: _deactivate,
}  # fmt: skip
"""Each command by its instruction byte."""
