"""Data objects are read leniently: what can be read is read, and the problems are listed."""

from __future__ import annotations

import copy
import pickle
import random
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.damages import BER, COMPACT, ONE_BYTE, Reader, ber, check, compact
from support.reports import report

from scardffi.iso7816.atr import Atr, MalformedAtrError
from scardffi.iso7816.tlv import TLV, MalformedTLVError, decode, decode_simple, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scardffi.iso7816.malformed import MalformedError

    Read = tuple[Mapping[str, object], list[MalformedError]]

OBJECTS = {
    "5A": (0x5A, b"\x12\x34"),
    "A5": (0xA5, ber(0x50, b"Debit")),
    "5F24": (0x5F24, b"\x30\x12\x31"),
    "87": (0x87, b"\x05"),
}
EXPECTED = {0x5A: range(2, 3), 0xA5: range(1, 99), 0x5F24: range(3, 4), 0x87: range(1, 2)}
SIMPLE = {"01": (1, b"abc"), "02": (2, b"d"), "03": (3, b"ef")}
COMPACT_OBJECTS = {"43": (0x43, b"\xb8"), "42": (0x42, b"\x11\x22"), "47": (0x47, b"\x94\x41\xd1")}

FEW_COMPACT_OBJECTS = {"43": (0x43, b"\xb8"), "42": (0x42, b"\x11\x22")}


def values(objects: list[TLV]) -> dict[str, object]:
    return {f"{one.tag:02X}": one.value for one in objects}


def read_objects(raw: bytes, lenient: bool) -> Read:
    found = decode(raw, lenient=lenient, padding=True)
    return values(found), found.problems


def read_expected(raw: bytes, lenient: bool) -> Read:
    found = decode(raw, lenient=lenient, padding=True, expected=EXPECTED)
    return values(found), found.problems


def read_children(raw: bytes, lenient: bool) -> Read:
    found = decode(raw, lenient=lenient, padding=True)
    children = found.find(0x62)
    inner = children.children(padding=True) if children else found
    return values(inner), [*found.problems, *inner.problems]


def read_simple(raw: bytes, lenient: bool) -> Read:
    found = decode_simple(raw, lenient=lenient, padding=True)
    return {f"{one.tag:02X}": one.value for one in found}, found.problems


def read_historical(raw: bytes, lenient: bool) -> Read:
    historical = Atr(bytes((0x3B, len(raw) + 1, 0x80)) + raw, lenient=lenient).historical()
    assert historical is not None
    return values(list(historical.objects)), historical.problems


def read_historical_with_status(raw: bytes, lenient: bool) -> Read:
    historical = Atr(bytes((0x3B, len(raw) + 4, 0)) + raw + b"\x05\x90\x00", lenient=lenient).historical()
    assert historical is not None
    assert (historical.life_cycle, historical.sw) == (5, 0x9000)
    return values(list(historical.objects)), historical.problems


READERS = {
    "tlv.decode": Reader(BER, OBJECTS, read_objects),
    "tlv.decode with expected tags": Reader(BER, OBJECTS, read_expected, resumes=True),
    "TLV.children": Reader(BER, OBJECTS, read_children, 0x62),
    "tlv.decode_simple": Reader(ONE_BYTE, SIMPLE, read_simple),
    "Atr.historical of category 80": Reader(COMPACT, COMPACT_OBJECTS, read_historical),
    "Atr.historical of category 00": Reader(COMPACT, FEW_COMPACT_OBJECTS, read_historical_with_status),
}


@pytest.mark.parametrize("name", READERS)
def test_undamaged_neighbours_of_a_damaged_object_are_read(name: str) -> None:
    cases, neighbours = check(READERS[name])
    report(f"lenient reading by {name}: {cases} damages, {neighbours} undamaged objects read")


# Padding, and tags that begin with it


def test_bytes_00_and_ff_between_objects_are_padding() -> None:
    raw = bytes.fromhex("5A021234 FFFFFF 870105")
    assert decode(raw, padding=True) == [TLV(0x5A, b"\x12\x34"), TLV(0x87, b"\x05")]
    assert decode(raw, lenient=True) == decode(raw, padding=True)
    assert decode(raw, lenient=True).problems == []
    with pytest.raises(MalformedTLVError):
        decode(raw)


