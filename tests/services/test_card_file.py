"""A transparent file as a file object: the same results as for a file in memory, no allocations, and errors."""

from __future__ import annotations

import io
import random
import tracemalloc
from typing import TYPE_CHECKING

import pytest
from support.cards import KINDS, ScriptedCard, SilentCard, card_with_directories, transmitter
from support.reports import report

from scardffi import RemovedCardError, ReturnCode, SCardManage, virtual
from scardffi.iso7816.malformed import MalformedError
from scardffi.iso7816.response import MalformedResponseError
from scardffi.iso7816.status_word import SecurityStatusNotSatisfiedError, StatusError, WrongParametersError
from scardffi.services.file_access import FileAccess
from scardffi.virtual.file_system import DF, FileSystemCard, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from scardffi.services.card_file import CardFile

OPERATIONS = 10_000
LARGE = 32 * 1024
NO_ATR = ""


def card_of(content: bytes) -> FileSystemCard:
    return FileSystemCard(DF(files=[TransparentEF(0x5001, content)]))


def scripted(*answers: str, size: int | None = None) -> tuple[ScriptedCard, CardFile]:
    """Open the file of a scripted card for reading and writing."""
    fcp = "9000" if size is None else f"6207820101 8002{size:04X} 9000".replace(" ", "")
    card = ScriptedCard(fcp, *([] if size is not None else ["9000"]), *answers, atr=NO_ATR)
    file = FileAccess(card).open(0x5001, "r+b")
    card.sent.clear()
    return card, file


def operate(chance: random.Random, card: io.RawIOBase, memory: io.BytesIO, size: int) -> None:
    """Do the same operation on both files and compare the results; leave out writes beyond a fixed size."""
    what = chance.randrange(5)
    if what == 0:
        place, whence = chance.choice(
            [(chance.randrange(size + 10), 0), (chance.randrange(size), 1), (-chance.randrange(size), 2)]
        )
        assert card.seek(place, whence) == memory.seek(place, whence)
    elif what == 1:
        wanted = chance.choice([0, 1, chance.randrange(700), size])
        assert card.read(wanted) == memory.read(wanted)
    elif what == 2:
        ours, theirs = bytearray(b"#" * chance.randrange(700)), bytearray()
        theirs[:] = ours
        assert card.readinto(ours) == memory.readinto(theirs)
        assert ours == theirs
    elif what == 3 and memory.tell() < size:
        data = chance.randbytes(chance.randrange(600))
        written = card.write(data)
        assert written == min(len(data), size - memory.tell())
        assert memory.write(data[:written]) == written
    else:
        assert card.tell() == memory.tell()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_random_operations_have_the_same_results_as_on_a_file_in_memory(kind: str, seed: int) -> None:
    chance = random.Random(seed)
    size = (40_000, 999, 33_000)[seed - 1]
    content = chance.randbytes(size)
    memory = io.BytesIO(content)
    card = card_of(content)
    with transmitter(kind, card) as way, FileAccess(way).open(0x5001, "r+b") as file:
        for _ in range(OPERATIONS):
            operate(chance, file, memory, size)
        file.seek(0)
        assert file.read() == memory.getvalue()
    (ef,) = card.mf.files
    assert isinstance(ef, TransparentEF)
    assert ef.content == memory.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_file_is_read_back_as_it_was_written(kind: str) -> None:
    content = random.Random(32).randbytes(LARGE)
    buffer = bytearray(LARGE)
    with transmitter(kind, card_of(bytes(LARGE))) as way:
        files = FileAccess(way)
        with files.open(0x5001, "wb") as file:
            assert file.write(content) == LARGE
        assert files.open(0x5001).readinto(buffer) == LARGE
    assert buffer == content


