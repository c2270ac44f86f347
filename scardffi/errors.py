"""The exception classes, and one table from return code to class, meaning and remedy.

scardffi raises the class that the table has for a return code. Classes are portable, numbers are not: 0x8010001F means
one thing on Windows and another on pcsc-lite and macOS. A number that is not in the table raises :class:`SCardError`,
with the number in ``code``.
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
        code: the return code of the resource manager, an unsigned 32-bit number; None if the error does not come from
            the resource manager.
        hresult: the HRESULT of the manage object, an unsigned 32-bit number.
        function: the PC/SC name or the scardffi name of the function that failed; None if no function failed.
        arrived: the number of bytes that arrived before the failure, if the response has several parts. They are in
            the caller's buffer, or in ``partial`` if the caller gave no buffer.
        partial: the bytes that arrived, if the caller gave no buffer.
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
        """The name of the code, or of the HRESULT if there is no code; the number in hexadecimal if it has no name."""
        return lookup(self.hresult if self.code is None else self.code).name

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[SCardError], args: tuple[str], attributes: dict[str, object]) -> SCardError:
    error = kind(*args)
    error.__dict__.update(attributes)
    return error


class LibraryError(SCardError):
    """No PC/SC library can be used."""


class LibraryNotFoundError(LibraryError):
    """No file exists under the names that were tried."""


class LibraryNotLoadableError(LibraryError):
    """The file exists, but the operating system cannot load it; the message is from its loader."""


class MissingSymbolError(LibraryError):
    """The file is not a PC/SC library: it lacks functions that every PC/SC library has."""


class UnsupportedFunctionError(SCardError, NotImplementedError):
    """The PC/SC library lacks this function."""


class NoServiceError(SCardError):
    """The resource manager does not run."""


class ServiceStoppedError(SCardError):
    """The resource manager has stopped, or speaks another version of its protocol."""


class NoReadersError(SCardError):
    """No reader is plugged in."""


class UnknownReaderError(SCardError):
    """No reader has this name."""


class NoSmartCardError(SCardError):
    """The reader has no card."""


class ReaderUnavailableError(SCardError):
    """The reader was unplugged or is not ready."""


class CardStateError(SCardError):
    """The card was removed, reset or powered down, or does not answer."""


class RemovedCardError(CardStateError):
    """The card was removed; the selected file and all verifications are lost."""


class ResetCardError(CardStateError):
    """The card was reset, by another connection or at the end of a transaction.

    Call ``reconnect()``, then select and verify again.
    """


class UnpoweredCardError(CardStateError):
    """The card was powered down; reconnect with a reset."""


class UnresponsiveCardError(CardStateError):
    """The card does not answer to a reset."""


class SharingViolationError(SCardError):
    """Another connection, of this or another program, holds the card."""


class NotTransactedError(SCardError):
    """There is no transaction to end."""


class ProtocolMismatchError(SCardError):
    """The card or the connection does not use the requested protocol."""


class InsufficientBufferError(SCardError):
    """The buffer was too small for the response. The card or the reader has executed the command.

    Attributes:
        required: the length in bytes that would have been enough; None if the library did not report it.
    """

    required: int | None = None


class CancelledError(SCardError):
    """The wait was cancelled."""


class SCardTimeoutError(SCardError, TimeoutError):
    """The timeout expired."""


class CommunicationError(SCardError):
    """The communication with the card or with the resource manager failed."""


class UnsupportedFeatureError(SCardError):
    """The reader or its driver does not support this."""


class InvalidArgumentError(SCardError, ValueError):
    """The value of an argument is not allowed; nothing was sent to the card."""


class InvalidHandleError(InvalidArgumentError):
    """The number is not a valid handle: it was never one, it was closed, or it belongs to another process."""


class OutOfMemoryError(SCardError, MemoryError):
    """Memory could not be allocated."""


class UnexpectedStateError(SCardError):
    """The object's state does not allow this: it is attached, not attached, busy, or inherited by a fork."""


