"""A reader's own pad: codes are typed there and never come to this machine (PC/SC part 10)."""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ..iso7816.command import checked
from ..iso7816.response import Response
from ..iso7816.status_word import StatusError, StatusInfo, raise_for
from .codes import MOST_DIGITS, Padding
from .pin_structures import (
    EntryValidation,
    Feature,
    PinModify,
    PinProperties,
    PinVerify,
    decode_features,
    decode_properties,
)

if TYPE_CHECKING:
    from ..iso7816.command import Command
    from ..iso7816.status_word import StatusTable

GET_FEATURE_REQUEST: Final = 0x00313520 if sys.platform == "win32" else 0x42000D48
"""The control code CM_IOCTL_GET_FEATURE_REQUEST: SCARD_CTL_CODE(3400), as this platform has it."""
ENGLISH: Final = 0x0409
"""A language of Windows' numbers."""
_TWO_CODES: Final = {0x24, 0x2C}
_LARGEST_BLOCK: Final = 15


class NoPinPadError(LookupError):
    """The reader, or what stands before it, has not what it takes."""


class PinPadError(StatusError):
    """The reader did not get a code from its user; the card saw nothing. ``sw`` is the reader's."""


class PinPadTimeoutError(PinPadError):
    """Nobody typed in time."""


class PinPadCancelledError(PinPadError):
    """The user pressed the key that cancels."""


class PinPadCodesDifferError(PinPadError):
    """The new code was not the same the second time."""


class PinPadCodeLengthError(PinPadError):
    """The code was too short or too long."""


class PinPadParameterError(PinPadError):
    """The reader does not like what it was asked: a value in the structure."""


PIN_PAD: Final = {
    0x6400: StatusInfo("pin pad: no code was typed in time", PinPadTimeoutError),
    0x6401: StatusInfo("pin pad: cancelled", PinPadCancelledError),
    0x6402: StatusInfo("pin pad: the new code differs the second time", PinPadCodesDifferError),
    0x6403: StatusInfo("pin pad: the code is too short or too long", PinPadCodeLengthError),
    0x6B80: StatusInfo("pin pad: a value in the structure is not allowed", PinPadParameterError),
}
"""The status words that a reader makes itself (part 10, section 2.5); all others are the card's."""


