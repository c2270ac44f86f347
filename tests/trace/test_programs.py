"""Unmodified programs whose calls are recorded: their output is unchanged, and tshark and trace.read agree."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from support.compile import pcsc_include_flags, program
from support.requirements import need_program

from scardffi import trace, virtual

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other programs are traced only on Linux")

PIN = "95173864"
PYSCARD = """
from smartcard.System import readers
connection = readers()[0].createConnection()
connection.connect()
print(connection.transmit([0x00, 0x20, 0x00, 0x80, 0x08, *b"95173864"]))
print(connection.transmit([0x00, 0xB0, 0x00, 0x00, 0x04]))
"""
OURS = """
from scardffi import Context
with Context() as context, context.attach(context.list_readers()[0]) as card:
    print(card.transmit(bytes.fromhex("0020008008") + b"95173864").hex())
    print(card.transmit(bytes.fromhex("00B0000004")).hex())
"""
OPENSC_TOOL = ["opensc-tool", "-s", "00A4000C023F00", "-s", "0020008008" + PIN.encode().hex(), "-s", "00B0000004"]
PROGRAMS = {
    "opensc-tool": OPENSC_TOOL,
    "pcsc_scan": ["pcsc_scan", "-c", "-n"],
    "pyscard": [sys.executable, "-I", "-c", PYSCARD],
    "scardffi": [sys.executable, "-I", "-c", OURS],
    "Java": ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", "JavaCard", PIN],
}
SOURCES = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def java_class(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the Java program; return the folder of its class."""
    need_program("javac", "java")
    folder = tmp_path_factory.mktemp("java")
    subprocess.run(["javac", "-d", folder, SOURCES / "programs" / "JavaCard.java"], timeout=60, check=True)
    return folder


