"""Services for the files, keys and codes of a card. They send commands through any object with ``transmit()``.

The public names of all its modules are here: ``from scardffi.services import FileAccess, FileKind, PinPad``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .card_auth import CardAuth, Checker, Protector, Prover, WrongProofError
from .card_capabilities import CardCapabilities, WriteBehaviour
from .card_file import CardFile
from .card_records import Records
from .ch_verification import CHVerification
from .codes import Padding
from .file_access import FileAccess
from .file_directory import DirectoryEntry
from .file_properties import FileKind, FileProperties, LifeCycle, WrongKindError
from .file_reference import FileRef, Location
from .interfaces import UnknownInterfaceError
from .pin_pad import (
    NoPinPadError,
    PinPad,
    PinPadCancelledError,
    PinPadCodeLengthError,
    PinPadCodesDifferError,
    PinPadError,
    PinPadParameterError,
    PinPadTimeoutError,
)
from .pin_structures import (
    EntryValidation,
    Feature,
    MalformedPinDataError,
    PinModify,
    PinProperties,
    PinVerify,
    Property,
)
from .transmitter import ReaderTransmitter, Sender, Transmitter

if TYPE_CHECKING:
    from .aes import AesCmac

__all__ = [
    "AesCmac",
    "CHVerification",
    "CardAuth",
    "CardCapabilities",
    "CardFile",
    "Checker",
    "DirectoryEntry",
    "EntryValidation",
    "Feature",
    "FileAccess",
    "FileKind",
    "FileProperties",
    "FileRef",
    "LifeCycle",
    "Location",
    "MalformedPinDataError",
    "NoPinPadError",
    "Padding",
    "PinModify",
    "PinPad",
    "PinPadCancelledError",
    "PinPadCodeLengthError",
    "PinPadCodesDifferError",
    "PinPadError",
    "PinPadParameterError",
    "PinPadTimeoutError",
    "PinProperties",
    "PinVerify",
    "Property",
    "Protector",
    "Prover",
    "ReaderTransmitter",
    "Records",
    "Sender",
    "Transmitter",
    "UnknownInterfaceError",
    "WriteBehaviour",
    "WrongKindError",
    "WrongProofError",
]


def __getattr__(name: str) -> Any:
    """Import AesCmac at its first use, because it needs the package cryptography."""
    if name == "AesCmac":
        from .aes import AesCmac

        return AesCmac
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