class PinPad:
    """The pad of a reader, through a transmitter that has ``control(code, data) -> bytes``, as SCardManage does.

    What a user types goes to the card alone. Every call that lets one type **comes back when that is over**: after the
    last key, or after the reader's time-out, half a minute with many; nothing else ends it.

    Args:
        transmitter: where the reader is; see :class:`.transmitter.Transmitter`.
        table: the card's own status words; those of :data:`PIN_PAD` come before them.
        feature_request: the control code of CM_IOCTL_GET_FEATURE_REQUEST, where it is another one.
        time_out: seconds to wait for the first key, 0 to 255; 0 for the reader's own time.
        fewest: the fewest digits, 0 to 255.
        most: the most digits, 1 to 255.
        ends: what ends the typing.
        lang_id: the language of the reader's messages.

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
        fewest: int = 4,
        most: int = MOST_DIGITS,
        ends: EntryValidation = EntryValidation.KEY_PRESSED,
        lang_id: int = ENGLISH,
    ) -> None:
        control = getattr(transmitter, "control", None)
        if not callable(control):
            raise NoPinPadError(f"transmitter: {type(transmitter).__name__} has no control(code, data)")
        self._control: Any = control
        self._table = {**(table or {}), **PIN_PAD}
        self._feature_request = checked("feature_request", feature_request, 0, 0xFFFFFFFF)
        self._fewest = checked("fewest", fewest, 0, 0xFF)
        self._most = checked("most", most, max(fewest, 1), 0xFF)
        self._typing = {
            "time_out": checked("time_out", time_out, 0, 0xFF),
            "entry_validation_condition": checked("ends", ends, 0, 0xFF),
            "lang_id": checked("lang_id", lang_id, 0, 0xFFFF),
        }

    @cached_property
    def features(self) -> dict[int, int]:
        """The control codes of what the reader can do, by :class:`.pin_structures.Feature`; the reader is asked once.

        Raises:
            MalformedPinDataError: its answer is none.
            Exception: what the transmitter raises where the driver does not know the question.
        """
        return decode_features(self._control(self._feature_request, b""))

    def properties(self) -> PinProperties:
        """What the pad is like (FEATURE_IFD_PIN_PROPERTIES; part 10, section 2.5.5).

        Raises:
            NoPinPadError: the reader does not tell.
            MalformedPinDataError: its answer is none.
        """
        return PinProperties.decode(self._control(self._code(Feature.IFD_PIN_PROPERTIES), b""))

    def tlv_properties(self) -> dict[int, int | bytes]:
        """What the reader is like, by :class:`.pin_structures.Property` (FEATURE_GET_TLV_PROPERTIES).

        Raises:
            NoPinPadError: the reader does not tell.
            MalformedPinDataError: its answer is none.
        """
        return decode_properties(self._control(self._code(Feature.GET_TLV_PROPERTIES), b""))

    def verify_direct(self, structure: PinVerify) -> None:
        """Let a code be typed and have the card see it (FEATURE_VERIFY_PIN_DIRECT; part 10, section 2.5.2).

        Raises:
            PinPadError: there is no code; the subclass says why.
            VerificationFailedError: it is wrong; ``tries_left`` says how many tries are left.
            StatusError: the card answered another status word.
            NoPinPadError: the reader cannot do it.
            MalformedResponseError: the answer has no status word.
        """
        self._ask(Feature.VERIFY_PIN_DIRECT, structure)

    def modify_direct(self, structure: PinModify) -> None:
        """Let codes be typed for a change (FEATURE_MODIFY_PIN_DIRECT; ibid., section 2.5.3).

        Errors are those of :meth:`verify_direct`.
        """
        self._ask(Feature.MODIFY_PIN_DIRECT, structure)

    def send(self, command: Command, padding: Padding) -> None:
        """Send a command whose codes are typed: two for CHANGE REFERENCE DATA and RESET RETRY COUNTER, else one.

        Args:
            command: where a code will stand, it has as many bytes as the code when it is filled up; without padding
                it has no data at all, and the reader puts two codes one behind the other.
            padding: how the card wants its codes filled up.

        Raises:
            ValueError: FF up to more than 15 bytes, which the structures have no room for; nothing was sent.
            StatusError: as for :meth:`verify_direct`.
            NoPinPadError: the reader cannot do it.
        """
        if command.ins in _TWO_CODES:
            self.modify_direct(self.modify_structure(command, padding))
        else:
            self.verify_direct(self.verify_structure(command, padding))

    def verify_structure(self, command: Command, padding: Padding) -> PinVerify:
        """What the reader is told for such a command with one code; see :meth:`send`."""
        return PinVerify(**self._common(padding, len(command.data)), data=bytes(command))

    def modify_structure(self, command: Command, padding: Padding) -> PinModify:
        """What the reader is told for such a command with two codes; see :meth:`send`."""
        size = len(command.data) // 2
        return PinModify(**self._common(padding, size), insertion_offset_new=size, data=bytes(command))

    def _common(self, padding: Padding, size: int) -> dict[str, int]:
        """The fields that both structures have; ``size`` is that of one code."""
        most = self._most
        if padding is Padding.FORMAT_2:
            most = min(most, MOST_DIGITS)
            form = {"format_string": 0x89, "pin_block_string": 0x47, "pin_length_format": 0x04}
        else:
            if padding is Padding.FF:
                most = min(most, checked("length", size, 1, _LARGEST_BLOCK))
            form = {"format_string": 0x82, "pin_block_string": size, "pin_length_format": 0}
        return {**self._typing, **form, "pin_max_extra_digit": min(self._fewest, most) << 8 | most}

    def _ask(self, feature: Feature, structure: PinVerify | PinModify) -> None:
        answer = Response(self._control(self._code(feature), structure.encode()))
        raise_for(answer.sw, table=self._table)

    def _code(self, feature: Feature) -> int:
        code = self.features.get(feature)
        if code is None:
            there = ", ".join(getattr(one, "name", str(one)) for one in self.features) or "nothing"
            raise NoPinPadError(f"the reader has no {feature.name}; it has {there}")
        return code
