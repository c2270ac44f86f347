"""Damages to data objects, for tests of lenient reading: every object of a sequence is damaged in every way."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from scardffi.iso7816.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PADDING = ["00", "FF", "00FF00", "FFFFFF"]
CATEGORIES = ["80", "8080", "10", "00"]
END_OF_CONTENTS = b"\0\0"


class Format(NamedTuple):
    """A format of data objects."""

    encode: Callable[[int, bytes, int], bytes]
    """Return an object for a tag, a value and a number that is added to the length field."""
    is_ber: bool = False


class Reader(NamedTuple):
    """A reader of card data, and data for it."""

    format: Format
    objects: Mapping[str, tuple[int, bytes]]
    """Tags and values by a name that ``read`` gives to what it has read of the object."""
    read: Callable[[bytes, bool], tuple[Mapping[str, object], list[MalformedError]]]
    """Read bytes, leniently if the second argument is True: what was read by name, and the problems."""
    template: int = 0
    """The tag of the template around the objects; 0 for none."""
    resumes: bool = False
    """The reader knows the tags, and finds the objects after one whose end is unknown."""


class Damage(NamedTuple):
    """Damaged bytes."""

    name: str
    raw: bytes
    kept: set[str]
    """The names of the objects that must be read."""
    has_problem: bool | None = True
    """False if the bytes are only unusual; None if the damage need not show."""


def ber_tag(tag: int) -> bytes:
    """Return the bytes of a tag."""
    return tag.to_bytes((tag.bit_length() + 7) // 8, "big")


def ber(tag: int, value: bytes, change: int = 0) -> bytes:
    """Return a BER-TLV object, written without the functions under test."""
    length = len(value) + change
    assert 0 <= length <= 0xFF
    return ber_tag(tag) + (b"\x81" if length > 0x7F else b"") + bytes((length,)) + value


def one_byte(tag: int, value: bytes, change: int = 0) -> bytes:
    """Return an object with one byte of tag and one byte of length, as SIMPLE-TLV and PC/SC part 10 have."""
    return bytes((tag, len(value) + change)) + value


def compact(tag: int, value: bytes, change: int = 0) -> bytes:
    """Return a COMPACT-TLV object."""
    return bytes(((tag & 0xF) << 4 | min(len(value) + change, 15),)) + value


BER = Format(ber, is_ber=True)
ONE_BYTE = Format(one_byte)
COMPACT = Format(compact)


def damages(reader: Reader) -> Iterator[Damage]:
    """Yield all damages of the reader's objects."""
    encoded = {name: reader.format.encode(tag, value, 0) for name, (tag, value) in reader.objects.items()}
    names, parts = list(encoded), list(encoded.values())
    everything = set(names)
    yield Damage("none", _whole(reader, parts), everything, has_problem=False)
    for at in range(len(parts) + 1):
        for padding in PADDING:
            raw = _whole(reader, [*parts[:at], bytes.fromhex(padding), *parts[at:]])
            yield Damage(f"padding {padding} before object {at}", raw, everything, has_problem=False)
    yield from _cut_off(reader, names, parts)
    yield from _around(reader, names, parts)
    for at, name in enumerate(names):
        for damage, changed, kept, has_problem in _of_one(reader, names, at):
            raw = _whole(reader, [*parts[:at], changed, *parts[at + 1 :]])
            yield Damage(f"{damage}: {name}", raw, kept, has_problem)


def _whole(reader: Reader, parts: list[bytes]) -> bytes:
    content = b"".join(parts)
    return ber(reader.template, content) if reader.template else content


def _cut_off(reader: Reader, names: list[str], parts: list[bytes]) -> Iterator[Damage]:
    """Yield the bytes cut off at every position."""
    whole = _whole(reader, parts)
    position = len(whole) - sum(map(len, parts))
    ends = {}
    for name, part in zip(names, parts, strict=True):
        position += len(part)
        ends[name] = position
    for end in range(1, len(whole)):
        at_the_end_of_an_object = not reader.template and end in ends.values()
        kept = {name for name in names if ends[name] <= end}
        yield Damage(f"cut off after {end} bytes", whole[:end], kept, not at_the_end_of_an_object)


