"""Data objects: BER-TLV and SIMPLE-TLV, encoded and decoded, and refusals."""

import re
from typing import Any

import pytest

from scardffi.iso7816.tlv import TLV, MalformedTLVError, SimpleTLV, TLVList, decode, decode_simple, encode

# The data of SELECT for a file: a template with size, descriptor, identifier and life cycle
FCI = bytes.fromhex("6F11 8102 0100 8201 01 8302 3F01 8A01 05 8801 10".replace(" ", ""))

ENCODED: list[tuple[TLV, str]] = [
    (TLV(0x84, b"\xa0\x00"), "8402A000"),
    (TLV(0x80), "8000"),
    (TLV(0x5F20, b"A"), "5F2001" + "41"),
    (TLV(0x9F02, b"\x00"), "9F020100"),
    (TLV(0xDF8129, b"\x01"), "DF8129" + "0101"),
    (TLV(0x81, bytes(127)), "817F" + "00" * 127),
    (TLV(0x81, bytes(128)), "818180" + "00" * 128),
    (TLV(0x81, bytes(255)), "8181FF" + "00" * 255),
    (TLV(0x81, bytes(256)), "81820100" + "00" * 256),
    (TLV(0x81, bytes(65535)), "8182FFFF" + "00" * 65535),
    (TLV(0x81, bytes(65536)), "8183010000" + "00" * 65536),
    (TLV(0x81, bytes(1 << 24)), "818401000000" + "00" * (1 << 24)),
    (TLV(0x81, b"\x05", length_size=2), "81810105"),
    (TLV(0x81, b"\x05", length_size=5), "81840000000105"),
    (TLV(0x81, bytes(128), length_size=3), "81820080" + "00" * 128),
    (TLV(0x62, encode([TLV(0x83, b"\x3f\x00")])), "620483023F00"),
]


@pytest.mark.parametrize(("data_object", "raw"), ENCODED, ids=[raw[:14] for _, raw in ENCODED])
def test_objects_are_encoded_and_decoded_as_in_the_standard(data_object: TLV, raw: str) -> None:
    assert encode([data_object]) == bytes.fromhex(raw)
    assert decode(bytes.fromhex(raw)) == [data_object]


def test_a_length_in_more_bytes_than_needed_encodes_the_same_value() -> None:
    short, long = decode(bytes.fromhex("8101058182000105"))
    assert (short.value, short.length_size) == (b"\x05", 0)
    assert (long.value, long.length_size) == (b"\x05", 3)
    assert short != long
    assert bytes(TLV(long.tag, long.value)) == bytes(short)


def test_nested_objects_are_found_by_their_path() -> None:
    (template,) = decode(FCI)
    assert template.constructed
    assert [one.tag for one in template.children()] == [0x81, 0x82, 0x83, 0x8A, 0x88]
    found = decode(FCI).find("6F/83")
    assert found is not None
    assert not found.constructed
    assert (found.value, FCI[found.offset :][:2]) == (b"\x3f\x01", b"\x3f\x01")
    assert decode(FCI).find("6F/84") is None
    assert decode(FCI).find("62/83") is None
    assert decode(b"").find(0x62) is None


def test_find_returns_the_first_of_several() -> None:
    found = decode(bytes.fromhex("500101 500102")).find(0x50)
    assert found is not None
    assert found.value == b"\x01"


@pytest.mark.parametrize(
    ("raw", "offset", "reason"),
    [
        ("84", 1, "end in the tag or the length of the object at byte 0"),
        ("840101 5F", 4, "end in the tag or the length of the object at byte 3"),
        ("5F20", 2, "end in the tag or the length of the object at byte 0"),
        ("5F81", 2, "end in the tag or the length of the object at byte 0"),
        ("848201", 3, "end in the tag or the length of the object at byte 0"),
        ("840301", 3, "end after 1 of 3 bytes of the value of tag 84"),
        ("84840100000000", 7, "end after 1 of 16777216 bytes of the value of tag 84"),
        ("0000", 0, "a tag begins with 00"),
        ("840101 00", 3, "a tag begins with 00"),
        ("8480", 1, "the length begins with 80; allowed are 00 to 7F and 81 to 84"),
        ("84850000000001", 1, "the length begins with 85"),
        ("84FF", 1, "the length begins with FF"),
        ("5F800101", 1, "the second byte of a tag is 80"),
        ("5F8181010101", 3, "a tag has more than 3 bytes"),
        ("5F8180010101", 3, "a tag has more than 3 bytes"),
    ],
)
def test_malformed_objects_are_refused_with_the_offset_and_the_reason(raw: str, offset: int, reason: str) -> None:
    with pytest.raises(MalformedTLVError) as caught:
        decode(bytes.fromhex(raw))
    assert caught.value.offset == offset
    assert str(caught.value).startswith(f"byte {offset}: ")
    assert reason in str(caught.value)


