"""Data objects: BER-TLV and SIMPLE-TLV (ISO/IEC 7816-4, clauses 6.3 and 6.2).

No library such as ber-tlv is used, because scardffi depends only on cffi.

The standard allows length fields that are longer than necessary, and some cards use them. ``length_size`` stores the
size of the length field, so that ``encode(decode(raw)) == raw`` for all bytes that are decoded without ``padding``. New
objects have the shortest length field by default.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple, TypeAlias

from .._bytes_like import copied, is_buffer, kept, not_bytes
from .._half_made import repr_if_half_made
from ._object_reader import CATEGORIES, PADDING, Found, Header, ObjectReader
from ._tree import tree_lines
from .malformed import ListWithProblems, MalformedError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from typing_extensions import Buffer

    from .tag_names import TagNames

__all__ = ["TLV", "MalformedTLVError", "SimpleTLV", "TLVList", "decode", "decode_simple", "encode"]

Objects: TypeAlias = "Buffer | TLV | Iterable[TLV]"
"""Data objects as an argument: their bytes, one of them, or several."""

_MAX_TAG_SIZE: Final = 3
_LONG_TAG: Final = 0x1F
"""The lower five bits of the first byte of a tag of several bytes."""
_CONTINUED: Final = 0x80
"""The bit that is set in every byte of a long tag except the first and the last, and in the first byte of a long BER
length."""
_CONSTRUCTED: Final = 0x20
_CLASS: Final = 0xC0
"""The bits of the class. No data object in a template of ISO/IEC 7816-4 has the universal class, 0."""
ANY_LENGTH: Final = range(1, 1 << 32)
"""The lengths of a value that is not empty, for the argument ``expected``."""
_MAX_LENGTH_START: Final = 0x84
_LONG_SIMPLE_LENGTH: Final = 0xFF
_INDEFINITE: Final = 0x80
"""A length field of BER that ISO/IEC 7816 forbids: the value ends before two bytes 00."""
_END_OF_CONTENTS: Final = b"\x00\x00"
_MOST_IN_REPR: Final = 12
"""The number of tags in a value that the repr shows."""


class MalformedTLVError(MalformedError):
    """Raised if bytes are not data objects."""


class _Options(NamedTuple):
    """The arguments with which an object was read; they apply to the objects in it too."""

    lenient: bool = False
    allow_tags: bytes = b""


@repr_if_half_made
@dataclass(frozen=True, init=False, repr=False)
class TLV:
    """A BER-TLV data object.

    ``print(tlv)`` shows it as a tree, with values; the repr shows tags and the length, never the value.

    Args:
        tag: the 1 to 3 bytes of the tag as one number, such as 0x84, 0x5F20 or 0xDF8129.
        value: 0 to 0xFFFFFFFF bytes. If the tag is constructed, also one data object or an iterable of them, which are
            encoded here. The attribute is always ``bytes``.
        length_size: the number of bytes of the length field, up to 5, if it is not the smallest possible one; else 0.
        offset: the position of the value in the bytes that were decoded. Comparisons ignore it.

    Raises:
        ValueError: the tag is not allowed, the length does not fit ``length_size``, or ``length_size`` is the smallest
            possible one.
        TypeError: the tag is not an int, or the value is none of those.
    """

    tag: int
    value: bytes = b""
    length_size: int = 0
    offset: int = field(default=0, compare=False)

    _options: ClassVar[_Options] = _Options()
    _is_cut_off: ClassVar[bool] = False
    _above: ClassVar[tuple[int, ...]] = ()
    """The tags of the objects that this one was read from, from the outside to the inside."""

    def __init__(self, tag: int, value: Objects = b"", length_size: int = 0, offset: int = 0) -> None:
        _checked_tag(tag)
        raw = bytes(objects_as_bytes("value", value)) if _is_constructed(tag) else copied("value", value)  # type: ignore[arg-type]  # copied() refuses objects
        shortest = _shortest_length_size(len(raw))
        if length_size and not shortest < length_size <= 5:
            raise ValueError(f"length_size: {length_size} is not allowed; give 0 or {shortest + 1} to 5")
        self.__dict__.update(tag=tag, value=raw, length_size=length_size, offset=offset)

    @property
    def path(self) -> tuple[int, ...]:
        """The tags of the objects that this one was read from, from the outside to the inside, and its own tag."""
        return (*self._above, self.tag)

    @property
    def constructed(self) -> bool:
        """True if the tag says that the value consists of data objects."""
        return _is_constructed(self.tag)

    def children(
        self,
        *,
        padding: bool = False,
        lenient: bool | None = None,
        allow_tags: Buffer | None = None,
        expected: Collection[int] | Mapping[int, range] = (),
    ) -> TLVList:
        """Return the data objects in the value, one level deep. It does not matter whether the tag is constructed.

        The arguments are those of :func:`decode`. If ``lenient`` or ``allow_tags`` is None, it is as it was when this
        object was decoded.

        Raises:
            MalformedTLVError: the value does not consist of data objects, and is not read leniently. The error's
                offset counts from the start of the bytes that this object was decoded from.
        """
        options = _Options(
            self._options.lenient if lenient is None else lenient,
            self._options.allow_tags if allow_tags is None else copied("allow_tags", allow_tags),
        )
        reader = _reader(self.value, self.offset, options, padding=padding, expected=expected, cut=self._is_cut_off)
        return _read(reader, options, self.path)

    def find(self, path: int | str) -> TLV | None:
        """Return the first data object at this path, or None.

        Args:
            path: tags in hexadecimal with "/" between them, such as ``"6F/A5/BF0C"``, or one tag as a number. If it
                begins with the tag of this object, it begins at this object; otherwise at the objects in it.

        Raises:
            ValueError: the path is not allowed.
            TypeError: the path is neither an int nor a str.
            MalformedTLVError: the value of an object on this path does not consist of data objects, and the object was
                not decoded leniently.
        """
        tags = path_tags(path)
        return _first_at([self] if tags[0] == self.tag else self.children(), tags)

    def tree(self, *, names: TagNames | Sequence[TagNames] = (), most: int | None = 32) -> str:
        """Return the object and those in it as text, one line each, indented by depth.

        A line has the tag, its name and the value in hexadecimal, and a value that is printable also as text.
        ``print(tlv)`` prints the same with the names of ISO/IEC 7816.

        Args:
            names: the table of names to use, or several, which are searched in this order and before
                :data:`.tag_names.ISO`. :mod:`.tag_names` has tables and describes their form.
            most: the number of bytes of each value to show, 1 or more; None for all.

        Raises:
            ValueError: a table has a wrong path, or ``most`` is not allowed.
        """
        return "\n".join(tree_lines([self], names, most))

    def __str__(self) -> str:
        return self.tree()

    def __bytes__(self) -> bytes:
        length = len(self.value)
        size = self.length_size or _shortest_length_size(length)
        head = b"" if size == 1 else bytes((_CONTINUED + size - 1,))
        return shortest_bytes(self.tag) + head + length.to_bytes(max(size - 1, 1), "big") + self.value

    def __repr__(self) -> str:
        size = f"{len(self.value)} byte{'s' * (len(self.value) != 1)}"
        if not self.constructed:
            return f"<TLV {self.tag:02X}, {size}>"
        try:
            tags = [f"{one.tag:02X}" for one in self.children(lenient=False)]
        except MalformedTLVError:
            tags = []
        shown = " ".join(tags[:_MOST_IN_REPR] + ["..."] * (len(tags) > _MOST_IN_REPR))
        return f"<TLV {self.tag:02X}, {size}{': ' * bool(shown)}{shown}>"


class TLVList(ListWithProblems[TLV]):
    """A list of BER-TLV data objects. ``print()`` shows it as a tree, with values; its repr shows no values."""

    def find(self, path: int | str) -> TLV | None:
        """Return the first data object at this path, or None; arguments and errors as for :meth:`TLV.find`."""
        return _first_at(self, path_tags(path))

    def tree(self, *, names: TagNames | Sequence[TagNames] = (), most: int | None = 32) -> str:
        """Return the objects as text; arguments and errors as for :meth:`TLV.tree`."""
        return "\n".join(tree_lines(self, names, most))

    def __str__(self) -> str:
        return self.tree()


@repr_if_half_made
@dataclass(frozen=True, repr=False)
class SimpleTLV:
    """A SIMPLE-TLV data object. Its repr shows tag and length, never the value.

    Args:
        tag: 1 to 254.
        value: 0 to 65535 bytes.
        length_size: 3 if the length field has 3 bytes although 1 byte would be enough; else 0.
        little_endian: True if a length after FF has its low byte first, as on CAC cards (GSC-IS 2.1); ISO/IEC 7816-4
            has the high byte first.

    Raises:
        ValueError: the tag, the length of the value or ``length_size`` is not allowed.
        TypeError: the tag is not an int, or the value is not bytes.
    """

    tag: int
    value: bytes = b""
    length_size: int = 0
    little_endian: bool = False

    def __post_init__(self) -> None:
        if not hasattr(self.tag, "__index__"):
            raise TypeError(f"tag: expected an int, got {type(self.tag).__name__}")
        if not 0 < self.tag < 0xFF:
            raise ValueError(f"tag: {self.tag} is not allowed; give 1 to 254")
        self.__dict__.update(value=copied("value", self.value))
        if len(self.value) > 0xFFFF:
            raise ValueError(f"value: {len(self.value)} bytes are not allowed; give 0 to 65535")
        if self.length_size and (self.length_size != 3 or len(self.value) >= _LONG_SIMPLE_LENGTH):
            raise ValueError(f"length_size: {self.length_size} is not allowed; give 0, or 3 for fewer than 255 bytes")

    def __bytes__(self) -> bytes:
        length = len(self.value)
        if self.length_size or length >= _LONG_SIMPLE_LENGTH:
            order: Literal["little", "big"] = "little" if self.little_endian else "big"
            return bytes((self.tag, _LONG_SIMPLE_LENGTH)) + length.to_bytes(2, order) + self.value
        return bytes((self.tag, length)) + self.value

    def __repr__(self) -> str:
        return f"<SimpleTLV {self.tag:02X}, {len(self.value)} byte{'s' * (len(self.value) != 1)}>"


def encode(objects: Iterable[TLV | SimpleTLV]) -> bytes:
    """Return the bytes of these data objects, one after the other."""
    return b"".join(map(bytes, objects))


def objects_as_bytes(name: str, value: Objects) -> bytes | memoryview:
    """Return the bytes of an argument that is data objects: their bytes, one TLV, or an iterable of TLVs.

    Args:
        name: the argument's name, for the message of the error.
        value: the argument's value. ``bytes`` are returned as they are, and other buffers without a copy.

    Raises:
        TypeError: the value has another type.
    """
    if isinstance(value, TLV):
        return bytes(value)
    if is_buffer(value):
        return kept(name, value)
    given: object = value
    items = [*given] if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    objects = [one for one in items if isinstance(one, TLV)]
    if len(objects) == len(items):
        return encode(objects)
    if not objects:
        raise TypeError(not_bytes(name, value, ", or TLV objects"))
    other = next(type(one).__name__ for one in items if not isinstance(one, TLV))
    raise TypeError(f"{name}: expected TLV objects, got {other} among them")


def decode(
    raw: Buffer,
    *,
    padding: bool = False,
    lenient: bool = False,
    allow_tags: Buffer = b"",
    expected: Collection[int] | Mapping[int, range] = (),
) -> TLVList:
    """Return the BER-TLV data objects in these bytes, one level deep.

    The value of a constructed object is decoded only by :meth:`TLV.children`. An error in one value therefore does not
    affect other objects, and objects that are nested thousands deep take no extra time.

    With ``lenient``, padding is ignored and malformed objects raise no error. Those objects that can be read are
    returned, and ``problems`` of the result lists the errors:

    - A constructed object that is cut off has the part of its value that is there. Other objects that are cut off are
      left out.
    - A constructed object whose length is wrong has a corrected value, if its objects and those after it show the
      length.
    - Indefinite lengths and length fields of more than 5 bytes are read. Objects with wrong tags are left out.
    - If it is unknown where a malformed object ends, the objects after it are found only if all bytes after the header
      are whole objects, or by ``expected``.

    Args:
        raw: one or more whole objects, or no bytes.
        padding: ignore bytes 00 and FF before, between and after objects. Files that are not full contain such bytes.
            :func:`encode` does not write them again.
        lenient: return the objects that can be read instead of raising an error.
        allow_tags: the bytes, FF or 00 or both, that begin a tag here and are not padding. No standard allows tags that
            begin with 00. Without ``padding`` and ``lenient``, tags that begin with FF are always allowed.
        expected: with ``lenient``, the tags that identify the next object after one whose end is unknown, and
            optionally the lengths that their values may have. Reading continues at the first position from which all
            bytes are such objects.

    Raises:
        MalformedTLVError: the bytes are not data objects, and ``lenient`` is False.
    """
    options = _Options(lenient, copied("allow_tags", allow_tags))
    return _read(_reader(copied("raw", raw), 0, options, padding=padding, expected=expected), options)


def decode_simple(
    raw: Buffer, *, padding: bool = False, lenient: bool = False, little_endian: bool = False
) -> ListWithProblems[SimpleTLV]:
    """Return the SIMPLE-TLV data objects in these bytes; arguments and errors as for :func:`decode`.

    With ``little_endian``, the two bytes of a length after FF have the low byte first, as on CAC cards (GSC-IS 2.1).
    """
    reader = _SimpleReader(copied("raw", raw), padding=PADDING if padding or lenient else b"")
    reader.order = "little" if little_endian else "big"
    found, problems = reader.read_leniently() if lenient else (reader.read_strictly(), [])
    return ListWithProblems(
        (
            SimpleTLV(one.header.tag, reader.raw[one.header.end : one.end], one.header.length_size, little_endian)
            for one in found
        ),
        problems,
    )


def path_tags(path: int | str) -> list[int]:
    """Return the tags of a path, as :meth:`TLV.find` takes it.

    Raises:
        ValueError: the path is not allowed.
        TypeError: the path is neither an int nor a str.
    """
    if not isinstance(path, str) and not hasattr(path, "__index__"):
        raise TypeError(f"path: expected an int or a str, got {type(path).__name__}")
    try:
        parts = [int(part, 16) for part in path.split("/")] if isinstance(path, str) else [operator.index(path)]
        return [_checked_tag(part) for part in parts]
    except ValueError:
        shown = repr(path) if isinstance(path, str) else f"{path:#x}"
        message = f'path: {shown} is not allowed; give tags in hexadecimal with "/" between them, such as "6F/A5"'
        raise ValueError(message) from None


def _first_at(objects: Iterable[TLV], tags: Sequence[int]) -> TLV | None:
    """Return the first object at the path of these tags that begins at one of the objects; None if there is none."""
    for one in objects:
        if one.tag == tags[0]:
            found = _first_at(one.children(), tags[1:]) if tags[1:] else one
            if found is not None:
                return found
    return None


def first_values(objects: Iterable[TLV], problems: list[MalformedError]) -> dict[int, TLV]:
    """Return the first object of each tag. Add an error to ``problems`` for each later one that has another value."""
    found: dict[int, TLV] = {}
    for one in objects:
        if found.setdefault(one.tag, one).value != one.value:
            message = f"tag {one.tag:02X} is repeated with another value"
            problems.append(MalformedTLVError(message, one.offset))
    return found


def without_category(raw: bytes) -> tuple[bytes, list[MalformedError]]:
    """Replace category indicators before the objects of a file by padding; some cards write them there.

    A byte 10 or 80 is such an indicator, and not a tag, if another indicator or a tag of the application class follows.
    The tags of EF.DIR and EF.ATR/INFO have this class.

    Returns:
        The bytes, and a problem for each indicator.
    """
    size = len(raw) - len(raw.lstrip(CATEGORIES))
    if not size or raw[size : size + 1] < b"\x40" or raw[size : size + 1] > b"\x7f":
        return raw, []
    problems = [
        MalformedTLVError(f"the category indicator {raw[at]:02X} comes before the objects", at) for at in range(size)
    ]
    return bytes(size) + raw[size:], [*problems]


def read_tag(raw: bytes, start: int) -> tuple[int, int]:
    """Return the tag that begins at this position, and the position after it.

    Raises:
        IndexError: the bytes end in the tag.
        MalformedTLVError: no tag begins here.
    """
    end = _tag_end(raw, start)
    return int.from_bytes(raw[start:end], "big"), end


def shortest_bytes(number: int) -> bytes:
    """Return a number in as few bytes as possible, at least one.

    Raises:
        OverflowError: the number is negative.
    """
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


class _TLVReader(ObjectReader):
    """The errors that the readers of BER-TLV and SIMPLE-TLV have in common."""

    error = MalformedTLVError

    def cut_off(self, start: int, header: Header | None) -> MalformedError:
        if header is None:
            place = f"the tag or the length of the object at byte {self.base + start}"
            return MalformedTLVError(f"the bytes end in {place}", len(self.raw))
        available = len(self.raw) - header.end
        message = f"the bytes end after {available} of {header.length} bytes of the value of tag {header.tag:02X}"
        return MalformedTLVError(message, len(self.raw))


class _BerReader(_TLVReader):
    allow_zero_tag = False

    def header(self, start: int) -> Header:
        return self._after_tag(start, _tag_end(self.raw, start, allow_zero=self.allow_zero_tag))

    def tag(self, start: int) -> int:
        tag_end = _tag_end(self.raw, start, allow_zero=self.allow_zero_tag)
        return int.from_bytes(self.raw[start:tag_end], "big")

    def _after_tag(self, start: int, tag_end: int) -> Header:
        tag = int.from_bytes(self.raw[start:tag_end], "big")
        length = self.raw[tag_end]
        if length < _CONTINUED:
            return Header(tag, length, 0, tag_end + 1)
        if not _CONTINUED < length <= _MAX_LENGTH_START:
            message = f"the length begins with {length:02X}; allowed are 00 to 7F and 81 to 84"
            raise MalformedTLVError(message, tag_end)
        length, end = self._long_length(tag_end)
        size = end - tag_end
        return Header(tag, length, 0 if size == _shortest_length_size(length) else size, end)

    def _long_length(self, start: int) -> tuple[int, int]:
        """Return the length in a length field of several bytes, and the position after the field."""
        end = start + 1 + self.raw[start] - _CONTINUED
        if end > len(self.raw):
            raise IndexError
        return int.from_bytes(self.raw[start + 1 : end], "big"), end

    def repaired(self, start: int) -> tuple[Found | None, int] | None:
        try:
            tag_end = self._any_tag_end(start)
            is_tag = tag_end - start <= _MAX_TAG_SIZE and self.raw[start + 1 : tag_end][:1] != bytes((_CONTINUED,))
            if self.raw[tag_end] == _INDEFINITE:
                if not self.is_template(int.from_bytes(self.raw[start:tag_end], "big")):
                    return None
                value_end, end = self._end_of_contents(tag_end + 1)
                header = Header(int.from_bytes(self.raw[start:tag_end], "big"), value_end - tag_end - 1, 0, tag_end + 1)
            elif self.raw[tag_end] > _MAX_LENGTH_START:
                length, value_start = self._long_length(tag_end)
                header = Header(int.from_bytes(self.raw[start:tag_end], "big"), length, 0, value_start)
                value_end = end = value_start + length
            elif is_tag:
                return None
            else:
                header = self._after_tag(start, tag_end)
                value_end = end = header.end + header.length
        except IndexError:
            return None
        if end > len(self.raw):
            return None
        return Found(header, start, value_end, end) if is_tag else None, end

    def _any_tag_end(self, start: int) -> int:
        """Return the position after a tag of any number of bytes."""
        end = start + 1
        if self.raw[start] & _LONG_TAG == _LONG_TAG:
            while self.raw[end] >= _CONTINUED:
                end += 1
            end += 1
        return end

    def _end_of_contents(self, start: int) -> tuple[int, int]:
        """Return the end of a value of indefinite length, and the position after the bytes that mark it.

        If no bytes mark the end, the value is the rest of the bytes.
        """
        depth = 1
        while start < len(self.raw):
            if self.raw.startswith(_END_OF_CONTENTS, start):
                depth -= 1
                start += len(_END_OF_CONTENTS)
                if not depth:
                    return start - len(_END_OF_CONTENTS), start
                continue
            try:
                tag_end = _tag_end(self.raw, start)
                is_indefinite = self.raw[tag_end] == _INDEFINITE and self.raw[start] & _CONSTRUCTED
                header = None if is_indefinite else self._after_tag(start, tag_end)
            except (IndexError, MalformedTLVError):
                break
            depth += header is None
            start = tag_end + 1 if header is None else header.end + header.length
        return len(self.raw), len(self.raw)

    def after_header(self, start: int) -> int:
        try:
            tag_end = _tag_end(self.raw, start, allow_zero=self.allow_zero_tag)
            is_wrong = self.raw[tag_end] == _INDEFINITE or self.raw[tag_end] > _MAX_LENGTH_START
        except (IndexError, MalformedTLVError):
            return start
        return tag_end + 1 if is_wrong else start

    def is_template(self, tag: int) -> bool:
        return _is_constructed(tag)

    def is_foreign(self, tag: int) -> bool:
        return not shortest_bytes(tag)[0] & _CLASS


class _SimpleReader(_TLVReader):
    order: Literal["little", "big"] = "big"

    def header(self, start: int) -> Header:
        tag, length = self.raw[start], self.raw[start + 1]
        if tag in PADDING:
            raise MalformedTLVError(f"tag {tag:02X}; allowed are 01 to FE", start)
        if length != _LONG_SIMPLE_LENGTH:
            return Header(tag, length, 0, start + 2)
        if start + 4 > len(self.raw):
            raise IndexError
        length = int.from_bytes(self.raw[start + 2 : start + 4], self.order)
        return Header(tag, length, 3 if length < _LONG_SIMPLE_LENGTH else 0, start + 4)


def _reader(
    raw: bytes,
    base: int,
    options: _Options,
    *,
    padding: bool,
    expected: Collection[int] | Mapping[int, range],
    cut: bool = False,
) -> _BerReader:
    ignored = PADDING.translate(None, options.allow_tags) if padding or options.lenient else b""
    lengths = expected if isinstance(expected, Mapping) else dict.fromkeys(expected, ANY_LENGTH)
    reader = _BerReader(raw, base, padding=ignored, expected=lengths, is_cut_off=cut)
    reader.allow_zero_tag = 0 in options.allow_tags
    return reader


def _read(reader: _BerReader, options: _Options, above: tuple[int, ...] = ()) -> TLVList:
    found, problems = reader.read_leniently() if options.lenient else (reader.read_strictly(), [])
    return TLVList((_read_object(one, reader, options, above) for one in found), problems)


def _read_object(one: Found, reader: _BerReader, options: _Options, above: tuple[int, ...]) -> TLV:
    """Return an object that was read. Its tag may be 00, which a program cannot give to TLV()."""
    header = one.header
    read = object.__new__(TLV)
    read.__dict__.update(
        tag=header.tag,
        value=reader.raw[header.end : one.value_end],
        length_size=header.length_size,
        offset=reader.base + header.end,
        _options=options,
        _above=above,
        _is_cut_off=one.value_end == len(reader.raw) < header.end + header.length,
    )
    return read


def _checked_tag(tag: int) -> int:
    """Return a tag; raise ValueError if it is not allowed, and TypeError if it is not an int."""
    if not hasattr(tag, "__index__"):
        raise TypeError(f"tag: expected an int, got {type(tag).__name__}")
    try:
        raw = shortest_bytes(tag)
        allowed = _tag_end(raw, 0) == len(raw)
    except (IndexError, OverflowError, MalformedTLVError):
        allowed = False
    if not allowed:
        raise ValueError(f"tag: {tag:X} is not allowed; give a BER-TLV tag of 1 to {_MAX_TAG_SIZE} bytes")
    return tag


def _is_constructed(tag: int) -> bool:
    return bool(shortest_bytes(tag)[0] & _CONSTRUCTED)


def _tag_end(raw: bytes, start: int, *, allow_zero: bool = False) -> int:
    """Return the position after the tag that begins here. Raise IndexError if the bytes end in the tag."""
    if raw[start] == 0 and not allow_zero:
        raise MalformedTLVError("a tag begins with 00; allowed are 01 to FF", start)
    if raw[start] & _LONG_TAG != _LONG_TAG:
        return start + 1
    if raw[start + 1] == _CONTINUED:
        raise MalformedTLVError("the second byte of a tag is 80; allowed are all others", start + 1)
    for last in range(start + 1, start + _MAX_TAG_SIZE):
        if raw[last] < _CONTINUED:
            return last + 1
    raise MalformedTLVError(f"a tag has more than {_MAX_TAG_SIZE} bytes", start + _MAX_TAG_SIZE)


def _shortest_length_size(length: int) -> int:
    """Return the smallest number of bytes that a BER length field can have for this length."""
    return 1 if length < _CONTINUED else 1 + len(shortest_bytes(length))
