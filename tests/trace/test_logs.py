"""Logs of pcsc-spy and OpenSC are read as traces are: a session of opensc-tool, recorded in each way."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.requirements import need, need_program

from scardffi import Context, ReturnCode, SCardError, trace, virtual
from scardffi.trace import Record
from scardffi.virtual import ANSWERING_ATR, DEFAULT_READER
from scardffi.virtual.vpcd import VpcdCard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pcsc-spy is made for Linux")

PIN = "95173864"
SESSION = ["opensc-tool", "-s", "00A4000C023F00", "-s", "0020008008" + PIN.encode().hex(), "-s", "00B0000004"]
FORMATS = ["pcapng", "pcsc-spy's library", "pcsc-spy", "OpenSC"]
SPIES = sorted(Path("/usr/lib").glob("*/libpcscspy.so.0"))


def run(command: list[str], **environment: str) -> tuple[str, str]:
    """Run a program; return what it wrote to stdout and stderr. A session with a fault fails."""
    need_program(command[0])
    expected = 1 if command == SESSION and "SCARDFFI_VIRTUAL" in os.environ else 0
    done = subprocess.run(
        command, cwd="/", env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == expected
    return done.stdout, done.stderr


def record_session(file: Path) -> None:
    """Run the session with its calls recorded to a file."""
    run(SESSION, LD_LIBRARY_PATH=f"{trace.library_folder()}:{virtual.library_folder()}", SCARDFFI_TRACE=str(file))


def spy(folder: Path) -> Path:
    """Run the session with pcsc-spy's library; return the file that it wrote."""
    library = SPIES[0] if SPIES else None
    need(["pcsc-spy's library is not installed"] if library is None else [])
    assert library is not None
    folder.joinpath("libpcsclite.so.1").symlink_to(library)
    folder.joinpath("libpcsclite_nospy.so.1").symlink_to(virtual.library_path())  # what it passes the calls on to
    log = folder / "pcsc-spy"
    log.touch()
    run(SESSION, LD_LIBRARY_PATH=str(folder), HOME=str(folder))
    return log


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session(form: str, tmp_path: Path) -> Path:
    """Run the session; return its trace or log."""
    file = tmp_path / "log"
    match form:
        case "pcapng":
            record_session(file)
        case "pcsc-spy's library":
            return spy(tmp_path)
        case "pcsc-spy":
            file.write_text(run(["pcsc-spy", str(spy(tmp_path))])[0], encoding="utf-8")
        case "OpenSC":
            said = run(SESSION, LD_LIBRARY_PATH=virtual.library_folder(), OPENSC_DEBUG="9")
            file.write_text(said[1], encoding="utf-8")
    return file


def commands(records: Iterator[Record]) -> list[tuple[str, bytes | None]]:
    return [(record.as_dict()["command"], record.response) for record in records if record.command is not None]


def test_each_format_has_the_commands_and_no_pin(session: Path) -> None:
    found = commands(trace.read(session))
    assert found[-3:] == [
        ("00A4000C023F00", b"\x90\x00"),
        ("0020008008" + "*" * 16, b"\x6d\x00"),
        ("00B0000004", bytes.fromhex("000102039000")),
    ]
    assert len(found) > 10  # opensc-tool looks for the card's kind first


def test_the_session_passes_on_the_replay_of_each_format(session: Path) -> None:
    replayed = trace.ReplayCard(session)
    assert (replayed.reader, replayed.atr) == (DEFAULT_READER, ANSWERING_ATR)
    with VpcdCard(replayed, 0, listen=True) as card:
        reader = f"reader,connect={card.port},name={DEFAULT_READER}"
        replay = run(SESSION, LD_LIBRARY_PATH=virtual.library_folder(), SCARDFFI_VIRTUAL=reader)
    assert replay == run(SESSION, LD_LIBRARY_PATH=virtual.library_folder())
    assert replayed.remaining == 0


