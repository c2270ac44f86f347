"""File control parameters by name (ISO/IEC 7816-4, clause 7.4.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from .._bytes_like import copied
from .._half_made import repr_if_half_made
from ..iso7816.command import checked
from ..iso7816.malformed import MalformedError, add_problems
from ..iso7816.tlv import ANY_LENGTH, TLV, decode, first_values, without_category

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

__all__ = ["FileKind", "FileProperties", "LifeCycle", "WrongKindError"]

FCP: Final = 0x62
"""The tag of the template of file control parameters."""
LONGEST_NAME: Final = 16
"""The maximum length of a DF name."""
_FMD, _FCI = 0x64, 0x6F
_SIZE, _TOTAL_SIZE, _DESCRIPTOR, _FILE_ID, _NAME = 0x80, 0x81, 0x82, 0x83, 0x84
_PROPRIETARY, _SHORT_ID, _LIFE_CYCLE, _PROPRIETARY_TEMPLATE, _LABEL = 0x85, 0x88, 0x8A, 0xA5, 0x50
_SHORT_IDS, _PATH = 0xA2, 0x51
_SECURITY: Final = frozenset({0x86, 0x8B, 0x8C, 0x8D, 0x8E, 0x9C, 0x9D, 0xA0, 0xA1, 0xAB, 0xAC})
_TEMPLATES: Final = dict.fromkeys((FCP, _FMD, _FCI), ANY_LENGTH)
_OTHER_PARAMETERS: Final = (0x87, 0xC6)
_NAMED: Final = frozenset({_SIZE, _TOTAL_SIZE, _DESCRIPTOR, _FILE_ID, _NAME, _SHORT_ID, _LIFE_CYCLE, _LABEL})
_OTHERS: Final = {_PROPRIETARY: "proprietary", _PROPRIETARY_TEMPLATE: "proprietary"}
_SHAREABLE: Final = 0x40
_DF_DESCRIPTOR: Final = 0x38


class FileKind(Enum):
    """The kind of a file; the value is the file descriptor byte without the bit for shareable files."""

    DF = _DF_DESCRIPTOR
    """A directory, or an application."""
    TRANSPARENT = 0x01
    """An EF of bytes."""
    LINEAR_FIXED = 0x02
    """An EF with a sequence of records of the same length."""
    LINEAR_VARIABLE = 0x04
    """An EF with a sequence of records of different lengths."""
    CYCLIC = 0x06
    """An EF with a ring of records of the same length: record 1 is the newest."""
    DATA_OBJECTS = 0x39
    """An EF of data objects, for GET DATA and PUT DATA."""

    @property
    def is_records(self) -> bool:
        """True for an EF of records."""
        return self in {FileKind.LINEAR_FIXED, FileKind.LINEAR_VARIABLE, FileKind.CYCLIC}


class LifeCycle(IntEnum):
    """The life cycle status of a file (the life cycle status byte)."""

    CREATION = 0x01
    INITIALISATION = 0x03
    DEACTIVATED = 0x04
    ACTIVATED = 0x05
    TERMINATED = 0x0C


_LIFE_CYCLES: Final = {
    0x00: None, 0x01: LifeCycle.CREATION, 0x03: LifeCycle.INITIALISATION, 0x04: LifeCycle.DEACTIVATED,
    0x05: LifeCycle.ACTIVATED, 0x06: LifeCycle.DEACTIVATED, 0x07: LifeCycle.ACTIVATED,
    **dict.fromkeys(range(0x0C, 0x10), LifeCycle.TERMINATED),
}  # fmt: skip


class WrongKindError(Exception):
    """A file is not of the kind that an operation needs.

    Attributes:
        kind: the kind of the file.
    """

    def __init__(self, message: str, kind: FileKind) -> None:
        super().__init__(message, kind)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.args[0])


@repr_if_half_made
@dataclass(frozen=True, kw_only=True)
class FileProperties:
    """The properties of a file, as the card states them or for a new file. An attribute is None if it is not stated.

    Attributes:
        kind: DF, or the structure of an EF.
        file_id: the file identifier, 0 to 0xFFFF.
        name: the DF name, 1 to 16 bytes.
        label: the label of an application, in words.
        size: the number of data bytes in a transparent EF, or in all records.
        total_size: the number of bytes with the card's overhead; for a DF, the space that it has.
        short_id: the short identifier, 1 to 30. If the card states nothing about it, the last five bits of the file
            identifier may be the short identifier.
        life_cycle: the life cycle status, a LifeCycle or a proprietary number.
        record_size: the length of a record, or of the longest one if they differ.
        record_count: the number of records, or the maximum number; cards differ in this.
        shareable: True if several logical channels may have it as their current file.
        data_coding: the data coding byte: the effect of WRITE commands and the unit of offsets.
        security: the security attributes, not decoded: the objects of tags 86, 8B to 8E, 9C, 9D, A0, A1, AB and AC.
        proprietary: the objects of tags 85 and A5.
        objects: all other objects.
        raw: the whole answer of the card; empty for a new file.
        problems: the errors in the answer; empty unless it was decoded leniently.
    """

    kind: FileKind | None = None
    file_id: int | None = None
    name: bytes | None = None
    label: str | None = None
    size: int | None = None
    total_size: int | None = None
    short_id: int | None = None
    life_cycle: int | None = None
    record_size: int | None = None
    record_count: int | None = None
    shareable: bool | None = None
    data_coding: int | None = None
    security: tuple[TLV, ...] = ()
    proprietary: tuple[TLV, ...] = ()
    objects: tuple[TLV, ...] = ()
    raw: bytes = b""
    problems: list[MalformedError] = field(default_factory=list, compare=False)

    @property
    def is_active(self) -> bool:
        """False if the card states that the file is deactivated or terminated."""
        return self.life_cycle not in {LifeCycle.DEACTIVATED, LifeCycle.TERMINATED}

    @property
    def short_ids(self) -> dict[int, int]:
        """The EFs that a DF lists (tag A2): file identifiers by short identifier."""
        return {
            short_id: file_id
            for template in self.objects
            if template.tag == _SHORT_IDS
            for short_id, file_id in _short_ids(template, [])
        }

    @classmethod
    def decode(cls, raw: Buffer, *, lenient: bool = False) -> FileProperties:
        """Return the properties in the answer to SELECT: one or more templates of tag 62, 64 or 6F.

        Args:
            raw: the answer without its status word; it may be empty.
            lenient: True to store errors in ``problems`` instead of raising them, and to decode the rest.

        Raises:
            MalformedError: the bytes are not such templates, and ``lenient`` is False.
        """
        whole = copied("raw", raw)
        problems: list[MalformedError] = []
        objects = _objects(whole, problems)
        values: dict[str, Any] = {}
        kept: dict[str, list[TLV]] = {"security": [], "proprietary": [], "objects": []}
        named = first_values((one for one in objects if one.tag in _NAMED), problems)
        for one in objects:
            if one.tag not in _NAMED:
                kept["security" if one.tag in _SECURITY else _OTHERS.get(one.tag, "objects")].append(one)
                values.update(_read(one, problems))
        for one in named.values():
            values.update(_read(one, problems))
        if problems and not lenient:
            raise problems[0]
        values.update((name, tuple(some)) for name, some in kept.items())
        return cls(**values, raw=whole, problems=problems)

    def parameters(self) -> list[TLV]:
        """Return the properties as data objects.

        Raises:
            ValueError: a property is not allowed; the message names it.
        """
        objects = []
        for tag, name, size in ((_SIZE, "size", 4), (_TOTAL_SIZE, "total_size", 4)):
            value = getattr(self, name)
            if value is not None:
                checked(name, value, 0, 256**size - 1)
                objects.append(TLV(tag, value.to_bytes(max(2, (value.bit_length() + 7) // 8), "big")))
        if self.kind is not None:
            objects.append(TLV(_DESCRIPTOR, self._descriptor(FileKind(self.kind))))
        elif (self.record_size, self.record_count, self.shareable, self.data_coding) != (None,) * 4:
            raise ValueError("kind: None is not allowed with properties of the file descriptor; give a FileKind")
        if self.file_id is not None:
            objects.append(TLV(_FILE_ID, checked("file_id", self.file_id, 0, 0xFFFF).to_bytes(2, "big")))
        if self.name is not None:
            checked("length of name", len(self.name), 1, LONGEST_NAME)
            objects.append(TLV(_NAME, self.name))
        if self.short_id is not None:
            objects.append(TLV(_SHORT_ID, bytes((checked("short_id", self.short_id, 1, 30) << 3,))))
        if self.life_cycle is not None:
            objects.append(TLV(_LIFE_CYCLE, bytes((checked("life_cycle", self.life_cycle, 0, 0xFF),))))
        if self.label is not None:
            raise ValueError("label: this is not a file control parameter; give it as an object in proprietary")
        return [*objects, *self.security, *self.proprietary, *self.objects]

    def encode(self) -> bytes:
        """Return the properties as a template of file control parameters (tag 62) for CREATE FILE.

        Raises:
            ValueError: a property is not allowed; the message names it.
        """
        return bytes(TLV(FCP, self.parameters()))

    def _descriptor(self, kind: FileKind) -> bytes:
        """Return the value of tag 82: file descriptor byte, data coding byte, record size, number of records."""
        first = kind.value | (_SHAREABLE if self.shareable else 0)
        if not kind.is_records:
            if (self.record_size, self.record_count) != (None, None):
                raise ValueError(f"record_size, record_count: not allowed for a {kind.name} file, which has no records")
            return bytes((first,)) if self.data_coding is None else bytes((first, self._coding()))
        head = bytes((first, self._coding()))
        if self.record_size is None:
            if self.record_count is not None:
                raise ValueError("record_count: it is not allowed without record_size")
            return head
        head += checked("record_size", self.record_size, 1, 0xFFFF).to_bytes(2, "big")
        if self.record_count is None:
            return head
        count = checked("record_count", self.record_count, 1, 0xFFFF)
        return head + count.to_bytes(1 if count <= 0xFF else 2, "big")

    def _coding(self) -> int:
        """Return the data coding byte; by default data units are one byte."""
        return 0x01 if self.data_coding is None else checked("data_coding", self.data_coding, 0, 0xFF)


def _objects(raw: bytes, problems: list[MalformedError]) -> list[TLV]:
    """Return the objects in the templates, and in templates 62 and 64 inside a template 6F.

    An object outside of the templates is used if it is a parameter, or if it follows a template: then the template is
    probably too short.
    """
    found: list[TLV] = []
    content, indicators = without_category(raw)
    templates = decode(content, lenient=True, expected=_TEMPLATES)
    problems += [*indicators, *templates.problems]
    has_template = False
    for template in templates:
        if template.tag in _TEMPLATES:
            has_template = True
            found += _in_template(template, problems)
            continue
        message = f"tag {template.tag:02X} is not allowed; 62, 64 and 6F are"
        problems.append(MalformedError(message, template.offset - len(bytes(template)) + len(template.value)))
        if has_template or template.tag in _PARAMETERS:
            found.append(template)
    return found


def _in_template(template: TLV, problems: list[MalformedError]) -> list[TLV]:
    found: list[TLV] = []
    objects = template.children(expected=_PARAMETERS | (_TEMPLATES if template.tag == _FCI else {}))
    add_problems(problems, objects.problems)
    for one in objects:
        if template.tag == _FCI and one.tag in {FCP, _FMD}:
            found += _in_template(one, problems)
        else:
            found.append(one)
    return found


def _read(one: TLV, problems: list[MalformedError]) -> dict[str, Any]:
    """Return the properties in one object. Add errors to ``problems``."""
    if one.tag == _SHORT_IDS:
        _short_ids(one, problems)
    if one.tag == _PROPRIETARY_TEMPLATE:
        children = one.children(lenient=True)
        add_problems(problems, children.problems)
        label = _label(children.find(_LABEL))
        return {} if label is None else {"label": label}
    least, most, read = _READERS.get(one.tag, (0, 0, None))
    if read is None:
        return {}
    if not least <= len(one.value) <= most:
        message = f"the object of tag {one.tag:02X} has {len(one.value)} bytes; {least} to {most} are allowed"
        problems.append(MalformedError(message, one.offset))
        return {}
    return read(one)


def _short_ids(template: TLV, problems: list[MalformedError]) -> list[tuple[int, int]]:
    """Return the pairs of short identifier and file identifier in an object of tag A2."""
    found = []
    objects = template.children(lenient=True, expected={_SHORT_ID: range(1, 2), _PATH: range(2, 17)})
    add_problems(problems, objects.problems)
    for short_id, path in pairwise(objects):
        if (short_id.tag, path.tag) != (_SHORT_ID, _PATH):
            continue
        between = template.value[short_id.offset - template.offset + len(short_id.value) :]
        is_next = between.lstrip(b"\x00\xff").startswith(bytes(path))
        if is_next and short_id.value and len(path.value) > 1:
            found.append((short_id.value[0] >> 3, int.from_bytes(path.value[-2:], "big")))
    return found


def _number(one: TLV) -> int:
    return int.from_bytes(one.value, "big")


def _short_id(one: TLV) -> int | None:
    """Return the upper five bits; None if they are all 0 or all 1, or the value is empty."""
    short_id = _number(one) >> 3
    return short_id if 1 <= short_id <= 30 else None


def _label(one: TLV | None) -> str | None:
    return one.value.decode(errors="replace") if one else None


def _decode_descriptor(one: TLV) -> dict[str, Any]:
    """Return the properties in the file descriptor byte and the bytes after it."""
    value = one.value
    first = value[0]
    values: dict[str, Any] = {"kind": None if first & 0x80 else _kind(first), "shareable": bool(first & _SHAREABLE)}
    if len(value) > 1:
        values["data_coding"] = value[1]
    if len(value) > 2:
        values["record_size"] = int.from_bytes(value[2:4], "big")
    if len(value) > 4:
        values["record_count"] = int.from_bytes(value[4:], "big")
    return values


def _kind(first: int) -> FileKind | None:
    """Return the kind in a file descriptor byte; this does not distinguish internal EFs from working EFs."""
    low = first & 0x07
    if first & _DF_DESCRIPTOR == _DF_DESCRIPTOR:
        return {0: FileKind.DF, 1: FileKind.DATA_OBJECTS, 2: FileKind.DATA_OBJECTS}.get(low)
    if low < 2:
        return FileKind.TRANSPARENT if low else None
    return FileKind(low & 6)


_NO_LIMIT: Final = 0xFFFF
"""The maximum length of a value that has no limit of its own."""
_READERS: Final[dict[int, tuple[int, int, Callable[[TLV], dict[str, Any]]]]] = {
    _SIZE: (1, 8, lambda one: {"size": _number(one)}),
    _TOTAL_SIZE: (1, 8, lambda one: {"total_size": _number(one)}),
    _DESCRIPTOR: (1, 6, _decode_descriptor),
    _FILE_ID: (2, 2, lambda one: {"file_id": _number(one)}),
    _NAME: (0, LONGEST_NAME, lambda one: {"name": one.value or None}),
    _SHORT_ID: (0, 1, lambda one: {"short_id": _short_id(one)}),
    _LIFE_CYCLE: (1, 1, lambda one: {"life_cycle": _LIFE_CYCLES.get(_number(one), _number(one))}),
    _LABEL: (0, _NO_LIMIT, lambda one: {"label": _label(one)}),
}
"""For each tag: the minimum and the maximum length of the value, and the function that decodes it."""
_PARAMETERS: Final = dict.fromkeys(
    (*sorted(_SECURITY), _PROPRIETARY, _PROPRIETARY_TEMPLATE, _SHORT_IDS, *_OTHER_PARAMETERS), ANY_LENGTH
) | {tag: range(least, most + 1) for tag, (least, most, _) in _READERS.items() if tag != _LABEL}
"""The parameters and their lengths. Reading goes on at one of these after an object whose end is unknown."""
