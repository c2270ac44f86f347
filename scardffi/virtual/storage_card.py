"""A contactless storage card, such as MIFARE Classic, as a reader presents it by PC/SC part 3."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final

from .._half_made import repr_if_half_made
from ..iso7816.command import Command, MalformedCommandError
from .file_system._session import CommandError, require

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["STORAGE_ATR", "ContactlessStorageCard"]

STORAGE_ATR: Final = bytes.fromhex("3B8F8001804F0CA0000003060300010000 00006A")
"""The ATR that PC/SC part 3 defines for a MIFARE Classic card of 1 KiB."""
BLOCK: Final = 16
"""The number of bytes of a block."""
_SECTOR: Final = 4 * BLOCK
_KEY: Final = 6
_LAST_KEY_NUMBER: Final = 0x0F
_KEY_A, _KEY_B = 0x60, 0x61
_KEY_PLACES: Final = {_KEY_A: slice(0, _KEY), _KEY_B: slice(BLOCK - _KEY, BLOCK)}
"""Where the last block of a sector has its keys."""
_ACCESS_BITS: Final = bytes.fromhex("FF078069")


@repr_if_half_made
class ContactlessStorageCard:
    """A contactless card with a UID and blocks of 16 bytes, four in a sector. Its repr shows neither blocks nor keys.

    It answers GET DATA (FF CA), LOAD KEYS (FF 82), GENERAL AUTHENTICATE (FF 86), READ BINARY (FF B0) and UPDATE
    BINARY (FF D6). A block can be read and written after an authentication for its sector; the key A is read as zeros.

    Args:
        uid: 4, 7 or 10 bytes.
        blocks: the content of the card, a multiple of 64 bytes, at most 16384; the last block of each sector has the
            keys. None for 1024 bytes of zeros with ``key`` as the keys A and B of each sector.
        key: 6 bytes.
        ats: the historical bytes of the ATS, for FF CA 01 00; empty if the card has no ATS.
        atr: the ATR.

    Raises:
        ValueError: an argument has another length.
    """

    def __init__(
        self,
        uid: bytes = bytes.fromhex("04A1B2C3"),
        blocks: Buffer | None = None,
        *,
        key: bytes = b"\xff" * _KEY,
        ats: bytes = b"",
        atr: bytes = STORAGE_ATR,
    ) -> None:
        if len(uid) not in {4, 7, 10}:
            raise ValueError(f"uid: {len(uid)} bytes are not allowed; give 4, 7 or 10")
        if len(key) != _KEY:
            raise ValueError(f"key: {len(key)} bytes are not allowed; give {_KEY}")
        new = bytes(_SECTOR - BLOCK) + key + _ACCESS_BITS + key
        self.blocks = bytearray(16 * new if blocks is None else memoryview(blocks))
        if not self.blocks or len(self.blocks) % _SECTOR or len(self.blocks) > 256 * BLOCK * 4:
            raise ValueError(f"blocks: {len(self.blocks)} bytes are not allowed; give a multiple of {_SECTOR} to 16384")
        self.uid, self.ats, self.atr = bytes(uid), bytes(ats), bytes(atr)
        self._loaded: dict[int, bytes] = {}  # in the reader: a reset of the card does not change them
        self.reset()

    def reset(self) -> None:
        """End the authentication."""
        self._sector: int | None = None

    def transmit(self, command: Buffer) -> bytes:
        """Return the answer to a command APDU."""
        try:
            decoded = Command.decode(memoryview(command).tobytes())
        except MalformedCommandError:
            return b"\x67\x00"
        try:
            return self._run(decoded) + b"\x90\x00"
        except CommandError as error:
            return error.sw.to_bytes(2, "big")

    def _run(self, command: Command) -> bytes:
        require(command.cla == 0xFF, 0x6E00)
        functions = {
            0xCA: self._get_data,
            0x82: self._load_key,
            0x86: self._authenticate,
            0xB0: self._read,
            0xD6: self._update,
        }
        require(command.ins in functions, 0x6D00)
        return functions[command.ins](command)

    def _get_data(self, command: Command) -> bytes:
        require(command.p1 <= 1 and not command.p2, 0x6B00)
        data = self.ats if command.p1 else self.uid
        require(data, 0x6A81)
        require(command.le is not None and not command.data, 0x6700)
        require(command.le in {256, len(data)}, 0x6C00 | len(data))
        return data

    def _load_key(self, command: Command) -> bytes:
        require(not command.p1 & ~0x20, 0x6986)
        require(command.p2 <= _LAST_KEY_NUMBER, 0x6988)
        require(len(command.data) == _KEY, 0x6989)
        self._loaded[command.p2] = bytes(command.data)
        return b""

    def _authenticate(self, command: Command) -> bytes:
        self._sector = None
        require(not command.p1 and not command.p2, 0x6B00)
        require(len(command.data) == 5 and command.data[0] == 1, 0x6700)
        block, kind, number = int.from_bytes(command.data[1:3], "big"), command.data[3], command.data[4]
        require(kind in _KEY_PLACES, 0x6986)
        require(number in self._loaded, 0x6988)
        place = self._place(block) // _SECTOR
        trailer = self.blocks[(place + 1) * _SECTOR - BLOCK : (place + 1) * _SECTOR]
        require(hmac.compare_digest(trailer[_KEY_PLACES[kind]], self._loaded[number]), 0x6982)
        self._sector = place
        return b""

    def _place(self, block: int) -> int:
        require(block * BLOCK < len(self.blocks), 0x6A82)
        return block * BLOCK

    def _open_block(self, command: Command) -> int:
        """Return the position of the block that P1 and P2 name, if its sector is open."""
        place = self._place(command.p1 << 8 | command.p2)
        require(self._sector == place // _SECTOR, 0x6982)
        return place

    def _read(self, command: Command) -> bytes:
        place = self._open_block(command)
        require(command.le is not None and not command.data, 0x6700)
        require(command.le in {256, BLOCK}, 0x6C00 | BLOCK)
        block = self.blocks[place : place + BLOCK]
        if place % _SECTOR == _SECTOR - BLOCK:
            block[_KEY_PLACES[_KEY_A]] = bytes(_KEY)
        return bytes(block)

    def _update(self, command: Command) -> bytes:
        place = self._open_block(command)
        require(len(command.data) == BLOCK, 0x6700)
        self.blocks[place : place + BLOCK] = command.data
        return b""

    def __repr__(self) -> str:
        return f"<scardffi.virtual.ContactlessStorageCard {self.uid.hex()}>"
