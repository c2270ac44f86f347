"""The commands for contactless storage cards, such as MIFARE cards, which the reader carries out (PC/SC part 3).

Their class byte is FF. Each function returns a :class:`.command.Command`; ``le`` is the maximum number of data bytes in
the response, 1 to 65536. A number that does not fit its field raises a ValueError that names the argument.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from ._secret_command import with_secret
from .command import SHORT_LE, Command, checked

if TYPE_CHECKING:
    from typing_extensions import Buffer

READER_CLASS: Final = 0xFF
"""The class byte of the commands that a reader carries out."""

_IN_READER: Final = 0x80
_SECURED: Final = 0x40
_NON_VOLATILE: Final = 0x20
_AUTHENTICATION_VERSION: Final = 0x01


class KeyType(IntEnum):
    """The key of a MIFARE sector."""

    A = 0x60
    B = 0x61


def get_uid(le: int = SHORT_LE) -> Command:
    """Build GET DATA for the card's UID, or what the card has instead: PUPI, IDm (clause 3.2.2.1.3)."""
    return Command(READER_CLASS, 0xCA, 0x00, le=le)


def get_historical_bytes(le: int = SHORT_LE) -> Command:
    """Build GET DATA for the historical bytes of the card's ATS, without the CRC (clause 3.2.2.1.3).

    A card of type B has none; the reader may answer with the bytes of the card's ATTRIB response.
    """
    return Command(READER_CLASS, 0xCA, 0x01, le=le)


def load_key(
    key: Buffer,
    number: int = 0,
    *,
    in_reader: bool = False,
    non_volatile: bool = False,
    transmission_key: int | None = None,
) -> Command:
    """Build LOAD KEYS, which stores a key in the reader for :func:`authenticate` (clause 3.2.2.1.4).

    The command's data can be wiped.

    Args:
        key: the key; 6 bytes for MIFARE Classic. It is enciphered if ``transmission_key`` is given.
        number: the number of the key, 0 to 255.
        in_reader: True if it is a key of the reader, False if it is a key of the card.
        non_volatile: True to keep the key when the reader loses its power.
        transmission_key: the number of the reader's key, 0 to 15, by which ``key`` is enciphered; None if it is not.
    """
    structure = (_IN_READER if in_reader else 0) | (_NON_VOLATILE if non_volatile else 0)
    if transmission_key is not None:
        structure |= _SECURED | checked("transmission_key", transmission_key, 0, 0x0F)
    checked("number", number, 0, 0xFF)
    return with_secret(Command(READER_CLASS, 0x82, structure, number), key=key)


def authenticate(address: int, key_type: KeyType = KeyType.A, number: int = 0) -> Command:
    """Build GENERAL AUTHENTICATE, after which the blocks of a sector can be read and written (clause 3.2.2.1.6).

    Args:
        address: the address of a block, 0 to 65535.
        key_type: the key of the sector.
        number: the number that :func:`load_key` gave the key, 0 to 255.
    """
    return Command(READER_CLASS, 0x86, data=bytes((_AUTHENTICATION_VERSION, *_key_of_block(address, key_type, number))))


def authenticate_obsolete(address: int, key_type: KeyType = KeyType.A, number: int = 0) -> bytes:
    """Return the 6 bytes of AUTHENTICATE for old readers (clause 3.2.2.1.5); arguments of :func:`authenticate`.

    It is not a command APDU of ISO/IEC 7816-4, because its fifth byte is the key type and not a length. Send it with
    ``transmit``.
    """
    return bytes((READER_CLASS, 0x88, *_key_of_block(address, key_type, number)))


def read_binary(address: int, le: int = SHORT_LE) -> Command:
    """Build READ BINARY, which reads the card's memory (clause 3.2.2.1.8).

    Args:
        address: the address of a block, page or byte, as the card counts, 0 to 65535.
        le: the maximum number of data bytes in the response; MIFARE Classic has blocks of 16 bytes.
    """
    p1, p2 = _bytes_of(address)
    return Command(READER_CLASS, 0xB0, p1, p2, le=le)


def update_binary(address: int, data: Buffer) -> Command:
    """Build UPDATE BINARY, which writes the card's memory (clause 3.2.2.1.9).

    Args:
        address: the address of a block, page or byte, as the card counts, 0 to 65535.
        data: the new bytes; a whole block or page, if the card has them.
    """
    p1, p2 = _bytes_of(address)
    return Command(READER_CLASS, 0xD6, p1, p2, data)


def _bytes_of(address: int) -> bytes:
    return checked("address", address, 0, 0xFFFF).to_bytes(2, "big")


def _key_of_block(address: int, key_type: KeyType, number: int) -> tuple[int, ...]:
    return (*_bytes_of(address), checked("key_type", key_type, 0, 0xFF), checked("number", number, 0, 0xFF))
