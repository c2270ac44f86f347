"""read_binary_into and update_binary_from: whole transparent files, in place, also beyond 32 KiB."""

import contextlib
import random
from collections.abc import Callable

import pytest
from conftest import Place
from support.callback_card import CallbackLibrary

from scardffi import InvalidArgumentError, RemovedCardError, ReturnCode, SCardError, SCardManage, UnexpectedStateError
from scardffi.iso7816.status_word import StatusError


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


def wrapped(tag: int, data: bytes) -> bytes:
    """Return a BER-TLV data object."""
    length = bytes([len(data)]) if len(data) < 0x80 else bytes([0x81, len(data)])
    return bytes([tag]) + length + data


def file_card(memory: bytearray, *, end: str = "6282", strict_le: bool = False) -> Callable[[bytes], bytes]:
    """Return a card with one file, which at the end of the file warns, refuses the offset, or returns fewer bytes."""

    def read(offset: int, wanted: int) -> tuple[bytes, bytes]:
        data = bytes(memory[offset : offset + wanted])
        if offset >= len(memory):
            return b"", b"\x6b\x00"
        return data, b"\x90\x00" if len(data) == wanted or end != "6282" else b"\x62\x82"

    def answer(command: bytes) -> bytes:
        ins, p1, p2 = command[1], command[2], command[3]
        near = (p1 << 8) | p2
        if ins == 0xB0:
            wanted = command[4] or 256
            left = len(memory) - near
            if strict_le and 0 < left < wanted:
                return bytes([0x6C, left])
            data, sw = read(near, wanted)
            return data + sw
        if ins == 0xD6:
            memory[near : near + command[4]] = command[5:]
            return b"\x90\x00"
        far = int.from_bytes(command[7:10], "big")
        assert command[5:7] == b"\x54\x03"
        if ins == 0xB1:
            wanted = (command[10] or 256) - (2 if command[10] and command[10] < 0x82 else 3)
            data, sw = read(far, wanted)
            return (wrapped(0x53, data) if data else b"") + sw
        assert ins == 0xD7
        assert command[10] == 0x53
        data = command[12:] if command[11] < 0x80 else command[13:]
        memory[far : far + len(data)] = data
        return b"\x90\x00"

    return answer


@pytest.mark.parametrize("end", ["6282", "6b00", "short"])
@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 258, 511, 512, 513, 1000, 32767, 32768, 32769, 33100, 70000])
def test_a_whole_file_is_read_into_a_buffer_of_its_size(size: int, end: str, cards: CallbackLibrary) -> None:
    content = bytearray(random.Random(size).randbytes(size))
    with cards.attach(file_card(content, end=end)) as card:
        buffer = bytearray(size)
        assert card.read_binary_into(buffer) == size
        assert buffer == content


@pytest.mark.parametrize("end", ["6282", "6b00", "short"])
@pytest.mark.parametrize("size", [1, 100, 256, 300, 512, 32768, 33000])
def test_the_result_is_the_files_length_if_the_buffer_is_larger(size: int, end: str, cards: CallbackLibrary) -> None:
    content = bytearray(random.Random(size).randbytes(size))
    for strict_le in (False, True):
        with cards.attach(file_card(content, end=end, strict_le=strict_le)) as card:
            buffer = bytearray(b"#" * (size + 700))
            assert card.read_binary_into(buffer) == size
            assert buffer[:size] == content
            assert buffer[size + 2 :] == b"#" * 698


@pytest.mark.parametrize("offset", [0, 1, 255, 256, 32767, 32768, 39000])
def test_a_transfer_begins_at_the_offset(offset: int, cards: CallbackLibrary) -> None:
    content = bytearray(random.Random(1).randbytes(40000))
    with cards.attach(file_card(content)) as card:
        buffer = bytearray(700)
        assert card.read_binary_into(buffer, offset) == 700
        assert buffer == content[offset : offset + 700]


def test_no_byte_is_written_outside_the_buffer(cards: CallbackLibrary) -> None:
    content = bytearray(random.Random(1).randbytes(40000))
    with cards.attach(file_card(content)) as card:
        for size in (1, 2, 3, 254, 255, 256, 257, 258, 259, 600):
            for offset in (0, 32700):
                whole = bytearray(b"#" * (size + 200))
                assert card.read_binary_into(memoryview(whole)[100 : 100 + size], offset) == size
                assert whole == b"#" * 100 + content[offset : offset + size] + b"#" * 100


