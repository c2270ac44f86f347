"""The files of a card: directories, references, properties, creation and deletion."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
from support.cards import (
    KINDS,
    PKCS15_AID,
    ScriptedCard,
    SilentCard,
    card_with_directories,
    card_with_files,
    transmitter,
)

from scardffi.iso7816.malformed import MalformedError
from scardffi.iso7816.status_word import (
    CardFileExistsError,
    CardFileNotFoundError,
    ConditionsNotSatisfiedError,
    SecurityStatusNotSatisfiedError,
    StatusError,
    WrongParametersError,
)
from scardffi.iso7816.tlv import TLV
from scardffi.services.file_access import FileAccess
from scardffi.services.file_properties import FileKind, FileProperties, LifeCycle, WrongKindError
from scardffi.services.file_reference import FileRef
from scardffi.virtual.file_system import DF, Code, FileSystemCard, RecordEF, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

NAME = PKCS15_AID.hex().upper()


@pytest.fixture(params=KINDS)
def files(request: pytest.FixtureRequest) -> Iterator[FileAccess]:
    with transmitter(request.param, card_with_directories()) as way:
        yield FileAccess(way)


class Keeping:
    """A transmitter that records the commands to a card, which may lack some ways to select."""

    def __init__(self, card: FileSystemCard, refused: dict[int, str] | None = None) -> None:
        self.atr = card.atr
        self._card = card
        self._refused = refused or {}
        self.sent: list[str] = []

    def transmit(self, command: Buffer, /) -> bytes:
        """Return the card's response, or a refusal of this P1 of SELECT."""
        whole = bytes(memoryview(command))
        self.sent.append(whole.hex().upper())
        if whole[1] == 0xA4 and whole[2] in self._refused:
            return bytes.fromhex(self._refused[whole[2]])
        return self._card.transmit(whole)


def test_change_dir_takes_every_kind_of_reference(files: FileAccess) -> None:
    assert files.current_dir == "3F00"
    assert files.change_dir(0x5000).file_id == 0x5000
    assert files.current_dir == "3F00/5000"
    files.change_dir("5010")
    assert files.current_dir == "3F00/5000/5010"
    files.change_dir("../..")
    assert files.current_dir == "3F00"
    assert files.change_dir(PKCS15_AID).name == PKCS15_AID
    assert files.current_dir == NAME
    files.change_dir("/5000")
    assert files.current_dir == "3F00/5000"
    files.change_dir(FileRef.by_name(PKCS15_AID[:6]))
    assert files.current_dir == NAME
    files.change_dir("..")
    assert files.current_dir == "3F00"
    files.change_dir(NAME + "/.")
    assert files.change_dir(FileRef.any(0x3F00)).file_id == 0x3F00
    assert files.change_dir(FileRef.any(PKCS15_AID)).file_id == 0x5015
    assert files.open("4401").read() == b"token"


@pytest.mark.parametrize("wrong", [0x7777, "5777/5001", "/5777", b"\xa0\0\0\0\x99", FileRef.by_path("5010/7777")])
def test_a_failed_change_dir_keeps_the_current_directory(files: FileAccess, wrong: int | str | bytes | FileRef) -> None:
    files.change_dir("/5000")
    with pytest.raises(CardFileNotFoundError):
        files.change_dir(wrong)
    assert files.current_dir == "3F00/5000"
    assert files.open(0x5001).read(2) == b"\0\1"


def test_a_file_cannot_be_entered_and_a_directory_cannot_be_opened(files: FileAccess) -> None:
    files.change_dir("/5000/5010")
    with pytest.raises(WrongKindError, match="3F00/2F00 is TRANSPARENT; expected a directory") as caught:
        files.change_dir("/2F00")
    assert caught.value.kind == FileKind.TRANSPARENT
    assert files.current_dir == "3F00/5000/5010"
    for call, kind in ((files.open, "DF"), (files.records, "DF")):
        with pytest.raises(WrongKindError, match=f"3F00/5000 is {kind}"):
            call("/5000")
    with pytest.raises(WrongKindError, match=r"use records\(\)"):
        files.open("/5000/5002")
    with pytest.raises(WrongKindError, match="expected an EF with records"):
        files.records("/5000/5001")


