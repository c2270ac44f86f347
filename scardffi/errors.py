"""The exception classes, and one table from function and return code to class, meaning and remedy.

scardffi raises the class that the table has for a return code of a function. A few codes mean different things in
different functions; the others have one row for all functions. Classes are portable, numbers are not: 0x8010001F means
one thing on Windows and another on pcsc-lite and macOS. A number that is not in the table raises :class:`SCardError`,
with the number in ``code``.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from ._field_docs import field_docs
from .constants import ReturnCode

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "E_FAIL", "E_INVALIDARG", "E_INVALID_DATA", "E_NOTIMPL", "E_OUTOFMEMORY", "E_POINTER", "E_UNEXPECTED",
    "CancelledError", "CardStateError", "CodeInfo", "CommunicationError", "EventsLostError",
    "ForkedProcessError", "InsufficientBufferError", "InvalidArgumentError", "InvalidHandleError",
    "LibraryError", "LibraryNotFoundError", "LibraryNotLoadableError", "MissingSymbolError", "NoReadersError",
    "NoServiceError", "NoSmartCardError", "NotTransactedError", "OutOfMemoryError", "ProtocolMismatchError",
    "ReaderUnavailableError", "RemovedCardError", "ResetCardError", "SCardError", "SCardTimeoutError",
    "ScriptError", "ServiceStoppedError", "SharingViolationError", "UnexpectedStateError", "UnknownReaderError",
    "UnpoweredCardError", "UnresponsiveCardError", "UnsupportedFeatureError", "UnsupportedFunctionError",
    "from_code", "from_hresult", "lookup", "number_of",
]  # fmt: skip

E_NOTIMPL: Final = 0x80004001
"""The library has no such function."""
E_POINTER: Final = 0x80004003
"""A pointer is NULL."""
E_FAIL: Final = 0x80004005
"""The operation failed for a reason that has no HRESULT of its own."""
E_UNEXPECTED: Final = 0x8000FFFF
"""The object is not in the state that the call needs, such as attached."""
E_INVALID_DATA: Final = 0x8007000D
"""The PC/SC library returned data that cannot be right."""
E_OUTOFMEMORY: Final = 0x8007000E
"""There is not enough memory."""
E_INVALIDARG: Final = 0x80070057
"""An argument is not allowed, or the handle is not valid."""
_FACILITY_WIN32: Final = 0x80070000
_WINDOWS: Final = sys.platform == "win32"
_OWN_HRESULTS: Final = (E_INVALID_DATA, E_INVALIDARG, E_OUTOFMEMORY)  # those with this facility


class SCardError(Exception):
    """A PC/SC operation failed.

    Attributes:
        code: the return code of the resource manager, an unsigned 32-bit number; None if the error does not come from
            the resource manager.
        hresult: the HRESULT of the manage object, an unsigned 32-bit number.
        function: the PC/SC name or the scardffi name of the function that failed; None if no function failed.
        arrived: the number of bytes that arrived before the failure, if the response has several parts. They are in
            the caller's buffer, or in ``partial`` if the caller gave no buffer.
        partial: the bytes that arrived, if the caller gave no buffer, or if they are not valid response data.
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
    """The resource manager does not run, cannot be reached, or refuses this program."""


class ServiceStoppedError(NoServiceError):
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
    """The object's state does not allow this: it is attached, not attached, or busy."""


class ForkedProcessError(UnexpectedStateError):
    """The object was made in another process, of which this process is a fork. Make a new object in this process."""


class ScriptError(SCardError):
    """A script ended before its last command. If a command failed, its error is the ``__cause__``.

    Attributes:
        replies: all complete replies, including the one with the unexpected status word.
        index: the index of the command that failed or got an unexpected status word. If the script was cancelled, the
            index of the next command. If memory was exhausted, or the memory of ``into=`` is full, the index of the
            command that was not sent.
        sw: the unexpected status word; None if the script ended for another reason, or if the response has none.
    """

    replies: Sequence[object] = ()
    index: int = 0
    sw: int | None = None


class EventsLostError(SCardError):
    """A consumer of a monitor did not take its events in time: more than 65 536 were waiting.

    They are dropped. The consumer's next events are those of the present state.

    Attributes:
        count: the number of events that were dropped.
    """

    count: int

    def __init__(self, count: int) -> None:
        super().__init__(
            f"Monitor: {count} events were dropped, because they were not taken in time. Take events faster; what "
            "follows is the present state.",
            function="Monitor",
        )
        self.count = count

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.count,), self.__dict__