def test_random_parts_are_read_and_written_as_in_a_file_in_memory(cards: CallbackLibrary) -> None:
    chance = random.Random(7)
    content = bytearray(chance.randbytes(35000))
    mirror = bytearray(content)
    with cards.attach(file_card(content)) as card:
        for _ in range(300):
            offset = chance.randrange(35000)
            size = chance.randrange(1, min(900, 35000 - offset) + 1)
            if chance.random() < 0.5:
                data = chance.randbytes(size)
                mirror[offset : offset + size] = data
                assert card.update_binary_from(data, offset) == size
            else:
                buffer = bytearray(size)
                assert card.read_binary_into(buffer, offset) == size
                assert buffer == mirror[offset : offset + size]
        assert content == mirror


def test_an_empty_buffer_sends_no_command(cards: CallbackLibrary) -> None:
    with cards.attach(file_card(bytearray(10))) as card:
        assert card.read_binary_into(bytearray()) == 0
        assert card.update_binary_from(b"") == 0
        assert cards.log == []


def test_a_refusal_raises_an_error_with_the_status_word_and_the_bytes_transferred(cards: CallbackLibrary) -> None:
    answers = iter([bytes(256) + b"\x90\x00", b"\x69\x82"])
    with cards.attach(lambda _: next(answers)) as card:
        with pytest.raises(
            StatusError, match=r"^READ BINARY: security status not satisfied \(6982\) after 256 bytes$"
        ) as failure:
            card.read_binary_into(bytearray(1000), 100)
        assert (failure.value.sw, failure.value.arrived) == (0x6982, 256)
    answers = iter([b"\x90\x00", b"\x6a\x84"])
    with cards.attach(lambda _: next(answers)) as card:
        with pytest.raises(StatusError, match="6A84") as failure:
            card.update_binary_from(bytes(1000))
        assert (failure.value.sw, failure.value.arrived) == (0x6A84, 255)
    with cards.attach(lambda _: b"\x6b\x00") as card, pytest.raises(StatusError, match="6B00"):
        card.read_binary_into(bytearray(10), 5000)


def test_after_a_removal_the_error_has_the_number_of_bytes_transferred(cards: CallbackLibrary) -> None:
    answers: list[bytes | int] = [bytes(range(256)) + b"\x90\x00", ReturnCode.SCARD_W_REMOVED_CARD]
    one_by_one = iter(answers)
    with cards.attach(lambda _: next(one_by_one)) as card:
        buffer = bytearray(1000)
        with pytest.raises(RemovedCardError) as failure:
            card.read_binary_into(buffer)
        assert failure.value.arrived == 256
        assert buffer[:256] == bytes(range(256))


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x90", bytes(300) + b"\x90\x00", b"\x53\x05abc\x90\x00", b"\x54\x01a\x90\x00", b"\x53\x84\x90\x00"],
)
@pytest.mark.parametrize("offset", [0, 40000])
def test_an_answer_without_a_status_word_raises_an_error_and_leaves_the_buffer_intact(
    answer: bytes, offset: int, cards: CallbackLibrary
) -> None:
    with cards.attach(lambda _: answer) as card:
        whole = bytearray(b"#" * 120)
        with contextlib.suppress(SCardError):
            assert card.read_binary_into(memoryview(whole)[50:70], offset) <= 20
        assert whole[:50] == whole[70:] == b"#" * 50


def test_wrong_arguments_are_refused_before_a_command_is_sent(cards: CallbackLibrary) -> None:
    with cards.attach(file_card(bytearray(10))) as card:
        for offset in (-1, 1 << 24):
            with pytest.raises(InvalidArgumentError, match=f"offset: {offset} is not allowed; give 0 to 16777206"):
                card.read_binary_into(bytearray(10), offset)
        with pytest.raises(TypeError, match="buffer: expected a writable"):
            card.read_binary_into(bytes(10))
        with pytest.raises(TypeError, match="offset: expected an int"):
            card.update_binary_from(b"1", 1.5)  # type: ignore[arg-type]  # the test passes a wrong type
        assert cards.log == []
        card.detach()
        with pytest.raises(UnexpectedStateError):
            card.read_binary_into(bytearray(10))
        with pytest.raises(UnexpectedStateError):
            card.update_binary_from(b"1")


def test_the_virtual_card_and_the_card_in_pcscd_have_the_same_file(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        buffer = bytearray(30000)
        assert card.read_binary_into(buffer) == 30000
        assert buffer == bytes((i ^ (i >> 8)) & 0xFF for i in range(30000))
