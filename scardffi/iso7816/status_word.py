"""Status words: their meanings and the errors for them (ISO/IEC 7816-4, clause 5.6).

A table has the meaning and the error class of each status word. If a card has its own status words, pass a similar
table, which is searched first. :data:`SIM` is the table of 2G SIMs::

    MINE = {
        range(0x9F00, 0xA000): StatusInfo("success, {length} more bytes available by GET RESPONSE", None, more=True),
        0x9840: StatusInfo("code blocked", AuthenticationBlockedError),
    }
    raise_for(sw, table=MINE)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from .._field_docs import field_docs

if TYPE_CHECKING:
    from collections.abc import Container

    from .response import Response

__all__ = [
    "SIM", "SUCCESS", "AuthenticationBlockedError", "CardFileExistsError", "CardFileNotFoundError",
    "CardWarningError", "ConditionsNotSatisfiedError", "MemoryFailureError", "NoSpaceError",
    "NotSupportedError", "RecordNotFoundError", "ReferenceNotFoundError", "SecurityStatusNotSatisfiedError",
    "StatusError", "StatusInfo", "StatusTable", "VerificationFailedError", "WrongLengthError",
    "WrongParametersError", "meaning", "raise_for",
]  # fmt: skip

SUCCESS: Final = 0x9000
"""The status word of a command that succeeded."""


class StatusError(Exception):
    """Raised if the card answers a status word that is not a success. Its subclasses are for the common reasons.

    Attributes:
        sw: the status word.
        meaning: the meaning of the status word, in words.
        command: the name of the command's instruction, as in :attr:`.command.Command.name`; None if it is not known.
        file: the path of the file that the command is for; None if it is for no file, or if it is not known.
        response: the whole response; None if it is not known. It has no data if a whole file was read or written.
        arrived: the number of bytes that were transferred before, if the command is one of several that read or write
            a whole file.
    """

    command: str | None = None
    file: str | None = None
    response: Response | None = None
    arrived: int = 0

    def __init__(self, sw: int, meaning: str) -> None:
        super().__init__(sw, meaning)
        self.sw = sw
        self.meaning = meaning

    def __str__(self) -> str:
        names = " of ".join(name for name in (self.command, self.file) if name)
        after = f" after {self.arrived} bytes" if self.arrived else ""
        return f"{names}{': ' if names else ''}{self.meaning} ({self.sw:04X}){after}"


class CardWarningError(StatusError):
    """The card executed the command and warns about something. You can use the response data."""


class VerificationFailedError(StatusError):
    """A PIN, a password or authentication data was wrong.

    After a command that sends none of these, 63Cx can count something else.
    """

    @property
    def tries_left(self) -> int | None:
        """The number of tries that are left, 0 to 15; None if the card does not say."""
        return self.sw & 0xF if self.sw & 0xFFF0 == 0x63C0 else None


class AuthenticationBlockedError(StatusError):
    """The PIN or key is blocked: it cannot be used until it is unblocked."""

    tries_left: Final = 0
    """No try is left. :class:`VerificationFailedError` has an attribute of the same name."""


class SecurityStatusNotSatisfiedError(StatusError):
    """The command requires a verification or an authentication first."""


class ConditionsNotSatisfiedError(StatusError):
    """The card does not execute the command in its present state."""


class CardFileNotFoundError(StatusError):
    """The card has no such file or application."""


class RecordNotFoundError(StatusError):
    """The file has no such record."""


class ReferenceNotFoundError(StatusError):
    """The card has no such data object, PIN or key."""


class CardFileExistsError(StatusError):
    """The card already has a file or an application with this name."""


class NoSpaceError(StatusError):
    """The file or the card has no memory left."""


class WrongLengthError(StatusError):
    """Lc or Le is wrong."""

    @property
    def available(self) -> int | None:
        """The correct Le, 1 to 256; None if the card does not say."""
        return self.sw & 0xFF or 256 if self.sw >> 8 == 0x6C else None


class WrongParametersError(StatusError):
    """P1, P2 or the command data is wrong."""


class NotSupportedError(StatusError):
    """The card does not support the command, or does not support this form of it."""


class MemoryFailureError(StatusError):
    """The memory of the card failed."""


@field_docs(
    meaning="The meaning in words. ``{length}`` is replaced by SW2 as a length, with 256 for 00; ``{sw2}`` by SW2 as a "
    "number; ``{counter}`` by the lower four bits of SW2.",
    error="The error class; None if the status word is a success.",
    more="True if GET RESPONSE returns SW2 more bytes, 256 for 00.",
)
class StatusInfo(NamedTuple):
    """An entry of a table of status words."""

    meaning: str
    error: type[StatusError] | None = StatusError
    more: bool = False


StatusTable: TypeAlias = Mapping[Any, StatusInfo]
"""Status words, or ranges of them, and their entries.

