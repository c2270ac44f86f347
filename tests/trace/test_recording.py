"""trace.record and SCARDFFI_TRACE: what is written, where to, and what is left out."""

import ctypes
import json
import logging
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.cards import RecordingCard
from support.compile import shared_library
from support.interpreter import run_python
from support.requirements import need
from support.shape import MACOS, WINDOWS

import scardffi
from scardffi import Context, Library, SCardManage, trace, virtual
from scardffi.constants import control_code
from scardffi.trace import Record, _scardtrace
from scardffi.virtual import DEFAULT_READER, VirtualReader

READ = bytes.fromhex("00B0000004")
PIN = b"95173864"
VERIFY = b"\x00\x20\x00\x80\x08" + PIN


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "trace.pcapng"


@pytest.fixture(autouse=True)
def default_library() -> Iterator[Library]:
    with virtual.installed() as library:
        yield library


def functions(file: Path) -> list[str]:
    return [record.function for record in trace.read(file)]


def transmits(file: Path) -> list[Record]:
    return [record for record in trace.read(file) if record.function == "SCardTransmit"]


def test_a_file_has_each_call_with_arguments_and_results(file: Path) -> None:
    with trace.record(file), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(READ)
        handle = card.handle
    connect = next(record for record in trace.read(file) if record.function == "SCardConnect")
    assert connect.arguments["reader"] == DEFAULT_READER
    assert connect.arguments["handle"] == handle
    (transmit,) = transmits(file)
    assert (transmit.command, transmit.response) == (READ, bytes.fromhex("000102039000"))
    assert transmit.arguments == {"handle": handle, "protocol": 2, "room": 65548, "received": 6}
    assert transmit.process == os.getpid()
    assert 0 <= transmit.duration_ns < 10**9
    assert connect.time_ns <= transmit.time_ns


def test_every_function_is_recorded(file: Path) -> None:
    with trace.record(file) as library:
        context = library.SCardEstablishContext(2)[1]
        library.SCardIsValidContext(context)
        library.SCardCancel(context)
        library.SCardListReaderGroups(context)
        library.SCardListReaders(context)
        library.SCardGetStatusChange(context, 0, [(DEFAULT_READER, 0)])
        handle = library.SCardConnect(context, DEFAULT_READER, 2, 3)[1]
        library.SCardStatus(handle)
        library.SCardReconnect(handle, 2, 3, 0)
        library.SCardBeginTransaction(handle)
        library.SCardTransmit(handle, 2, READ, bytearray(300))
        library.SCardEndTransaction(handle, 0)
        library.SCardControl(handle, control_code(3400), b"", bytearray(100))
        library.SCardGetAttrib(handle, 0x00090303, bytearray(33))
        library.SCardSetAttrib(handle, 0x7FFF0007, b"\x01")
        library.SCardDisconnect(handle, 0)
        library.SCardReleaseContext(context)
    called_by_few = {"SCardFreeMemory"}  # by programs in C, and by the core on Windows
    assert set(functions(file)) - called_by_few == library.info().functions - called_by_few
    states = next(record for record in trace.read(file) if record.function == "SCardGetStatusChange")
    assert states.arguments["states"][0]["reader"] == DEFAULT_READER


def test_the_lines_of_a_record_are_json(file: Path) -> None:
    with trace.record(file), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(READ)
    (line,) = [json.loads(json.dumps(record.as_dict())) for record in transmits(file)]
    assert line["command"] == "00B0000004"
    assert line["response"] == "000102039000"


@pytest.mark.parametrize("name", ['quote " and \\', "Lesegerät 読取", "tab\tend"])
def test_a_reader_name_is_the_same_in_the_trace(name: str, file: Path) -> None:
    with VirtualReader(name, RecordingCard()), trace.record(file), Context() as context, context.attach(name):
        pass
    connect = next(record for record in trace.read(file) if record.function == "SCardConnect")
    assert connect.arguments["reader"] == name


@contextmanager
def traced_twice(file: Path) -> Iterator[None]:
    """Record to a file and to stderr."""
    with trace.record(file), trace.record("-"):
        yield


# What is recorded


def test_only_objects_made_inside_are_recorded_and_only_until_the_end(file: Path) -> None:
    with Context() as before:
        with trace.record(file):
            before.list_readers()
            inside = Context()
            inside.list_readers()
            count = len(functions(file))
        inside.list_readers()
        after = Context()
        after.list_readers()
        inside.release()
        after.release()
    assert "SCardListReaders" in functions(file)
    assert len(functions(file)) == count


