"""Status words: what the last two bytes of a response mean (ISO/IEC 7816-4, clause 5.6), and errors for those who want.

One table says what each means and which error it is. A card's own status words come in a table of the same kind,
which is asked first::

    GSM = {
        range(0x9F00, 0xA000): StatusInfo("success, {length} more bytes to be had by GET RESPONSE", None),
        0x9840: StatusInfo("code blocked", AuthenticationBlockedError),
    }
    raise_for(sw, table=GSM)
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Mapping
    from typing import Any, Final, TypeAlias

    # The keys are int | range; Mapping[int | range, ...] would refuse a dict of both that has no annotation.
    StatusTable: TypeAlias = Mapping[Any, "StatusInfo"]

SUCCESS: Final = 0x9000
"""The status word of a command that went well."""


class StatusError(Exception):
    """The card answered a status word that is no success. Each class below is for what a program may handle.

    Attributes:
        sw: the status word.
        meaning: what it says, in words.
    """

    def __init__(self, sw: int, meaning: str) -> None:
        super().__init__(sw, meaning)
        self.sw = sw
        self.meaning = meaning

    def __str__(self) -> str:
        return f"{self.meaning} ({self.sw:04X})"


class CardWarningError(StatusError):
    """The command was carried out, and there is something to know about it; data that came with it are good to use."""


class VerificationFailedError(StatusError):
    """A PIN, a password or a proof was wrong. As an answer to other commands 63Cx may count something else."""

    @property
    def tries_left(self) -> int | None:
        """How many tries are left, 0 to 15; None where the card does not say."""
        return self.sw & 0xF if self.sw & 0xFFF0 == 0x63C0 else None


class AuthenticationBlockedError(StatusError):
    """The PIN or key cannot be used any more, until it is unblocked."""

    tries_left: Final = 0
    """As VerificationFailedError has it."""


class SecurityStatusNotSatisfiedError(StatusError):
    """Something must be verified or authenticated first."""


class ConditionsNotSatisfiedError(StatusError):
    """The card does not do this in its present state."""


class CardFileNotFoundError(StatusError):
    """There is no such file or application on the card."""


class RecordNotFoundError(StatusError):
    """There is no such record in the file."""


class ReferenceNotFoundError(StatusError):
    """There is no such data object, PIN or key."""


class CardFileExistsError(StatusError):
    """There is a file or an application of that name already."""


class NoSpaceError(StatusError):
    """There is no room left in the file or on the card."""


class WrongLengthError(StatusError):
    """Lc or Le is wrong."""

    @property
    def available(self) -> int | None:
        """The Le that is right, 1 to 256; None where the card does not say."""
        return self.sw & 0xFF or 256 if self.sw >> 8 == 0x6C else None


class WrongParametersError(StatusError):
    """P1, P2 or the data of the command are wrong."""


class NotSupportedError(StatusError):
    """The card does not know this command, or not in this way."""


class MemoryFailureError(StatusError):
    """The card's memory failed."""


class StatusInfo(namedtuple("StatusInfo", "meaning error", defaults=[StatusError])):
    """What is known of a status word.

    Args:
        meaning: in words; ``{length}`` stands for SW2 as a length, where 00 means 256, ``{sw2}`` for SW2 as a number,
            ``{counter}`` for its lower four bits.
        error: the class of error; None where it is a success.
    """

    __slots__ = ()

    meaning: str
    error: type[StatusError] | None


_GROUPS: Final = {
    0x62: StatusInfo("warning, memory unchanged", CardWarningError),
    0x63: StatusInfo("warning, memory changed", VerificationFailedError),
    0x64: StatusInfo("execution error, memory unchanged"),
    0x65: StatusInfo("execution error, memory changed"),
    0x66: StatusInfo("security-related error"),
    0x67: StatusInfo("wrong length", WrongLengthError),
    0x68: StatusInfo("function in CLA not supported", NotSupportedError),
    0x69: StatusInfo("command not allowed"),
    0x6A: StatusInfo("wrong parameters P1-P2", WrongParametersError),
    0x6B: StatusInfo("wrong parameters P1-P2", WrongParametersError),
    0x6D: StatusInfo("instruction not supported", NotSupportedError),
    0x6E: StatusInfo("class not supported", NotSupportedError),
    0x6F: StatusInfo("no precise diagnosis"),
}
"""What SW1 says, whatever SW2 is."""

