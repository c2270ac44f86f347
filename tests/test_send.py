"""SCardManage.send: a command and its whole response, or one error for the status word."""

import copy
import pickle
import threading
from collections.abc import Callable

import pytest
from support.cards import CHAINING, CHAINING_AND_EXTENDED, READER, RecordingCard, in_reader
from support.commands import READ_4

from scardffi import Context, Library, Protocol, SCardManage, UnexpectedStateError, virtual
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command, MalformedCommandError
from scardffi.iso7816.response import MalformedResponseError, Response
from scardffi.iso7816.status_word import (
    SIM,
    AuthenticationBlockedError,
    CardFileNotFoundError,
    CardWarningError,
    StatusError,
    StatusInfo,
    VerificationFailedError,
)
from scardffi.virtual import VirtualReader

PIN = b"918273645546"


def answering(*answers: str, atr: str = "") -> RecordingCard:
    """Return a card with these answers in hexadecimal; the last one is repeated."""
    left = [bytes.fromhex(answer) for answer in answers]
    card = RecordingCard(lambda _: left.pop(0) if len(left) > 1 else left[0])
    if atr:
        card.atr = bytes.fromhex(atr)
    return card


def sent(card: RecordingCard) -> list[str]:
    return [command.hex().upper() for command in card.commands]


FORMS: dict[str, Command | bytes | bytearray | memoryview | str] = {
    "a Command": iso.select_file(b"\x50\x15"),
    "bytes": bytes.fromhex("00A4000002501500"),
    "a bytearray": bytearray.fromhex("00A4000002501500"),
    "a memoryview": memoryview(bytes.fromhex("00A4000002501500")),
    "text": "00A4000002501500",
    "text with spaces": "00 a4 00 00 02 5015 00",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_command_is_given_in_any_form(form: str) -> None:
    card = answering("01029000")
    with in_reader(card) as manage:
        data, sw = response = manage.send(FORMS[form])
    assert (data, sw) == (b"\x01\x02", 0x9000)
    assert isinstance(response, Response)
    assert response.ok
    assert sent(card) == ["00A4000002501500"]


@pytest.mark.parametrize(
    "apdu",
    ["00A40000", "00A4000000", "00A40000025015", "00A4000002501500", "00B000000000FF", "00D600000000020102",
     "00D6000000000201020100", "80CA9F7F00", "FFCA000000"],
)  # fmt: skip
def test_every_case_of_a_command_is_sent_unchanged(apdu: str) -> None:
    card = answering("9000", atr=CHAINING_AND_EXTENDED)
    with in_reader(card, Protocol.T1) as manage:
        for command in (apdu, bytes.fromhex(apdu), Command.decode(bytes.fromhex(apdu))):
            manage.send(command)
    assert sent(card) == [apdu] * 3


def test_the_rest_of_a_response_is_requested_and_the_right_le_is_used() -> None:
    card = answering("6C03", "0102" + "6102", "03046101", "059000")
    with in_reader(card) as manage:
        assert manage.send(READ_4) == (bytes([1, 2, 3, 4, 5]), 0x9000)
    assert sent(card) == ["00B0000004", "00B0000003", "00C0000002", "00C0000001"]


@pytest.mark.parametrize(
    ("atr", "lengths"), [(CHAINING, [260, 50]), (CHAINING_AND_EXTENDED, [307]), ("3B80800101", [307])]
)
def test_a_long_command_is_chained_or_extended_as_the_atr_allows(atr: str, lengths: list[int]) -> None:
    card = answering("9000", atr=atr)
    with in_reader(card, Protocol.T1) as manage:
        manage.send(iso.update_binary(0, bytes(300)))
        assert [len(command) for command in card.commands] == lengths
        manage.send(READ_4)
        assert len(card.commands) == len(lengths) + 1  # no command but the caller's


def test_another_status_word_raises_with_the_name_of_the_command_and_the_response() -> None:
    with in_reader(answering("0A6A82")) as manage, pytest.raises(CardFileNotFoundError) as raised:
        manage.send(FORMS["text"])
    error = raised.value
    assert str(error) == "SELECT: file or application not found (6A82)"
    assert (error.sw, error.command, error.file, error.arrived) == (0x6A82, "SELECT", None, 0)
    assert error.response == (b"\x0a", 0x6A82)


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])  # noqa: S301  our own bytes
def test_the_error_is_copied_and_pickled_with_all_its_attributes(how: Callable[[StatusError], StatusError]) -> None:
    with in_reader(answering("63C2")) as manage, pytest.raises(VerificationFailedError) as raised:
        manage.send(iso.verify(PIN))
    raised.value.file, raised.value.arrived = "3F00", 3
    again = how(raised.value)
    assert isinstance(again, VerificationFailedError)
    assert isinstance(again.response, Response)
    assert vars(again) == vars(raised.value)
    assert str(again) == "VERIFY of 3F00: warning, counter at 2 (63C2) after 3 bytes"


