"""Bytes that the targets accept: strategies of hypothesis, and the seeds of the coverage-guided fuzzing."""

import json
from functools import reduce
from operator import xor
from pathlib import Path

from hypothesis import strategies as st

from scardffi.iso7816.command import Command

SEEDS = Path(__file__).parent / "seeds"
BYTE = st.integers(0, 0xFF)


def seeds_of(name: str) -> list[bytes]:
    """Return the inputs in ``seeds/NAME.txt``: one on each line, in hexadecimal or as a string of JSON."""
    lines = (SEEDS / f"{name}.txt").read_text(encoding="ascii").split("\n")
    return [json.loads(line).encode() if line.startswith('"') else bytes.fromhex(line) for line in lines if line]


def text_of(raw: bytes) -> str:
    """Return an input as a line of such a file."""
    text = raw.decode("ascii", "replace")
    return json.dumps(text) if text.isprintable() and text.isascii() and text else raw.hex().upper()


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


# PIN pads


def structure(size: int) -> st.SearchStrategy[bytes]:
    """A PIN structure: numbers of this size in total, the length of the APDU, and the APDU."""
    return st.builds(
        lambda numbers, apdu: numbers + len(apdu).to_bytes(4, "little") + apdu,
        st.binary(min_size=size, max_size=size),
        st.binary(max_size=20),
    )


def short_objects(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Objects of a tag byte, a length byte and a value."""
    one = st.builds(lambda tag, value: bytes([tag, len(value)]) + value, st.integers(0, 40), values)
    return st.lists(one, max_size=5).map(b"".join)


VALID = {
    "command": COMMANDS.map(bytes),
    "response": st.binary(min_size=2, max_size=4),
    "atr": atrs(),
    "ber_tlv": BER_TLVS,
    "dol": DOLS,
    "simple_tlv": SIMPLE_TLVS,
    "pin_verify": structure(15),
    "pin_modify": structure(20),
    "pin_properties": st.binary(min_size=4, max_size=4),
    "features": short_objects(st.binary(min_size=4, max_size=4)),
    "properties": short_objects(st.binary(min_size=1, max_size=4)),
}
"""Strategies by the name of the target."""
