"""Services for the files, keys and codes of a card. They send commands through any object with ``transmit()``.

The public names of all its modules are here: ``from scardffi.services import FileAccess, FileKind, PinPad``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._first_use import imported_at_first_use

if TYPE_CHECKING:
    from .aes import AesCmac
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

_MODULES: Final = {
    "AesCmac": ".aes",
    "CardAuth": ".card_auth",
    "Checker": ".card_auth",
    "Protector": ".card_auth",
    "Prover": ".card_auth",
    "WrongProofError": ".card_auth",
    "CardCapabilities": ".card_capabilities",
    "WriteBehaviour": ".card_capabilities",
    "CardFile": ".card_file",
    "Records": ".card_records",
    "CHVerification": ".ch_verification",
    "Padding": ".codes",
    "FileAccess": ".file_access",
    "DirectoryEntry": ".file_directory",
    "FileKind": ".file_properties",
    "FileProperties": ".file_properties",
    "LifeCycle": ".file_properties",
    "WrongKindError": ".file_properties",
    "FileRef": ".file_reference",
    "Location": ".file_reference",
    "UnknownInterfaceError": ".interfaces",
    "NoPinPadError": ".pin_pad",
    "PinPad": ".pin_pad",
    "PinPadCancelledError": ".pin_pad",
    "PinPadCodeLengthError": ".pin_pad",
    "PinPadCodesDifferError": ".pin_pad",
    "PinPadError": ".pin_pad",
    "PinPadParameterError": ".pin_pad",
    "PinPadTimeoutError": ".pin_pad",
    "EntryValidation": ".pin_structures",
    "Feature": ".pin_structures",
    "MalformedPinDataError": ".pin_structures",
    "PinModify": ".pin_structures",
    "PinProperties": ".pin_structures",
    "PinVerify": ".pin_structures",
    "Property": ".pin_structures",
    "ReaderTransmitter": ".transmitter",
    "Sender": ".transmitter",
    "Transmitter": ".transmitter",
}

__getattr__ = imported_at_first_use(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
