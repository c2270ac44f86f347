"""VpcdCard: a card in Python with vpcd's framing, tested from the other end of the connection and with a real pcscd."""

import contextlib
import errno
import gc
import os
import re
import select
import socket
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.cards import T1_ATR, RecordingCard
from support.interpreter import run_python
from support.pcscd import PrivatePcscd
from support.ports import free_port

from scardffi import ReturnCode, errors
from scardffi.virtual._last_answer import LastAnswer
from scardffi.virtual.vpcd import VpcdCard

COMMAND = bytes.fromhex("0084000008")
POWER_OFF, POWER_ON, RESET, GET_ATR = b"\0", b"\1", b"\2", b"\4"
SECRET = bytes.fromhex("00200001 04 31323334")
FAILED = b"\x6f\x00"


class End:
    """The reader's end of a connection to a card."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        self.socket = connection
        self._stream = connection.makefile("rb")

    def send(self, message: bytes) -> None:
        """Send a message with its length."""
        self.socket.sendall(len(message).to_bytes(2, "big") + message)

    def receive(self) -> bytes | None:
        """Receive the next message; return None if the card has disconnected."""
        header = self._stream.read(2)
        return self._stream.read(int.from_bytes(header, "big")) if header else None

    def ask(self, message: bytes) -> bytes | None:
        """Send a message and receive the next one."""
        self.send(message)
        return self.receive()

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()
        self.socket.close()


@contextlib.contextmanager
def connected(plugged: VpcdCard) -> Iterator[End]:
    """Connect to a listening card."""
    end = End(socket.create_connection((plugged.host, plugged.port), timeout=10))
    yield end
    end.close()


@pytest.fixture
def card() -> RecordingCard:
    return RecordingCard()


@pytest.fixture
def plugged(card: RecordingCard) -> Iterator[VpcdCard]:
    """A card that listens."""
    with VpcdCard(card, 0, listen=True) as one:
        yield one


@pytest.fixture
def end(plugged: VpcdCard) -> Iterator[End]:
    with connected(plugged) as one:
        yield one


@pytest.fixture
def reader() -> Iterator[socket.socket]:
    """A port to which a card can connect."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        yield listener


# Framing


def test_only_the_request_for_the_atr_is_answered_among_the_controls(end: End, card: RecordingCard) -> None:
    for control in (POWER_OFF, POWER_ON, RESET):
        end.send(control)
    assert end.ask(GET_ATR) == card.atr
    assert card.commands == []


def test_the_card_is_reset_at_a_reset_and_a_power_up_only(end: End, card: RecordingCard) -> None:
    end.send(POWER_ON)
    assert end.ask(COMMAND) == b"\x90\x00"
    end.send(POWER_OFF)
    assert end.ask(GET_ATR) == card.atr
    end.send(RESET)
    assert end.ask(GET_ATR) == card.atr
    assert card.log == ["reset", COMMAND, "reset"]


def test_a_card_may_have_no_method_reset() -> None:
    class Plain:
        atr = b"\x3b\x00"

        def transmit(self, command: bytes) -> bytes:
            return command

    with VpcdCard(Plain(), 0, listen=True) as plugged, connected(plugged) as end:
        end.send(POWER_ON)
        end.send(RESET)
        assert end.ask(COMMAND) == COMMAND
        assert plugged.errors == []


@pytest.mark.parametrize("length", [2, 255, 256, 65534, 65535])
def test_commands_and_answers_of_every_length_from_two_bytes_pass_unchanged(
    length: int, end: End, card: RecordingCard
) -> None:
    command = bytes(i * 7 & 0xFF for i in range(length))
    card.answer = lambda seen: seen[::-1]
    assert end.ask(command) == command[::-1]
    assert card.commands == [command]


@pytest.mark.parametrize("command", [b"\3", b"\5", b"\xff"])
def test_a_byte_that_is_no_control_is_a_command(command: bytes, end: End, card: RecordingCard) -> None:
    assert end.ask(command) == b"\x90\x00"
    assert card.commands == [command]