@pytest.mark.usefixtures("form")
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("removal", ReturnCode.SCARD_E_NO_SMARTCARD),
        ("code=SCARD_W_REMOVED_CARD", ReturnCode.SCARD_W_REMOVED_CARD),
        ("code=SCARD_E_COMM_DATA_LOST", ReturnCode.SCARD_E_COMM_DATA_LOST),
    ],
)
def test_a_failed_transmit_fails_on_the_replay_of_each_format(
    fault: str, code: ReturnCode, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCARDFFI_VIRTUAL", f"reader;fault,function=SCardTransmit,call=2,{fault}")
    monkeypatch.setattr(f"{__name__}.SESSION", [SESSION[0], "-c", "default", *SESSION[1:]])  # it sends only these
    session = request.getfixturevalue("session")
    with virtual.environment({DEFAULT_READER: trace.ReplayCard(session)}) as variables:
        assert run(SESSION, **variables) == run(SESSION, LD_LIBRARY_PATH=virtual.library_folder())
    replayed = trace.ReplayCard(session)
    with (
        virtual.installed(),
        virtual.VirtualReader("Replay", replayed),
        Context() as context,
        context.attach("Replay") as card,
    ):
        assert card.transmit(bytes.fromhex("00A4000C023F00")) == b"\x90\x00"
        with pytest.raises(SCardError) as raised:
            card.transmit(bytes.fromhex("0020008008") + PIN.encode())
    assert (raised.value.code, replayed.remaining) == (code, 0)


def test_the_two_logs_of_pcsc_spy_have_the_fields_of_a_trace(tmp_path: Path) -> None:
    raw = spy(tmp_path)
    shown = tmp_path / "shown"
    shown.write_text(run(["pcsc-spy", str(raw)])[0], encoding="utf-8")
    file = tmp_path / "trace.pcapng"
    record_session(file)
    unlike = {"context", "handle", "room", "length", "received"}  # other numbers, or not in the logs

    def fields(path: Path) -> list[object]:
        return [
            (
                (one.function, one.result, one.command, one.response),
                {name: value for name, value in one.arguments.items() if name not in unlike and value},
            )
            for one in trace.read(path)
        ]

    assert fields(raw) == fields(shown) == fields(file)
    assert [one.duration_ns for one in trace.read(raw)] == [one.duration_ns for one in trace.read(shown)]


def test_secrets_of_a_log_are_kept_on_request(tmp_path: Path) -> None:
    log = spy(tmp_path)
    assert ("0020008008" + PIN.encode().hex(), b"\x6d\x00") in commands(trace.read(log, show_secrets=True))
    assert commands(trace.read(log, secrets="A4"))[-3] == ("00A4000C02****", b"\x90\x00")
    with pytest.raises(ValueError, match="verify"):
        list(trace.read(log, secrets="verify"))


def test_two_threads_of_a_log_are_kept_apart(tmp_path: Path) -> None:
    log = tmp_path / "pcsc-spy"
    log.write_text(
        "7F01@>|100|000010|SCardBeginTransaction\n"
        "7F02@>|100|000020|SCardTransmit\n"
        "7F01@0x00000001\n"
        "7F02@0x00000002\n7F02@0x00000002\n7F02@0x00000010\n7F02@0x00000005\n7F02@00 B0 00 00 04 \n"
        "7F01@<|100|000050|SCardBeginTransaction|Success|0x00000000\n"
        "7F02@0x00000002\n7F02@0x00000010\n7F02@0x00000002\n7F02@90 00 \n"
        "7F02@<|101|000000|SCardTransmit|Success|0x00000000\n",
        encoding="utf-8",
    )
    first, second = trace.read(log)
    assert (first.function, first.thread, first.duration_ns) == ("SCardBeginTransaction", 0x7F01, 40_000)
    assert (second.command, second.response) == (bytes.fromhex("00B0000004"), b"\x90\x00")
    assert (second.time_ns, second.duration_ns) == (100_000_020_000, 999_980_000)


def test_another_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    for text in ("", "notes\n", "\xff" * 40):
        file.write_text(text, encoding="latin-1")
        with pytest.raises(ValueError, match="notes is not a trace of scardffi"):
            list(trace.read(file))
