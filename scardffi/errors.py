"""The errors: one table from code to name, class, meaning and remedy, and the classes that people catch.

A PC/SC function answers a number; scardffi raises the class that the table gives for it. The class is what is
portable: the number 0x8010001F means one thing on Windows and another on pcsc-lite and macOS. A number that
the table does not know raises :class:`SCardError` itself and keeps the number.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from .constants import ReturnCode

if TYPE_CHECKING:
    from collections.abc import Sequence

E_NOTIMPL: Final = 0x80004001
E_POINTER: Final = 0x80004003
E_FAIL: Final = 0x80004005
E_UNEXPECTED: Final = 0x8000FFFF
E_OUTOFMEMORY: Final = 0x8007000E
E_INVALIDARG: Final = 0x80070057
_FACILITY_WIN32: Final = 0x80070000


class SCardError(Exception):
    """A PC/SC operation failed.

    Attributes:
        code: what the resource manager answered, as an unsigned 32-bit number; None if it was not asked, or
            was not the one to refuse.
        hresult: what the manage object answers, an HRESULT as an unsigned 32-bit number.
        function: the function that failed, under its PC/SC name or its name in scardffi; None if none did.
        arrived: bytes of a response in several parts that had arrived before it failed; they lie in the caller's
            buffer, or in ``partial`` where there is none.
    """

    code: int | None
    hresult: int
    function: str | None
    arrived: int = 0
    partial: bytes = b""

    def __init__(
        self, message: str, *, code: int | None = None, hresult: int = E_FAIL, function: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.hresult = hresult
        self.function = function

    @property
    def name(self) -> str:
        """The name of the code, else of the HRESULT; the number in hexadecimal where it has no name."""
        return lookup(self.hresult if self.code is None else self.code).name

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[SCardError], args: tuple[str], attributes: dict[str, object]) -> SCardError:
    error = kind(*args)
    error.__dict__.update(attributes)
    return error


class LibraryError(SCardError):
    """There is no usable PC/SC library."""


class LibraryNotFoundError(LibraryError):
    """No file of the names that were tried exists."""


class LibraryNotLoadableError(LibraryError):
    """The file exists and the operating system cannot load it; the message is the loader's."""


class MissingSymbolError(LibraryError):
    """The file loads and is no PC/SC library: functions that every one has are missing."""


class UnsupportedFunctionError(SCardError, NotImplementedError):
    """The library in use does not have this function."""


class NoServiceError(SCardError):
    """The resource manager does not run."""


class ServiceStoppedError(SCardError):
    """The resource manager has stopped, or speaks another version of its protocol."""


class NoReadersError(SCardError):
    """There is no reader."""


class UnknownReaderError(SCardError):
    """No reader has this name."""


class NoSmartCardError(SCardError):
    """There is no card in the reader."""


class ReaderUnavailableError(SCardError):
    """The reader is gone or not ready."""


class CardStateError(SCardError):
    """The card is not in the state in which the caller left it."""


class RemovedCardError(CardStateError):
    """The card was taken out; what was selected and verified on it is lost."""


class ResetCardError(CardStateError):
    """The card was reset, by somebody else or by a transaction's end; reconnect, then select and verify anew."""


class UnpoweredCardError(CardStateError):
    """The card was switched off; reconnect with a reset."""


class UnresponsiveCardError(CardStateError):
    """The card does not answer to a reset."""


class SharingViolationError(SCardError):
    """Another connection, of this program or another one, holds the card."""


class NotTransactedError(SCardError):
    """There is no transaction to end."""


class ProtocolMismatchError(SCardError):
    """The card, or the connection, uses another protocol than the one asked for."""


class InsufficientBufferError(SCardError):
    """The answer did not fit. After a transmit or a control the card has executed the command.

    Attributes:
        required: the length in bytes that would have been enough; None where the library did not say.
    """

    required: int | None = None


class CancelledError(SCardError):
    """The wait was cancelled."""


class SCardTimeoutError(SCardError, TimeoutError):
    """The time was over before it happened."""


class CommunicationError(SCardError):
    """Reader and card, or the program and the resource manager, do not understand each other any more."""


class UnsupportedFeatureError(SCardError):
    """The reader or its driver cannot do this."""