def test_an_error_inside_an_object_is_raised_when_it_is_opened_with_the_offset_in_the_whole() -> None:
    raw = bytes.fromhex("840101 6F06 A504 8105 0102")
    _, outer = decode(raw)
    (inner,) = outer.children()
    with pytest.raises(MalformedTLVError, match="after 2 of 5 bytes of the value of tag 81") as caught:
        inner.children()
    assert caught.value.offset == len(raw)
    with pytest.raises(MalformedTLVError, match="begins with 80") as caught:
        decode(bytes.fromhex("840101 6F02 8480"))[1].children()
    assert caught.value.offset == 6
    with pytest.raises(MalformedTLVError):
        decode(raw).find("6F/A5/81")


def test_objects_nested_ten_thousand_deep_are_decoded_only_when_they_are_opened() -> None:
    raw = b""
    for _ in range(10_000):
        raw = bytes(TLV(0x30, raw))
    (outermost,) = decode(raw)
    assert bytes(outermost) == raw
    assert outermost.find("/".join(["30"] * 20)) is not None


def test_padding_is_skipped_only_on_request() -> None:
    padded = bytes.fromhex("0000 810105 00 8201FF FFFFFF")
    assert encode(decode(padded, padding=True)).hex() == "8101058201ff"
    assert [one.tag for one in TLV(0x62, padded).children(padding=True)] == [0x81, 0x82]
    assert decode(b"\x00\xff\xff", padding=True) == []
    with pytest.raises(MalformedTLVError):
        decode(padded)
    with pytest.raises(MalformedTLVError, match="tag FF"):
        decode_simple(bytes.fromhex("010105FFFF00"))


@pytest.mark.parametrize("tag", [-1, 0, 0x1F, 0x8401, 0x5F8020, 0x5F81, 0x5F2001, 0x5F818101])
def test_a_wrong_tag_is_refused(tag: int) -> None:
    with pytest.raises(ValueError, match=f"^tag: {tag:X} is not allowed; give a BER-TLV tag of 1 to 3 bytes"):
        TLV(tag)


@pytest.mark.parametrize(("length", "size"), [(5, 1), (5, 6), (128, 2), (256, 2), (5, -1)])
def test_a_length_size_that_adds_no_byte_is_refused(length: int, size: int) -> None:
    with pytest.raises(ValueError, match=f"length_size: {size} is not allowed; give 0 or "):
        TLV(0x84, bytes(length), size)


def test_the_repr_shows_tags_and_the_length_and_not_the_value() -> None:
    assert repr(TLV(0x84, b"secret")) == "<TLV 84, 6 bytes>"
    assert repr(TLV(0x84, b"!")) == "<TLV 84, 1 byte>"
    assert repr(decode(FCI)) == "[<TLV 6F, 17 bytes: 81 82 83 8A 88>]"
    assert repr(TLV(0x62)) == "<TLV 62, 0 bytes>"
    assert repr(TLV(0x62, b"\x84\x05se")) == "<TLV 62, 4 bytes>"
    assert repr(TLV(0x62, b"\x80\x00" * 20)) == f"<TLV 62, 40 bytes: {'80 ' * 12}...>"
    assert repr(SimpleTLV(4, b"secret")) == "<SimpleTLV 04, 6 bytes>"


# Paths