@field_docs(
    name="The name of the code; the number in hexadecimal if it has none.",
    error="The error class.",
    meaning="What the code means.",
    remedy="What to do.",
)
class CodeInfo(NamedTuple):
    """The name, error class, meaning and remedy of a return code."""

    name: str
    error: type[SCardError]
    meaning: str
    remedy: str


_BUG: Final = "Report it to the authors of the resource manager or driver."
_RETRY: Final = "Try again; if it fails again, restart the resource manager."
_FEATURES: Final = "Ask the reader for its features first."
_AGAIN: Final = "Try again when the resource manager runs."
_ATTACH_AGAIN: Final = (
    "Attach again when the resource manager runs: its end has closed all handles. Then select and verify again."
)
_MAY_HAVE_RUN: Final = (
    f"The card may have executed the command. {_ATTACH_AGAIN} If the card is a Python object in a virtual reader, it "
    "may have raised an exception: see the reader's errors."
)
_CHECK_THE_COMMAND: Final = (
    "Check the command: an APDU has at least 4 bytes. If it is right, the card may have executed it: call reconnect() "
    "with initialization RESET, then select and verify again."
)
_MINIDRIVER: Final = "Only card modules of the Windows crypto API use it; see the module's documentation."

# The tables are made at the first lookup, because most runs of a program see no error.