def test_messages_may_be_split_or_joined_in_packets(end: End, card: RecordingCard) -> None:
    card.answer = lambda seen: seen[4:] + b"\x90\x00"
    end.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    framed = (5).to_bytes(2, "big") + b"\0\1\2\3\4"
    for byte in framed:
        end.socket.sendall(bytes([byte]))
        time.sleep(0.002)
    assert end.receive() == b"\4\x90\x00"
    end.socket.sendall(framed + b"\0\1" + GET_ATR + framed[:4])
    assert end.receive() == b"\4\x90\x00"
    assert end.receive() == card.atr
    end.socket.sendall(framed[4:])
    assert end.receive() == b"\4\x90\x00"
    assert card.commands == [framed[2:]] * 3


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_an_incomplete_message_is_no_command(cut: int, end: End, card: RecordingCard, plugged: VpcdCard) -> None:
    end.socket.sendall((b"\0\5" + COMMAND)[:cut])
    end.socket.shutdown(socket.SHUT_WR)
    assert end.receive() is None
    assert (card.commands, plugged.errors) == ([], [])


def test_answers_may_be_any_buffer(end: End, card: RecordingCard) -> None:
    for answer in (bytearray(b"\x61\x10"), memoryview(b"\x61\x10")):
        card.answer = lambda _, answer=answer: answer  # type: ignore[misc]  # the default binds the variable of the loop
        assert end.ask(COMMAND) == b"\x61\x10"


# Connections in both directions, threads, and ends


def test_a_card_connects_to_a_reader(reader: socket.socket, card: RecordingCard) -> None:
    with VpcdCard(card, reader.getsockname()[1]):
        end = End(reader.accept()[0])
        assert end.ask(COMMAND) == b"\x90\x00"
    assert end.receive() is None
    end.close()


def test_a_card_waits_for_a_reader_that_is_starting_up(card: RecordingCard) -> None:
    port = free_port()
    plugged = VpcdCard(card, port)
    starting = threading.Thread(target=plugged.start)
    starting.start()
    time.sleep(0.1)
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(10)
        end = End(listener.accept()[0])
        assert end.ask(GET_ATR) == card.atr
        starting.join()
        plugged.stop()
        end.close()


def test_without_a_reader_at_the_port_the_connection_is_refused(
    card: RecordingCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scardffi.virtual.vpcd._CONNECT_SECONDS", 0.2)
    plugged = VpcdCard(card, free_port())
    with pytest.raises(ConnectionRefusedError):
        plugged.start()
    plugged.stop()


def test_a_card_may_be_plugged_in_again_but_not_twice(card: RecordingCard) -> None:
    plugged = VpcdCard(card, 0, listen=True)
    for _ in range(3):
        with plugged:
            with pytest.raises(RuntimeError, match="already"):
                plugged.start()
            with connected(plugged) as end:
                assert end.ask(COMMAND) == b"\x90\x00"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((plugged.host, plugged.port))
        plugged.stop()
    assert len(card.commands) == 3


def test_a_port_in_use_is_refused(plugged: VpcdCard, card: RecordingCard) -> None:
    second = VpcdCard(card, plugged.port, listen=True)
    with pytest.raises(OSError) as refused:  # noqa: PT011  the test checks errno
        second.start()
    assert refused.value.errno == errno.EADDRINUSE


def test_several_readers_share_a_card_and_it_sees_one_command_at_a_time(plugged: VpcdCard, card: RecordingCard) -> None:
    inside: list[bytes] = []
    most = 0

    def answer(command: bytes) -> bytes:
        nonlocal most
        inside.append(command)
        most = max(most, len(inside))
        time.sleep(0.001)
        inside.pop()
        return command

    card.answer = answer
    wrong: list[bytes | None] = []

    def use(number: int) -> None:
        with connected(plugged) as end:
            commands = [bytes([0x80, number, i, 0]) for i in range(50)]
            wrong.extend(given for command in commands if (given := end.ask(command)) != command)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, most, len(card.commands)) == ([], 1, 200)


def test_stop_waits_for_the_running_command(card: RecordingCard) -> None:
    entered, done = threading.Event(), threading.Event()

    def answer(_: bytes) -> bytes:
        entered.set()
        time.sleep(0.1)
        done.set()
        return b"\x90\x00"

    card.answer = answer
    with VpcdCard(card, 0, listen=True) as plugged, connected(plugged) as end:
        end.send(COMMAND)
        assert entered.wait(10)
        plugged.stop()
        assert done.is_set()