def _around(reader: Reader, names: list[str], parts: list[bytes]) -> Iterator[Damage]:
    """Yield damages before the objects and of the template."""
    everything = set(names)
    content, whole = b"".join(parts), _whole(reader, parts)
    if reader.format.is_ber:
        for category in CATEGORIES:
            if reader.resumes:
                yield Damage(f"category {category}", bytes.fromhex(category) + whole, everything, category != "00")
    if not reader.template:
        return
    tag = ber_tag(reader.template)
    yield Damage("template of indefinite length", tag + b"\x80" + content + END_OF_CONTENTS, everything)
    yield Damage("template of indefinite length without end", tag + b"\x80" + content, everything)
    yield Damage("length of template of 6 bytes", tag + b"\x85\0\0\0\0" + ber(0, content), everything)
    for change in (1, 2, 20):
        yield Damage(f"template too long by {change}", ber(reader.template, content, change), everything)
        padded = ber(reader.template, content, change) + b"\xff" * change
        yield Damage(f"template with {change} bytes of padding", padded, everything, has_problem=False)
    for change in range(1, len(parts[-1])):
        yield Damage(f"template too short by {change}", ber(reader.template, content, -change), everything)
    if reader.resumes:
        raw = ber(reader.template, content, -len(parts[-1]))
        yield Damage("template too short by an object", raw, everything)


def _of_one(reader: Reader, names: list[str], at: int) -> Iterator[tuple[str, bytes, set[str], bool | None]]:
    """Yield damages of one object, with the objects that must be read."""
    encode = reader.format.encode
    tag, value = reader.objects[names[at]]
    others, after = set(names) - {names[at]}, set(names[at + 1 :])
    if not reader.resumes:
        others -= after
    for change in (1, 2, 60):
        yield f"length too large by {change}", encode(tag, value, change), others, None
    for change in range(1, len(value) + 1):
        yield f"length too small by {change}", encode(tag, value, -change), others, None
    yield "empty", encode(tag, b"", 0), others | after, None
    yield "twice", encode(tag, value, 0) * 2, others | after | {names[at]}, None
    if not reader.format.is_ber:
        return
    length_and_value = ber(tag, value)[len(ber_tag(tag)) :]
    yield "tag of 5 bytes", b"\xdf\x81\x82\x83\x04" + length_and_value, others | after, True
    yield "tag 5F8001", b"\x5f\x80\x01" + length_and_value, others | after, True
    yield "length of 6 bytes", ber_tag(tag) + b"\x85\0\0\0\0" + length_and_value, others | after | {names[at]}, True
    yield "length FF", ber_tag(tag) + b"\xff" + value, others, True
    if ber_tag(tag)[0] & 0x20:
        raw = ber_tag(tag) + b"\x80" + value + END_OF_CONTENTS
        yield "indefinite length", raw, others | after | {names[at]}, True
    else:
        yield "indefinite length", ber_tag(tag) + b"\x80" + value, others, True
    if reader.resumes:
        yield "rubbish after", encode(tag, value, 0) + b"\x95", others | {names[at]}, True


def check(reader: Reader) -> tuple[int, int]:
    """Read all damages of a reader and assert what was read.

    Returns:
        The number of cases, and of undamaged objects in them that were read.
    """
    cases = neighbours = 0
    right = dict(reader.read(next(damages(reader)).raw, False)[0])
    assert set(right) >= set(reader.objects)
    for damage in damages(reader):
        read, problems = reader.read(damage.raw, True)
        place = f"{damage.name}: {damage.raw.hex(' ').upper()}; problems: {[str(one) for one in problems]}"
        for name in damage.kept:
            assert read.get(name) == right[name], f"{name} of {place}"
        if damage.has_problem is not None:
            assert bool(problems) == damage.has_problem, place
        for problem in problems:
            assert 0 <= problem.offset <= len(damage.raw) + 4, place
        cases += 1
        neighbours += len(damage.kept)
        if damage.has_problem:
            with pytest.raises(MalformedError):
                reader.read(damage.raw, False)
    return cases, neighbours
