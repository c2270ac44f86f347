"""The commands for files and codes: ``scardffi ls``, ``cat``, ``put`` and ``pin``."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cards import READER

from scardffi import virtual
from scardffi.cli.main import main
from scardffi.virtual import DF, Code, FileSystemCard, RecordEF, TransparentEF, VirtualReader

CONTENT = bytes(range(256)) * 2
APPLICATION = bytes.fromhex("A0000000010203")


@pytest.fixture
def card() -> Iterator[list[str]]:
    """Insert a card with files and codes into a virtual reader, and yield the options that choose it."""
    data, records = TransparentEF(0x5001, CONTENT), RecordEF(0x5002, [b"Ada  ", b"Grace"], capacity=4)
    codes = [Code(1, b"1234", resetting_code=2), Code(2, b"87654321")]
    files = DF(files=[DF(0x5000, [data, records], name=APPLICATION)], references=codes)
    with VirtualReader(READER, FileSystemCard(files)):
        yield ["--library", virtual.library_path(), "--reader", READER]


def shown_file(card: list[str], capsys: pytest.CaptureFixture[str], file: str) -> list[bytes]:
    assert main(["cat", "--json", *card, file]) == 0
    return [bytes.fromhex(one) for one in json.loads(capsys.readouterr().out)["contents"]]


def test_ls_lists_the_files_that_can_be_found(card: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ls", *card]) == 0
    assert capsys.readouterr().out == "A0000000010203\tdf\tA0 00 00 00 01 02 03\n"
    assert main(["ls", *card, "5000", "--probe", "5000-5003", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert [line.split("\t")[0] for line in shown.out.splitlines()] == ["3F00/5000/5001", "3F00/5000/5002"]
    assert shown.err == ""


def test_each_exchange_is_shown_on_stderr_before_the_answer(
    card: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cat", *card, "5000/5001", "--json"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("> 00 A4 ")
    assert lines[1].startswith("< ")
    assert any(line.startswith("> 00 B0 ") for line in lines)


def test_cat_prints_the_bytes_of_a_file_or_its_records(card: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert shown_file(card, capsys, "5000/5001") == [CONTENT]
    assert shown_file(card, capsys, "A0000000010203/5002") == [b"Ada  ", b"Grace"]
    assert main(["cat", *card, "--hex", "5000/5002"]) == 0
    assert capsys.readouterr().out == "41 64 61 20 20\n47 72 61 63 65\n"


def test_put_writes_a_file(card: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"new" * 100)
    assert main(["put", *card, "5000/5001", str(source), "--offset", "2"]) == 0
    assert capsys.readouterr().out == "300 bytes written\n"
    assert shown_file(card, capsys, "5000/5001") == [CONTENT[:2] + b"new" * 100 + CONTENT[302:]]


def test_put_refuses_what_does_not_fit_and_writes_nothing(
    card: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(512))
    with pytest.raises(SystemExit) as end:
        main(["put", *card, "5000/5001", str(source), "--offset", "1"])
    assert end.value.code == 2
    assert "512 bytes at 1 do not fit into the file of 512 bytes" in capsys.readouterr().err
    assert shown_file(card, capsys, "5000/5001") == [CONTENT]


@pytest.mark.parametrize("command", [["cat", "6000"], ["put", "6000", os.devnull]])
def test_a_file_that_the_card_does_not_have_exits_with_1(
    command: list[str], card: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command, *card])
    assert end.value.code == 1
    assert "file or application not found (6A82)" in capsys.readouterr().err


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Yield a function that puts lines into standard input."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as standard_input, os.fdopen(writing, "w") as lines:
        monkeypatch.setattr("sys.stdin", standard_input)

        def write(text: str) -> None:
            lines.write(text)
            lines.flush()

        yield write


def test_pin_verifies_changes_and_unblocks_codes(
    card: list[str], typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("1234\n")
    assert main(["pin", "verify", *card]) == 0
    typed("1234\n4711\n4711\n")
    assert main(["pin", "change", *card]) == 0
    typed("1234\n")
    assert main(["pin", "verify", *card]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["done", "done"]
    assert shown.err.splitlines()[-1] == "scardffi: wrong code, 2 tries left"
    typed("87654321\n1234\n1234\n")
    assert main(["pin", "unblock", *card]) == 0
    assert main(["pin", "tries", *card]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == ["done", "3 tries left"]
    for code in ("1234", "4711", "87654321"):
        assert code.encode().hex(" ") not in shown.err
        assert code not in shown.err


@pytest.mark.parametrize(("lines", "problem"), [("1234\n1\n2\n", "the new codes differ"), ("\n", "a code of no bytes")])
def test_codes_that_are_not_allowed_are_not_sent(
    lines: str, problem: str, card: list[str], typed: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed(lines)
    with pytest.raises(SystemExit) as end:
        main(["pin", "change", *card])
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert problem in shown
    assert ">" not in shown


@pytest.mark.parametrize(
    "arguments", [["verify", "7391"], ["7391"], ["verify", "--code=7391"], ["tries", "--code", "7391"]]
)
def test_a_code_on_the_command_line_is_refused_and_not_shown(
    arguments: list[str], card: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["pin", *arguments, *card])
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert "a code never stands on the command line" in shown
    assert "7391" not in shown
