"""A transparent EF as a Python file object."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final

from .._bytes_like import contiguous
from .._half_made import repr_if_half_made
from .._not_copied import NotCopied
from ..iso7816._capability_bits import data_unit
from ..iso7816.command import EXTENDED_DATA, EXTENDED_LE, checked
from ._file_selection import about
from ._file_transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ._file_selection import Selection
    from .card_capabilities import CardCapabilities
    from .file_properties import FileProperties
    from .file_reference import Location

__all__ = ["CardFile"]

MODES: Final = {
    "r": (True, False), "rb": (True, False), "r+": (True, True), "rb+": (True, True), "r+b": (True, True),
    "w": (False, True), "wb": (False, True),
}  # fmt: skip
"""For each mode, whether the file is readable and whether it is writable."""
_READ_SIZE: Final = 0x10000
_DATA_UNITS: Final = tuple(2**size / 2 for size in range(16))
"""The data units that a data coding byte can state."""


@repr_if_half_made
class CardFile(NotCopied, io.RawIOBase):
    """A transparent EF, opened by :meth:`.file_access.FileAccess.open`; ``io.BufferedRandom`` and others accept it.

    Its size is fixed: a write that does not fit writes only the bytes that fit. It is read and written by READ BINARY
    and UPDATE BINARY (ISO/IEC 7816-4, clause 11.2), directly from and into the caller's memory if the transmitter can
    do that. If another file was used meanwhile, this one is selected again. If readinto() or write() fails after some
    bytes were transferred, it returns their number, and the next call raises the error if it occurs again. Every method
    raises ValueError if the file is closed.

    Attributes:
        name: the path of the file.
        mode: the mode that it was opened with.
        properties: the properties that the card returned when it was opened.
    """

    name: str
    mode: str

    def __init__(
        self,
        selection: Selection,
        location: Location,
        properties: FileProperties,
        mode: str,
        capabilities: CardCapabilities,
    ) -> None:
        super().__init__()
        self.name = str(location)
        self.mode = mode
        self.properties = properties
        self._readable, self._writable = MODES[mode]
        self._selection = selection
        self._location = location
        self._position = 0
        self._size = properties.total_size if properties.size is None else properties.size
        self._transfer = Transfer(selection, capabilities)
        self.data_unit = _stated_unit(properties, capabilities, lenient=selection.lenient)

    @property
    def read_chunk(self) -> int:
        """The maximum number of bytes that one command requests, 1 to 65536; above 256 commands are extended."""
        return self._transfer.read_chunk

    @read_chunk.setter
    def read_chunk(self, size: int) -> None:
        self._transfer.read_chunk = checked("read_chunk", size, 1, EXTENDED_LE)

    @property
    def write_chunk(self) -> int:
        """The maximum number of bytes that one command sends, 1 to 65535; above 255 commands are extended."""
        return self._transfer.write_chunk

    @write_chunk.setter
    def write_chunk(self, size: int) -> None:
        self._transfer.write_chunk = checked("write_chunk", size, 1, EXTENDED_DATA)

    @property
    def data_unit(self) -> float:
        """The unit in which the card counts offsets, in bytes: 0.5, 1, 2, 4 and so on up to 16384.

        It is what the card states: the data coding byte of the file, or else that of the card (EF.ATR/INFO, historical
        bytes), or else 1. Half a byte is used only if FileAccess is not lenient, because some cards state it and count
        in bytes (Rutoken does). Set the unit if your card counts in another one than it states. Offsets and sizes of
        this object are always in bytes. If the unit is larger than 1, writing a part of a unit reads the rest of it
        first.

        Raises:
            ValueError: the new value is not allowed.
        """
        return self._transfer.data_unit

    @data_unit.setter
    def data_unit(self, size: float) -> None:
        if size not in _DATA_UNITS:
            raise ValueError(f"data_unit: {size} is not allowed; give 0.5, 1, 2, 4 and so on up to {_DATA_UNITS[-1]}")
        self._transfer.data_unit = size

    def readable(self) -> bool:
        """Return True if the file was opened for reading."""
        self._check()
        return self._readable

    def writable(self) -> bool:
        """Return True if the file was opened for writing."""
        self._check()
        return self._writable

    def seekable(self) -> bool:
        """Return True."""
        self._check()
        return True

    def tell(self) -> int:
        """Return the offset of the next byte."""
        self._check()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Change the position in the file. The position may be beyond the end.

        Args:
            offset: the number of bytes to count.
            whence: 0 to count from the beginning, 1 from the present position, 2 from the end.

        Returns:
            The offset of the next byte.

        Raises:
            ValueError: the position is before the beginning, or ``whence`` is not 0, 1 or 2.
            StatusError: the file's size is not known, and the card refused to read.
        """
        self._check()
        if whence not in {os.SEEK_SET, os.SEEK_CUR, os.SEEK_END}:
            raise ValueError(f"whence: {whence} is not allowed; give 0, 1 or 2")
        with self._selection:
            start = 0 if whence == os.SEEK_SET else self._position if whence == os.SEEK_CUR else self._length()
            if start + offset < 0:
                raise ValueError(f"offset: {offset} from {start} is not allowed; the file begins at 0")
            self._position = start + offset
            return self._position

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into a buffer until it is full or the file ends.

        Returns:
            The number of bytes read; 0 at the end. If the card did not return the size of the file, up to 8 bytes of
            the buffer after these bytes may have been overwritten.

        Raises:
            StatusError: the card refused.
            MalformedError: the card's answer is malformed.
            OSError: the file was opened only for writing.
        """
        self._check(None if self._readable else "reading")
        selection = self._selection
        with memoryview(buffer).cast("B") as whole, selection, whole[: self._room(len(whole))] as part:
            return self._transfer_part(self._transfer.read_into, part)

    def read(self, size: int | None = -1, /) -> bytes:
        """Read up to ``size`` bytes, fewer if the file ends; without a size, read to the end.

        Errors are those of :meth:`readinto`. After an error the position is the same as before the call.
        """
        self._check(None if self._readable else "reading")
        most = sys.maxsize if size is None or size < 0 else size
        data = bytearray()
        with self._selection:
            start = self._position
            try:
                while len(data) < most:
                    part = bytearray(self._room(min(most - len(data), _READ_SIZE)))
                    done = self.readinto(part)
                    if not done:
                        break
                    data += part[:done]
            except BaseException:
                self._position = start
                raise
        return bytes(data)

    def readall(self) -> bytes:
        """Read from the present position to the end. Errors are those of :meth:`read`."""
        return self.read()

    def write(self, data: Buffer, /) -> int:
        """Write bytes, as many as fit into the file.

        Returns:
            The number of bytes written.

        Raises:
            StatusError: the card refused.
            OSError: the position is at the end or beyond it (ENOSPC), or the file was opened only for reading.
        """
        self._check(None if self._writable else "writing")
        with contiguous("data", data) as whole, self._selection:
            size = self._room(len(whole))
            if size == 0 and len(whole):
                raise OSError(errno.ENOSPC, f"the file has {self._size} bytes and cannot grow", self.name)
            with whole[:size] as part:
                return self._transfer_part(self._transfer.update_from, part)

    def _check(self, refused: str | None = None) -> None:
        """Raise the errors of Python's file objects if the file is closed or its mode does not allow an operation."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if refused:
            raise io.UnsupportedOperation(f"{self.name} was not opened for {refused}: its mode is {self.mode!r}")

    def _transfer_part(self, move: Callable[[memoryview, int], int], part: memoryview) -> int:
        """Select the file and move bytes between it and this memory; return their number."""
        if not part:
            return 0
        self._selection.ensure_ef(self._location)
        with about(self._location):
            done = move(part, self._position)
        self._position += done
        return done

    def _room(self, size: int) -> int:
        """Return how many of the next ``size`` bytes are in the file; ``size`` if the file's size is unknown."""
        end = self._transfer.last_offset if self._size is None else self._size
        return max(0, min(size, end - self._position))

    def _length(self) -> int:
        """Return the size of the file. If the card did not return it, find it by reading single bytes."""
        if self._size is None:
            self._selection.ensure_ef(self._location)
            low, high = 0, 1
            with about(self._location):
                while high <= self._transfer.last_offset and self._transfer.has_byte(high - 1):
                    low, high = high, high * 2
                while high - low > 1:
                    middle = (low + high) // 2
                    low, high = (middle, high) if self._transfer.has_byte(middle - 1) else (low, middle)
            self._size = low
        return self._size

    def __repr__(self) -> str:
        return f"<CardFile {self.name}, mode {self.mode!r}{', closed' if self.closed else ''}>"


def _stated_unit(properties: FileProperties, capabilities: CardCapabilities, *, lenient: bool) -> float:
    """Return the data unit of a file; see :attr:`CardFile.data_unit`."""
    coding = properties.data_coding
    unit = (capabilities.data_unit or 1) if coding is None else data_unit(coding)
    return max(1, unit) if lenient else unit
