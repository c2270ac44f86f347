"""Reading and writing of the current transparent EF in chunks (ISO/IEC 7816-4, clause 11.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ..iso7816 import instructions as iso
from ..iso7816.command import SHORT_LE
from ..iso7816.response import MalformedResponseError
from ..iso7816.status_word import StatusError, raise_for
from ..iso7816.tlv import decode
from .transmitter import WRITTEN, status_word_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from ._file_selection import Selection
    from .card_capabilities import CardCapabilities

    TransferFunction: TypeAlias = Callable[..., int]

LAST_OFFSET: Final = 0xFFFFFFFF
"""The last offset that a command can contain."""
_TRANSMITTER_END: Final = 1 << 24
"""The first offset that a transmitter's own methods do not support."""
_OBJECT_OFFSET: Final = 0x8000
"""The first offset that must be in a data object."""
_DATA: Final = 0x53
_END_WARNING: Final = 0x6282
_END: Final = frozenset({0x6700, 0x6B00, _END_WARNING})
"""Status words that cards return for a read beyond the end of the file."""
_OBJECTS_OVERHEAD: Final = 12
"""The maximum length of the offset object plus the tag and length before the data."""
_TAG_AND_LENGTH: Final = 5
"""The maximum length of a data object's tag and length."""


class Transfer:
    """Reads and writes the current EF, by the transmitter's own methods if it has them and they support the offsets.

    If an error occurs after some bytes were transferred, both methods return the number of bytes. If the error occurs
    again in the next call, that call raises it.

    Args:
        selection: sends the commands.
        capabilities: the card's limits.

    Attributes:
        read_chunk: the maximum number of bytes to request in one command.
        write_chunk: the maximum number of bytes to send in one command.
        data_unit: the unit of the offsets in commands, in bytes: 0.5, 1, 2, 4 and so on. If it is larger than a
            chunk, a command has a whole unit.
    """

    def __init__(self, selection: Selection, capabilities: CardCapabilities) -> None:
        self._selection = selection
        self._reader = _transmitter_method(selection, "read_binary_into")
        self._writer = _transmitter_method(selection, "update_binary_from")
        self.read_chunk = capabilities.read_chunk
        self.write_chunk = capabilities.write_chunk
        self.data_unit: float = 1

    @property
    def last_offset(self) -> int:
        """The last offset, in bytes, that a command can contain."""
        return int(LAST_OFFSET * self.data_unit)

    def read_into(self, memory: memoryview, offset: int) -> int:
        """Read into this memory until it is full or the file ends.

        Returns:
            The number of bytes read; 0 at the end.

        Raises:
            StatusError: the card refused.
            MalformedError: the card's answer is malformed.
        """
        method = self._reader if self._is_for_transmitter(offset, memory) else None
        done, error = _moved(method or self._read_all, memory, offset, self.read_chunk)
        try:
            if done == 0 and offset and status_word_of(error) in _END:
                return 0
            return self._result(done, error)
        finally:
            del error  # its traceback refers to this frame: the cycle would keep the card alive

    def update_from(self, memory: memoryview, offset: int) -> int:
        """Write this memory and return the number of bytes written; errors as for :meth:`read_into`."""
        error: BaseException | None = None
        try:
            if self._writer is not None and self._is_for_transmitter(offset, memory):
                done, error = _moved(self._writer, memory, offset, self.write_chunk)
                if done or error is None or status_word_of(error) not in WRITTEN:
                    return self._result(done, error)
            done, error = _moved(self._update_all, memory, offset, self.write_chunk)
            return self._result(done, error)
        finally:
            del error  # as above

    def has_byte(self, offset: int) -> bool:
        """Return True if the file has a byte at this offset. Errors as for :meth:`read_into`."""
        try:
            return bool(self._read(offset, 1)[0])
        except StatusError as error:
            if error.sw in _END:
                return False
            raise

    def _is_for_transmitter(self, offset: int, memory: memoryview) -> bool:
        """Return True if the transmitter's own methods, which count in bytes, support these offsets."""
        return self.data_unit == 1 and offset + len(memory) <= _TRANSMITTER_END

    def _result(self, done: int, error: BaseException | None) -> int:
        """Return the number of bytes that a transfer moved; raise its error if it moved none."""
        try:
            if error is not None and not isinstance(error, StatusError):
                self._selection.forget()
            if done or error is None:
                return done
            if not isinstance(error, StatusError):
                raise error
            table = self._selection.sender.table  # the transmitter's methods do not know it
            raise_for(error.sw, table=table, command=error.command, response=error.response)
            return done
        finally:
            del error

    def _read_all(self, memory: memoryview, offset: int, *, chunk: int) -> int:
        done = 0
        try:
            while done < len(memory):
                data, sw = self._read(offset + done, min(chunk, len(memory) - done))
                memory[done : done + len(data)] = data
                done += len(data)
                if not data or sw == _END_WARNING:
                    break
        except Exception as error:  # any error stops it; some bytes may have been moved
            raise _StoppedError(done) from error
        return done

    def _read(self, offset: int, size: int) -> tuple[bytes, int]:
        """Send a READ BINARY; return up to ``size`` bytes, as many as one command can read, and the status word."""
        before = int(offset % max(1, self.data_unit))  # the bytes of the data unit before the offset
        number, far = self._unit_number(offset - before)
        size = self._part(before + size, number, self.read_chunk - _TAG_AND_LENGTH if far else self.read_chunk)
        data, sw = self._read_units(number, size, far=far)
        return data[before:], sw

    def _unit_number(self, offset: int) -> tuple[int, bool]:
        """Return the number of the data unit at an offset, and True if a command has it in a data object."""
        number = int(offset / self.data_unit)
        return number, number >= _OBJECT_OFFSET

    def _part(self, size: int, number: int, most: int) -> int:
        """Return how many of these bytes one command transfers: at most ``most``, or one data unit if that is more."""
        size = min(size, max(most, int(self.data_unit), 1))
        return size if number >= _OBJECT_OFFSET else min(size, int((_OBJECT_OFFSET - number) * self.data_unit))

    def _read_units(self, offset: int, size: int, *, far: bool) -> tuple[bytes, int]:
        """Send a READ BINARY from a data unit on; return up to ``size`` bytes and the status word."""
        le = size + _tag_and_length_size(size) if far else size
        cla = self._selection.sender.cla
        command = iso.read_binary(offset, le, cla=cla)
        response = self._selection.send_any(command)
        data = response.data
        if response.sw == 0x6700 and not far and size < SHORT_LE:  # near the end of the file some cards accept only 00
            response = self._selection.send_any(iso.read_binary(offset, SHORT_LE, cla=cla))
            data = response.data[:size]
        self._selection.sender.accept(command.name, response, {_END_WARNING})
        if far and data:
            content = decode(data, lenient=True).find(_DATA)
            if content is None:
                raise MalformedResponseError(f"the answer to READ BINARY has no data object of tag {_DATA:02X}")
            data = content.value
        if len(data) > size:
            raise MalformedResponseError(f"{len(data)} bytes arrived; {size} were requested")
        return data, response.sw

    def _update_all(self, memory: memoryview, offset: int, *, chunk: int) -> int:
        done = 0
        try:
            while done < len(memory):
                done += self._update(memory[done : done + chunk], offset + done)
        except Exception as error:  # any error stops it; some bytes may have been moved
            raise _StoppedError(done) from error
        return done

    def _update(self, part: memoryview, offset: int) -> int:
        """Send an UPDATE BINARY with as many bytes from this memory as fit; return their number."""
        unit = max(1, int(self.data_unit))
        before = offset % unit
        number, far = self._unit_number(offset - before)
        most = self.write_chunk - _OBJECTS_OVERHEAD if far else self.write_chunk
        size = self._part(before + len(part), number, most - most % unit) - before
        data: Buffer = part[:size]
        if unit != 1:  # a card may write only whole units
            head = self._present(offset - before, before)
            tail = self._present(offset + size, -(offset + size) % unit)
            data = bytearray(b"".join((head, data, tail)))
        if isinstance(part.obj, bytes):  # of the caller, who cannot overwrite it
            data = bytes(data)
        command = iso.update_binary(number, data, cla=self._selection.sender.cla)
        try:
            self._selection.send(command, allow=WRITTEN)
        finally:
            if isinstance(command.data, bytearray):
                command.wipe()
        return size

    def _present(self, offset: int, size: int) -> bytes:
        """Return the bytes that the file has here, fewer than ``size`` if it ends."""
        if not size:
            return b""
        try:
            return self._read(offset, size)[0]
        except StatusError as error:
            if error.sw in _END:
                return b""
            raise


class _StoppedError(Exception):
    """A transfer has failed after ``done`` bytes; the error is the cause of this exception."""

    def __init__(self, done: int) -> None:
        super().__init__(done)
        self.done = done


def _moved(move: TransferFunction, memory: memoryview, offset: int, chunk: int) -> tuple[int, BaseException | None]:
    """Call a transfer function; return the number of bytes that it moved, and its error or None."""
    try:
        return move(memory, offset, chunk=chunk), None
    except _StoppedError as stopped:
        return stopped.done, stopped.__cause__
    except Exception as error:  # noqa: BLE001  _result() raises it again
        arrived = getattr(error, "arrived", 0)
        return arrived if isinstance(arrived, int) else 0, error


def _transmitter_method(selection: Selection, name: str) -> TransferFunction | None:
    """Return a transmitter's method for whole files; None if it has none, or if the class byte is not 00."""
    if selection.sender.cla:
        return None
    method: TransferFunction | None = getattr(selection.sender.transmitter, name, None)
    return method


def _tag_and_length_size(size: int) -> int:
    """Return the size of the tag and length fields of a data object with this number of data bytes."""
    return 2 if size < 0x80 else 3 if size < 0x100 else 4 if size < 0x10000 else _TAG_AND_LENGTH