def test_wrong_references_are_refused_before_a_command_is_sent() -> None:
    card = ScriptedCard()
    files = FileAccess(card)
    for call in (files.change_dir, files.open, files.records, files.properties, files.delete, files.invalidate):
        with pytest.raises(ValueError, match="file_id: 65536 is not allowed; give 0 to 65535"):
            call(0x10000)
        with pytest.raises(TypeError, match="reference"):
            call(None)  # type: ignore[arg-type]  # the test passes a wrong type
    with pytest.raises(ValueError, match="above the MF"):
        files.change_dir("..")
    with pytest.raises(ValueError, match="cla: 256 is not allowed"):
        FileAccess(card, cla=256)
    assert card.sent == []


def test_each_open_file_keeps_its_position(files: FileAccess) -> None:
    here, there = files.open("/5000/5001"), files.open("/5000/5010/5001")
    files.change_dir(PKCS15_AID)
    token = files.open(0x4401, "r+b")
    assert (here.read(2), there.read(3), token.read(2)) == (b"\0\1", b"ano", b"to")
    records = files.records("/5000/5002")
    assert (here.read(2), records[1], there.read(3), token.read(9)) == (b"\2\3", b"\2def", b"the", b"ken")
    assert files.current_dir == NAME


def test_short_identifiers_and_any_are_resolved(files: FileAccess) -> None:
    files.change_dir("/5000")
    file = files.open(FileRef.by_short_id(1))
    assert file.read(2) == b"\0\1"
    assert files.records(FileRef.by_short_id(2))[0] == b"\1abc"
    assert files.properties(FileRef.by_short_id(1)).short_id == 1
    assert files.open(FileRef.any(1)).read(1) == b"\0"
    assert files.open(FileRef.any(b"\x50\x01")).read(1) == b"\0"
    files.change_dir(PKCS15_AID)
    assert file.read(2) == b"\2\3"
    with pytest.raises(StatusError):
        files.open(FileRef.by_short_id(9))
    assert files.open(0x4401).read() == b"token"


def test_short_identifiers_work_on_a_card_that_returns_no_file_control_information() -> None:
    files = FileAccess(SilentCard(DF(files=[TransparentEF(1, b"one", short_id=4), RecordEF(2, [b"two"], short_id=5)])))
    file = files.open(FileRef.by_short_id(4))
    assert file.properties == FileProperties(kind=FileKind.TRANSPARENT, short_id=4)
    assert file.read() == b"one"
    assert list(files.records(FileRef.by_short_id(5))) == [b"two"]
    file.seek(1)
    assert file.read() == b"ne"
    with pytest.raises(WrongKindError):
        files.open(FileRef.by_short_id(5))


def test_an_any_reference_raises_the_last_error() -> None:
    with pytest.raises(CardFileNotFoundError):
        FileAccess(card_with_directories()).open(FileRef.any(9))


def test_properties_have_names(files: FileAccess) -> None:
    properties = files.properties("/5000/5002")
    assert (properties.kind, properties.file_id, properties.short_id) == (FileKind.LINEAR_FIXED, 0x5002, 2)
    assert (properties.record_size, properties.record_count, properties.size) == (4, 3, 12)
    assert files.properties().file_id == 0x3F00
    files.change_dir(PKCS15_AID)
    assert files.properties(".").name == PKCS15_AID
    assert files.properties("/5000").kind == FileKind.DF
    assert files.current_dir == NAME


def test_the_properties_of_a_directory_are_its_own(files: FileAccess) -> None:
    files.change_dir("/")
    files.open("/5000/5001")
    assert files.properties("/5000").file_id == 0x5000
    files.open("/5000/5010/5001")
    assert files.change_dir("/5000/5010").file_id == 0x5010
    assert files.change_dir("/").file_id == 0x3F00


