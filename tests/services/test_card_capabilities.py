"""The capabilities that cards state."""

import random

import pytest

from scardffi.iso7816.tlv import TLV
from scardffi.services.card_capabilities import CardCapabilities, WriteBehaviour

ATR = bytes.fromhex("3B85018073F741C001")
LIMITS = "7F66080202{:04X}0202{:04X}"


def test_capabilities_are_read_from_the_historical_bytes() -> None:
    said = CardCapabilities.of(ATR)
    assert said.select_by_path
    assert said.select_by_partial_name
    assert said.short_ids
    assert not said.select_implicitly
    assert said.write_behaviour == WriteBehaviour.OR
    assert (said.data_unit, said.channels) == (1, 1)
    assert said.chaining
    assert said.extended_length
    assert said.has_mf is None
    assert (said.read_chunk, said.write_chunk) == (256, 255)


def test_a_card_that_states_nothing_has_default_capabilities() -> None:
    assert CardCapabilities.of(b"") == CardCapabilities()
    assert CardCapabilities.of(bytes.fromhex("3B00")) == CardCapabilities()
    assert (CardCapabilities().read_chunk, CardCapabilities().write_chunk) == (256, 255)


def test_ef_atr_takes_precedence_over_the_historical_bytes_and_its_padding_is_skipped() -> None:
    said = CardCapabilities.of(ATR, bytes.fromhex("43018147030000190000FFFF"))
    assert (said.select_by_path, said.extended_length, said.data_unit) == (False, False, 0.5)
    assert (said.has_mf, said.channels, said.channel_by_card, said.channel_by_program) == (False, 2, True, True)
    assert said.write_behaviour == WriteBehaviour.ONE_TIME


@pytest.mark.parametrize(
    ("atr", "command", "response", "write", "read"),
    [
        (ATR, 0x0400, 0x0800, 0x0400 - 9, 0x0800 - 2),
        (ATR, 0xFFFF, 0xFFFF, 0xFFFF - 9, 0xFFFF - 2),
        (ATR, 100, 66, 91, 64),
        (ATR, 0, 0, 1, 1),
        (b"", 0x0400, 0x0800, 255, 256),
    ],
)
def test_chunks_are_within_the_limits(atr: bytes, command: int, response: int, write: int, read: int) -> None:
    content = bytes.fromhex(LIMITS.format(command, response))
    said = CardCapabilities.of(atr, content)
    assert (said.command_limit, said.response_limit) == (command, response)
    assert (said.write_chunk, said.read_chunk) == (write, read)
    (template,) = [TLV(0x7F66, content[3:])]
    assert CardCapabilities.of(atr, information=(template,)) == said


def test_any_bytes_can_be_parsed() -> None:
    chance = random.Random(43)
    for _ in range(3000):
        raw = bytearray(ATR + bytes.fromhex("4301B8" + LIMITS.format(900, 900)))
        for _ in range(3):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        said = CardCapabilities.of(raw[: len(ATR)], raw[len(ATR) :])
        assert said.read_chunk >= 1 <= said.write_chunk
