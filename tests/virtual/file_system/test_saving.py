"""The tree of a card with files: wrong values, saving and loading."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.cards import APPLICATION, card_with_files, proof, select, send

from scardffi.iso7816 import instructions as iso
from scardffi.virtual.file_system import DF, NEVER, Code, FileSystemCard, Key, RecordEF, Structure, TransparentEF


def test_a_card_is_the_same_after_it_was_saved_and_loaded(tmp_path: Path) -> None:
    card = card_with_files()
    send(card, APPLICATION, iso.verify(b"9999", 0x81), iso.append_record(b"\3tri", short_id=2))
    send(card, select("5005"), iso.put_data(0x62, bytes.fromhex("85021122")), iso.deactivate_file())
    card.save(tmp_path / "card.json")
    loaded = FileSystemCard.load(tmp_path / "card.json", algorithms={"hmac": proof})
    assert loaded == card
    assert loaded != card_with_files()
    assert send(loaded, APPLICATION, iso.verify(b"", 0x81)) == "63C2"


def test_the_selected_file_and_verifications_are_not_saved(tmp_path: Path) -> None:
    card = card_with_files()
    send(card, iso.verify(b"0000", 1))
    card.save(str(tmp_path / "card.json"))
    loaded = FileSystemCard.load(str(tmp_path / "card.json"), algorithms={"hmac": proof})
    assert send(loaded, iso.verify(b"", 1)) == "63C3"


def test_a_saved_file_is_readable_by_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text("old")
    path.chmod(0o644)
    card_with_files().save(path)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["card.json"]


def test_a_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    folder = tmp_path / "card.json"
    folder.mkdir()
    with pytest.raises(OSError, match=r"card\.json"):
        card_with_files().save(folder)
    assert [one.name for one in tmp_path.iterdir()] == ["card.json"]
    with pytest.raises(FileNotFoundError):
        card_with_files().save(tmp_path / "nowhere" / "card.json")


def test_loading_a_missing_file_raises_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileSystemCard.load(tmp_path / "card.json")


def test_a_key_needs_its_algorithm(tmp_path: Path) -> None:
    card_with_files().save(tmp_path / "card.json")
    with pytest.raises(ValueError, match="algorithms: 'hmac', which a key needs, is missing"):
        FileSystemCard.load(tmp_path / "card.json")


@pytest.mark.skipif(os.name != "posix", reason="folders are written to the disk on POSIX only")
def test_a_file_is_on_the_disk_before_it_replaces_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(descriptor: int) -> None:
        steps.append(
            "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else f"{os.fstat(descriptor).st_size > 100}"
        )
        fsync(descriptor)

    def replaced(path: Path, target: Path) -> Path:
        steps.append("replace")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    card_with_files().save(tmp_path / "card.json")
    assert steps == ["True", "replace", "folder"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_save_that_is_interrupted_keeps_the_old_file_and_leaves_no_other(
    error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "card.json"
    card_with_files().save(path)
    old = path.read_bytes()

    def fail(_: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises((KeyboardInterrupt, OSError)):
        FileSystemCard(DF()).save(path)
    assert path.read_bytes() == old
    assert [one.name for one in tmp_path.iterdir()] == ["card.json"]


# Wrong files, codes and keys


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TransparentEF(0x3F00), "file_id: 3F00 is not allowed; it is reserved"),
        (lambda: TransparentEF(0x3FFF), "file_id: 3FFF is not allowed; it is reserved"),
        (lambda: TransparentEF(0), "file_id: 0 is not allowed; give 1 to 65534"),
        (lambda: TransparentEF(1, bytes(65536)), "length of content: 65536"),
        (lambda: TransparentEF(1, short_id=31), "short_id: 31 is not allowed; give 1 to 30"),
        (lambda: TransparentEF(1, access={"append": []}), "access: 'append' is not allowed; give "),
        (lambda: TransparentEF(1, access={"read": [0x20]}), "number: 32 is not allowed"),
        (lambda: TransparentEF(1, proprietary=b"\x80\0"), "proprietary: tags other than 85, A5 and C6 are not allowed"),
        (lambda: TransparentEF(1, proprietary=b"\x85\1"), "byte 2: "),
        (lambda: RecordEF(1), "record_size: 0 is not allowed"),
        (lambda: RecordEF(1, record_size=1), "capacity: 0 is not allowed"),
        (lambda: RecordEF(1, record_size=1, capacity=255), "capacity: 255"),
        (lambda: RecordEF(1, [b"a", b"b"], capacity=1), "number of records: 2"),
        (lambda: RecordEF(1, [b"a", b"bc"]), "length of a record: 1"),
        (lambda: RecordEF(1, [b"", b"bc"], Structure.LINEAR_VARIABLE), "length of a record: 0"),
        (lambda: DF(1, name=bytes(17)), "length of name: 17"),
        (lambda: DF(files=[DF()]), "files: the MF, 3F00, is not allowed in a DF"),
        (lambda: DF(files=[DF(1), TransparentEF(1)]), "files: file_id 0x1 is not allowed twice"),
        (
            lambda: DF(files=[TransparentEF(1, short_id=2), TransparentEF(2, short_id=2)]),
            "files: short_id 0x2 is not allowed twice",
        ),
        (lambda: DF(references=[Code(1, b"1"), Code(1, b"1")]), "references: number 0x1 is not allowed twice"),
        (lambda: DF(1, references=[Code(1, b"1")]), "references: the numbers 1 to 31 are allowed only in the MF"),
        (lambda: DF(data={1: b""}), "tag: 1 is not allowed"),
        (lambda: Code(0, b"1234"), "number: 0 is not allowed"),
        (lambda: Code(0x20, b"1234"), "number: 32 is not allowed"),
        (lambda: Code(0x100, b"1234"), "number: 256 is not allowed"),
        (lambda: Code(1, b""), "length of value: 0"),
        (lambda: Code(1, b"12345", max_length=4), "length of value: 5"),
        (lambda: Code(1, b"1234", min_length=9, max_length=8), "min_length: 9"),
        (lambda: Code(1, b"1234", tries=16), "tries: 16"),
        (lambda: Code(1, b"1234", tries_left=4), "tries_left: 4"),
        (lambda: Code(1, b"1234", resetting_code=99), "number: 99"),
        (lambda: Code(1, b"1234", access={"read": NEVER}), "access: 'read' is not allowed; give change, disable"),
        (lambda: Key(1, b"", "aes", tries=0), "tries: 0"),
    ],
)
def test_wrong_values_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: DF(files=["file"]),  # type: ignore[list-item]  # the test passes a wrong type
        lambda: DF(references=["code"]),  # type: ignore[list-item]  # the test passes a wrong type
        lambda: Key(1, b"", None),  # type: ignore[arg-type]  # the test passes a wrong type
        lambda: TransparentEF(1.5),  # type: ignore[arg-type]  # the test passes a wrong type
        lambda: Code(1, "1234"),  # type: ignore[arg-type]  # the test passes a wrong type
    ],
)
def test_wrong_types_are_type_errors(make: Callable[[], object]) -> None:
    with pytest.raises(TypeError):
        make()


def test_values_are_copied() -> None:
    value, content = bytearray(b"1234"), bytearray(b"content")
    code, file = Code(1, value), TransparentEF(1, content)
    value[:] = content[:] = b"x"
    assert code.value == b"1234"
    assert file.content == b"content"


def test_files_are_equal_if_their_permanent_state_is_equal() -> None:
    code, verified = Code(1, b"1234"), Code(1, b"1234")
    verified.verified = True
    assert code == verified
    assert code != Code(1, b"1235")
    assert TransparentEF(1, b"a") != TransparentEF(1, b"b")
