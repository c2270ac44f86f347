"""The card with files: ATR, class bytes, chaining, long answers, readers."""

import random
from pathlib import Path

import pytest
from support.cards import AID, APPLICATION, card_with_files, send
from support.pcscd import PrivatePcscd

from scardffi import Library, SCardManage, virtual
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.atr import Atr
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import SelectBy
from scardffi.virtual import VirtualReader, file_system
from scardffi.virtual.file_system import DF, Code, FileSystemCard, Key, RecordEF, Structure, TransparentEF
from scardffi.virtual.vpcd import VpcdCard

NAME = "Reader of a card with files"


def test_the_atr_states_the_cards_capabilities() -> None:
    historical = Atr(card_with_files().atr).historical()
    assert historical is not None
    assert historical.supports_chaining
    assert historical.supports_extended_length


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("", "6700"),
        ("00A404", "6700"),
        ("00A4040005A00000", "6700"),
        ("80A40000", "6E00"),
        ("20A40000", "6E00"),
        ("FFCA0000", "6E00"),
        ("01A40000", "6881"),
        ("43A40000", "6881"),
        ("0CA40000", "6882"),
        ("00470000", "6D00"),
        ("00700000", "6D00"),
        ("00B30100", "6D00"),
        ("00C0000000", "6985"),
        ("00C0010000", "6A86"),
        ("00C00000", "6700"),
        ("10C0000000", "6884"),
    ],
)
def test_unsupported_commands_have_their_status_words(command: str, answer: str) -> None:
    assert send(card_with_files(), command) == answer


def test_a_chain_is_one_command() -> None:
    card = card_with_files()
    assert send(card, "00A4000C022F05", *iso.update_binary(0, b"x" * 300).chain()) == "9000"
    assert card.transmit(bytes(iso.read_binary(0, 301))) == b"x" * 300 + b"\x2c\x90\x00"


def test_another_command_ends_a_chain() -> None:
    card = card_with_files()
    first, last = iso.update_binary(0, b"x" * 300).chain()
    assert send(card, "00A4000C022F05", first, "0084000008") == "6883"
    assert send(card, last, iso.read_binary(0, 2)) == "78789000", "the last part is a command by itself"
    assert send(card, "10A4000C012F", first) == "6883"
    assert send(card, "10A4000C012F", "00A4", "00A4000C0105") == "6A87", "a malformed command does not end the chain"
    card.transmit(bytes.fromhex("10A4000C012F"))
    card.reset()
    assert send(card, "00A4000C0105") == "6A87"


def test_a_chain_is_at_most_as_long_as_an_extended_command() -> None:
    part = b"\x10\xd6\0\0\0\xff\xff" + bytes(65535)
    card = card_with_files()
    assert card.transmit(part) == b"\x90\x00"
    assert send(card, "10D6000001FF") == "6700"


def test_a_long_answer_is_fetched_by_get_response() -> None:
    card = card_with_files()
    assert send(card, APPLICATION, iso.get_data(0x0101)) == "00" * 256 + "612C"
    assert send(card, "00C0000020") == "00" * 32 + "610C"
    assert send(card, "00C000000C") == "00" * 12 + "9000"
    assert send(card, "00C000000C") == "6985"
    assert send(card, iso.get_data(0x0101, 1), APPLICATION, "00C0000000") == "6985", (
        "another command did not end the chain"
    )


def test_any_bytes_are_answered_with_a_status_word() -> None:
    chance = random.Random(7816)
    known = bytes.fromhex("A4B0B1D6D7D0D10E0FB2DCD2E2CADA20242C28268488 82E0E44404C0")
    card = card_with_files()
    for number in range(20_000):
        if number % 500 == 0:
            card = card_with_files()
            send(card, APPLICATION)
        body = chance.choice(BODIES) if chance.random() < 0.3 else chance.randbytes(chance.randrange(12))
        head = bytes((chance.choice((0, 0, 0, 0x10, chance.randrange(256))), chance.choice(known)))
        command = head + bytes((chance.choice((0, 0, chance.randrange(256))), chance.randrange(256)))
        if body:
            command += bytes((len(body),)) + body
        command += chance.choice((b"", b"\0", b"\1"))
        assert len(card.transmit(command[: chance.choice((99, 99, 99, chance.randrange(20)))])) >= 2


BODIES = [
    AID,
    *map(bytes.fromhex, (
        "3F00", "5000", "5001", "5002", "540100", "5402000053021122", "31323334", "3132333435363738", "54010A54010C",
        "620A820101830270018002000A", "6207820138830270028400", "620C8205024100040283027003AB00", "88010885020102",
        "4303313233343132333435", "6210820101830270048001028A0104A5028000", "6204820100FF",
    )),
]  # fmt: skip
"""Data that some commands accept."""


def test_no_code_is_in_a_repr() -> None:
    card = card_with_files()
    assert repr(card) == "<FileSystemCard 4 DFs, 8 EFs>"
    assert "1234" not in repr(card) + repr(card.mf)
    assert "secret" not in repr(card.mf)


def test_cards_are_equal_if_their_permanent_state_is_equal() -> None:
    card, other = card_with_files(), card_with_files()
    send(card, APPLICATION, iso.verify(b"1234", 0x81))
    assert card == other
    assert card != 1
    send(card, iso.verify(b"9999", 0x81))
    assert card != other
    with pytest.raises(TypeError, match="unhashable"):
        hash(card)


def test_wrong_arguments_of_a_card_are_refused() -> None:
    with pytest.raises(ValueError, match="mf: a DF with file_id 5000 is not allowed"):
        FileSystemCard(DF(0x5000))
    with pytest.raises(ValueError, match="algorithms: 'aes'"):
        FileSystemCard(DF(references=[Key(1, b"", "aes")]))


