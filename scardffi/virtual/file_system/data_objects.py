"""GET DATA and PUT DATA: the current DF's data objects, and the parameters of the current file (7816-4, clause 7.4)."""

from __future__ import annotations

from .parameters import FCI, FCP, FMD, change, information
from .session import AnsweredError, need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

    from ...iso7816.command import Command
    from .session import Session

_LONGEST_OBJECT: Final = 0x7FFF


def _tag(command: Command) -> int:
    tag = command.p1 << 8 | command.p2
    need(0x40 <= tag < 0x300 or tag >= 0x4000, 0x6A86)
    return tag


def _get_data(session: Session, command: Command) -> bytes:
    tag = _tag(command)
    need(command.le is not None and not command.data, 0x6700)
    if tag in {FCP, FMD, FCI}:
        return information(session.path, session.ef, tag)
    session.permit("get_data", session.df)
    need(tag in session.df.data, 0x6A88)
    return bytes(session.df.data[tag])


def _put_data(session: Session, command: Command) -> bytes:
    tag = _tag(command)
    need(tag not in {FMD, FCI}, 0x6A81)
    session.permit("parameters" if tag == FCP else "put_data", session.ef or session.df if tag == FCP else session.df)
    need(command.data, 0x6700)
    if tag == FCP:
        try:
            change(session, command.data)
        except ValueError:  # MalformedTLVError is one, and all that is no parameter
            raise AnsweredError(0x6A80) from None
        return b""
    need(len(command.data) <= _LONGEST_OBJECT, 0x6A84)
    session.df.data[tag] = bytearray(command.data)
    return b""


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {0xCA: _get_data, 0xDA: _put_data}
"""Each command by its instruction byte."""
