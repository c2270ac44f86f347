"""Codes on a card: directly, through a virtual reader, and on cards that answer in other ways."""

import contextlib
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.cards import KINDS, LOCAL_PIN, PIN, PUK, ScriptedCard, card_with_codes, transmitter

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.response import Response
from scardffi.iso7816.status_word import (
    AuthenticationBlockedError,
    NotSupportedError,
    ReferenceNotFoundError,
    SecurityStatusNotSatisfiedError,
    StatusError,
    StatusInfo,
    VerificationFailedError,
    WrongParametersError,
)
from scardffi.services.card_auth import CardAuth
from scardffi.services.ch_verification import CHVerification
from scardffi.services.codes import Padding, padded
from scardffi.services.transmitter import Transmitter


@pytest.fixture(params=KINDS)
def card(request: pytest.FixtureRequest) -> Iterator[Transmitter]:
    with transmitter(request.param, card_with_codes()) as way:
        yield way


@pytest.fixture
def service(card: Transmitter) -> CHVerification:
    return CHVerification(card)


def wrong(service: CHVerification, times: int = 1) -> list[int | None]:
    """Verify a wrong code 1 several times; return the tries left in each error."""
    left = []
    for _ in range(times):
        with pytest.raises(VerificationFailedError) as raised:
            service.verify(b"0000", 1)
        left.append(raised.value.tries_left)
    return left


def readable(card: Transmitter) -> bool:
    """Return True if the file that code 1 guards can be read."""
    return Response(card.transmit(iso.read_binary(0, 4, short_id=1).encode())).sw == 0x9000


# On a card that follows the standard


def test_a_right_code_allows_what_it_guards(card: Transmitter, service: CHVerification) -> None:
    assert not readable(card)
    service.verify(PIN, 1)
    assert readable(card)


@pytest.mark.parametrize("code", [PIN, bytearray(PIN), memoryview(PIN), PIN.decode()])
def test_a_code_may_be_text_or_any_buffer(code: bytes | bytearray | memoryview | str, service: CHVerification) -> None:
    service.verify(code, 1)


def test_wrong_codes_block_the_code_and_the_resetting_code_unblocks_it(service: CHVerification) -> None:
    assert service.tries_left(1) == 3
    assert wrong(service, 3) == [2, 1, 0]
    assert service.tries_left(1) == 0
    with pytest.raises(AuthenticationBlockedError):
        service.verify(PIN, 1)
    service.unblock(PUK, b"5555", 1)
    assert service.tries_left(1) == 3
    service.verify(b"5555", 1)


def test_reading_the_tries_uses_up_none(service: CHVerification) -> None:
    wrong(service)
    assert [service.tries_left(1) for _ in range(10)] == [2] * 10


def test_a_verified_code_has_no_number_of_tries(service: CHVerification) -> None:
    service.verify(PIN, 1)
    assert service.tries_left(1) is None


def test_a_code_is_changed(service: CHVerification) -> None:
    service.change_code(PIN, b"55555", 1)
    with pytest.raises(VerificationFailedError):
        service.verify(PIN, 1)
    service.verify(b"55555", 1)


def test_a_change_with_a_wrong_code_uses_up_a_try_and_changes_nothing(service: CHVerification) -> None:
    with pytest.raises(VerificationFailedError) as raised:
        service.change_code(b"0000", b"5555", 1)
    assert raised.value.tries_left == 2
    service.verify(PIN, 1)


def test_unblocking_without_a_new_code_keeps_the_old_one(service: CHVerification) -> None:
    wrong(service, 3)
    service.unblock(PUK, None, 1)
    service.verify(PIN, 1)


def test_a_wrong_resetting_code_uses_up_its_own_tries(service: CHVerification) -> None:
    wrong(service, 3)
    with pytest.raises(VerificationFailedError) as raised:
        service.unblock(b"00000000", b"5555", 1)
    assert raised.value.tries_left == 2
    assert (service.tries_left(1), service.tries_left(2)) == (0, 2)


def test_unblocking_without_a_resetting_code_needs_the_cards_permission(service: CHVerification) -> None:
    with pytest.raises(SecurityStatusNotSatisfiedError):
        service.unblock(None, b"5555", 1)
    with pytest.raises(SecurityStatusNotSatisfiedError):
        service.unblock(reference=1)