def test_a_card_does_not_change_the_callers_command() -> None:
    command = bytearray(bytes(iso.verify(b"1234", 0x81)))
    card = card_with_files()
    send(card, APPLICATION)
    assert card.transmit(command) == b"\x90\x00"
    assert command[5:] == b"1234", "the caller's buffer was wiped"


def test_a_program_talks_to_the_card_through_the_reader() -> None:
    library = Library(virtual.library_path())
    with VirtualReader(NAME, card_with_files()), SCardManage(library).attach_by_ifd(NAME) as card:
        assert card.transmit(APPLICATION.encode()) == b"\x90\x00"
        assert card.transmit(iso.verify(b"0000", 0x81).encode()) == b"\x63\xc2"


def test_a_reset_by_a_reader_ends_verifications() -> None:
    library = Library(virtual.library_path())
    read = bytes(iso.read_binary(0, 4, short_id=1))
    with VirtualReader(NAME, card_with_files()) as reader:
        with SCardManage(library).attach_by_ifd(NAME) as card:
            card.transmit(bytes(APPLICATION))
            assert card.transmit(bytes(iso.verify(b"1234", 0x81))) == b"\x90\x00"
            assert card.transmit(read) == b"\0\1\2\3\x90\x00"
        reader.reset()
        with SCardManage(library).attach_by_ifd(NAME) as card:
            assert card.transmit(read) == b"\x6a\x82"


def test_a_real_pcscd_reads_the_card(daemon: PrivatePcscd, vpcd_port: int) -> None:
    reader = daemon.vpcd_reader(vpcd_port)
    content = bytes(range(256)) * 160
    with VpcdCard(card_with_files(), vpcd_port) as plugged:
        daemon.wait_for_card(reader)
        with SCardManage().attach_by_ifd(reader) as card:
            assert card.atr == plugged.card.atr
            assert card.transmit(bytes(iso.select_file(AID, SelectBy.DF_NAME)))[-2:] == b"\x90\x00"
            assert card.transmit(bytes(iso.verify(b"1234", 0x81))) == b"\x90\x00"
            assert card.transmit(bytes.fromhex("00A4080C022F05")) == b"\x90\x00"
            memory = bytearray(len(content))
            assert card.read_binary_into(memory) == len(content)
            assert memory == content
    daemon.wait_for_card(reader, present=False)
    assert plugged.errors == []


def test_an_mf_without_files_is_a_card() -> None:
    assert send(FileSystemCard(DF()), "00A40000") == "9000"
    assert send(FileSystemCard(DF(files=[TransparentEF(1)])), "00A4000002 0001 00")[-4:] == "9000"


def test_no_copy_of_a_command_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Command] = []

    def keep(_: object, command: Command) -> bytes:
        assert command.data == b"1234"
        seen.append(command)
        return b""

    monkeypatch.setitem(file_system.card._COMMANDS, 0x20, keep)
    card = card_with_files()
    assert send(card, "1020000102 3132") == "9000"
    (part,) = card._chain._parts
    assert send(card, "0020000102 3334") == "9000"
    assert send(card, iso.verify(b"1234", 1)) == "9000"
    assert not any(part)
    assert [bytes(command.data) for command in seen] == [bytes(4), bytes(4)]


def test_a_card_may_assume_an_le(tmp_path: Path) -> None:
    mf = DF(data={0x5F50: b"url"})
    ask = "00CB3FFF045C025F50"
    assert send(FileSystemCard(mf), ask) == "6700"
    card = FileSystemCard(mf, assumes_le=True)
    assert send(card, ask) == "5F500375726C9000"
    assert send(card, ask + "04") == "5F5003756102", "an Le that is there counts"
    card.save(tmp_path / "card.json")
    assert FileSystemCard.load(tmp_path / "card.json").assumes_le
    assert card != FileSystemCard(mf)


@pytest.mark.parametrize("atr", ["3B00", "3B8000", "3B058073F74180"])
def test_a_card_that_offers_only_t_0_gives_its_answer_to_get_response(atr: str) -> None:
    card = FileSystemCard(DF(), atr=bytes.fromhex(atr))
    assert send(card, "00A40000023F00")[:2] == "61"
    assert send(card, "00A4000C023F00") == "9000"


@pytest.mark.parametrize("atr", ["", "3B", "3B80800101"])
def test_another_atr_does_not_make_a_card_of_t_0(atr: str) -> None:
    assert send(FileSystemCard(DF(), atr=bytes.fromhex(atr)), "00A40000023F0000")[:2] == "6F"


def test_the_files_are_shown_as_a_tree_without_contents_and_codes() -> None:
    application = DF(
        0x5000,
        [
            TransparentEF(0x5001, b"secret", short_id=1),
            TransparentEF(0x5002, b"s", active=False),
            RecordEF(0x5003, [b"secret"], capacity=4),
            RecordEF(0x5004, [b"sec", b"ret"], Structure.LINEAR_VARIABLE, record_size=9, short_id=2),
        ],
        name=b"\xa0\0\0\0\x01",
        references=[Code(0x81, b"1234")],
        data={0x5FC102: b"secret", 0x7E: b""},
    )
    assert str(DF(files=[application, DF(0x6000, active=False)])).splitlines() == [
        "3F00 MF",
        "  5000 DF, name A000000001",
        "    data object 5FC102: 6 bytes",
        "    data object 7E: 0 bytes",
        "    5001 EF of 6 bytes, short identifier 1",
        "    5002 EF of 1 byte, deactivated",
        "    5003 EF, linear fixed: 1 of 4 records of 6 bytes",
        "    5004 EF, linear variable: 2 of 2 records of up to 9 bytes, short identifier 2",
        "  6000 DF, deactivated",
    ]
