"""Transparent files of cards that count offsets in another unit than bytes."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING

import pytest

from scardffi.iso7816.command import Command
from scardffi.services.file_access import FileAccess

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from scardffi.services.card_file import CardFile

UNITS = {0: 0.5, 1: 1, 2: 2, 3: 4, 4: 8, 10: 512}
"""The data units in bytes, by the lower half of the data coding byte."""
SIZE = 5000


class UnitCard:
    """A card with one file, which counts offsets in its data unit and refuses to write a part of a unit."""

    def __init__(self, content: bytes, unit: float, *, fcp: str = "", atr: str = "") -> None:
        self.content = bytearray(content)
        self.unit = unit
        self.fcp = bytes.fromhex(fcp)
        self.atr = bytes.fromhex(atr)
        self.offsets: list[int] = []

    def transmit(self, command: Buffer, /) -> bytes:
        """Answer SELECT, READ BINARY and UPDATE BINARY."""
        apdu = Command.decode(command)
        if apdu.ins == 0xA4:
            return (self.fcp if apdu.data == b"\x50\x01" else b"") + b"\x90\x00"
        number = apdu.p1 << 8 | apdu.p2
        if apdu.ins not in {0xB0, 0xD6} or number >= 0x8000:
            return b"\x6d\x00"
        self.offsets.append(number)
        start = int(number * self.unit)
        if start >= len(self.content):
            return b"\x6b\x00"
        if apdu.ins == 0xB0:
            assert apdu.le is not None
            return bytes(self.content[start : start + apdu.le]) + b"\x90\x00"
        end = start + len(apdu.data)
        if end > len(self.content) or (end < len(self.content) and end % self.unit):
            return b"\x67\x00"
        self.content[start:end] = apdu.data
        return b"\x90\x00"


def fcp(coding: int) -> str:
    return f"62088002{SIZE:04X}820201{coding:02X}"


def opened(card: UnitCard, *, lenient: bool = False) -> CardFile:
    return FileAccess(card, lenient=lenient).open("5001", "r+b")


@pytest.mark.parametrize("coding", UNITS)
def test_random_reads_and_writes_are_the_same_as_on_a_file_in_memory(coding: int) -> None:
    chance = random.Random(coding)
    content = chance.randbytes(SIZE)
    card = UnitCard(content, UNITS[coding], fcp=fcp(coding))
    memory = io.BytesIO(content)
    file = opened(card)
    assert file.data_unit == UNITS[coding]
    for _ in range(300):
        place = chance.randrange(SIZE)
        assert file.seek(place) == memory.seek(place)
        if chance.randrange(2):
            size = chance.choice([1, 3, chance.randrange(900)])
            assert file.read(size) == memory.read(size)
        else:
            data = chance.randbytes(min(SIZE - place, chance.choice([1, 3, chance.randrange(900)])))
            assert file.write(data) == memory.write(data)
    file.seek(0)
    assert file.read() == memory.getvalue() == bytes(card.content)


def test_offsets_in_commands_count_data_units() -> None:
    card = UnitCard(bytes(SIZE), 4, fcp=fcp(3))
    file = opened(card)
    file.seek(1000)
    file.read(8)
    file.seek(1003)
    file.read(8)
    assert card.offsets == [250, 250]


def test_the_unit_of_the_historical_bytes_is_used_if_the_file_states_none() -> None:
    card = UnitCard(bytes(SIZE), 2, fcp=f"62048002{SIZE:04X}", atr="3B 04 80 72 D6 22")
    assert opened(card).data_unit == 2
    card.fcp = bytes.fromhex(fcp(1))
    assert opened(card).data_unit == 1


@pytest.mark.parametrize("source", [{"fcp": fcp(0)}, {"fcp": f"62048002{SIZE:04X}", "atr": "3B 04 80 72 D6 20"}])
def test_half_a_byte_is_believed_only_if_reading_is_not_lenient(source: dict[str, str]) -> None:
    card = UnitCard(bytes(SIZE), 1, **source)
    assert opened(card, lenient=True).data_unit == 1
    assert opened(card, lenient=False).data_unit == 0.5


def test_a_program_can_set_the_unit() -> None:
    content = random.Random(1).randbytes(SIZE)
    card = UnitCard(content, 8, fcp=fcp(1))
    file = opened(card)
    file.data_unit = 8
    assert file.read() == content
    for wrong in (0, 3, 0.25, 32768):
        with pytest.raises(ValueError, match=f"^data_unit: {wrong} is not allowed; give 0.5, 1, 2, 4"):
            file.data_unit = wrong


def test_the_size_of_a_file_that_states_none_is_found_in_bytes() -> None:
    card = UnitCard(bytes(SIZE), 4, fcp="6204 82020103")
    file = opened(card)
    assert file.seek(0, io.SEEK_END) == SIZE
    assert file.write(b"") == 0
    file.seek(SIZE - 3)
    assert file.read() == bytes(3)