def test_the_requirement_of_a_code_is_disabled_and_enabled(card: Transmitter, service: CHVerification) -> None:
    service.disable(PIN, 1)
    assert readable(card)
    service.enable(PIN, 1)
    assert not readable(card)


def test_a_global_and_a_local_code_with_the_same_number_are_different(
    card: Transmitter, service: CHVerification
) -> None:
    application = iso.select_file(b"\xa0\x00\x00\x00\x01", iso.SelectBy.DF_NAME)
    card.transmit(application.encode())
    service.verify(LOCAL_PIN, 1, local=True)
    service.verify(PIN, 1)
    assert service.tries_left(1, local=True) is None
    service.reset_security_state(1, local=True)
    assert (service.tries_left(1), service.tries_left(1, local=True)) == (None, 3)


def test_a_missing_code_raises_an_error(service: CHVerification) -> None:
    for call in (service.verify, service.enable, service.disable):
        with pytest.raises(ReferenceNotFoundError):
            call(PIN, 9)
    with pytest.raises(ReferenceNotFoundError):
        service.tries_left(9)


def test_the_codes_that_the_object_verified_are_reset(service: CHVerification) -> None:
    service.verify(PIN, 1)
    service.verify(PUK, 2)
    service.reset_security_state()
    assert (service.tries_left(1), service.tries_left(2)) == (3, 3)


def test_one_code_is_reset(service: CHVerification) -> None:
    service.verify(PIN, 1)
    service.verify(PUK, 2)
    service.reset_security_state(2)
    assert (service.tries_left(1), service.tries_left(2)) == (None, 3)


@pytest.mark.parametrize("padding", [Padding.FF, Padding.FORMAT_2])
def test_padded_codes_are_verified_and_changed(padding: Padding) -> None:
    service = CHVerification(card_with_codes(bytes(padded(PIN, padding)), bytes(padded(PUK, padding))), padding=padding)
    service.verify(PIN, 1)
    service.change_code(PIN, b"654321", 1)
    service.verify("654321", 1)
    service.unblock(PUK, PIN, 1)
    service.verify(PIN, 1)


# The commands


SENT: dict[str, tuple[Callable[[CHVerification], None], str]] = {
    "verify": (lambda one: one.verify(PIN), "0020 0000 04 31323334"),
    "verify local": (lambda one: one.verify(PIN, 3, local=True), "0020 0083 04 31323334"),
    "verify the last one": (lambda one: one.verify(PIN, 31), "0020 001F 04 31323334"),
    "change": (lambda one: one.change_code(PIN, "5678", 1), "0024 0001 08 31323334 35363738"),
    "change without the old": (lambda one: one.change_code(None, "5678", 1), "0024 0101 04 35363738"),
    "unblock": (lambda one: one.unblock("87", "5678", 1), "002C 0001 06 3837 35363738"),
    "unblock, keeping": (lambda one: one.unblock("87", None, 1), "002C 0101 02 3837"),
    "unblock without": (lambda one: one.unblock(None, "5678", 1), "002C 0201 04 35363738"),
    "unblock with nothing": (lambda one: one.unblock(reference=1), "002C 0301"),
    "enable": (lambda one: one.enable(PIN, 1), "0028 0001 04 31323334"),
    "enable without": (lambda one: one.enable(reference=1), "0028 0101"),
    "disable": (lambda one: one.disable(PIN, 1), "0026 0001 04 31323334"),
    "disable without": (lambda one: one.disable(reference=1, local=True), "0026 0181"),
    "reset": (lambda one: one.reset_security_state(1), "0020 FF01"),
}


@pytest.mark.parametrize("name", SENT)
def test_commands_are_encoded_as_in_the_standard(name: str) -> None:
    call, expected = SENT[name]
    card = ScriptedCard("9000")
    call(CHVerification(card))
    assert card.sent == [expected.replace(" ", "")]


def test_the_class_byte_is_that_of_the_channel() -> None:
    card = ScriptedCard("9000", "63C3", "9000")
    service = CHVerification(card, cla=1)
    service.verify(PIN, 1)
    assert service.tries_left(1) == 3
    service.reset_security_state()
    assert card.sent == ["012000010431323334", "01200001", "0120FF01"]


def test_without_a_verified_code_no_command_is_sent_to_reset() -> None:
    card = ScriptedCard("63C2")
    service = CHVerification(card)
    with contextlib.suppress(StatusError):
        service.verify(PIN, 1)
    service.reset_security_state()
    assert len(card.sent) == 1