def test_the_default_library_is_the_same_again_after_the_end(file: Path) -> None:
    before = Library.default()
    with trace.record(file) as traced:
        assert Library.default() == traced != before
        assert "traced" in repr(traced)
    assert Library.default() == before


def test_a_recording_goes_on_after_the_end_of_an_older_one(tmp_path: Path) -> None:
    before = Library.default()
    older, newer = trace.record(tmp_path / "older"), trace.record(tmp_path / "newer")
    older.__enter__()
    traced = newer.__enter__()
    older.__exit__(None, None, None)
    assert Library.default() == traced
    with Context() as context:
        context.list_readers()
    newer.__exit__(None, None, None)
    assert Library.default() == before
    assert functions(tmp_path / "older") == []
    assert "SCardListReaders" in functions(tmp_path / "newer")


def test_a_recording_of_the_virtual_library_goes_on_if_it_is_installed_once_more(file: Path) -> None:
    with trace.record(file), virtual.installed(), Context() as context:
        context.list_readers()
    assert "SCardListReaders" in functions(file)


def test_a_library_of_ones_choice_is_recorded(file: Path) -> None:
    chosen = Library(virtual.library_path())
    with trace.record(file, library=chosen) as traced, Context(library=traced) as context:
        context.list_readers()
    assert "SCardListReaders" in functions(file)


def test_a_handle_can_be_attached_to_on_both_libraries(file: Path) -> None:
    with Context() as context, context.attach(DEFAULT_READER) as card, trace.record(file):
        borrower = SCardManage().attach_by_handle(card.handle)
        assert borrower.transmit(READ) == card.transmit(READ)
        borrower.detach()
    assert len(transmits(file)) == 1


def test_two_recordings_at_once_have_the_same_records(tmp_path: Path) -> None:
    with trace.record(tmp_path / "one"), trace.record(tmp_path / "two"), Context() as context:
        context.list_readers()
    assert functions(tmp_path / "one")
    assert functions(tmp_path / "one") == functions(tmp_path / "two")


# Destinations


def test_a_second_recording_is_appended(file: Path) -> None:
    for _ in range(2):
        with trace.record(file), Context():
            pass
    assert functions(file) == 2 * functions(file)[: len(functions(file)) // 2]


def test_a_file_that_is_no_trace_is_refused_and_stays_as_it_is(file: Path) -> None:
    file.write_text("a letter\n" * 20)
    with pytest.raises(ValueError, match="is not a trace"), trace.record(file):
        pass
    assert file.read_text() == "a letter\n" * 20
    with pytest.raises(ValueError, match="is not a trace"):
        next(trace.read(file))


def test_a_folder_that_does_not_exist_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), trace.record(tmp_path / "no" / "trace"):
        pass


def test_a_callable_gets_each_record() -> None:
    got: list[Record] = []
    with trace.record(got.append), Context() as context, context.attach(DEFAULT_READER) as card:
        for _ in range(1000):
            card.transmit(READ)
    responses = [record.response for record in got if record.function == "SCardTransmit"]
    assert responses == 1000 * [bytes.fromhex("000102039000")]


