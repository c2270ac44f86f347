"""What a program and a reader's pad exchange, as bytes: PC/SC part 10, revision 2.02.09. All is little-endian."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Final, Self

from ..iso7816.command import checked
from ..iso7816.malformed import MalformedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

_CODE_SIZE: Final = 4
_LENGTH_SIZE: Final = 4


class Feature(IntEnum):
    """What a reader can do beside exchanging APDUs (part 10, section 2.3)."""

    VERIFY_PIN_START = 1
    VERIFY_PIN_FINISH = 2
    MODIFY_PIN_START = 3
    MODIFY_PIN_FINISH = 4
    GET_KEY_PRESSED = 5
    VERIFY_PIN_DIRECT = 6
    """Verifies a code that the user types on the reader's pad."""
    MODIFY_PIN_DIRECT = 7
    """Changes a code in the same way."""
    MCT_READER_DIRECT = 8
    MCT_UNIVERSAL = 9
    IFD_PIN_PROPERTIES = 10
    """Tells of the pad: :class:`PinProperties`."""
    ABORT = 11
    SET_SPE_MESSAGE = 12
    VERIFY_PIN_DIRECT_APP_ID = 13
    MODIFY_PIN_DIRECT_APP_ID = 14
    WRITE_DISPLAY = 15
    GET_KEY = 16
    IFD_DISPLAY_PROPERTIES = 17
    GET_TLV_PROPERTIES = 18
    """Tells of the reader: :class:`Property`."""
    CCID_ESC_COMMAND = 19
    EXECUTE_PACE = 32


class Property(IntEnum):
    """What a reader tells of itself (part 10, section 2.6.14)."""

    LCD_LAYOUT = 1
    """The display's lines in the upper byte, characters of a line in the lower one; 0 for no display."""
    ENTRY_VALIDATION_CONDITION = 2
    """What may end the typing: an :class:`EntryValidation`."""
    TIME_OUT_2 = 3
    """Whether there is a time-out after the first key."""
    LCD_MAX_CHARACTERS = 4
    LCD_MAX_LINES = 5
    MIN_PIN_SIZE = 6
    MAX_PIN_SIZE = 7
    FIRMWARE_ID = 8
    """In words, as bytes."""
    PPDU_SUPPORT = 9
    MAX_APDU_DATA_SIZE = 10
    """In bytes; 0 for short APDUs alone, 65536 for all."""
    VENDOR_ID = 11
    """The reader's vendor at the USB."""
    PRODUCT_ID = 12
    """The reader's model at the USB."""


class EntryValidation(IntFlag):
    """What ends the typing of a code."""

    MAX_SIZE = 1
    """The longest code is there."""
    KEY_PRESSED = 2
    """The key for it."""
    TIME_OUT = 4
    """Time."""


class MalformedPinDataError(MalformedError):
    """The bytes are none of a reader's pad."""


@dataclass(frozen=True)
class PinProperties:
    """What FEATURE_IFD_PIN_PROPERTIES answers (PIN_PROPERTIES_STRUCTURE, 4 bytes).

    Args:
        lcd_layout: wLcdLayout: lines of the display in the upper byte, characters in the lower; 0 for no display.
        entry_validation_condition: bEntryValidationCondition: what may end the typing, an :class:`EntryValidation`.
        time_out_2: bTimeOut2: whether there is a time-out after the first key.

    Raises:
        ValueError: a number that does not fit its field.
    """

    lcd_layout: int = 0
    entry_validation_condition: int = EntryValidation.KEY_PRESSED
    time_out_2: int = 0

    _WIDTHS = (2, 1, 1)

    def __post_init__(self) -> None:
        _check(self, self._WIDTHS)

    def encode(self) -> bytes:
        """The structure."""
        return _packed(self, self._WIDTHS)

    @classmethod
    def decode(cls, raw: Buffer) -> Self:
        """What these bytes say.

        Raises:
            MalformedPinDataError: they are not 4.
        """
        whole = memoryview(raw).tobytes()
        if len(whole) != sum(cls._WIDTHS):
            raise MalformedPinDataError(f"PIN_PROPERTIES has {len(whole)} bytes; 4 are allowed", len(whole))
        return cls(**_numbers(cls, whole, cls._WIDTHS))


