"""Data objects: BER-TLV and SIMPLE-TLV (ISO/IEC 7816-4, clauses 5.2.1 and 5.2.2, 6.2 and 6.3 of later editions).

Written here, rather than taken from a library such as ber-tlv, because the core depends on cffi alone.

A length may be written in more bytes than it needs; the standard allows it and cards do it. It is read, and kept in
``length_size``, so that ``encode(decode(raw)) == raw`` for all that is read without ``padding``. What is written anew
has the shortest length.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .malformed import MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Final, TypeAlias

    from typing_extensions import Buffer

    Header: TypeAlias = tuple[int, int, int, int]

_TAG_BYTES: Final = 3
_LONG_TAG: Final = 0x1F
_MORE: Final = 0x80
_CONSTRUCTED: Final = 0x20
_LONGEST_LENGTH: Final = 0x84
_LONG_SIMPLE: Final = 0xFF


class MalformedTLVError(MalformedError):
    """The bytes are no data objects."""


@dataclass(frozen=True, repr=False)
class TLV:
    """A BER-TLV data object. Its repr shows tag and length, never the value.

    Args:
        tag: its 1 to 3 bytes as one number, such as 0x84, 0x5F20 or 0xDF8129.
        value: 0 to 0xFFFFFFFF bytes; those of other objects, by :func:`encode`, in a constructed one.
        length_size: in how many bytes the length is written, up to 5; 0 for the fewest.
        offset: where its value begins in the bytes that were decoded; it does not count for equality.

    Raises:
        ValueError: no such tag, or the length does not fit, or it is the shortest.
    """

    tag: int
    value: bytes = b""
    length_size: int = 0
    offset: int = field(default=0, compare=False)

    def __post_init__(self) -> None:
        try:
            tag = _number_bytes(self.tag)
            whole = _tag_end(tag, 0) == len(tag)
        except (IndexError, OverflowError, MalformedTLVError):
            whole = False
        if not whole:
            raise ValueError(f"tag: {self.tag:X} is no tag of 1 to {_TAG_BYTES} bytes")
        shortest = _shortest(len(self.value))
        if self.length_size and not shortest < self.length_size <= 5:
            raise ValueError(f"length_size: {self.length_size} is not allowed; give 0 or {shortest + 1} to 5")

    @property
    def constructed(self) -> bool:
        """Whether the tag says that the value is made of data objects."""
        return bool(_number_bytes(self.tag)[0] & _CONSTRUCTED)

    def children(self, *, padding: bool = False) -> list[TLV]:
        """The data objects in the value, one level deep, whether or not the tag says that there are any.

        Raises:
            MalformedTLVError: there are none; its offset counts as those of this object do.
        """
        return _ber(self.value, self.offset, padding=padding)

    def __bytes__(self) -> bytes:
        length = len(self.value)
        size = self.length_size or _shortest(length)
        head = b"" if size == 1 else bytes((_MORE + size - 1,))
        return _number_bytes(self.tag) + head + length.to_bytes(max(size - 1, 1), "big") + self.value

    def __repr__(self) -> str:
        return f"<TLV {self.tag:02X}, {len(self.value)} bytes>"


@dataclass(frozen=True, repr=False)
class SimpleTLV:
    """A SIMPLE-TLV data object. Its repr shows tag and length, never the value.

    Args:
        tag: 1 to 254.
        value: 0 to 65535 bytes.
        length_size: in how many bytes the length is written: 3, or 0 for the fewest.

    Raises:
        ValueError: no such tag, or the length does not fit, or it is the shortest.
    """

    tag: int
    value: bytes = b""
    length_size: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.tag < 0xFF:
            raise ValueError(f"tag: {self.tag} is not allowed; give 1 to 254")
        if len(self.value) > 0xFFFF:
            raise ValueError(f"value: {len(self.value)} bytes are not allowed; give 0 to 65535")
        if self.length_size and (self.length_size != 3 or len(self.value) >= _LONG_SIMPLE):
            raise ValueError(f"length_size: {self.length_size} is not allowed; give 0, or 3 below 255 bytes")

    def __bytes__(self) -> bytes:
        length = len(self.value)
        if self.length_size or length >= _LONG_SIMPLE:
            return bytes((self.tag, _LONG_SIMPLE)) + length.to_bytes(2, "big") + self.value
        return bytes((self.tag, length)) + self.value

    def __repr__(self) -> str:
        return f"<SimpleTLV {self.tag:02X}, {len(self.value)} bytes>"


def encode(objects: Iterable[TLV | SimpleTLV]) -> bytes:
    """The bytes of these data objects, one behind the other."""
    return b"".join(map(bytes, objects))


def decode(raw: Buffer, *, padding: bool = False) -> list[TLV]:
    """The BER-TLV data objects that these bytes are, one level deep; :meth:`TLV.children` goes deeper.

    What stands in a constructed object is looked at when it is asked for: what is wrong in there spoils nothing else,
    and objects nested thousands deep cost nothing.

    Args:
        raw: the whole of them.
        padding: pass over bytes 00 before, between and behind objects, and over bytes FF up to the end, as they stand
            in files that are not full. Encoding does not bring them back.

    Raises:
        MalformedTLVError: the bytes are no data objects, and where that shows.
    """
    return _ber(memoryview(raw).tobytes(), 0, padding=padding)


def decode_simple(raw: Buffer, *, padding: bool = False) -> list[SimpleTLV]:
    """The SIMPLE-TLV data objects that these bytes are; arguments and errors as for :func:`decode`."""
    whole = memoryview(raw).tobytes()
    return [SimpleTLV(*parts[:3]) for parts in _objects(whole, 0, _simple_header, padding=padding)]


def find(objects: Iterable[TLV], tag: int, *below: int) -> TLV | None:
    """The first object with this tag; with more tags the first with the next tag in it, and so on.

    Raises:
        MalformedTLVError: an object on the way contains no objects.
    """
    found = next((one for one in objects if one.tag == tag), None)
    return find(found.children(), *below) if found and below else found


def _ber(raw: bytes, base: int, *, padding: bool) -> list[TLV]:
    return [TLV(*parts) for parts in _objects(raw, base, _ber_header, padding=padding)]


def _objects(
    raw: bytes, base: int, header: Callable[[bytes, int], Header], *, padding: bool
) -> Iterator[tuple[int, bytes, int, int]]:
    """Tag, value, length_size and offset of each object; ``base`` is where the bytes begin for who reads the error."""
    place = 0
    end = len(raw.rstrip(b"\xff")) if padding else len(raw)
    while place < end:
        if padding and raw[place] == 0:
            place += 1
            continue
        try:
            tag, length, length_size, start = header(raw, place)
        except IndexError:
            raise MalformedTLVError(
                f"the bytes end in tag or length of the object at byte {base + place}", base + len(raw)
            ) from None
        except MalformedTLVError as error:
            raise MalformedTLVError(error.args[0], base + error.offset) from None
        place = start + length
        if place > len(raw):
            raise MalformedTLVError(
                f"the bytes end after {len(raw) - start} of {length} bytes of the value of tag {tag:02X}",
                base + len(raw),
            )
        yield tag, raw[start:place], length_size, base + start


def _ber_header(raw: bytes, place: int) -> Header:
    """Tag, length, length_size and where the value begins. An IndexError where the bytes end before."""
    start = _tag_end(raw, place)
    tag = int.from_bytes(raw[place:start], "big")
    length = raw[start]
    if length < _MORE:
        return tag, length, 0, start + 1
    if not _MORE < length <= _LONGEST_LENGTH:
        raise MalformedTLVError(f"a length that begins with {length:02X}; allowed are 00 to 7F and 81 to 84", start)
    size = length - _MORE + 1
    digits = raw[start + 1 : start + size]
    if len(digits) < size - 1:
        raise IndexError
    length = int.from_bytes(digits, "big")
    return tag, length, 0 if size == _shortest(length) else size, start + size


def _tag_end(raw: bytes, place: int) -> int:
    """Where the tag that begins here ends. An IndexError where the bytes end before."""
    if raw[place] == 0:
        raise MalformedTLVError("a tag that begins with 00, which is no tag", place)
    if raw[place] & _LONG_TAG != _LONG_TAG:
        return place + 1
    if raw[place + 1] == _MORE:
        raise MalformedTLVError("a tag whose second byte is 80, which is none", place + 1)
    for end in range(place + 1, place + _TAG_BYTES):
        if raw[end] < _MORE:
            return end + 1
    raise MalformedTLVError(f"a tag of more than {_TAG_BYTES} bytes", place + _TAG_BYTES)


def _simple_header(raw: bytes, place: int) -> Header:
    """Tag, length, length_size and where the value begins. An IndexError where the bytes end before."""
    tag, length = raw[place], raw[place + 1]
    if tag in {0, 0xFF}:
        raise MalformedTLVError(f"tag {tag:02X}; allowed are 01 to FE", place)
    if length != _LONG_SIMPLE:
        return tag, length, 0, place + 2
    length = raw[place + 2] << 8 | raw[place + 3]
    return tag, length, 3 if length < _LONG_SIMPLE else 0, place + 4


def _shortest(length: int) -> int:
    """In how many bytes BER writes this length at least."""
    return 1 if length < _MORE else 1 + (length.bit_length() + 7) // 8


def _number_bytes(number: int) -> bytes:
    """A number in as few bytes as it needs, at least one."""
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")
