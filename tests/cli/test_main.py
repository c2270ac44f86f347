"""The command ``scardffi``: its output and its exit status."""

import os
import subprocess
import sys

import pytest
from support.cards import READER, RecordingCard

from scardffi import virtual
from scardffi.cli.main import main
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
    assert f"{bad!r} is not allowed; give two hexadecimal digits for each byte" in capsys.readouterr().err


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
    "arguments", [["readers"], ["send", "0084000008"], ["send", "--reader", "L\u0165 \u2603", "00"]]
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