@pytest.mark.parametrize(
    ("apdu", "name"),
    [("80CA0000", "INS CA of class 80"), ("00FF0000", "INS FF of class 00"), ("A0A40000023F00", "INS A4 of class A0"),
     ("01B0000000", "READ BINARY"), ("0CA4000000", "SELECT")],
)  # fmt: skip
def test_a_command_of_the_cards_own_class_is_named_by_its_bytes(apdu: str, name: str) -> None:
    assert Command.decode(bytes.fromhex(apdu)).name == name
    with in_reader(answering("6D00")) as manage, pytest.raises(StatusError, match="not supported") as raised:
        manage.send(apdu)
    assert raised.value.command == name


def test_warnings_raise_unless_they_are_allowed() -> None:
    with in_reader(answering("016282")) as manage:
        with pytest.raises(CardWarningError, match="READ BINARY: warning: end of file") as raised:
            manage.send(READ_4)
        assert raised.value.response == (b"\x01", 0x6282)
        assert manage.send(READ_4, allow={0x6282}) == (b"\x01", 0x6282)
        assert manage.send(READ_4, allow=range(0x6200, 0x6400)).data == b"\x01"
        assert manage.send(READ_4, table={0x6282: StatusInfo("short file", None)}).data == b"\x01"
    with in_reader(answering("63C2")) as manage, pytest.raises(VerificationFailedError):
        manage.send(READ_4)


def test_the_status_words_of_a_sim_are_followed_by_its_table() -> None:
    select = "A0A40000023F00"
    card = answering("9F03", "0102039000")
    with in_reader(card) as manage:
        assert manage.send(select, table=SIM).data == b"\x01\x02\x03"
    assert sent(card) == [select, "A0C0000003"]
    card = answering("9F03")
    with in_reader(card) as manage, pytest.raises(StatusError, match="proprietary status"):
        manage.send(select)
    assert sent(card) == [select]
    with in_reader(answering("9404")) as manage, pytest.raises(CardFileNotFoundError):
        manage.send(select, table=SIM)
    with in_reader(answering("9840")) as manage, pytest.raises(AuthenticationBlockedError):
        manage.send(select, table=SIM)
    with in_reader(answering("910B")) as manage:
        assert manage.send(select, table=SIM).sw2 == 0x0B


@pytest.mark.parametrize("short", ["", "90", "61"])
def test_a_response_without_a_status_word_raises_with_its_bytes(short: str) -> None:
    with in_reader(answering(short)) as manage, pytest.raises(MalformedResponseError) as raised:
        manage.send(READ_4)
    assert raised.value.raw == bytes.fromhex(short)


def test_the_data_before_a_short_response_is_in_the_error() -> None:
    with in_reader(answering("6103", "0102036101", "90")) as manage:
        with pytest.raises(MalformedResponseError) as raised:
            manage.send(READ_4)
        for error in (raised.value, copy.copy(raised.value), pickle.loads(pickle.dumps(raised.value))):  # noqa: S301  our own bytes
            assert error.raw == b"\x01\x02\x03\x90"


