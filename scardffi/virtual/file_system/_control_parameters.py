"""File control parameters as data objects (ISO/IEC 7816-4, clause 7.4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...iso7816.tlv import TLV, decode, encode
from ._security_attributes import decode_access, encode_access
from ._session import require
from .tree import DF, LONGEST_FILE, LONGEST_NAME, MF_ID, PROPRIETARY, RecordEF, Structure, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

    from ._session import Session
    from .tree import EF, File

FCP, FMD, FCI = 0x62, 0x64, 0x6F
_SIZE, _TOTAL_SIZE, _DESCRIPTOR, _FILE_ID, _NAME = 0x80, 0x81, 0x82, 0x83, 0x84
_SHORT_ID, _LIFE_CYCLE, _RULES, _SHORT_IDS, _PATH = 0x88, 0x8A, 0xAB, 0xA2, 0x51
_OF_ANY_FILE: Final = {_SIZE, _TOTAL_SIZE, _DESCRIPTOR, _FILE_ID, _LIFE_CYCLE, _RULES} | PROPRIETARY
_SHAREABLE, _DF_DESCRIPTOR, _TRANSPARENT = 0x40, 0x38, 0x01
_ACTIVE, _DEACTIVATED = 0x05, 0x04
_LIFE_CYCLES: Final = {b"\4": False, b"\5": True, b"\6": False, b"\7": True}
_LONGEST_SHORT_ID: Final = 30
_DATA_CODING: Final = 0x41
"""The data coding byte: WRITE sets bits and clears none, and a data unit is one byte."""


def file_information(path: tuple[DF, ...], ef: EF | None, template: int) -> bytes:
    """Return the parameters of a file in a template with this tag, or a DF's own FCI. The template of FMD is empty."""
    if template == FCI and ef is None and path[-1].fci:
        return path[-1].fci
    return bytes(TLV(template, [] if template == FMD else _parameters(path, ef)))


def _parameters(path: tuple[DF, ...], ef: EF | None) -> list[TLV]:
    file = ef or path[-1]
    rules = encode_access(file)
    return [
        *(_df_parameters(path) if ef is None else _ef_parameters(ef)),
        TLV(_LIFE_CYCLE, bytes((_ACTIVE if file.active else _DEACTIVATED,))),
        *([TLV(_RULES, rules)] if rules else []),
        *decode(file.proprietary),
    ]


def _df_parameters(path: tuple[DF, ...]) -> list[TLV]:
    df = path[-1]
    steps = b"".join(map(_id, path))
    short_ids = [
        TLV(tag, value)
        for file in df.files
        if not isinstance(file, DF) and file.short_id
        for tag, value in ((_SHORT_ID, bytes((file.short_id << 3,))), (_PATH, steps + _id(file)))
    ]
    return [
        TLV(_DESCRIPTOR, bytes((_DF_DESCRIPTOR, _DATA_CODING))),
        TLV(_FILE_ID, _id(df)),
        *([TLV(_NAME, df.name)] if df.name else []),
        *([TLV(_SHORT_IDS, short_ids)] if short_ids else []),
    ]