@pytest.mark.parametrize("lenient", [False, True])
def test_tags_may_begin_with_ff_or_00_if_the_caller_allows_them(lenient: bool) -> None:
    with_ff = bytes.fromhex("00 5A0112 00 FF81030155 00")
    found = decode(with_ff, padding=True, lenient=lenient, allow_tags=b"\xff")
    assert found == [TLV(0x5A, b"\x12"), TLV(0xFF8103, b"\x55")]
    with_zero = bytes.fromhex("5A0112 FF 0001AA FF")
    assert [one.tag for one in decode(with_zero, padding=True, lenient=lenient, allow_tags=b"\0")] == [0x5A, 0]
    raw = bytes.fromhex("5A0112 FF81030155 0001AA")
    both = decode(raw, padding=True, lenient=lenient, allow_tags=b"\0\xff")
    assert [one.tag for one in both] == [0x5A, 0xFF8103, 0]
    assert encode(both) == raw
    assert decode(raw, allow_tags=b"\0") == both
    assert pickle.loads(pickle.dumps(both)) == copy.deepcopy(both) == both  # noqa: S301  made here


def test_objects_in_a_template_are_read_as_the_template_was() -> None:
    raw = bytes.fromhex("620A 00 FF810101AA 8205 0102")
    template = decode(raw, lenient=True, allow_tags=b"\xff")[0]
    assert [one.tag for one in template.children()] == [0xFF8101]
    assert len(template.children().problems) == 1
    with pytest.raises(MalformedTLVError):
        template.children(lenient=False)
    assert template.find("62/FF8101") is not None


# What is read of malformed objects


@pytest.mark.parametrize(
    ("raw", "read", "problem"),
    [
        ("5A021234 8480 870105", "5A021234 870105", "byte 5: the length begins with 80"),
        ("5A021234 84FF 870105", "5A021234 870105", "byte 5: the length begins with FF"),
        ("5A021234 DF8182830401AA 870105", "5A021234 870105", "byte 7: a tag has more than 3 bytes"),
        ("A580 500141 0000 870105", "A503500141 870105", "byte 1: the length begins with 80"),
        ("A580 A580 500141 0000 0000 870105", "A507A5805001410000 870105", "byte 1: the length begins with 80"),
        ("A580 500141", "A503500141", "byte 1: the length begins with 80"),
        ("84850000000001AA 870105", "8401AA 870105", "byte 1: the length begins with 85"),
        ("5A021234 6F10 84020102", "5A021234 6F0484020102", "after 4 of 16 bytes of the value of tag 6F"),
        ("5A021234 8410 0102", "5A021234", "after 2 of 16 bytes of the value of tag 84"),
        ("5A021234 84", "5A021234", "end in the tag or the length of the object at byte 4"),
        ("6F05 84020102 870105", "6F07 84020102 870105", "byte 0: the length of tag 6F is 5, but its objects have 7"),
        ("80 430101 470102", "430101 470102", "after 5 of 67 bytes of the value of tag 80"),
        ("8080 430101 470102", "430101 470102", "byte 1: the length begins with 80"),
    ],
)
def test_what_can_be_read_is_read(raw: str, read: str, problem: str) -> None:
    found = decode(bytes.fromhex(raw), lenient=True)
    assert encode(found) == bytes.fromhex(read)
    assert len(found.problems) == 1
    assert problem in str(found.problems[0])


def test_a_cut_off_value_is_not_read_as_a_shorter_one() -> None:
    found = decode(bytes.fromhex("80020110"), lenient=True)
    cut_off = decode(bytes.fromhex("800201"), lenient=True)
    assert (values(found), values(cut_off)) == ({"80": b"\x01\x10"}, {})


def test_objects_of_expected_lengths_show_where_the_next_one_begins() -> None:
    raw = bytes.fromhex("5A04 1234 5F2403301231 870105")  # the length of 5A should be 2
    assert [one.tag for one in decode(raw, lenient=True, expected=EXPECTED)] == [0x5F24, 0x87]
    assert [one.tag for one in decode(raw, lenient=True)] == [0x5A]
    assert [one.tag for one in decode(raw, lenient=True, expected={0x5F24, 0x87})] == [0x5F24, 0x87]