def test_a_card_may_unplug_itself(plugged: VpcdCard, end: End, card: RecordingCard) -> None:
    def answer(_: bytes) -> bytes:
        plugged.stop()
        return b"\x90\x00"

    card.answer = answer
    assert end.ask(COMMAND) is None
    assert plugged.errors == []


def test_every_thread_ends(card: RecordingCard) -> None:
    before = set(threading.enumerate())
    with VpcdCard(card, 0, listen=True) as plugged:
        for _ in range(20):
            with connected(plugged) as end:
                assert end.ask(GET_ATR) == card.atr
        with connected(plugged) as first, connected(plugged) as second:
            assert first.ask(GET_ATR) == second.ask(GET_ATR)
            plugged.stop()
            assert (first.receive(), second.receive()) == (None, None)
    assert set(threading.enumerate()) - before == set()


# Errors


def test_an_exception_is_answered_6f00_and_kept_with_its_traceback(
    end: End, card: RecordingCard, plugged: VpcdCard
) -> None:
    def fails_here(_: bytes) -> bytes:
        raise KeyError("no such file")

    card.answer = fails_here
    assert end.ask(COMMAND) == FAILED
    (error,) = plugged.errors
    assert isinstance(error, KeyError)
    assert traceback.extract_tb(error.__traceback__)[-1].name == "fails_here"
    card.answer = lambda _: b"\x90\x00"
    assert end.ask(COMMAND) == b"\x90\x00"


def test_exceptions_of_pytest_are_kept_too(end: End, card: RecordingCard, plugged: VpcdCard) -> None:
    card.answer = lambda _: pytest.fail("not this command")
    assert end.ask(COMMAND) == FAILED
    assert [type(error) for error in plugged.errors] == [pytest.fail.Exception]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (bytes(65536), ValueError, "answer: 65536 bytes are not allowed; give 1 to 65535"),
        (b"", ValueError, "answer: 0 bytes are not allowed; give 1 to 65535"),
        (None, TypeError, "a bytes-like object is required, not 'NoneType'"),
        (2, TypeError, "a bytes-like object is required, not 'int'"),
        ("9000", TypeError, "a bytes-like object is required, not 'str'"),
    ],
    ids=["too long", "empty", "None", "int", "str"],
)
def test_a_wrong_answer_is_an_error(
    answer: bytes, kind: type[Exception], message: str, end: End, card: RecordingCard, plugged: VpcdCard
) -> None:
    card.answer = lambda _: answer
    assert end.ask(COMMAND) == FAILED
    (error,) = plugged.errors
    assert type(error) is kind
    assert message in str(error)


@pytest.mark.parametrize("code", [ReturnCode.SCARD_E_NO_SMARTCARD, ReturnCode.SCARD_W_REMOVED_CARD])
def test_a_card_that_says_that_it_was_removed_ends_the_connection(code: ReturnCode) -> None:
    def answer(_: bytes) -> bytes:
        raise errors.from_code(code, "SCardTransmit")

    with VpcdCard(RecordingCard(answer), 0, listen=True) as plugged, connected(plugged) as end:
        assert end.ask(COMMAND) is None
        assert plugged.errors == []


def test_the_connection_ends_after_the_last_answer_of_a_card() -> None:
    with VpcdCard(RecordingCard(lambda _: LastAnswer(b"\x90\x00")), 0, listen=True) as plugged:
        with connected(plugged) as end:
            assert end.ask(COMMAND) == b"\x90\x00"
            assert end.receive() is None
        assert plugged.errors == []


@pytest.mark.parametrize("atr", [bytes(34), None, "3B00"], ids=["too long", "None", "str"])
def test_a_wrong_atr_is_an_error_and_ends_the_connection(atr: bytes) -> None:
    card = RecordingCard()
    card.atr = atr
    with VpcdCard(card, 0, listen=True) as plugged, connected(plugged) as end:
        assert end.ask(GET_ATR) is None
        assert [type(error) for error in plugged.errors] == [ValueError if isinstance(atr, bytes) else TypeError]