PAYMENT = bytes.fromhex("6F0E 8401A0 A509 500156 BF0C 03 870101".replace(" ", ""))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("6F/A5/BF0C/87", "01"), ("6F/84", "a0"), ("6f/a5/50", "56"), ("84", "a0"), (0x84, "a0"), ("A5/50", "56"),
        ("A5/BF0C/87", "01"), ("A5/87", None), ("62/84", None), ("6F/6F", None), (0x50, None),
    ],
)  # fmt: skip
def test_a_path_begins_at_the_object_or_at_those_in_it(path: str | int, value: str | None) -> None:
    (payment,) = decode(PAYMENT)
    found = payment.find(path)
    assert (found and found.value.hex()) == value
    if isinstance(path, str) and path.upper().startswith("6F"):
        assert decode(PAYMENT).find(path) == found


def test_the_object_itself_is_found_by_its_tag() -> None:
    (payment,) = decode(PAYMENT)
    assert payment.find(0x6F) is payment
    nested = TLV(0x30, bytes(TLV(0x30, b"\x02\x01\x07")))
    assert nested.find("30") is nested
    assert nested.find("30/30/02") == TLV(0x02, b"\x07")
    assert nested.children().find("30/02") == TLV(0x02, b"\x07")


def test_the_search_goes_on_in_later_objects_with_the_same_tag() -> None:
    directory = decode(bytes.fromhex("610350 0141 61034F01A0".replace(" ", "")))
    found = directory.find("61/4F")
    assert found is not None
    assert found.value == b"\xa0"


@pytest.mark.parametrize("path", ["", "6F/", "/6F", "6F/XY", "6F A5/84", "6F/1F", "00", 0, 0x1F, -1, 0x9F818101])
def test_a_wrong_path_is_refused(path: str | int) -> None:
    with pytest.raises(ValueError, match=r"^path: .* is not allowed; give tags in "):
        decode(PAYMENT).find(path)


def test_a_path_that_is_neither_text_nor_a_number_is_refused() -> None:
    with pytest.raises(TypeError, match=r"^path: expected an int or a str, got bytes"):
        decode(PAYMENT).find(b"6F")  # type: ignore[arg-type]  # the wrong type is the test


def test_the_path_of_an_object_has_the_tags_around_it() -> None:
    found = decode(PAYMENT).find("6F/A5/BF0C/87")
    assert found is not None
    assert found.path == (0x6F, 0xA5, 0xBF0C, 0x87)
    assert TLV(0x87).path == (0x87,)


# SIMPLE-TLV

SIMPLE: list[tuple[SimpleTLV, str]] = [
    (SimpleTLV(0x01), "0100"),
    (SimpleTLV(0xFE, b"\x05"), "FE0105"),
    (SimpleTLV(0x1F, bytes(254)), "1FFE" + "00" * 254),
    (SimpleTLV(0x1F, bytes(255)), "1FFF00FF" + "00" * 255),
    (SimpleTLV(0x1F, bytes(65535)), "1FFFFFFF" + "00" * 65535),
    (SimpleTLV(0x1F, b"\x05", length_size=3), "1FFF000105"),
]


@pytest.mark.parametrize(("data_object", "raw"), SIMPLE, ids=[raw[:10] for _, raw in SIMPLE])
def test_simple_objects_are_encoded_and_decoded_as_in_the_standard(data_object: SimpleTLV, raw: str) -> None:
    assert encode([data_object, data_object]) == bytes.fromhex(raw) * 2
    assert decode_simple(bytes.fromhex(raw) * 2) == [data_object, data_object]


def test_lengths_of_cac_cards_have_the_low_byte_first() -> None:
    raw = bytes.fromhex("0102ABCD 70FF2C01") + bytes(300)
    name, certificate = decode_simple(raw, little_endian=True)
    assert (name.tag, name.value) == (1, b"\xab\xcd")
    assert certificate == SimpleTLV(0x70, bytes(300), little_endian=True)
    assert encode([name, certificate]) == raw
    assert bytes(SimpleTLV(0x70, bytes(300)))[:4].hex() == "70ff012c"
    (short,) = decode_simple(bytes.fromhex("05FF020001 02".replace(" ", "")), little_endian=True)
    assert (short.value, short.length_size) == (b"\x01\x02", 3)
    with pytest.raises(MalformedTLVError, match="after 2 of 512 bytes"):
        decode_simple(bytes.fromhex("05FF00020102"), little_endian=True)


