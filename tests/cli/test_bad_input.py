"""Bad input of the command line: a message and an exit code, never a traceback, and nothing is sent."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.cards import READER, RecordingCard

from scardffi import virtual
from scardffi.cli.main import main
from scardffi.virtual import DF, FileSystemCard, RecordEF, TransparentEF, VirtualReader

SCARDFFI = f"{sys.executable} -m scardffi --virtual"
on_unix = pytest.mark.skipif(sys.platform == "win32", reason="the shell sh and /dev/full are of Unix")


def refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """Return the exit code of a command that prints nothing but a message, and the message."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    shown = capsys.readouterr()
    assert shown.out == ""
    return end.value.code, shown.err


@pytest.fixture
def bad(tmp_path: Path) -> Callable[[str], str]:
    """Return the path of a file that cannot be used, by kind."""
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    return lambda kind: str(tmp_path / kind) if kind != "folder" else str(tmp_path)


@pytest.mark.parametrize("kind", ["absent", "folder", "bytes"])
@pytest.mark.parametrize(
    "command",
    [
        ["--virtual", "send", "@{}"],
        ["sw", "@{}"],
        ["tlv", "@{}"],
        ["atr", "@{}"],
        ["--virtual", "script", "{}"],
        ["--virtual", "bench", "--compare", "{}"],
        ["virtual", "--card", "{}", "--", sys.executable],
    ],
    ids=" ".join,
)
def test_a_file_that_cannot_be_read_exits_with_2_and_is_named(
    command: list[str], kind: str, bad: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = refusal([word.format(bad(kind)) for word in command], capsys)
    assert code == 2
    assert message.startswith("scardffi: ")
    assert bad(kind) in message


@pytest.mark.parametrize("path", ["/nonexistent/trace.pcapng", "/"])
def test_a_trace_that_cannot_be_written_exits_with_2(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = refusal(["--virtual", "--trace", path, "readers"], capsys)
    assert code == 2
    assert message.startswith(f"scardffi: --trace {path}: ")


def test_standard_input_that_is_no_text_exits_with_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff"), encoding="utf-8"))
    code, message = refusal(["sw", "-"], capsys)
    assert code == 2
    assert message.startswith("scardffi: standard input: ")


@pytest.mark.parametrize("command", [["readers"], ["cat", "2F00"], ["send", "00840000"]])
def test_an_unknown_option_shows_the_usage_of_its_command(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, message = refusal(["--virtual", *command, "--unknown"], capsys)
    assert code == 2
    assert message.startswith(f"usage: scardffi {command[0]} ")
    assert "unrecognized arguments: --unknown" in message


@on_unix
@pytest.mark.parametrize(
    ("padding", "code"), [("FF", "123456789"), ("format 2", "12ab"), ("format 2", "123"), ("none", "1" * 300)]
)
def test_a_code_that_the_padding_does_not_allow_is_not_sent(padding: str, code: str) -> None:
    card = RecordingCard()
    with virtual.environment({READER: card}) as variables:
        done = subprocess.run(
            [sys.executable, "-m", "scardffi", "pin", "verify", "--padding", padding],
            input=f"{code}\n", env=variables, cwd="/", capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("scardffi: code: ")
    assert code not in done.stderr
    assert card.commands == []


@pytest.fixture
def card() -> Iterator[list[str]]:
    """Insert a card with files into a virtual reader, and yield the options that choose it."""
    files = DF(files=[DF(0x5000, [TransparentEF(0x5001, b"abc"), RecordEF(0x5002, [b"a"])])])
    with VirtualReader(READER, FileSystemCard(files)):
        yield ["--library", virtual.library_path(), "--reader", READER, "--quiet"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["cat", "5000"], "the file is a directory (DF), which ls lists"),
        (["ls", "5000/5001"], "the file is transparent; cat prints such files"),
        (["put", "5000/5002", __file__], "the file is linear fixed; cat prints such files, and put writes transparent"),
        (["put", "5000", __file__], "the file is a directory (DF), which ls lists"),
    ],
)
def test_a_file_of_another_kind_exits_with_1_and_says_which_command_fits(
    command: list[str], message: str, card: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, shown = refusal([*command, *card], capsys)
    assert code == 1
    assert message in shown


@pytest.mark.parametrize("command", ["cat", "ls"])
@pytest.mark.parametrize("path", ["zz", "5000/50", "50001"])
def test_a_path_that_is_none_exits_with_2(command: str, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, message = refusal(["--virtual", command, path], capsys)
    assert code == 2
    assert f"path: '{path}' is not allowed; give " in message


@on_unix
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("send - <&-", 2),
        ("pin verify <&-", 2),
        ("script - <&-", 0),
        ("shell <&-", 0),
        ("readers >&-", 0),
        ("readers 2>&-", 0),
        ("readers >/dev/full", 6),
        ("send 00B0000004 >/dev/full", 6),
        ("readers --json >/dev/full", 6),
    ],
)
def test_a_closed_stream_or_a_full_disk_ends_in_no_traceback(command: str, code: int) -> None:
    if "/dev/full" in command and not sys.platform.startswith("linux"):
        pytest.skip("only Linux has /dev/full")
    done = subprocess.run(
        ["sh", "-c", f"{SCARDFFI} {command}"], cwd="/", capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert ("the output: No space left on device" in done.stderr) == (code == 6)