def test_historical_bytes_list_their_problems() -> None:
    historical = Atr(bytes.fromhex("3B06 80 31 40 00 7394"), lenient=True).historical()
    assert historical is not None
    assert [one.tag for one in historical.objects] == [0x43]
    (problem,) = historical.problems
    assert isinstance(problem, MalformedAtrError)
    assert str(problem) == "byte 8: the historical bytes end after 1 of 3 bytes of the object 7"


# Any bytes

ENCODED = st.lists(
    st.builds(ber, st.sampled_from([0x5A, 0x84, 0xA5, 0x5F24, 0x9F02]), st.binary(max_size=6)), max_size=4
)
"""Whole objects; their tags are neither 00 nor FF."""
BYTES = st.binary(max_size=60) | st.lists(st.sampled_from(b"\0\xff\x80\x81\x85\x62\xa5\x5f\1\2\5"), max_size=40).map(
    bytes
)
EXPECTATIONS = st.sampled_from([(), {0x5A, 0xA5, 0x62}, EXPECTED])


@given(ENCODED, BYTES)
def test_objects_before_malformed_bytes_are_read(objects: list[bytes], rest: bytes) -> None:
    whole = b"".join(objects)
    found = decode(whole + rest, lenient=True)
    try:
        strict = decode(whole + rest, padding=True)
    except MalformedTLVError:
        assert found.problems
    else:
        assert (found, found.problems) == (strict, [])
    if not any(one[0] == 0xA5 for one in objects):  # the length of a template may be corrected
        assert encode(found)[: len(whole)] == whole


@given(BYTES, EXPECTATIONS)
def test_no_bytes_raise_an_error_when_they_are_read_leniently(raw: bytes, expected: set[int]) -> None:
    found = decode(raw, lenient=True, expected=expected)
    for _ in range(8):
        assert all(isinstance(one, MalformedTLVError) for one in found.problems)
        assert all(0 <= one.offset <= len(raw) for one in found.problems)
        for one in found:
            assert one.value in raw
            assert raw[one.offset :].startswith(one.value)
        found = decode(b"", lenient=True) if not found else found[0].children(expected=expected)
    decode_simple(raw, lenient=True)


@given(st.binary(max_size=15))
def test_historical_bytes_are_read_or_none(raw: bytes) -> None:
    historical = Atr(bytes((0x3B, len(raw))) + raw, lenient=True).historical()
    assert historical is None or len(historical.problems) <= 2


def test_long_bytes_are_read_quickly() -> None:
    chance = random.Random(9)
    size = 1 << 15
    inputs = {
        "templates of no length": b"\xa5\0" * (size // 2) + b"\x5a",
        "indefinite lengths": b"\xa5\x80" * (size // 2),
        "indefinite lengths with ends": b"\xa5\x80\0\0" * (size // 4) + b"\x5a",
        "lengths of 5 bytes": b"\x5a\x85\0\0\0\0\1\xaa" * (size // 8),
        "tags of 5 bytes": b"\xdf\x81\x82\x83\4\1\xaa" * (size // 7) + b"\x5a",
        "templates that are too short": b"\xa5\1\x5a" * (size // 3),
        "objects of another class": b"\2\1\1" * (size // 3),
        "unexpected objects in a template": b"\xa5\x83\1\0\0" + b"\x84\1\1" * (size // 6) + b"\x87\1\5" * (size // 6),
        "wrong lengths": b"\x5a\1" * (size // 2),
        "padding": b"\0\xff" * (size // 2) + b"\x5a",
        "chance": chance.randbytes(size),
        "expected objects and chance": b"\x87\1\5" * (size // 6) + chance.randbytes(size // 2),
    }
    slowest = 0.0
    for name, raw in inputs.items():
        for expected in ((), EXPECTED):
            start = time.process_time()
            decode(raw, lenient=True, expected=expected)
            slowest = max(slowest, time.process_time() - start)
            assert slowest < 2, name
    report(f"lenient reading of {size} bytes: at most {slowest * 1000:.0f} ms for {2 * len(inputs)} kinds of bytes")


def test_compact_objects_are_those_of_the_standard() -> None:
    assert compact(0x47, b"\x94\x41\xd1").hex() == "739441d1"
