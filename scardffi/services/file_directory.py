"""The entries of a directory, collected from several sources: no command of ISO/IEC 7816 lists files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .._half_made import repr_if_half_made
from ..iso7816.instructions import Occurrence
from ..iso7816.malformed import MalformedError
from ..iso7816.status_word import StatusError
from ..iso7816.tlv import decode, find
from .file_properties import FileKind, FileProperties
from .file_reference import MF, FileRef, Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._file_selection import Selection

EF_DIR: Final = 0x2F00
_APPLICATION, _NAME, _LABEL, _PATH = 0x61, 0x4F, 0x50, 0x51
_MOST_NAMES: Final = 256


@repr_if_half_made
@dataclass(frozen=True)
class DirectoryEntry:
    """A file of a directory. An attribute is None if the card does not state it.

    Attributes:
        reference: a reference to the file that does not depend on the current directory.
        kind: DF, or the structure of an EF.
        file_id: the file identifier.
        short_id: the short identifier.
        name: the DF name.
        label: the label of an application.
    """

    reference: FileRef
    kind: FileKind | None = None
    file_id: int | None = None
    short_id: int | None = None
    name: bytes | None = None
    label: str | None = None


def applications(content: Iterable[bytes]) -> Iterator[DirectoryEntry]:
    """Yield the applications in EF.DIR (ISO/IEC 7816-4, clause 12.2.2; its templates of tag 61).

    Args:
        content: the records of EF.DIR, or its bytes in one piece; malformed data objects are ignored.
    """
    for raw in content:
        with suppress(MalformedError):
            for template in decode(raw, padding=True):
                name = find(template.children(), _NAME) if template.tag == _APPLICATION else None
                if name is None or not 1 <= len(name.value) <= 16:
                    continue
                label, path = find(template.children(), _LABEL), find(template.children(), _PATH)
                file_id = int.from_bytes(path.value[-2:], "big") if path and len(path.value) > 1 else None
                text = label.value.decode(errors="replace") if label else None
                yield DirectoryEntry(FileRef.by_name(name.value), FileKind.DF, file_id, None, name.value, text)


def dfs_by_name(selection: Selection, prefix: bytes) -> Iterator[DirectoryEntry]:
    """Yield the DFs whose names begin with a prefix, by SELECT of the first and then of each next occurrence."""
    found: set[bytes] = set()
    with suppress(StatusError):
        properties = selection.select_name(prefix, Occurrence.FIRST)
        while properties.name and properties.name not in found and len(found) < _MOST_NAMES:
            found.add(properties.name)
            yield _entry(FileRef.by_name(properties.name), properties)
            properties = selection.select_name(prefix, Occurrence.NEXT)


def children(selection: Selection, folder: Location, probe: Iterable[int]) -> Iterator[DirectoryEntry]:
    """Yield the files that a DF lists (tag A2 of its file control information), and files of ``probe`` that exist."""
    listed: dict[int, int] = {}
    with suppress(StatusError):
        folder, properties = selection.select(folder, folder=True)
        listed = {file_id: short_id for short_id, file_id in properties.short_ids.items()}
    for file_id in dict.fromkeys((*listed, *probe)):
        if file_id == MF:
            continue
        properties = FileProperties(file_id=file_id, short_id=listed.get(file_id))
        try:
            _, answered = selection.select(folder.child(file_id))
        except StatusError:
            if file_id not in listed:
                continue
        else:
            if answered.file_id not in {None, file_id}:
                continue  # the card has found the file in another DF
            properties = answered
        yield _entry(FileRef.by_path(str(folder.child(file_id))), properties, file_id, listed.get(file_id))


def merged(entries: Iterable[DirectoryEntry], wanted: Callable[[DirectoryEntry], bool]) -> list[DirectoryEntry]:
    """Return each file once; attributes that are None are filled from later entries of the same file."""
    found: list[DirectoryEntry] = []
    for entry in entries:
        for number, other in enumerate(found):
            if _is_same_file(entry, other):
                found[number] = _fill(other, entry)
                break
        else:
            found.append(entry)
    return [entry for entry in found if wanted(entry)]


def _entry(
    reference: FileRef, properties: FileProperties, file_id: int | None = None, short_id: int | None = None
) -> DirectoryEntry:
    own_id = properties.file_id if file_id is None else file_id
    own_short_id = properties.short_id if short_id is None else short_id
    return DirectoryEntry(reference, properties.kind, own_id, own_short_id, properties.name, properties.label)


def _is_same_file(one: DirectoryEntry, other: DirectoryEntry) -> bool:
    if one.name and other.name:
        return one.name == other.name
    return one.file_id is not None and one.file_id == other.file_id


def _fill(first: DirectoryEntry, second: DirectoryEntry) -> DirectoryEntry:
    return DirectoryEntry(
        first.reference,
        first.kind or second.kind,
        second.file_id if first.file_id is None else first.file_id,
        second.short_id if first.short_id is None else first.short_id,
        first.name or second.name,
        first.label or second.label,
    )