def test_a_mute_card_ends_the_connection_because_an_empty_message_would_block_vpcd(
    end: End, card: RecordingCard, plugged: VpcdCard
) -> None:
    card.atr = b""
    assert end.ask(GET_ATR) is None
    assert plugged.errors == []


@pytest.mark.parametrize("control", [POWER_OFF, POWER_ON, RESET])
def test_a_card_connects_again_if_a_reader_waits_for_the_answer_to_a_control(
    control: bytes, reader: socket.socket, card: RecordingCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scardffi.virtual.vpcd._SILENCE_SECONDS", 0.1)
    with VpcdCard(card, reader.getsockname()[1]) as plugged:
        for _ in range(3):
            end = End(reader.accept()[0])
            assert end.ask(GET_ATR) == card.atr
            assert end.ask(COMMAND) == b"\x90\x00"
            assert end.ask(control) is None
            end.close()
        assert plugged.errors == []
        end = End(reader.accept()[0])
        assert end.ask(COMMAND) == b"\x90\x00"
    end.close()


def test_a_reader_that_never_asks_for_the_atr_by_itself_may_be_silent(
    end: End, card: RecordingCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scardffi.virtual.vpcd._SILENCE_SECONDS", 0.05)
    end.send(POWER_ON)
    assert end.ask(GET_ATR) == card.atr
    end.send(POWER_OFF)
    time.sleep(0.2)
    assert end.ask(COMMAND) == b"\x90\x00"


WITHOUT_DESCRIPTORS = """
    import os, resource, sys, threading, time
    from scardffi import Library, virtual
    from scardffi.virtual.vpcd import VpcdCard

    class Card:
        atr = b"\\x3b\\x00"
        def transmit(self, command):
            return b"\\x90\\x00"

    if sys.argv[1] == "card":
        card = VpcdCard(Card(), 0, listen=True)
        card.start()
        print(card.port, flush=True)
    else:
        code, context = Library(virtual.library_path()).SCardEstablishContext(2)
        assert code == 0
        print(flush=True)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, hard))
    try:
        os.dup(0)
    except OSError:
        print("none is free", flush=True)
    sys.stdin.readline()
    before = time.process_time()
    time.sleep(0.5)
    print(time.process_time() - before, flush=True)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    sys.stdin.readline()
    os._exit(0)
    """


@pytest.mark.skipif(sys.platform != "linux", reason="limits the descriptors of a Linux process")
@pytest.mark.parametrize("kind", ["card", "reader"])
def test_listening_waits_without_work_for_a_free_descriptor(kind: str, card: RecordingCard) -> None:
    port = free_port()
    program = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WITHOUT_DESCRIPTORS), kind],
        cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "SCARDFFI_VIRTUAL": f"reader,name=Emulated,listen={port}"},
    )  # fmt: skip
    assert program.stdin is not None
    assert program.stdout is not None
    with program:
        port = int(program.stdout.readline().strip() or port)
        assert program.stdout.readline() == "none is free\n"
        # A call of accept() that waits already has its descriptor, but then none is left for the card.
        with contextlib.closing(End(socket.create_connection(("127.0.0.1", port), timeout=10))) as first:
            if kind == "reader" and select.select([first.socket], [], [], 0.5)[0]:
                assert [first.receive(), first.receive()] == [POWER_ON, GET_ATR]
                first.send(card.atr)
                assert first.receive() is None
        with contextlib.closing(End(socket.create_connection(("127.0.0.1", port), timeout=10))) as waiting:
            program.stdin.write("\n")
            program.stdin.flush()
            assert float(program.stdout.readline()) < 0.1, "it uses the processor while it waits"
            if kind == "card":
                assert waiting.ask(GET_ATR) == b"\x3b\x00"
            else:
                assert [waiting.receive(), waiting.receive()] == [POWER_ON, GET_ATR]
        program.stdin.write("\n")


def test_an_exception_of_reset_is_kept(end: End, card: RecordingCard, plugged: VpcdCard) -> None:
    def reset() -> None:
        raise KeyError

    card.reset = reset  # type: ignore[method-assign]  # only this card fails
    end.send(RESET)
    assert end.ask(COMMAND) == b"\x90\x00"
    assert [type(error) for error in plugged.errors] == [KeyError]