The keys are ``int | range``. ``Mapping[int | range, StatusInfo]`` would not accept a dict that has both kinds
of keys and no annotation.
"""

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
"""The entries by SW1, for all values of SW2 that are not in the other table."""

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
    0x6701: StatusInfo("command APDU not compliant with ISO/IEC 7816-4", WrongLengthError),
    0x6702: StatusInfo("unexpected value of Lc", WrongLengthError),
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
    range(0x6100, 0x6200): StatusInfo("success, {length} more bytes available by GET RESPONSE", None, more=True),
    range(0x6202, 0x6281): StatusInfo("the card has a query of {sw2} bytes", CardWarningError),
    range(0x63C0, 0x63D0): StatusInfo("warning, counter at {counter}", VerificationFailedError),
    range(0x6402, 0x6481): StatusInfo("the card has a query of {sw2} bytes"),
    range(0x6C00, 0x6D00): StatusInfo("wrong Le, {length} bytes are available", WrongLengthError),
    **{
        range(sw1 << 8, sw1 + 1 << 8): StatusInfo(f"{info.meaning}, not further specified", info.error)
        for sw1, info in _GROUPS.items()
    },
    range(0x9000, 0xA000): StatusInfo("proprietary status"),
}
_UNKNOWN: Final = StatusInfo("not a status word of ISO/IEC 7816-4")

SIM: Final[dict[int | range, StatusInfo]] = {
    0x9240: StatusInfo("memory problem", MemoryFailureError),
    0x9300: StatusInfo("SIM Application Toolkit is busy", ConditionsNotSatisfiedError),
    0x9400: StatusInfo("no EF selected", ConditionsNotSatisfiedError),
    0x9402: StatusInfo("out of range (invalid address)", WrongParametersError),
    0x9404: StatusInfo("file or pattern not found", CardFileNotFoundError),
    0x9408: StatusInfo("file inconsistent with the command"),
    0x9802: StatusInfo("no CHV initialized", ReferenceNotFoundError),
    0x9804: StatusInfo("access condition not fulfilled, or wrong code", SecurityStatusNotSatisfiedError),
    0x9808: StatusInfo("in contradiction with the CHV status", ConditionsNotSatisfiedError),
    0x9810: StatusInfo("in contradiction with the invalidation status", ConditionsNotSatisfiedError),
    0x9840: StatusInfo("code blocked, no attempt left", AuthenticationBlockedError),
    0x9850: StatusInfo("increase not possible, maximum reached", NoSpaceError),
    0x9862: StatusInfo("authentication error, incorrect MAC"),
    range(0x9100, 0x9200): StatusInfo("success, a proactive command of {length} bytes available by FETCH", None),
    range(0x9200, 0x9210): StatusInfo("success, after {counter} internal retries of the update", None),
    range(0x9E00, 0x9F00): StatusInfo("SIM data download error, {length} bytes available by GET RESPONSE"),
    range(0x9F00, 0xA000): StatusInfo("success, {length} more bytes available by GET RESPONSE", None, more=True),
}
"""The status words of a 2G SIM, commands of class A0 (GSM 11.11, clause 9.4, and GSM 11.14)."""


def _lookup(sw: int, table: StatusTable | None) -> StatusInfo:
    """Return the entry of a status word. The card's table precedes the standard's, and a number precedes a range."""
    for entries in (table or {}, _ISO):
        if sw in entries:
            return entries[sw]
        for key, info in entries.items():
            if isinstance(key, range) and sw in key:
                return info
    return _UNKNOWN


def _meaning(sw: int, info: StatusInfo) -> str:
    return info.meaning.format(sw2=sw & 0xFF, length=sw & 0xFF or 256, counter=sw & 0xF)


def meaning(sw: int, *, table: StatusTable | None = None) -> str:
    """Return the meaning of a status word in words.

    Args:
        sw: SW1 and SW2 as one number, 0 to 0xFFFF.
        table: the card's own status words, or ranges of them, which precede those of the standard.

    Returns:
        The meaning in the table or in ISO/IEC 7816-4. If the standard does not define this value of SW2, the meaning
        of SW1.
    """
    return _meaning(sw, _lookup(sw, table))


def more_available(sw: int, *, table: StatusTable | None = None) -> int:
    """Return how many more bytes of a response GET RESPONSE returns, 1 to 256; 0 if the status word announces none.

    Args:
        sw: SW1 and SW2 as one number, 0 to 0xFFFF.
        table: the card's own status words, or ranges of them, which precede those of the standard.
    """
    return (sw & 0xFF or 256) if _lookup(sw, table).more else 0


def raise_for(
    sw: int,
    *,
    allow: Container[int] = (),
    table: StatusTable | None = None,
    command: str | None = None,
    response: Response | None = None,
) -> None:
    """Raise the error for a status word; return if the status word is a success.

    Successes are 9000, 61xx, those in ``allow``, and those whose entry in ``table`` has no error class.

    Args:
        sw: SW1 and SW2 as one number, 0 to 0xFFFF.
        allow: status words that are also a success, such as ``{0x6282}`` for a read that may reach the end of the file.
        table: the card's own status words, or ranges of them, which precede those of the standard.
        command: the name of the command's instruction, for the error.
        response: the whole response, for the error.

    Raises:
        StatusError: the status word is not a success. The tables determine the class.
    """
    info = _lookup(sw, table)
    if info.error is not None and sw not in allow:
        raise status_error(sw, info.error, table=table, command=command, response=response)


def status_error(
    sw: int,
    kind: type[StatusError] | None = None,
    *,
    table: StatusTable | None = None,
    command: str | None = None,
    response: Response | None = None,
) -> StatusError:
    """Return the error for a status word, also if the status word is a success; arguments of :func:`raise_for`.

    Args:
        sw: SW1 and SW2 as one number, 0 to 0xFFFF.
        kind: the class; None for that in the tables, or StatusError if the status word is a success there.
        table: the card's own status words.
        command: the name of the command's instruction.
        response: the whole response.
    """
    info = _lookup(sw, table)
    error = (kind or info.error or StatusError)(sw, _meaning(sw, info))
    error.command, error.response = command, response
    return error
