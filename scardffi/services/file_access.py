"""The files of a card: change directories, open files and records, create, delete, read and change properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from .._bytes_like import copied
from .._half_made import repr_if_half_made
from .._not_copied import NotCopied
from ..iso7816 import instructions as iso
from ..iso7816.command import checked
from ..iso7816.malformed import ListWithProblems, MalformedError
from ..iso7816.status_word import StatusError, WrongLengthError, WrongParametersError
from ..iso7816.tlv import encode
from ._file_selection import Selection, about
from .card_capabilities import CardCapabilities
from .card_file import MODES, CardFile
from .card_records import Records
from .file_directory import EF_DIR, applications, children, dfs_by_name, merged
from .file_properties import FCP, LONGEST_NAME, FileKind, FileProperties, WrongKindError
from .file_reference import MF, UP, FileRef, Location
from .transmitter import lacks_status_word

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator

    from typing_extensions import Buffer

    from ..iso7816.command import Command
    from ..iso7816.status_word import StatusTable
    from .file_directory import DirectoryEntry
    from .file_reference import Reference
    from .transmitter import Transmitter

_EF_ATR: Final = 0x2F01
_CURRENT: Final = "."
_MOST_READ: Final = 0x10000
"""The maximum number of bytes to read of EF.DIR and EF.ATR/INFO."""


@repr_if_half_made
class FileAccess(NotCopied):
    """The files of a card, the modern form of ISCardFileAccess.

    At the start the current directory is the MF, also if you have selected an application without this object. A
    reference names a file: an int is a file identifier, a str is a path ("3F00/5000/5001", "/5000", "../5001"), bytes
    are a DF name, and :class:`.file_reference.FileRef` makes references of these and of short identifiers. A wrong
    reference raises ValueError or TypeError before anything is sent.

    Any thread may call any method: all services of one SCardManage share a lock for their commands. After another of
    these services has selected a file, or the SCardManage has reset the card, a method selects its file again. This
    object does not notice if another program or handle selects a file: exclude them by ``card.transaction()``, or call
    :meth:`forget_selection` afterwards.

    Selecting a file of another directory also selects its DF. After such a file was opened, read or written, its DF is
    the card's current DF. Call :meth:`change_dir` with :attr:`current_dir` to return, for example before you verify a
    code of the current directory. On a card that supports only selection by P1 00, an identifier may select a file of
    the DF above (ISO/IEC 7816-4, clause 11.1.1); a program cannot detect this.

    If the card refuses a command a StatusError is raised. What the card says about files, applications and itself is
    read leniently: the data objects that can be read are used, and ``problems`` of the result lists the errors. If
    ``lenient`` is False, malformed data objects raise a MalformedError. Other malformed answers always raise it.

    Args:
        transmitter: sends the commands; see :class:`.transmitter.Transmitter`.
        cla: the class byte of the commands, 0 to 255, such as that of a logical channel.
        table: the card's own status words; see :mod:`scardffi.iso7816.status_word`.
        lenient: False to raise an error if what the card says is malformed.
    """

    def __init__(
        self, transmitter: Transmitter, *, cla: int = 0, table: StatusTable | None = None, lenient: bool = True
    ) -> None:
        self._selection = Selection(transmitter, cla, table, lenient=lenient)
        self._ef_atr: list[bytes] | None = None

    def __repr__(self) -> str:
        return f"<FileAccess, current directory {self.current_dir}>"

    @property
    def current_dir(self) -> str:
        """The path of the current directory, from the MF or from a DF that was selected by its name.

        Follows ISCardFileAccess::GetCurrentDir.
        """
        return str(self._selection.folder)

    def change_dir(self, reference: Reference) -> FileProperties:
        """Make a DF the current directory and the card's current DF (SELECT; ISO/IEC 7816-4, clause 11.1.1).

        If it is already the card's current DF, it is not selected again, so that its codes stay verified. Follows
        ISCardFileAccess::ChangeDir.

        Returns:
            The properties of the DF.

        Raises:
            StatusError: the card refused; the current directory does not change.
            WrongKindError: the file is an EF; the current directory does not change.
        """
        wanted = FileRef.of(reference)
        with self._selection:
            with self._selection.return_to_folder():
                location, properties = self._selection.find(wanted, folder=True)
                if properties.kind not in {None, FileKind.DF}:
                    raise _wrong_kind(location, properties, "a directory")
                self._selection.folder = location
            return properties

    def directory(
        self,
        kind: FileKind | Container[FileKind | None] | None = None,
        *,
        prefix: Buffer = b"",
        probe: Iterable[int] = (),
    ) -> ListWithProblems[DirectoryEntry]:
        """Return the files of the current directory that can be found.

        No command of ISO/IEC 7816-4 lists files, so this collects entries from several sources: in the MF, the
        applications in EF.DIR and the DFs that SELECT finds by a prefix of their names; in every DF, the EFs with
        short identifiers that its file control information lists, and the identifiers in ``probe`` that SELECT finds.
        Other files are not found. The current directory does not change, but codes of a DF may become unverified.
        Follows ISCardFileAccess::Directory.

        Args:
            kind: the kind of files to return, or several kinds. A file has the kind None if the card does not state it.
            prefix: the beginning of the DF names, 0 to 16 bytes; many cards do not accept an empty one.
            probe: the file identifiers to try, 0 to 0xFFFF each.

        Returns:
            The files. ``problems`` of an entry lists the errors in what the card states about the file, and
            ``problems`` of the list those in EF.DIR that belong to no entry.

        Raises:
            ValueError: ``prefix`` or ``probe`` is not allowed; nothing was sent.
        """
        wanted = copied("prefix", prefix)
        checked("length of prefix", len(wanted), 0, LONGEST_NAME)
        identifiers = [checked("probe", one, 0, 0xFFFF) for one in probe]
        with self._selection, self._selection.return_to_folder():
            folder = self._selection.folder
            sources: list[Iterable[DirectoryEntry]] = [children(self._selection, folder, identifiers)]
            in_ef_dir: ListWithProblems[DirectoryEntry] = ListWithProblems()
            if folder.is_root:
                in_ef_dir = applications(self._content(EF_DIR), lenient=self._selection.lenient)
                sources[:0] = [in_ef_dir, dfs_by_name(self._selection, wanted)]
            found = merged(chain(*sources), lambda entry: _matches(entry.kind, kind))
            return ListWithProblems(found, in_ef_dir.problems)

    def open(self, reference: Reference, mode: str = "rb") -> CardFile:
        """Open a transparent EF. Follows ISCardFileAccess::Open.

        Args:
            reference: the file.
            mode: "rb" to read, "r+b" to read and write, "wb" to write. Each begins at offset 0. No mode truncates the
                file: its size is fixed.

        Raises:
            StatusError: the card refused.
            WrongKindError: the file is a DF or has records.
            ValueError: the mode is not one of these.
        """
        if mode not in MODES:
            raise ValueError(f"mode: {mode!r} is not allowed; give 'rb', 'r+b' or 'wb'")
        wanted = FileRef.of(reference)
        with self._selection, self._selection.return_to_folder(only_after_error=True):
            self._learn_limits(wanted)
            location, properties = self._selection.find(wanted, folder=False)
            if properties.kind not in {None, FileKind.TRANSPARENT}:
                raise _wrong_kind(location, properties, "a transparent EF")
            capabilities = CardCapabilities.of(self._selection.atr, self._ef_atr or [], properties.objects)
            return CardFile(self._selection, location, properties, mode, capabilities)

    def records(self, reference: Reference) -> Records:
        """Open the records of a linear or cyclic EF.

        Raises:
            StatusError: the card refused.
            WrongKindError: the file is a DF or has no records.
        """
        wanted = FileRef.of(reference)
        with self._selection, self._selection.return_to_folder(only_after_error=True):
            location, properties = self._selection.find(wanted, folder=False)
            if properties.kind is not None and not properties.kind.is_records:
                raise _wrong_kind(location, properties, "an EF with records")
            return Records(self._selection, location, properties)

    def properties(self, reference: Reference = _CURRENT) -> FileProperties:
        """Return the properties of a file, by default of the current directory.

        Follows ISCardFileAccess::GetProperties.

        Raises:
            StatusError: the card refused.
        """
        wanted = FileRef.of(reference)
        with self._selection, self._selection.return_to_folder():
            return self._selection.find(wanted)[1]

    def set_properties(self, reference: Reference, properties: FileProperties | None = None, **names: Any) -> None:
        """Change file control parameters (PUT DATA of their template, tag 62; ISO/IEC 7816-4, clause 11.4.6).

        The card decides which parameters can be changed. Follows ISCardFileAccess::SetProperties.

        Args:
            reference: the file.
            properties: the properties to change; those that are None are not changed.
            names: attributes of FileProperties by name; they take precedence over those of ``properties``.

        Raises:
            StatusError: the card refused.
            ValueError: no property is given, or one is not allowed; nothing was sent.
        """
        wanted = FileRef.of(reference)
        changed = replace(properties or FileProperties(), **names)
        data = encode(changed.parameters())
        if not data:
            raise ValueError("properties: no property is given; give at least one")
        with self._selection, self._selection.return_to_folder():
            location, present = self._selection.find(wanted, without_ef=True)
            self._selection.forget_df_properties()
            with about(location):
                self._selection.send(iso.put_data(FCP, data, cla=self._selection.sender.cla))
            folder = self._selection.folder
            is_folder = folder.name and (
                present.name == folder.name or (location.name == folder.name and not location.steps)
            )
            if changed.name and is_folder:
                self._selection.forget()
                self._selection.folder = folder._replace(name=changed.name)

    def create(self, properties: FileProperties | None = None, **names: Any) -> FileRef:
        """Create a file in the current directory (CREATE FILE; ISO/IEC 7816-9). Follows ISCardFileAccess::Create.

        Args:
            properties: at least the kind and the file identifier; for a transparent EF also its size; for an EF of
                records also the length of a record and the number of records. Give other data objects that the card
                needs in ``security``, ``proprietary`` and ``objects``.
            names: attributes of FileProperties by name; they take precedence over those of ``properties``::

                files.create(kind=FileKind.TRANSPARENT, file_id=0x5001, size=100)
                files.create(kind=FileKind.LINEAR_FIXED, file_id=0x5002, record_size=12, record_count=5)

        Returns:
            A reference to the file that does not depend on the current directory.

        Raises:
            StatusError: the card refused.
            ValueError: a property is missing or not allowed; nothing was sent.
        """
        wanted = replace(properties or FileProperties(), **names)
        if wanted.kind is None or wanted.file_id is None:
            raise ValueError("kind, file_id: None is not allowed; a new file needs both")
        if wanted.file_id == MF:
            raise ValueError("file_id: 3F00 is not allowed; it is the identifier of the MF")
        if wanted.kind.is_records and None in {wanted.record_size, wanted.record_count}:
            raise ValueError("record_size, record_count: None is not allowed; a new file of records needs both")
        if wanted.kind is FileKind.TRANSPARENT and wanted.size is None and wanted.total_size is None:
            raise ValueError("size: None is not allowed; a new transparent file needs its number of bytes")
        template = wanted.encode()
        with self._selection, self._selection.return_to_folder():
            self._selection.ensure_folder()
            location = self._selection.folder.child(wanted.file_id)
            self._selection.forget_df_properties()
            with about(location):
                self._selection.send(iso.create_file(template, cla=self._selection.sender.cla))
            self._forget_selection(wanted)
            return FileRef.by_path(str(location))

    def delete(self, reference: Reference) -> None:
        """Delete a file (DELETE FILE; ISO/IEC 7816-9). Follows ISCardFileAccess::Delete.

        If the file is the current directory or a directory above it, the DF above the deleted file becomes the current
        directory, or the MF if that DF is unknown.

        Raises:
            StatusError: the card refused.
        """
        with self._selection, self._selection.return_to_folder():
            location, properties = self._send_for_file(iso.delete_file, reference)
            self._forget_selection(properties)
            folder = self._selection.folder
            is_above = folder.name == location.name and folder.steps[: len(location.steps)] == location.steps
            if properties.name and properties.name == folder.name:
                self._selection.folder = Location()
            elif location.short_id is None and is_above:
                self._selection.folder = location.folder if location.steps else Location()

    def invalidate(self, reference: Reference) -> None:
        """Deactivate a file: it cannot be used until :meth:`rehabilitate` (DEACTIVATE FILE; ISO/IEC 7816-9).

        Follows ISCardFileAccess::Invalidate.

        Raises:
            StatusError: the card refused.
        """
        with self._selection, self._selection.return_to_folder():
            self._send_for_file(iso.deactivate_file, reference)

    def rehabilitate(self, reference: Reference) -> None:
        """Activate a file (ACTIVATE FILE; ISO/IEC 7816-9). Follows ISCardFileAccess::Rehabilitate.

        Raises:
            StatusError: the card refused.
        """
        with self._selection, self._selection.return_to_folder():
            self._send_for_file(iso.activate_file, reference)

    def capabilities(self) -> CardCapabilities:
        """Return the capabilities that the card states in its historical bytes and EF.ATR/INFO (2F01).

        EF.ATR/INFO is read once, from the MF. The current directory does not change, but codes of it may become
        unverified, so call this before you verify one. Follows ISCardFileAccess::GetFileCapabilities.
        """
        with self._selection:
            if self._ef_atr is None:
                with self._selection.return_to_folder():
                    self._ef_atr = list(self._content(_EF_ATR))
            capabilities = CardCapabilities.of(self._selection.atr, self._ef_atr, lenient=self._selection.lenient)
            sender = self._selection.sender
            sender.extended_length = sender.extended_length or bool(capabilities.extended_length)
            sender.chaining = sender.chaining or bool(capabilities.chaining)
            return capabilities

    def forget_selection(self) -> None:
        """Forget the selected file, so that the next method selects its file again.

        Call this if another program may have selected a file or reset the card.
        """
        with self._selection:
            self._selection.forget()

    def _learn_limits(self, wanted: FileRef) -> None:
        """Read EF.ATR/INFO if it may allow longer commands, except if this would make codes of a DF unverified."""
        folder = self._selection.folder
        at_home = folder.is_root and all(one.folder.is_root for one in wanted.locations(folder))
        if self._ef_atr is None and self._selection.sender.extended_length and at_home:
            self.capabilities()

    def _content(self, file_id: int) -> Iterator[bytes]:
        """Yield the content of an EF of the MF, in one piece or by records; nothing if the card refuses."""
        try:
            location, properties = self._selection.select(Location().child(file_id), folder=False)
            if properties.kind is not None and properties.kind.is_records:
                yield from Records(self._selection, location, properties)
            elif properties.kind in {None, FileKind.TRANSPARENT}:
                capabilities = CardCapabilities.of(self._selection.atr)
                yield CardFile(self._selection, location, properties, "rb", capabilities).read(_MOST_READ)
        except StatusError:
            pass
        except MalformedError as error:
            if not self._selection.lenient or lacks_status_word(error):
                raise

    def _forget_selection(self, properties: FileProperties) -> None:
        """Forget the current file after a file was created or deleted. If that file was an EF, keep the current DF."""
        if properties.kind in {None, FileKind.DF}:
            self._selection.forget()
        else:
            self._selection.forget_ef()

    def _send_for_file(self, command: Callable[..., Command], reference: Reference) -> tuple[Location, FileProperties]:
        """Select a file and send a command without data. If the card refuses it, send it with the file identifier."""
        selection, cla = self._selection, self._selection.sender.cla
        location, properties = selection.find(FileRef.of(reference), without_ef=True)
        selection.forget_df_properties()
        with about(location):
            try:
                selection.send(command(cla=cla))
            except (WrongParametersError, WrongLengthError):
                if not location.steps or location.steps[-1] == UP or location.short_id is not None:
                    raise
                if properties.kind == FileKind.DF:
                    selection.select(location.folder, folder=True)
                selection.send(command(location.steps[-1].to_bytes(2, "big"), cla=cla))
        return location, properties


def _matches(kind: FileKind | None, wanted: FileKind | Container[FileKind | None] | None) -> bool:
    if wanted is None or isinstance(wanted, FileKind):
        return wanted in {None, kind}
    return kind in wanted


def _wrong_kind(location: Location, properties: FileProperties, wanted: str) -> WrongKindError:
    kind = properties.kind or FileKind.DF
    advice = "; use change_dir()" if kind is FileKind.DF else "; use records()" if kind.is_records else ""
    return WrongKindError(f"{location} is {kind.name}; expected {wanted}{advice}", kind)
