"""The card with files: ISO/IEC 7816-4 in little, directly and through the virtual reader."""

import hashlib
import hmac
import random
from pathlib import Path

from scardffi import Library, SCardManage, virtual
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.atr import Atr
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import FileInformation, RecordsBy, SelectBy
from scardffi.virtual import VirtualReader
from scardffi.virtual.file_system import DF, NEVER, Code, Key, RecordEF, Structure, TransparentEF
from scardffi.virtual.file_system_card import FileSystemCard

NAME = "Reader of a card with files"
AID = bytes.fromhex("A000000001")


def proof(key: bytes, challenge: bytes) -> bytes:
    return hmac.digest(key, challenge, hashlib.sha256)[:8]


def make_card() -> FileSystemCard:
    application = DF(
        0x5000,
        [
            TransparentEF(0x5001, bytes(range(16)), short_id=1, access={"read": [0x81], "update": [3], "erase": NEVER}),
            RecordEF(0x5002, [b"\1abc", b"\2def"], capacity=3, short_id=2),
            RecordEF(0x5003, [b"new", b"old"], Structure.CYCLIC),
        ],
        name=AID,
        references=[Code(0x81, b"1234", resetting_code=0x82), Code(0x82, b"87654321")],
    )
    mf = DF(files=[application, TransparentEF(0x2F00, bytes(300))], references=[Key(3, b"secret key", "hmac")])
    return FileSystemCard(mf, algorithms={"hmac": proof})


def send(card: FileSystemCard, *commands: Command) -> str:
    """The last answer."""
    return [card.transmit(bytes(command)) for command in commands][-1].hex()


SELECT = iso.select_file(AID, SelectBy.DF_NAME, information=FileInformation.NONE)


def test_the_atr_tells_the_truth() -> None:
    historical = Atr(make_card().atr).historical()
    assert historical is not None
    assert historical.supports_chaining
    assert historical.supports_extended_length


def test_a_file_that_a_code_guards_is_read_after_verification_until_reset() -> None:
    card = make_card()
    read = iso.read_binary(0, 4, short_id=1)
    assert send(card, SELECT, read) == "6982"
    assert send(card, iso.verify(b"1234", 0x81)) == "9000"
    assert send(card, read) == "000102039000"
    card.reset()
    assert send(card, SELECT, read) == "6982"


def test_wrong_codes_count_down_and_block_until_the_resetting_code_comes() -> None:
    card = make_card()
    wrong, right = iso.verify(b"0000", 0x81), iso.verify(b"1234", 0x81)
    assert [send(card, SELECT, wrong) for _ in range(4)] == ["63c2", "63c1", "63c0", "6983"]
    assert send(card, right) == "6983"
    assert send(card, iso.reset_retry_counter(b"87654321", b"5555", 0x81)) == "9000"
    assert send(card, right) == "63c2"
    assert send(card, iso.verify(b"5555", 0x81)) == "9000"


def test_a_key_proves_itself_once_by_a_challenge() -> None:
    card = make_card()
    challenge = card.transmit(bytes.fromhex("0084000008"))[:-2]
    answer = iso.external_authenticate(proof(b"secret key", challenge), 0, 3)
    assert send(card, answer) == "9000"
    assert send(card, answer) == "6985"
    assert send(card, SELECT, iso.update_binary(0, b"\xff", short_id=1)) == "9000"


def test_records_are_read_by_number_and_order() -> None:
    card = make_card()
    assert send(card, SELECT, iso.read_record(2, short_id=2)) == b"\2def".hex() + "9000"
    assert send(card, iso.read_record(3, short_id=2)) == "6a83"
    assert send(card, iso.read_record(0, records=RecordsBy.LAST, short_id=2)) == b"\2def".hex() + "9000"


def test_chained_commands_are_one() -> None:
    card = make_card()
    file = iso.select_file(b"\x2f\x00", information=FileInformation.NONE)
    assert send(card, file, *iso.update_binary(0, b"x" * 300).chain()) == "9000"
    assert card.transmit(bytes(iso.read_binary(0, 400))) == b"x" * 300 + b"\x62\x82"


def test_a_card_is_the_same_after_it_was_saved_and_loaded(tmp_path: Path) -> None:
    card = make_card()
    send(card, SELECT, iso.verify(b"0000", 0x81))
    card.save(tmp_path / "card.json")
    loaded = FileSystemCard.load(tmp_path / "card.json", algorithms={"hmac": proof})
    assert loaded == card
    assert loaded != make_card()


def test_no_code_is_in_a_repr() -> None:
    card = make_card()
    assert "1234" not in repr(card) + repr(card.mf)
    assert "secret" not in repr(card.mf)


def test_any_bytes_are_answered_with_a_status_word() -> None:
    chance = random.Random(7816)
    card = make_card()
    known = bytes.fromhex("A4B0B1D6D7D0D10E0FB2DCD2E2CADA20242C28268488 82E0E44404C0")
    for _ in range(5000):
        body = chance.randbytes(chance.randrange(12))
        head = bytes((chance.choice((0, 0, 0, 0x10, chance.randrange(256))), chance.choice(known)))
        command = head + bytes((chance.choice((0, 0, chance.randrange(256))), chance.randrange(256)))
        if body:
            command += bytes((len(body),)) + body + chance.choice((b"", b"\0"))
        assert len(card.transmit(command[: chance.choice((99, 99, 99, chance.randrange(20)))])) >= 2


def test_a_program_talks_to_the_card_through_the_reader() -> None:
    library = Library(virtual.library_path())
    with VirtualReader(NAME, make_card()), SCardManage(library).attach_by_ifd(NAME) as card:
        assert card.transmit(SELECT.encode()) == b"\x90\x00"
        assert card.transmit(iso.verify(b"0000", 0x81).encode()) == b"\x63\xc2"