class Counting:
    """A transmitter that counts calls of SCardManage.read_binary_into; its card has one file, by default of 32 KiB."""

    def __init__(self, manage: SCardManage, answer: bytes | None = None) -> None:
        self._manage = manage
        self._answer = answer
        self.calls = 0

    def transmit(self, command: Buffer, /) -> bytes:
        """Return the response to a command."""
        return self._manage.transmit(command) if self._answer is None else self._answer

    def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = 256) -> int:
        """Read as SCardManage does, and count the call."""
        self.calls += 1
        return self._manage.read_binary_into(buffer, offset, chunk=chunk)


def measured(way: Counting, file: CardFile, buffer: bytearray) -> tuple[int, int]:
    """Read the file again; return the bytes that Python has allocated afterwards, and the peak."""
    assert file.readinto(buffer) == LARGE
    buffer[:] = bytes(LARGE)
    file.seek(0)
    way.calls = 0
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        length = file.readinto(buffer)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert length == LARGE
    assert way.calls == 1
    return after - before, peak - before


def test_a_large_file_is_read_in_one_call_without_allocating_memory() -> None:
    """Use a card in C, which allocates nothing in Python."""
    fcp = bytes.fromhex("62078201018002") + LARGE.to_bytes(2, "big") + b"\x90\x00"
    buffer = bytearray(LARGE)
    with virtual.installed(), SCardManage().attach_by_ifd(virtual.DEFAULT_READER) as manage:
        way = Counting(manage, fcp)
        kept, most = measured(way, FileAccess(way).open(0x5001), buffer)
    assert buffer == bytes((place ^ place >> 8) & 0xFF for place in range(LARGE))
    report(f"32 KiB by open().readinto(): 1 call, {kept} bytes of Python's kept, {most} at most at a time")
    assert kept < 1024  # of 32 KiB
    assert most < 4096


def test_a_large_file_that_was_written_is_read_in_one_call() -> None:
    """Use a card in Python, whose bytes for one command count too."""
    content = random.Random(33).randbytes(LARGE)
    buffer = bytearray(LARGE)
    with transmitter("reader", card_of(bytes(LARGE))) as manage:
        assert isinstance(manage, SCardManage)
        way = Counting(manage)
        files = FileAccess(way)
        assert files.open(0x5001, "wb").write(content) == LARGE
        kept, most = measured(way, files.open(0x5001), buffer)
    assert buffer == content
    report(f"the same with a card in Python: {kept} bytes kept, {most} at most at a time")
    assert most < LARGE // 2


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_file_is_a_raw_file_of_io(kind: str) -> None:
    with transmitter(kind, card_with_directories()) as way:
        files = FileAccess(way)
        with files.open("5000/5001", "r+b") as raw, io.BufferedRandom(raw) as buffered:
            assert buffered.read(3) == b"\0\1\2"
            buffered.seek(-2, io.SEEK_END)
            buffered.write(b"AB")
            buffered.seek(97)
            assert buffered.read() == b"aAB"
        assert raw.closed
        assert io.BufferedReader(files.open("5000/5001")).read() == bytes(range(98)) + b"AB"
        lines = io.TextIOWrapper(io.BufferedReader(files.open("5000/5010/5001")), encoding="ascii")
        assert lines.readline() == "another one"


def test_a_write_beyond_the_end_writes_only_the_part_that_fits() -> None:
    file = FileAccess(card_of(bytes(10))).open(0x5001, "r+b")
    file.seek(8)
    assert file.write(b"abcd") == 2
    assert file.tell() == 10
    assert file.write(b"") == 0
    with pytest.raises(OSError, match="the file has 10 bytes and cannot grow"):
        file.write(b"x")
    file.seek(12)
    assert file.read(1) == file.read() == b""
    with pytest.raises(io.UnsupportedOperation):
        file.truncate()


