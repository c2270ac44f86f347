"""A transparent EF as a file object of Python's."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Final

from ..iso7816.command import EXTENDED_DATA, EXTENDED_LE, checked
from ._file_transfer import LAST_OFFSET, Transfer

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ._file_selection import Selection
    from .card_capabilities import CardCapabilities
    from .file_properties import FileProperties
    from .file_reference import Location

MODES: Final = {
    "r": (True, False), "rb": (True, False), "r+": (True, True), "rb+": (True, True), "r+b": (True, True),
    "w": (False, True), "wb": (False, True),
}  # fmt: skip
"""Whether a file of this mode is readable, and whether it is writable."""
_STRETCH: Final = 0x10000


class CardFile(io.RawIOBase):
    """A transparent EF, opened by :meth:`.file_access.FileAccess.open`; ``io.BufferedRandom`` and others take it.

    Its size is fixed: a write that does not fit writes what fits. It is read and written by READ BINARY and UPDATE
    BINARY (ISO/IEC 7816-4, clause 11.3), straight from and into the caller's memory where the transmitter can. When
    another file was used meanwhile it is selected again. Where readinto or write fails after some bytes have gone
    through it returns their number, and the next one meets the error.

    Attributes:
        name: its path.
        mode: as it was given.
        properties: what the card said of the file when it was opened.
    """

    name: str
    mode: str

    def __init__(
        self,
        selection: Selection,
        place: Location,
        properties: FileProperties,
        mode: str,
        capabilities: CardCapabilities,
    ) -> None:
        super().__init__()
        self.name = str(place)
        self.mode = mode
        self.properties = properties
        self._readable, self._writable = MODES[mode]
        self._selection = selection
        self._place = place
        self._position = 0
        self._size = properties.total_size if properties.size is None else properties.size
        self._transfer = Transfer(selection, capabilities)

    @property
    def read_chunk(self) -> int:
        """The most bytes that one command asks for; may be set to 1 to 65536, above 256 for extended commands."""
        return self._transfer.read_chunk

    @read_chunk.setter
    def read_chunk(self, size: int) -> None:
        self._transfer.read_chunk = checked("read_chunk", size, 1, EXTENDED_LE)

    @property
    def write_chunk(self) -> int:
        """The most bytes that one command brings; may be set to 1 to 65535, above 255 for extended commands."""
        return self._transfer.write_chunk

    @write_chunk.setter
    def write_chunk(self, size: int) -> None:
        self._transfer.write_chunk = checked("write_chunk", size, 1, EXTENDED_DATA)

    def readable(self) -> bool:
        """Whether it was opened to be read."""
        self._check()
        return self._readable

    def writable(self) -> bool:
        """Whether it was opened to be written."""
        self._check()
        return self._writable

    def seekable(self) -> bool:
        """True."""
        self._check()
        return True

    def tell(self) -> int:
        """The offset of the next byte."""
        self._check()
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to another place, which may lie behind the end.

        Args:
            offset: in bytes.
            whence: 0 to count from the beginning, 1 from here, 2 from the end.

        Returns:
            The offset of the next byte.

        Raises:
            ValueError: it lies before the beginning, or ``whence`` is another number.
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
        """Read into the caller's memory, until it is full or the file ends.

        Returns:
            The number of bytes read; 0 at the end. Where the card does not tell the file's size up to 8 bytes
            behind them may have been overwritten.

        Raises:
            StatusError: the card refused.
            MalformedError: it answered what is no answer.
            OSError: the file was opened for writing alone.
        """
        self._check(None if self._readable else "read")
        selection = self._selection
        with memoryview(buffer).cast("B") as whole, selection, whole[: self._room(len(whole))] as part:
            return self._move(self._transfer.read_into, part)

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to so many bytes, fewer where the file ends; without a size, all of them.

        Errors as for :meth:`readinto`, also where bytes have come before: the place in the file is what it was then.
        """
        self._check(None if self._readable else "read")
        most = sys.maxsize if size is None or size < 0 else size
        data = bytearray()
        with self._selection:
            start = self._position
            try:
                while len(data) < most:
                    part = bytearray(self._room(min(most - len(data), _STRETCH)))
                    done = self.readinto(part)
                    if not done:
                        break
                    data += part[:done]
            except BaseException:
                self._position = start
                raise
        return bytes(data)

    def readall(self) -> bytes:
        """All from here to the end. Errors as for :meth:`read`."""
        return self.read()

    def write(self, data: Buffer, /) -> int:
        """Write from the caller's memory, as much as there is room for.

        Returns:
            The number of bytes written.

        Raises:
            StatusError: the card refused.
            OSError: there is no room at all (ENOSPC), or the file was opened for reading alone.
        """
        self._check(None if self._writable else "write")
        with memoryview(data).cast("B") as whole, self._selection:
            size = self._room(len(whole))
            if size == 0 and len(whole):
                raise OSError(errno.ENOSPC, f"the file has {self._size} bytes, and cannot grow", self.name)
            with whole[:size] as part:
                return self._move(self._transfer.update_from, part)

    def _check(self, impossible: str | None = None) -> None:
        """The errors of Python's files that are closed, or were opened for something else."""
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if impossible:
            raise io.UnsupportedOperation(f"{self.name} was not opened to {impossible}: its mode is {self.mode!r}")

    def _move(self, move: Callable[[memoryview, int], int], part: memoryview) -> int:
        """How many bytes went between this memory and the file, which is selected before."""
        if not part:
            return 0
        self._selection.need_ef(self._place)
        done = move(part, self._position)
        self._position += done
        return done

    def _room(self, size: int) -> int:
        """How many of so many bytes from here on lie in the file, as far as that is known."""
        end = LAST_OFFSET if self._size is None else self._size
        return max(0, min(size, end - self._position))

    def _length(self) -> int:
        """The size of the file; where the card did not tell it, it is found by reading single bytes."""
        if self._size is None:
            self._selection.need_ef(self._place)
            low, high = 0, 1
            while high <= LAST_OFFSET and self._transfer.has_byte(high - 1):
                low, high = high, high * 2
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if self._transfer.has_byte(middle - 1) else (low, middle)
            self._size = low
        return self._size

    def __repr__(self) -> str:
        return f"<CardFile {self.name}, mode {self.mode!r}{', closed' if self.closed else ''}>"