@pytest.fixture(params=PROGRAMS)
def command(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the command of a program in each language."""
    if request.param == "Java":
        monkeypatch.setenv("CLASSPATH", str(request.getfixturevalue("java_class")))
    return PROGRAMS[request.param]


def run(command: list[str], **environment: str) -> tuple[str, str]:
    """Run a program on the virtual library; return what it wrote to stdout, without the time, and stderr."""
    need_program(command[0])
    done = subprocess.run(
        command, cwd="/", env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=True
    )
    return re.sub(r"\d\d:\d\d:\d\d", "time", done.stdout), done.stderr


def traced(file: Path | str) -> dict[str, str]:
    """Return the environment in which a program's calls are recorded."""
    return {
        "LD_LIBRARY_PATH": f"{trace.library_folder()}:{virtual.library_folder()}",
        "SCARDFFI_TRACE": str(file),
    }


def tshark_fields(file: Path) -> list[dict[str, list[str]]]:
    """Return what tshark says of each packet."""
    need_program("tshark")
    names = ["frame.comment", "iso7816.apdu.ins", "iso7816.apdu.le", "iso7816.apdu.sw1", "iso7816.apdu.sw2"]
    names += ["iso7816.resp_to", "frame.number", "exported_pdu.exported_pdu", "frame.time_epoch", "_ws.malformed"]
    fields = [argument for name in names for argument in ("-e", name)]
    command = ["tshark", "-r", str(file), "-T", "json", *fields]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def test_a_traced_program_prints_the_same_and_its_pin_is_in_no_file(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "trace.pcapng"
    untraced = run(command, LD_LIBRARY_PATH=virtual.library_folder())
    assert run(command, **traced(file)) == untraced
    assert run(command, **traced(file)) == untraced  # it is appended
    out, text = run(command, **traced("-"))
    assert out == untraced[0]
    assert "SCardEstablishContext" in text
    records = list(trace.read(file))
    assert len({record.process for record in records}) == 2
    assert records[0].function == "SCardEstablishContext"
    assert records[-1].function in {"SCardReleaseContext", "SCardDisconnect"}  # Java releases no context
    assert list(tmp_path.iterdir()) == [file]
    for written in (file.read_bytes(), text.encode()):
        assert PIN.encode() not in written
        assert PIN.encode().hex().upper().encode() not in written.upper()
    agree_with_tshark(file)


def test_the_library_that_scardffi_library_names_is_the_real_one(tmp_path: Path) -> None:
    file = tmp_path / "trace.pcapng"
    environment = {
        "LD_LIBRARY_PATH": trace.library_folder(),
        "SCARDFFI_LIBRARY": virtual.library_path(),
        "SCARDFFI_TRACE": str(file),
    }
    assert run(OPENSC_TOOL, **environment) == run(OPENSC_TOOL, LD_LIBRARY_PATH=virtual.library_folder())
    assert list(trace.read(file))


def test_a_program_of_scardffi_in_the_folder_is_recorded_once(tmp_path: Path) -> None:
    file = tmp_path / "trace.pcapng"
    code = "import scardffi; print(scardffi.raw.SCardEstablishContext(2)[0])"
    out, _ = run([sys.executable, "-c", code], **traced(file))
    assert out == "0\n"
    assert [record.function for record in trace.read(file)] == ["SCardEstablishContext"]


def test_without_scardffi_trace_the_folder_changes_nothing(tmp_path: Path) -> None:
    environment = {**traced(tmp_path / "trace.pcapng"), "SCARDFFI_TRACE": ""}
    assert run(OPENSC_TOOL, **environment) == run(OPENSC_TOOL, LD_LIBRARY_PATH=virtual.library_folder())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_pcsc_library_is_told_and_is_a_return_code(tmp_path: Path) -> None:
    environment = {**traced(tmp_path / "trace.pcapng"), "SCARDFFI_LIBRARY": "/no/such/library.so"}
    file = program(SOURCES / "csrc" / "list_readers.c", tmp_path, *pcsc_include_flags(), "-l:libpcsclite.so.1")
    done = subprocess.run(
        [file], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60, check=False
    )
    assert "SCARDFFI_LIBRARY" in done.stderr
    assert done.returncode == 0  # it prints the code and ends, without a signal


def agree_with_tshark(file: Path) -> None:
    """Check that tshark's fields are those of the records and of their JSON."""
    packets = iter(tshark_fields(file))
    for record in trace.read(file):
        packet = next(packets)
        assert not packet.get("_ws.malformed")
        comment = json.loads("".join(packet["frame.comment"]))
        fields = record.as_dict()
        shared = comment.keys() & fields.keys()
        assert {name: comment[name] for name in shared} == {name: fields[name] for name in shared}
        assert shared >= {"function", "result", "duration_ns", "process", "thread", *record.arguments}
        assert packet["frame.time_epoch"] == [f"{record.time_ns // 10**9}.{record.time_ns % 10**9:09d}"]
        if record.command is None:
            continue
        assert bytes.fromhex(packet["exported_pdu.exported_pdu"][0]) == record.command
        assert int(packet["iso7816.apdu.ins"][0], 16) == record.command[1]
        if record.command == bytes.fromhex("00B0000004"):
            assert int(packet["iso7816.apdu.le"][0], 0) == 4
        assert record.response is not None
        response = next(packets)
        assert bytes.fromhex(response["exported_pdu.exported_pdu"][0]) == record.response
        assert [int(response[f"iso7816.apdu.{name}"][0], 16) for name in ("sw1", "sw2")] == list(record.response[-2:])
        assert response["iso7816.resp_to"] == packet["frame.number"]
    assert next(packets, None) is None


def test_a_set_uid_process_is_not_recorded() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a program to another user")
    library = Path(trace.library_path())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)  # the other user could write the file
        flags = (*pcsc_include_flags(), str(library), f"-Wl,-rpath,{library.parent}")
        file = program(SOURCES / "csrc" / "list_readers.c", folder, *flags)
        for mode, is_recorded in ((0o755, True), (0o4755, False)):
            os.chown(file, 65534, -1)
            file.chmod(mode)
            for destination in (folder / f"{mode:o}.pcapng", "-"):
                environment = {**os.environ, "SCARDFFI_TRACE": str(destination)}
                done = subprocess.run([file], env=environment, capture_output=True, text=True, check=True, timeout=60)
                assert ("SCardEstablishContext" in done.stderr) == (is_recorded and destination == "-")
            assert (folder / f"{mode:o}.pcapng").exists() == is_recorded
