"""Bytes out of the current transparent EF and into it, chunk by chunk (ISO/IEC 7816-4, clause 11.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from ..iso7816 import instructions as iso
from ..iso7816.command import SHORT_LE
from ..iso7816.response import MalformedResponseError
from ..iso7816.status_word import StatusError, raise_for
from ..iso7816.tlv import decode, find
from .transmitter import refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._file_selection import Selection
    from .card_capabilities import CardCapabilities

    Whole: TypeAlias = Callable[..., int]

LAST_OFFSET: Final = 0xFFFFFFFF
"""The last offset that a command can name."""
_OWN_END: Final = 1 << 24
"""Where a transmitter's own means end."""
_FAR: Final = 0x8000
"""The first offset that stands in a data object."""
_DATA: Final = 0x53
_END_WARNING: Final = 0x6282
_END: Final = frozenset({0x6700, 0x6B00, _END_WARNING})
"""Status words by which cards answer a read behind the end."""
_WRITTEN: Final = frozenset({0x6381, *range(0x63C0, 0x63D0)})
"""Status words of an UPDATE that has written: the file is full now, or so many retries were needed."""
_OBJECTS: Final = 12
"""The most bytes that an offset and the head of the data take beside them."""
_HEAD: Final = 5
"""The most bytes that the head alone takes."""


class Transfer:
    """Reads and writes the current EF, by the transmitter's own means where it has any and they fit.

    Where something fails after some bytes have gone through, both methods return their number: the error comes again
    with the next call, or it does not.

    Args:
        selection: what sends.
        capabilities: the card's limits.

    Attributes:
        read_chunk: the most bytes to ask for in one command.
        write_chunk: the most bytes to bring in one.
    """

    def __init__(self, selection: Selection, capabilities: CardCapabilities) -> None:
        self._selection = selection
        self._reader = _own(selection, "read_binary_into")
        self._writer = _own(selection, "update_binary_from")
        self.read_chunk = capabilities.read_chunk
        self.write_chunk = capabilities.write_chunk

    def read_into(self, memory: memoryview, offset: int) -> int:
        """Read into this memory until it is full or the file ends.

        Returns:
            The number of bytes read; 0 at the end.

        Raises:
            StatusError: the card refused.
            MalformedError: it answered what is no answer.
        """
        own = self._reader if offset + len(memory) <= _OWN_END else None
        done, error = _moved(own or self._read_all, memory, offset, self.read_chunk)
        try:
            if done == 0 and offset and error is not None and refused(error) in _END:
                return 0
            return self._settled(done, error)
        finally:
            del error  # its traceback holds this frame: the two would keep the card alive

    def update_from(self, memory: memoryview, offset: int) -> int:
        """Write this memory; how many bytes were written, and errors as for :meth:`read_into`."""
        error: BaseException | None = None
        try:
            if self._writer is not None and offset + len(memory) <= _OWN_END:
                done, error = _moved(self._writer, memory, offset, self.write_chunk)
                if done or error is None or refused(error) not in _WRITTEN:
                    return self._settled(done, error)
            done, error = _moved(self._update_all, memory, offset, self.write_chunk)
            return self._settled(done, error)
        finally:
            del error  # as above

    def has_byte(self, offset: int) -> bool:
        """Whether the file has a byte there. Errors as for :meth:`read_into`."""
        try:
            return bool(self._read(offset, 1)[0])
        except StatusError as error:
            if error.sw in _END:
                return False
            raise

    def _settled(self, done: int, error: BaseException | None) -> int:
        """What comes out of a transfer: how many bytes it moved, or the error where it moved none."""
        try:
            sw = None if error is None else refused(error)
            if error is not None and sw is None:
                self._selection.forget()
            if done or error is None:
                return done
            if sw is None or isinstance(error, StatusError):
                raise error
            try:
                raise_for(sw, table=self._selection.sender.table)
            except StatusError as ours:
                raise ours from error
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
        except Exception as error:  # whatever it is, it goes on with how much came before it
            raise _StoppedError(done) from error
        return done

    def _read(self, offset: int, size: int) -> tuple[bytes, int]:
        """One READ BINARY: up to so many bytes, fewer where a command cannot bring them, and the status word."""
        far = offset >= _FAR
        size = max(1, min(size, self.read_chunk - _HEAD)) if far else min(size, _FAR - offset)
        le = size + _head(size) if far else size
        cla = self._selection.sender.cla
        response = self._selection.send_any(iso.read_binary(offset, le, cla=cla))
        data = response.data
        if response.sw == 0x6700 and not far and size < SHORT_LE:  # some cards take no Le beyond the end but 00
            response = self._selection.send_any(iso.read_binary(offset, SHORT_LE, cla=cla))
            data = response.data[:size]
        raise_for(response.sw, allow={_END_WARNING}, table=self._selection.sender.table)
        if far and data:
            content = find(decode(data), _DATA)
            if content is None:
                raise MalformedResponseError(f"no data object of tag {_DATA:02X} in the answer to READ BINARY")
            data = content.value
        if len(data) > size:
            raise MalformedResponseError(f"{len(data)} bytes came where {size} were asked for")
        return data, response.sw

    def _update_all(self, memory: memoryview, offset: int, *, chunk: int) -> int:
        done = 0
        try:
            while done < len(memory):
                done += self._update(memory[done : done + chunk], offset + done)
        except Exception as error:  # whatever it is, it goes on with how much came before it
            raise _StoppedError(done) from error
        return done

    def _update(self, part: memoryview, offset: int) -> int:
        """One UPDATE BINARY with the beginning of this memory, as much as a command can bring; how much that is."""
        size = len(part)
        far = offset >= _FAR
        size = max(1, min(size, self.write_chunk - _OBJECTS)) if far else min(size, _FAR - offset)
        command = iso.update_binary(offset, part[:size], cla=self._selection.sender.cla)
        try:
            self._selection.send(command, allow=_WRITTEN)
        finally:
            if isinstance(command.data, bytearray):
                command.wipe()
        return size


class _StoppedError(Exception):
    """A transfer by commands has failed, for its cause, after so many bytes."""

    def __init__(self, done: int) -> None:
        super().__init__(done)
        self.done = done


def _moved(move: Whole, memory: memoryview, offset: int, chunk: int) -> tuple[int, BaseException | None]:
    """How many bytes were moved, and why there were no more."""
    try:
        return move(memory, offset, chunk=chunk), None
    except _StoppedError as stopped:
        return stopped.done, stopped.__cause__
    except Exception as error:  # noqa: BLE001  it goes out as it came, where nothing was moved before
        arrived = getattr(error, "arrived", 0)
        return arrived if isinstance(arrived, int) else 0, error


def _own(selection: Selection, name: str) -> Whole | None:
    """A transmitter's own method for whole files. It knows class byte 00 alone."""
    if selection.sender.cla:
        return None
    own: Whole | None = getattr(selection.sender.transmitter, name, None)
    return own


def _head(size: int) -> int:
    """How many bytes stand before so many in their data object."""
    return 2 if size < 0x80 else 3 if size < 0x100 else 4 if size < 0x10000 else _HEAD
