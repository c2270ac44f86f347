"""GET DATA and PUT DATA: the data objects of the current DF, the parameters of the current file (7816-4:2005, 7.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._control_parameters import FCI, FCP, FMD, change_parameters, file_information
from ._session import CommandError, require

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...iso7816.command import Command
    from ._session import Session

_LONGEST_OBJECT: Final = 0x7FFF


def _tag(command: Command) -> int:
    tag = command.p1 << 8 | command.p2
    require(0x40 <= tag < 0x300 or tag >= 0x4000, 0x6A86)
    return tag


def _get_data(session: Session, command: Command) -> bytes:
    tag = _tag(command)
    require(command.le is not None and not command.data, 0x6700)
    if tag in {FCP, FMD, FCI}:
        return file_information(session.path, session.ef, tag)
    session.require_allowed("get_data", session.df)
    require(tag in session.df.data, 0x6A88)
    return bytes(session.df.data[tag])


def _put_data(session: Session, command: Command) -> bytes:
    tag = _tag(command)
    require(tag not in {FMD, FCI}, 0x6A81)
    if tag == FCP:
        session.require_allowed("parameters", session.ef or session.df)
    else:
        session.require_allowed("put_data", session.df)
    require(command.data, 0x6700)
    if tag == FCP:
        try:
            change_parameters(session, command.data)
        except ValueError:  # MalformedTLVError is a ValueError too
            raise CommandError(0x6A80) from None
        return b""
    require(len(command.data) <= _LONGEST_OBJECT, 0x6A84)
    session.df.data[tag] = bytearray(command.data)
    return b""


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {0xCA: _get_data, 0xDA: _put_data}
"""The functions of these commands by instruction byte."""
