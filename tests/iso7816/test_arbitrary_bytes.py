"""The parsers of iso7816 with bytes that hypothesis generates."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.arbitrary_bytes import Parser, assert_both_outcomes, check_parser, is_accepted
from support.reports import report

from scardffi.iso7816 import DOL, MalformedDOLError, tag_names
from scardffi.iso7816.atr import Atr, MalformedAtrError
from scardffi.iso7816.command import Command, MalformedCommandError
from scardffi.iso7816.response import MalformedResponseError, Response
from scardffi.iso7816.tlv import TLV, MalformedTLVError, decode, decode_simple, encode

DEPTH = 8
BYTE = st.integers(0, 0xFF)
ATR_PROPERTIES = [name for name, value in vars(Atr).items() if isinstance(value, property)]


# Bytes that the parsers accept


def sizes(*lengths: int) -> st.SearchStrategy[bytes]:
    """Zeros of these lengths."""
    return st.sampled_from(lengths).map(bytes)


COMMANDS = st.builds(
    Command,
    cla=BYTE,
    ins=BYTE,
    p1=BYTE,
    p2=BYTE,
    data=st.binary(max_size=20) | sizes(254, 255, 256, 65535),
    le=st.none() | st.integers(1, 300) | st.sampled_from([65535, 65536]),
    extended=st.booleans(),
)


def ber_length(length: int) -> st.SearchStrategy[bytes]:
    """A BER length field, as short as possible or longer."""
    shortest = 1 if length < 0x80 else 2 if length < 0x100 else 3
    return st.integers(shortest, 5).map(
        lambda size: bytes([length]) if size == 1 else bytes([0x7F + size]) + length.to_bytes(size - 1, "big")
    )


def ber_tlvs(tags: list[str], values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """A BER-TLV data object, written without the functions under test."""
    tag = st.sampled_from(tags).map(bytes.fromhex)
    length_and_value = values.flatmap(lambda value: ber_length(len(value)).map(lambda length: length + value))
    return st.builds(bytes.__add__, tag, length_and_value)


PRIMITIVE = ber_tlvs(
    ["41", "81", "DE", "5F1F", "9F02", "DF8129"], st.binary(max_size=8) | sizes(127, 128, 255, 256, 300)
)
BER_TLVS = st.recursive(
    st.lists(PRIMITIVE, max_size=3).map(b"".join),
    lambda inner: st.lists(PRIMITIVE | ber_tlvs(["62", "A5", "FF817F"], inner), max_size=3).map(b"".join),
    max_leaves=6,
)


DOL_TAGS = st.sampled_from(["81", "9A", "5A", "9F02", "BF0C", "DF8129"]).map(bytes.fromhex)
DOLS = st.lists(st.builds(bytes.__add__, DOL_TAGS, st.integers(0, 40).map(lambda one: bytes([one]))), max_size=6).map(
    b"".join
)
TABLES = ((), tag_names.EMV, tag_names.PIV, [tag_names.OPENPGP, tag_names.EMRTD])


def simple_tlv(tag: int, value: bytes, long: bool) -> bytes:
    """Return a SIMPLE-TLV data object, written without the functions under test."""
    length = b"\xff" + len(value).to_bytes(2, "big") if long or len(value) > 254 else bytes([len(value)])
    return bytes([tag]) + length + value


SIMPLE_TLVS = st.lists(
    st.builds(simple_tlv, st.integers(1, 0xFE), st.binary(max_size=8) | sizes(254, 255, 300), st.booleans()), max_size=3
).map(b"".join)


def historical_bytes() -> st.SearchStrategy[bytes]:
    """Historical bytes of category 00 and 80, with COMPACT-TLV objects, and of other categories."""
    compact_object = st.builds(
        lambda tag, value: bytes([tag << 4 | len(value)]) + value, st.integers(0, 15), st.binary(max_size=5)
    )
    objects = st.lists(compact_object, max_size=2).map(b"".join)
    return (
        st.builds(lambda some, status: b"\x00" + some + status, objects, st.binary(min_size=3, max_size=3))
        | objects.map(lambda some: b"\x80" + some)
        | st.binary(max_size=15).filter(lambda raw: raw[:1] not in {b"\x00", b"\x80"})
    ).filter(lambda raw: len(raw) <= 15)


def interface_byte(letter: str, level: int, protocol: int) -> st.SearchStrategy[int]:
    """The allowed values of TA, TB or TC of a level; the protocol is the T in the TD before it."""
    if letter == "A" and level == 1:
        return st.builds(lambda fi, di: fi << 4 | di, st.sampled_from([*range(7), *range(9, 14)]), st.integers(1, 9))
    if letter == "C" and level == 2:
        return st.integers(1, 0xFF)
    if level > 2 and protocol == 1 and letter == "A":
        return st.integers(1, 0xFE)
    if level > 2 and protocol == 1 and letter == "B":
        return st.integers(0, 0x9F)
    if level > 2 and protocol == 15 and letter == "A":
        return st.builds(
            lambda stop, classes: stop << 6 | classes, st.integers(0, 3), st.sampled_from([1, 2, 3, 4, 6, 7])
        )
    return BYTE


@st.composite
def atrs(draw: st.DrawFn) -> bytes:
    """An ATR with up to four levels of interface bytes."""
    protocols = sorted(draw(st.lists(st.sampled_from([0, 1, 14, 15]), max_size=3)))
    if protocols[:1] == [15]:
        protocols.insert(0, 0)
    historical = draw(historical_bytes())
    levels = [draw(st.sets(st.sampled_from("ABC"))) for _ in range(len(protocols) + 1)]
    masks = [sum(1 << "ABC".index(letter) for letter in letters) | 8 for letters in levels]
    masks[-1] &= 7  # the last level has no TD
    raw = [masks[0] << 4 | len(historical)]
    for level, letters in enumerate(levels, start=1):
        raw += [draw(interface_byte(letter, level, [0, *protocols][level - 1])) for letter in sorted(letters)]
        if level < len(levels):
            raw.append(masks[level] << 4 | protocols[level - 1])
    raw += historical
    tck = [reduce(xor, raw)] if set(protocols) - {0} else []
    return bytes([draw(st.sampled_from([0x3B, 0x3F])), *raw, *tck])


# What is checked of bytes that a parser accepts


def check_command(raw: bytes) -> None:
    command = Command.decode(raw)
    assert bytes(command) == raw
    if not command.cla & 0x10:
        assert b"".join(one.data for one in command.chain()) == command.data


def check_response(raw: bytes) -> None:
    assert bytes(Response(raw)) == raw


def check_ber_tlv(raw: bytes) -> None:
    decode(raw, padding=True, allow_tags=b"\xff")
    objects = decode(raw)
    assert encode(objects) == raw
    for names in TABLES:
        lines = objects.tree(names=names).split("\n")
        assert len(lines) >= len(objects)
    assert str(decode(raw, lenient=True)) is not None
    assert all(repr(one).startswith("<TLV ") for one in objects)
    decode_children(objects, DEPTH)


def decode_children(objects: list[TLV], depth: int) -> None:
    for one in objects:
        if one.constructed and depth:
            decode_children(one.children(), depth - 1)


def check_simple_tlv(raw: bytes) -> None:
    decode_simple(raw, padding=True)
    assert encode(decode_simple(raw)) == raw


def check_dol(raw: bytes) -> None:
    wanted = DOL.decode(raw)
    assert bytes(wanted) == raw
    filled = wanted.fill({tag: b"\x12\x34\x56" for tag, _ in wanted})
    assert len(filled) == wanted.length


def check_atr(raw: bytes) -> None:
    lenient = Atr(raw, lenient=True)
    strict = None if lenient.problems else Atr(raw)
    for atr in filter(None, (lenient, strict)):
        assert bytes(atr) == raw
        for name in ATR_PROPERTIES:
            getattr(atr, name)
        atr.guard_time(1)
        assert atr.describe()
        assert {atr: repr(atr)}[Atr(raw, lenient=True)].startswith("<Atr ")
        atr.historical()
    Atr(raw)


PARSERS = {
    "command": Parser(check_command, MalformedCommandError, COMMANDS.map(bytes)),
    "response": Parser(check_response, MalformedResponseError, st.binary(min_size=2, max_size=4)),
    "ATR": Parser(check_atr, MalformedAtrError, atrs()),
    "BER-TLV": Parser(check_ber_tlv, MalformedTLVError, BER_TLVS),
    "data object list": Parser(check_dol, MalformedDOLError, DOLS),
    "SIMPLE-TLV": Parser(check_simple_tlv, MalformedTLVError, SIMPLE_TLVS),
}


@pytest.mark.parametrize("name", PARSERS)
def test_a_parser_accepts_bytes_or_raises_its_own_error(name: str) -> None:
    outcomes = check_parser(PARSERS[name])
    report(f"generated inputs for the {name} parser: {outcomes['accepted']} accepted, {outcomes['refused']} refused")
    assert_both_outcomes(outcomes)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (IndexError(), IndexError),
        (MalformedResponseError("another parser"), MalformedResponseError),
        (MalformedCommandError("wrong offset", 5), AssertionError),
    ],
)
def test_the_check_fails_if_a_parser_raises_another_error_or_a_wrong_offset(
    raised: Exception, expected: type[Exception]
) -> None:
    def check(_: bytes) -> None:
        raise raised

    with pytest.raises(expected):
        is_accepted(Parser(check, MalformedCommandError, st.just(b"1234")), b"1234")


# Values that are encoded and decoded


@given(COMMANDS)
def test_a_command_equals_the_command_that_is_decoded_from_its_bytes(command: Command) -> None:
    assert Command.decode(bytes(command)) == command


def rebuilt(objects: list[TLV]) -> bytes:
    """Encode the objects again, with the value of every constructed object built from its children."""
    return encode(
        TLV(one.tag, rebuilt(one.children()) if one.constructed else one.value, one.length_size) for one in objects
    )


@given(BER_TLVS)
def test_nested_objects_keep_the_sizes_of_their_length_fields(raw: bytes) -> None:
    assert rebuilt(decode(raw)) == raw
