"""After a code was sent, no copy of it is left in the memory of the process, a log, a traceback or a repr."""

import contextlib
import logging
import secrets
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alone import run_alone
from support.callback_card import CallbackLibrary
from support.cards import PIN, RecordingCard, ScriptedCard, card_with_codes, in_reader
from support.pcscd import PrivatePcscd

from scardffi import CommunicationError, Flow, Library, ReturnCode, SCardManage, virtual
from scardffi._arguments import new_memory
from scardffi._loader import calls, ffi
from scardffi.constants import control_code
from scardffi.iso7816._secrets import Secrets
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import verify
from scardffi.iso7816.response import MalformedResponseError
from scardffi.iso7816.status_word import StatusError
from scardffi.services.ch_verification import CHVerification
from scardffi.services.codes import Padding, padded
from scardffi.virtual import VirtualReader
from scardffi.virtual.vpcd import VpcdCard

TRIES = 15
WRONG = b"\x63\xc5"
SECRET = bytes.fromhex("5EC4E7F00D11")
ECHO = bytes.fromhex("8018000006") + SECRET

reads_its_memory = pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/mem is Linux's")
MANY = ",".join(map(str, range(20, 211, 19)))  # memory that is used again may overwrite some codes, but not all
shapes = pytest.mark.parametrize(
    ("lengths", "padding"),
    [("8", "NONE"), (MANY, "NONE"), (MANY, "FF"), ("12", "FORMAT_2")],
    ids=["8", "many", "many filled up", "block"],
)


# In memory: the card is in this process behind a socket, and another process sends the code


def look(reader: str, lengths: str, padding: str, left: str, environment: dict[str, str]) -> dict[str, int]:
    """Return where a process that sent a code of this length finds it afterwards."""
    number = str(secrets.randbelow(1 << 62))
    outcome, _ = run_alone("code_in_memory", reader, number, lengths, padding, left, environment=environment)
    assert outcome["said"] == ["63C5"] * 7 * len(lengths.split(","))  # the card got each code
    found: dict[str, int] = outcome["found"]
    return found


@pytest.fixture
def connected() -> Iterator[dict[str, str]]:
    """Return the environment of a process in which the virtual library connects to the card."""
    with VpcdCard(RecordingCard(lambda _: WRONG), 0, listen=True) as card:
        world = f"reader,name=Gate,connect={card.port}"
        yield {"SCARDFFI_LIBRARY": virtual.library_path(), "SCARDFFI_VIRTUAL": world}
    assert card.errors == []


@reads_its_memory
@shapes
def test_no_copy_of_a_code_stays_in_memory_with_the_virtual_library(
    lengths: str, padding: str, connected: dict[str, str]
) -> None:
    assert look("Gate", lengths, padding, "nothing", connected) == {}


@reads_its_memory
@pytest.mark.parametrize("left", ["buffer", "bytes", "piece"])
@pytest.mark.parametrize(("length", "padding"), [("8", "NONE"), ("210", "FF"), ("12", "FORMAT_2")])
def test_a_copy_left_on_purpose_is_found(length: str, padding: str, left: str, connected: dict[str, str]) -> None:
    assert look("Gate", length, padding, left, connected) != {}


@reads_its_memory
@shapes
def test_no_copy_of_a_code_stays_in_memory_with_libpcsclite(
    lengths: str, padding: str, daemon: PrivatePcscd, vpcd_port: int
) -> None:
    reader = daemon.vpcd_reader(vpcd_port)
    with VpcdCard(RecordingCard(lambda _: WRONG), vpcd_port) as card:
        daemon.wait_for_card(reader)
        found = look(reader, lengths, padding, "nothing", {"SCARDFFI_LIBRARY": "libpcsclite.so.1"})
    daemon.wait_for_card(reader, present=False)
    assert found == {}
    assert card.errors == []


# In the memory in which transmit() receives, if the card returns the code


@pytest.fixture
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("echo"))


@pytest.fixture
def echo(cards: CallbackLibrary) -> Iterator[SCardManage]:
    with cards.attach(lambda command: command[5:] + b"\x90\x00") as attached:
        yield attached


