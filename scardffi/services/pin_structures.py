"""The byte structures of PIN pads (PC/SC part 10, revision 2.02.09). Numbers in them are little-endian."""

from __future__ import annotations

import itertools
from dataclasses import KW_ONLY, dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeVar

from .._bytes_like import copied
from .._half_made import repr_if_half_made
from ..iso7816._object_reader import PADDING, Header, ObjectReader
from ..iso7816.command import checked
from ..iso7816.malformed import DictWithProblems, MalformedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

_CODE_SIZE: Final = 4
_LENGTH_SIZE: Final = 4


class Feature(IntEnum):
    """A function that a reader has besides the exchange of APDUs (part 10, section 2.3)."""

    VERIFY_PIN_START = 1
    VERIFY_PIN_FINISH = 2
    MODIFY_PIN_START = 3
    MODIFY_PIN_FINISH = 4
    GET_KEY_PRESSED = 5
    VERIFY_PIN_DIRECT = 6
    """Verify a code that the user enters on the reader's pad."""
    MODIFY_PIN_DIRECT = 7
    """Change a code that the user enters on the reader's pad."""
    MCT_READER_DIRECT = 8
    MCT_UNIVERSAL = 9
    IFD_PIN_PROPERTIES = 10
    """Return the properties of the pad: :class:`PinProperties`."""
    ABORT = 11
    SET_SPE_MESSAGE = 12
    VERIFY_PIN_DIRECT_APP_ID = 13
    MODIFY_PIN_DIRECT_APP_ID = 14
    WRITE_DISPLAY = 15
    GET_KEY = 16
    IFD_DISPLAY_PROPERTIES = 17
    GET_TLV_PROPERTIES = 18
    """Return the properties of the reader: :class:`Property`."""
    CCID_ESC_COMMAND = 19
    EXECUTE_PACE = 32


class Property(IntEnum):
    """A property of a reader (part 10, section 2.6.14)."""

    LCD_LAYOUT = 1
    """The number of lines of the display in the upper byte, of characters in a line in the lower; 0 without display."""
    ENTRY_VALIDATION_CONDITION = 2
    """The conditions that may end the input: an :class:`EntryValidation`."""
    TIME_OUT_2 = 3
    """Not 0 if there is a time-out after the first key."""
    LCD_MAX_CHARACTERS = 4
    LCD_MAX_LINES = 5
    MIN_PIN_SIZE = 6
    MAX_PIN_SIZE = 7
    FIRMWARE_ID = 8
    """Text, as bytes."""
    PPDU_SUPPORT = 9
    MAX_APDU_DATA_SIZE = 10
    """In bytes; 0 for short APDUs only, 65536 for all APDUs."""
    VENDOR_ID = 11
    """The USB vendor number."""
    PRODUCT_ID = 12
    """The USB product number."""


class EntryValidation(IntFlag):
    """The conditions that end the input of a code."""

    MAX_SIZE = 1
    """The maximum length is reached."""
    KEY_PRESSED = 2
    """The user presses the confirmation key."""
    TIME_OUT = 4
    """A time-out."""


class MalformedPinDataError(MalformedError):
    """The bytes are not a valid structure of part 10."""


@dataclass(frozen=True)
class _Structure:
    """A structure of numbers. Each subclass lists its fields and their widths in _LAYOUT, in order."""

    _LAYOUT: ClassVar[dict[str, int]]

    def __post_init__(self) -> None:
        for name, width in self._LAYOUT.items():
            checked(name, getattr(self, name), 0, 256**width - 1)

    def encode(self) -> bytes:
        """Return the bytes of the structure."""
        return b"".join(getattr(self, name).to_bytes(width, "little") for name, width in self._LAYOUT.items())

    @classmethod
    def _size(cls) -> int:
        return sum(cls._LAYOUT.values())

    @classmethod
    def _decode_numbers(cls, raw: bytes) -> dict[str, Any]:
        ends = itertools.accumulate(cls._LAYOUT.values())
        return {
            name: int.from_bytes(raw[end - width : end], "little")
            for (name, width), end in zip(cls._LAYOUT.items(), ends, strict=True)
        }