def test_the_mode_decides_which_methods_are_allowed() -> None:
    files = FileAccess(card_of(bytes(10)))
    reading, writing = files.open(0x5001), files.open(0x5001, "wb")
    assert (reading.readable(), reading.writable(), reading.seekable()) == (True, False, True)
    assert (writing.readable(), writing.writable(), writing.seekable()) == (False, True, True)
    with pytest.raises(io.UnsupportedOperation, match="3F00/5001 was not opened for writing: its mode is 'rb'"):
        reading.write(b"x")
    with pytest.raises(io.UnsupportedOperation, match="was not opened for reading"):
        writing.read()
    with pytest.raises(ValueError, match=r"mode: 'ab' is not allowed; give 'rb', 'r[+]b' or 'wb'"):
        files.open(0x5001, "ab")
    reading.close()
    for use in (reading.read, reading.tell, lambda: reading.seek(0), lambda: reading.readinto(bytearray(1))):
        with pytest.raises(ValueError, match="closed file"):
            use()
    assert repr(reading) == "<CardFile 3F00/5001, mode 'rb', closed>"


def test_seek_refuses_positions_outside_the_limits() -> None:
    file = FileAccess(card_of(bytes(10))).open(0x5001)
    with pytest.raises(ValueError, match="offset: -1 from 0 is not allowed"):
        file.seek(-1)
    with pytest.raises(ValueError, match="whence: 3 is not allowed; give 0, 1 or 2"):
        file.seek(0, 3)
    assert file.tell() == 0


@pytest.mark.parametrize("size", [0, 1, 5, 256, 300, 1000])
def test_the_size_is_found_if_the_card_does_not_state_it(size: int) -> None:
    content = random.Random(size).randbytes(size)
    card = SilentCard(DF(files=[TransparentEF(0x5001, content)]))
    file = FileAccess(card).open(0x5001)
    assert file.properties.size is None
    assert file.seek(0, io.SEEK_END) == size
    file.seek(0)
    assert file.read() == content


@pytest.mark.parametrize("end", ["6B00", "6282", "6700", "9000"])
def test_every_status_word_for_the_end_of_a_file_is_recognized(end: str) -> None:
    _, file = scripted("01" * 256 + "9000", end, *[end] * 7)
    assert file.read(300) == b"\1" * 256
    assert file.read(300) == b""


def test_a_wrong_le_at_the_end_is_corrected() -> None:
    card, file = scripted("6C03", "0102039000", "6B00", "6B00")
    assert file.read(5) == b"\1\2\3"
    assert card.sent == ["00B0000005", "00B0000003", "00B0000302", "00B0000302"]


def test_bytes_before_an_error_are_returned_and_the_next_call_raises() -> None:
    _, file = scripted("02" * 256 + "9000", "6982", "6982", size=1000)
    with pytest.raises(SecurityStatusNotSatisfiedError):  # a part of the file is not returned as if it were the whole
        file.read()
    assert file.tell() == 0
    _, file = scripted("02" * 256 + "9000", "6982", "6982", size=1000)
    assert file.readinto(bytearray(600)) == 256
    with pytest.raises(SecurityStatusNotSatisfiedError):
        file.readinto(bytearray(600))
    assert file.tell() == 256


def test_a_write_returns_the_number_of_bytes_written() -> None:
    card, file = scripted("9000", "63C1", "6982", "6982", size=1000)
    assert file.write(bytes(1000)) == 510
    assert [command[:10] for command in card.sent] == ["00D60000FF", "00D600FFFF", "00D601FEFF"]
    with pytest.raises(SecurityStatusNotSatisfiedError):
        file.write(bytes(490))
    assert file.tell() == 510
    assert all(not any(buffer) for buffer in card.buffers)


def test_large_offsets_are_sent_in_data_objects() -> None:
    card, file = scripted("5302AABB9000", "9000", size=0xFFFF)
    file.seek(0x8000)
    assert file.read(2) == b"\xaa\xbb"
    assert file.write(b"zz") == 2
    assert card.sent == ["00B10000045402800004", "00D700000854028002 53027A7A".replace(" ", "")]