@dataclass(frozen=True)
class PinVerify:
    """How a code is typed and verified (PIN_VERIFY_STRUCTURE: 19 bytes and the APDU; part 10, section 2.5.2).

    Args:
        time_out: bTimeOut: seconds to wait for the first key; 0 for the reader's own time.
        time_out_2: bTimeOut2: seconds after the first key; 0 for the reader's own time.
        format_string: bmFormatString: bit 8 set to count in bytes, bits 7 to 4 the place of the code in the APDU's
            data, bit 3 set to justify to the right, bits 2 and 1: 0 binary, 1 BCD, 2 ASCII.
        pin_block_string: bmPINBlockString: bits 8 to 5 the bits of the field with the code's length, bits 4 to 1 the
            bytes that the code is filled up to.
        pin_length_format: bmPINLengthFormat: bit 5 set to count in bytes, bits 4 to 1 the place of the length.
        pin_max_extra_digit: wPINMaxExtraDigit: the fewest digits in the upper byte, the most in the lower.
        entry_validation_condition: bEntryValidationCondition: what ends the typing, an :class:`EntryValidation`.
        number_message: bNumberMessage: how many messages to show; 0xFF for what the reader likes.
        lang_id: wLangId: their language, 0x0409 for English.
        msg_index: bMsgIndex: which message.
        teo_prologue: bTeoPrologue: 3 bytes for T=1 without APDUs, the first one lowest; 0.
        data: abData: the APDU, with what stands where the code will; 4 bytes or more.

    Raises:
        ValueError: a number that does not fit its field.
    """

    time_out: int = 0
    time_out_2: int = 0
    format_string: int = 0x82
    pin_block_string: int = 0
    pin_length_format: int = 0
    pin_max_extra_digit: int = 0x0408
    entry_validation_condition: int = EntryValidation.KEY_PRESSED
    number_message: int = 1
    lang_id: int = 0x0409
    msg_index: int = 0
    teo_prologue: int = 0
    data: bytes = b""

    _WIDTHS = (1, 1, 1, 1, 1, 2, 1, 1, 2, 1, 3)

    def __post_init__(self) -> None:
        _check(self, self._WIDTHS)

    def encode(self) -> bytes:
        """The structure, with the length of the APDU before it."""
        return _packed(self, self._WIDTHS) + _with_length(self.data)

    @classmethod
    def decode(cls, raw: Buffer) -> Self:
        """What these bytes say; ``encode()`` gives them back.

        Raises:
            MalformedPinDataError: they are less than a structure, or ulDataLength is not what follows.
        """
        header, data = _split(raw, sum(cls._WIDTHS))
        return cls(**_numbers(cls, header, cls._WIDTHS), data=data)


@dataclass(frozen=True)
class PinModify:
    """How a code is typed and changed (PIN_MODIFY_STRUCTURE: 24 bytes and the APDU; part 10, section 2.5.3).

    Args:
        time_out: as for :class:`PinVerify`, and so are all that stand there too.
        time_out_2: see there.
        format_string: see there.
        pin_block_string: see there.
        pin_length_format: see there.
        insertion_offset_old: bInsertionOffsetOld: where the old code goes, in bytes from the APDU's first data byte.
        insertion_offset_new: bInsertionOffsetNew: where the new one goes.
        pin_max_extra_digit: see there.
        confirm_pin: bConfirmPIN: bit 1 set to have the new code typed twice, bit 2 to have the old one typed.
        entry_validation_condition: see there.
        number_message: see there; 3 for the old code, the new one, and the new one again.
        lang_id: see there.
        msg_index_1: bMsgIndex1: the first message.
        msg_index_2: bMsgIndex2: the second message.
        msg_index_3: bMsgIndex3: the third message.
        teo_prologue: see there.
        data: see there.

    Raises:
        ValueError: a number that does not fit its field.
    """

    time_out: int = 0
    time_out_2: int = 0
    format_string: int = 0x82
    pin_block_string: int = 0
    pin_length_format: int = 0
    insertion_offset_old: int = 0
    insertion_offset_new: int = 0
    pin_max_extra_digit: int = 0x0408
    confirm_pin: int = 3
    entry_validation_condition: int = EntryValidation.KEY_PRESSED
    number_message: int = 3
    lang_id: int = 0x0409
    msg_index_1: int = 0
    msg_index_2: int = 1
    msg_index_3: int = 2
    teo_prologue: int = 0
    data: bytes = b""

    _WIDTHS = (1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1, 1, 3)

    def __post_init__(self) -> None:
        _check(self, self._WIDTHS)

    def encode(self) -> bytes:
        """The structure, with the length of the APDU before it."""
        return _packed(self, self._WIDTHS) + _with_length(self.data)

    @classmethod
    def decode(cls, raw: Buffer) -> Self:
        """What these bytes say; ``encode()`` gives them back.

        Raises:
            MalformedPinDataError: they are less than a structure, or ulDataLength is not what follows.
        """
        header, data = _split(raw, sum(cls._WIDTHS))
        return cls(**_numbers(cls, header, cls._WIDTHS), data=data)


