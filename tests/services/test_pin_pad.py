"""Codes that are typed on the reader's pad (PC/SC part 10), on readers in Python and on the virtual reader."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from support.cards import PIN, PUK, card_with_codes

from scardffi import Library, SCardManage, UnsupportedFeatureError, virtual
from scardffi.constants import control_code
from scardffi.iso7816.command import Command
from scardffi.iso7816.response import MalformedResponseError
from scardffi.iso7816.status_word import AuthenticationBlockedError, StatusError, StatusInfo, VerificationFailedError
from scardffi.services.ch_verification import CHVerification
from scardffi.services.codes import Padding, padded
from scardffi.services.pin_pad import (
    GET_FEATURE_REQUEST,
    NoPinPadError,
    PinPad,
    PinPadCancelledError,
    PinPadCodeLengthError,
    PinPadCodesDifferError,
    PinPadError,
    PinPadParameterError,
    PinPadTimeoutError,
)
from scardffi.services.pin_structures import (
    EntryValidation,
    Feature,
    MalformedPinDataError,
    PinModify,
    PinProperties,
    PinVerify,
    Property,
    decode_features,
    decode_properties,
)
from scardffi.virtual import VirtualReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from scardffi.virtual.file_system import FileSystemCard

READER = "Reader with a pad"
VERIFY, MODIFY, PROPERTIES, TLVS = (control_code(3000 + number) for number in range(4))
FEATURES = b"".join(
    bytes((tag, 4)) + code.to_bytes(4, "big") for tag, code in {6: VERIFY, 7: MODIFY, 10: PROPERTIES, 18: TLVS}.items()
)


class Pad:
    """A reader with a pad, its card, and its user, who types the texts in `typed`.

    It parses the structures of part 10. A status word in `typed` is returned instead of sending a code.
    """

    def __init__(self, card: FileSystemCard, *typed: str | int) -> None:
        self.card = card
        self.typed = list(typed)
        self.seen: list[bytes] = []
        self.said = {GET_FEATURE_REQUEST: FEATURES, PROPERTIES: b"\x10\x02\x07\x01", TLVS: b""}

    def transmit(self, command: Buffer, /) -> bytes:
        """Pass the command to the card."""
        return self.card.transmit(command)

    def control(self, code: int, data: Buffer = b"") -> bytes:
        """Answer a control code."""
        if code in self.said:
            return self.said[code]
        self.seen.append(memoryview(data).tobytes())
        try:
            if code == VERIFY:
                verify = PinVerify.decode(data)
                apdu, offsets = bytearray(verify.data), [0]
                return self._entered(verify, apdu, offsets)
            modify = PinModify.decode(data)
            offsets = [modify.insertion_offset_old, modify.insertion_offset_new]
            return self._entered(modify, bytearray(modify.data), offsets)
        except StatusError as refused:
            return refused.sw.to_bytes(2, "big")

    def _entered(self, how: PinVerify | PinModify, apdu: bytearray, offsets: list[int]) -> bytes:
        typed = [self._one(how) for _ in offsets]
        if isinstance(how, PinModify) and how.confirm_pin & 1 and self._one(how) != typed[-1]:
            raise StatusError(0x6402, "differs")
        if not how.pin_block_string:
            apdu[4:] = bytes((sum(map(len, typed)),)) + "".join(typed).encode()
        for code, offset in zip(typed, offsets, strict=True):
            if how.pin_block_string:
                self._insert(how, apdu, 5 + offset, code)
        return self.card.transmit(bytes(apdu))

    def _one(self, how: PinVerify | PinModify) -> str:
        code = self.typed.pop(0)
        if isinstance(code, int):
            raise StatusError(code, "the reader's own")
        if not how.pin_max_extra_digit >> 8 <= len(code) <= how.pin_max_extra_digit & 0xFF:
            raise StatusError(0x6403, "length")
        return code

    @staticmethod
    def _insert(how: PinVerify | PinModify, apdu: bytearray, start: int, code: str) -> None:
        assert how.format_string & 0x84 == 0x80  # counted in bytes from the left
        place = start + (how.format_string >> 3 & 0xF)
        size = how.pin_block_string & 0xF
        if how.format_string & 3 == 2:
            block = code.encode()
        else:
            assert how.format_string & 3 == 1
            block = bytes.fromhex(code + "F" * (len(code) % 2))
        assert len(block) <= size
        apdu[place : place + len(block)] = block
        if how.pin_block_string >> 4:
            assert how.pin_block_string >> 4 == how.pin_length_format == 4  # a nibble, at the second nibble
            apdu[start] = apdu[start] & 0xF0 | len(code)


def padded_card(padding: Padding) -> FileSystemCard:
    return card_with_codes(bytes(padded(PIN, padding)), bytes(padded(PUK, padding)))


# Through CHVerification


@pytest.mark.parametrize("padding", Padding)
def test_a_code_is_typed_and_verified(padding: Padding) -> None:
    reader = Pad(padded_card(padding), "1234")
    service = CHVerification(reader, padding=padding)
    service.verify(reference=1, pin_pad=True)
    assert service.tries_left(1) is None
    service.reset_security_state()
    assert service.tries_left(1) == 3


@pytest.mark.parametrize("padding", Padding)
def test_codes_are_typed_to_change_and_to_unblock(padding: Padding) -> None:
    reader = Pad(padded_card(padding), "1234", "567890", "567890", "87654321", "1234", "1234")
    service = CHVerification(reader, padding=padding)
    service.change_code(reference=1, pin_pad=True)
    service.verify("567890", 1)
    service.unblock(reference=1, pin_pad=PinPad(reader))
    service.verify(PIN, 1)


def test_a_typed_code_enables_and_disables_the_requirement() -> None:
    service = CHVerification(Pad(card_with_codes(), "1234", "1234"))
    service.disable(reference=1, pin_pad=True)
    assert service.tries_left(1) is None
    service.enable(reference=1, pin_pad=True)
    assert service.tries_left(1) == 3


def test_a_wrong_typed_code_uses_up_a_try() -> None:
    service = CHVerification(Pad(card_with_codes(), "9999", "9999", "9999", "1234"))
    for left in (2, 1, 0):
        with pytest.raises(VerificationFailedError) as raised:
            service.verify(reference=1, pin_pad=True)
        assert raised.value.tries_left == left
    with pytest.raises(AuthenticationBlockedError):
        service.verify(reference=1, pin_pad=True)


@pytest.mark.parametrize(
    ("typed", "error"),
    [
        ((0x6400,), PinPadTimeoutError),
        ((0x6401,), PinPadCancelledError),
        (("1234", "5678", "9999"), PinPadCodesDifferError),
        (("123",), PinPadCodeLengthError),
        ((0x6403,), PinPadCodeLengthError),
        ((0x6B80,), PinPadParameterError),
    ],
)
def test_a_status_word_of_the_reader_raises_its_own_error(
    typed: tuple[str | int, ...], error: type[PinPadError]
) -> None:
    own = {0x6400: StatusInfo("the card's own", None)}
    service = CHVerification(Pad(card_with_codes(), *typed), table=own)
    with pytest.raises(error, match="pin pad: "):
        service.change_code(reference=1, pin_pad=True)
    assert service.tries_left(1) == 3


def test_a_code_and_a_pad_are_refused_together() -> None:
    reader = Pad(card_with_codes(), "1234")
    service = CHVerification(reader)
    calls: dict[str, Callable[[], None]] = {
        "code": lambda: service.verify(PIN, 1, pin_pad=True),
        "old": lambda: service.change_code(PIN, reference=1, pin_pad=True),
        "new": lambda: service.unblock(new=PIN, reference=1, pin_pad=True),
    }
    for name, call in calls.items():
        with pytest.raises(ValueError, match=f"{name}: a code is not allowed with pin_pad"):
            call()
    assert reader.seen == []


def test_a_wrong_reference_is_refused_before_the_user_types() -> None:
    reader = Pad(card_with_codes(), "1234")
    with pytest.raises(ValueError, match="reference: 0x20"):
        CHVerification(reader).verify(reference=32, pin_pad=True)
    assert reader.seen == []


# The structures for the reader


def told(padding: Padding, call: Callable[[CHVerification, PinPad], None], **typing: int) -> bytes:
    reader = Pad(padded_card(padding), 0x6401)
    with contextlib.suppress(PinPadCancelledError):
        call(CHVerification(reader, padding=padding), PinPad(reader, **typing))  # type: ignore[arg-type]  # the dict has ints only
    return reader.seen[0]


def verify(service: CHVerification, pad: PinPad) -> None:
    service.verify(reference=1, local=True, pin_pad=pad)


def change(service: CHVerification, pad: PinPad) -> None:
    service.change_code(reference=1, pin_pad=pad)


@pytest.mark.parametrize(
    ("padding", "call", "expected"),
    [
        (Padding.NONE, verify, "0000 82 00 00 0C04 02 01 0904 00 000000 04000000 00200081"),
        (Padding.FF, verify, "0000 82 08 00 0804 02 01 0904 00 000000 0D000000 0020008108 FFFFFFFFFFFFFFFF"),
        (Padding.FORMAT_2, verify, "0000 89 47 04 0C04 02 01 0904 00 000000 0D000000 0020008108 20FFFFFFFFFFFFFF"),
        (Padding.NONE, change, "0000 82 00 00 00 00 0C04 03 02 03 0904 000102 000000 04000000 00240001"),
        (
            Padding.FF,
            change,
            "0000 82 08 00 00 08 0804 03 02 03 0904 000102 000000 15000000 0024000110" + "FF" * 16,
        ),
        (
            Padding.FORMAT_2,
            change,
            "0000 89 47 04 00 08 0C04 03 02 03 0904 000102 000000 15000000 0024000110" + ("20" + "FF" * 7) * 2,
        ),
    ],
)
def test_structures_are_packed_as_in_the_standard(
    padding: Padding, call: Callable[[CHVerification, PinPad], None], expected: str
) -> None:
    assert told(padding, call).hex() == expected.replace(" ", "").lower()


def test_the_options_for_typing_can_be_chosen() -> None:
    said = PinVerify.decode(
        told(
            Padding.NONE,
            verify,
            time_out=30,
            min_digits=6,
            max_digits=6,
            entry_validation=EntryValidation.MAX_SIZE,
            lang_id=0x0407,
        )
    )
    assert (said.time_out, said.pin_max_extra_digit, said.entry_validation_condition) == (30, 0x0606, 1)
    assert said.lang_id == 0x0407
    short = PinVerify.decode(told(Padding.FF, verify, min_digits=9, max_digits=20))
    assert short.pin_max_extra_digit == 0x0808


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("time_out", 256),
        ("min_digits", -1),
        ("max_digits", 3),
        ("max_digits", 256),
        ("lang_id", 65536),
        ("feature_request", -1),
    ],
)
def test_values_that_do_not_fit_the_structure_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}: {value} is not allowed"):
        PinPad(Pad(card_with_codes()), **{name: value})  # type: ignore[arg-type]  # the dict has ints only


def test_a_reader_pads_codes_of_at_most_fifteen_bytes() -> None:
    reader = Pad(card_with_codes())
    with pytest.raises(ValueError, match="length: 16 is not allowed; give 1 to 15"):
        CHVerification(reader, padding=Padding.FF, length=16).verify(reference=1, pin_pad=True)
    assert reader.seen == []


def test_structures_of_the_caller_are_sent() -> None:
    reader = Pad(card_with_codes(), "1234")
    PinPad(reader).verify_direct(PinVerify(data=bytes(Command(0, 0x20, 0, 1))))
    assert len(reader.seen[0]) == 23
    reader.typed = ["9999", "5678", "5678"]
    with pytest.raises(VerificationFailedError):
        PinPad(reader).modify_direct(PinModify(data=bytes(Command(0, 0x24, 0, 1))))
    assert len(reader.seen[1]) == 28


@pytest.mark.parametrize("structure", [PinVerify(data=b"\0\x20\0\1"), PinModify(1, 2, 3, data=b"x" * 300)])
def test_packed_structures_are_unpacked_to_the_same_structures(structure: PinVerify | PinModify) -> None:
    assert type(structure).decode(structure.encode()) == structure


def test_a_number_that_does_not_fit_its_field_is_refused() -> None:
    with pytest.raises(ValueError, match="time_out: 256 is not allowed; give 0 to 255"):
        PinVerify(time_out=256)
    with pytest.raises(ValueError, match="teo_prologue: 16777216 is not allowed; give 0 to 16777215"):
        PinModify(teo_prologue=1 << 24)


# The reader's features and properties


def test_features_have_names_and_are_read_once() -> None:
    reader = Pad(card_with_codes())
    pad = PinPad(reader)
    assert pad.features == {6: VERIFY, 7: MODIFY, 10: PROPERTIES, 18: TLVS}
    assert next(iter(pad.features)) is Feature.VERIFY_PIN_DIRECT
    reader.said[GET_FEATURE_REQUEST] = b""
    assert pad.features[Feature.MODIFY_PIN_DIRECT] == MODIFY


def test_the_error_for_a_reader_without_a_pad_names_its_features() -> None:
    reader = Pad(card_with_codes())
    reader.said[GET_FEATURE_REQUEST] = FEATURES[12:] + bytes.fromhex("C804 42000001")
    with pytest.raises(
        NoPinPadError, match="VERIFY_PIN_DIRECT; its features: IFD_PIN_PROPERTIES, GET_TLV_PROPERTIES, 200"
    ):
        CHVerification(reader).verify(reference=1, pin_pad=True)
    reader.said[GET_FEATURE_REQUEST] = b""
    with pytest.raises(NoPinPadError, match="MODIFY_PIN_DIRECT; its features: none"):
        CHVerification(reader).change_code(reference=1, pin_pad=True)


def test_a_card_without_a_reader_has_no_pad() -> None:
    with pytest.raises(NoPinPadError, match=r"FileSystemCard has no control\(code, data\)"):
        CHVerification(card_with_codes()).verify(reference=1, pin_pad=True)


def test_properties_are_read() -> None:
    reader = Pad(card_with_codes())
    assert PinPad(reader).properties() == PinProperties(0x0210, 7, 1)
    reader.said[TLVS] = bytes.fromhex("01021002 0601 04 0701 0C 0803 312E30 0A0400000100 C80155")
    assert PinPad(reader).tlv_properties() == {
        Property.LCD_LAYOUT: 0x0210,
        Property.MIN_PIN_SIZE: 4,
        Property.MAX_PIN_SIZE: 12,
        Property.FIRMWARE_ID: b"1.0",
        Property.MAX_APDU_DATA_SIZE: 65536,
        200: b"\x55",
    }


@pytest.mark.parametrize("raw", ["06", "0604", "060442", "0604420000", "0604 42000BB8 07"])
def test_features_that_are_cut_off_are_refused(raw: str) -> None:
    with pytest.raises(MalformedPinDataError, match="is cut off"):
        decode_features(bytes.fromhex(raw))


def test_known_features_of_a_wrong_length_are_refused() -> None:
    with pytest.raises(MalformedPinDataError, match="byte 3: feature 6 has 2 bytes; 4 are allowed"):
        decode_features(bytes.fromhex("C80155 06021234"))
    assert decode_features(bytes.fromhex("C80155 0604 42000001 0604 42000002")) == {6: 0x42000001}


def test_properties_of_a_wrong_length_are_refused() -> None:
    for raw in ("0600", "0605 0102030405"):
        with pytest.raises(MalformedPinDataError, match=r"property 6 has \d bytes; 1 to 4 are allowed"):
            decode_properties(bytes.fromhex(raw))
    for size in (0, 3, 5):
        with pytest.raises(MalformedPinDataError, match=f"PIN_PROPERTIES has {size} bytes; 4 are allowed"):
            PinProperties.decode(bytes(size))


@pytest.mark.parametrize(("kind", "size"), [(PinVerify, 19), (PinModify, 24)])
def test_structures_with_a_wrong_length_are_refused(kind: type[PinVerify | PinModify], size: int) -> None:
    whole = kind(data=b"\0\x20\0\1").encode()
    assert len(whole) == size + 4
    for cut in range(len(whole)):
        with pytest.raises(MalformedPinDataError):
            kind.decode(whole[:cut])
    with pytest.raises(MalformedPinDataError, match="ulDataLength is 4, but 5 bytes follow"):
        kind.decode(whole + b"\0")


@pytest.mark.parametrize("answer", [b"", b"\x90"])
def test_an_answer_without_a_status_word_is_an_error(answer: bytes) -> None:
    reader = Pad(card_with_codes())
    reader.said[VERIFY] = answer
    with pytest.raises(MalformedResponseError):
        CHVerification(reader).verify(reference=1, pin_pad=True)


# Through PC/SC


def test_the_control_code_is_that_of_the_platform() -> None:
    assert control_code(3400) == GET_FEATURE_REQUEST


def test_the_virtual_reader_has_features() -> None:
    with SCardManage(Library(virtual.library_path())).attach_by_ifd(virtual.DEFAULT_READER) as card:
        pad = PinPad(card)
        assert list(pad.features) == [Feature.IFD_PIN_PROPERTIES, Feature.GET_TLV_PROPERTIES]
        assert pad.properties() == PinProperties(0, 7, 0)
        assert pad.tlv_properties() == {Property.MAX_APDU_DATA_SIZE: 65536}
        with pytest.raises(NoPinPadError, match="not have the feature VERIFY_PIN_DIRECT"):
            CHVerification(card).verify(reference=1, pin_pad=True)
        with pytest.raises(UnsupportedFeatureError):
            PinPad(card, feature_request=control_code(1)).properties()


class PadReader(VirtualReader):
    """A virtual reader with a pad."""

    pad: Pad

    def control(self, code: int, command: bytes) -> bytes | None:
        """Pass the control code to the pad."""
        return self.pad.control(code, command)


def test_a_code_is_typed_on_a_virtual_reader() -> None:
    card = card_with_codes()
    reader = PadReader(READER, card)
    reader.pad = Pad(card, "0000", "1234")
    with reader, SCardManage(Library(virtual.library_path())).attach_by_ifd(READER) as attached:
        service = CHVerification(attached)
        with pytest.raises(VerificationFailedError):
            service.verify(reference=1, pin_pad=True)
        assert service.tries_left(1) == 2
        service.verify(reference=1, pin_pad=True)
        assert service.tries_left(1) is None
    assert reader.errors == []
