"""GET DATA and PUT DATA: the data objects of the current DF, the parameters of the current file (7816-4, 11.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...iso7816.tlv import TLV, MalformedTLVError, decode, encode, read_tag
from ._control_parameters import FCI, FCP, FMD, change_parameters, file_information
from ._session import CommandError, require
from .tree import SMALLEST_TAG

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...iso7816.command import Command
    from ._session import Session
    from .tree import DF

_LONGEST_OBJECT: Final = 0x7FFF
_TAG_LIST: Final = 0x5C
_CURRENT_FILE, _CURRENT_DF, _MF = 0x0000, 0x3FFF, 0x3F00


def _tag(command: Command) -> int:
    tag = command.p1 << 8 | command.p2
    require(SMALLEST_TAG <= tag < 0x300 or tag >= 0x4000, 0x6A86)
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


# With an odd instruction byte, P1-P2 name a file, and the data contain tags of any length.


def _named_df(session: Session, command: Command, operation: str) -> DF:
    """Return the DF that P1-P2 name. The card has data objects only in DFs, not in EFs."""
    number = command.p1 << 8 | command.p2
    require(number in {_CURRENT_FILE, _CURRENT_DF, _MF}, 0x6A82)
    df = session.mf if number == _MF else session.df
    session.require_allowed(operation, df)
    return df


def _objects(raw: bytes | bytearray) -> list[TLV]:
    try:
        return decode(raw)
    except MalformedTLVError:
        raise CommandError(0x6A80) from None


def _tags(raw: bytes) -> list[int]:
    """Return the tags in a tag list."""
    tags, position = [], 0
    try:
        while position < len(raw):
            tag, position = read_tag(raw, position)
            tags.append(tag)
    except (IndexError, MalformedTLVError):
        raise CommandError(0x6A80) from None
    return tags


def _is_wrapped(df: DF, tag: int) -> bool:
    return df.data_wrapper is not None and not TLV(tag).constructed


def _get_objects(session: Session, command: Command) -> bytes:
    df = _named_df(session, command, "get_data")
    require(command.le is not None, 0x6700)
    objects = _objects(command.data)
    require([one.tag for one in objects] == [_TAG_LIST], 0x6A80)
    tags = _tags(objects[0].value)
    require(tags, 0x6A80)
    # PIV (SP 800-73-4, part 2) says 6A82 where ISO/IEC 7816-4 says 6A88.
    require(all(tag in df.data for tag in tags), 0x6A88 if df.data_wrapper is None else 0x6A82)
    wrapper = df.data_wrapper or 0
    return encode(TLV(wrapper if _is_wrapped(df, tag) else tag, bytes(df.data[tag])) for tag in tags)


def _put_objects(session: Session, command: Command) -> bytes:
    df = _named_df(session, command, "put_data")
    objects = _objects(command.data)
    require(objects, 0x6700)
    if objects[0].tag == _TAG_LIST:  # the tag of an object whose value follows in the wrapper
        tags = _tags(objects[0].value)
        require(len(tags) == 1 and [one.tag for one in objects[1:]] == [df.data_wrapper], 0x6A80)
        objects = [TLV(tags[0], objects[1].value)]
    require(all(one.tag >= SMALLEST_TAG for one in objects), 0x6A80)
    require(all(len(one.value) <= _LONGEST_OBJECT for one in objects), 0x6A84)
    for one in objects:
        if one.value:
            df.data[one.tag] = bytearray(one.value)
        else:
            df.data.pop(one.tag, None)
    return b""


COMMANDS: Final[dict[int, Callable[[Session, Command], bytes]]] = {
    0xCA: _get_data,
    0xDA: _put_data,
    0xCB: _get_objects,
    0xDB: _put_objects,
}
"""The functions of these commands by instruction byte."""
