"""Responses of 0 and 1 byte, which have no status word: each receiver, and each kind of card that can send one."""

from __future__ import annotations

import contextlib
import io
import itertools
import socket
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from support.cards import READER, RecordingCard, Reversal
from support.commands import OK, READ_4
from support.interpreter import run_python
from support.reports import report
from support.shape import PLACES

from scardffi import CommunicationError, Flow, Library, Reply, SCardManage, Script, ScriptError, virtual
from scardffi.cli.main import main
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.response import MalformedResponseError, Response
from scardffi.services.card_auth import CardAuth
from scardffi.services.ch_verification import CHVerification
from scardffi.services.file_access import FileAccess
from scardffi.services.file_properties import FileKind
from scardffi.services.pin_pad import GET_FEATURE_REQUEST
from scardffi.services.transmitter import Sender
from scardffi.virtual import AnsweringCard, VirtualReader, fault
from scardffi.virtual.vpcd import VpcdCard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from support.pcscd import PrivatePcscd
    from typing_extensions import Buffer

    Way = Callable[[SCardManage], object]
    Prepare = Callable[[Sequence[bytes]], None]
    Source = Callable[[pytest.FixtureRequest], AbstractContextManager[tuple[SCardManage, Prepare]]]

FLOW = Flow.GET_RESPONSE | Flow.CORRECT_LE | Flow.CHAIN
SHORT = [b"", b"\x90", b"\x61", b"\x6c", b"\x00"]
"""A byte that is no status word, however it begins."""
BEFORE: dict[str, list[bytes]] = {"first": [], "after 6102": [b"\x61\x02"], "after 6C04": [b"\x6c\x04"]}
T1 = bytes.fromhex("3B80800101")


# The sources: what sends the answers out


@contextlib.contextmanager
def card_in_python(_: pytest.FixtureRequest) -> Iterator[tuple[SCardManage, Prepare]]:
    """A card of callbacks."""
    answers: list[bytes] = []
    card = RecordingCard(lambda _: answers.pop(0), T1)
    with VirtualReader(READER, card), attached(virtual_library(), READER) as manage:
        yield manage, answers.extend


@contextlib.contextmanager
def faults(_: pytest.FixtureRequest) -> Iterator[tuple[SCardManage, Prepare]]:
    """Faults, which replace the answers of the card in C."""
    with (
        contextlib.ExitStack() as ends,
        VirtualReader(READER, AnsweringCard(T1)),
        attached(virtual_library(), READER) as manage,
    ):

        def prepare(answers: Sequence[bytes]) -> None:
            ends.close()
            for call, answer in enumerate(answers, 1):
                ends.enter_context(fault("SCardTransmit", call=call, answer=answer))

        yield manage, prepare


@contextlib.contextmanager
def card_of_vpcd(request: pytest.FixtureRequest) -> Iterator[tuple[SCardManage, Prepare]]:
    """A card in Python in a real pcscd. It cannot send an empty answer."""
    daemon: PrivatePcscd = request.getfixturevalue("daemon")
    port: int = request.getfixturevalue("vpcd_port")
    answers: list[bytes] = []
    with VpcdCard(RecordingCard(lambda _: answers.pop(0), T1), port):
        daemon.wait_for_card(daemon.vpcd_reader(port))
        with attached(Library("libpcsclite.so.1"), daemon.vpcd_reader(port)) as manage:
            yield manage, answers.extend
    daemon.wait_for_card(daemon.vpcd_reader(port), present=False)


@contextlib.contextmanager
def card_of_the_driver(request: pytest.FixtureRequest) -> Iterator[tuple[SCardManage, Prepare]]:
    """The card in the tests' driver, in a real pcscd. It answers only the next command, and only 90 or nothing."""
    daemon: PrivatePcscd = request.getfixturevalue("daemon")
    with attached(Library("libpcsclite.so.1"), daemon.ifd_reader(0)) as manage:
        yield manage, lambda answers: prepare_driver(manage, answers)


def prepare_driver(manage: SCardManage, answers: Sequence[bytes]) -> None:
    (answer,) = answers
    assert manage.transmit(bytes([0x80, 0x22, 1, len(answer)])) == OK