class StatusWordError(SCardError):
    """The card refused a command of a method that reads or writes a whole file.

    Attributes:
        sw: the status word.
    """

    sw: int = 0


class ScriptError(SCardError):
    """A script ended before its last command. If a command failed, its error is the ``__cause__``.

    Attributes:
        replies: all complete replies, including the one with the unexpected status word.
        index: the index of the command that failed or got an unexpected status word. If the script was cancelled, the
            index of the next command.
        sw: the unexpected status word; None if the script ended for another reason.
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


_BUG: Final = "Report it to the authors of the resource manager or driver."
_RETRY: Final = "Try again; if it fails again, restart the resource manager."
_FEATURES: Final = "Ask the reader for its features first."
_MINIDRIVER: Final = "Only card modules of the Windows crypto API use it; see the module's documentation."

_RETURN_CODES: Final[dict[ReturnCode, tuple[type[SCardError], str, str]]] = {
    ReturnCode.SCARD_S_SUCCESS: (SCardError, "no error", "Nothing to do."),
    ReturnCode.SCARD_F_INTERNAL_ERROR: (
        SCardError, "an internal check of the resource manager failed",
        "Look at the resource manager's log. pcscd also returns this code if it has too many clients.",
    ),
    ReturnCode.SCARD_E_CANCELLED: (CancelledError, "the wait was cancelled", "Nothing to do."),
    ReturnCode.SCARD_E_INVALID_HANDLE: (
        InvalidHandleError, "the handle is not valid",
        "Use a handle that was opened in this process through the same PC/SC library and is still open.",
    ),
    ReturnCode.SCARD_E_INVALID_PARAMETER: (
        InvalidArgumentError, "a parameter is missing or has a value that is not allowed",
        "Check the arguments against the function's documentation.",
    ),
    ReturnCode.SCARD_E_INVALID_TARGET: (SCardError, "the registry entry for start-up is not valid", _BUG),
    ReturnCode.SCARD_E_NO_MEMORY: (
        OutOfMemoryError, "the resource manager has no memory left", "Close contexts and handles that you do not use.",
    ),
    ReturnCode.SCARD_F_WAITED_TOO_LONG: (SCardError, "an internal timer has expired", _RETRY),
    ReturnCode.SCARD_E_INSUFFICIENT_BUFFER: (
        InsufficientBufferError, "the buffer is too small for the answer",
        "Give a larger buffer. The card or reader has executed the command: think before you send it again.",
    ),
    ReturnCode.SCARD_E_UNKNOWN_READER: (
        UnknownReaderError, "no reader has this name",
        "Take the name from list_readers(); it can change if readers are plugged in or unplugged.",
    ),
    ReturnCode.SCARD_E_TIMEOUT: (SCardTimeoutError, "the timeout expired", "Use a longer timeout, or go on."),
    ReturnCode.SCARD_E_SHARING_VIOLATION: (
        SharingViolationError, "another connection holds the card",
        "Wait until its transaction ends, or find the program that connected exclusively.",
    ),
    ReturnCode.SCARD_E_NO_SMARTCARD: (
        NoSmartCardError, "there is no card in the reader",
        "Insert a card, or connect with ShareMode.DIRECT to use the reader without a card.",
    ),
    ReturnCode.SCARD_E_UNKNOWN_CARD: (SCardError, "the type of the card is not known", "Register the type."),
    ReturnCode.SCARD_E_CANT_DISPOSE: (
        SCardError, "the reader cannot do this with the card", "Choose another disposition.",
    ),
    ReturnCode.SCARD_E_PROTO_MISMATCH: (
        ProtocolMismatchError, "the protocols do not match",
        "Use Protocol.ANY. If the owner of a borrowed handle has reconnected it, attach again.",
    ),
    ReturnCode.SCARD_E_NOT_READY: (ReaderUnavailableError, "the reader or card is not ready", _RETRY),
    ReturnCode.SCARD_E_INVALID_VALUE: (
        InvalidArgumentError, "a value is not allowed",
        "Check share mode, protocols and disposition. If the reader was unplugged, attach again.",
    ),
    ReturnCode.SCARD_E_SYSTEM_CANCELLED: (CancelledError, "the system cancelled the operation", "Try again later."),
    ReturnCode.SCARD_F_COMM_ERROR: (
        CommunicationError, "an internal communication failed",
        "Look at the log of the resource manager; it may have been restarted.",
    ),
    ReturnCode.SCARD_F_UNKNOWN_ERROR: (SCardError, "an internal error of unknown cause", _BUG),
    ReturnCode.SCARD_E_INVALID_ATR: (SCardError, "the ATR is not valid", "Check the length of the ATR."),
    ReturnCode.SCARD_E_NOT_TRANSACTED: (
        NotTransactedError, "no transaction was begun, or the exchange with the card failed",
        "End only a transaction that you began. After a transmit: the card or the reader ended the exchange early.",
    ),
    ReturnCode.SCARD_E_READER_UNAVAILABLE: (
        ReaderUnavailableError, "the reader is not available any more", "Plug it in, then attach again.",
    ),
    ReturnCode.SCARD_P_SHUTDOWN: (CancelledError, "the system is shutting down", "Nothing to do."),
    ReturnCode.SCARD_E_PCI_TOO_SMALL: (
        InvalidArgumentError, "the protocol control information is too short",
        "Give an SCARD_IO_REQUEST of at least 8 bytes on Windows and macOS, 16 on pcsc-lite.",
    ),
    ReturnCode.SCARD_E_READER_UNSUPPORTED: (
        SCardError, "the driver does not meet the requirements", "Update the driver.",
    ),
    ReturnCode.SCARD_E_DUPLICATE_READER: (SCardError, "the reader's name is not unique", "Choose another name."),
    ReturnCode.SCARD_E_CARD_UNSUPPORTED: (SCardError, "the card does not meet the requirements", "Use another card."),
    ReturnCode.SCARD_E_NO_SERVICE: (
        NoServiceError, "the resource manager does not run",
        "Start it (pcscd on Linux and BSD). On Windows it stops with the last reader: establish a new context.",
    ),
    ReturnCode.SCARD_E_SERVICE_STOPPED: (
        ServiceStoppedError, "the resource manager has stopped",
        "Establish a new context. In a container, the client library and pcscd must have the same version.",
    ),
    ReturnCode.SCARD_E_UNSUPPORTED_FEATURE: (
        UnsupportedFeatureError, "the reader or driver does not support this", _FEATURES,
    ),
    ReturnCode.SCARD_E_ICC_INSTALLATION: (SCardError, "the card has no primary provider", _MINIDRIVER),
    ReturnCode.SCARD_E_ICC_CREATEORDER: (SCardError, "objects were created in the wrong order", _MINIDRIVER),
    ReturnCode.SCARD_E_DIR_NOT_FOUND: (SCardError, "the directory is not on the card", _MINIDRIVER),
    ReturnCode.SCARD_E_FILE_NOT_FOUND: (SCardError, "the file is not on the card", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_DIR: (SCardError, "the path is not a directory", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_FILE: (SCardError, "the path is not a file", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_ACCESS: (SCardError, "access to the file is denied", _MINIDRIVER),
    ReturnCode.SCARD_E_WRITE_TOO_MANY: (SCardError, "the card has no room for the data", _MINIDRIVER),
    ReturnCode.SCARD_E_BAD_SEEK: (SCardError, "the position is outside the file", _MINIDRIVER),
    ReturnCode.SCARD_E_INVALID_CHV: (SCardError, "the format of the code is not allowed", _MINIDRIVER),
    ReturnCode.SCARD_E_UNKNOWN_RES_MNG: (SCardError, "another layer returned an unknown error", _BUG),
    ReturnCode.SCARD_E_NO_SUCH_CERTIFICATE: (SCardError, "the certificate does not exist", _MINIDRIVER),
    ReturnCode.SCARD_E_CERTIFICATE_UNAVAILABLE: (SCardError, "the certificate is not available", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_READERS_AVAILABLE: (
        NoReadersError, "there is no reader", "Plug one in; check that its driver runs.",
    ),
    ReturnCode.SCARD_E_COMM_DATA_LOST: (CommunicationError, "data from the card was lost", _RETRY),
    ReturnCode.SCARD_E_NO_KEY_CONTAINER: (SCardError, "the key container does not exist", _MINIDRIVER),
    ReturnCode.SCARD_E_SERVER_TOO_BUSY: (SCardError, "the resource manager is too busy", _RETRY),
    ReturnCode.SCARD_E_PIN_CACHE_EXPIRED: (SCardError, "the cached PIN has expired", _MINIDRIVER),
    ReturnCode.SCARD_E_NO_PIN_CACHE: (SCardError, "the PIN cannot be cached", _MINIDRIVER),
    ReturnCode.SCARD_E_READ_ONLY_CARD: (SCardError, "the card cannot be written", _MINIDRIVER),
    ReturnCode.SCARD_W_UNSUPPORTED_CARD: (
        SCardError, "the reader does not support this card",
        "The ATR requires a feature that the reader lacks: try another reader.",
    ),
    ReturnCode.SCARD_W_UNRESPONSIVE_CARD: (
        UnresponsiveCardError, "the card does not answer to a reset",
        "Insert it the right way round; clean its contacts.",
    ),
    ReturnCode.SCARD_W_UNPOWERED_CARD: (
        UnpoweredCardError, "the card was powered down",
        "Call reconnect() with initialization RESET, then select and verify again.",
    ),
    ReturnCode.SCARD_W_RESET_CARD: (
        ResetCardError, "the card was reset", "Call reconnect(), then select and verify again.",
    ),
    ReturnCode.SCARD_W_REMOVED_CARD: (
        RemovedCardError, "the card was removed", "Insert it and attach again, then select and verify again.",
    ),
    ReturnCode.SCARD_W_SECURITY_VIOLATION: (
        SCardError, "access was denied by a security rule",
        "Check the system's policy for smart cards. pcscd also returns this code if it has too many clients.",
    ),
    ReturnCode.SCARD_W_WRONG_CHV: (SCardError, "the code is wrong", _MINIDRIVER),
    ReturnCode.SCARD_W_CHV_BLOCKED: (SCardError, "the code is blocked", _MINIDRIVER),
    ReturnCode.SCARD_W_EOF: (SCardError, "the end of the file is reached", _MINIDRIVER),
    ReturnCode.SCARD_W_CANCELLED_BY_USER: (CancelledError, "the user cancelled the operation", "Nothing to do."),
    ReturnCode.SCARD_W_CARD_NOT_AUTHENTICATED: (SCardError, "no code was verified", _MINIDRIVER),
    ReturnCode.SCARD_W_CACHE_ITEM_NOT_FOUND: (SCardError, "the item is not in the cache", "Write it first."),
    ReturnCode.SCARD_W_CACHE_ITEM_STALE: (SCardError, "the item in the cache is too old", "Write it again."),
    ReturnCode.SCARD_W_CACHE_ITEM_TOO_BIG: (SCardError, "the item is too big for the cache", "Shorten it."),
}  # fmt: skip

_HRESULTS: Final = {
    E_NOTIMPL: CodeInfo(
        "E_NOTIMPL", UnsupportedFunctionError, "the PC/SC library does not have this function",
        "Library.info() lists the functions that it has.",
    ),
    E_POINTER: CodeInfo(
        "E_POINTER", InvalidArgumentError, "a pointer is NULL", "Give a pointer to memory for the result.",
    ),
    E_FAIL: CodeInfo("E_FAIL", SCardError, "the operation failed", "See the message."),
    E_UNEXPECTED: CodeInfo(
        "E_UNEXPECTED", UnexpectedStateError, "the object's state does not allow this",
        "Attach it before use, detach or release it only once, and use it in the process that made it.",
    ),
    E_OUTOFMEMORY: CodeInfo(
        "E_OUTOFMEMORY", OutOfMemoryError, "memory could not be allocated", "Free memory, and try again.",
    ),
    E_INVALIDARG: CodeInfo("E_INVALIDARG", InvalidArgumentError, "an argument is not valid", "See the message."),
}  # fmt: skip

_WINDOWS_CODES: Final = {  # winscard.dll returns some Win32 codes too
    1: CodeInfo("ERROR_INVALID_FUNCTION", UnsupportedFeatureError, "the driver does not support this", _FEATURES),
    5: CodeInfo("ERROR_ACCESS_DENIED", SCardError, "access is denied", "Check the user's rights."),
    6: CodeInfo(
        "ERROR_INVALID_HANDLE", InvalidHandleError, "the handle is not valid",
        "Use an open handle of this process. If the service has stopped, establish a new context.",
    ),
    22: CodeInfo(
        "ERROR_BAD_COMMAND", UnsupportedFeatureError, "the driver does not know the command",
        "See the manual of the reader.",
    ),
    31: CodeInfo(
        "ERROR_GEN_FAILURE", CommunicationError, "the device does not work", "Unplug the reader and plug it in again.",
    ),
    50: CodeInfo("ERROR_NOT_SUPPORTED", UnsupportedFeatureError, "the driver does not support this", _FEATURES),
    109: CodeInfo(
        "ERROR_BROKEN_PIPE", NoServiceError, "the service cannot be reached from this session", "Log on locally.",
    ),
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
    """Return name, error class, meaning and remedy of a return code or an HRESULT.

    Args:
        code: an unsigned 32-bit number.

    Returns:
        The row of the table. For an unknown code the name is the number, and the class is SCardError.
    """
    known = _CODES.get(code)
    if known is None and code & 0xFFFF0000 == _FACILITY_WIN32:
        known = _CODES.get(code & 0xFFFF)
    return known or CodeInfo(f"0x{code:08X}", SCardError, "unknown code", "See the platform's documentation.")


def from_code(code: int, function: str, detail: str = "") -> SCardError:
    """Return the error for a return code of ``function``."""
    return _make(code, code if code & 0x80000000 else _FACILITY_WIN32 | code & 0xFFFF, code, function, detail)


def from_hresult(hresult: int, function: str, detail: str = "", *, code: int | None = None) -> SCardError:
    """Return the error for an HRESULT of ``function`` of the manage object.

    Args:
        hresult: the HRESULT.
        function: the function that returned it.
        detail: more information for the message.
        code: the return code of the resource manager, if the HRESULT does not contain it.
    """
    if not code and hresult & 0xFFFF0000 == 0x80100000:
        code = hresult
    elif not code and hresult & 0xFFFF0000 == _FACILITY_WIN32 and hresult not in (E_INVALIDARG, E_OUTOFMEMORY):
        code = hresult & 0xFFFF
    return _make(code or hresult, hresult, code or None, function, detail)


def status_word_error(function: str, sw: int, offset: int, done: int) -> StatusWordError:
    """Return the error for a status word that ended the transfer of a whole file after ``done`` bytes."""
    error = StatusWordError(f"{function}: the card answered {sw:04X} at offset {offset + done}", function=function)
    error.sw, error.arrived = sw, done
    return error


def short_response_error(response: bytes) -> CommunicationError:
    """Return the error for a response of 0 or 1 bytes, which has no status word."""
    error = CommunicationError(f"the card answered {len(response)} of the 2 bytes of a status word")
    error.partial = response
    return error


def _make(key: int, hresult: int, code: int | None, function: str, detail: str) -> SCardError:
    info = lookup(key)
    number = f" (0x{key:08X})" if not info.name.startswith("0x") else ""
    text = f"{function}: {info.meaning}{detail and ': ' + detail} [{info.name}{number}]. {info.remedy}"
    return info.error(text, code=code, hresult=hresult, function=function)