def test_files_are_created_and_deleted(files: FileAccess) -> None:
    files.change_dir("/5000/5010")
    made = files.create(kind=FileKind.TRANSPARENT, file_id=0x6001, size=40, short_id=7)
    assert str(made) == "3F00/5000/5010/6001"
    with files.open(made, "r+b") as file:
        assert file.write(b"hello") == 5
    folder = files.create(FileProperties(kind=FileKind.DF, file_id=0x6100, name=b"\xa0\0\0\0\x61"))
    assert files.current_dir == "3F00/5000/5010"
    files.change_dir(folder)
    rows = files.create(kind=FileKind.LINEAR_FIXED, file_id=0x6101, size=9, record_size=3, record_count=3)
    records = files.records(rows)
    records.append(b"abc")
    assert list(records) == [b"abc"]
    with pytest.raises(CardFileExistsError):
        files.create(kind=FileKind.TRANSPARENT, file_id=0x6101, size=1)
    files.delete("..")
    assert files.current_dir == "3F00/5000"
    assert files.properties().file_id == 0x5000
    with pytest.raises(CardFileNotFoundError):
        files.properties(made)
    files.delete("5001")
    with pytest.raises(CardFileNotFoundError):
        files.open("5001")
    assert len(list(files.records("5002"))) == 2


def test_a_directory_is_deleted_even_if_a_file_in_it_is_the_current_one(files: FileAccess) -> None:
    files.change_dir("/5000/5010")
    assert files.open(0x5001).read(1) == b"a"
    files.delete(".")
    assert files.current_dir == "3F00/5000"
    with pytest.raises(CardFileNotFoundError):
        files.properties("5010")
    assert files.open(0x5001).read(1) == b"\0"


def test_a_new_file_needs_its_properties() -> None:
    card = ScriptedCard()
    files = FileAccess(card)
    with pytest.raises(ValueError, match="kind, file_id: None is not allowed"):
        files.create(kind=FileKind.TRANSPARENT, size=3)
    with pytest.raises(ValueError, match="size: -1 is not allowed"):
        files.create(kind=FileKind.TRANSPARENT, file_id=1, size=-1)
    with pytest.raises(TypeError, match="colour"):
        files.create(kind=FileKind.TRANSPARENT, file_id=1, colour=3)
    with pytest.raises(ValueError, match="no property is given"):
        files.set_properties(1)
    assert card.sent == []


def test_files_are_invalidated_and_rehabilitated(files: FileAccess) -> None:
    file = files.open("/5000/5001")
    files.invalidate("/5000/5001")
    assert files.properties("/5000/5001").life_cycle == LifeCycle.DEACTIVATED
    assert not files.properties("/5000/5001").is_active
    with pytest.raises(ConditionsNotSatisfiedError):
        file.read()
    files.rehabilitate("/5000/5001")
    assert files.properties("/5000/5001").is_active
    assert file.read(2) == b"\0\1"
    files.invalidate("/5000")
    assert not files.properties("/5000").is_active
    files.rehabilitate("/5000")
    files.change_dir("/5000")
    files.invalidate(".")
    assert not files.properties().is_active


def test_a_card_that_requires_the_identifier_gets_it() -> None:
    card = ScriptedCard("62078201018302" + "50019000", "6A86", "9000", "9000", atr="")
    FileAccess(card).invalidate(0x5001)
    assert card.sent == ["00A40800025001" + "00", "00040000", "00040000025001"]


def test_properties_are_set_by_put_data() -> None:
    card = ScriptedCard("6205820101 8A00 9000".replace(" ", ""), "9000", "6F00", atr="")
    FileAccess(card).set_properties(0x5001, short_id=3, proprietary=(TLV(0x85, b"x"),))
    assert card.sent[:2] == ["00A4080002500100", "00DA006206880118850178"]
    card = ScriptedCard("6F04840201029000", "9000", "6F0584036E65779000", atr="")
    files = FileAccess(card)
    files.change_dir(b"\1\2")
    files.set_properties(".", name=b"new")
    assert card.sent[-2:] == ["00DA00620584036E6577", "00A40400036E657700"]
    assert files.current_dir == "6E6577"


