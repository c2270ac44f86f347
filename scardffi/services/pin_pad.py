"""PIN pads: the user enters codes on the reader, and they never reach this computer (PC/SC part 10)."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from .._half_made import repr_if_half_made
from .._not_copied import NotCopied
from ..iso7816.command import checked
from ..iso7816.instruction_names import instruction_name
from ..iso7816.status_word import StatusError, StatusInfo, raise_for
from .codes import MAX_DIGITS, Padding
from .pin_structures import (
    EntryValidation,
    Feature,
    PinModify,
    PinProperties,
    PinVerify,
    decode_features,
    decode_properties,
)
from .transmitter import decoded

if TYPE_CHECKING:
    from ..iso7816.command import Command
    from ..iso7816.malformed import DictWithProblems
    from ..iso7816.status_word import StatusTable

__all__ = [
    "NoPinPadError", "PinPad", "PinPadCancelledError", "PinPadCodeLengthError", "PinPadCodesDifferError",
    "PinPadError", "PinPadParameterError", "PinPadTimeoutError",
]  # fmt: skip

GET_FEATURE_REQUEST: Final = 0x00313520 if sys.platform == "win32" else 0x42000D48
"""The control code CM_IOCTL_GET_FEATURE_REQUEST: SCARD_CTL_CODE(3400) of this platform."""
ENGLISH: Final = 0x0409
"""The Windows language number of English (United States)."""
_TWO_CODES: Final = {0x24, 0x2C}
_LARGEST_BLOCK: Final = 15


class NoPinPadError(LookupError):
    """The transmitter cannot send control codes, or the reader does not have the feature."""


class PinPadError(StatusError):
    """The reader did not get a code from the user, and sent nothing to the card. ``sw`` is from the reader."""


class PinPadTimeoutError(PinPadError):
    """The user entered no code in time."""


class PinPadCancelledError(PinPadError):
    """The user pressed the cancel key."""


class PinPadCodesDifferError(PinPadError):
    """The user entered two different new codes."""


class PinPadCodeLengthError(PinPadError):
    """The user entered a code that is too short or too long."""


class PinPadParameterError(PinPadError):
    """The reader does not accept a value in the structure."""


PIN_PAD: Final = {
    0x6400: StatusInfo("pin pad: no code was entered in time", PinPadTimeoutError),
    0x6401: StatusInfo("pin pad: cancelled", PinPadCancelledError),
    0x6402: StatusInfo("pin pad: the new code was different when it was entered again", PinPadCodesDifferError),
    0x6403: StatusInfo("pin pad: the code is too short or too long", PinPadCodeLengthError),
    0x6B80: StatusInfo("pin pad: a value in the structure is not allowed", PinPadParameterError),
}
"""The status words that come from a reader (part 10, section 2.5); all others are from the card."""


@repr_if_half_made
class PinPad(NotCopied):
    """The pad of a reader, through a transmitter that has ``control(code, data) -> bytes``, as SCardManage does.

    The code that the user enters is sent only to the card. Every call that asks for a code **returns only after the
    user's last key or the reader's time-out**, which is half a minute with many readers. It cannot be interrupted.

    Args:
        transmitter: sends the control codes; see :class:`.transmitter.Transmitter`.
        table: the card's own status words; those of :data:`PIN_PAD` take precedence.
        feature_request: the control code CM_IOCTL_GET_FEATURE_REQUEST, if the reader has another one.
        time_out: seconds to wait for the first key, 0 to 255; 0 for the reader's default.
        min_digits: the minimum number of digits, 0 to 255.
        max_digits: the maximum number of digits, 1 to 255.
        entry_validation: the conditions that end the input.
        lang_id: the language of the reader's messages, as a Windows language number.
        lenient: False to raise an error if the features or properties of the reader are malformed.

    Raises:
        NoPinPadError: the transmitter has no ``control``.
        ValueError: an argument is not allowed.
    """

    def __init__(
        self,
        transmitter: object,
        *,
        table: StatusTable | None = None,
        feature_request: int = GET_FEATURE_REQUEST,
        time_out: int = 0,
        min_digits: int = 4,
        max_digits: int = MAX_DIGITS,
        entry_validation: EntryValidation = EntryValidation.KEY_PRESSED,
        lang_id: int = ENGLISH,
        lenient: bool = True,
    ) -> None:
        control = getattr(transmitter, "control", None)
        if not callable(control):
            raise NoPinPadError(f"transmitter: {type(transmitter).__name__} has no control(code, data)")
        self._transmitter = transmitter
        self._control: Any = control
        self._lenient = lenient
        self._table = {**(table or {}), **PIN_PAD}
        self._feature_request = checked("feature_request", feature_request, 0, 0xFFFFFFFF)
        self._min_digits = checked("min_digits", min_digits, 0, 0xFF)
        self._max_digits = checked("max_digits", max_digits, max(min_digits, 1), 0xFF)
        self._input_options = {
            "time_out": checked("time_out", time_out, 0, 0xFF),
            "entry_validation_condition": checked("entry_validation", entry_validation, 0, 0xFF),
            "lang_id": checked("lang_id", lang_id, 0, 0xFFFF),
        }

    def __repr__(self) -> str:
        return f"<PinPad, {self._min_digits} to {self._max_digits} digits>"

    @cached_property
    def features(self) -> DictWithProblems[int, int]:
        """The control codes of the reader's features, by :class:`.pin_structures.Feature`; the reader is asked once.

        ``problems`` lists the errors in the answer.

        Raises:
            MalformedPinDataError: the answer is malformed, and ``lenient`` is False.
            Exception: the driver does not know the request; the class is the transmitter's.
        """
        return decode_features(self._control(self._feature_request, b""), lenient=self._lenient)

    def properties(self) -> PinProperties:
        """Return the properties of the pad (FEATURE_IFD_PIN_PROPERTIES; part 10, section 2.5.5).

        Raises:
            NoPinPadError: the reader does not have this feature.
            MalformedPinDataError: the answer is too short, or too long and ``lenient`` is False.
        """
        answer = self._control(self._control_code(Feature.IFD_PIN_PROPERTIES), b"")
        return PinProperties.decode(answer, lenient=self._lenient)

    def tlv_properties(self) -> DictWithProblems[int, int | bytes]:
        """Return the properties of the reader by :class:`.pin_structures.Property` (FEATURE_GET_TLV_PROPERTIES).

        ``problems`` of the result lists the errors in the answer.

        Raises:
            NoPinPadError: the reader does not have this feature.
            MalformedPinDataError: the answer is malformed, and ``lenient`` is False.
        """
        answer = self._control(self._control_code(Feature.GET_TLV_PROPERTIES), b"")
        return decode_properties(answer, lenient=self._lenient)

    def verify_direct(self, structure: PinVerify) -> None:
        """Ask the user for a code and send it to the card (FEATURE_VERIFY_PIN_DIRECT; part 10, section 2.5.2).

        Raises:
            PinPadError: the reader did not get a code; the subclass says why.
            VerificationFailedError: the code is wrong; ``tries_left`` is the number of tries left.
            StatusError: the card answered another status word.
            NoPinPadError: the reader does not have this feature.
            MalformedResponseError: the answer has fewer than 2 bytes. A transmitter can have another error for this:
                SCardManage raises CommunicationError.
        """
        self._request(Feature.VERIFY_PIN_DIRECT, structure)

    def modify_direct(self, structure: PinModify) -> None:
        """Ask the user for codes and change one on the card (FEATURE_MODIFY_PIN_DIRECT; ibid., section 2.5.3).

        Errors are those of :meth:`verify_direct`.
        """
        self._request(Feature.MODIFY_PIN_DIRECT, structure)

    def send(self, command: Command, padding: Padding) -> None:
        """Send a command with codes that the user enters.

        CHANGE REFERENCE DATA and RESET RETRY COUNTER have two codes, other commands one.

        Args:
            command: the command, with placeholders of the length of a padded code. Without padding it has no data, and
                the reader adds the codes, one after the other.
            padding: the padding that the card expects.

        Raises:
            ValueError: codes are padded with FF to more than 15 bytes, which does not fit the structures; nothing was
                sent.
            StatusError: as for :meth:`verify_direct`.
            NoPinPadError: the reader does not have the feature.
        """
        if command.ins in _TWO_CODES:
            self.modify_direct(self.modify_structure(command, padding))
        else:
            self.verify_direct(self.verify_structure(command, padding))

    def verify_structure(self, command: Command, padding: Padding) -> PinVerify:
        """Return the structure for a command with one code. Arguments are those of :meth:`send`."""
        return PinVerify(**self._common(padding, len(command.data)), data=bytes(command))

    def modify_structure(self, command: Command, padding: Padding) -> PinModify:
        """Return the structure for a command with two codes. Arguments are those of :meth:`send`."""
        size = len(command.data) // 2
        return PinModify(**self._common(padding, size), insertion_offset_new=size, data=bytes(command))

    def _common(self, padding: Padding, size: int) -> dict[str, int]:
        """Return the fields that both structures have; ``size`` is the length of one padded code."""
        max_digits = self._max_digits
        if padding is Padding.FORMAT_2:
            max_digits = min(max_digits, MAX_DIGITS)
            format_fields = {"format_string": 0x89, "pin_block_string": 0x47, "pin_length_format": 0x04}
        else:
            if padding is Padding.FF:
                max_digits = min(max_digits, checked("length", size, 1, _LARGEST_BLOCK))
            format_fields = {"format_string": 0x82, "pin_block_string": size, "pin_length_format": 0}
        return {
            **self._input_options,
            **format_fields,
            "pin_max_extra_digit": min(self._min_digits, max_digits) << 8 | max_digits,
        }

    def _request(self, feature: Feature, structure: PinVerify | PinModify) -> None:
        answer = decoded(self._control(self._control_code(feature), structure.encode()), self._transmitter)
        name = instruction_name(*structure.data[:2]) if len(structure.data) >= 2 else None
        raise_for(answer.sw, table=self._table, command=name, response=answer)

    def _control_code(self, feature: Feature) -> int:
        code = self.features.get(feature)
        if code is None:
            features = ", ".join(getattr(one, "name", str(one)) for one in self.features) or "none"
            raise NoPinPadError(f"the reader does not have the feature {feature.name}; its features: {features}")
        return code