class InvalidArgumentError(SCardError, ValueError):
    """An argument has a value that is not allowed; nothing was sent to the card."""


class InvalidHandleError(InvalidArgumentError):
    """The number is no valid handle here: never was, not any more, or of another process."""


class OutOfMemoryError(SCardError, MemoryError):
    """Memory is out."""


class UnexpectedStateError(SCardError):
    """The object is not in the state for this: attached already, not attached, busy, or inherited by a fork."""


class StatusWordError(SCardError):
    """The card refused a command that was sent for the caller.

    Attributes:
        sw: the status word.
    """

    sw: int = 0


class ScriptError(SCardError):
    """A script ended before its end. Its cause, where there is one, is the error of the command that failed.

    Attributes:
        replies: every reply that was complete, the unexpected one included.
        index: the command that failed, was answered by an unexpected status word, or comes next.
        sw: the status word that was not expected, None where that was not it.
    """

    replies: Sequence[object] = ()
    index: int = 0
    sw: int | None = None


class CodeInfo(NamedTuple):
    """The name, error class, meaning and remedy of a return code."""

    name: str
    error: type[SCardError]
    meaning: str
    remedy: str


_BUG: Final = "Report it to the maker of the resource manager or driver."
_RETRY: Final = "Try again; if it stays, restart the resource manager."
_MINIDRIVER: Final = "It concerns card modules of the Windows crypto API; see the module's documentation."

