"""The environment variable SCARDFFI_VIRTUAL: the readers and faults of a program on the virtual library."""

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import commands, vicc
from support.cards import T1_ATR, RecordingCard
from support.compile import pcsc_include_flags, program
from support.ports import free_port
from support.requirements import need_program
from support.virtual_program import VirtualProgram

from scardffi import ReturnCode, errors, virtual
from scardffi.virtual import ANSWERING_ATR, DEFAULT_READER
from scardffi.virtual.vpcd import VpcdCard

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the foreign programs and the stand-in are Linux's")

READ_4, ANSWER_4 = commands.READ_4.hex(), commands.ANSWER_4.hex()
SELECT_MF, GET_CHALLENGE = commands.SELECT_MF.hex(), commands.GET_CHALLENGE.hex()
NOBODY = 65534
LIST_READERS = Path(__file__).parent.parent / "csrc" / "list_readers.c"
EMULATED = "Emulated"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def listening(port: int) -> Iterator[VirtualProgram]:
    """A program with a reader that listens on the port, so that emulators that connect become its cards."""
    with VirtualProgram(f"reader,name={EMULATED},listen={port}") as program:
        assert program.readers() == [EMULATED]
        yield program
    assert program.complaints == ""


def opensc_tool(configuration: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run opensc-tool with this text in SCARDFFI_VIRTUAL."""
    need_program("opensc-tool")
    environment = {"LD_LIBRARY_PATH": virtual.library_folder(), "SCARDFFI_VIRTUAL": configuration}
    return subprocess.run(
        ["opensc-tool", *arguments], env={**os.environ, **environment}, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip


# Readers


@pytest.mark.parametrize("configuration", ["reader", " \nreader;\n; ", "reader,card=answering", "reader,latency=0x0"])
def test_a_reader_without_a_name_has_the_default_readers_name(configuration: str) -> None:
    with VirtualProgram(configuration) as program:
        assert program.readers() == [DEFAULT_READER]
        assert program.wait(DEFAULT_READER, present=True)[0] == ANSWERING_ATR.hex()
        assert program.transmit(DEFAULT_READER, READ_4) == ANSWER_4
    assert program.complaints == ""


def test_an_empty_variable_means_no_readers() -> None:
    with VirtualProgram("") as program:
        assert program.establish() == 0
        assert program.readers() == []


def test_readers_have_their_given_names_or_numbers() -> None:
    listed = opensc_tool("reader;reader,name=My Reader;reader,card=none;reader,name=Größe=1", "-l").stdout
    assert [line.split(maxsplit=2)[1:] for line in listed.splitlines()[2:]] == [
        ["Yes", DEFAULT_READER],
        ["Yes", "My Reader"],
        ["No", "scardffi Virtual Reader 2"],
        ["Yes", "Größe=1"],
    ]


def test_latency_is_in_milliseconds() -> None:
    start = time.perf_counter()
    with VirtualProgram("reader,latency=100") as program:
        assert [program.transmit(DEFAULT_READER, READ_4) for _ in range(5)] == [ANSWER_4] * 5
    assert time.perf_counter() - start >= 0.5


def test_there_is_room_for_1024_readers_and_the_next_is_reported() -> None:
    with VirtualProgram(";".join(["reader"] * 1024)) as program:
        assert program.readers() == [f"scardffi Virtual Reader {number}" for number in range(1024)]
        assert program.transmit("scardffi Virtual Reader 1023", READ_4) == ANSWER_4
        assert program.in_child("readers()") == program.readers()
    with VirtualProgram(";".join(["reader"] * 1025)) as program:
        assert [program.establish() for _ in range(2)] == [ReturnCode.SCARD_E_NO_SERVICE] * 2
    assert "too many readers: scardffi Virtual Reader 1024" in program.complaints


# Emulators that connect


def test_an_emulator_is_a_card_while_it_is_connected(listening: VirtualProgram, port: int) -> None:
    card = RecordingCard()
    assert listening.transmit(EMULATED, READ_4) == "SCARD_E_NO_SMARTCARD"
    with VpcdCard(card, port) as plugged:
        assert listening.wait(EMULATED, present=True)[0] == T1_ATR.hex()
        assert listening.transmit(EMULATED, READ_4) == "9000"
        assert card.commands == [bytes.fromhex(READ_4)]
    listening.wait(EMULATED, present=False)
    assert listening.transmit(EMULATED, READ_4) == "SCARD_E_NO_SMARTCARD"
    assert plugged.errors == []


def test_each_emulator_that_connects_is_a_new_card(listening: VirtualProgram, port: int) -> None:
    for times in range(1, 4):
        card = RecordingCard(lambda _, times=times: bytes([times, 0x90, 0x00]))  # type: ignore[misc]  # the default binds the variable of the loop
        with VpcdCard(card, port):
            assert listening.wait(EMULATED, present=True) == (T1_ATR.hex(), 2 * times - 1)
            assert listening.attach(EMULATED) is None
            assert listening.transmit_again(EMULATED, READ_4) == f"0{times}9000"
        assert listening.wait(EMULATED, present=False) == ("", 2 * times)
        assert listening.transmit_again(EMULATED, READ_4) == "SCARD_W_REMOVED_CARD"


def test_a_second_emulator_waits_for_the_first_to_go(listening: VirtualProgram, port: int) -> None:
    first, second = RecordingCard(lambda _: b"\1\x90\x00"), RecordingCard(lambda _: b"\2\x90\x00")
    plugged = VpcdCard(first, port)
    plugged.start()
    listening.wait(EMULATED, present=True)
    with VpcdCard(second, port):
        assert listening.transmit(EMULATED, READ_4) == "019000"
        plugged.stop()
        for _ in range(100):
            if listening.transmit(EMULATED, READ_4) == "029000":
                break
            time.sleep(0.02)
        assert second.commands == [bytes.fromhex(READ_4)]


@pytest.mark.parametrize("length", [1, 254, 65533])
def test_an_emulator_gets_the_command_unchanged_and_may_answer_any_length(
    length: int, listening: VirtualProgram, port: int
) -> None:
    answer = bytes(i & 0xFF for i in range(length)) + b"\x90\x00"
    command = "80010203" + "5a" * length
    card = RecordingCard(lambda _: answer)
    with VpcdCard(card, port):
        listening.wait(EMULATED, present=True)
        assert listening.transmit(EMULATED, command[: 2 * 65535]) == answer.hex()
    assert card.commands == [bytes.fromhex(command[: 2 * 65535])]


def test_an_emulator_is_told_about_power_and_resets(listening: VirtualProgram, port: int) -> None:
    card = RecordingCard()
    with VpcdCard(card, port):
        listening.wait(EMULATED, present=True)
        assert listening.attach(EMULATED) is None
        assert card.log == ["reset"]
        listening.reset(EMULATED)
        assert listening.transmit_again(EMULATED, READ_4) == "9000"
    assert card.log == ["reset", "reset", bytes.fromhex(READ_4)]


def test_an_emulator_that_raises_answers_6f00_and_stays(listening: VirtualProgram, port: int) -> None:
    card = RecordingCard(lambda command: {0x84: b"\x90\x00"}[command[1]])
    with VpcdCard(card, port) as plugged:
        listening.wait(EMULATED, present=True)
        assert listening.transmit(EMULATED, READ_4) == "6f00"
        assert listening.transmit(EMULATED, GET_CHALLENGE) == "9000"
    assert [type(error) for error in plugged.errors] == [KeyError]


class RawEmulator:
    """The emulator's end of a connection to the library, for misbehaviour."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._stream = self.socket.makefile("rb")

    def receive(self) -> bytes:
        """Receive the next message."""
        return self._stream.read(int.from_bytes(self._stream.read(2), "big"))

    def send(self, message: bytes) -> None:
        """Send a message."""
        self.socket.sendall(len(message).to_bytes(2, "big") + message)

    def become_a_card(self) -> None:
        """Receive the power-on, and answer the request for the ATR."""
        assert self.receive() == b"\1"
        assert self.receive() == b"\4"
        self.send(T1_ATR)

    def close(self) -> None:
        """Close the connection; do nothing if it is closed."""
        if self.socket.fileno() < 0:
            return
        self._stream.close()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


@pytest.mark.parametrize("answer", [b"", b"\x00", b"\x00\x06", b"\x00\x06\x00\x01", b"\xff\xff" + bytes(100)], ids=len)
@pytest.mark.parametrize("way", ["close", "shutdown"])
def test_an_emulator_that_ends_during_a_command_is_a_removed_card(
    answer: bytes, way: str, listening: VirtualProgram, port: int
) -> None:
    emulator = RawEmulator(port)
    died = threading.Event()

    def die() -> None:
        assert emulator.receive() == bytes.fromhex(READ_4)
        emulator.socket.sendall(answer)
        if way == "close":
            emulator.close()
        else:
            emulator.socket.shutdown(socket.SHUT_WR)
        died.set()

    emulator.become_a_card()
    listening.wait(EMULATED, present=True)
    assert listening.attach(EMULATED) is None
    thread = threading.Thread(target=die)
    thread.start()
    assert listening.transmit_again(EMULATED, READ_4) == "SCARD_E_NO_SMARTCARD"
    thread.join()
    assert died.is_set()
    emulator.close()
    listening.wait(EMULATED, present=False)
    assert listening.transmit_again(EMULATED, READ_4) == "SCARD_W_REMOVED_CARD"
    with VpcdCard(RecordingCard(), port):
        assert listening.wait(EMULATED, present=True)[0] == T1_ATR.hex()
        assert listening.transmit(EMULATED, READ_4) == "9000"


def test_a_connection_without_an_atr_is_no_card_and_blocks_no_other(listening: VirtualProgram, port: int) -> None:
    for said in (b"", b"\x00\x00", b"\x00\x05abc", b"\x00\x22" + bytes(34), b"GET / HTTP/1.0\r\n\r\n"):
        stranger = RawEmulator(port)
        stranger.socket.sendall(said)
        stranger.close()
    with VpcdCard(RecordingCard(), port):
        assert listening.wait(EMULATED, present=True)[0] == T1_ATR.hex()
        assert listening.transmit(EMULATED, READ_4) == "9000"


def test_vicc_connects_to_the_library_as_to_vpcd(listening: VirtualProgram, port: int, tmp_path: Path) -> None:
    reason = vicc.unavailable_reason()
    assert reason is None, reason
    for _ in range(2):
        with vicc.Vicc(port, tmp_path):
            assert listening.wait(EMULATED, present=True)[0] == "3b951381018073ff01000b"
            assert listening.transmit(EMULATED, SELECT_MF) == "9000"
            first, second = (listening.transmit(EMULATED, GET_CHALLENGE) for _ in range(2))
            assert (len(first), first[-4:]) == (20, "9000")
            assert first != second
        listening.wait(EMULATED, present=False)


def test_a_killed_vicc_is_a_removed_card(listening: VirtualProgram, port: int, tmp_path: Path) -> None:
    with vicc.Vicc(port, tmp_path) as card:
        listening.wait(EMULATED, present=True)
        assert listening.attach(EMULATED) is None
        card.stop()
        listening.wait(EMULATED, present=False)
        assert listening.transmit_again(EMULATED, SELECT_MF) == "SCARD_W_REMOVED_CARD"


def test_the_emulator_sees_the_end_of_the_program(port: int) -> None:
    gone = threading.Event()

    def serve() -> None:
        emulator.become_a_card()
        assert emulator._stream.read(1) == b""
        gone.set()

    with VirtualProgram(f"reader,listen={port}") as program:
        program.establish()
        emulator = RawEmulator(port)
        thread = threading.Thread(target=serve)
        thread.start()
        program.wait(DEFAULT_READER, present=True)
        assert not gone.is_set()
    thread.join(10)
    assert gone.is_set()
    emulator.close()


# Emulators that listen


def test_the_library_connects_to_an_emulator_that_listens() -> None:
    card = RecordingCard()
    with VpcdCard(card, 0, listen=True) as plugged, VirtualProgram(f"reader,connect={plugged.port}") as program:
        assert program.wait(DEFAULT_READER, present=True)[0] == T1_ATR.hex()
        assert program.transmit(DEFAULT_READER, READ_4) == "9000"
        plugged.stop()
        program.wait(DEFAULT_READER, present=False)
    assert card.commands == [bytes.fromhex(READ_4)]
    assert program.complaints == ""


def test_the_reader_is_empty_if_no_emulator_listens(port: int) -> None:
    with VirtualProgram(f"reader,connect={port};reader") as program:
        assert len(program.readers()) == 2
        assert program.transmit(DEFAULT_READER, READ_4) == "SCARD_E_NO_SMARTCARD"
        assert program.transmit("scardffi Virtual Reader 1", READ_4) == ANSWER_4
    assert program.complaints.endswith(
        f"no emulator listens at the port of this reader, which stays empty: {DEFAULT_READER}\n"
    )


def test_a_listener_that_sends_its_atr_too_slowly_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def trickle() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(b"\x00\x21")
                while True:
                    connection.sendall(b"\x3b")
                    time.sleep(0.3)

        threading.Thread(target=trickle, daemon=True).start()
        start = time.perf_counter()
        with VirtualProgram(f"reader,name=slow,connect={server.getsockname()[1]}") as program:
            assert program.establish() == 0
            assert time.perf_counter() - start < 8, "the library waited for 33 bytes, which take 10 seconds"
            assert program.attach("slow") == "SCARD_E_NO_SMARTCARD"


class Failing(RecordingCard):
    """A card whose commands fail."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(lambda _: b"")
        self.error = error

    def transmit(self, command: bytes) -> bytes:
        """Raise the error."""
        super().transmit(command)
        raise self.error


@pytest.mark.parametrize(
    ("code", "then"),
    [
        ("SCARD_E_NOT_TRANSACTED", "SCARD_E_NOT_TRANSACTED"),
        ("SCARD_W_RESET_CARD", "SCARD_W_RESET_CARD"),
        ("SCARD_W_REMOVED_CARD", "SCARD_W_REMOVED_CARD"),
        ("SCARD_E_NO_SMARTCARD", "SCARD_W_REMOVED_CARD"),
    ],
)
def test_the_code_that_a_card_of_an_environment_raises_is_that_of_the_program(code: str, then: str) -> None:
    card = Failing(errors.from_code(ReturnCode[code], "SCardTransmit"))
    with virtual.environment({"Desk": card}) as variables:
        with VirtualProgram(variables["SCARDFFI_VIRTUAL"]) as program:
            program.attach("Desk")
            assert [program.transmit_again("Desk", READ_4) for _ in range(2)] == [code, then]
        assert variables.errors == []
    assert len(card.commands) == 2 - (then == "SCARD_W_REMOVED_CARD")


def test_a_card_that_a_fault_removes_executes_the_command_in_another_program_too() -> None:
    card = RecordingCard()
    with (
        virtual.environment({"Desk": card}, faults=["function=SCardTransmit,call=2,removal"]) as variables,
        VirtualProgram(variables["SCARDFFI_VIRTUAL"]) as program,
    ):
        program.attach("Desk")
        answers = [program.transmit_again("Desk", READ_4) for _ in range(3)]
    assert answers[1:] == ["SCARD_E_NO_SMARTCARD", "SCARD_W_REMOVED_CARD"]
    assert len(card.commands) == 2, "the last command came after the removal"


@pytest.mark.parametrize("failure", [b"\0\0", b"\0\0\0\4\0\0\0\0", b"\0\0\0\1\x80"])
def test_an_empty_answer_without_a_code_is_a_communication_error(failure: bytes) -> None:
    def serve(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(100)
            connection.sendall(b"\0\2\x3b\0")
            connection.recv(100)
            connection.sendall(failure)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=[server], daemon=True).start()
        with VirtualProgram(f"reader,name=Desk,python={server.getsockname()[1]}") as program:
            assert program.transmit("Desk", READ_4) in {"SCARD_F_COMM_ERROR", "SCARD_E_NO_SMARTCARD"}


def test_a_foreign_program_talks_to_a_card_in_python() -> None:
    card = RecordingCard(lambda command: command[::-1] + b"\x90\x00")
    with VpcdCard(card, 0, listen=True) as plugged:
        for _ in range(3):
            done = opensc_tool(f"reader,name=Card in Python,connect={plugged.port}", "-s", "00B0010203")
            assert done.stdout.splitlines()[-1].startswith("03 02 01 B0 00"), done
            assert opensc_tool(f"reader,connect={plugged.port}", "-a").stdout == T1_ATR.hex(":") + "\n"
    assert card.commands.count(bytes.fromhex("00B0010203")) == 3
    assert plugged.errors == []


def test_several_programs_use_one_listening_card_at_the_same_time() -> None:
    inside = most = 0

    def answer(command: bytes) -> bytes:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        inside -= 1
        return command + b"\x90\x00"

    card = RecordingCard(answer)
    mistakes: list[str] = []
    with contextlib.ExitStack() as stack:
        plugged = stack.enter_context(VpcdCard(card, 0, listen=True))
        configuration = f"reader,connect={plugged.port}"
        programs = [stack.enter_context(VirtualProgram(configuration)) for _ in range(4)]
        for program in programs:
            program.wait(DEFAULT_READER, present=True)

        def use(number: int, program: VirtualProgram) -> None:
            for times in range(20):
                command = f"80{number:02x}{times:02x}00"
                answered = program.transmit(DEFAULT_READER, command)
                if answered != command + "9000":
                    mistakes.append(f"{command} was answered {answered}")

        threads = [threading.Thread(target=use, args=one) for one in enumerate(programs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert mistakes == []
    assert len(card.commands) == 80
    assert most == 1


# Faults


@pytest.mark.parametrize(
    ("fault", "answers"),
    [
        ("code=0x80100006", [ANSWER_4, "SCARD_E_NO_MEMORY", ANSWER_4]),
        ("code=2148532230", [ANSWER_4, "SCARD_E_NO_MEMORY", ANSWER_4]),
        ("answer=6F00", [ANSWER_4, "6f00", ANSWER_4]),
        ("answer=", [ANSWER_4, "", ANSWER_4]),
        ("answer=ff,times=2", [ANSWER_4, "ff", "ff", ANSWER_4]),
        ("latency=100", [ANSWER_4] * 3),
        ("removal", [ANSWER_4, "SCARD_E_NO_SMARTCARD", "SCARD_W_REMOVED_CARD"]),
        ("reset", [ANSWER_4, "SCARD_W_RESET_CARD", "SCARD_W_RESET_CARD"]),
        ("stop", [ANSWER_4, "SCARD_E_NO_SERVICE", "SCARD_E_NO_SERVICE"]),
    ],
)
def test_a_fault_affects_the_call_that_it_names(fault: str, answers: list[str]) -> None:
    start = time.perf_counter()
    with VirtualProgram(f"reader;fault,function=SCardTransmit,call=2,{fault}") as program:
        assert program.attach(DEFAULT_READER) is None
        assert [program.transmit_again(DEFAULT_READER, READ_4) for _ in answers] == answers
    assert program.complaints == ""
    assert time.perf_counter() - start >= 0.1 * fault.startswith("latency")


def test_a_fault_may_affect_the_first_call() -> None:
    with VirtualProgram("fault,function=SCardEstablishContext,code=0x80100001;reader") as program:
        assert [program.establish() for _ in range(3)] == [ReturnCode.SCARD_F_INTERNAL_ERROR, 0, 0]


@pytest.mark.parametrize("name", ReturnCode.__members__)
def test_a_code_may_be_given_by_its_name(name: str) -> None:
    with VirtualProgram(f"fault,function=SCardEstablishContext,code={name}") as program:
        assert program.establish() == ReturnCode[name]
    assert program.complaints == ""


def test_at_most_64_faults_are_taken_and_the_next_is_reported() -> None:
    for count in (64, 65):
        with VirtualProgram(";".join(["fault,function=SCardCancel,code=SCARD_E_NO_MEMORY"] * count)) as program:
            assert (program.establish() == 0) == (count == 64)
        assert ("it is the 65th: at most 64 are armed: SCardCancel" in program.complaints) == (count == 65)


def test_the_first_hit_of_a_fault_is_a_connection_to_the_port_of_its_report() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        fault = f"fault,function=SCardTransmit,call=2,times=2,answer=6F00,report={server.getsockname()[1]}"
        with VirtualProgram(f"reader;{fault}") as program:
            assert program.transmit(DEFAULT_READER, READ_4) == ANSWER_4
            with pytest.raises(TimeoutError):
                server.accept()
            assert [program.transmit(DEFAULT_READER, READ_4) for _ in range(3)] == ["6f00", "6f00", ANSWER_4]
        server.accept()[0].close()
        with pytest.raises(TimeoutError):
            server.accept()
    assert program.complaints == ""


def test_a_report_to_which_nobody_listens_has_no_effect(port: int) -> None:
    with VirtualProgram(f"reader;fault,function=SCardTransmit,answer=6F00,report={port}") as program:
        assert program.transmit(DEFAULT_READER, READ_4) == "6f00"
    assert program.complaints == ""


def test_a_fault_affects_a_foreign_program() -> None:
    fault = "fault,function=SCardConnect,times=100,code=0x80100066"
    done = opensc_tool(f"reader;{fault}", "-s", GET_CHALLENGE)
    assert done.returncode != 0
    assert "Unresponsive card" in done.stderr, done


# Wrong texts


@pytest.mark.parametrize(
    ("configuration", "complaint"),
    [
        ("radar", 'an entry must begin with "reader" or "fault": radar'),
        ("reader;;x,y", 'an entry must begin with "reader" or "fault": x'),
        ("reader,nmae=x", "invalid field of a reader: nmae"),
        ("reader,name=", "invalid field of a reader: name"),
        (f"reader,name={'x' * 128}", "invalid field of a reader: name"),
        ("reader,name=A;reader,name=A", "two readers have this name: A"),
        ("reader,card=credit", "invalid field of a reader: card"),
        ("reader,card", "invalid field of a reader: card"),
        ("reader,latency=-1", "invalid field of a reader: latency"),
        ("reader,latency=1s", "invalid field of a reader: latency"),
        ("reader,latency=99999999999", "invalid field of a reader: latency"),
        ("reader,listen=0", "invalid field of a reader: listen"),
        ("reader,listen=65536", "invalid field of a reader: listen"),
        ("reader,connect=port", "invalid field of a reader: connect"),
        (
            "reader,listen=4000,connect=4000",
            "a reader can have only one of listen, connect, python and card: scardffi Virtual Reader 0",
        ),
        ("fault", "invalid function, effect, call or times of a fault: "),
        ("fault,function=SCardTransmit", "invalid function, effect, call or times of a fault: SCardTransmit"),
        ("fault,function=SCardTransmitt,code=1", "invalid function, effect, call or times of a fault: SCardTransmitt"),
        ("fault,function=SCardConnect,removal", "invalid function, effect, call or times of a fault: SCardConnect"),
        (
            "fault,function=SCardConnect,code=1,call=0",
            "invalid function, effect, call or times of a fault: SCardConnect",
        ),
        ("fault,function=SCardConnect,code=1,stop", "invalid field of a fault: stop"),
        ("fault,function=SCardConnect,code=1,report=0", "invalid field of a fault: report=0"),
        ("fault,function=SCardConnect,code=1,report=65536", "invalid field of a fault: report=65536"),
        ("fault,function=SCardConnect,code=0x1ffffffff", "invalid field of a fault: code"),
        ("fault,function=SCardConnect,code=SCARD_E_NO_MEMORIES", "invalid field of a fault: code"),
        ("fault,function=SCardTransmit,answer=9", "invalid field of a fault: answer"),
        ("fault,function=SCardTransmit,answer=0x9000", "invalid field of a fault: answer"),
        ("fault,function=SCardTransmit,removal=1", "invalid field of a fault: removal"),
        ("fault,function=SCardTransmit,latency=", "invalid field of a fault: latency"),
        ("fault,function=SCardTransmit,probability=1", "invalid field of a fault: probability"),
        ("reader," + "x" * 2000, "an entry is too long, has too many fields, or has a field twice: reader,xxx"),
        (
            "reader,name=A,name=B",
            "an entry is too long, has too many fields, or has a field twice: reader,name=A,name=B",
        ),
        ("reader=Gate", "the first word of an entry must not have a value; use name= or function=: reader"),
        (
            "reader,listen=1,card=answering",
            "a reader can have only one of listen, connect, python and card: scardffi Virtual Reader 0",
        ),
        (
            "reader" + ",latency=1" * 20,
            "an entry is too long, has too many fields, or has a field twice: reader,latency=1",
        ),
    ],
    ids=lambda text: text[:60],
)
def test_a_wrong_text_means_no_service_and_stderr_has_the_reason(configuration: str, complaint: str) -> None:
    with VirtualProgram(configuration) as program:
        assert program.establish() == ReturnCode.SCARD_E_NO_SERVICE
        assert program.readers() == "SCARD_E_NO_SERVICE"
    assert program.complaints.startswith(f"scardffi virtual library: SCARDFFI_VIRTUAL: {complaint}")
    assert program.complaints.count("SCARDFFI_VIRTUAL") == 1, "the message is repeated"


def test_a_text_with_an_error_at_its_end_has_no_effect(port: int) -> None:
    with VirtualProgram(f"reader,listen={port};fault,function=SCardEstablishContext,code=1;radar") as program:
        assert [program.establish() for _ in range(3)] == [ReturnCode.SCARD_E_NO_SERVICE] * 3
    assert (
        program.complaints
        == 'scardffi virtual library: SCARDFFI_VIRTUAL: an entry must begin with "reader" or "fault": radar\n'
    )


def test_a_port_in_use_is_reported() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with VirtualProgram(f"reader,name=A,listen={taken.getsockname()[1]}") as program:
            assert program.establish() == ReturnCode.SCARD_E_NO_SERVICE
        assert "SCARDFFI_VIRTUAL: the port of this reader is not available: A" in program.complaints


def test_a_program_that_asks_again_gets_its_readers_and_faults_once_a_port_in_use_is_free() -> None:
    fault = "fault,function=SCardEstablishContext,code=SCARD_E_NO_MEMORY"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        program = VirtualProgram(f"{fault};reader,name=A;reader,name=B,listen={taken.getsockname()[1]}")
        with program:
            assert [program.establish() for _ in range(70)] == [ReturnCode.SCARD_E_NO_SERVICE] * 70
            taken.close()
            assert [program.establish() for _ in range(2)] == [ReturnCode.SCARD_E_NO_MEMORY, 0]
            assert program.readers() == ["A", "B"]
    assert program.complaints.count("SCARDFFI_VIRTUAL") == 1, "the message is repeated"


def test_a_foreign_program_sees_no_readers_if_the_text_is_wrong() -> None:
    done = opensc_tool("reader;radar", "-l")
    assert "No smart card readers found" in done.stdout
    assert 'an entry must begin with "reader" or "fault": radar' in done.stderr


# Processes


def test_a_set_uid_process_ignores_the_variable(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can start a process that is set-uid to another user")
    library = Path(virtual.library_path())
    file = program(LIST_READERS, tmp_path, *pcsc_include_flags(), str(library), f"-Wl,-rpath,{library.parent}")
    environment = {**os.environ, "SCARDFFI_VIRTUAL": "reader,name=configured"}
    names = []
    for mode in (0o755, 0o4755):
        os.chown(file, NOBODY, -1)
        file.chmod(mode)
        done = subprocess.run([file], env=environment, capture_output=True, text=True, check=True, timeout=60)
        names.append(done.stdout.removesuffix(" 2 Success\n"))
    assert names == ["configured", DEFAULT_READER]


def test_a_forked_child_has_no_listening_reader_and_the_parent_keeps_its_card(port: int) -> None:
    card = RecordingCard()
    with VirtualProgram(f"reader,name={EMULATED},listen={port}") as program:
        program.establish()
        with VpcdCard(card, port):
            program.wait(EMULATED, present=True)
            assert program.attach(EMULATED) is None
            assert program.in_child("establish()") == ReturnCode.SCARD_E_NO_SERVICE  # the port is the parent's
            assert program.transmit_again(EMULATED, READ_4) == "9000"
            assert card.log == ["reset", bytes.fromhex(READ_4)]
        program.wait(EMULATED, present=False)
        with VpcdCard(card, port):
            program.wait(EMULATED, present=True)
    assert (
        program.complaints
        == f"scardffi virtual library: SCARDFFI_VIRTUAL: the port of this reader is not available: {EMULATED}\n"
    )


def test_a_forked_child_connects_to_the_emulator_itself() -> None:
    card = RecordingCard(lambda command: command + b"\x90\x00")
    with VpcdCard(card, 0, listen=True) as plugged, VirtualProgram(f"reader,connect={plugged.port}") as program:
        assert program.attach(DEFAULT_READER) is None
        for number in range(3):
            command = f"8000{number:02}00"
            assert program.in_child(f"transmit({DEFAULT_READER!r}, {command!r})") == command + "9000"
            assert program.transmit_again(DEFAULT_READER, GET_CHALLENGE) == GET_CHALLENGE + "9000"
    assert program.complaints == ""


def test_an_emulator_sees_the_end_of_the_parent_while_a_child_runs(port: int) -> None:
    with VirtualProgram(f"reader,listen={port}") as program:
        program.establish()
        emulator = RawEmulator(port)
        thread = threading.Thread(target=emulator.become_a_card)
        thread.start()
        program.wait(DEFAULT_READER, present=True)
        thread.join()
        child = program.lasting_child()
    try:
        assert emulator.socket.recv(1) == b""
    finally:
        os.kill(child, signal.SIGKILL)
        emulator.close()


REFUSED = """
from scardffi import Context, NoServiceError, SCardManage, virtual
with virtual.installed():
    for call in (Context, lambda: SCardManage().attach_by_ifd("x"), virtual.VirtualReader("x").plug):
        try:
            call()
        except NoServiceError as error:
            print(error)
"""


def test_the_error_says_that_the_library_refuses_the_variable() -> None:
    environment = {**os.environ, "SCARDFFI_VIRTUAL": "reader,latency=x"}
    done = subprocess.run(
        [sys.executable, "-I", "-c", REFUSED], env=environment, capture_output=True, text=True, check=True, timeout=30
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    for line in lines:
        assert "the virtual library refuses the environment variable SCARDFFI_VIRTUAL: " in line
        assert "invalid field of a reader: latency=x" in line
        assert line.endswith("Correct it, and start the program again.")
    assert done.stderr == "scardffi virtual library: SCARDFFI_VIRTUAL: invalid field of a reader: latency=x\n"


def test_a_stopped_virtual_service_is_not_taken_for_a_refused_variable() -> None:
    reader = f"reader,connect={NOBODY}"  # a complaint that does not refuse the variable
    code = (
        "from scardffi import Context, NoServiceError, virtual\n"
        "with virtual.installed(), virtual.service_stopped():\n"
        "    try:\n        Context()\n    except NoServiceError as error:\n        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        env={**os.environ, "SCARDFFI_VIRTUAL": reader}, capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert "no emulator listens" in done.stderr
    assert "the resource manager does not run" in done.stdout
