"""The records of an EF as a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

from ..iso7816 import instructions as iso
from ..iso7816.command import EXTENDED_LE, SHORT_LE
from ..iso7816.instructions import Occurrence
from ..iso7816.status_word import NotSupportedError, RecordNotFoundError
from .file_properties import FileKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

    from ._file_selection import Selection
    from .file_properties import FileProperties
    from .file_reference import Location

_MOST: Final = 254
"""The highest record number."""
_DATA_FOLLOW: Final = 0x6282
_WRITTEN: Final = frozenset({0x6381, *range(0x63C0, 0x63D0)})
"""Status words of a command that has written: the file is full now, or so many retries were needed."""


class Records(Sequence[bytes]):
    """The records of an EF, opened by :meth:`.file_access.FileAccess.records` (ISO/IEC 7816-4, clause 11.4).

    The first record is ``records[0]``, which cards call number 1; in a cyclic file it is the newest. Each access asks
    the card; ``list(records)`` reads all. How many there are is found out once, and after what :meth:`append` adds.
    Errors that the card answers are StatusErrors.

    Attributes:
        name: the path of the file.
        properties: what the card said of the file when it was opened.
    """

    def __init__(self, selection: Selection, place: Location, properties: FileProperties) -> None:
        self.name = str(place)
        self.properties = properties
        self._selection = selection
        self._place = place
        self._count: int | None = None

    def __len__(self) -> int:
        """How many there are: as many as the card says where it has the last one of them, else as many as it has."""
        with self._selection:
            if self._count is None:
                self._count = self._counted()
            return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """One record, or a list of some.

        Raises:
            IndexError: there is no such record.
            StatusError: the card refused.
        """
        with self._selection:
            if isinstance(index, slice):
                return [self._read(number + 1) for number in range(*index.indices(len(self)))]
            try:
                return self._read(self._number(index))
            except RecordNotFoundError as error:
                raise IndexError(f"index: there is no record {index} in {self.name}") from error

    def __setitem__(self, index: int, data: Buffer) -> None:
        """Replace a record (UPDATE RECORD).

        Args:
            index: which one.
            data: the record, 1 to 65535 bytes; in files whose records are all of one length of that length.

        Raises:
            IndexError: there is no such record.
            StatusError: the card refused.
        """
        with self._selection:
            command = iso.update_record(self._number(index), data, cla=self._selection.sender.cla)
            self._selection.need_ef(self._place)
            try:
                self._selection.send(command, allow=_WRITTEN)
            except RecordNotFoundError as error:
                raise IndexError(f"index: there is no record {index} in {self.name}") from error

    def __iter__(self) -> Iterator[bytes]:
        for number in range(1, _MOST + 1):
            try:
                with self._selection:
                    record = self._read(number)
            except RecordNotFoundError:
                return
            yield record

    def append(self, data: Buffer) -> None:
        """Add a record (APPEND RECORD), behind the last one; in a cyclic file it becomes the first, for the oldest.

        A cyclic file of a card that does not know this command is written by UPDATE RECORD of the previous record.

        Raises:
            NoSpaceError: the file is full.
            StatusError: the card refused for another reason.
        """
        with self._selection:
            self._selection.need_ef(self._place)
            cla = self._selection.sender.cla
            try:
                self._selection.send(iso.append_record(data, cla=cla), allow=_WRITTEN)
            except NotSupportedError:
                if self.properties.kind != FileKind.CYCLIC:
                    raise
                command = iso.update_record(0, data, which=Occurrence.PREVIOUS, cla=cla)
                self._selection.send(command, allow=_WRITTEN)
            self._count = None

    def _number(self, index: int) -> int:
        """The card's number for an index."""
        number = index + 1 if index >= 0 else len(self) + index + 1
        if not 1 <= number <= _MOST:
            raise IndexError(f"index: there is no record {index} in {self.name}")
        return number

    def _read(self, number: int) -> bytes:
        size = self.properties.record_size or 0
        sender = self._selection.sender
        le = min(size, EXTENDED_LE) if size > SHORT_LE and sender.extended_length else SHORT_LE
        self._selection.need_ef(self._place)
        return self._selection.send(iso.read_record(number, le, cla=sender.cla), allow={_DATA_FOLLOW}).data

    def _has(self, number: int) -> bool:
        try:
            self._read(number)
        except RecordNotFoundError:
            return False
        return True

    def _counted(self) -> int:
        low, high = 0, _MOST + 1
        said = self.properties.record_count or 0
        if 1 <= said <= _MOST:
            if self._has(said):
                return said
            high = said
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._has(middle) else (low, middle)
        return low

    def __repr__(self) -> str:
        return f"<Records of {self.name}>"