_RETURN_CODES: Final[dict[ReturnCode, tuple[type[SCardError], str, str]]] = {
    ReturnCode.SCARD_S_SUCCESS: (SCardError, "no error", "Nothing to do."),
    ReturnCode.SCARD_F_INTERNAL_ERROR: (
        SCardError, "an internal check of the resource manager failed",
        "Look at its log. pcscd also says so when it has no room for another client.",
    ),
    ReturnCode.SCARD_E_CANCELLED: (
        CancelledError, "the wait was cancelled", "Nothing to do."),
    ReturnCode.SCARD_E_INVALID_HANDLE: (
        InvalidHandleError, "the handle is not valid",
        "Use a handle that was opened in this process through the same PC/SC library and is still open.",
    ),
    ReturnCode.SCARD_E_INVALID_PARAMETER: (
        InvalidArgumentError, "a parameter is missing or not allowed",
        "Check the arguments against the function's documentation.",
    ),
    ReturnCode.SCARD_E_INVALID_TARGET: (
        SCardError, "the registry entry for start-up is not valid", _BUG),
    ReturnCode.SCARD_E_NO_MEMORY: (
        OutOfMemoryError, "the resource manager has no memory left",
        "Close contexts and handles that are not used.",
    ),
    ReturnCode.SCARD_F_WAITED_TOO_LONG: (
        SCardError, "an internal timer has expired", _RETRY),
    ReturnCode.SCARD_E_INSUFFICIENT_BUFFER: (
        InsufficientBufferError, "the buffer is too small for the answer",
        "Give a larger buffer. A command to card or reader has been executed: do not send it again unawares.",
    ),
    ReturnCode.SCARD_E_UNKNOWN_READER: (
        UnknownReaderError, "no reader has this name",
        "Take the name from list_readers(); it changes when readers are plugged.",
    ),
    ReturnCode.SCARD_E_TIMEOUT: (
        SCardTimeoutError, "the time is over", "Wait longer, or go on."),
    ReturnCode.SCARD_E_SHARING_VIOLATION: (
        SharingViolationError, "another connection holds the card",
        "Wait for its transaction to end, or find the program that connected exclusively.",
    ),
    ReturnCode.SCARD_E_NO_SMARTCARD: (
        NoSmartCardError, "there is no card in the reader",
        "Insert a card, or connect with ShareMode.DIRECT to talk to the reader.",
    ),
    ReturnCode.SCARD_E_UNKNOWN_CARD: (
        SCardError, "the card's type is not known", "Register its type."),
    ReturnCode.SCARD_E_CANT_DISPOSE: (
        SCardError, "the card cannot be left in this way", "Choose another disposition.",
    ),
    ReturnCode.SCARD_E_PROTO_MISMATCH: (
        ProtocolMismatchError, "the protocols do not match",
        "Ask for Protocol.ANY. Where the owner of a borrowed handle has reconnected it, attach again.",
    ),
    ReturnCode.SCARD_E_NOT_READY: (
        ReaderUnavailableError, "the reader or card is not ready", _RETRY),
    ReturnCode.SCARD_E_INVALID_VALUE: (
        InvalidArgumentError, "a value cannot be interpreted",
        "Check share mode, protocols and disposition; or the reader was unplugged meanwhile: attach again.",
    ),
    ReturnCode.SCARD_E_SYSTEM_CANCELLED: (
        CancelledError, "the system cancelled it", "Start again later."),
    ReturnCode.SCARD_F_COMM_ERROR: (
        CommunicationError, "an internal communication failed",
        "Look at the resource manager's log; it may have been restarted.",
    ),
    ReturnCode.SCARD_F_UNKNOWN_ERROR: (
        SCardError, "an internal error of unknown cause", _BUG),
    ReturnCode.SCARD_E_INVALID_ATR: (
        SCardError, "the ATR is not a valid one", "Check the ATR's length."),
    ReturnCode.SCARD_E_NOT_TRANSACTED: (
        NotTransactedError, "there is no transaction, or the exchange failed on the wire",
        "End only what was begun. After a transmit: the card or the reader broke the exchange off.",
    ),
    ReturnCode.SCARD_E_READER_UNAVAILABLE: (
        ReaderUnavailableError, "the reader is not there any more",
        "Plug it in, then attach again.",
    ),
    ReturnCode.SCARD_P_SHUTDOWN: (
        CancelledError, "the system is shutting down", "Nothing to do."),
    ReturnCode.SCARD_E_PCI_TOO_SMALL: (
        InvalidArgumentError, "the protocol control structure is too short",
        "Give a structure of at least 8 bytes on Windows and macOS, 16 on pcsc-lite.",
    ),
    ReturnCode.SCARD_E_READER_UNSUPPORTED: (
        SCardError, "the driver does not meet the requirements", "Update the driver.",
    ),
    ReturnCode.SCARD_E_DUPLICATE_READER: (
        SCardError, "the reader's name is not unique", "Choose another name.",
    ),
    ReturnCode.SCARD_E_CARD_UNSUPPORTED: (
        SCardError, "the card does not meet the requirements", "Use another card.",
    ),
    ReturnCode.SCARD_E_NO_SERVICE: (
        NoServiceError, "the resource manager does not run",
        "Start it (pcscd on Linux and BSD); on Windows it stops with the last reader: establish a new context.",
    ),
    ReturnCode.SCARD_E_SERVICE_STOPPED: (
        ServiceStoppedError, "the resource manager has stopped",
        "Establish a new context. In a container: client library and pcscd must be of the same version.",
    ),
    ReturnCode.SCARD_E_UNSUPPORTED_FEATURE: (
        UnsupportedFeatureError, "the reader or driver cannot do this",
        "Ask the reader for its features first.",
    ),
    ReturnCode.SCARD_E_ICC_INSTALLATION: (
        SCardError, "the card has no primary provider", _MINIDRIVER),
    ReturnCode.SCARD_E_ICC_CREATEORDER: (
        SCardError, "objects were created in a wrong order", _MINIDRIVER),
    ReturnCode.SCARD_E_DIR_NOT_FOUND: (
        SCardError, "the directory is not on the card", _MINIDRIVER),
    ReturnCode.SCARD_E_FILE_NOT_FOUND: (
        SCardError, "the file is not on the card", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_DIR: (
        SCardError, "the path is no directory", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_FILE: (
        SCardError, "the path is no file", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_ACCESS: (
        SCardError, "access to the file is denied", _MINIDRIVER),
    ReturnCode.SCARD_E_WRITE_TOO_MANY: (
        SCardError, "the card has no room for the data", _MINIDRIVER),
    ReturnCode.SCARD_E_BAD_SEEK: (
        SCardError, "the position is outside the file", _MINIDRIVER),
    ReturnCode.SCARD_E_INVALID_CHV: (
        SCardError, "the code has a form that is not allowed", _MINIDRIVER),
    ReturnCode.SCARD_E_UNKNOWN_RES_MNG: (
        SCardError, "another layer answered an unknown error", _BUG),
    ReturnCode.SCARD_E_NO_SUCH_CERTIFICATE: (
        SCardError, "the certificate does not exist", _MINIDRIVER),
    ReturnCode.SCARD_E_CERTIFICATE_UNAVAILABLE: (
        SCardError, "the certificate cannot be had", _MINIDRIVER,
    ),
    ReturnCode.SCARD_E_NO_READERS_AVAILABLE: (
        NoReadersError, "there is no reader",
        "Plug one in; check that its driver runs.",
    ),
    ReturnCode.SCARD_E_COMM_DATA_LOST: (
        CommunicationError, "data from the card was lost", _RETRY),
    ReturnCode.SCARD_E_NO_KEY_CONTAINER: (
        SCardError, "the key container does not exist", _MINIDRIVER),
    ReturnCode.SCARD_E_SERVER_TOO_BUSY: (
        SCardError, "the resource manager is too busy", _RETRY),
    ReturnCode.SCARD_E_PIN_CACHE_EXPIRED: (
        SCardError, "the cached PIN has expired", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_PIN_CACHE: (
        SCardError, "the PIN cannot be cached", _MINIDRIVER),
    ReturnCode.SCARD_E_READ_ONLY_CARD: (
        SCardError, "the card cannot be written", _MINIDRIVER),
    ReturnCode.SCARD_W_UNSUPPORTED_CARD: (
        SCardError, "the reader cannot talk to this card",
        "Its ATR asks for what the reader lacks: try another reader.",
    ),
    ReturnCode.SCARD_W_UNRESPONSIVE_CARD: (
        UnresponsiveCardError, "the card does not answer to a reset",
        "Insert it the right way round; clean its contacts.",
    ),
    ReturnCode.SCARD_W_UNPOWERED_CARD: (
        UnpoweredCardError, "the card was switched off",
        "Call reconnect() with initialization RESET, then select and verify anew.",
    ),
    ReturnCode.SCARD_W_RESET_CARD: (
        ResetCardError, "the card was reset",
        "Call reconnect(), then select and verify anew.",
    ),
    ReturnCode.SCARD_W_REMOVED_CARD: (
        RemovedCardError, "the card was taken out",
        "Insert it and attach again; select and verify anew.",
    ),
    ReturnCode.SCARD_W_SECURITY_VIOLATION: (
        SCardError, "access was denied by a security rule",
        "Check the system's policy for smart cards. pcscd also says so when it has no room for another client.",
    ),
    ReturnCode.SCARD_W_WRONG_CHV: (
        SCardError, "the code is wrong", _MINIDRIVER),
    ReturnCode.SCARD_W_CHV_BLOCKED: (
        SCardError, "the code is blocked", _MINIDRIVER),
    ReturnCode.SCARD_W_EOF: (
        SCardError, "the end of the file is reached", _MINIDRIVER),
    ReturnCode.SCARD_W_CANCELLED_BY_USER: (
        CancelledError, "the user cancelled it", "Nothing to do."),
    ReturnCode.SCARD_W_CARD_NOT_AUTHENTICATED: (
        SCardError, "no code was verified", _MINIDRIVER),
    ReturnCode.SCARD_W_CACHE_ITEM_NOT_FOUND: (
        SCardError, "the item is not in the cache", "Write it first."),
    ReturnCode.SCARD_W_CACHE_ITEM_STALE: (
        SCardError, "the item in the cache is too old", "Write it anew."),
    ReturnCode.SCARD_W_CACHE_ITEM_TOO_BIG: (
        SCardError, "the item is too big for the cache", "Shorten it."),
}  # fmt: skip

_HRESULTS: Final = {
    E_NOTIMPL: CodeInfo(
        "E_NOTIMPL", UnsupportedFunctionError, "the PC/SC library does not have this function",
        "See Library.info() for what it has.",
    ),
    E_POINTER: CodeInfo("E_POINTER", InvalidArgumentError, "a pointer is NULL", "Give a place for the answer."),
    E_FAIL: CodeInfo("E_FAIL", SCardError, "it failed", "See the message."),
    E_UNEXPECTED: CodeInfo(
        "E_UNEXPECTED", UnexpectedStateError, "the object is not in the state for this",
        "Attach or make it before use, release or detach it after, and use it in the process that made it.",
    ),
    E_OUTOFMEMORY: CodeInfo("E_OUTOFMEMORY", OutOfMemoryError, "memory is out", "Free some, and try again."),
    E_INVALIDARG: CodeInfo("E_INVALIDARG", InvalidArgumentError, "an argument is not valid", "See the message."),
}  # fmt: skip

_WINDOWS_CODES: Final = {  # winscard.dll passes some Win32 codes through
    1: CodeInfo("ERROR_INVALID_FUNCTION", UnsupportedFeatureError, "the driver cannot do this", "Ask for features."),
    5: CodeInfo("ERROR_ACCESS_DENIED", SCardError, "access is denied", "Check the user's rights."),
    6: CodeInfo(
        "ERROR_INVALID_HANDLE", InvalidHandleError, "the handle is not valid",
        "Use an open handle of this process; after the service has stopped, establish a new context.",
    ),
    22: CodeInfo("ERROR_BAD_COMMAND", UnsupportedFeatureError, "the driver does not know it", "See its manual."),
    31: CodeInfo("ERROR_GEN_FAILURE", CommunicationError, "the device does not work", "Plug the reader anew."),
    50: CodeInfo("ERROR_NOT_SUPPORTED", UnsupportedFeatureError, "the driver cannot do this", "Ask for features."),
    109: CodeInfo("ERROR_BROKEN_PIPE", NoServiceError, "the service cannot be reached from here", "Log on locally."),
    121: CodeInfo("ERROR_SEM_TIMEOUT", CommunicationError, "the device did not answer in time", _RETRY),
    ReturnCode.SCARD_E_UNEXPECTED: CodeInfo("SCARD_E_UNEXPECTED", SCardError, "an unexpected card error", _RETRY),
}  # fmt: skip

_CODES: Final[dict[int, CodeInfo]] = {
    **{code: CodeInfo(code.name, *row) for code, row in _RETURN_CODES.items()},
    **_HRESULTS,
}
if sys.platform == "win32":
    _CODES.update(_WINDOWS_CODES)
else:
    _CODES[0x80100022] = _CODES[ReturnCode.SCARD_E_UNSUPPORTED_FEATURE]  # the number that Windows uses


def lookup(code: int) -> CodeInfo:
    """What is known of a code of the resource manager or an HRESULT.

    Args:
        code: an unsigned 32-bit number.

    Returns:
        Name, error class, meaning and remedy; for an unknown code its number as name and plain SCardError.
    """
    known = _CODES.get(code)
    if known is None and code & 0xFFFF0000 == _FACILITY_WIN32:
        known = _CODES.get(code & 0xFFFF)
    return known or CodeInfo(f"0x{code:08X}", SCardError, "unknown code", "See the platform's documentation.")


def from_code(code: int, function: str, detail: str = "") -> SCardError:
    """The error for a code that the resource manager answered to ``function``, ready to be raised."""
    return _make(code, code if code & 0x80000000 else _FACILITY_WIN32 | code & 0xFFFF, code, function, detail)


def from_hresult(hresult: int, function: str, detail: str = "", *, said: int | None = None) -> SCardError:
    """The error for what the manage object answered to ``function``, ready to be raised.

    Args:
        hresult: the answer.
        function: whose answer it is.
        detail: what the caller should know beyond the code's meaning.
        said: what the resource manager said where the HRESULT does not carry it.
    """
    if not said and hresult & 0xFFFF0000 == 0x80100000:
        said = hresult
    elif not said and hresult & 0xFFFF0000 == _FACILITY_WIN32 and hresult not in (E_INVALIDARG, E_OUTOFMEMORY):
        said = hresult & 0xFFFF
    return _make(said or hresult, hresult, said or None, function, detail)


def status_word_error(function: str, sw: int, offset: int, done: int) -> StatusWordError:
    """The error for a file that the card refused to give or take any further, ready to be raised."""
    error = StatusWordError(f"{function}: the card answered {sw:04X} at offset {offset + done}", function=function)
    error.sw, error.arrived = sw, done
    return error


def _make(key: int, hresult: int, code: int | None, function: str, detail: str) -> SCardError:
    info = lookup(key)
    number = f" (0x{key:08X})" if not info.name.startswith("0x") else ""
    text = f"{function}: {info.meaning}{detail and ': ' + detail} [{info.name}{number}]. {info.remedy}"
    return info.error(text, code=code, hresult=hresult, function=function)