# Cards that answer in other ways


@pytest.mark.parametrize(
    ("answer", "left"), [("63CF", 15), ("63C0", 0), ("6983", 0), ("9000", None), ("6300", None), ("6340", None)]
)
def test_tries_are_read_from_the_status_word(answer: str, left: int | None) -> None:
    card = ScriptedCard(answer)
    assert CHVerification(card).tries_left(1, local=True) == left
    assert card.sent == ["00200081"]


@pytest.mark.parametrize("answer", ["6982", "6A88", "6D00", "6700"])
def test_a_card_that_does_not_state_the_tries_raises_an_error(answer: str) -> None:
    with pytest.raises(StatusError, match=answer):
        CHVerification(ScriptedCard(answer)).tries_left(1)


def test_status_words_of_the_cards_own_table_are_understood() -> None:
    own = {0x9840: StatusInfo("code blocked", AuthenticationBlockedError)}
    service = CHVerification(ScriptedCard("9840", "9840"), table=own)
    with pytest.raises(AuthenticationBlockedError):
        service.verify(PIN, 1)
    assert service.tries_left(1) == 0


def test_a_code_that_cannot_be_reset_raises_an_error_after_the_others_were_tried() -> None:
    card = ScriptedCard("9000", "9000", "9000", "6A86", "9000", "6D00", "9000", "9000")
    service = CHVerification(card)
    for reference in (1, 2, 3):
        service.verify(PIN, reference)
    with pytest.raises(WrongParametersError):
        service.reset_security_state()
    assert card.sent[3:] == ["0020FF01", "0020FF02", "0020FF03"]
    service.reset_security_state()
    assert card.sent[6:] == ["0020FF01", "0020FF03"]


def test_a_code_is_never_sent_twice() -> None:
    card = ScriptedCard("6C04", "9000")
    with pytest.raises(StatusError):
        CHVerification(card).verify(PIN, 1)
    assert len(card.sent) == 1


# Wrong arguments, for which no command is sent


REFUSED: dict[str, tuple[Callable[[CHVerification], object], str]] = {
    "reference": (lambda one: one.verify(PIN, 32), "reference: 0x20 is not allowed; give 0 to 31"),
    "negative": (lambda one: one.enable(PIN, -1), "reference: -0x1 is not allowed; give 0 to 31"),
    "beyond bit 8": (lambda one: one.disable(PIN, 0x181), "reference: 0x181 is not allowed; give 0 to 31"),
    "tries": (lambda one: one.tries_left(64), "reference: 0x40 is not allowed"),
    "reset": (lambda one: one.reset_security_state(32), "reference: 0x20 is not allowed"),
    "reset of all local ones": (lambda one: one.reset_security_state(local=True), "local: True is not allowed without"),
    "empty": (lambda one: one.verify(b"", 1), "code: 0 bytes are not allowed; give 1 to 255"),
    "long": (lambda one: one.verify(bytes(256), 1), "code: 256 bytes are not allowed; give 1 to 255"),
    "empty new": (lambda one: one.change_code(PIN, "", 1), "new: 0 bytes are not allowed"),
    "empty old": (lambda one: one.change_code(b"", PIN, 1), "old: 0 bytes are not allowed"),
    "empty resetting code": (lambda one: one.unblock("", PIN, 1), "resetting_code: 0 bytes are not allowed"),
    "no text of ASCII": (lambda one: one.verify("\u0661\u0662", 1), "code: a str must be ASCII"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_named_and_nothing_is_sent(name: str) -> None:
    call, message = REFUSED[name]
    card = ScriptedCard()
    with pytest.raises(ValueError, match=message):
        call(CHVerification(card))
    assert card.sent == []


@pytest.mark.parametrize("name", ["verify", "change_code"])
def test_a_code_of_none_is_refused(name: str) -> None:
    card = ScriptedCard()
    with pytest.raises(TypeError, match="expected a bytearray, bytes or str, got None without pin_pad"):
        getattr(CHVerification(card), name)(None, reference=1)
    with pytest.raises(TypeError, match="code: expected a bytearray, bytes or str, got int"):
        CHVerification(card).verify(1234, 1)  # type: ignore[arg-type]  # the test passes a wrong type
    assert card.sent == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cla": 256}, "cla: 256"),
        ({"length": 0}, "length: 0 is not allowed; give 1 to 255"),
        ({"length": 256}, "length: 256 is not allowed; give 1 to 255"),
        ({"padding": Padding.FORMAT_2, "length": 16}, "length: 16 is not allowed; give 8 to 8"),
        ({"padding": "hex"}, "padding: 'hex' is not allowed; give 'none', 'FF', 'format 2'"),
    ],
)
def test_wrong_arguments_of_the_service_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CHVerification(ScriptedCard(), **options)  # type: ignore[arg-type]  # the test passes wrong types