@repr_if_half_made
@dataclass(frozen=True)
class PinProperties(_Structure):
    """The answer to FEATURE_IFD_PIN_PROPERTIES (PIN_PROPERTIES_STRUCTURE, 4 bytes).

    Args:
        lcd_layout: wLcdLayout: the number of lines of the display in the upper byte, of characters in a line in the
            lower; 0 without display.
        entry_validation_condition: bEntryValidationCondition: the conditions that may end the input, an
            :class:`EntryValidation`.
        time_out_2: bTimeOut2: not 0 if the reader has a time-out, in seconds, after the first key.
        problems: the errors in the answer; empty unless it was decoded leniently.

    Raises:
        ValueError: a number does not fit its field.
    """

    lcd_layout: int = 0
    entry_validation_condition: int = EntryValidation.KEY_PRESSED
    time_out_2: int = 0
    problems: list[MalformedError] = field(default_factory=list, compare=False)

    _LAYOUT: ClassVar[dict[str, int]] = {"lcd_layout": 2, "entry_validation_condition": 1, "time_out_2": 1}

    @classmethod
    def decode(cls, raw: Buffer, *, lenient: bool = False) -> Self:
        """Return the structure in these bytes.

        Args:
            raw: the answer of the reader.
            lenient: True to ignore bytes after the structure and to add the error to ``problems``.

        Raises:
            MalformedPinDataError: ``raw`` does not have 4 bytes; if ``lenient``, it has fewer.
        """
        whole = copied("raw", raw)
        if len(whole) == cls._size():
            return cls(**cls._decode_numbers(whole))
        problem = MalformedPinDataError(f"PIN_PROPERTIES has {len(whole)} bytes; 4 are allowed", len(whole))
        if not lenient or len(whole) < cls._size():
            raise problem
        return cls(**cls._decode_numbers(whole), problems=[problem])


_FIRST_FIELDS: Final = {
    "time_out": 1,
    "time_out_2": 1,
    "format_string": 1,
    "pin_block_string": 1,
    "pin_length_format": 1,
}
"""The beginning of the layouts of :class:`PinVerify` and :class:`PinModify`."""