def test_no_message_contains_the_command(end: End, card: RecordingCard, plugged: VpcdCard) -> None:
    card.answer = lambda _: (SECRET * 8000)[:65536]
    assert end.ask(SECRET) == FAILED
    (error,) = plugged.errors
    said = "".join(traceback.format_exception(error)) + repr(plugged) + repr(error)
    assert not re.search(r"1234|31323334|\\x20", said)
    assert repr(plugged) == f"<scardffi.virtual.vpcd.VpcdCard RecordingCard listening on 127.0.0.1:{plugged.port}>"


# Collection and forks


def test_a_collected_card_is_unplugged_with_a_warning(reader: socket.socket, card: RecordingCard) -> None:
    plugged = [VpcdCard(card, reader.getsockname()[1])]
    plugged[0].start()
    end = End(reader.accept()[0])
    assert end.ask(COMMAND) == b"\x90\x00"
    with pytest.warns(ResourceWarning, match="collected while plugged in"):
        plugged.clear()
    assert end.receive() is None
    end.close()


def test_a_collected_card_stops_listening(card: RecordingCard) -> None:
    plugged = [VpcdCard(card, 0, listen=True)]
    plugged[0].start()
    address = plugged[0].host, plugged[0].port
    with pytest.warns(ResourceWarning, match="collected while plugged in"):
        plugged.clear()
    deadline = time.perf_counter() + 10
    with contextlib.suppress(ConnectionRefusedError):
        while time.perf_counter() < deadline:
            socket.create_connection(address).close()
    assert time.perf_counter() < deadline


def test_collecting_does_not_wait_for_a_running_command(card: RecordingCard) -> None:
    entered, go_on, answered = threading.Event(), threading.Event(), threading.Event()

    def answer(_: bytes) -> bytes:
        entered.set()
        go_on.wait(60)
        answered.set()
        return b"\x90\x00"

    card.answer = answer
    plugged = [VpcdCard(card, 0, listen=True)]
    plugged[0].start()
    end = End(socket.create_connection((plugged[0].host, plugged[0].port)))
    end.send(COMMAND)
    assert entered.wait(10)
    with pytest.warns(ResourceWarning, match="collected while plugged in"):
        plugged.clear()
    assert not answered.is_set()
    go_on.set()
    assert end.receive() is None
    end.close()


def test_a_card_without_its_reader_is_collected_without_a_warning(reader: socket.socket, card: RecordingCard) -> None:
    plugged = VpcdCard(card, reader.getsockname()[1])
    threads = set(threading.enumerate())
    plugged.start()
    (serving,) = set(threading.enumerate()) - threads
    reader.accept()[0].close()
    serving.join(10)
    del plugged
    gc.collect()  # every warning is an error here


FORK = """
    import gc, os, socket, sys, warnings
    from scardffi.virtual.vpcd import VpcdCard

    class Card:
        atr = b"\\x3b\\x00"
        def transmit(self, command):
            return os.getpid().to_bytes(4, "big")

    def ask():
        connection.sendall(b"\\0\\2\\0\\0")
        return connection.recv(6)[2:]

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    none = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        cards = [VpcdCard(Card(), listener.getsockname()[1]), VpcdCard(Card(), 0, listen=True)]
        for card in cards:
            card.start()
        connection = listener.accept()[0]
        assert ask() == os.getpid().to_bytes(4, "big")
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        pid = os.fork()
        if pid == 0:
            listener.close()
            connection.close()
            assert descriptors() == none, "the child keeps the parent's sockets open"
            if sys.argv[1] == "stopped":
                for card in cards:
                    card.stop()
                with VpcdCard(Card(), 0, listen=True) as own:
                    with socket.create_connection((own.host, own.port)) as connection:
                        assert ask() == os.getpid().to_bytes(4, "big")
            del card, cards
            gc.collect()
            sys.exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert ask() == os.getpid().to_bytes(4, "big")
        socket.create_connection((cards[1].host, cards[1].port)).close()
        for card in cards:
            card.stop()
        assert connection.recv(1) == b""
        connection.close()
    print("served by the parent")
    """