SOURCES: dict[str, Source] = {"a card in Python": card_in_python, "faults": faults}
if "pcscd" in PLACES:
    SOURCES |= {"a card of vpcd in pcscd": card_of_vpcd, "a card of a driver in pcscd": card_of_the_driver}


def can_send(source: str, before: str, short: bytes) -> bool:
    """Return True if this kind of card can send these answers."""
    if source == "a card of a driver in pcscd":
        return before == "first" and short in {b"", b"\x90"}
    return bool(short) or source != "a card of vpcd in pcscd"


def virtual_library() -> Library:
    return Library(virtual.library_path())


def attached(library: Library, reader: str) -> SCardManage:
    return SCardManage(library).attach_by_ifd(reader)


# The receivers. Each returns the bytes of the response, and checks that there is no status word.


def into(card: SCardManage, flow: Flow) -> bytes:
    memory = bytearray(300)
    return bytes(memory[: card.transmit_into(READ_4, memory, flow=flow)])


def exchanged(card: SCardManage, flow: Flow) -> bytes:
    memory = bytearray(300)
    exchange = card.exchange(READ_4, memory, flow=flow)
    received = bytes(memory[: exchange()])
    assert exchange.sw is None
    exchange.close()
    return received


def scripted(card: SCardManage, flow: Flow) -> bytes:
    (reply,) = Script([READ_4], flow=flow).run(card)
    assert reply.sw is None
    assert "no sw" in repr(reply)
    return bytes(reply)


def expected(card: SCardManage, flow: Flow) -> bytes:
    with pytest.raises(ScriptError, match=r"the card answered [01] byte") as failure:
        Script([READ_4], expect=0x9000, flow=flow).run(card)
    assert (failure.value.sw, failure.value.code, failure.value.index) == (None, None, 0)
    (reply,) = failure.value.replies
    assert isinstance(reply, Reply)
    return bytes(reply)


def sent(card: SCardManage, _: Flow) -> bytes:
    """Return the bytes in the error of ``send``, which follows 61xx and 6Cxx by itself."""
    with pytest.raises(MalformedResponseError, match="before its status word") as failure:
        card.send(READ_4)
    assert failure.value.raw is not None
    return failure.value.raw


def raw(card: SCardManage) -> bytes:
    memory = bytearray(300)
    code, length = card.library.SCardTransmit(card.handle, card.protocol, READ_4, memory)
    assert code == 0
    return bytes(memory[:length])


def refused(call: Callable[[], object]) -> bytes:
    """Return the bytes in the error of a call that needs a status word."""
    with pytest.raises(CommunicationError, match=r"the card answered [01] ") as failure:
        call()
    assert failure.value.code is None
    return failure.value.partial


def printed(card: SCardManage) -> bytes:
    """Return the bytes that the command line prints."""
    out = io.StringIO()
    path = card.library.info().path
    with contextlib.redirect_stdout(out):
        assert main(["--library", path, "send", "--reader", card.status().reader, READ_4.hex()]) == 1
    _, _, answer, meaning = out.getvalue().splitlines()
    assert meaning.startswith("  no status word: the card answered")
    return bytes.fromhex(answer.removeprefix("<"))