def test_properties_are_set(files: FileAccess) -> None:
    file = files.open("/5000/5001")
    files.set_properties("/5000/5001", FileProperties(short_id=9), proprietary=(TLV(0x85, b"ours"),))
    said = files.properties("/5000/5001")
    assert (said.short_id, said.proprietary) == (9, (TLV(0x85, b"ours"),))
    files.change_dir("/5000")
    assert files.open(FileRef.by_short_id(9)).read(2) == file.read(2) == b"\0\1"
    files.set_properties(".", name=b"\xa0\0\0\0\x77")
    assert files.properties().name == b"\xa0\0\0\0\x77"
    files.change_dir(PKCS15_AID)
    files.set_properties(".", name=b"renamed")
    assert files.current_dir == b"renamed".hex().upper()
    assert files.open(0x4401).read() == b"token"
    with pytest.raises(WrongParametersError):
        files.set_properties("/5000/5001", size=3)
    assert files.open(0x4401).read() == b"token"


def test_opening_files_of_an_application_keeps_its_verified_codes() -> None:
    application = DF(
        0x5015,
        [TransparentEF(1, b"secret", access={"read": [0x81]})],
        name=PKCS15_AID,
        references=[Code(0x81, b"1234")],
    )
    card = FileSystemCard(DF(files=[application]))
    way = Keeping(card)
    files = FileAccess(way)
    files.change_dir(PKCS15_AID)
    file = files.open(1)
    with pytest.raises(SecurityStatusNotSatisfiedError):
        file.read()
    card.transmit(bytes.fromhex("002000810431323334"))
    way.sent.clear()
    files.change_dir(PKCS15_AID)
    files.change_dir(".")
    assert file.read() + files.open(1).read() == b"secret" * 2
    assert files.properties().name == PKCS15_AID
    assert not [command for command in way.sent if command.startswith("00A404")]


def test_a_directory_lists_what_the_card_states(files: FileAccess) -> None:
    found = {entry.name: entry for entry in files.directory()}
    assert found[PKCS15_AID].label == "My app"
    assert (found[PKCS15_AID].kind, found[PKCS15_AID].file_id) == (FileKind.DF, 0x5015)
    assert b"\xa0\0\0\0\x18" in found
    assert files.current_dir == "3F00"
    assert [entry.name for entry in files.directory(prefix=PKCS15_AID[:7])] == [PKCS15_AID]
    files.change_dir(found[PKCS15_AID].reference)
    assert files.current_dir == NAME


def test_identifiers_are_probed(files: FileAccess) -> None:
    files.change_dir("/5000")
    probe = range(0x5000, 0x5012)
    found = {entry.file_id: entry.kind for entry in files.directory(probe=probe)}
    assert found == {
        0x5001: FileKind.TRANSPARENT,
        0x5002: FileKind.LINEAR_FIXED,
        0x5003: FileKind.CYCLIC,
        0x5010: FileKind.DF,
    }
    assert [entry.file_id for entry in files.directory(FileKind.DF, probe=probe)] == [0x5010]
    both = {FileKind.CYCLIC, FileKind.TRANSPARENT}
    entries = files.directory(both, probe=probe)
    assert {entry.file_id for entry in entries} == {0x5001, 0x5003}
    assert {entry.short_id for entry in entries} == {1, None}
    assert {entry.file_id: entry.short_id for entry in files.directory()} == {0x5001: 1, 0x5002: 2}
    assert files.current_dir == "3F00/5000"
    files.change_dir("/")
    assert files.open(next(entry.reference for entry in entries if entry.short_id)).read(1) == b"\0"


def test_files_that_a_directory_states_are_listed() -> None:
    announcing = bytes(TLV(0x6F, bytes.fromhex("820138 83025000 A20E 880108 51025001 880110 51025002")))
    unreadable = "6982"
    card = ScriptedCard(announcing.hex() + "9000", "62038201019000", unreadable, atr="")
    files = FileAccess(card)
    files.change_dir("/5000")
    found = [(entry.file_id, entry.short_id, entry.kind) for entry in files.directory()]
    assert found == [(0x5001, 1, FileKind.TRANSPARENT), (0x5002, 2, None)]
    assert files.current_dir == "3F00/5000"


def test_a_repeated_name_ends_the_list() -> None:
    name = bytes(TLV(0x6F, bytes(TLV(0x84, PKCS15_AID)))).hex() + "9000"
    card = ScriptedCard("6A82", name, name, *["6A82"] * 3, atr="")
    assert [entry.name for entry in FileAccess(card).directory()] == [PKCS15_AID]