@pytest.fixture
def received(cards: CallbackLibrary, echo: SCardManage, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], bytes]:
    """Return a function that returns the beginning of the memory of the last response."""
    if calls is not None:
        return lambda length: cards.memory_behind(echo, length)
    memories: list[Any] = []

    def spy(*arguments: Any) -> Any:
        memories.append(new_memory(*arguments))
        return memories[-1]

    monkeypatch.setattr("scardffi._calls_by_cffi.new_memory", spy)
    return lambda length: bytes(ffi.buffer(memories[-1])[:length])


def test_the_response_that_repeats_a_bytearray_is_wiped(echo: SCardManage, received: Callable[[int], bytes]) -> None:
    assert echo.transmit(bytearray(ECHO)) == SECRET + b"\x90\x00"
    assert received(8) == bytes(8)
    assert echo.transmit(ECHO) == SECRET + b"\x90\x00"
    assert received(8) == SECRET + b"\x90\x00"  # the program has the code in its own bytes


def test_what_a_failed_call_has_received_is_wiped_too(
    cards: CallbackLibrary, echo: SCardManage, received: Callable[[int], bytes]
) -> None:
    echo.transmit(ECHO)
    answers, cards.card = cards.card, lambda _: ReturnCode.SCARD_E_NOT_TRANSACTED
    with pytest.raises(CommunicationError):
        echo.transmit(bytearray(ECHO))
    cards.card = answers
    assert received(8) == bytes(8)


@pytest.fixture
def card(virtual_place: tuple[Library, str]) -> Iterator[SCardManage]:
    library, reader = virtual_place
    with SCardManage(library).attach_by_ifd(reader) as attached:
        yield attached


def test_responses_to_a_bytearray_are_complete_with_get_response_and_in_control(card: SCardManage) -> None:
    assert card.transmit(bytearray(ECHO), flow=Flow.GET_RESPONSE) == SECRET + b"\x90\x00"
    assert card.control(control_code(2000), bytearray(SECRET)) == SECRET


# In tracebacks, logs and reprs


def everything_told(error: BaseException) -> str:
    """Return what a logger or a crash reporter could write: tracebacks with local variables and causes, and reprs."""
    told = []
    one: BaseException | None = error
    while one is not None:
        extracted = traceback.TracebackException.from_exception(one, capture_locals=True)
        for frame in extracted.stack:
            if "tests" not in Path(frame.filename).parts:  # these are the caller's variables
                told.extend([f"{name} = {value}" for name, value in (frame.locals or {}).items()])
        told += [str(one), repr(one), repr(one.args)]
        one = one.__cause__ or one.__context__
    return "\n".join(told)


CALLS: dict[str, Callable[[CHVerification, bytes | str], None]] = {
    "verify": lambda service, code: service.verify(code, 1),
    "enable": lambda service, code: service.enable(code, 1),
    "disable": lambda service, code: service.disable(code, 1),
    "change, old": lambda service, code: service.change_code(code, "777777", 1),
    "change, new": lambda service, code: service.change_code("777777", code, 1),
    "unblock, old": lambda service, code: service.unblock(code, "777777", 1),
    "unblock, new": lambda service, code: service.unblock("777777", code, 1),
    "no such reference": lambda service, code: service.verify(code, 32),
    "no such pad": lambda service, code: service.verify(code, 1, pin_pad=True),
}
CODES: dict[str, bytes | str] = {
    "bytes": b"918273645546",
    "text": "918273645546",
    "too long": b"918273645546" * 3,
    "no digits": b"918273645546X",
    "not ASCII": "918273645546\xe9",
}