FLOWING: dict[str, Callable[[SCardManage, Flow], bytes]] = {
    "transmit": lambda card, flow: card.transmit(READ_4, flow=flow),
    "transmit of a bytearray": lambda card, flow: card.transmit(bytearray(READ_4), flow=flow),
    "transmit_into": into,
    "exchange": exchanged,
    "script": scripted,
    "script with expect": expected,
    "send": sent,
}
PLAIN: dict[str, Callable[[SCardManage], bytes]] = {
    **{name: lambda card, way=way: way(card, Flow(0)) for name, way in FLOWING.items()},  # type: ignore[misc]  # the default binds the variable of the loop
    "raw SCardTransmit": raw,
    "read_binary_into": lambda card: refused(lambda: card.read_binary_into(bytearray(10))),
    "update_binary_from": lambda card: refused(lambda: card.update_binary_from(bytes(10))),
    "the command line": printed,
}
SERVICES: dict[str, Callable[[Any], object]] = {
    "Sender.send": lambda card: Sender(card).send(iso.get_data(0x66)),
    "Sender.send_any": lambda card: Sender(card).send_any(iso.get_data(0x66)),
    "get_challenge": lambda card: auth(card).get_challenge(),
    "icc_auth": lambda card: auth(card).icc_auth(Reversal(), challenge=bytes(8)),
    "app_auth": lambda card: auth(card).app_auth(Reversal()),
    "user_auth": lambda card: auth(card).user_auth(b"1234"),
    "verify": lambda card: codes(card).verify(b"1234"),
    "change_code": lambda card: codes(card).change_code(b"1234", b"5678"),
    "unblock": lambda card: codes(card).unblock(b"12345678", b"5678"),
    "enable": lambda card: codes(card).enable(b"1234"),
    "disable": lambda card: codes(card).disable(b"1234"),
    "tries_left": lambda card: codes(card).tries_left(),
    "reset_security_state": lambda card: codes(card).reset_security_state(1),
    "change_dir": lambda card: files(card).change_dir("5000"),
    "directory": lambda card: list(files(card).directory()),
    "open": lambda card: files(card).open("5001"),
    "records": lambda card: files(card).records("5001"),
    "properties": lambda card: files(card).properties("5001"),
    "set_properties": lambda card: files(card).set_properties("5001", size=1),
    "create": lambda card: files(card).create(kind=FileKind.TRANSPARENT, file_id=0x5001, size=1),
    "delete": lambda card: files(card).delete("5001"),
    "invalidate": lambda card: files(card).invalidate("5001"),
    "rehabilitate": lambda card: files(card).rehabilitate("5001"),
}
FCP = bytes.fromhex("62 04 80 02 0010 9000")
RECORDS = bytes.fromhex("62 07 82 05 02 01 0010 02 9000")
AFTER_SELECT: dict[str, tuple[bytes, Callable[[Any], object]]] = {
    "CardFile.read": (FCP, lambda card: files(card).open("5001").read()),
    "CardFile.readinto": (FCP, lambda card: files(card).open("5001").readinto(bytearray(9))),
    "CardFile.write": (FCP, lambda card: files(card).open("5001", "r+").write(b"abc")),
    "Records[0]": (RECORDS, lambda card: files(card).records("5001")[0]),
    "Records.append": (RECORDS, lambda card: files(card).records("5001").append(b"abc")),
}
"""Uses of a file, which is selected first: the card's answer to SELECT, and the use."""


def auth(card: Any) -> CardAuth:
    return card.create_card_auth() if isinstance(card, Creator) else CardAuth(getattr(card, "card", card))


def codes(card: Any) -> CHVerification:
    return card.create_ch_verification() if isinstance(card, Creator) else CHVerification(card)


def files(card: Any) -> FileAccess:
    return card.create_file_access() if isinstance(card, Creator) else FileAccess(card)


class Creator:
    """A manage object whose create_* methods make the services."""

    def __init__(self, manage: SCardManage) -> None:
        self.create_card_auth = manage.create_card_auth
        self.create_ch_verification = manage.create_ch_verification
        self.create_file_access = manage.create_file_access
        self.transmit = manage.transmit
        self.short_response_error = manage.short_response_error


@pytest.mark.parametrize("source", SOURCES)
def test_every_receiver_of_a_card_in_a_reader(source: str, request: pytest.FixtureRequest) -> None:
    count = 0
    receivers: dict[str, Callable[[SCardManage], bytes]] = {
        **PLAIN,
        **{
            f"{name}, services {kind}": lambda card, way=way, make=make: refused(lambda: way(make(card)))  # type: ignore[misc]  # as above
            for (name, way), (kind, make) in itertools.product(
                SERVICES.items(), {"created": Creator, "on a manage object": lambda card: card}.items()
            )
        },
    }
    with SOURCES[source](request) as (card, prepare):
        for (name, way), short in itertools.product(receivers.items(), SHORT):
            if can_send(source, "first", short):
                prepare([short])
                assert way(card) == short, (name, short)
                count += 1
        for (name, flowing), short, before in itertools.product(FLOWING.items(), SHORT, BEFORE):
            if can_send(source, before, short):
                prepare([*BEFORE[before], short])
                assert flowing(card, FLOW) == short, (name, short, before)
                count += 1
        for (name, (selected, use)), short in itertools.product(AFTER_SELECT.items(), SHORT):
            if can_send(source, "after SELECT", short):
                prepare([selected, short])
                assert refused(lambda use=use: use(card)) == short, (name, short)  # type: ignore[misc]  # as above
                count += 1
    report(f"short answers of {source}: {len(receivers) + len(FLOWING) + len(AFTER_SELECT)} receivers, {count} cases")


