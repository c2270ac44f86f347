"""read_binary_into and update_binary_from with the argument chunk, which sets the length of the commands."""

from __future__ import annotations

import random
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from scardffi import InvalidArgumentError, Library, Protocol, SCardManage, exchange, virtual
from scardffi.iso7816 import command
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import FileInformation, select_file
from scardffi.iso7816.status_word import StatusError
from scardffi.virtual.card import ANSWERING_ATR
from scardffi.virtual.file_system import DF, FILE_SYSTEM_ATR, FileSystemCard, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Iterator

READER = "Reader of long commands"
SIZES = [1, 6, 255, 256, 257, 258, 259, 1000, 4096, 32767, 32768, 32769, 33100, 60000]
CHUNKS = [1, 5, 100, 255, 256, 257, 261, 2048, 65535, 65536]


class Recording:
    """A card with one file that records the commands."""

    def __init__(self, size: int, atr: bytes = FILE_SYSTEM_ATR) -> None:
        self.file = TransparentEF(0x5001, random.Random(size).randbytes(size))
        self._card = FileSystemCard(DF(files=[self.file]), atr=atr)
        self.atr = atr
        self.commands: list[Command] = []

    def transmit(self, command: bytes) -> bytes:
        """Record the command, and return the card's response."""
        self.commands.append(Command.decode(command))
        return self._card.transmit(command)


@contextmanager
def selected(card: Recording, protocol: Protocol = Protocol.T1) -> Iterator[SCardManage]:
    """Attach to the card in a reader, with its file selected."""
    library = Library(virtual.library_path())
    with virtual.VirtualReader(READER, card), SCardManage(library).attach_by_ifd(READER, protocols=protocol) as manage:
        manage.transmit(select_file(b"\x50\x01", information=FileInformation.NONE).encode())
        card.commands.clear()
        yield manage


@pytest.mark.parametrize("name", ["SHORT_DATA", "SHORT_LE", "EXTENDED_DATA", "EXTENDED_LE"])
def test_exchange_and_iso7816_have_the_same_limits(name: str) -> None:
    assert getattr(exchange, name) == getattr(command, name)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("size", SIZES)
def test_each_read_command_asks_for_one_chunk(size: int, chunk: int) -> None:
    if size > 1000 and chunk < 100:
        size = 32768 + 50 if size > 32768 else 300  # each byte needs a command
    card = Recording(size)
    with selected(card) as manage:
        buffer = bytearray(size + 10)
        start = max(0, size - 400) if chunk < 100 else 0
        assert manage.read_binary_into(memoryview(buffer)[: size - start], start, chunk=chunk) == size - start
        assert buffer[: size - start] == card.file.content[start:]
        assert bytes(buffer[size - start :]) == bytes(10 + start), "a byte outside the buffer has changed"
        far = [command for command in card.commands if command.ins == 0xB1]
        assert all((command.le or 0) <= max(chunk, 3) for command in card.commands)
        assert (len(far) > 0) == (size > 32768)
        if chunk > 4096:
            assert len(card.commands) <= 6


@pytest.mark.parametrize("chunk", CHUNKS[:-1])
@pytest.mark.parametrize("size", SIZES)
def test_each_write_command_has_one_chunk_of_data(size: int, chunk: int) -> None:
    if size > 1000 and chunk < 100:
        size = 32768 + 50 if size > 32768 else 300
    card = Recording(size)
    start = max(0, size - 400) if chunk < 100 else 0
    content = random.Random(chunk).randbytes(size - start)
    expected = bytes(card.file.content[:start]) + content
    with selected(card) as manage:
        assert manage.update_binary_from(content, start, chunk=chunk) == size - start
        assert bytes(card.file.content) == expected
        assert all(len(command.data) <= max(chunk, 9) for command in card.commands)
        if chunk > 4096:
            assert len(card.commands) <= 3


@pytest.mark.parametrize("size", [300, 33000])
def test_a_read_ends_at_the_end_of_the_file(size: int) -> None:
    card = Recording(size)
    with selected(card) as manage:
        buffer = bytearray(size + 3000)
        assert manage.read_binary_into(buffer, chunk=2048) == size
        assert buffer[:size] == card.file.content


def test_t0_takes_short_commands_only() -> None:
    card = Recording(3000, ANSWERING_ATR)
    with selected(card, Protocol.T0) as manage:
        buffer = bytearray(3000)
        assert manage.read_binary_into(buffer, chunk=2048) == 3000
        assert manage.update_binary_from(bytes(3000), chunk=2048) == 3000
    assert not any(command.extended for command in card.commands)
    assert bytes(card.file.content) == bytes(3000)


def test_a_card_that_refuses_long_commands_raises_its_status_error() -> None:
    class Short(Recording):
        def transmit(self, command: bytes) -> bytes:
            return b"\x67\x00" if Command.decode(command).extended else super().transmit(command)

    with selected(Short(1000)) as manage:
        with pytest.raises(StatusError) as caught:
            manage.read_binary_into(bytearray(1000), chunk=500)
        assert (caught.value.sw, caught.value.arrived) == (0x6700, 0)
        assert manage.read_binary_into(bytearray(1000)) == 1000


@pytest.mark.parametrize("chunk", [0, -1, 65537])
def test_a_wrong_chunk_is_refused_before_a_command_is_sent(chunk: int) -> None:
    card = Recording(10)
    with selected(card) as manage:
        with pytest.raises(InvalidArgumentError, match=f"chunk: {chunk} is not allowed; give 1 to 65536"):
            manage.read_binary_into(bytearray(10), chunk=chunk)
        with pytest.raises(InvalidArgumentError, match=f"chunk: {chunk} is not allowed; give 1 to 65535"):
            manage.update_binary_from(bytes(10), chunk=chunk)
        with pytest.raises(TypeError, match="chunk"):
            manage.read_binary_into(bytearray(10), chunk=2.5)  # type: ignore[arg-type]  # the test passes a wrong type
    assert card.commands == []


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 2050, 2060])
@pytest.mark.parametrize("head", ["", "53", "5382", "538207FF", "5382FFFF", "5384", "54820400", "53820400"])
def test_hostile_answers_write_no_byte_outside_the_buffer(head: str, length: int) -> None:
    class Hostile(Recording):
        def transmit(self, command: bytes) -> bytes:
            ours = Command.decode(command)
            return (
                bytes.fromhex(head).ljust(length, b"x") + b"\x90\x00" if ours.ins == 0xB1 else super().transmit(command)
            )

    with selected(Hostile(10)) as manage:
        whole = bytearray(5000)
        part = memoryview(whole)[1000:3040]
        try:
            assert manage.read_binary_into(part, 40000, chunk=2048) <= len(part)
        except Exception as error:  # noqa: BLE001  any error is allowed; the test is about the memory
            assert type(error).__module__ == "scardffi.errors"  # noqa: PT017  as above
        assert not any(whole[:1000])
        assert not any(whole[3040:])