def decode_features(raw: Buffer) -> dict[int, int]:
    """What GET_FEATURE_REQUEST answers: the control code of each feature (part 10, section 2.2).

    Objects of features that part 10 does not name are left out where they hold no control code. Of two of the same
    feature the first one counts.

    Returns:
        Control codes by :class:`Feature`, or by the number where it names none.

    Raises:
        MalformedPinDataError: an object is cut off, or has not 4 bytes.
    """
    found: dict[int, int] = {}
    for offset, tag, value in _objects(raw):
        if len(value) == _CODE_SIZE:
            found.setdefault(_named(Feature, tag), int.from_bytes(value, "big"))
        elif tag in set(Feature):
            raise MalformedPinDataError(f"feature {tag} has {len(value)} bytes; {_CODE_SIZE} are allowed", offset)
    return found


def decode_properties(raw: Buffer) -> dict[int, int | bytes]:
    """What GET_TLV_PROPERTIES answers (part 10, section 2.6.14).

    Returns:
        Values by :class:`Property`, or by the number where it names none: numbers, but bytes for FIRMWARE_ID and for
        what part 10 does not name.

    Raises:
        MalformedPinDataError: an object is cut off, or a number has more than 4 bytes or none.
    """
    found: dict[int, int | bytes] = {}
    for offset, tag, value in _objects(raw):
        if tag not in set(Property) or tag == Property.FIRMWARE_ID:
            found.setdefault(_named(Property, tag), value)
        elif not 1 <= len(value) <= _CODE_SIZE:
            raise MalformedPinDataError(f"property {tag} has {len(value)} bytes; 1 to 4 are allowed", offset)
        else:
            found.setdefault(Property(tag), int.from_bytes(value, "little"))
    return found


def _objects(raw: Buffer) -> Iterator[tuple[int, int, bytes]]:
    """Offset, tag and value of each object: a byte of tag, one of length, the value."""
    whole = memoryview(raw).tobytes()
    offset = 0
    while offset < len(whole):
        value = whole[offset + 2 : offset + 2 + whole[offset + 1]] if offset + 1 < len(whole) else b""
        if offset + 1 == len(whole) or len(value) < whole[offset + 1]:
            raise MalformedPinDataError(f"object {whole[offset]} is cut off", offset)
        yield offset, whole[offset], value
        offset += 2 + len(value)


def _named(enum: type[IntEnum], number: int) -> int:
    return enum(number) if number in set(enum) else number


def _check(structure: PinProperties | PinVerify | PinModify, widths: tuple[int, ...]) -> None:
    for one, width in zip(fields(structure), widths, strict=False):  # after the numbers come the data
        checked(one.name, getattr(structure, one.name), 0, 256**width - 1)


def _packed(structure: PinProperties | PinVerify | PinModify, widths: tuple[int, ...]) -> bytes:
    names = [one.name for one in fields(structure)]
    return b"".join(
        getattr(structure, name).to_bytes(width, "little") for name, width in zip(names, widths, strict=False)
    )


def _with_length(data: bytes) -> bytes:
    return len(data).to_bytes(_LENGTH_SIZE, "little") + data


def _numbers(kind: type[PinProperties | PinVerify | PinModify], raw: bytes, widths: tuple[int, ...]) -> dict[str, int]:
    """The numbers by the names of the fields."""
    names = [one.name for one in fields(kind)]
    places = zip(names, widths, itertools.accumulate(widths), strict=False)
    return {name: int.from_bytes(raw[end - width : end], "little") for name, width, end in places}


def _split(raw: Buffer, size: int) -> tuple[bytes, bytes]:
    """So many bytes of numbers, and the APDU behind its length."""
    whole = memoryview(raw).tobytes()
    start = size + _LENGTH_SIZE
    if len(whole) < start:
        raise MalformedPinDataError(f"the structure ends before its {start} bytes", len(whole))
    length = int.from_bytes(whole[size:start], "little")
    if length != len(whole) - start:
        raise MalformedPinDataError(f"ulDataLength is {length}, and {len(whole) - start} bytes follow", size)
    return whole[:size], whole[start:]
