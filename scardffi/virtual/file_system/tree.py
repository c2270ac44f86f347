"""The files of a card: a tree of DFs and EFs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from ..._half_made import repr_if_half_made
from ...iso7816.command import checked
from ...iso7816.tlv import TLV, decode
from ._access import LOCAL, Access, AccessRules, checked_access
from .codes_and_keys import Code, Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from typing_extensions import Buffer

    from .codes_and_keys import Reference

__all__ = ["DF", "RecordEF", "Structure", "TransparentEF"]

EF: TypeAlias = "TransparentEF | RecordEF"
File: TypeAlias = "DF | EF"

MF_ID: Final = 0x3F00
LONGEST_FILE: Final = 0xFFFF
LONGEST_NAME: Final = 16
PROPRIETARY: Final = {0x85, 0xA5, 0xC6}
"""The tags of parameters of a file that the card stores as they are: proprietary ones, and the PIN status template of
ETSI TS 102 221."""
DEEPEST: Final = 16
"""The maximum number of DFs in a path, including the MF."""
SMALLEST_TAG: Final = 0x40
"""The smallest tag of a data object of a DF."""
_MOST_RECORDS: Final = 0xFE


class Structure(IntEnum):
    """The structure of an EF of records (the low bits of its file descriptor byte)."""

    LINEAR_FIXED = 2
    """A sequence of records of the same length."""
    LINEAR_VARIABLE = 4
    """A sequence of records of different lengths."""
    CYCLIC = 6
    """A ring of records of the same length: record 1 is the newest, and a new record replaces the oldest."""


@dataclass(init=False)
class _BaseFile:
    """The common part of DFs and EFs."""

    _RESERVED_IDS: ClassVar = {MF_ID, 0x3FFF}

    file_id: int
    access: AccessRules
    active: bool
    proprietary: bytes

    def __init__(
        self, file_id: int, access: Access | None, active: bool, proprietary: Buffer, operations: set[str]
    ) -> None:
        checked("file_id", file_id, 1, 0xFFFE)
        if file_id in self._RESERVED_IDS:
            raise ValueError(f"file_id: {file_id:04X} is not allowed; it is reserved")
        self.file_id = file_id
        self.access = checked_access(access, operations | {"delete", "activate", "deactivate", "parameters"})
        self.active = bool(active)
        if any(one.tag not in PROPRIETARY for one in decode(proprietary)):
            raise ValueError("proprietary: tags other than 85, A5 and C6 are not allowed")
        self.proprietary = memoryview(proprietary).tobytes()


@dataclass(init=False)
class _BaseEF(_BaseFile):
    """The common part of all EFs."""

    short_id: int | None

    def __init__(
        self,
        file_id: int,
        short_id: int | None,
        access: Access | None,
        active: bool,
        proprietary: Buffer,
        operations: set[str],
    ) -> None:
        super().__init__(file_id, access, active, proprietary, {"read", "update", "write"} | operations)
        self.short_id = None if short_id is None else checked("short_id", short_id, 1, 30)


@repr_if_half_made
@dataclass(init=False)
class TransparentEF(_BaseEF):
    """A file of bytes.

    Args:
        file_id: the file identifier, 1 to 0xFFFE except 3F00 and 3FFF.
        content: the bytes, at most 65535; their number is the file's size.
        short_id: the short identifier, 1 to 30; None if it has none.
        access: for each operation the numbers of the codes and keys that it needs, such as ``{"read": [0x81]}``, or
            NEVER. All of these codes must be verified, and all keys authenticated. The operations are read, update,
            write, erase, delete, activate, deactivate and parameters (a change of the file's parameters by PUT DATA);
            those that are not named are always allowed.
        active: False if the file is deactivated.
        proprietary: data objects of the tags 85, A5 and C6, which the card returns among the file's parameters.
    """

    content: bytearray = field(repr=False)

    def __init__(
        self,
        file_id: int,
        content: Buffer = b"",
        *,
        short_id: int | None = None,
        access: Access | None = None,
        active: bool = True,
        proprietary: Buffer = b"",
    ) -> None:
        super().__init__(file_id, short_id, access, active, proprietary, {"erase"})
        self.content = bytearray(memoryview(content))
        checked("length of content", len(self.content), 0, LONGEST_FILE)


@repr_if_half_made
@dataclass(init=False)
class RecordEF(_BaseEF):
    """A file of records.

    Args:
        file_id: as for :class:`TransparentEF`.
        records: the records in the order of their numbers; in a cyclic file the newest comes first.
        structure: the structure of the file.
        record_size: the length of each record, or of the longest one if they differ; None for the length of the
            longest record in ``records``.
        capacity: the maximum number of records, 1 to 254; None for the number of records in ``records``.
        short_id: as for :class:`TransparentEF`.
        access: as for :class:`TransparentEF`, with append in place of erase.
        active: as for :class:`TransparentEF`.
        proprietary: as for :class:`TransparentEF`.
    """

    records: list[bytearray] = field(repr=False)
    structure: Structure
    record_size: int
    capacity: int

    def __init__(
        self,
        file_id: int,
        records: Iterable[Buffer] = (),
        structure: Structure = Structure.LINEAR_FIXED,
        *,
        record_size: int | None = None,
        capacity: int | None = None,
        short_id: int | None = None,
        access: Access | None = None,
        active: bool = True,
        proprietary: Buffer = b"",
    ) -> None:
        super().__init__(file_id, short_id, access, active, proprietary, {"append"})
        self.records = [bytearray(memoryview(record)) for record in records]
        self.structure = Structure(structure)
        sizes = [len(record) for record in self.records]
        self.record_size = checked(
            "record_size", max(sizes, default=0) if record_size is None else record_size, 1, LONGEST_FILE
        )
        self.capacity = checked("capacity", len(sizes) if capacity is None else capacity, 1, _MOST_RECORDS)
        checked("number of records", len(sizes), 0, self.capacity)
        for size in sizes:
            least = 1 if self.structure == Structure.LINEAR_VARIABLE else self.record_size
            checked("length of a record", size, least, self.record_size)


@repr_if_half_made
@dataclass(init=False)
class DF(_BaseFile):
    """A folder or an application. The one with the identifier 3F00 is the MF.

    ``print(df)`` shows the files and data objects in it as a tree, with sizes, and no contents, codes or keys.

    Args:
        file_id: the file identifier.
        files: the files in it, with different identifiers and short identifiers.
        name: the DF name, such as an application identifier, up to 16 bytes; empty if it has none.
        references: the codes and keys of the DF.
        data: the values of the data objects that GET DATA returns while this is the current DF, by tag.
        data_wrapper: the tag of the object in which GET and PUT DATA with an odd instruction byte transport the value
            of a primitive object: 0x53 for PIV. None if they transport the object itself.
        fci: the bytes that SELECT returns as this DF's file control information; empty for its parameters in 6F.
        access: as for :class:`TransparentEF`; the operations are create, get_data, put_data, delete, activate,
            deactivate and parameters.
        active: False if the DF is deactivated: its files and data cannot be used.
        proprietary: as for :class:`TransparentEF`.

    Raises:
        ValueError: an argument is not allowed, or two files or references have the same number.
        TypeError: an item of ``files`` or ``references`` is none.
    """

    _RESERVED_IDS: ClassVar = {0x3FFF}

    files: list[File]
    name: bytes
    references: list[Reference]
    data: dict[int, bytearray] = field(repr=False)
    data_wrapper: int | None
    fci: bytes

    def __init__(
        self,
        file_id: int = MF_ID,
        files: Iterable[File] = (),
        *,
        name: Buffer = b"",
        references: Iterable[Reference] = (),
        data: Mapping[int, Buffer] | None = None,
        data_wrapper: int | None = None,
        fci: Buffer = b"",
        access: Access | None = None,
        active: bool = True,
        proprietary: Buffer = b"",
    ) -> None:
        super().__init__(file_id, access, active, proprietary, {"create", "get_data", "put_data"})
        self.files = list(files)
        self.name = memoryview(name).tobytes()
        checked("length of name", len(self.name), 0, LONGEST_NAME)
        self.references = list(references)
        self.data = {_checked_tag(int(tag)): bytearray(memoryview(value)) for tag, value in (data or {}).items()}
        self.data_wrapper = None if data_wrapper is None else TLV(data_wrapper).tag
        self.fci = memoryview(fci).tobytes()
        _check_types("files", self.files, DF, TransparentEF, RecordEF)
        _check_types("references", self.references, Code, Key)
        _check_unique("files: file_id", [file.file_id for file in self.files])
        _check_unique(
            "files: short_id", [file.short_id for file in self.files if not isinstance(file, DF) and file.short_id]
        )
        _check_unique("references: number", [one.number for one in self.references])
        if any(file.file_id == MF_ID for file in self.files):
            raise ValueError("files: the MF, 3F00, is not allowed in a DF")
        if self.file_id != MF_ID and any(not one.number & LOCAL for one in self.references):
            raise ValueError("references: the numbers 1 to 31 are allowed only in the MF; give 0x80 to 0x9F")

    def __str__(self) -> str:
        return "\n".join(_lines(self, ""))

    def folders(self, above: tuple[DF, ...] = ()) -> Iterator[tuple[DF, ...]]:
        """Yield the path to this DF and to each DF below it; a DF comes before the DFs in it."""
        path = (*above, self)
        yield path
        for file in self.files:
            if isinstance(file, DF):
                yield from file.folders(path)


def _lines(file: File, indent: str) -> Iterator[str]:
    """Yield a line for a file and, if it is a DF, for each data object and file in it."""
    head = f"{indent}{file.file_id:04X} "
    if not isinstance(file, DF):
        short_id = "" if file.short_id is None else f", short identifier {file.short_id}"
        yield head + _contents(file) + short_id + _state(file)
        return
    kind = "MF" if file.file_id == MF_ID else "DF"
    yield head + kind + (f", name {file.name.hex().upper()}" if file.name else "") + _state(file)
    for tag, value in file.data.items():
        yield f"{indent}  data object {tag:02X}: {_count(len(value), 'byte')}"
    for one in file.files:
        yield from _lines(one, f"{indent}  ")


def _contents(file: EF) -> str:
    if isinstance(file, TransparentEF):
        return f"EF of {_count(len(file.content), 'byte')}"
    structure = file.structure.name.lower().replace("_", " ")
    size = ("up to " * (file.structure == Structure.LINEAR_VARIABLE)) + _count(file.record_size, "byte")
    return f"EF, {structure}: {len(file.records)} of {_count(file.capacity, 'record')} of {size}"


def _state(file: File) -> str:
    return "" if file.active else ", deactivated"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number != 1)}"


def _checked_tag(tag: int) -> int:
    """Return the tag of a data object. GET DATA also has tags of one or two bytes that are not of BER-TLV."""
    checked("tag", tag, SMALLEST_TAG, 0xFFFFFF)
    return tag if tag <= 0xFFFF else TLV(tag).tag


def _check_types(name: str, values: Iterable[object], *types: type) -> None:
    for one in values:
        if not isinstance(one, types):
            expected = ", ".join(each.__name__ for each in types)
            raise TypeError(f"{name}: a {type(one).__name__} is not allowed; give {expected}")


def _check_unique(name: str, numbers: list[int]) -> None:
    repeated = next((number for number in numbers if numbers.count(number) > 1), None)
    if repeated is not None:
        raise ValueError(f"{name} 0x{repeated:X} is not allowed twice")
