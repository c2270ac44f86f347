"""The records of an EF as a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, overload

from .._half_made import repr_if_half_made
from .._not_copied import NotCopied
from ..iso7816 import instructions as iso
from ..iso7816.command import EXTENDED_LE, SHORT_LE
from ..iso7816.instructions import Occurrence
from ..iso7816.status_word import NotSupportedError, RecordNotFoundError
from ._file_selection import about
from .file_properties import FileKind
from .transmitter import WRITTEN

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from typing_extensions import Buffer

    from ..iso7816.command import Command
    from ..iso7816.response import Response
    from ._file_selection import Selection
    from .file_properties import FileProperties
    from .file_reference import Location

_MOST: Final = 254
"""The highest record number."""
_DATA_FOLLOW: Final = 0x6282


@repr_if_half_made
class Records(NotCopied, Sequence[bytes]):
    """The records of an EF, opened by :meth:`.file_access.FileAccess.records` (ISO/IEC 7816-4, clause 11.3).

    The first record is ``records[0]``, which is number 1 on the card; in a cyclic file it is the newest. Each access
    sends a command; ``list(records)`` reads all records. The number of records is determined once, and again after
    :meth:`append`. If the card refuses a command a StatusError is raised.

    Attributes:
        name: the path of the file.
        properties: the properties that the card returned when it was opened.
    """

    def __init__(self, selection: Selection, location: Location, properties: FileProperties) -> None:
        self.name = str(location)
        self.properties = properties
        self._selection = selection
        self._location = location
        self._count: int | None = None

    def __len__(self) -> int:
        """Return the number of records.

        If the card states a number and the record with this number exists, return it. Otherwise count the records.
        """
        with self._selection:
            if self._count is None:
                self._count = self._count_records()
            return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """Return one record, or a list of records for a slice.

        Raises:
            IndexError: the record does not exist.
            StatusError: the card refused.
        """
        with self._selection:
            if isinstance(index, slice):
                return [self._read(number + 1) for number in range(*index.indices(len(self)))]
            try:
                return self._read(self._number(index))
            except RecordNotFoundError as error:
                raise IndexError(f"index: record {index} does not exist in {self.name}") from error

    def __setitem__(self, index: int, data: Buffer) -> None:
        """Replace a record (UPDATE RECORD).

        Args:
            index: the index of the record.
            data: the new record, 1 to 65535 bytes. If all records of the file have the same length, it must have this
                length.

        Raises:
            IndexError: the record does not exist.
            StatusError: the card refused.
        """
        with self._selection:
            command = iso.update_record(self._number(index), data, cla=self._selection.sender.cla)
            self._selection.ensure_ef(self._location)
            try:
                self._send(command, WRITTEN)
            except RecordNotFoundError as error:
                raise IndexError(f"index: record {index} does not exist in {self.name}") from error

    def __iter__(self) -> Iterator[bytes]:
        for number in range(1, _MOST + 1):
            try:
                with self._selection:
                    record = self._read(number)
            except RecordNotFoundError:
                return
            yield record

    def append(self, data: Buffer) -> None:
        """Add a record after the last one (APPEND RECORD).

        In a cyclic file it becomes the first, and if the file is full, the oldest is lost. If the card
        does not support APPEND RECORD, UPDATE RECORD of the previous record is sent for a cyclic file.

        Raises:
            NoSpaceError: the file is full.
            StatusError: the card refused for another reason.
        """
        with self._selection:
            self._selection.ensure_ef(self._location)
            cla = self._selection.sender.cla
            try:
                self._send(iso.append_record(data, cla=cla), WRITTEN)
            except NotSupportedError:
                if self.properties.kind != FileKind.CYCLIC:
                    raise
                command = iso.update_record(0, data, which=Occurrence.PREVIOUS, cla=cla)
                self._send(command, WRITTEN)
            self._count = None

    def _number(self, index: int) -> int:
        """Return the card's number of the record with an index."""
        number = index + 1 if index >= 0 else len(self) + index + 1
        if not 1 <= number <= _MOST:
            raise IndexError(f"index: record {index} does not exist in {self.name}")
        return number

    def _read(self, number: int) -> bytes:
        size = self.properties.record_size or 0
        sender = self._selection.sender
        le = min(size, EXTENDED_LE) if size > SHORT_LE and sender.extended_length else SHORT_LE
        self._selection.ensure_ef(self._location)
        return self._send(iso.read_record(number, le, cla=sender.cla), {_DATA_FOLLOW}).data

    def _send(self, command: Command, allow: Container[int]) -> Response:
        """Send a command for this file."""
        with about(self._location):
            return self._selection.send(command, allow=allow)

    def _has(self, number: int) -> bool:
        try:
            self._read(number)
        except RecordNotFoundError:
            return False
        return True

    def _count_records(self) -> int:
        low, high = 0, _MOST + 1
        stated = self.properties.record_count or 0
        if 1 <= stated <= _MOST:
            if self._has(stated):
                return stated
            high = stated
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._has(middle) else (low, middle)
        return low

    def __repr__(self) -> str:
        return f"<Records of {self.name}>"