def test_ef_dir_may_have_records_and_malformed_bytes() -> None:
    application = bytes.fromhex("61094F05A0000000015000")
    rows = RecordEF(0x2F00, [application + b"\xff" * 5, b"\x61\x7f" + b"rubbish" * 2], record_size=16, capacity=2)
    found = FileAccess(FileSystemCard(DF(files=[rows]))).directory()
    assert [(entry.name, entry.label) for entry in found] == [(bytes.fromhex("A000000001"), "")]


@pytest.mark.parametrize(
    "refused",
    [
        {8: "6A86", 9: "6A86"},
        {8: "6A81", 9: "6B00", 2: "6A86", 1: "6A86"},
        {2: "6A86"},
        {8: "6A86", 3: "6A86", 9: "6A86", 2: "6A86"},
    ],
)
def test_cards_may_lack_some_ways_to_select(refused: dict[int, str]) -> None:
    way = Keeping(card_with_directories(), refused)
    files = FileAccess(way)
    assert files.open("/5000/5010/5001").read(2) == b"an"
    assert files.open("/5000/5001").read(2) == b"\0\1"
    files.change_dir("5000/5010")
    assert files.open("5001").read(2) == b"an"
    files.change_dir("..")
    with pytest.raises(CardFileNotFoundError):
        files.change_dir("/5777")
    assert files.open("5001").read(1) == b"\0"
    files.change_dir(PKCS15_AID)
    assert files.open(0x4401).read() == b"token"


def test_inside_an_application_paths_go_up_and_down() -> None:
    tree = DF(0x10, [DF(0x11, [TransparentEF(1, b"deep")]), DF(0x12, [TransparentEF(1, b"other")])], name=PKCS15_AID)
    for refused in ({}, {3: "6A86"}, {9: "6A86"}, {3: "6A86", 9: "6A86", 2: "6A86"}):
        way = Keeping(FileSystemCard(DF(files=[tree])), refused)
        files = FileAccess(way)
        files.change_dir(NAME + "/0011")
        assert files.open("0001").read() == b"deep"
        assert files.open("../0012/0001").read() == b"other"
        assert files.current_dir == NAME + "/0011"
        files.change_dir("..")
        assert files.current_dir == NAME
        if 3 not in refused:
            assert len([command for command in way.sent if command.startswith("00A404")]) == 1


def test_file_control_information_is_requested_in_the_ways_that_cards_differ() -> None:
    fcp = bytes(TLV(0x62, bytes.fromhex("820101 80020003"))).hex()
    card = ScriptedCard("6A86", fcp + "9000", fcp + "9000", atr="")
    files = FileAccess(card)
    assert files.properties("/5001").size == 3
    assert card.sent[:2] == ["00A4080002500100", "00A4080402500100"]
    card = ScriptedCard("9000", fcp + "9000", fcp + "9000", atr="")
    assert FileAccess(card).open("/5001").properties.size == 3
    card = ScriptedCard("6A86", "6A86", "9000", atr="")
    assert FileAccess(card).open("/5001").properties == FileProperties()
    assert card.sent[-1] == "00A4080C025001"
    card = ScriptedCard(*["6A86"] * 12, atr="")
    with pytest.raises(WrongParametersError):
        FileAccess(card).open("/5001")


def test_the_cards_capabilities_are_read_once_and_keep_the_current_file(files: FileAccess) -> None:
    files.change_dir("/5000")
    said = files.capabilities()
    assert (said.command_limit, said.response_limit) == (0x0400, 0x0800)
    assert (said.extended_length, said.has_mf) == (True, True)
    assert files.current_dir == "3F00/5000"
    assert files.open(0x5001).read(2) == b"\0\1"
    assert files.capabilities() == said


def test_a_card_without_ef_atr_has_capabilities() -> None:
    said = FileAccess(FileSystemCard(DF())).capabilities()
    assert said.extended_length
    assert said.command_limit is None


def test_larger_chunks_are_used_if_the_card_states_them() -> None:
    content = random.Random(5).randbytes(5000)
    limits = TransparentEF(0x2F01, bytes.fromhex("7F66 08 0202 0400 0202 0800"))
    way = Keeping(FileSystemCard(DF(files=[TransparentEF(1, content), limits])))
    file = FileAccess(way).open(1, "r+b")
    assert (file.read_chunk, file.write_chunk) == (0x0800 - 2, 0x0400 - 9)
    way.sent.clear()
    assert file.read() == content
    assert len(way.sent) == 3
    file.seek(0)
    assert file.write(content[::-1]) == 5000
    file.seek(0)
    assert file.read() == content[::-1]


