"""Data objects: BER-TLV and SIMPLE-TLV (ISO/IEC 7816-4, clauses 5.2.1 and 5.2.2; in later editions 6.2 and 6.3).

No library such as ber-tlv is used, because scardffi depends only on cffi.

The standard allows length fields that are longer than necessary, and some cards use them. ``length_size`` stores the
size of the length field, so that ``encode(decode(raw)) == raw`` for all bytes that are decoded without ``padding``. New
objects have the shortest length field by default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from .._half_made import repr_if_half_made
from .malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Buffer

_MAX_TAG_SIZE: Final = 3
_LONG_TAG: Final = 0x1F
"""The lower five bits of the first byte of a tag of several bytes."""
_CONTINUED: Final = 0x80
"""The bit that is set in every byte of a long tag except the first and the last, and in the first byte of a long BER
length."""
_CONSTRUCTED: Final = 0x20
_MAX_LENGTH_START: Final = 0x84
_LONG_SIMPLE_LENGTH: Final = 0xFF


class MalformedTLVError(MalformedError):
    """Raised if bytes are not data objects."""


@repr_if_half_made
@dataclass(frozen=True, repr=False)
class TLV:
    """A BER-TLV data object. Its repr shows tag and length, never the value.

    Args:
        tag: the 1 to 3 bytes of the tag as one number, such as 0x84, 0x5F20 or 0xDF8129.
        value: 0 to 0xFFFFFFFF bytes. The value of a constructed object is the result of :func:`encode`.
        length_size: the number of bytes of the length field, up to 5, if it is not the smallest possible one; else 0.
        offset: the position of the value in the bytes that were decoded. Comparisons ignore it.

    Raises:
        ValueError: the tag is not allowed, the length does not fit ``length_size``, or ``length_size`` is the smallest
            possible one.
    """

    tag: int
    value: bytes = b""
    length_size: int = 0
    offset: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        try:
            tag = shortest_bytes(self.tag)
            allowed = _tag_end(tag, 0) == len(tag)
        except (IndexError, OverflowError, MalformedTLVError):
            allowed = False
        if not allowed:
            raise ValueError(f"tag: {self.tag:X} is not allowed; give a BER-TLV tag of 1 to {_MAX_TAG_SIZE} bytes")
        shortest = _shortest_length_size(len(self.value))
        if self.length_size and not shortest < self.length_size <= 5:
            raise ValueError(f"length_size: {self.length_size} is not allowed; give 0 or {shortest + 1} to 5")

    @property
    def constructed(self) -> bool:
        """True if the tag says that the value consists of data objects."""
        return bool(shortest_bytes(self.tag)[0] & _CONSTRUCTED)

    def children(self, *, padding: bool = False) -> list[TLV]:
        """Return the data objects in the value, one level deep. It does not matter whether the tag is constructed.

        Args:
            padding: as for :func:`decode`.

        Raises:
            MalformedTLVError: the value does not consist of data objects. The error's offset counts from the start of
                the bytes that this object was decoded from.
        """
        return _decode_ber(self.value, self.offset, padding=padding)

    def __bytes__(self) -> bytes:
        length = len(self.value)
        size = self.length_size or _shortest_length_size(length)
        head = b"" if size == 1 else bytes((_CONTINUED + size - 1,))
        return shortest_bytes(self.tag) + head + length.to_bytes(max(size - 1, 1), "big") + self.value

    def __repr__(self) -> str:
        return f"<TLV {self.tag:02X}, {len(self.value)} bytes>"


@repr_if_half_made
@dataclass(frozen=True, repr=False)
class SimpleTLV:
    """A SIMPLE-TLV data object. Its repr shows tag and length, never the value.

    Args:
        tag: 1 to 254.
        value: 0 to 65535 bytes.
        length_size: 3 if the length field has 3 bytes although 1 byte would be enough; else 0.

    Raises:
        ValueError: the tag, the length of the value or ``length_size`` is not allowed.
    """

    tag: int
    value: bytes = b""
    length_size: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.tag < 0xFF:
            raise ValueError(f"tag: {self.tag} is not allowed; give 1 to 254")
        if len(self.value) > 0xFFFF:
            raise ValueError(f"value: {len(self.value)} bytes are not allowed; give 0 to 65535")
        if self.length_size and (self.length_size != 3 or len(self.value) >= _LONG_SIMPLE_LENGTH):
            raise ValueError(f"length_size: {self.length_size} is not allowed; give 0, or 3 for fewer than 255 bytes")

    def __bytes__(self) -> bytes:
        length = len(self.value)
        if self.length_size or length >= _LONG_SIMPLE_LENGTH:
            return bytes((self.tag, _LONG_SIMPLE_LENGTH)) + length.to_bytes(2, "big") + self.value
        return bytes((self.tag, length)) + self.value

    def __repr__(self) -> str:
        return f"<SimpleTLV {self.tag:02X}, {len(self.value)} bytes>"


def encode(objects: Iterable[TLV | SimpleTLV]) -> bytes:
    """Return the bytes of these data objects, one after the other."""
    return b"".join(map(bytes, objects))


def decode(raw: Buffer, *, padding: bool = False) -> list[TLV]:
    """Return the BER-TLV data objects in these bytes, one level deep.

    The value of a constructed object is decoded only by :meth:`TLV.children`. An error in one value therefore does not
    affect other objects, and objects that are nested thousands deep take no extra time.

    Args:
        raw: one or more whole objects, or no bytes.
        padding: ignore bytes 00 before, between and after objects, and bytes FF at the end. Files that are not full
            contain such bytes. :func:`encode` does not write them again.

    Raises:
        MalformedTLVError: the bytes are not data objects.
    """
    return _decode_ber(memoryview(raw).tobytes(), 0, padding=padding)


def decode_simple(raw: Buffer, *, padding: bool = False) -> list[SimpleTLV]:
    """Return the SIMPLE-TLV data objects in these bytes; arguments and errors as for :func:`decode`."""
    whole = memoryview(raw).tobytes()
    return [
        SimpleTLV(header.tag, value, header.length_size)
        for header, value in _objects(whole, 0, _simple_header, padding=padding)
    ]


def find(objects: Iterable[TLV], tag: int, *below: int) -> TLV | None:
    """Return the first object with this tag, or None. With more tags, search for each inside the object found last.

    Args:
        objects: the objects to search in.
        tag: the tag to search for.
        below: the tags to search for inside the first object, from the outside to the inside.

    Raises:
        MalformedTLVError: the value of an object on this path does not consist of data objects.
    """
    found = next((one for one in objects if one.tag == tag), None)
    return find(found.children(), *below) if found and below else found


def shortest_bytes(number: int) -> bytes:
    """Return a number in as few bytes as possible, at least one.

    Raises:
        OverflowError: the number is negative.
    """
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


class _Header(NamedTuple):
    """The fields of an object before its value."""

    tag: int
    length: int
    length_size: int
    """The size of the length field; 0 if it is as short as possible."""
    end: int
    """The position after the header, at which the value begins."""


def _decode_ber(raw: bytes, base: int, *, padding: bool) -> list[TLV]:
    return [
        TLV(header.tag, value, header.length_size, base + header.end)
        for header, value in _objects(raw, base, _ber_header, padding=padding)
    ]


def _objects(
    raw: bytes, base: int, read_header: Callable[[bytes, int], _Header], *, padding: bool
) -> Iterator[tuple[_Header, bytes]]:
    """Yield header and value of each object. ``base`` is added to positions in errors."""
    start = 0
    end = len(raw.rstrip(b"\xff")) if padding else len(raw)
    while start < end:
        if padding and raw[start] == 0:
            start += 1
            continue
        try:
            header = read_header(raw, start)
        except IndexError:
            message = f"the bytes end in the tag or the length of the object at byte {base + start}"
            raise MalformedTLVError(message, base + len(raw)) from None
        except MalformedTLVError as error:
            raise MalformedTLVError(error.args[0], base + error.offset) from None
        start = header.end + header.length
        if start > len(raw):
            available = len(raw) - header.end
            message = f"the bytes end after {available} of {header.length} bytes of the value of tag {header.tag:02X}"
            raise MalformedTLVError(message, base + len(raw))
        yield header, raw[header.end : start]


def _ber_header(raw: bytes, start: int) -> _Header:
    """Read the header of the BER-TLV object at this position. Raise IndexError if the bytes end in the header."""
    tag_end = _tag_end(raw, start)
    tag = int.from_bytes(raw[start:tag_end], "big")
    length = raw[tag_end]
    if length < _CONTINUED:
        return _Header(tag, length, 0, tag_end + 1)
    if not _CONTINUED < length <= _MAX_LENGTH_START:
        message = f"the length begins with {length:02X}; allowed are 00 to 7F and 81 to 84"
        raise MalformedTLVError(message, tag_end)
    size = length - _CONTINUED + 1
    digits = raw[tag_end + 1 : tag_end + size]
    if len(digits) < size - 1:
        raise IndexError
    length = int.from_bytes(digits, "big")
    return _Header(tag, length, 0 if size == _shortest_length_size(length) else size, tag_end + size)


def _tag_end(raw: bytes, start: int) -> int:
    """Return the position after the tag that begins here. Raise IndexError if the bytes end in the tag."""
    if raw[start] == 0:
        raise MalformedTLVError("a tag begins with 00; no tag does", start)
    if raw[start] & _LONG_TAG != _LONG_TAG:
        return start + 1
    if raw[start + 1] == _CONTINUED:
        raise MalformedTLVError("the second byte of a tag is 80; allowed are all others", start + 1)
    for last in range(start + 1, start + _MAX_TAG_SIZE):
        if raw[last] < _CONTINUED:
            return last + 1
    raise MalformedTLVError(f"a tag has more than {_MAX_TAG_SIZE} bytes", start + _MAX_TAG_SIZE)


def _simple_header(raw: bytes, start: int) -> _Header:
    """Read the header of the SIMPLE-TLV object at this position. Raise IndexError if the bytes end in the header."""
    tag, length = raw[start], raw[start + 1]
    if tag in {0, 0xFF}:
        raise MalformedTLVError(f"tag {tag:02X}; allowed are 01 to FE", start)
    if length != _LONG_SIMPLE_LENGTH:
        return _Header(tag, length, 0, start + 2)
    length = raw[start + 2] << 8 | raw[start + 3]
    return _Header(tag, length, 3 if length < _LONG_SIMPLE_LENGTH else 0, start + 4)


def _shortest_length_size(length: int) -> int:
    """Return the smallest number of bytes that a BER length field can have for this length."""
    return 1 if length < _CONTINUED else 1 + len(shortest_bytes(length))
