"""The entries of a directory, collected from several sources: no command of ISO/IEC 7816 lists files."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from .._half_made import repr_if_half_made
from ..iso7816.instructions import Occurrence
from ..iso7816.malformed import ListWithProblems, MalformedError, add_problems
from ..iso7816.status_word import StatusError
from ..iso7816.tlv import ANY_LENGTH, TLV, MalformedTLVError, decode, first_values, without_category
from .file_properties import LONGEST_NAME, FileKind, FileProperties
from .file_reference import MF, FileRef, Location

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ._file_selection import Selection

__all__ = ["DirectoryEntry"]

EF_DIR: Final = 0x2F00
_APPLICATION, _NAME, _LABEL, _PATH = 0x61, 0x4F, 0x50, 0x51
_IN_APPLICATION: Final = dict.fromkeys((_LABEL, _PATH, 0x52, 0x53, 0x5F50, 0x73, 0x7F66, _APPLICATION), ANY_LENGTH) | {
    _NAME: range(1, LONGEST_NAME + 1)
}
"""The objects of an application. Reading goes on at one of these after an object whose end is unknown."""
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
        problems: the errors in what the card states about the file.
    """

    reference: FileRef
    kind: FileKind | None = None
    file_id: int | None = None
    short_id: int | None = None
    name: bytes | None = None
    label: str | None = None
    problems: list[MalformedError] = field(default_factory=list, compare=False)


def applications(content: Iterable[bytes], *, lenient: bool = True) -> ListWithProblems[DirectoryEntry]:
    """Return the applications that the templates of tag 61 in EF.DIR describe (ISO/IEC 7816-4, clause 12.2.2).

    Args:
        content: the records of EF.DIR, or its bytes in one piece.
        lenient: False to raise an error if a data object is malformed. Otherwise the entries have what can be read, and
            their ``problems`` list the errors. Errors outside of all entries are in ``problems`` of the list.

    Raises:
        MalformedError: a data object is malformed, and ``lenient`` is False. The offset is the position in the record.
    """
    entries: list[DirectoryEntry] = []
    problems: list[MalformedError] = []
    for raw in content:
        for template in _templates(raw, problems):
            entry = _application(template)
            if entry is None:
                add_problems(problems, template.problems)
            else:
                entries.append(entry)
    if not lenient:
        for problem in (*problems, *(problem for entry in entries for problem in entry.problems)):
            raise problem
    return ListWithProblems(entries, problems)


def _templates(raw: bytes, problems: list[MalformedError]) -> list[ListWithProblems[TLV]]:
    """Return the objects of each template in a record. Add the errors outside of all templates to ``problems``."""
    found: list[ListWithProblems[TLV]] = []
    content, indicators = without_category(raw)
    objects = decode(content, lenient=True, expected={_APPLICATION})
    problems += indicators
    problems += objects.problems
    inner: ListWithProblems[TLV]
    for one in objects:
        if one.tag == _APPLICATION:
            inner = one.children(expected=_IN_APPLICATION)
            found.append(ListWithProblems(problems=inner.problems))
        else:
            inner = ListWithProblems([one])
            message = f"tag {one.tag:02X} is outside of the templates"
            if not found or one.tag not in _IN_APPLICATION:
                continue
            found[-1].problems.append(MalformedTLVError(message, one.offset))
        for child in inner:
            if child.tag == _APPLICATION:  # the length of the template is wrong: it includes the next one
                message = f"a template of tag {_APPLICATION:02X} is in another one"
                found[-1].problems.append(MalformedTLVError(message, child.offset))
                found.append(child.children(expected=_IN_APPLICATION))
            else:
                found[-1].append(child)
    return found


def _application(template: ListWithProblems[TLV]) -> DirectoryEntry | None:
    """Return the entry for the objects of a template; None if they state neither a name nor a path."""
    problems = template.problems
    values = {tag: one.value for tag, one in first_values(template, problems).items()}
    name: bytes | None = values.get(_NAME, b"")
    path, label = values.get(_PATH, b""), values.get(_LABEL)
    if _NAME in values and not 1 <= len(values[_NAME]) <= LONGEST_NAME:
        problems.append(MalformedTLVError(f"the name has {len(values[_NAME])} bytes; 1 to {LONGEST_NAME} are allowed"))
        name = None
    try:
        reference = FileRef.by_name(name) if name else FileRef.by_path(_path_text(path))
    except ValueError:
        return None
    return DirectoryEntry(
        reference,
        FileKind.DF,
        int.from_bytes(path[-2:], "big") if len(path) > 1 else None,
        None,
        name or None,
        None if label is None else label.decode(errors="replace"),
        problems,
    )


def _path_text(path: bytes) -> str:
    """Return the bytes of a path from the MF as text; FileRef.by_path refuses the text if the bytes are not a path."""
    text = path.hex("/", 2).upper()
    return text if text.startswith(f"{MF:04X}") or not text else f"/{text}"


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
    name, label, problems = properties.name, properties.label, properties.problems
    return DirectoryEntry(reference, properties.kind, own_id, own_short_id, name, label, problems)


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
        [*first.problems, *second.problems],
    )
