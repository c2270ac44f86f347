"""The transmitters of services: chaining, 61xx, 6Cxx, errors, and wiped buffers."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from support.cards import CHAINING, CHAINING_AND_EXTENDED, RecordingCard, ScriptedCard, in_reader

from scardffi import CommunicationError, RemovedCardError, SCardManage, virtual
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.class_bytes import class_byte
from scardffi.iso7816.command import Command
from scardffi.iso7816.response import MalformedResponseError
from scardffi.iso7816.status_word import (
    CardFileNotFoundError,
    StatusError,
    StatusInfo,
    VerificationFailedError,
    WrongLengthError,
)
from scardffi.services import FileAccess
from scardffi.services.transmitter import MOST_DATA, Sender, Transmitter

if TYPE_CHECKING:
    from typing_extensions import Buffer


def test_an_answer_in_parts_is_joined() -> None:
    card = ScriptedCard("01026102", "03046101", "059000")
    response = Sender(card).send(iso.read_binary(0))
    assert (response.data.hex(), response.sw) == ("0102030405", 0x9000)
    assert card.sent == ["00B0000000", "00C0000002", "00C0000001"]


@pytest.mark.parametrize(("cla", "continued"), [(0x01, "01"), (0x4F, "4F"), (0x71, "61"), (0x80, "80"), (0x90, "90")])
def test_the_rest_is_requested_on_the_same_channel(cla: int, continued: str) -> None:
    card = ScriptedCard("6100", "9000")
    Sender(card).send(iso.get_data(0x66, cla=cla))
    assert card.sent[1] == continued + "C0000000"


def test_a_card_that_repeats_61xx_without_data_is_given_up() -> None:
    assert Sender(ScriptedCard("6101", "6101")).send_any(iso.get_data(0x66)).data == b""
    with pytest.raises(StatusError, match="GET DATA: success, 1 more bytes available") as raised:
        Sender(ScriptedCard("6101", "6101")).send(iso.get_data(0x66))
    assert raised.value.response == (b"", 0x6101)
    assert Sender(ScriptedCard("6101", "6101")).send(iso.get_data(0x66), allow={0x6101}).sw == 0x6101


def test_an_endless_answer_is_cut_and_is_an_error() -> None:
    card = ScriptedCard(*["00" * 256 + "6100"] * 1000)
    with pytest.raises(StatusError, match="6100") as raised:
        Sender(card).send(iso.get_data(0x66))
    assert raised.value.response is not None
    assert len(raised.value.response.data) == MOST_DATA


class Lost(ScriptedCard):
    """A card that is removed after its last answer."""

    def transmit(self, command: Buffer, /) -> bytes:
        """Return the next answer."""
        try:
            return super().transmit(command)
        except IndexError:
            raise self.error from None

    error: BaseException = OSError("the cable")


@pytest.mark.parametrize(
    "error", [OSError("the cable"), KeyboardInterrupt(), RemovedCardError("it was removed")], ids=repr
)
def test_the_parts_that_arrived_are_in_the_error_of_any_class(error: BaseException) -> None:
    card = Lost("01026102", "03046101")
    card.error = error
    with pytest.raises(type(error)) as raised:
        Sender(card).send(iso.read_binary(0))
    assert vars(raised.value)["partial"] == b"\1\2\3\4"
    assert vars(raised.value)["arrived"] == 4


def test_the_parts_before_a_short_response_are_in_the_error_of_a_service() -> None:
    answers = [b"\x01\x02\x61\x01", b"\x90"]
    with in_reader(RecordingCard(lambda _: answers.pop(0))) as card:
        service = card.create_card_auth()
        with pytest.raises(CommunicationError) as raised:
            service.get_challenge()
    assert (raised.value.code, raised.value.partial, raised.value.arrived) == (None, b"\1\2\x90", 2)


def test_the_table_says_after_which_status_words_more_is_requested() -> None:
    table = {range(0x9F00, 0xA000): StatusInfo("more", None, more=True), 0x6102: StatusInfo("no more", None)}
    card = ScriptedCard("9F02", "01029000")
    assert Sender(card, table=table).send("A0 A4 00 00 02 3F 00").data == b"\1\2"
    assert card.sent == ["A0A40000023F00", "A0C0000002"]
    assert Sender(ScriptedCard("6102"), table=table).send(iso.read_binary(0)) == (b"", 0x6102)


def test_the_command_is_repeated_with_the_right_le_once() -> None:
    card = ScriptedCard("6C03", "0102039000")
    assert Sender(card).send(iso.read_binary(0)).data == b"\1\2\3"
    assert card.sent == ["00B0000000", "00B0000003"]
    with pytest.raises(WrongLengthError):
        Sender(ScriptedCard("6C03", "6C02")).send(iso.read_binary(0))


def test_a_command_without_le_is_never_sent_twice() -> None:
    card = ScriptedCard("6C03")
    with pytest.raises(WrongLengthError):
        Sender(card).send(iso.verify(b"1234"))
    assert len(card.sent) == 1


@pytest.mark.parametrize(
    ("atr", "lengths"),
    [(CHAINING, [260, 50]), (CHAINING_AND_EXTENDED, [307]), ("3B00", [307]), ("", [307]), ("FF", [307])],
)
def test_long_data_are_chained_or_extended_as_the_card_allows(atr: str, lengths: list[int]) -> None:
    card = ScriptedCard("9000", "9000", atr=atr)
    Sender(card).send(iso.update_binary(0, bytes(300)))
    assert [len(command) // 2 for command in card.sent] == lengths


def test_a_chain_on_a_logical_channel_above_three_has_the_chaining_bit() -> None:
    card = ScriptedCard("9000", "6102", "01029000", atr=CHAINING)
    Sender(card).send(iso.put_data(0x5FC102, bytes(300), cla=class_byte(5)))
    assert [command[:4] for command in card.sent] == ["51DB", "41DB", "41C0"]


def test_a_chain_ends_at_the_first_refusal() -> None:
    card = ScriptedCard("6A82", atr=CHAINING)
    with pytest.raises(CardFileNotFoundError):
        Sender(card).send(iso.update_binary(0, bytes(300)))
    assert len(card.sent) == 1


def test_chaining_can_be_switched_on_for_a_card_that_does_not_state_it() -> None:
    card = ScriptedCard("9000", "9000", atr="")
    sender = Sender(card)
    assert (sender.extended_length, sender.chaining) == (False, False)
    sender.chaining = True
    sender.send(iso.update_binary(0, bytes(256)))
    assert [len(command) // 2 for command in card.sent] == [260, 6]


def test_a_transmitter_needs_no_atr() -> None:
    class Bare:
        transmit = ScriptedCard("9000").transmit

    sender = Sender(Bare())
    assert (sender.extended_length, sender.chaining) == (False, False)
    assert sender.send(iso.get_response()).sw == 0x9000


@pytest.mark.parametrize("atr", [CHAINING, CHAINING_AND_EXTENDED])
@pytest.mark.parametrize("answer", ["9000", "63C2", "90"])
def test_every_buffer_that_was_sent_is_wiped(atr: str, answer: str) -> None:
    card = ScriptedCard("9000", answer, atr=atr) if atr == CHAINING else ScriptedCard(answer, atr=atr)
    with contextlib.suppress(VerificationFailedError, MalformedResponseError):
        Sender(card).send(iso.verify(b"7" * 300))
    assert len(card.sent) == len(card.buffers) == (2 if atr == CHAINING else 1)
    assert not any(map(any, card.buffers))


class Kept:
    """A transmitter that keeps each command as it got it."""

    def __init__(self, *, takes_any_buffer: bool | None = None) -> None:
        self.commands: list[bytes | bytearray] = []
        if takes_any_buffer is not None:
            self.takes_any_buffer = takes_any_buffer

    def transmit(self, command: bytes | bytearray, /) -> bytes:
        """Keep the command."""
        self.commands.append(command)
        return b"\x90\x00"


@pytest.mark.parametrize(
    "command",
    [iso.read_binary(0), iso.select_file(b"\x2f\x05"), iso.update_binary(0, b"data"), Command(0x80, 1, data=b"data")],
    ids=repr,
)
def test_a_command_without_a_secret_is_bytes(command: Command) -> None:
    card = Kept()
    Sender(card).send(command)
    assert card.commands == [bytes(command)]
    assert type(card.commands[0]) is bytes


@pytest.mark.parametrize(
    "command",
    [iso.verify(b"1234"), iso.update_binary(0, bytearray(b"data")), bytes(iso.verify(b"1234")), "0020000004 31323334"],
    ids=["a code", "a bytearray", "the bytes of an APDU", "the text of an APDU"],
)
def test_a_command_that_may_have_a_secret_is_a_bytearray_that_is_wiped(command: Command | bytes | str) -> None:
    card = Kept()
    Sender(card).send(command)
    assert card.commands == [bytearray(9)]


def test_a_transmitter_that_takes_any_buffer_gets_only_bytearrays() -> None:
    any_buffer, only_bytes = Kept(takes_any_buffer=True), Kept(takes_any_buffer=False)
    for card in (any_buffer, only_bytes):
        Sender(card).send(iso.read_binary(0))
    assert any_buffer.commands == [bytearray(5)]
    assert only_bytes.commands == [bytes.fromhex("00B0000000")]


@pytest.mark.parametrize("use", ["a service of the object", "send", "a service of others"])
def test_every_command_to_a_manage_object_is_wiped(use: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes | bytearray] = []
    transmit = SCardManage.transmit

    def spy(card: SCardManage, command: bytes | bytearray) -> bytes:
        sent.append(command)
        return transmit(card, command)

    monkeypatch.setattr(SCardManage, "transmit", spy)
    with in_reader(RecordingCard()) as card:
        if use == "send":
            card.send(Command(0, 0x20, 0, 0, b"1234"))
        elif use == "a service of others":
            Sender(card).send(Command(0, 0x20, 0, 0, b"1234"))
        else:
            card.create_file_access().invalidate("5001")
    assert sent
    assert not any(map(any, sent))


def test_services_work_with_a_dictionary_of_answers() -> None:
    answers = {
        bytes.fromhex("00A40800022F0500"): bytes.fromhex("6204800200039000"),
        bytes.fromhex("00B0000003"): b"hi!\x90\x00",
        bytes.fromhex("00D6000002") + b"yo": b"\x90\x00",
    }

    class Fake:
        @staticmethod
        def transmit(command: Any, /) -> bytes:
            return answers[command]

    with FileAccess(Fake()).open(0x2F05, "r+b") as file:
        assert file.read() == b"hi!"
        file.seek(0)
        file.write(b"yo")


def test_other_status_words_may_be_allowed_and_the_cards_own_table_has_its_errors() -> None:
    table = {0x9F10: StatusInfo("more", None), 0x6A82: StatusInfo("no such thing", WrongLengthError)}
    assert Sender(ScriptedCard("6282")).send(iso.read_binary(0), allow={0x6282}).sw == 0x6282
    assert Sender(ScriptedCard("9F10"), table=table).send(iso.read_binary(0)).sw == 0x9F10
    with pytest.raises(WrongLengthError, match="no such thing"):
        Sender(ScriptedCard("6A82"), table=table).send(iso.read_binary(0))


def test_a_manage_object_and_a_card_in_python_are_transmitters() -> None:
    def challenge(transmitter: Transmitter) -> bytes:
        return Sender(transmitter).send(iso.get_challenge(8)).data

    with virtual.installed(), SCardManage().attach_by_ifd("scardffi Virtual Reader 0") as card:
        assert len(challenge(card)) == 8
    assert challenge(ScriptedCard("00" * 8 + "9000")) == bytes(8)