def _ef_parameters(ef: EF) -> list[TLV]:
    if isinstance(ef, TransparentEF):
        size, descriptor = len(ef.content), bytes((_TRANSPARENT, _DATA_CODING))
    else:
        size = ef.record_size * ef.capacity
        descriptor = bytes((ef.structure, _DATA_CODING, *ef.record_size.to_bytes(2, "big"), ef.capacity))
    return [
        TLV(_SIZE, size.to_bytes(max(2, (size.bit_length() + 7) // 8), "big")),
        TLV(_DESCRIPTOR, descriptor),
        TLV(_FILE_ID, _id(ef)),
        TLV(_SHORT_ID, b"" if ef.short_id is None else bytes((ef.short_id << 3,))),
    ]


def _id(file: File) -> bytes:
    return file.file_id.to_bytes(2, "big")


def new_file(raw: Buffer, descriptor: int, short_id: int) -> File:
    """Return the file that a CREATE FILE command describes.

    Args:
        raw: the data of the command.
        descriptor: P1: the file descriptor byte; 0 if it is in the data.
        short_id: P2: the short identifier in its upper five bits, used if the data have none.

    Raises:
        ValueError: the arguments do not describe a file.
        CommandError: the file would be too large.
    """
    values = _values(_in_template(raw))
    descriptors = bytes((descriptor,)) if descriptor else values.get(_DESCRIPTOR, b"")
    if not descriptors or len(values.get(_FILE_ID, b"")) != 2:
        raise ValueError("the file descriptor or the file identifier is missing")
    file_id = int.from_bytes(values[_FILE_ID], "big")
    active = _LIFE_CYCLES.get(values.get(_LIFE_CYCLE, b"\5"))
    if active is None or file_id == MF_ID:
        raise ValueError("the life cycle status is not supported, or the identifier is that of the MF")
    proprietary = encode(TLV(tag, value) for tag, value in values.items() if tag in PROPRIETARY)
    rules = values.get(_RULES, b"")
    structure = descriptors[0] & ~_SHAREABLE
    if structure == _DF_DESCRIPTOR:
        _require_tags(values, _OF_ANY_FILE | {_NAME})
        access = decode_access(DF, rules)
        return DF(file_id, name=values.get(_NAME, b""), access=access, active=active, proprietary=proprietary)
    _require_tags(values, _OF_ANY_FILE | {_SHORT_ID})
    short = _decode_short_id(values[_SHORT_ID]) if _SHORT_ID in values else _decode_short_id(bytes((short_id,)))
    size = int.from_bytes(values.get(_SIZE, values.get(_TOTAL_SIZE, b"")), "big")
    if structure == _TRANSPARENT:
        require(size <= LONGEST_FILE, 0x6A84)
        access = decode_access(TransparentEF, rules)
        return TransparentEF(
            file_id, bytes(size), short_id=short, access=access, active=active, proprietary=proprietary
        )
    record_size = int.from_bytes(descriptors[2:4], "big")
    return RecordEF(
        file_id,
        structure=Structure(structure),
        record_size=record_size,
        capacity=int.from_bytes(descriptors[4:], "big") if len(descriptors) > 4 else size // max(record_size, 1),
        short_id=short,
        access=decode_access(RecordEF, rules),
        active=active,
        proprietary=proprietary,
    )


def change_parameters(session: Session, raw: Buffer) -> None:
    """Change parameters of the current file: the short identifier of an EF, the name of a DF, proprietary parameters.

    Raises:
        ValueError: the data are not file control parameters, or contain other parameters than these.
        CommandError: another file has the name or the short identifier.
    """
    file = session.ef or session.df
    objects = decode(raw)
    values = _values(_in_template(raw) if objects and objects[0].tag == FCP else objects)
    _require_tags(values, PROPRIETARY | {_NAME if isinstance(file, DF) else _SHORT_ID})
    kept = [one for one in decode(file.proprietary) if one.tag not in values]
    proprietary = encode([*kept, *(TLV(tag, value) for tag, value in values.items() if tag in PROPRIETARY)])
    if isinstance(file, DF):
        name = values.get(_NAME, file.name)
        require(len(name) <= LONGEST_NAME, 0x6A80)
        check_name(session, name, file)
        file.name = name
    else:
        short_id = _decode_short_id(values[_SHORT_ID]) if _SHORT_ID in values else file.short_id
        check_short_id(session.df, short_id, file)
        file.short_id = short_id
    file.proprietary = proprietary


def check_name(session: Session, name: bytes, own: DF) -> None:
    """Raise a CommandError if another DF has this name."""
    require(not name or all(path[-1] is own or path[-1].name != name for path in session.mf.folders()), 0x6A8A)


def check_short_id(df: DF, short_id: int | None, own: EF) -> None:
    """Raise a CommandError if another EF of this DF has this short identifier."""
    taken = {file.short_id for file in df.files if not isinstance(file, DF) and file is not own}
    require(short_id is None or short_id not in taken, 0x6A89)


def _in_template(raw: Buffer) -> list[TLV]:
    """Return the objects in a template of file control parameters."""
    (template,) = decode(raw)
    if template.tag != FCP:
        raise ValueError("the template is not one of file control parameters")
    return template.children()


def _values(objects: Iterable[TLV]) -> dict[int, bytes]:
    """Return the values by tag; raise a ValueError if a tag is repeated."""
    values: dict[int, bytes] = {}
    for one in objects:
        if one.tag in values:
            raise ValueError("a parameter is repeated")
        values[one.tag] = one.value
    return values


def _require_tags(values: dict[int, bytes], tags: set[int]) -> None:
    """Raise a ValueError if there are tags other than these, because the card cannot store their values."""
    if not set(values) <= tags:
        raise ValueError("a parameter is not supported")


def _decode_short_id(value: bytes) -> int | None:
    """Return the short identifier in a data object's value; None for an empty value or 00."""
    if not value or value == b"\0":
        return None
    if len(value) != 1 or value[0] & 7 or value[0] >> 3 > _LONGEST_SHORT_ID:
        raise ValueError("the value is not a short identifier")
    return value[0] >> 3