@pytest.mark.skipif(sys.platform != "linux", reason="counts descriptors in Linux's /proc")
@pytest.mark.parametrize("child", ["stopped", "collected"])
def test_after_a_fork_the_parent_serves_and_the_child_does_not(child: str) -> None:
    assert run_python(FORK, child) == ["served by the parent"]


# A real pcscd


CLIENT = """
    import sys, time
    from scardffi import Context, Disposition
    with Context() as context:
        answers = []
        for reader in sys.argv[1:]:
            with context.attach(reader) as card:
                answers.append(card.transmit(bytes.fromhex("0084000008")).hex())
                assert card.atr.hex() == "3b80800101"
    print(*answers)
    """


@pytest.mark.usefixtures("daemon")  # skipped without a pcscd
def test_a_real_pcscd_connects_to_cards_that_listen(tmp_path: Path) -> None:
    port = free_port()
    first, second = RecordingCard(lambda _: b"1\x90\x00"), RecordingCard(lambda _: b"2\x90\x00")
    with (
        VpcdCard(first, port, listen=True) as one,
        VpcdCard(second, port + 1, listen=True) as two,
        PrivatePcscd(tmp_path, listening_cards=[port]) as daemon,
    ):
        readers = [daemon.vpcd_reader(port, slot) for slot in (0, 1)]
        for reader in readers:
            daemon.wait_for_card(reader)
        assert run_python(CLIENT, *readers, environment=daemon.environment) == ["319000 329000"]
        assert one.errors == two.errors == []
    assert first.commands == second.commands == [COMMAND]
    assert "reset" in first.log


def test_an_exchange_through_a_real_pcscd_does_not_wait_for_delayed_acknowledgements(
    daemon: PrivatePcscd, vpcd_port: int, card: RecordingCard
) -> None:
    from scardffi import SCardManage

    reader = daemon.vpcd_reader(vpcd_port)
    with VpcdCard(card, vpcd_port):
        daemon.wait_for_card(reader)
        with SCardManage().attach_by_ifd(reader) as attached:
            seconds = []
            for _ in range(50):
                start = time.perf_counter()
                attached.transmit(COMMAND)
                seconds.append(time.perf_counter() - start)
    daemon.wait_for_card(reader, present=False)
    assert min(seconds) < 0.04 / 2, "each exchange waits 40 ms for a delayed acknowledgement"


def test_a_real_pcscd_never_waits_for_ever_because_of_a_card(
    daemon: PrivatePcscd, vpcd_port: int, card: RecordingCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scardffi import Context, SCardError

    monkeypatch.setattr("scardffi.virtual.vpcd._SILENCE_SECONDS", 1.0)
    reader = daemon.vpcd_reader(vpcd_port)
    lengths = [0, 1, 2, 65535, 65536]
    card.answer = lambda command: bytes(lengths[command[1]]) if len(command) > 1 else b"\x6e\x00"
    with VpcdCard(card, vpcd_port) as plugged, Context() as context:
        daemon.wait_for_card(reader)
        with context.attach(reader) as attached:
            answers = [attached.transmit(bytes([0, number, 0, 0])) for number in range(len(lengths))]
            assert answers == [FAILED, bytes(1), bytes(2), bytes(65535), FAILED]
            assert attached.transmit(b"\xb0") == b"\x6e\x00"
            assert attached.transmit(GET_ATR) == card.atr  # vpcd cannot transport this command
        assert [type(error) for error in plugged.errors] == [ValueError, ValueError]
        for control in (POWER_OFF, POWER_ON, RESET):
            answer = None
            deadline = time.monotonic() + 20
            while answer is None and time.monotonic() < deadline:
                daemon.wait_for_card(reader)
                # pcscd may notice only now that the card has ended the connection before.
                with contextlib.suppress(SCardError), context.attach(reader) as attached:
                    answer = attached.transmit(control)
            assert answer == b""
        card.atr = b""  # mute
        daemon.wait_for_card(reader, present=False)
        card.atr = T1_ATR
    with VpcdCard(card, vpcd_port):
        daemon.wait_for_card(reader)
    daemon.wait_for_card(reader, present=False)
