"""The command ``script``: scriptor's files, what is shown, exit codes, and the progress bar."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Place
from support.cards import READER, RecordingCard
from support.pcscd import PrivatePcscd
from support.requirements import need_program

from scardffi import virtual
from scardffi.cli.main import main
from scardffi.virtual import VirtualReader

COMMAND = [sys.executable, "-I", "-c", "import sys; from scardffi.cli.main import main; sys.exit(main())"]
OF_SCRIPTOR = """\
# reset the card
reset

# Select MF 3F00
00 A4 00 0C 02 3F 00
00B0000014
00 B0 \\
00 00 \\
04
# a class that the card does not know
F0 FF 00 00 00
00 84 00 00 08
RESET
exit
00 B0 00 00 01
"""


def run_script(text: str, folder: Path, *options: str, typed: str | None = None) -> "subprocess.CompletedProcess[str]":
    file = folder / "file.scr"
    file.write_text(text, encoding="utf-8")
    return subprocess.run(
        [*COMMAND, "--virtual", "script", str(file), *options],
        input=typed, cwd="/", capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


def exchanges(output: str) -> list[tuple[str, str]]:
    """Return commands and responses that scriptor or scardffi prints; random numbers and names of readers left out."""
    found: list[tuple[str, str]] = []
    shown = re.findall(r"^> (.*)\n((?:<.*\n)(?:[0-9A-F]{2} .*\n)*)", output, re.MULTILINE)
    for command, response in shown:
        data = response[1:].partition(" : ")[0].replace("OK:", "")
        text = "".join(data.split())
        is_random = command.replace(" ", "").startswith("0084")
        found.append((command.replace(" ", ""), text[-4:] if is_random else text))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="scriptor finds our library by Linux's name of it")
def test_a_file_of_scriptor_gives_the_same_exchanges(place: Place, tmp_path: Path) -> None:
    need_program("scriptor")
    file = tmp_path / "file.scr"
    file.write_text(OF_SCRIPTOR, encoding="utf-8")
    on_virtual = place.reader == virtual.DEFAULT_READER
    library = virtual.library_path() if on_virtual else "libpcsclite.so.1"
    environment = dict(os.environ)
    if on_virtual:
        environment["LD_LIBRARY_PATH"] = virtual.library_folder()
    theirs = subprocess.run(
        ["scriptor", "-r", place.reader, str(file)], env=environment, capture_output=True, text=True, check=False
    )
    assert theirs.returncode == 0, theirs.stderr
    ours = subprocess.run(
        [*COMMAND, "--library", library, "script", "--reader", place.reader, str(file)],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ours.stderr == ""
    assert len(exchanges(ours.stdout)) == 7
    assert exchanges(ours.stdout) == exchanges(theirs.stdout)


def test_a_script_stops_at_the_first_status_word_that_is_not_expected(tmp_path: Path) -> None:
    done = run_script("00B0000001 -> 9000\n00FF000000 -> 9000 61xx\n00840000", tmp_path)
    assert done.returncode == 1
    assert done.stderr.endswith("file.scr:2: expected 9000 61xx, but got 6D00 (instruction not supported)\n")
    assert done.stdout.splitlines() == [
        "reader scardffi Virtual Reader 0",
        "> 00 B0 00 00 01", "< 00 90 00", "  9000 success",
        "> 00 FF 00 00 00", "< 6D 00", "  6D00 instruction not supported",
    ]  # fmt: skip


def test_keep_going_runs_to_the_end_and_exits_with_1(tmp_path: Path) -> None:
    done = run_script("00FF000000 -> 9000\n00B0000001", tmp_path, "--keep-going")
    assert (done.returncode, len(exchanges(done.stdout))) == (1, 2)


@pytest.mark.parametrize(("text", "code"), [("00B0000001", 0), ("00FF000000", 1), ("00FF000000 -> 6Dxx", 0)])
def test_the_exit_code_says_whether_status_words_were_as_expected(text: str, code: int, tmp_path: Path) -> None:
    assert run_script(text, tmp_path).returncode == code


def test_nothing_is_sent_if_a_later_line_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = RecordingCard()
    file = tmp_path / "file.scr"
    file.write_text("00B0000001\n00B0000001 04 05\n00 xx\n", encoding="utf-8")
    with VirtualReader(READER, card), pytest.raises(SystemExit) as end:
        main(["--virtual", "script", "--reader", READER, str(file)])
    assert end.value.code == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith(f"scardffi: {file}:3:4: xx is not allowed")
    assert card.commands == []


def test_check_uses_no_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file.scr"
    file.write_text("00B0000001", encoding="utf-8")
    assert main(["--library", "/nonexistent.so", "script", "--check", str(file)]) == 0
    assert capsys.readouterr() == ("", "")


def test_json_has_a_line_for_each_exchange(tmp_path: Path) -> None:
    said = run_script("reset cold\n# comment\n00B0000001", tmp_path, "--json").stdout
    assert [json.loads(line) for line in said.splitlines()] == [
        {"reset": "cold", "atr": virtual.ANSWERING_ATR.hex().upper(), "line": 1},
        {"command": "00B0000001", "response": "009000", "sw": "9000", "meaning": "success", "line": 3},
    ]


def test_a_code_is_read_from_standard_input_and_is_not_shown(tmp_path: Path) -> None:
    text = "ask PIN\n00200080 ${#PIN} $PIN -> 6D00\n00DA0100 ${#PIN} $PIN -> 6D00\n00200080 02 3132 -> 6D00"
    shown = run_script(text, tmp_path, typed="1234\n")
    assert shown.returncode == 0, shown.stderr
    assert [command for command, _ in exchanges(shown.stdout)] == [
        "0020008004********", "00DA010004********", "0020008002****",
    ]  # fmt: skip
    assert "31 32 33 34" not in shown.stdout + shown.stderr
    assert "> 00 20 00 80 04 31 32 33 34" in run_script(text, tmp_path, "--show-secrets", typed="1234\n").stdout


def test_a_script_from_standard_input_asks_for_no_code() -> None:
    done = subprocess.run(
        [*COMMAND, "--virtual", "script", "-"], input="ask PIN", cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "scardffi: standard input:1: ask reads standard input; give the script as a file\n"


def test_a_file_that_cannot_be_read_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--virtual", "script", "/nonexistent.scr"])
    assert end.value.code == 2
    assert capsys.readouterr().err == "scardffi: /nonexistent.scr: No such file or directory\n"


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal of Unix")
def test_a_terminal_shows_a_progress_bar_and_colours(daemon: PrivatePcscd, tmp_path: Path) -> None:
    import pexpect

    file = tmp_path / "file.scr"
    file.write_text("repeat 20\n00B0000001\nend", encoding="utf-8")
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    arguments = ["--library", "libpcsclite.so.1", "script", "--reader", daemon.ifd_reader(0), str(file)]
    with pexpect.spawn(COMMAND[0], [*COMMAND[1:], *arguments], env=environment, cwd="/", timeout=30) as program:
        program.expect(r"20/20")
        program.expect(pexpect.EOF)
        said = program.before
    assert program.exitstatus == 0
    assert b"\x1b[?25h" in said  # the cursor is back
