"""What lasts on a card with files: the tree of its files, with codes and keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from ...iso7816.command import checked
from ...iso7816.tlv import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Final, TypeAlias

    from typing_extensions import Buffer

    Access: TypeAlias = Mapping[str, Sequence[int] | None]
    File: TypeAlias = "DF | TransparentEF | RecordEF"
    Reference: TypeAlias = "Code | Key"

NEVER: Final = None
"""An access rule that nothing satisfies."""
MF_ID: Final = 0x3F00
LONGEST_FILE: Final = 0xFFFF
LONGEST_NAME: Final = 16
PROPRIETARY: Final = {0x85, 0xA5}
"""The tags of proprietary parameters of a file."""
DEEPEST: Final = 16
_RESERVED_IDS: Final = {MF_ID, 0x3FFF}
_MOST_RECORDS: Final = 0xFE
_LOCAL: Final = 0x80
_ANY_FILE: Final = {"delete", "activate", "deactivate", "parameters"}


class Structure(IntEnum):
    """How the records of an EF lie (the low bits of its file descriptor byte)."""

    LINEAR_FIXED = 2
    """In a row, all of one length."""
    LINEAR_VARIABLE = 4
    """In a row, each of its own length."""
    CYCLIC = 6
    """In a ring, all of one length: record 1 is the newest, a new one takes the place of the oldest."""


@dataclass(init=False)
class Code:
    """A PIN or password. Its repr does not show it.

    Args:
        number: its reference: 1 to 31 for one of the whole card, in the MF; 0x81 to 0x9F for one of its DF.
        value: as the program sends it, padding included.
        tries: how many wrong ones in a row block it, 1 to 15.
        resetting_code: the number of the code that unblocks it (PUK); None for none.
        shortest: how many bytes a new value has at least.
        longest: how many bytes a new value has at most.
        access: what may be done without the code or its resetting code, and which references that needs:
            ``{"reset": [2]}``. The operations are change, reset, enable and disable; what is not named is refused.
        tries_left: how many are left; None for all.
        enabled: whether access rules ask for it.
    """

    number: int
    value: bytearray = field(repr=False)
    tries: int
    resetting_code: int | None
    shortest: int
    longest: int
    access: dict[str, list[int] | None]
    tries_left: int
    enabled: bool
    verified: bool = field(compare=False)

    def __init__(
        self,
        number: int,
        value: Buffer,
        *,
        tries: int = 3,
        resetting_code: int | None = None,
        shortest: int = 4,
        longest: int = 16,
        access: Access | None = None,
        tries_left: int | None = None,
        enabled: bool = True,
    ) -> None:
        self.number = _checked_number(number)
        self.value = bytearray(memoryview(value))
        self.tries = checked("tries", tries, 1, 15)
        self.resetting_code = None if resetting_code is None else _checked_number(resetting_code)
        self.longest = checked("longest", longest, 1, LONGEST_FILE)
        self.shortest = checked("shortest", shortest, 1, longest)
        checked("length of value", len(self.value), 1, longest)
        self.access = _checked_access(access, {"change", "reset", "enable", "disable"})
        self.tries_left = checked("tries_left", tries if tries_left is None else tries_left, 0, tries)
        self.enabled = bool(enabled)
        self.verified = False


@dataclass(init=False)
class Key:
    """A key that card or program prove to have. Its repr does not show it.

    Args:
        number: its reference, as that of a :class:`Code`, with which it shares the numbers.
        value: what the algorithm is called with.
        algorithm: the name of one of the card's algorithms.
        tries: how many wrong proofs in a row block it, 1 to 15.
        access: which references the card's own proof needs: ``{"internal": [0x81]}``; none without it.
        tries_left: how many are left; None for all.
    """

    number: int
    value: bytearray = field(repr=False)
    algorithm: str
    tries: int
    access: dict[str, list[int] | None]
    tries_left: int
    verified: bool = field(compare=False)

    def __init__(
        self,
        number: int,
        value: Buffer,
        algorithm: str,
        *,
        tries: int = 15,
        access: Access | None = None,
        tries_left: int | None = None,
    ) -> None:
        self.number = _checked_number(number)
        self.value = bytearray(memoryview(value))
        _checked_kinds("algorithm", [algorithm], str)
        self.algorithm = algorithm
        self.tries = checked("tries", tries, 1, 15)
        self.access = _checked_access(access, {"internal"})
        self.tries_left = checked("tries_left", tries if tries_left is None else tries_left, 0, tries)
        self.verified = False


@dataclass(init=False)
class TransparentEF:
    """A file of bytes.

    Args:
        file_id: its identifier, 1 to 0xFFFE, but for 3F00 and 3FFF.
        content: its bytes, at most 65535; their number is the file's size.
        short_id: its short identifier, 1 to 30; None for none.
        access: which references an operation needs, all of them verified or authenticated: ``{"read": [0x81]}``, or
            NEVER. The operations are read, update, write, erase, delete, activate, deactivate and parameters (to
            change them by PUT DATA); what is not named is always allowed.
        active: False for a deactivated file.
        proprietary: data objects of tags 85 and A5, which are told among its parameters.
    """

    file_id: int
    content: bytearray = field(repr=False)
    short_id: int | None
    access: dict[str, list[int] | None]
    active: bool
    proprietary: bytes

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
        self.file_id = _checked_file_id(file_id)
        self.content = bytearray(memoryview(content))
        checked("length of content", len(self.content), 0, LONGEST_FILE)
        self.short_id = None if short_id is None else checked("short_id", short_id, 1, 30)
        self.access = _checked_access(access, {"read", "update", "write", "erase"} | _ANY_FILE)
        self.active = bool(active)
        self.proprietary = _checked_proprietary(proprietary)


@dataclass(init=False)
class RecordEF:
    """A file of records.

    Args:
        file_id: as for :class:`TransparentEF`.
        records: in the order of their numbers; in a cyclic file the newest is the first.
        structure: how they lie.
        record_size: of each record, of the longest one where they vary; None for that of the longest given.
        capacity: how many records there can be, 1 to 254; None for as many as are given.
        short_id: as for :class:`TransparentEF`.
        access: as for :class:`TransparentEF`, with append in place of erase.
        active: as for :class:`TransparentEF`.
        proprietary: as for :class:`TransparentEF`.
    """

    file_id: int
    records: list[bytearray] = field(repr=False)
    structure: Structure
    record_size: int
    capacity: int
    short_id: int | None
    access: dict[str, list[int] | None]
    active: bool
    proprietary: bytes

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
        self.file_id = _checked_file_id(file_id)
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
        self.short_id = None if short_id is None else checked("short_id", short_id, 1, 30)
        self.access = _checked_access(access, {"read", "update", "write", "append"} | _ANY_FILE)
        self.active = bool(active)
        self.proprietary = _checked_proprietary(proprietary)


@dataclass(init=False)
class DF:
    """A folder, or an application; the one with the identifier 3F00 is the MF.

    Args:
        file_id: its identifier.
        files: what is in it. No two have one identifier, nor one short identifier.
        name: its DF name, such as an application identifier, up to 16 bytes; empty for none.
        references: its codes and keys.
        data: the data objects that GET DATA finds where it is the current DF, by tag.
        access: as for :class:`TransparentEF`; the operations are create, get_data, put_data, delete, activate,
            deactivate and parameters.
        active: False for a deactivated DF, whose files and data cannot be used.
        proprietary: as for :class:`TransparentEF`.
    """

    file_id: int
    files: list[File]
    name: bytes
    references: list[Reference]
    data: dict[int, bytearray] = field(repr=False)
    access: dict[str, list[int] | None]
    active: bool
    proprietary: bytes

    def __init__(
        self,
        file_id: int = MF_ID,
        files: Iterable[File] = (),
        *,
        name: Buffer = b"",
        references: Iterable[Reference] = (),
        data: Mapping[int, Buffer] | None = None,
        access: Access | None = None,
        active: bool = True,
        proprietary: Buffer = b"",
    ) -> None:
        self.file_id = file_id if file_id == MF_ID else _checked_file_id(file_id)
        self.files = list(files)
        self.name = memoryview(name).tobytes()
        checked("length of name", len(self.name), 0, LONGEST_NAME)
        self.references = list(references)
        self.data = {
            checked("tag", int(tag), 0x40, 0xFFFF): bytearray(memoryview(value)) for tag, value in (data or {}).items()
        }
        self.access = _checked_access(access, {"create", "get_data", "put_data"} | _ANY_FILE)
        self.active = bool(active)
        self.proprietary = _checked_proprietary(proprietary)
        _checked_kinds("files", self.files, DF, TransparentEF, RecordEF)
        _checked_kinds("references", self.references, Code, Key)
        _all_different("file_id", [file.file_id for file in self.files])
        _all_different("short_id", [file.short_id for file in self.files if not isinstance(file, DF) and file.short_id])
        _all_different("number of a reference", [one.number for one in self.references])
        if any(file.file_id == MF_ID for file in self.files):
            raise ValueError("files: the MF, 3F00, lies in no DF")
        if self.file_id != MF_ID and any(not one.number & _LOCAL for one in self.references):
            raise ValueError("references: 1 to 31 stand in the MF; give 0x81 to 0x9F")

    def folders(self, above: tuple[DF, ...] = ()) -> Iterator[tuple[DF, ...]]:
        """The path to this DF and to each below it, a DF before those in it."""
        path = (*above, self)
        yield path
        for file in self.files:
            if isinstance(file, DF):
                yield from file.folders(path)


def _checked_file_id(file_id: int) -> int:
    checked("file_id", file_id, 1, 0xFFFE)
    if file_id in _RESERVED_IDS:
        raise ValueError(f"file_id: {file_id:04X} is reserved")
    return file_id


def _checked_number(number: int) -> int:
    checked("number", number, 1, 0xFF)
    if not 1 <= number & ~_LOCAL <= 31:
        raise ValueError(f"number: {number} is not allowed; give 1 to 31 or 0x81 to 0x9F")
    return number


def _checked_access(access: Access | None, operations: set[str]) -> dict[str, list[int] | None]:
    wrong = sorted(set(access or ()) - operations)
    if wrong:
        raise ValueError(f"access: {wrong[0]!r} is no operation here; give {', '.join(sorted(operations))}")
    return {
        name: None if needed is None else [_checked_number(number) for number in needed]
        for name, needed in (access or {}).items()
    }


def _checked_proprietary(proprietary: Buffer) -> bytes:
    if any(one.tag not in PROPRIETARY for one in decode(proprietary)):
        raise ValueError("proprietary: give data objects of tags 85 and A5")
    return memoryview(proprietary).tobytes()


def _checked_kinds(name: str, values: Iterable[object], *kinds: type) -> None:
    for one in values:
        if not isinstance(one, kinds):
            raise TypeError(
                f"{name}: a {type(one).__name__} is not allowed; give {', '.join(kind.__name__ for kind in kinds)}"
            )


def _all_different(name: str, numbers: list[int]) -> None:
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise ValueError(f"{name}: {twice:X} is there twice")