@pytest.mark.parametrize(
    ("raw", "offset", "reason"),
    [
        ("01", 1, "end in the tag or the length of the object at byte 0"),
        ("010105 02FF01", 6, "end in the tag or the length of the object at byte 3"),
        ("010205", 3, "end after 1 of 2 bytes of the value of tag 01"),
        ("0001", 0, "tag 00; allowed are 01 to FE"),
        ("010105 FF0105", 3, "tag FF; allowed are 01 to FE"),
    ],
)
def test_malformed_simple_objects_are_refused_with_the_offset_and_the_reason(
    raw: str, offset: int, reason: str
) -> None:
    with pytest.raises(MalformedTLVError) as caught:
        decode_simple(bytes.fromhex(raw))
    assert caught.value.offset == offset
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((0, b""), "tag"),
        ((255, b""), "tag"),
        ((1, bytes(65536)), "value"),
        ((1, b"", 1), "length_size"),
        ((1, bytes(255), 3), "length_size"),
    ],
)
def test_a_simple_object_that_cannot_be_encoded_is_refused(arguments: tuple[int, bytes], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        SimpleTLV(*arguments)


INNER = [TLV(0x82), TLV(0x81, b"12")]


@pytest.mark.parametrize(
    "given", [INNER, tuple(INNER), iter(INNER), TLVList(INNER, []), encode(INNER), bytearray(encode(INNER))]
)
def test_a_constructed_object_takes_objects_or_their_bytes(given: Any) -> None:
    template = TLV(0x7C, given)
    assert bytes(template) == bytes.fromhex("7C06 8200 81023132")
    assert type(template.value) is bytes
    assert hash(template) == hash(TLV(0x7C, encode(INNER)))
    assert repr(template) == "<TLV 7C, 6 bytes: 82 81>"


def test_a_constructed_object_takes_one_object_and_none() -> None:
    assert bytes(TLV(0x79, TLV(0x4F, b"1"))).hex() == "79034f0131"
    assert bytes(TLV(0x79, [])).hex() == "7900"


USUAL = "value: expected a C-contiguous buffer such as bytes or bytearray"


@pytest.mark.parametrize(
    ("tag", "value", "message"),
    [
        (0x7C, [1, 2], f"{USUAL}, or TLV objects, got list; give bytes(value)"),
        (0x7C, None, f"{USUAL}, or TLV objects, got NoneType"),
        (0x7C, 5, f"{USUAL}, or TLV objects, got int"),
        (0x7C, [SimpleTLV(1)], f"{USUAL}, or TLV objects, got list; give iso7816.encode(value)"),
        (0x7C, [TLV(0x80), 3], "value: expected TLV objects, got int among them"),
        (0x81, INNER, f"{USUAL}, got list; give iso7816.encode(value)"),
        (0x81, TLV(0x80), f"{USUAL}, got TLV; give bytes(value)"),
        (0x81, [1, 2], f"{USUAL}, got list; give bytes(value)"),
        (0x81, 5, f"{USUAL}, got int"),
        ("81", b"", "tag: expected an int, got str"),
    ],
)
def test_another_value_is_refused_when_the_object_is_made(tag: Any, value: object, message: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        TLV(tag, value)  # type: ignore[arg-type]  # the test passes a wrong type


@pytest.mark.parametrize("value", [[1, 2], 5, "00", None, INNER, INNER[0]])
def test_another_value_of_a_simple_object_is_refused_when_it_is_made(value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{USUAL}, got "):
        SimpleTLV(1, value)


def test_the_value_of_an_object_does_not_change_with_the_buffer_that_it_was_made_from() -> None:
    buffer: Any = bytearray(b"12")
    objects = TLV(0x81, buffer), TLV(0x7C, memoryview(buffer)), SimpleTLV(1, buffer)
    buffer[:] = b"34"
    assert [one.value for one in objects] == [b"12"] * 3