# Padding


@pytest.mark.parametrize(
    ("padding", "length", "code", "block"),
    [
        (Padding.NONE, 8, "1234", "31323334"),
        (Padding.NONE, 2, b"\x00" * 255, "00" * 255),
        (Padding.FF, 8, "1234", "31323334FFFFFFFF"),
        (Padding.FF, 8, "12345678", "3132333435363738"),
        (Padding.FF, 1, b"\xff", "FF"),
        (Padding.FORMAT_2, 8, "1234", "241234FFFFFFFFFF"),
        (Padding.FORMAT_2, 8, "12345", "2512345FFFFFFFFF"),
        (Padding.FORMAT_2, 8, b"123456789012", "2C123456789012FF"),
    ],
)
def test_codes_are_padded(padding: Padding, length: int, code: bytes | str, block: str) -> None:
    made = padded(code, padding, length)
    assert type(made) is bytearray
    assert made.hex().upper() == block


@pytest.mark.parametrize(
    ("padding", "code", "message"),
    [
        (Padding.FF, b"123456789", "code: 9 bytes are not allowed; give 1 to 8"),
        (Padding.FF, b"", "code: 0 bytes are not allowed; give 1 to 8"),
        (Padding.FORMAT_2, b"123", "code: 3 bytes are not allowed; give 4 to 12"),
        (Padding.FORMAT_2, b"1234567890123", "code: 13 bytes are not allowed; give 4 to 12"),
        (Padding.FORMAT_2, b"12a4", "code: only the digits 0 to 9 are allowed"),
        (Padding.FORMAT_2, b"", "code: only the digits 0 to 9 are allowed"),
    ],
)
def test_codes_that_do_not_fit_are_refused(padding: Padding, code: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        padded(code, padding)


def test_a_code_may_be_a_non_contiguous_view_or_have_wide_items() -> None:
    assert padded(memoryview(b"1x2x3x4x")[::2]) == b"1234"
    assert padded(memoryview(bytearray(b"1234")).cast("H")) == b"1234"


def test_a_card_without_verify_raises_an_error() -> None:
    with pytest.raises(NotSupportedError):
        CHVerification(ScriptedCard("6D00")).verify(PIN, 1)


def test_a_reference_may_have_bit_8_set() -> None:
    card = ScriptedCard("9000", "9000", "9000")
    for verify in ({"reference": 0x81}, {"reference": 1, "local": True}, {"reference": 0x81, "local": True}):
        CHVerification(card).verify(b"1234", **verify)  # type: ignore[arg-type]  # the dict's types are mixed
    assert set(card.sent) == {"002000810431323334"}


def test_the_message_for_a_wrong_code_is_plain() -> None:
    with pytest.raises(VerificationFailedError, match=r"wrong, 2 tries left \(63C2\)") as caught:
        CHVerification(ScriptedCard("63C2")).verify("1234")
    assert caught.value.tries_left == 2
    with pytest.raises(AuthenticationBlockedError) as blocked:
        CHVerification(ScriptedCard("6983")).verify("1234")
    assert blocked.value.tries_left == 0


@pytest.mark.parametrize("code", ["SECRET-é", b"S" * 300, ["SECRET"]])
def test_no_traceback_contains_a_code_that_could_not_be_sent(code: object) -> None:
    ways: list[Callable[[Any, int], None]] = [CHVerification(ScriptedCard()).verify, CardAuth(ScriptedCard()).user_auth]
    for prove in ways:
        with pytest.raises((ValueError, TypeError)) as caught:
            prove(code, 1)
        frames = list(traceback.walk_tb(caught.value.__traceback__))[1:]  # the frames of the service
        assert frames
        assert not [name for frame, _ in frames for name, value in frame.f_locals.items() if "S" * 6 in repr(value)]
        assert not [name for frame, _ in frames for name, value in frame.f_locals.items() if "SECRET" in repr(value)]