_ISO: Final[dict[int | range, StatusInfo]] = {
    SUCCESS: StatusInfo("success", None),
    **{sw1 << 8: info for sw1, info in _GROUPS.items()},
    0x6281: StatusInfo("warning: part of the data may be corrupted", CardWarningError),
    0x6282: StatusInfo("warning: end of file or record reached before Le bytes were read", CardWarningError),
    0x6283: StatusInfo("warning: selected file deactivated", CardWarningError),
    0x6284: StatusInfo("warning: file control information not formatted", CardWarningError),
    0x6285: StatusInfo("warning: selected file in termination state", CardWarningError),
    0x6286: StatusInfo("warning: no input from a sensor on the card", CardWarningError),
    0x6287: StatusInfo("warning: one or more of the records are deactivated", CardWarningError),
    0x6340: StatusInfo("comparison failed", VerificationFailedError),
    0x6381: StatusInfo("warning: file filled up by the last write", CardWarningError),
    0x6401: StatusInfo("immediate response required by the card"),
    0x6581: StatusInfo("memory failure", MemoryFailureError),
    0x6701: StatusInfo("no command APDU of ISO/IEC 7816-4", WrongLengthError),
    0x6702: StatusInfo("Lc is not the one expected", WrongLengthError),
    0x6881: StatusInfo("logical channel not supported", NotSupportedError),
    0x6882: StatusInfo("secure messaging not supported", NotSupportedError),
    0x6883: StatusInfo("last command of the chain expected"),
    0x6884: StatusInfo("command chaining not supported", NotSupportedError),
    0x6981: StatusInfo("command incompatible with file structure"),
    0x6982: StatusInfo("security status not satisfied", SecurityStatusNotSatisfiedError),
    0x6983: StatusInfo("authentication method blocked", AuthenticationBlockedError),
    0x6984: StatusInfo("reference data not usable"),
    0x6985: StatusInfo("conditions of use not satisfied", ConditionsNotSatisfiedError),
    0x6986: StatusInfo("command not allowed, no current EF", ConditionsNotSatisfiedError),
    0x6987: StatusInfo("secure messaging data objects missing"),
    0x6988: StatusInfo("secure messaging data objects incorrect"),
    0x6A80: StatusInfo("incorrect parameters in the command data", WrongParametersError),
    0x6A81: StatusInfo("function not supported", NotSupportedError),
    0x6A82: StatusInfo("file or application not found", CardFileNotFoundError),
    0x6A83: StatusInfo("record not found", RecordNotFoundError),
    0x6A84: StatusInfo("not enough memory in the file", NoSpaceError),
    0x6A85: StatusInfo("Nc inconsistent with TLV structure", WrongLengthError),
    0x6A86: StatusInfo("incorrect parameters P1-P2", WrongParametersError),
    0x6A87: StatusInfo("Nc inconsistent with parameters P1-P2", WrongLengthError),
    0x6A88: StatusInfo("referenced data not found", ReferenceNotFoundError),
    0x6A89: StatusInfo("file already exists", CardFileExistsError),
    0x6A8A: StatusInfo("DF name already exists", CardFileExistsError),
    range(0x6100, 0x6200): StatusInfo("success, {length} more bytes to be had by GET RESPONSE", None),
    range(0x6202, 0x6281): StatusInfo("the card offers a query of {sw2} bytes", CardWarningError),
    range(0x63C0, 0x63D0): StatusInfo("warning, counter at {counter}", VerificationFailedError),
    range(0x6402, 0x6481): StatusInfo("the card offers a query of {sw2} bytes"),
    range(0x6C00, 0x6D00): StatusInfo("wrong Le, {length} bytes are there", WrongLengthError),
    **{
        range(sw1 << 8, sw1 + 1 << 8): StatusInfo(f"{info.meaning}, not further specified", info.error)
        for sw1, info in _GROUPS.items()
    },
    range(0x9000, 0xA000): StatusInfo("proprietary status"),
}
_UNKNOWN: Final = StatusInfo("no status word of ISO/IEC 7816-4")


def _lookup(sw: int, table: StatusTable | None) -> StatusInfo:
    """What is known of a status word: the number itself, else the first range that it is in; the card's table first."""
    for one in (table or {}, _ISO):
        if sw in one:
            return one[sw]
        for key, info in one.items():
            if isinstance(key, range) and sw in key:
                return info
    return _UNKNOWN


def _words(sw: int, info: StatusInfo) -> str:
    return info.meaning.format(sw2=sw & 0xFF, length=sw & 0xFF or 256, counter=sw & 0xF)


def meaning(sw: int, *, table: StatusTable | None = None) -> str:
    """What a status word says, in words.

    Args:
        sw: SW1 and SW2 as one number, 0 to 0xFFFF.
        table: the card's own status words, or ranges of them, which precede those of the standard.

    Returns:
        The meaning that ISO/IEC 7816-4 gives it; for other values, of the group that SW1 stands for.
    """
    return _words(sw, _lookup(sw, table))


def raise_for(sw: int, *, allow: Container[int] = (), table: StatusTable | None = None) -> None:
    """Nothing where a status word is a success, 9000 or 61xx; else its error.

    Args:
        sw: SW1 and SW2 as one number, 0 to 0xFFFF.
        allow: others that are a success here, such as ``{0x6282}`` for a read that may reach the end of the file.
        table: the card's own status words, or ranges of them, which precede those of the standard.

    Raises:
        StatusError: the class that the tables give.
    """
    info = _lookup(sw, table)
    if info.error is not None and sw not in allow:
        raise info.error(sw, _words(sw, info))
