"""What files a directory has, as far as cards tell: there is no command of ISO/IEC 7816 that lists them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

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


@dataclass(frozen=True)
class DirectoryEntry:
    """One file of a directory. Each property is None where the card does not say it.

    Attributes:
        reference: what opens it, whichever directory is the current one.
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
    """The applications that EF.DIR tells (ISO/IEC 7816-4, clause 12.2.2; its templates of tag 61).

    Args:
        content: its records, or its bytes in one; what is no data object in there is passed over.
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


def named(selection: Selection, prefix: bytes) -> Iterator[DirectoryEntry]:
    """The DFs whose names begin like this, by SELECT of the first and then of each next one."""
    found: set[bytes] = set()
    with suppress(StatusError):
        said = selection.select_name(prefix, Occurrence.FIRST)
        while said.name and said.name not in found and len(found) < _MOST_NAMES:
            found.add(said.name)
            yield _entry(FileRef.by_name(said.name), said)
            said = selection.select_name(prefix, Occurrence.NEXT)


def children(selection: Selection, folder: Location, probe: Iterable[int]) -> Iterator[DirectoryEntry]:
    """The files that a DF announces (tag A2 of its file control information), and those that a SELECT finds in it."""
    announced: dict[int, int] = {}
    with suppress(StatusError):
        folder, said = selection.select(folder, folder=True)
        announced = {file_id: short_id for short_id, file_id in said.short_ids.items()}
    for file_id in dict.fromkeys((*announced, *probe)):
        if file_id == MF:
            continue
        place = folder.child(file_id)
        said = FileProperties(file_id=file_id, short_id=announced.get(file_id))
        try:
            place, told = selection.select(place)
        except StatusError:
            if file_id not in announced:
                continue
        else:
            if told.file_id not in {None, file_id}:
                continue  # the card has looked elsewhere
            said = told
        yield _entry(FileRef.by_path(str(folder.child(file_id))), said, file_id, announced.get(file_id))


def merged(entries: Iterable[DirectoryEntry], wanted: Callable[[DirectoryEntry], bool]) -> list[DirectoryEntry]:
    """Each file once, with what the first source says of it and, where that says nothing, a later one."""
    found: list[DirectoryEntry] = []
    for entry in entries:
        for number, other in enumerate(found):
            if _same(entry, other):
                found[number] = _joined(other, entry)
                break
        else:
            found.append(entry)
    return [entry for entry in found if wanted(entry)]


def _entry(
    reference: FileRef, said: FileProperties, file_id: int | None = None, short_id: int | None = None
) -> DirectoryEntry:
    own_id = said.file_id if file_id is None else file_id
    own_short_id = said.short_id if short_id is None else short_id
    return DirectoryEntry(reference, said.kind, own_id, own_short_id, said.name, said.label)


def _same(one: DirectoryEntry, other: DirectoryEntry) -> bool:
    if one.name and other.name:
        return one.name == other.name
    return one.file_id is not None and one.file_id == other.file_id


def _joined(first: DirectoryEntry, second: DirectoryEntry) -> DirectoryEntry:
    return DirectoryEntry(
        first.reference,
        first.kind or second.kind,
        second.file_id if first.file_id is None else first.file_id,
        second.short_id if first.short_id is None else first.short_id,
        first.name or second.name,
        first.label or second.label,
    )