def test_the_data_before_a_refused_get_response_is_in_the_error() -> None:
    with in_reader(answering("0102036101", "046F00")) as manage, pytest.raises(StatusError) as raised:
        manage.send(READ_4)
    assert raised.value.response == (b"\x01\x02\x03\x04", 0x6F00)
    assert raised.value.command == "READ BINARY"


WRONG: dict[str, tuple[bytes | str, str]] = {
    "Lc too large": (bytes.fromhex("00A40000045015"), "command, byte 7: the command ends after 2 of 4 bytes of data"),
    "Lc too small": (bytes.fromhex("00A400000150153F00"), "command, byte 6: 3 bytes follow the 1 bytes of data"),
    "Lc 0": (bytes.fromhex("00A4000000" + "0000" + "3F"), "command, byte 5: Lc is 0"),
    "no header": (b"\x00", "command, byte 1: "),
    "nothing": (b"", "command, byte 0: "),
    "odd text": ("00A40", "command: text of 5 characters is not allowed; give two hexadecimal digits for each byte"),
    "other text": ("SELECT", "command: text of 6 characters is not allowed"),
    "short text": ("00A4", "command, byte 2: "),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_malformed_command_is_refused_before_it_is_sent(wrong: str) -> None:
    command, message = WRONG[wrong]
    card = answering("9000")
    with in_reader(card) as manage, pytest.raises(ValueError, match="command") as raised:
        manage.send(command)
    assert message in str(raised.value)
    assert isinstance(raised.value, MalformedCommandError) == (", byte" in message)
    assert card.commands == []


def test_send_needs_an_attached_card() -> None:
    with pytest.raises(UnexpectedStateError, match="send"):
        SCardManage(Library(virtual.library_path())).send(READ_4)


def test_the_atr_is_read_again_after_the_next_attach() -> None:
    library = Library(virtual.library_path())
    first, second = answering("9000", atr=CHAINING), answering("9000", atr=CHAINING_AND_EXTENDED)
    with VirtualReader("First", first), VirtualReader("Second", second):
        manage = SCardManage(library)
        for name in ("First", "Second"):
            with manage.attach_by_ifd(name, protocols=Protocol.T1):
                manage.send(iso.update_binary(0, bytes(300)))
    assert (len(first.commands), len(second.commands)) == (2, 1)


def test_the_atr_is_read_again_after_a_reconnect_to_another_card() -> None:
    library = Library(virtual.library_path())
    first, second = answering("9000", atr=CHAINING), answering("9000", atr=CHAINING_AND_EXTENDED)
    with VirtualReader("Swap", first) as reader, SCardManage(library).attach_by_ifd("Swap") as manage:
        manage.send(READ_4)
        reader.swap(second)
        manage.reconnect()
        manage.send(iso.update_binary(0, bytes(300)))
    assert [len(command) for command in second.commands] == [307]


def test_the_steps_of_two_threads_do_not_mix() -> None:
    announced: list[int] = []

    def answer(command: bytes) -> bytes:
        if command[1] == 0xC0:
            return bytes([announced.pop()]) + b"\x90\x00"
        announced.append(command[3])
        return b"\x61\x01"

    wrong: list[int] = []

    def send_many(number: int) -> None:
        command = bytes([0, 0xCA, 0, number, 0])
        wrong.extend(number for _ in range(50) if manage.send(command).data != bytes([number]))

    with in_reader(RecordingCard(answer)) as manage:
        threads = [threading.Thread(target=send_many, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_the_name_of_the_reader_is_known_and_asked_for_once_after_attach_by_handle() -> None:
    with in_reader(answering("9000")) as manage:
        assert manage.reader == READER
        with SCardManage(manage.library).attach_by_handle(manage) as other:
            assert other.reader == READER
            with virtual.fault("SCardStatus", code="SCARD_E_NO_SERVICE", times=100):
                assert other.reader == manage.reader == READER
        with pytest.raises(UnexpectedStateError, match="reader"):
            _ = other.reader
    with Context(library=Library(virtual.library_path())) as context, context.attach(virtual.DEFAULT_READER) as card:
        assert card.reader == virtual.DEFAULT_READER