def test_an_error_of_a_callable_goes_to_the_logger(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_record: Record) -> None:
        raise RuntimeError("no")

    with trace.record(fail), Context():
        pass
    assert {record.name for record in caplog.records} == {"scardffi.trace"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_recording_to_a_callable_ends_while_the_child_of_a_fork_lives() -> None:
    code = """
import os, sys, warnings
from scardffi import Context, trace, virtual
warnings.simplefilter("ignore", DeprecationWarning)  # Python's, of a fork in a process with threads
waiting, end = os.pipe()
got = []
with virtual.installed():
    with trace.record(got.append), Context() as context:
        lives = os.fork()
        if lives == 0:
            os.close(end)
            os.read(waiting, 1)
            os._exit(0)
        leaves = os.fork()
        if leaves == 0:
            sys.exit()
        assert os.waitpid(leaves, 0)[1] == 0
        context.list_readers()
print(os.waitpid(lives, os.WNOHANG)[0], [record.function for record in got].count("SCardListReaders"))
os.close(end)
os.waitpid(lives, 0)
"""
    assert run_python(code) == ["0 1"]


@pytest.mark.parametrize("is_started", [False, True])
def test_a_recording_to_a_callable_whose_thread_fails_to_start_leaves_nothing(
    is_started: bool, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    error = KeyboardInterrupt if is_started else RuntimeError
    threads = []

    def fail(thread: threading.Thread) -> None:
        threads.append(thread)
        if is_started:
            start(thread)
        raise error

    got: list[Record] = []
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(error), trace.record(got.append):
            pass
    if is_started:
        threads[0].join(60)
        assert not threads[0].is_alive()
    with trace.record(file), Context() as context:
        for _ in range(1000):  # more than a pipe holds
            context.list_readers()
    assert got == []


def test_a_recording_that_ctrl_c_interrupts_at_its_start_is_stopped(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = _scardtrace.Recording.start

    def interrupted(*arguments: Any) -> None:
        start(*arguments)
        raise KeyboardInterrupt

    got: list[Record] = []
    with monkeypatch.context() as patch:
        patch.setattr(_scardtrace.Recording, "start", interrupted)
        with pytest.raises(KeyboardInterrupt), trace.record(got.append):
            pass
    with trace.record(file), Context():
        pass
    assert got == []


def test_the_logger_gets_records_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "scardffi.trace")
    with trace.record(trace.log), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(VERIFY)
    lines = [record.getMessage() for record in caplog.records if "SCardTransmit" in record.getMessage()]
    assert len(lines) == 1
    assert "command=0020008008****************" in lines[0]
    assert "response=6D00" in lines[0]


def test_a_dash_writes_a_line_for_each_record_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    with trace.record("-"), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(READ)
        card.transmit(VERIFY)
    lines = capfd.readouterr().err.splitlines()
    (plain, secret) = [line for line in lines if " SCardTransmit " in line]
    assert plain.endswith("command=00B0000004 response=000102039000")
    assert "command=0020008008****************" in secret


# The environment

TRANSMIT = """
from scardffi import Context, virtual
import os
with virtual.installed(), Context() as context, context.attach(virtual.DEFAULT_READER) as card:
    print(card.transmit(bytes.fromhex("00B0000004")).hex())
"""


def test_scardffi_trace_records_a_program_from_its_start(file: Path) -> None:
    said = run_python(TRANSMIT, environment={"SCARDFFI_TRACE": str(file)})
    assert said == ["000102039000"]
    assert functions(file)[0] == "SCardEstablishContext"
    assert len(transmits(file)) == 1


@pytest.mark.parametrize("destination", ["/dev/full", "/no/such/folder/trace", "/"])
def test_a_destination_that_fails_is_told_once_and_does_no_harm(destination: str) -> None:
    need([] if Path("/dev/full").exists() else ["there is no /dev/full"])
    done = subprocess.run(
        [sys.executable, "-c", TRANSMIT],
        cwd="/",
        env={**os.environ, "SCARDFFI_TRACE": destination},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "000102039000\n"
    assert done.stderr.count("\n") == 1
    assert destination in done.stderr


def test_a_pipe_that_nobody_reads_does_no_harm() -> None:
    code = TRANSMIT + "print(len([card]))\n"
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd="/",
        env={**os.environ, "SCARDFFI_TRACE": "-"},
        stdout=subprocess.PIPE,
        stderr=writing,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stdout) == (0, "000102039000\n1\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_part_of_a_record_that_no_longer_fits_is_taken_back(file: Path) -> None:
    code = f"""
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
{TRANSMIT}
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd="/",
        env={**os.environ, "SCARDFFI_TRACE": str(file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("\n") == 1
    before = functions(file)
    assert before
    assert file.stat().st_size < 1000
    with trace.record(file), Context():
        pass
    assert functions(file)[: len(before)] == before
    assert len(functions(file)) > len(before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_the_child_of_a_fork_has_its_own_process_number(file: Path) -> None:
    code = """
import os
from scardffi import Context, virtual
with virtual.installed() as library:
    library.SCardEstablishContext(2)
    child = os.fork()
    if child == 0:
        library.SCardEstablishContext(2)
        os._exit(0)
    os.waitpid(child, 0)
    print(os.getpid(), child)
"""
    parent, child = map(int, run_python(code, environment={"SCARDFFI_TRACE": str(file)})[0].split())
    records = list(trace.read(file))
    assert [record.process for record in records if record.function == "SCardEstablishContext"] == [parent, child]
    assert {record.process: record.thread for record in records} == {parent: parent, child: child}


@pytest.mark.skipif(sys.platform != "linux", reason="the library of the test is built for Linux")
def test_names_that_a_library_overwrites_are_recorded_as_they_were(file: Path, tmp_path: Path) -> None:
    source = Path(__file__).parent.parent / "csrc" / "hostile_pcsc.c"
    package = Path(scardffi.__file__).parent
    built = shared_library(source, tmp_path, f"-I{package / 'include'}")
    ctypes.CDLL(str(built)).set_hostility(13, 0)  # all ones: it overwrites szReader too
    with trace.record(file, library=Library(built)) as library:
        library.SCardGetStatusChange(1, 0, [(f"Reader {number}", 0) for number in range(20)])
    (record,) = trace.read(file)
    assert [state["reader"] for state in record.arguments["states"]] == [f"Reader {number}" for number in range(20)]


THREADS = """
import sys, threading
from scardffi import Context
def work():
    with Context() as context, context.attach(context.list_readers()[0]) as card:
        for number in range(200):
            card.transmit(bytes([0, 0xB0, 0, number, 0xFF]))
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.skipif(WINDOWS, reason="Wine appends in two steps, so that processes overwrite each other's records")
def test_threads_and_processes_share_a_file_and_every_record_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "trace.pcapng"
    environment = {**os.environ, "SCARDFFI_LIBRARY": virtual.library_path(), "SCARDFFI_TRACE": str(file)}
    running = [subprocess.Popen([sys.executable, "-c", THREADS], cwd="/", env=environment) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    records = [record for record in trace.read(file) if record.function == "SCardTransmit"]
    assert Counter((record.process, record.command) for record in records) == {
        (process.pid, bytes([0, 0xB0, 0, number, 0xFF])): 2 for process in running for number in range(200)
    }
    context = Context(library=Library(virtual.library_path()))
    with context, context.attach(virtual.DEFAULT_READER) as card:
        assert [card.transmit(record.command or b"") for record in records] == [one.response for one in records]
    assert len({(record.process, record.thread) for record in records}) == 4


# Secrets

EXTENDED = b"\x00\x20\x00\x80\x00\x00\x08" + PIN
SECRET_COMMANDS = {
    "VERIFY": VERIFY,
    "VERIFY of a SIM": b"\xa0\x20\x00\x01\x08" + PIN,
    "VERIFY with secure messaging": b"\x0c\x20\x00\x80\x08" + PIN + b"\x00",
    "VERIFY, odd": b"\x00\x21\x00\x80\x08" + PIN,
    "a block of a chain": b"\x10\x24\x00\x80\x08" + PIN,
    "CHANGE REFERENCE DATA": b"\x00\x24\x00\x80\x08" + PIN,
    "DISABLE VERIFICATION REQUIREMENT": b"\x00\x26\x00\x80\x08" + PIN,
    "ENABLE VERIFICATION REQUIREMENT": b"\x00\x28\x00\x80\x08" + PIN,
    "RESET RETRY COUNTER": b"\x00\x2c\x00\x80\x08" + PIN,
    "EXTERNAL AUTHENTICATE": b"\x00\x82\x00\x80\x08" + PIN,
    "GENERAL AUTHENTICATE": b"\x00\x87\x00\x80\x08" + PIN,
    "PUT KEY": b"\x80\xd8\x00\x80\x08" + PIN,
    "extended": EXTENDED,
    "extended, with Le": EXTENDED + b"\x00\x00",
    "a wrong length": b"\x00\x20\x00\x80\x04" + PIN,
    "a wrong extended length": b"\x00\x20\x00\x80\x00\x00\x02" + PIN,
    "no length": b"\x00\x20\x00\x80" + PIN,
    "in an ENVELOPE": b"\x00\xc2\x00\x00\x0d" + VERIFY,
}


@pytest.mark.parametrize("command", SECRET_COMMANDS.values(), ids=SECRET_COMMANDS)
def test_secrets_are_in_no_trace_and_the_length_is(
    command: bytes, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reader = VirtualReader("Secrets", card := RecordingCard())
    with reader, traced_twice(file), Context() as context, context.attach("Secrets") as attached:
        attached.transmit(command)
    assert card.commands == [command]
    (record,) = transmits(file)
    assert record.command is not None
    assert len(record.command) == len(command)
    assert record.removed is not None
    start, length = record.removed
    assert record.command[:start] == command[:start]
    assert record.command[start + length :] == command[start + length :]
    assert record.command[start : start + length] == bytes(length)
    text = capfd.readouterr().err
    for written in (file.read_bytes(), text.encode()):  # a byte right after the header is taken for a length
        assert PIN[1:] not in written
        assert PIN[1:].hex().upper().encode() not in written


@pytest.mark.skipif(MACOS or WINDOWS, reason="the trace library exports PC/SC's functions only with pcsc-lite")
def test_a_pin_that_the_response_overwrites_is_in_no_trace(file: Path) -> None:
    code = f"""
import ctypes, sys
library, reader, pin = ctypes.CDLL(sys.argv[1]), sys.argv[2].encode(), {VERIFY!r}
long = ctypes.c_ulong
context, handle, protocol, length = (long() for _ in range(4))
assert library.SCardEstablishContext(long(2), None, None, ctypes.byref(context)) == 0
assert library.SCardConnect(context, reader, long(2), long(3), ctypes.byref(handle), ctypes.byref(protocol)) == 0
memory, length.value = ctypes.create_string_buffer(pin), len(pin)
header = (long * 2)(protocol.value, 2 * ctypes.sizeof(long))
assert library.SCardTransmit(handle, header, memory, long(len(pin)), None, memory, ctypes.byref(length)) == 0
"""
    run_python(
        code,
        trace.library_path(),
        DEFAULT_READER,
        environment={"SCARDFFI_LIBRARY": virtual.library_path(), "SCARDFFI_TRACE": str(file)},
    )
    (record,) = transmits(file)
    assert record.command == VERIFY[:5] + bytes(8)
    assert PIN[2:] not in file.read_bytes()


def test_secrets_are_kept_on_request(file: Path) -> None:
    with trace.record(file, show_secrets=True), Context() as context, context.attach(DEFAULT_READER) as card:
        card.transmit(VERIFY)
    (record,) = transmits(file)
    assert (record.command, record.removed) == (VERIFY, None)


def test_more_commands_can_be_secret(file: Path) -> None:
    commands = [bytes.fromhex(start) + b"\x08" + PIN for start in ("00DB3FFF", "90C40000", "00C40000")]
    with trace.record(file, secrets="DB, 90c4"), Context() as context, context.attach(DEFAULT_READER) as card:
        for command in commands:
            card.transmit(command)
    assert [record.removed for record in transmits(file)] == [(5, 8), (5, 8), None]


@pytest.mark.parametrize("secrets", ["D", "DBC", "verify", "00DB3FFF"])
def test_secrets_that_are_not_valid_are_refused(secrets: str, file: Path) -> None:
    with pytest.raises(ValueError, match=secrets), trace.record(file, secrets=secrets):
        pass


class PinPad(VirtualReader):
    """A reader with a PIN pad, whose control codes are not those of a common driver."""

    def control(self, code: int, command: bytes) -> bytes | None:  # noqa: ARG002  the method that is overridden
        """Answer every control code of the PIN pad."""
        if code == control_code(3400):
            return bytes.fromhex("0604") + (0x4200ABCD).to_bytes(4, "big") + bytes.fromhex("2004420000EE")
        return b"\x90\x00" if code in {0x4200ABCD, 0x420000EE, 0x42330006, 0x42000001} else None


def test_the_structures_of_a_pin_pad_are_secret(file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reader = PinPad("PIN pad", RecordingCard())
    with reader, traced_twice(file), Context() as context, context.attach("PIN pad") as card:
        card.control(control_code(3400))
        for code in (0x4200ABCD, 0x420000EE, 0x42330006, 0x42000001):
            card.control(code, PIN)
    sent = [record.arguments["command"] for record in trace.read(file) if record.function == "SCardControl"][1:]
    assert sent == [*3 * ["*" * 16], PIN.hex().upper()]
    assert capfd.readouterr().err.count(PIN.hex().upper()) == 1


def test_the_package_imports_no_trace_and_no_ctypes() -> None:
    code = "import sys, scardffi; print('ctypes' in sys.modules, 'scardffi.trace' in sys.modules)"
    assert run_python(code) == ["False False"]
    assert scardffi.__name__ == "scardffi"
