"""SELECT, CREATE FILE, DELETE FILE, ACTIVATE FILE and DEACTIVATE FILE (7816-4, clause 11.1; 7816-9)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from ...iso7816.instructions import FileInformation, Occurrence
from ._control_parameters import FCI, FCP, FMD, check_name, check_short_id, file_information, new_file
from ._session import CommandError, require
from .tree import DEEPEST, DF

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...iso7816.command import Command
    from ._session import Session
    from .tree import File

_TEMPLATES: Final = {FileInformation.FCI: FCI, FileInformation.FCP: FCP, FileInformation.FMD: FMD}


def _select(session: Session, command: Command) -> bytes:
    require(not command.p2 & 0xF0, 0x6A86)
    path, ef = session.find(command.p1, bytes(command.data), Occurrence(command.p2 & 3))
    session.select(path, ef)
    template = _TEMPLATES.get(FileInformation(command.p2 & 0x0C))
    answer = file_information(path, ef, template) if template else b""
    if not (ef or path[-1]).active:
        raise CommandError(0x6283, answer)
    return answer


def _create(session: Session, command: Command) -> bytes:
    require(not command.p2 & 7, 0x6A86)
    session.require_allowed("create", session.df)
    try:
        file = new_file(command.data, command.p1, command.p2)
    except ValueError:  # MalformedTLVError is a ValueError too
        raise CommandError(0x6A80) from None
    require(all(file.file_id != other.file_id for other in session.df.files), 0x6A89)
    if isinstance(file, DF):
        require(len(session.path) < DEEPEST, 0x6A84)
        check_name(session, file.name, file)
        session.df.files.append(file)
        session.select((*session.path, file))
    else:
        check_short_id(session.df, file.short_id, file)
        session.df.files.append(file)
        session.select(session.path, file)
    return b""


def _named_file(session: Session, command: Command) -> tuple[tuple[DF, ...], File]:
    """Return the file that P1 and the data name, by default the current one, and its path; it cannot be the MF."""
    require(command.p2 == 0, 0x6A86)
    path, ef = session.path, session.ef
    if command.data or command.p1:
        path, ef = session.find(command.p1, bytes(command.data))
    file = ef or path[-1]
    require(file is not session.mf, 0x6985)
    return path, file


def _delete(session: Session, command: Command) -> bytes:
    path, file = _named_file(session, command)
    session.require_allowed("delete", file, path)
    above = path[:-1] if isinstance(file, DF) else path
    parent = path[-2] if isinstance(file, DF) else path[-1]
    parent.files = [one for one in parent.files if one is not file]
    if file is session.ef or any(file is df for df in session.path):
        session.select(above)
    return b""


def _set_active(session: Session, command: Command, *, operation: str) -> bytes:
    path, file = _named_file(session, command)
    session.require_allowed(operation, file, path)
    file.active = operation == "activate"
    return b""


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {
    0xA4: _select,
    0xE0: _create,
    0xE4: _delete,
    0x44: partial(_set_active, operation="activate"),
    0x04: partial(_set_active, operation="deactivate"),
}
"""The functions of these commands by instruction byte."""