@pytest.mark.parametrize("padding", Padding)
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("call", CALLS)
def test_no_error_or_log_contains_the_code(
    call: str, code: str, padding: Padding, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    service = CHVerification(
        card_with_codes(tries=TRIES), padding=padding, length=8 if padding is Padding.FORMAT_2 else 16
    )
    with pytest.raises((StatusError, ValueError)) as raised:
        CALLS[call](service, CODES[code])
    told = everything_told(raised.value) + repr(service) + caplog.text + "".join(capfd.readouterr())
    hidden = told.replace(" ", "").replace("\\x", "").lower()
    for shown in ("91827364", b"91827364".hex(), "91, 82", "57, 49, 56"):
        assert shown.replace(" ", "") not in hidden


def test_no_error_of_the_transmitter_contains_the_code() -> None:
    class Broken:
        """A transmitter that raises, and reads its callers' local variables, as a logger may do."""

        def __init__(self) -> None:
            self.seen = ""

        def transmit(self, _command: object, /) -> bytes:
            frames = traceback.StackSummary.extract(traceback.walk_stack(None), capture_locals=True)
            mine = [one for one in frames if "services" in Path(one.filename).parts]
            self.seen = "".join(
                f"{one.locals}" for one in mine if one.name != "_transmit"
            )  # these are variables with the APDU
            raise OSError("the cable")

    broken = Broken()
    with pytest.raises(OSError, match="the cable") as raised:
        CHVerification(broken).verify(b"918273645546", 1)
    assert "9182" not in everything_told(raised.value)
    assert "command" in broken.seen
    assert "9182" not in broken.seen


SENT: dict[str, Callable[[], Command | bytes | bytearray | str]] = {
    "a Command": lambda: verify(b"918273645546"),
    "bytes": lambda: bytes(verify(b"918273645546")),
    "a bytearray": lambda: verify(b"918273645546").encode(),
    "text": lambda: verify(b"918273645546").encode().hex(),
}


@pytest.mark.parametrize("form", SENT)
@pytest.mark.parametrize("answer", ["63C5", "90", ""])
def test_no_error_of_send_contains_the_code(form: str, answer: str) -> None:
    with in_reader(RecordingCard(lambda _: bytes.fromhex(answer))) as card:
        with pytest.raises((StatusError, MalformedResponseError)) as raised:
            card.send(SENT[form]())
        told = everything_told(raised.value).replace(" ", "").replace("\\x", "").lower()
        assert "91827364" not in told
        assert b"91827364".hex() not in told


def test_send_overwrites_all_the_memory_that_it_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Secrets] = []

    class Kept(Secrets):
        def __init__(self) -> None:
            super().__init__()
            made.append(self)

    monkeypatch.setattr("scardffi.services.transmitter.Secrets", Kept)
    for form, count in (("a Command", 1), ("bytes", 2), ("a bytearray", 2), ("text", 3)):
        made.clear()
        with in_reader(RecordingCard()) as card:
            card.send(SENT[form]())
        blocks = [block for one in made for block in one.blocks]
        assert len(blocks) == count
        assert all(len(block) >= 12 and not any(block) for block in blocks)


def test_the_transmitted_buffer_is_overwritten_after_any_answer() -> None:
    for answers in (["9000"], ["63C2"], ["6983"], ["90"], []):
        card = ScriptedCard(*answers)
        with contextlib.suppress(StatusError, MalformedResponseError, IndexError):
            CHVerification(card).verify(PIN, 1)
        assert card.sent == ["0020000104" + PIN.hex()]
        assert card.buffers == [bytearray(9)]


def test_the_callers_bytearray_is_not_changed() -> None:
    code = bytearray(PIN)
    CHVerification(ScriptedCard("9000")).verify(code, 1)
    assert code == PIN
    code.extend(b"5")  # no buffer is locked


def test_the_first_block_is_wiped_if_the_second_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = []

    def spy(*arguments: object, **names: object) -> bytearray:
        blocks.append(padded(*arguments, **names))  # type: ignore[arg-type]  # the arguments are passed unchanged
        return blocks[-1]

    monkeypatch.setattr("scardffi.services.ch_verification.padded", spy)
    with pytest.raises(ValueError, match="new: 300 bytes"):
        CHVerification(ScriptedCard()).change_code(PIN, bytes(300), 1)
    assert blocks == [bytearray(4)]


def test_buffers_are_overwritten_with_a_card_in_a_reader_too() -> None:
    library = Library(virtual.library_path())
    name = "Reader of a card with codes"
    with VirtualReader(name, card_with_codes()), SCardManage(library).attach_by_ifd(name) as card:
        with pytest.raises(StatusError) as raised:
            CHVerification(card).verify(b"918273645546", 1)
        assert "9182" not in everything_told(raised.value)
