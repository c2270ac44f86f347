"""`scardffi trace`: recording programs, and showing traces, in a terminal and in pipes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.browser import check_page
from support.pcscd import PrivatePcscd
from support.requirements import need_program

from scardffi import Context, trace, virtual
from scardffi.virtual import DEFAULT_READER

pexpect = pytest.importorskip("pexpect", reason="terminals are tested on Linux, with pexpect")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other programs are traced only on Linux")

PIN = "95173864"
OPENSC_TOOL = ["opensc-tool", "-s", "0020008008" + PIN.encode().hex(), "-s", "00B0000004"]


def scardffi(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line."""
    return subprocess.run(
        [sys.executable, "-m", "scardffi", *arguments],
        cwd="/",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def terminal(*arguments: str) -> Any:
    """Run the command line in a terminal."""
    return pexpect.spawn(
        sys.executable, ["-m", "scardffi", *arguments], cwd="/", encoding="utf-8", timeout=30, dimensions=(50, 200)
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a trace."""
    return tmp_path / "trace.pcapng"


@pytest.fixture
def recorded(file: Path) -> Path:
    """Record a short session on the virtual library; return the trace."""
    with virtual.installed(), trace.record(file), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(bytes.fromhex("00B0000004"))
        card.transmit(bytes.fromhex("0020008004") + b"1234")
    return file


def test_a_program_is_recorded_and_shown_in_a_terminal(file: Path) -> None:
    need_program("opensc-tool")
    child = terminal("--virtual", "trace", "-o", str(file), "--", *OPENSC_TOOL)
    child.expect("Received .SW1=0x90, SW2=0x00.:\r\n00 01 02 03")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    child = terminal("trace", "show", str(file))
    child.expect(r"\[1\] SCardTransmit VERIFY 0020008008\*{16} -> 6D00 \(instruction not supported\)")
    child.expect(r"\[1\] SCardTransmit READ BINARY 00B0000004 -> 00010203 9000 \(success\)")
    child.expect(r"1 process, 1 thread; 0 slow \(100.0 ms or more\)")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert PIN.encode() not in file.read_bytes()


def test_a_program_is_recorded_on_a_real_daemon(daemon: PrivatePcscd, file: Path) -> None:
    attach = f"from scardffi import Context; card = Context().attach({daemon.ifd_reader(0)!r})"
    code = f"{attach}; card.transmit(bytes.fromhex('00B0000004'))"
    child = terminal("trace", "-o", str(file), "--", sys.executable, "-W", "ignore", "-I", "-c", code)
    child.expect(pexpect.EOF)
    child.close()
    assert (child.exitstatus, child.before) == (0, "")
    (command,) = [record for record in trace.read(file) if record.command is not None]
    assert command.response is not None
    assert command.duration_ns > 0


def test_without_a_file_the_calls_are_text_on_stderr_and_the_output_is_the_programs() -> None:
    need_program("opensc-tool")
    plain = subprocess.run(
        OPENSC_TOOL,
        env={**os.environ, "LD_LIBRARY_PATH": virtual.library_folder()},
        capture_output=True,
        text=True,
        check=True,
    )
    done = scardffi("trace", "--virtual", "--", *OPENSC_TOOL)
    assert done.stdout == plain.stdout
    assert "SCardTransmit 0x00000000" in done.stderr
    assert PIN.encode().hex() not in done.stderr


def test_secrets_follow_the_options(file: Path) -> None:
    need_program("opensc-tool")
    done = scardffi("trace", "--virtual", "--secrets", "A4", "--show-secrets", "-o", str(file), "--", *OPENSC_TOOL)
    assert done.returncode == 0
    assert bytes.fromhex(OPENSC_TOOL[2]) in [record.command for record in trace.read(file)]
    file.unlink()
    scardffi("trace", "--virtual", "--secrets", "B0,A4", "-o", str(file), "--", "opensc-tool", "-s", "00A4000C023F00")
    assert "00A4000C02****" in [record.as_dict().get("command") for record in trace.read(file)]


def test_the_exit_code_and_the_signals_are_the_programs() -> None:
    assert scardffi("trace", "--", "sh", "-c", "exit 7").returncode == 7
    assert scardffi("trace", "--", "sh", "-c", "kill -TERM $$").returncode == -signal.SIGTERM
    assert scardffi("trace", "--", "sh", "-c", "yes | head -1; echo ${PIPESTATUS:-done}").stdout == "y\ndone\n"


def test_what_cannot_be_recorded_is_refused_before_the_program_starts(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.write_text("mine", encoding="utf-8")
    for arguments, complaint in (
        (["trace"], "give a program after --, or the command show"),
        (["trace", "--", "no-such-program"], "the program 'no-such-program' is not found"),
        (["trace", "-o", str(notes), "--", "echo", "ran"], f"{notes} exists and is not a trace"),
        (["trace", "-o", "/no/such/file", "--", "echo", "ran"], "there is no folder /no/such"),
        (["trace", "--secrets", "verify", "--", "echo", "ran"], "secrets: 'verify' is not allowed"),
        (["trace", "show", str(notes)], f"{notes} is not a trace of scardffi, nor a log of pcsc-spy or OpenSC"),
        (["trace", "show", "/no/such/file"], "No such file or directory"),
    ):
        done = scardffi(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert complaint in done.stderr
    assert notes.read_text(encoding="utf-8") == "mine"


def test_each_call_is_a_line_of_json(recorded: Path) -> None:
    lines = scardffi("trace", "show", "--json", str(recorded)).stdout.splitlines()
    assert [json.loads(line) for line in lines] == [record.as_dict() for record in trace.read(recorded)]


def test_a_page_is_written(recorded: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert scardffi("trace", "show", "--html", str(page), str(recorded)).returncode == 0
    said = check_page(page, tmp_path)
    assert "READ BINARY 00B0000004 -> 00010203 9000 (success)" in said
    assert scardffi("trace", "show", "--html", "-", str(recorded)).stdout == page.read_text(encoding="utf-8")


def test_calls_from_the_number_of_milliseconds_are_slow(recorded: Path) -> None:
    assert "; 0 slow (1.00 s or more)" in scardffi("trace", "show", "--slow", "1000", str(recorded)).stdout
    assert " slow [1] SCardTransmit READ BINARY" in scardffi("trace", "show", "--slow", "0", str(recorded)).stdout


def test_the_reader_of_a_pipe_may_end_early(recorded: Path) -> None:
    command = f"{sys.executable} -m scardffi trace show {recorded} | head -1"
    done = subprocess.run(["sh", "-c", command], cwd="/", capture_output=True, text=True, timeout=60, check=True)
    assert "SCardEstablishContext" in done.stdout
    assert done.stderr == ""
