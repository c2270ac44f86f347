"""Readers and cards without hardware: a virtual PC/SC library, and functions that change its readers and cards.

The library has the ABI of the platform's PC/SC library and behaves like pcsc-lite. Each process has its own resource
manager: all contexts and threads of the process see the same readers, cards, transactions and events. At the start
there is one reader, :data:`DEFAULT_READER`, with an :class:`AnsweringCard` in it, or the readers that the environment
variable ``SCARDFFI_VIRTUAL`` describes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ._default_library import installed
from ._library_files import library_folder, library_path, stand_in
from .card import ANSWERING_ATR, AnsweringCard, Card
from .faults import Fault, fault, service_stopped
from .reader import DEFAULT_READER, VirtualReader

if TYPE_CHECKING:
    from .emv import EMVCard, emv_card
    from .file_system import (
        DF,
        FILE_SYSTEM_ATR,
        FILE_SYSTEM_T0_ATR,
        NEVER,
        Algorithm,
        Code,
        FileSystemCard,
        Key,
        RecordEF,
        Structure,
        TransparentEF,
    )
    from .piv import PIVCard, piv_card
    from .sim import SIMCard, sim_card
    from .storage_card import ContactlessStorageCard
    from .vpcd import VpcdCard

__all__ = [
    "ANSWERING_ATR",
    "DEFAULT_READER",
    "DF",
    "FILE_SYSTEM_ATR",
    "FILE_SYSTEM_T0_ATR",
    "NEVER",
    "Algorithm",
    "AnsweringCard",
    "Card",
    "Code",
    "ContactlessStorageCard",
    "EMVCard",
    "Fault",
    "FileSystemCard",
    "Key",
    "PIVCard",
    "RecordEF",
    "SIMCard",
    "Structure",
    "TransparentEF",
    "VirtualReader",
    "VpcdCard",
    "emv_card",
    "fault",
    "installed",
    "library_folder",
    "library_path",
    "piv_card",
    "service_stopped",
    "sim_card",
    "stand_in",
]

_MODULES: Final = {
    "VpcdCard": ".vpcd",
    "ContactlessStorageCard": ".storage_card",
    "EMVCard": ".emv",
    "PIVCard": ".piv",
    "SIMCard": ".sim",
    "emv_card": ".emv",
    "piv_card": ".piv",
    "sim_card": ".sim",
}
"""The module of each name that is imported at its first use; the names that are not here are in ``file_system``."""


def __getattr__(name: str) -> Any:
    """Import the cards in Python at their first use: their modules import json and tempfile, which takes long."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES.get(name, ".file_system"), __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
