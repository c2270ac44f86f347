"""The command ``scardffi``: its output and its exit status."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cards import READER, RecordingCard

from scardffi import trace, virtual
from scardffi.cli.main import COMMANDS, main
from scardffi.virtual import VirtualReader


def test_send_prints_each_response_with_the_meaning_of_its_status_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--virtual", "send", "00A4000C023F00", "00B0000004"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "reader scardffi Virtual Reader 0",
        "> 00 A4 00 0C 02 3F 00",
        "< 90 00",
        "  9000 success",
        "> 00 B0 00 00 04",
        "< 00 01 02 03 90 00",
        "  9000 success",
    ]


def test_options_may_follow_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["readers", "--virtual"]) == 0
    assert capsys.readouterr().out == "0\tscardffi Virtual Reader 0\t3B 88 80 01 73 63 61 72 64 66 66 69 07\n"


def test_an_error_status_word_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--virtual", "send", "00FF000000"]) == 1
    assert "6D00 instruction not supported" in capsys.readouterr().out


@pytest.mark.parametrize("bad", ["0", "xyz", ""])
def test_a_command_that_is_not_hexadecimal_exits_with_2(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--virtual", "send", bad])
    assert end.value.code == 2
    shown = capsys.readouterr().err
    assert "give two hexadecimal digits for each byte" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--library", "/nonexistent/lib.so", "readers"], "/nonexistent/lib.so"),
    ],
)
def test_a_pcsc_error_exits_with_3_and_prints_the_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 3
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(("answer", "shown"), [(b"", "<"), (b"\x90", "< 90")])
def test_a_response_without_a_status_word_exits_with_1_and_shows_none(
    answer: bytes, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with VirtualReader(READER, RecordingCard(lambda _: answer)):
        assert main(["--library", virtual.library_path(), "send", "--reader", READER, "00840000", "00B00000"]) == 1
    said = f"  no status word: the card answered {len(answer)} of 2 bytes"
    assert capsys.readouterr().out.splitlines() == [
        f"reader {READER}", "> 00 84 00 00", shown, said, "> 00 B0 00 00", shown, said,
    ]  # fmt: skip


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
@pytest.mark.parametrize(
    "arguments", [["readers"], ["send", "0084000008"], ["send", "--reader", "L\u0165 \u2603", "00840000"]]
)
def test_names_that_the_encoding_lacks_are_printed_with_escapes(encoding: str, arguments: list[str]) -> None:
    environment = {
        **os.environ,
        "PYTHONIOENCODING": encoding,
        "SCARDFFI_LIBRARY": virtual.library_path(),
        "SCARDFFI_VIRTUAL": "reader,name=\u010cte\u010dka \u2603",
    }
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from scardffi.cli.main import main; sys.exit(main())", *arguments],
        env=environment, cwd="/", capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == (4 if "--reader" in arguments else 0), done.stderr
    shown = (done.stderr if "--reader" in arguments else done.stdout).decode(encoding)
    assert ("\\u2603" if encoding != "utf-8" else "\u2603") in shown


def test_a_reader_is_named_by_its_number_or_by_a_part_of_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    with VirtualReader("Left", RecordingCard()), VirtualReader("Right", RecordingCard()):
        for reader, name in (("1", "Left"), ("2", "Right"), ("igh", "Right"), ("Left", "Left")):
            assert main(["--library", virtual.library_path(), "send", "--reader", reader, "00840000"]) == 0
            assert capsys.readouterr().out.splitlines()[0] == f"reader {name}"


@pytest.mark.parametrize(
    ("reader", "problem"), [("ft", "no reader fits"), ("ght", "2 readers fit"), ("3", "no reader fits")]
)
def test_a_reader_that_does_not_fit_exits_with_4_and_lists_the_readers(
    reader: str, problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with VirtualReader("Light", RecordingCard()), VirtualReader("Right", RecordingCard()):
        assert main(["--library", virtual.library_path(), "send", "--reader", reader, "00840000"]) == 4
    assert (
        f"--reader {reader!r}: {problem}; the readers are: 0 scardffi Virtual Reader 0; 1 Light; 2 Right"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "arguments", [["00 A4 00 0C 02 3F 00"], ["00", "A4", "00", "0C", "02", "3F", "00"], ["0x00A4000C", "0x023F00"]]
)
def test_a_command_may_have_spaces(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--virtual", "send", *arguments]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "> 00 A4 00 0C 02 3F 00"


def test_commands_are_read_from_files_and_standard_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "commands"
    file.write_text("# a comment\n00 A4 00 0C 02 3F 00  # the MF\n\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("00B0000004\n"))
    assert main(["--virtual", "send", f"@{file}", "-"]) == 0
    sent = [line for line in capsys.readouterr().out.splitlines() if line.startswith(">")]
    assert sent == ["> 00 A4 00 0C 02 3F 00", "> 00 B0 00 00 04"]


def test_what_is_no_command_is_sent_only_with_raw(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "commands"
    file.write_text("00B0000004\n00A400000500\n")
    with pytest.raises(SystemExit) as end:
        main(["--virtual", "send", f"@{file}"])
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert f"{file}, line 2: 00 A4 00 00 05 00 is not a command APDU" in shown.err
    assert shown.out == ""  # nothing was sent
    assert main(["--virtual", "send", "--raw", "00A400000500"]) == 1
    assert "> 00 A4 00 00 05 00" in capsys.readouterr().out


def test_a_command_is_shown_before_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with VirtualReader(READER, RecordingCard()), virtual.fault("SCardTransmit", code="SCARD_W_REMOVED_CARD"):
        assert main(["--library", virtual.library_path(), "send", "--reader", READER, "00840000"]) == 3
    shown = capsys.readouterr()
    assert shown.out.splitlines()[-1] == "> 00 84 00 00"
    assert "SCARD_W_REMOVED_CARD" in shown.err


def test_a_code_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--virtual", "send", "002000800431323334"]) == 1
    assert "> 00 20 00 80 04 ** ** ** **" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("commands", "problem"),
    [
        (["00200001 08 37333931"], "00 20 00 01 08 ** ** ** ** is not a command APDU"),
        (["0020000104", "37333931"], "00 20 00 01 04 has no data"),
        (["00200001043733393"], "a byte with one digit is not allowed"),
        (["0020000104 37 33 39 g1"], "'g' is not allowed"),
    ],
)
def test_a_command_that_is_refused_shows_no_code(
    commands: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--virtual", "send", *commands])
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert problem in shown.err
    assert shown.out == ""
    assert "373" not in shown.err
    assert "37 33" not in shown.err


def test_the_first_status_word_that_is_not_expected_ends_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    commands = ["00B0000004", "00B1000004", "00B0000004"]
    assert main(["--virtual", "send", "--expect", "61xx,9000", *commands]) == 1
    shown = capsys.readouterr()
    assert shown.out.count(">") == 2
    assert "expected 61xx,9000, but got 6D00" in shown.err
    assert main(["--virtual", "send", "--expect", "6Dxx", "00B1000004"]) == 0


def test_get_response_follows_61xx_and_6cxx(capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"00CA0000FF": "6C04", "00CA000004": "6102", "00C0000002": "010261FF", "00C00000FF": "039000"}
    card = RecordingCard(lambda command: bytes.fromhex(answers[command.hex().upper()]))
    with VirtualReader(READER, card):
        options = ["--library", virtual.library_path(), "--reader", READER]
        assert main(["send", "--get-response", *options, "00CA0000FF"]) == 0
    assert [line[2:] for line in capsys.readouterr().out.splitlines() if line.startswith(">")] == [
        "00 CA 00 00 FF", "00 CA 00 00 04", "00 C0 00 00 02", "00 C0 00 00 FF",
    ]  # fmt: skip


def test_readers_without_readers_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with virtual.fault("SCardListReaders", code="SCARD_E_NO_READERS_AVAILABLE"):
        assert main(["--virtual", "readers"]) == 4
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "scardffi: there are no readers\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no bash")
def test_output_into_a_pipe_that_ends_is_no_error() -> None:
    command = (
        f"{sys.executable} -m scardffi --virtual send $(yes 00B0000004 | head -2000) | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd="/", check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "141"


def test_the_summary_of_each_command_is_that_of_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert name in shown
        with pytest.raises(SystemExit) as end:
            main([name, "--help"])
        assert end.value.code == 0
        assert "exit codes" in capsys.readouterr().out


def test_info_shows_library_attributes_and_features(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "--virtual", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["library"] == virtual.library_path()
    assert shown["attributes"]["VENDOR_NAME"] == "scardffi"
    assert "GET_TLV_PROPERTIES" in shown["features"]


def test_a_trace_records_the_calls(tmp_path: Path) -> None:
    path = tmp_path / "trace.pcapng"
    assert main(["--virtual", "--trace", str(path), "send", "00B0000004"]) == 0
    assert [record.command for record in trace.read(path) if record.function == "SCardTransmit"] == [
        bytes.fromhex("00B0000004")
    ]