class OneAnswer:
    """A card in Python, used without PC/SC, and a reader with a PIN pad."""

    atr = T1

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)

    def transmit(self, _command: Buffer, /) -> bytes:
        """Return the next answer."""
        return self.answers.pop(0)

    def control(self, code: int, _data: Buffer = b"") -> bytes:
        """Return the features, or the next answer."""
        return bytes.fromhex("06 04 00000006 07 04 00000007") if code == GET_FEATURE_REQUEST else self.answers.pop(0)


PIN_PAD: dict[str, Callable[[Any], object]] = {
    "verify": lambda card: codes(card).verify(pin_pad=True),
    "change_code": lambda card: codes(card).change_code(pin_pad=True),
}


def test_every_service_without_pcsc() -> None:
    uses: dict[str, tuple[list[bytes], Callable[[Any], object]]] = {
        "Response": ([], lambda card: Response(card.transmit(b""))),
        **{name: ([], use) for name, use in SERVICES.items()},
        **{f"{name} by the pad": ([], use) for name, use in PIN_PAD.items()},
        **{name: ([selected], use) for name, (selected, use) in AFTER_SELECT.items()},
        **{
            f"Sender.send {before}": (BEFORE[before], lambda card: Sender(card).send(iso.read_binary(0)))
            for before in BEFORE
        },
    }
    for (name, (before, use)), short in itertools.product(uses.items(), SHORT):
        with pytest.raises(MalformedResponseError, match="before its status word") as failure:
            use(OneAnswer(*before, short))
        assert failure.value.raw == short, (name, short)
    report(f"short answers of a card without PC/SC: {len(uses)} receivers, {len(uses) * len(SHORT)} cases")


def test_answers_of_a_pin_pad_in_a_reader() -> None:
    class PadReader(VirtualReader):
        short = b""

        def control(self, code: int, command: bytes) -> bytes:
            return OneAnswer(self.short).control(code, command)

    with PadReader(READER, AnsweringCard(T1)) as reader, attached(virtual_library(), READER) as card:
        for use, short, make in itertools.product(PIN_PAD.values(), SHORT, (Creator, lambda card: card)):
            reader.short = short
            assert refused(lambda use=use, make=make: use(make(card))) == short  # type: ignore[misc]  # as above
    report(f"short answers of a PIN pad: {len(PIN_PAD)} receivers, {len(PIN_PAD) * len(SHORT) * 2} cases")


# Card emulators behind vpcd's socket


EMULATOR = """
    import os, sys
    from scardffi import Context, Library, virtual
    library = Library(virtual.library_path())
    with Context(library=library) as context:
        with context.attach("Emulated") as card:
            for _ in range(int(sys.argv[1])):
                print(card.transmit(bytes.fromhex("00B0000004")).hex() or "nothing")
    os._exit(0)
    """


@pytest.mark.skipif(sys.platform == "win32", reason="the emulator's thread and the program's end race under Wine")
def test_an_emulator_may_answer_nothing_or_one_byte() -> None:
    def emulate(listener: socket.socket) -> None:
        connection = listener.accept()[0]
        left = iter(SHORT)
        with connection, connection.makefile("rb") as stream:
            while len(header := stream.read(2)) == 2:
                message = stream.read(int.from_bytes(header, "big"))
                if message == b"\4" or len(message) > 1:
                    answer = T1 if message == b"\4" else next(left)
                    connection.sendall(len(answer).to_bytes(2, "big") + answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=emulate, args=(listener,))
        thread.start()
        entry = f"reader,name=Emulated,connect={listener.getsockname()[1]}"
        lines = run_python(EMULATOR, str(len(SHORT)), environment={"SCARDFFI_VIRTUAL": entry})
        thread.join()
    assert lines == [short.hex() or "nothing" for short in SHORT]
    report(f"short answers of an emulator: {len(lines)} cases")