@dataclass(frozen=True)
class _PinEntry(_Structure):
    """The fields that :class:`PinVerify` and :class:`PinModify` have in common, and their APDU."""

    time_out: int = 0
    time_out_2: int = 0
    format_string: int = 0x82
    pin_block_string: int = 0
    pin_length_format: int = 0
    _: KW_ONLY
    pin_max_extra_digit: int = 0x0408
    entry_validation_condition: int = EntryValidation.KEY_PRESSED
    number_message: int = 1
    lang_id: int = 0x0409
    teo_prologue: int = 0
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes of the structure: the numbers, the length of the APDU, the APDU."""
        return super().encode() + len(self.data).to_bytes(_LENGTH_SIZE, "little") + self.data

    @classmethod
    def decode(cls, raw: Buffer) -> Self:
        """Return the structure in these bytes; its ``encode()`` returns the same bytes.

        Raises:
            MalformedPinDataError: there are too few bytes, or ulDataLength is not the number of bytes after it.
        """
        whole = copied("raw", raw)
        size = cls._size()
        start = size + _LENGTH_SIZE
        if len(whole) < start:
            raise MalformedPinDataError(f"the structure ends after {len(whole)} of {start} bytes", len(whole))
        length = int.from_bytes(whole[size:start], "little")
        if length != len(whole) - start:
            raise MalformedPinDataError(f"ulDataLength is {length}, but {len(whole) - start} bytes follow", size)
        return cls(**cls._decode_numbers(whole[:size]), data=whole[start:])


@repr_if_half_made
@dataclass(frozen=True, kw_only=True)
class PinVerify(_PinEntry):
    """The input and verification of a code (PIN_VERIFY_STRUCTURE: 19 bytes and the APDU; part 10, section 2.5.2).

    Args:
        time_out: bTimeOut: seconds to wait for the first key; 0 for the reader's default.
        time_out_2: bTimeOut2: seconds to wait after the first key; 0 for the reader's default.
        format_string: bmFormatString: bit 8 set to count in bytes; bits 7 to 4 the position of the code in the APDU's
            data; bit 3 set to justify to the right; bits 2 and 1: 0 for binary, 1 for BCD, 2 for ASCII.
        pin_block_string: bmPINBlockString: bits 8 to 5 the size of the field with the code's length, in bits; bits 4
            to 1 the length to which the code is padded, in bytes.
        pin_length_format: bmPINLengthFormat: bit 5 set to count in bytes; bits 4 to 1 the position of the length.
        pin_max_extra_digit: wPINMaxExtraDigit: the minimum number of digits in the upper byte, the maximum in the
            lower.
        entry_validation_condition: bEntryValidationCondition: the conditions that end the input, an
            :class:`EntryValidation`.
        number_message: bNumberMessage: the number of messages to show; 0xFF for the reader's default.
        lang_id: wLangId: the language of the messages; 0x0409 for English.
        teo_prologue: bTeoPrologue: the prologue of the T=1 block, 3 bytes with the first one in the lowest byte, if the
            reader does not exchange APDUs; otherwise 0.
        data: abData: the APDU, with placeholder bytes at the position of the code; 4 bytes or more.
        msg_index: bMsgIndex: the number of the message.

    Raises:
        ValueError: a number does not fit its field.
    """

    msg_index: int = 0

    _LAYOUT: ClassVar[dict[str, int]] = {
        **_FIRST_FIELDS,
        "pin_max_extra_digit": 2,
        "entry_validation_condition": 1,
        "number_message": 1,
        "lang_id": 2,
        "msg_index": 1,
        "teo_prologue": 3,
    }


@repr_if_half_made
@dataclass(frozen=True, kw_only=True)
class PinModify(_PinEntry):
    """The input and change of a code (PIN_MODIFY_STRUCTURE: 24 bytes and the APDU; part 10, section 2.5.3).

    All arguments of :class:`PinVerify` except ``msg_index``, and these:

    Args:
        number_message: bNumberMessage: 3 to ask for the old code, the new one, and the new one again.
        insertion_offset_old: bInsertionOffsetOld: the position of the old code in the APDU's data, in bytes.
        insertion_offset_new: bInsertionOffsetNew: the position of the new code, in bytes.
        confirm_pin: bConfirmPIN: bit 1 set to ask for the new code twice, bit 2 to ask for the old code.
        msg_index_1: bMsgIndex1: the number of the first message.
        msg_index_2: bMsgIndex2: the number of the second message.
        msg_index_3: bMsgIndex3: the number of the third message.

    Raises:
        ValueError: a number does not fit its field.
    """

    number_message: int = 3
    insertion_offset_old: int = 0
    insertion_offset_new: int = 0
    confirm_pin: int = 3
    msg_index_1: int = 0
    msg_index_2: int = 1
    msg_index_3: int = 2

    _LAYOUT: ClassVar[dict[str, int]] = {
        **_FIRST_FIELDS,
        "insertion_offset_old": 1,
        "insertion_offset_new": 1,
        "pin_max_extra_digit": 2,
        "confirm_pin": 1,
        "entry_validation_condition": 1,
        "number_message": 1,
        "lang_id": 2,
        "msg_index_1": 1,
        "msg_index_2": 1,
        "msg_index_3": 1,
        "teo_prologue": 3,
    }


def decode_features(raw: Buffer, *, lenient: bool = False) -> DictWithProblems[int, int]:
    """Decode the answer to GET_FEATURE_REQUEST: the control code of each feature (part 10, section 2.2).

    An object whose number is not that of a :class:`Feature` is ignored if its value is not a control code. If a feature
    is repeated, the first control code is used.

    Args:
        raw: the answer of the reader.
        lenient: True to return what can be read and to add errors to ``problems`` of the result instead of raising
            them. Bytes 00 and FF between objects are ignored.

    Returns:
        Control codes by :class:`Feature`, or by number for other features.

    Raises:
        MalformedPinDataError: an object is cut off, or the value of a :class:`Feature` does not have 4 bytes; not if
            ``lenient``.
    """

    def read(tag: int, value: bytes) -> int | str | None:
        if len(value) == _CODE_SIZE:
            return int.from_bytes(value, "big")
        return f"feature {tag} has {len(value)} bytes; {_CODE_SIZE} are allowed" if tag in set(Feature) else None

    lengths = dict.fromkeys(map(int, Feature), range(_CODE_SIZE, _CODE_SIZE + 1))
    return _decode(raw, Feature, read, lengths, lenient=lenient)


def decode_properties(raw: Buffer, *, lenient: bool = False) -> DictWithProblems[int, int | bytes]:
    """Decode the answer to GET_TLV_PROPERTIES (part 10, section 2.6.14).

    Args:
        raw: the answer of the reader.
        lenient: as for :func:`decode_features`.

    Returns:
        Values by :class:`Property`, or by number for unknown properties. Values are ints, except those of FIRMWARE_ID
        and of unknown properties, which are bytes. If a property is repeated, the first value is used.

    Raises:
        MalformedPinDataError: an object is cut off, or a number does not have 1 to 4 bytes; not if ``lenient``.
    """

    def read(tag: int, value: bytes) -> int | bytes | str:
        if tag not in set(Property) or tag == Property.FIRMWARE_ID:
            return value
        if not 1 <= len(value) <= _CODE_SIZE:
            return f"property {tag} has {len(value)} bytes; 1 to 4 are allowed"
        return int.from_bytes(value, "little")

    lengths = dict.fromkeys(map(int, Property), range(1, _CODE_SIZE + 1)) | {int(Property.FIRMWARE_ID): range(0x100)}
    return _decode(raw, Property, read, lengths, lenient=lenient)


_Value = TypeVar("_Value", int, int | bytes)


def _decode(
    raw: Buffer,
    names: type[IntEnum],
    read: Callable[[int, bytes], _Value | str | None],
    lengths: dict[int, range],
    *,
    lenient: bool,
) -> DictWithProblems[int, _Value]:
    """Return the values of all objects.

    Args:
        raw: the objects.
        names: the known tags.
        read: called with the tag and the bytes of an object. It returns the value, or a text that says what is wrong
            with the bytes, or None to ignore the object.
        lengths: the lengths that the values of known tags may have.
        lenient: as for :func:`decode_features`.
    """
    reader = _Reader(copied("raw", raw), padding=PADDING if lenient else b"", expected=lengths)
    objects, problems = reader.read_leniently() if lenient else (reader.read_strictly(), [])
    found: dict[int, _Value] = {}
    for one in objects:
        value = read(one.header.tag, reader.raw[one.header.end : one.end])
        if isinstance(value, str):
            problems.append(MalformedPinDataError(value, one.start))
            if not lenient:
                raise problems[0]
        elif value is not None:
            found.setdefault(_member_or_number(names, one.header.tag), value)
    return DictWithProblems(found, problems)


class _Reader(ObjectReader):
    """Reads objects with one byte of tag and one byte of length."""

    error = MalformedPinDataError

    def header(self, start: int) -> Header:
        return Header(self.raw[start], self.raw[start + 1], 0, start + 2)

    def cut_off(self, start: int, header: Header | None) -> MalformedError:
        del header
        return MalformedPinDataError(f"object {self.raw[start]} is cut off", start)


def _member_or_number(enum: type[IntEnum], number: int) -> int:
    return enum(number) if number in set(enum) else number
