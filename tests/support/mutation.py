"""Mutated inputs for the parsers of ISO/IEC 7816 and of readers' pads, by a seed: each is read, or refused by an error.

The tests give each parser 20 000 of them. By hand, a million for each, or as many as you say:

    python tests/support/mutation.py 1000000
"""

import random
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from scardffi.iso7816.atr import Atr, MalformedAtrError
from scardffi.iso7816.command import Command, MalformedCommandError
from scardffi.iso7816.instructions import change_reference_data, read_binary, select_file, verify
from scardffi.iso7816.malformed import MalformedError
from scardffi.iso7816.response import MalformedResponseError, Response
from scardffi.iso7816.tlv import TLV, MalformedTLVError, SimpleTLV, decode, decode_simple, encode
from scardffi.services.pin_structures import (
    MalformedPinDataError,
    PinModify,
    PinProperties,
    PinVerify,
    decode_features,
    decode_properties,
)

DEPTH = 8


class Parser(NamedTuple):
    """A parser under test: what it is fed with, before mutation, and the one error that it may raise."""

    read: Callable[[bytes], None]
    error: type[MalformedError]
    seeds: list[bytes]


class Outcome(NamedTuple):
    """How many inputs were read, and how many refused."""

    read: int
    refused: int


def read_command(raw: bytes) -> None:
    command = Command.decode(raw)
    assert bytes(command) == raw
    if not command.cla & 0x10:
        assert b"".join(one.data for one in command.chain()) == command.data


def read_response(raw: bytes) -> None:
    assert bytes(Response(raw)) == raw


def open_all(objects: list[TLV], depth: int) -> None:
    for one in objects:
        if one.constructed and depth:
            open_all(one.children(), depth - 1)


def read_tlv(raw: bytes) -> None:
    decode(raw, padding=True)
    objects = decode(raw)
    assert encode(objects) == raw
    open_all(objects, DEPTH)


def read_simple_tlv(raw: bytes) -> None:
    decode_simple(raw, padding=True)
    assert encode(decode_simple(raw)) == raw


ATR_PROPERTIES = [name for name, value in vars(Atr).items() if isinstance(value, property)]


def read_atr(raw: bytes) -> None:
    lenient = Atr(raw, lenient=True)
    strict = None if lenient.problems else Atr(raw)
    for atr in filter(None, (lenient, strict)):
        assert bytes(atr) == raw
        for name in ATR_PROPERTIES:
            getattr(atr, name)
        atr.guard_time(1)
        atr.historical()
    Atr(raw)


def void(_: object) -> None:
    """Nothing: what was read needs no look."""


def read_pin_verify(raw: bytes) -> None:
    assert PinVerify.decode(raw).encode() == raw


def read_pin_modify(raw: bytes) -> None:
    assert PinModify.decode(raw).encode() == raw


def read_pin_properties(raw: bytes) -> None:
    assert PinProperties.decode(raw).encode() == raw


