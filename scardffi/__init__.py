"""PC/SC smart cards through cffi: raw handles, attach by handle, and no copy in Python on the transmit loop.

The import loads no PC/SC library; the first use does. README.md has examples.

PYTEST_DONT_REWRITE: this module has no assertions, and pytest must not warn if it was imported before.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from ._first_use import imported_at_first_use
from ._loader import ffi, lib

if TYPE_CHECKING:
    from typing import Any

    from . import constants, embed, errors, monitor, raw, virtual
    from ._library_info import LibraryInfo
    from .constants import (
        Attribute,
        CardState,
        Disposition,
        Flow,
        Protocol,
        ReaderStateFlag,
        ReturnCode,
        Scope,
        ShareMode,
        control_code,
    )
    from .context import Context, ReaderState
    from .errors import (
        CancelledError,
        CardStateError,
        CommunicationError,
        EventsLostError,
        ForkedProcessError,
        InsufficientBufferError,
        InvalidArgumentError,
        InvalidHandleError,
        LibraryError,
        LibraryNotFoundError,
        LibraryNotLoadableError,
        MissingSymbolError,
        NoReadersError,
        NoServiceError,
        NoSmartCardError,
        NotTransactedError,
        OutOfMemoryError,
        ProtocolMismatchError,
        ReaderUnavailableError,
        RemovedCardError,
        ResetCardError,
        SCardError,
        SCardTimeoutError,
        ScriptError,
        ServiceStoppedError,
        SharingViolationError,
        UnexpectedStateError,
        UnknownReaderError,
        UnpoweredCardError,
        UnresponsiveCardError,
        UnsupportedFeatureError,
        UnsupportedFunctionError,
    )
    from .exchange import Exchange
    from .library import Library
    from .manage import SCardManage, Status
    from .monitor import CardPresence, Event, EventKind, Monitor
    from .script import Replies, Reply, Script

    C_API: Any
    """The table of C functions as a PyCapsule, for :mod:`scardffi.embed`."""

__version__ = "0.2.0"

__all__ = [
    "C_API",
    "Attribute",
    "CancelledError",
    "CardPresence",
    "CardState",
    "CardStateError",
    "CommunicationError",
    "Context",
    "Disposition",
    "Event",
    "EventKind",
    "EventsLostError",
    "Exchange",
    "Flow",
    "ForkedProcessError",
    "InsufficientBufferError",
    "InvalidArgumentError",
    "InvalidHandleError",
    "Library",
    "LibraryError",
    "LibraryInfo",
    "LibraryNotFoundError",
    "LibraryNotLoadableError",
    "MissingSymbolError",
    "Monitor",
    "NoReadersError",
    "NoServiceError",
    "NoSmartCardError",
    "NotTransactedError",
    "OutOfMemoryError",
    "Protocol",
    "ProtocolMismatchError",
    "ReaderState",
    "ReaderStateFlag",
    "ReaderUnavailableError",
    "RemovedCardError",
    "Replies",
    "Reply",
    "ResetCardError",
    "ReturnCode",
    "SCardError",
    "SCardManage",
    "SCardTimeoutError",
    "Scope",
    "Script",
    "ScriptError",
    "ServiceStoppedError",
    "ShareMode",
    "SharingViolationError",
    "Status",
    "UnexpectedStateError",
    "UnknownReaderError",
    "UnpoweredCardError",
    "UnresponsiveCardError",
    "UnsupportedFeatureError",
    "UnsupportedFunctionError",
    "__version__",
    "constants",
    "control_code",
    "embed",
    "errors",
    "ffi",
    "lib",
    "monitor",
    "raw",
    "virtual",
]

_MODULES: Final = {
    **{module: f".{module}" for module in ("constants", "embed", "errors", "monitor", "raw", "virtual")},
    **dict.fromkeys(
        (
            "Attribute",
            "CardState",
            "Disposition",
            "Flow",
            "Protocol",
            "ReaderStateFlag",
            "ReturnCode",
            "Scope",
            "ShareMode",
            "control_code",
        ),
        ".constants",
    ),
    **dict.fromkeys(("Context", "ReaderState"), ".context"),
    **dict.fromkeys(
        (
            "CancelledError",
            "CardStateError",
            "CommunicationError",
            "EventsLostError",
            "ForkedProcessError",
            "InsufficientBufferError",
            "InvalidArgumentError",
            "InvalidHandleError",
            "LibraryError",
            "LibraryNotFoundError",
            "LibraryNotLoadableError",
            "MissingSymbolError",
            "NoReadersError",
            "NoServiceError",
            "NoSmartCardError",
            "NotTransactedError",
            "OutOfMemoryError",
            "ProtocolMismatchError",
            "ReaderUnavailableError",
            "RemovedCardError",
            "ResetCardError",
            "SCardError",
            "SCardTimeoutError",
            "ScriptError",
            "ServiceStoppedError",
            "SharingViolationError",
            "UnexpectedStateError",
            "UnknownReaderError",
            "UnpoweredCardError",
            "UnresponsiveCardError",
            "UnsupportedFeatureError",
            "UnsupportedFunctionError",
        ),
        ".errors",
    ),
    "Exchange": ".exchange",
    "Library": ".library",
    "LibraryInfo": "._library_info",
    **dict.fromkeys(("SCardManage", "Status"), ".manage"),
    **dict.fromkeys(("CardPresence", "Event", "EventKind", "Monitor"), ".monitor"),
    **dict.fromkeys(("Replies", "Reply", "Script"), ".script"),
}

_load: Final = imported_at_first_use(__name__, _MODULES)


def __getattr__(name: str) -> Any:
    if name == "C_API":
        globals()[name] = import_module(".embed", __name__).capsule()
        return globals()[name]
    return _load(name)


def __dir__() -> list[str]:
    return sorted(__all__)