def test_the_known_selection_is_forgotten_on_request(files: FileAccess) -> None:
    file = files.open("/5000/5001")
    with_others = FileAccess(files._selection.sender.transmitter)
    assert with_others.open("/5000/5010/5001").read(3) == b"ano"
    files.forget_selection()
    assert file.read(3) == b"\0\1\2"


def test_each_thread_gets_its_own_answers(files: FileAccess) -> None:
    paths = {"/5000/5001": bytes(range(100)), "/5000/5010/5001": b"another one", f"{NAME}/4401": b"token"}

    def read(path: str) -> bool:
        file = files.open(path)
        return all(file.seek(0) == 0 and file.read() == paths[path] for _ in range(30))

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(read, list(paths) * 4))


def test_hostile_cards_raise_only_errors_of_the_package() -> None:
    chance = random.Random(7816)
    for _ in range(600):
        answers = [
            bytes(TLV(chance.choice((0x62, 0x6F)), chance.randbytes(chance.randrange(20)))).hex() + "9000"
            if chance.randrange(3)
            else chance.choice(("9000", "6A82", "6A86", "6283", "6282", "90", chance.randbytes(5).hex()))
            for _ in range(40)
        ]
        files = FileAccess(ScriptedCard(*answers, atr=""))
        uses: list[Callable[[], object]] = [
            partial(files.directory, probe=[1, 2]),
            partial(files.change_dir, "/5000"),
            files.capabilities,
            lambda: files.open("5001").read(100),  # noqa: B023  it is called in the same iteration
            lambda: files.records(FileRef.by_short_id(1))[0],  # noqa: B023  as above
            partial(files.delete, 0x5001),
        ]
        for use in chance.sample(uses, 3):
            with suppress(
                StatusError, MalformedError, WrongKindError, IndexError
            ):  # the last one: the script has ended
                use()


REFUSALS: dict[str, tuple[Callable[[FileAccess], object], str]] = {
    "no such file": (
        lambda files: files.open("5000/5FFF"),
        "SELECT of 3F00/5000/5FFF: file or application not found (6A82)",
    ),
    "no such folder": (
        lambda files: files.properties("5FFF/5001"),
        "SELECT of 3F00/5FFF/5001: file or application not found (6A82)",
    ),
    "no such name": (
        lambda files: files.change_dir(b"\xa0\x00\x00\x00\x99"),
        "SELECT of A000000099: file or application not found (6A82)",
    ),
    "a guarded file": (
        lambda files: files.open("5000/5001").read(),
        "READ BINARY of 3F00/5000/5001: security status not satisfied (6982)",
    ),
    "a guarded file to write": (
        lambda files: files.open("5000/5001", "wb").write(b"1"),
        "UPDATE BINARY of 3F00/5000/5001: security status not satisfied (6982)",
    ),
    "a full file": (
        lambda files: [*map(files.records("5000/5002").append, [b"\4new", b"\5new"])],
        "APPEND RECORD of 3F00/5000/5002: not enough memory in the file (6A84)",
    ),
    "a record of another length": (
        lambda files: files.records("5000/5002").__setitem__(0, b"1"),
        "UPDATE RECORD of 3F00/5000/5002: wrong length",
    ),
    "a file that exists": (
        lambda files: files.create(kind=FileKind.TRANSPARENT, file_id=0x2F05, size=1),
        "CREATE FILE of 3F00/2F05: file already exists (6A89)",
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("refusal", REFUSALS)
def test_the_error_names_the_command_and_the_file(refusal: str, kind: str) -> None:
    act, message = REFUSALS[refusal]
    with transmitter(kind, card_with_files()) as card, pytest.raises(StatusError) as raised:
        act(FileAccess(card))
    assert str(raised.value).startswith(message)
    assert f"{raised.value.command} of {raised.value.file}: " in message
    assert raised.value.response is not None
    assert raised.value.response.sw == raised.value.sw