@functools.cache
def _return_codes() -> dict[ReturnCode, tuple[type[SCardError], str, str]]:
    return {
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
            OutOfMemoryError, "the resource manager has no memory left",
            "Close contexts and handles that you do not use.",
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
            "Check share mode, protocols and disposition.",
        ),
        ReturnCode.SCARD_E_SYSTEM_CANCELLED: (CancelledError, "the system cancelled the operation", "Try again later."),
        ReturnCode.SCARD_F_COMM_ERROR: (
            CommunicationError, "the connection to the resource manager broke", _AGAIN,
        ),
        ReturnCode.SCARD_F_UNKNOWN_ERROR: (SCardError, "an internal error of unknown cause", _BUG),
        ReturnCode.SCARD_E_INVALID_ATR: (SCardError, "the ATR is not valid", "Check the length of the ATR."),
        ReturnCode.SCARD_E_NOT_TRANSACTED: (
            NotTransactedError, "no transaction was begun", "End only a transaction that you began.",
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
        ReturnCode.SCARD_E_CARD_UNSUPPORTED: (
            SCardError, "the card does not meet the requirements", "Use another card.",
        ),
        ReturnCode.SCARD_E_NO_SERVICE: (
            NoServiceError, "the resource manager does not run",
            "Start it (pcscd on Linux). In a container, mount the host's /run/pcscd. On Windows, plug in a reader.",
        ),
        ReturnCode.SCARD_E_SERVICE_STOPPED: (
            ServiceStoppedError, "the resource manager has stopped",
            "Try again when it runs. In a container, the client library and pcscd must have the same version.",
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
            NoReadersError, "no reader is plugged in",
            "Plug one in. If it is plugged in, the command 'scardffi doctor' finds out why it is not seen.",
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
            SCardError, "access was denied by a security rule", "Check the system's policy for smart cards.",
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


def _hresults() -> dict[int, CodeInfo]:
    return {
        E_NOTIMPL: CodeInfo(
            "E_NOTIMPL", UnsupportedFunctionError, "the PC/SC library does not have this function",
            "Library.info() lists the functions that it has.",
        ),
        E_POINTER: CodeInfo(
            "E_POINTER", InvalidArgumentError, "a pointer is NULL", "Give a pointer to memory for the result.",
        ),
        E_FAIL: CodeInfo("E_FAIL", SCardError, "the operation failed", "See the message."),
        E_INVALID_DATA: CodeInfo(
            "E_INVALID_DATA", CommunicationError,
            "the PC/SC library's answer is impossible: a length above the room that it had, or a name without an end",
            "Update the PC/SC library or the reader's driver. If a command was sent, the card may have executed it.",
        ),
        E_UNEXPECTED: CodeInfo(
            "E_UNEXPECTED", UnexpectedStateError, "the object's state does not allow this",
            "Attach it before use, detach or release it only once, and use it in the process that made it.",
        ),
        E_OUTOFMEMORY: CodeInfo(
            "E_OUTOFMEMORY", OutOfMemoryError, "memory could not be allocated", "Free memory, and try again.",
        ),
        E_INVALIDARG: CodeInfo("E_INVALIDARG", InvalidArgumentError, "an argument is not valid", "See the message."),
    }  # fmt: skip


def _windows_codes() -> dict[int, CodeInfo]:
    """Return the Win32 codes that winscard.dll returns too."""
    return {
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
            "ERROR_GEN_FAILURE", CommunicationError, "the device does not work",
            "Unplug the reader and plug it in again.",
        ),
        50: CodeInfo("ERROR_NOT_SUPPORTED", UnsupportedFeatureError, "the driver does not support this", _FEATURES),
        109: CodeInfo(
            "ERROR_BROKEN_PIPE", NoServiceError, "the service cannot be reached from this session", "Log on locally.",
        ),
        121: CodeInfo("ERROR_SEM_TIMEOUT", CommunicationError, "the device did not answer in time", _RETRY),
        ReturnCode.SCARD_E_UNEXPECTED: CodeInfo("SCARD_E_UNEXPECTED", SCardError, "an unexpected card error", _RETRY),
    }  # fmt: skip


_ON_A_HANDLE: Final = (
    "SCardReconnect",
    "SCardDisconnect",
    "SCardBeginTransaction",
    "SCardEndTransaction",
    "SCardStatus",
    "SCardTransmit",
    "SCardControl",
    "SCardGetAttrib",
    "SCardSetAttrib",
)
_SENDS: Final = ("SCardTransmit", "SCardControl")
_ASKS_THE_LIST: Final = ("SCardListReaders", "SCardGetStatusChange", "SCardStatus")
_OWN_BUFFER: Final = ("transmit", "control", "Script.run")

_WRAPS: Final = {
    "Context": "SCardEstablishContext",
    "attach": "SCardConnect",
    "attach_by_ifd": "SCardConnect",
    "attach_by_handle": "SCardStatus",
    "detach": "SCardDisconnect",
    "reconnect": "SCardReconnect",
    "lock": "SCardBeginTransaction",
    "unlock": "SCardEndTransaction",
    "status": "SCardStatus",
    "transmit": "SCardTransmit",
    "transmit_into": "SCardTransmit",
    "exchange": "SCardTransmit",
    "read_binary_into": "SCardTransmit",
    "update_binary_from": "SCardTransmit",
    "Script.run": "SCardTransmit",
    "control": "SCardControl",
    "get_attribute": "SCardGetAttrib",
    "set_attribute": "SCardSetAttrib",
}
"""The PC/SC function that each function of scardffi wraps."""

_REFUSED: Final = (
    NoServiceError, "the resource manager refuses this program",
    "pcscd may have too many clients, or a rule of polkit may forbid access.",
)  # fmt: skip
_SHORTER_LIST: Final = (
    CommunicationError, "pcsc-lite cannot read the list of readers, because pcscd was restarted with fewer readers",
    "Start this program again: only a new process can list readers and wait. This is a fault of pcsc-lite 2.5.",
)  # fmt: skip


@functools.cache
def _codes() -> dict[int, CodeInfo]:
    """Return the rows for all functions."""
    codes = {**{int(code): CodeInfo(code.name, *row) for code, row in _return_codes().items()}, **_hresults()}
    if _WINDOWS:
        codes.update(_windows_codes())
    else:
        codes[0x80100022] = codes[ReturnCode.SCARD_E_UNSUPPORTED_FEATURE]  # the number that Windows uses
    return codes


@functools.cache
def _function_codes() -> dict[tuple[str, int], CodeInfo]:
    """Return the rows for one function only. lookup() tries a function of scardffi, then the one that it wraps."""
    returned = _return_codes()
    rows: dict[tuple[str, ReturnCode], tuple[type[SCardError], str, str]] = {
        **{
            (function, ReturnCode.SCARD_E_INVALID_VALUE): returned[ReturnCode.SCARD_E_READER_UNAVAILABLE]
            for function in _ON_A_HANDLE
        },
        **{
            (function, ReturnCode.SCARD_E_NO_SERVICE): (
                NoServiceError, "the resource manager has stopped since the card was attached", _ATTACH_AGAIN,
            )
            for function in _ON_A_HANDLE
        },
        **{
            (function, ReturnCode.SCARD_E_SERVICE_STOPPED): (
                ServiceStoppedError, "the resource manager has stopped since the card was attached", _ATTACH_AGAIN,
            )
            for function in _ON_A_HANDLE
        },
        **{
            (function, ReturnCode.SCARD_F_COMM_ERROR): (
                CommunicationError, "the connection to the resource manager broke during the call",
                _MAY_HAVE_RUN if function in _SENDS else _ATTACH_AGAIN,
            )
            for function in _ON_A_HANDLE
        },
        ("SCardTransmit", ReturnCode.SCARD_E_NOT_TRANSACTED): (
            CommunicationError, "the exchange with the card failed", _CHECK_THE_COMMAND,
        ),
        **{
            (function, ReturnCode.SCARD_E_NOT_TRANSACTED): (
                CommunicationError, "the exchange with the reader failed",
                "Check the code and the data against the reader's manual; the reader may have done a part of it.",
            )
            for function in ("SCardControl", "SCardGetAttrib", "SCardSetAttrib")
        },
        ("SCardTransmit", ReturnCode.SCARD_E_NO_SMARTCARD): (
            NoSmartCardError, "there is no card in the reader",
            "Insert it and attach again. If it was removed during the command, it may have executed the command.",
        ),
        ("SCardConnect", ReturnCode.SCARD_W_UNPOWERED_CARD): (
            UnpoweredCardError, "the card does not answer to a reset, or gets no power",
            "Insert it the right way round; clean its contacts.",
        ),
        **{
            (function, ReturnCode.SCARD_E_INSUFFICIENT_BUFFER): (
                InsufficientBufferError, "the response is longer than PC/SC allows",
                "The card or reader has executed the command. Ask for fewer bytes in one command.",
            )
            for function in _OWN_BUFFER
        },
    }  # fmt: skip
    if not _WINDOWS:  # pcsc-lite returns this code if pcscd ends before it has read the request
        rows.update(
            {
                (function, ReturnCode.SCARD_W_SECURITY_VIOLATION): rows.get(
                    (function, ReturnCode.SCARD_F_COMM_ERROR), returned[ReturnCode.SCARD_F_COMM_ERROR]
                )
                for function in (*_ON_A_HANDLE, "SCardConnect", "SCardListReaders", "SCardListReaderGroups",
                                 "SCardGetStatusChange", "SCardIsValidContext", "SCardCancel", "SCardReleaseContext")
            }
        )  # fmt: skip
        rows["SCardEstablishContext", ReturnCode.SCARD_W_SECURITY_VIOLATION] = _REFUSED
        rows.update({(function, ReturnCode.SCARD_E_UNEXPECTED): _SHORTER_LIST for function in _ASKS_THE_LIST})
    return {(function, code): CodeInfo(code.name, *row) for (function, code), row in rows.items()}


def number_of(code: int | str) -> int:
    """Return a return code as an unsigned 32-bit number.

    Args:
        code: a number (unsigned, signed, or sign-extended to 64 bits), as an int or as text such as
            ``"0x8010001D"``, or a name of :class:`~scardffi.constants.ReturnCode`.

    Raises:
        InvalidArgumentError: the text is neither a name nor a number, or the number has more than 32 bits.
    """
    if isinstance(code, str):
        if code in ReturnCode.__members__:
            return int(ReturnCode[code])
        try:
            code = int(code, 0)
        except ValueError:
            raise InvalidArgumentError(
                f"code: {code!r} is not allowed; give a number such as 0x8010000C, or a name of ReturnCode such as "
                "SCARD_E_NO_SMARTCARD",
                hresult=E_INVALIDARG,
            ) from None
    if not -(1 << 31) <= code < 1 << 32 and not (1 << 64) - (1 << 31) <= code < 1 << 64:
        raise InvalidArgumentError(
            f"code: {code} is not allowed; give a number of 32 bits, or a name of ReturnCode", hresult=E_INVALIDARG
        )
    return code & 0xFFFFFFFF


def lookup(code: int | str, function: str | None = None) -> CodeInfo:
    """Return name, error class, meaning and remedy of a return code or an HRESULT.

    Args:
        code: a number of 32 bits (unsigned, signed, or sign-extended to 64 bits), as an int or as text such as
            ``"0x8010001D"``, or the name of a return code.
        function: the function that returned it, such as ``"SCardTransmit"`` or ``"transmit"``; a few codes mean
            different things in different functions. None for the meaning in most functions.

    Returns:
        The row of the table. For an unknown code the name is the number, and the class is SCardError.

    Raises:
        InvalidArgumentError: the text is neither a name nor a number, or the number has more than 32 bits.
    """
    number = number_of(code)
    if function is not None:
        for caller in (function, _WRAPS.get(function, function)):
            known = _function_codes().get((caller, number))
            if known is not None:
                return known
    known = _codes().get(number)
    if known is None and number & 0xFFFF0000 == _FACILITY_WIN32:
        known = _codes().get(number & 0xFFFF)
    return known or CodeInfo(f"0x{number:08X}", SCardError, "unknown code", "See the platform's documentation.")


_SERVICE_IS_GONE: Final = frozenset(
    {
        ReturnCode.SCARD_E_NO_SERVICE,
        ReturnCode.SCARD_E_SERVICE_STOPPED,
        ReturnCode.SCARD_F_COMM_ERROR,
        ReturnCode.SCARD_E_INVALID_HANDLE,
        *([6, 109] if _WINDOWS else [ReturnCode.SCARD_W_SECURITY_VIOLATION]),
    }
)
_READER_IS_GONE: Final = frozenset(
    {ReturnCode.SCARD_E_READER_UNAVAILABLE, ReturnCode.SCARD_E_INVALID_VALUE, ReturnCode.SCARD_E_UNKNOWN_READER}
)


def context_is_gone(code: int) -> bool:
    """Return whether a code on a native context says that a new context is needed, because the service has stopped."""
    return code in _SERVICE_IS_GONE


def readers_are_fewer(error: SCardError) -> bool:
    """Return whether pcsc-lite refuses to list readers because they are fewer than before a restart of pcscd."""
    return error.code is not None and is_refused_list(error.code) and error.function in _ASKS_THE_LIST


def is_refused_list(code: int) -> bool:
    """Return whether a code is the one with which pcsc-lite 2.5 refuses a list of readers that has become shorter."""
    return not _WINDOWS and code == ReturnCode.SCARD_E_UNEXPECTED


def nothing_to_release(result: int) -> bool:
    """Return whether the code or HRESULT of a release, detach or unlock says that the service or reader is gone."""
    code = result & 0xFFFF if result & 0xFFFF0000 == _FACILITY_WIN32 and result != E_INVALIDARG else result
    return code in _SERVICE_IS_GONE or code in _READER_IS_GONE


def from_code(code: int, function: str, detail: str = "", reason: tuple[str, str] | None = None) -> SCardError:
    """Return the error for a return code of ``function``.

    Args:
        code: the return code.
        function: the function that returned it.
        detail: more information for the message.
        reason: the meaning and the remedy, if they are known better than from the code.
    """
    hresult = code if code & 0x80000000 else _FACILITY_WIN32 | code & 0xFFFF
    return _make(code, hresult, None if code == E_INVALID_DATA else code, function, detail, reason)


def from_hresult(
    hresult: int, function: str, detail: str = "", *, code: int | None = None, reason: tuple[str, str] | None = None
) -> SCardError:
    """Return the error for an HRESULT of ``function`` of the manage object.

    Args:
        hresult: the HRESULT.
        function: the function that returned it.
        detail: more information for the message.
        code: the return code of the resource manager, if the HRESULT does not contain it.
        reason: as for :func:`from_code`.
    """
    if not code and hresult & 0xFFFF0000 == 0x80100000:
        code = hresult
    elif not code and hresult & 0xFFFF0000 == _FACILITY_WIN32 and hresult not in _OWN_HRESULTS:
        code = hresult & 0xFFFF
    return _make(code or hresult, hresult, code or None, function, detail, reason)


def forked_error(function: str) -> ForkedProcessError:
    """Return the error for the use of an object in the child of a fork."""
    return ForkedProcessError(
        f"{function}: the object was made in another process, of which this process is a fork [E_UNEXPECTED "
        f"(0x{E_UNEXPECTED:08X})]. Make a new object in this process.",
        hresult=E_UNEXPECTED,
        function=function,
    )


def short_response_error(response: bytes) -> CommunicationError:
    """Return the error for a response of 0 or 1 bytes, which has no status word."""
    error = CommunicationError(f"the card answered {len(response)} of the 2 bytes of a status word")
    error.partial = response
    return error


def _make(
    key: int, hresult: int, code: int | None, function: str, detail: str, reason: tuple[str, str] | None
) -> SCardError:
    info = lookup(key, function)
    meaning, remedy = reason or (info.meaning, info.remedy)
    number = f" (0x{key:08X})" if not info.name.startswith("0x") else ""
    text = f"{function}: {meaning}{detail and ': ' + detail} [{info.name}{number}]. {remedy}"
    return info.error(text, code=code, hresult=hresult, function=function)