@pytest.mark.parametrize(
    ("offset", "answer", "error"),
    [
        (0, "0102039000", MalformedResponseError),
        (0, "90", MalformedResponseError),
        (0x8000, "AABB9000", MalformedError),
        (0x8000, "5402AABB9000", MalformedResponseError),
        (0x8000, "5303AABBCC9000", MalformedResponseError),
        (0x8000, "5302AA9000", MalformedError),
        (0, "6B00", WrongParametersError),
        (0, "6F00", StatusError),
    ],
)
def test_hostile_answers_raise_errors_of_the_package(offset: int, answer: str, error: type[Exception]) -> None:
    _, file = scripted(answer, size=0xFFFF)
    file.seek(offset)
    with pytest.raises(error):
        file.read(2)


def test_random_answers_raise_only_errors_of_the_package() -> None:
    chance = random.Random(82)
    for _ in range(1000):
        answers = [chance.randbytes(chance.randrange(9)) + chance.choice((b"", b"\x90\0")) for _ in range(60)]
        card = ScriptedCard(*(answer.hex() for answer in answers), atr=NO_ATR)
        try:
            file = FileAccess(card).open(0x5001, "r+b")
            file.seek(chance.choice((0, 0x8000)))
            file.read(10)
            file.write(bytes(3))
            file.seek(0, io.SEEK_END)
        except (StatusError, MalformedError, IndexError, OSError):
            pass  # an IndexError is from the scripted card, which has no answer left


def test_chunks_can_be_set() -> None:
    card = card_of(bytes(range(200)) * 5)
    file = FileAccess(card).open(0x5001, "r+b")
    file.read_chunk, file.write_chunk = 1000, 700
    assert file.read() == bytes(range(200)) * 5
    file.seek(0)
    assert file.write(bytes(1000)) == 1000
    for value in (0, 65537):
        with pytest.raises(ValueError, match=f"read_chunk: {value} is not allowed; give 1 to 65536"):
            file.read_chunk = value
    with pytest.raises(ValueError, match="write_chunk: 0 is not allowed; give 1 to 65535"):
        file.write_chunk = 0
    assert (file.read_chunk, file.write_chunk) == (1000, 700)


def test_the_cards_limits_are_respected() -> None:
    limits = bytes.fromhex("7F66080202 0040 0202 0030")
    card = FileSystemCard(DF(files=[TransparentEF(0x2F01, limits), TransparentEF(0x5001, bytes(100))]))
    with transmitter("reader", card) as way:
        file = FileAccess(way).open(0x5001, "r+b")
        assert (file.read_chunk, file.write_chunk) == (0x30 - 2, 0x40 - 9)
        assert file.write(bytes(range(100))) == 100
        file.seek(0)
        assert file.read() == bytes(range(100))


def test_the_transmitters_methods_are_used_for_class_00_only() -> None:
    class Channel:
        def __init__(self, card: FileSystemCard) -> None:
            self._card = card

        def transmit(self, command: Buffer, /) -> bytes:
            whole = bytes(memoryview(command))
            assert whole[0] == 1
            return self._card.transmit(b"\0" + whole[1:])

        def read_binary_into(self, buffer: Buffer, offset: int = 0) -> int:
            raise AssertionError(buffer, offset)

    file = FileAccess(Channel(card_of(b"on channel 1")), cla=1).open(0x5001)
    assert file.read() == b"on channel 1"


def test_an_error_of_the_transmitter_is_raised_and_the_file_is_selected_again() -> None:
    with transmitter("reader", card_of(b"content")) as way:
        assert isinstance(way, SCardManage)
        file = FileAccess(way).open(0x5001)
        assert file.read(3) == b"con"
        with virtual.fault("SCardTransmit", code=ReturnCode.SCARD_W_REMOVED_CARD), pytest.raises(RemovedCardError):
            file.read()
        assert file.read() == b"tent"


def test_refusals_of_the_transmitters_methods_are_status_errors() -> None:
    card = FileSystemCard(DF(files=[TransparentEF(0x5001, bytes(9), access={"read": [1], "update": [1]})]))
    with transmitter("reader", card) as way:
        file = FileAccess(way).open(0x5001, "r+b")
        uses: list[Callable[[], object]] = [file.read, lambda: file.write(b"x")]
        for use in uses:
            with pytest.raises(SecurityStatusNotSatisfiedError):
                use()