NESTED = TLV(0x6F, encode([TLV(0x84, b"\xa0\x00\x00"), TLV(0xA5, encode([TLV(0x9F38, bytes(3)), TLV(0x5F2D, b"en")]))]))
PARSERS: dict[str, Parser] = {
    "command": Parser(
        read_command,
        MalformedCommandError,
        [
            bytes(command)
            for command in (
                Command(0x00, 0x70),
                read_binary(8),
                verify(b"1234", 1),
                select_file(b"\xa0\x00"),
                read_binary(0, 65536),
                Command(0x00, 0xDB, 0x3F, 0xFF, bytes(range(256)), 300),
                change_reference_data(b"1234", b"5678"),
            )
        ],
    ),
    "response": Parser(read_response, MalformedResponseError, [b"\x90\x00", b"data\x61\x10"]),
    "ATR": Parser(
        read_atr,
        MalformedAtrError,
        [
            bytes.fromhex("3B02 1450"),
            bytes.fromhex("3BE9000081 31FE45 4A434F503431563232 A7"),
            bytes.fromhex("3B9F96801FC7 8031E073FE211B6340419183079000 50"),
            bytes.fromhex("3B8F8001 804F0CA0000003060300010000 0000 6A"),
            bytes.fromhex("3FE6960591 91F1FE45013FC38C 0031C0079000 28"),
        ],
    ),
    "BER-TLV": Parser(
        read_tlv,
        MalformedTLVError,
        [
            bytes(NESTED),
            bytes(TLV(0x62, bytes(NESTED) * 2, 4)),
            bytes(TLV(0x53, bytes(200))),
            encode([TLV(0x81, b"\x01"), TLV(0xDF8129, b"\x02", 2), TLV(0x80)]) + b"\xff\xff",
        ],
    ),
    "SIMPLE-TLV": Parser(
        read_simple_tlv,
        MalformedTLVError,
        [encode([SimpleTLV(1, b"\x01"), SimpleTLV(2, b"\x02", 3), SimpleTLV(3, bytes(260))]), bytes(SimpleTLV(0xFE))],
    ),
    "PIN_VERIFY": Parser(read_pin_verify, MalformedPinDataError, [PinVerify(data=bytes(range(13))).encode()]),
    "PIN_MODIFY": Parser(read_pin_modify, MalformedPinDataError, [PinModify(data=bytes(range(21))).encode()]),
    "PIN_PROPERTIES": Parser(read_pin_properties, MalformedPinDataError, [PinProperties(0x0210).encode()]),
    "features": Parser(
        lambda raw: void(decode_features(raw)),
        MalformedPinDataError,
        [bytes.fromhex("06044200 0BB8 0704 42000BB9 0A04 42000BBA")],
    ),
    "properties": Parser(
        lambda raw: void(decode_properties(raw)),
        MalformedPinDataError,
        [bytes.fromhex("01021002 060104 07010C 0803312E30 0A0400000100")],
    ),
}


def mutated(source: random.Random, seeds: list[bytes]) -> bytes:
    """One of the seeds after one to four changes, or now and then bytes by chance."""
    if source.random() < 0.02:
        return source.randbytes(source.randrange(40))
    raw = bytearray(source.choice(seeds))
    for _ in range(source.randint(1, 4)):
        place = source.randrange(len(raw) + 1)
        other = source.randrange(len(raw) + 1)
        piece = raw[min(place, other) : max(place, other)][:16]
        change = source.randrange(6)
        if change < 2 and place < len(raw):
            raw[place] = source.choice(
                [raw[place] ^ 1 << source.randrange(8), 0, 0x7F, 0x80, 0xFF, source.randrange(256)]
            )
        elif change == 2:
            del raw[place : place + len(piece)]
        elif change == 3:
            raw[place:place] = piece
        elif change == 4:
            raw[place:place] = source.choice(seeds)[:16]
        else:
            del raw[max(place, 1) :]
    return bytes(raw)


def run(parser: Parser, count: int, seed: int) -> Outcome:
    """Feed the parser with so many inputs.

    Raises:
        AssertionError: it raised another error than its own, or one that points outside of the input, or did not give
            back what it read; the input is in the message.
    """
    source = random.Random(seed)
    refused = 0
    for _ in range(count):
        raw = mutated(source, parser.seeds)
        try:
            parser.read(raw)
        except Exception as error:  # any: one that is not the parser's own is what is looked for
            if not isinstance(error, parser.error) or not 0 <= error.offset <= len(raw):
                raise AssertionError(f"{error!r} for {raw.hex()}") from error
            refused += 1
    return Outcome(count - refused, refused)


def main() -> None:
    """Feed every parser with as many inputs as the first argument says, by a seed that is printed."""
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(1 << 32)
    for name, parser in PARSERS.items():
        start = time.monotonic()
        outcome = run(parser, int(sys.argv[1]), seed)
        seconds = time.monotonic() - start
        print(f"{name}: {outcome.read} read, {outcome.refused} refused in {seconds:.0f} s, seed {seed}")  # noqa: T201  by hand


if __name__ == "__main__":
    main()
