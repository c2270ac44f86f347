"""A card's files as a person knows files: directories, files to read and write, records, what the card says of each."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from ..iso7816 import instructions as iso
from ..iso7816.command import checked
from ..iso7816.malformed import MalformedError
from ..iso7816.status_word import StatusError, WrongLengthError, WrongParametersError
from ..iso7816.tlv import encode
from ._file_selection import Selection
from .card_capabilities import CardCapabilities
from .card_file import MODES, CardFile
from .card_records import Records
from .file_directory import EF_DIR, applications, children, merged, named
from .file_properties import FileKind, FileProperties, WrongKindError
from .file_reference import MF, UP, FileRef, Location

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from typing_extensions import Buffer

    from ..iso7816.command import Command
    from ..iso7816.status_word import StatusTable
    from .file_directory import DirectoryEntry
    from .file_reference import Reference
    from .transmitter import Transmitter

_EF_ATR: Final = 0x2F01
_FILE_CONTROL_PARAMETERS: Final = 0x62
_HERE: Final = "."
_MOST_READ: Final = 0x10000
"""The most bytes that are read of a file which the standard has for the card's own data."""


class FileAccess:
    """The files of a card, the modern form of ISCardFileAccess.

    The current directory is the MF at first. A file is named by a reference: an int is a file identifier, text a path
    ("3F00/5000/5001", "/5000", "../5001"), bytes are a DF name, and :class:`.file_reference.FileRef` has these and
    short identifiers by name. A wrong reference is a ValueError or TypeError before anything is sent.

    Any thread may call any method; their commands take turns, with those of the other services of one SCardManage too,
    and what such a service or a reset by that object has selected is selected anew. What other programs and handles
    select this object does not know: keep them out by ``card.transaction()``, and call :meth:`forget_selection` where
    they were not kept out.

    A file that lies elsewhere is selected with its DF: once it was opened, read or written, that is the card's current
    DF, and :meth:`change_dir` to :attr:`current_dir` is the way back, before a code of that DF is verified for
    instance. On a card that selects by P1 00 alone, an identifier may find a file of the DF above (ISO/IEC 7816-4,
    clause 11.2.2); no program can tell.

    What the card refuses is a StatusError, and what it answers that cannot be read a MalformedError.

    Args:
        transmitter: where the commands go; see :class:`.transmitter.Transmitter`.
        cla: the class byte of the commands, such as that of a logical channel.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.
    """

    def __init__(self, transmitter: Transmitter, *, cla: int = 0, table: StatusTable | None = None) -> None:
        self._selection = Selection(transmitter, checked("cla", cla, 0, 0xFF), table)
        self._ef_atr: bytes | None = None

    @property
    def current_dir(self) -> str:
        """The path of the current directory, as far as it is known: from the MF, or from the DF of a name.

        Follows ISCardFileAccess::GetCurrentDir.
        """
        return str(self._selection.folder)

    def change_dir(self, reference: Reference) -> FileProperties:
        """Make a DF the current directory (SELECT; ISO/IEC 7816-4, clause 11.2.2), and the card's current DF.

        A DF that is the current one already is not selected again, so that what was verified for it stays.
        Follows ISCardFileAccess::ChangeDir.

        Returns:
            What the card says of it.

        Raises:
            StatusError: the card refused; the current directory is what it was.
            WrongKindError: it is an EF; the current directory is what it was.
        """
        wanted = FileRef.of(reference)
        with self._selection:
            with self._selection.excursion():
                place, properties = self._selection.find(wanted, folder=True)
                if properties.kind not in {None, FileKind.DF}:
                    raise _wrong_kind(place, properties, "a directory")
                self._selection.folder = place
            return properties

    def directory(
        self,
        kind: FileKind | Container[FileKind | None] | None = None,
        *,
        prefix: Buffer = b"",
        probe: Iterable[int] = (),
    ) -> list[DirectoryEntry]:
        """What files the current directory has, as far as the card tells.

        No command of ISO/IEC 7816-4 lists files. This puts together what the standard has: in the MF the applications
        that EF.DIR names and the DFs that SELECT finds by the beginning of their names, one after the other; in each
        DF the EFs with a short identifier, where its file control information announces them; and the identifiers of
        ``probe``, each by a SELECT. A file that none of these shows is not found, whatever is on the card.
        In the end the current directory is what it was; what was verified for a DF may be lost.
        Follows ISCardFileAccess::Directory.

        Args:
            kind: which files; one kind or several. Those whose kind the card does not tell are of the kind None.
            prefix: how the names of DFs begin, 0 to 16 bytes; many cards do not take an empty one.
            probe: file identifiers to try, 0 to 0xFFFF each.
        """
        wanted = memoryview(prefix).tobytes()
        checked("length of prefix", len(wanted), 0, 16)
        identifiers = [checked("probe", one, 0, 0xFFFF) for one in probe]
        with self._selection, self._selection.excursion():
            folder = self._selection.folder
            sources = [children(self._selection, folder, identifiers)]
            if folder.is_root:
                sources[:0] = [applications(self._content(EF_DIR)), named(self._selection, wanted)]
            return merged(chain(*sources), lambda entry: _is_wanted(entry.kind, kind))

    def open(self, reference: Reference, mode: str = "rb") -> CardFile:
        """Open a transparent EF. Follows ISCardFileAccess::Open.

        Args:
            reference: which one.
            mode: "rb" to read, "r+b" to read and write, "wb" to write. None of them shortens or empties the file,
                whose size is fixed, and each begins at offset 0.

        Raises:
            StatusError: the card refused.
            WrongKindError: it is a DF or has records.
            ValueError: no such mode.
        """
        if mode not in MODES:
            raise ValueError(f"mode: {mode!r} is not allowed; give 'rb', 'r+b' or 'wb'")
        wanted = FileRef.of(reference)
        with self._selection, self._selection.excursion(stay=True):
            self._learn_limits(wanted)
            place, properties = self._selection.find(wanted, folder=False)
            if properties.kind not in {None, FileKind.TRANSPARENT}:
                raise _wrong_kind(place, properties, "a transparent EF")
            said = CardCapabilities.of(self._selection.atr, self._ef_atr or b"", properties.objects)
            return CardFile(self._selection, place, properties, mode, said)

    def records(self, reference: Reference) -> Records:
        """The records of a linear or cyclic EF.

        Raises:
            StatusError: the card refused.
            WrongKindError: it is a DF or has no records.
        """
        wanted = FileRef.of(reference)
        with self._selection, self._selection.excursion(stay=True):
            place, properties = self._selection.find(wanted, folder=False)
            if properties.kind is not None and not properties.kind.is_records:
                raise _wrong_kind(place, properties, "an EF with records")
            return Records(self._selection, place, properties)

    def properties(self, reference: Reference = _HERE) -> FileProperties:
        """What the card says of a file, by default of the current directory.

        Follows ISCardFileAccess::GetProperties.

        Raises:
            StatusError: the card refused.
        """
        wanted = FileRef.of(reference)
        with self._selection, self._selection.excursion():
            return self._selection.find(wanted)[1]

    def set_properties(self, reference: Reference, properties: FileProperties | None = None, **names: Any) -> None:
        """Change file control parameters (PUT DATA of their template, tag 62; ISO/IEC 7816-4, clause 11.5.3).

        Which ones can be changed is for the card to say. Follows ISCardFileAccess::SetProperties.

        Args:
            reference: which file.
            properties: what to change, without what stays.
            names: the same by the names of the attributes of FileProperties, which precede those of ``properties``.

        Raises:
            StatusError: the card refused.
            ValueError: a property cannot be said; nothing was sent.
        """
        wanted = FileRef.of(reference)
        changed = replace(properties or FileProperties(), **names)
        data = encode(changed.parameters())
        if not data:
            raise ValueError("properties: nothing is to be changed; give at least one")
        with self._selection, self._selection.excursion():
            place, said = self._selection.find(wanted, alone=True)
            self._selection.folder_has_changed()
            self._selection.send(iso.put_data(_FILE_CONTROL_PARAMETERS, data, cla=self._selection.sender.cla))
            folder = self._selection.folder
            is_folder = folder.name and (said.name == folder.name or (place.name == folder.name and not place.steps))
            if changed.name and is_folder:
                self._selection.forget()
                self._selection.folder = folder._replace(name=changed.name)

    def create(self, properties: FileProperties | None = None, **names: Any) -> FileRef:
        """Create a file in the current directory (CREATE FILE; ISO/IEC 7816-9). Follows ISCardFileAccess::Create.

        Args:
            properties: kind and file identifier at least; of an EF the size, or the size of its records and how many
                there can be; what the card wants beyond, such as security attributes, in ``objects``.
            names: the same by the names of the attributes of FileProperties, which precede those of ``properties``::

                files.create(kind=FileKind.TRANSPARENT, file_id=0x5001, size=100)
                files.create(kind=FileKind.LINEAR_FIXED, file_id=0x5002, record_size=12, record_count=5)

        Returns:
            A reference to the file, for every current directory.

        Raises:
            StatusError: the card refused.
            ValueError: a property is missing or cannot be said; nothing was sent.
        """
        wanted = replace(properties or FileProperties(), **names)
        if wanted.kind is None or wanted.file_id is None:
            raise ValueError("kind, file_id: None is not allowed; a new file needs both")
        if wanted.file_id == MF:
            raise ValueError("file_id: 3F00 is not allowed; it is the MF's")
        if wanted.kind.is_records and None in {wanted.record_size, wanted.record_count}:
            raise ValueError("record_size, record_count: None is not allowed; a new file of records needs both")
        if wanted.kind is FileKind.TRANSPARENT and wanted.size is None and wanted.total_size is None:
            raise ValueError("size: None is not allowed; a new transparent file needs its number of bytes")
        template = wanted.encode()
        with self._selection, self._selection.excursion():
            self._selection.need_folder()
            place = self._selection.folder.child(wanted.file_id)
            self._selection.folder_has_changed()
            self._selection.send(iso.create_file(template, cla=self._selection.sender.cla))
            self._forget(wanted)
            return FileRef.by_path(str(place))

    def delete(self, reference: Reference) -> None:
        """Delete a file (DELETE FILE; ISO/IEC 7816-9). Follows ISCardFileAccess::Delete.

        Where it is the current directory, or that lies in it, the directory above becomes the current one; the MF,
        where that is not known.

        Raises:
            StatusError: the card refused.
        """
        with self._selection, self._selection.excursion():
            place, properties = self._act(iso.delete_file, reference)
            self._forget(properties)
            folder = self._selection.folder
            is_above = folder.name == place.name and folder.steps[: len(place.steps)] == place.steps
            if properties.name and properties.name == folder.name:
                self._selection.folder = Location()
            elif place.short_id is None and is_above:
                self._selection.folder = place.folder if place.steps else Location()

    def invalidate(self, reference: Reference) -> None:
        """Let a file be used no more until :meth:`rehabilitate` (DEACTIVATE FILE; ISO/IEC 7816-9).

        Follows ISCardFileAccess::Invalidate.

        Raises:
            StatusError: the card refused.
        """
        with self._selection, self._selection.excursion():
            self._act(iso.deactivate_file, reference)

    def rehabilitate(self, reference: Reference) -> None:
        """Let a file be used again (ACTIVATE FILE; ISO/IEC 7816-9). Follows ISCardFileAccess::Rehabilitate.

        Raises:
            StatusError: the card refused.
        """
        with self._selection, self._selection.excursion():
            self._act(iso.activate_file, reference)

    def capabilities(self) -> CardCapabilities:
        """What the card says that it can do, in its historical bytes and EF.ATR/INFO (2F01).

        EF.ATR is read once, from the MF; the current directory is what it was in the end, but what was verified for
        it may be lost. So ask before. Follows ISCardFileAccess::GetFileCapabilities.
        """
        with self._selection:
            if self._ef_atr is None:
                with self._selection.excursion():
                    self._ef_atr = b"".join(self._content(_EF_ATR))
            said = CardCapabilities.of(self._selection.atr, self._ef_atr)
            sender = self._selection.sender
            sender.extended_length = sender.extended_length or bool(said.extended_length)
            sender.chaining = sender.chaining or bool(said.chaining)
            return said

    def forget_selection(self) -> None:
        """Select anew before the next access, because somebody else may have selected another file, or a reset was."""
        with self._selection:
            self._selection.forget()

    def _learn_limits(self, wanted: FileRef) -> None:
        """Read EF.ATR where that may tell of longer commands, and leaves no DF that somebody has verified for."""
        folder = self._selection.folder
        at_home = folder.is_root and all(one.folder.is_root for one in wanted.locations(folder))
        if self._ef_atr is None and self._selection.sender.extended_length and at_home:
            self.capabilities()

    def _content(self, file_id: int) -> Iterator[bytes]:
        """What an EF of the MF has, in one or by records, as far as the card gives it."""
        with suppress(StatusError, MalformedError):
            place, properties = self._selection.select(Location().child(file_id), folder=False)
            if properties.kind is not None and properties.kind.is_records:
                yield from Records(self._selection, place, properties)
            elif properties.kind in {None, FileKind.TRANSPARENT}:
                said = CardCapabilities.of(self._selection.atr)
                yield CardFile(self._selection, place, properties, "rb", said).read(_MOST_READ)

    def _forget(self, properties: FileProperties) -> None:
        """A file has come or gone that may be the current one: behind an EF the DF is still what it was."""
        if properties.kind in {None, FileKind.DF}:
            self._selection.forget()
        else:
            self._selection.forget_ef()

    def _act(self, command: Callable[..., Command], reference: Reference) -> tuple[Location, FileProperties]:
        """Select a file and send a command for the current file, or for its identifier where the card wants that."""
        selection, cla = self._selection, self._selection.sender.cla
        place, properties = selection.find(FileRef.of(reference), alone=True)
        selection.folder_has_changed()
        try:
            selection.send(command(cla=cla))
        except (WrongParametersError, WrongLengthError):
            if not place.steps or place.steps[-1] == UP or place.short_id is not None:
                raise
            if properties.kind == FileKind.DF:
                selection.select(place.folder, folder=True)
            selection.send(command(place.steps[-1].to_bytes(2, "big"), cla=cla))
        return place, properties


def _is_wanted(kind: FileKind | None, wanted: FileKind | Container[FileKind | None] | None) -> bool:
    if wanted is None or isinstance(wanted, FileKind):
        return wanted in {None, kind}
    return kind in wanted


def _wrong_kind(place: Location, properties: FileProperties, wanted: str) -> WrongKindError:
    kind = properties.kind or FileKind.DF
    way = "change_dir() goes there" if kind is FileKind.DF else "records() opens it" if kind.is_records else ""
    return WrongKindError(f"{place} is {kind.name}; needed is {wanted}{way and '; ' + way}", kind)
