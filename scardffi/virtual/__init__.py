"""Readers and cards without hardware: a virtual PC/SC library, and functions that change its readers and cards.

The library has the ABI of the platform's PC/SC library and behaves like pcsc-lite. Each process has its own resource
manager: all contexts and threads of the process see the same readers, cards, transactions and events. At the start
there is one reader, :data:`DEFAULT_READER`, with an :class:`AnsweringCard` in it, or the readers that the environment
variable ``SCARDFFI_VIRTUAL`` describes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .._first_use import imported_at_first_use
from ._default_library import installed
from ._library_files import library_folder, library_path, stand_in
from .card import ANSWERING_ATR, AnsweringCard, Card
from .faults import Fault, fault, service_frozen, service_stopped
from .reader import DEFAULT_READER, VirtualReader

if TYPE_CHECKING:
    from ._card_file import card_schema_path, load_card
    from ._environment import Environment, environment
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
    "Environment",
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
    "card_schema_path",
    "emv_card",
    "environment",
    "fault",
    "installed",
    "library_folder",
    "library_path",
    "load_card",
    "piv_card",
    "service_frozen",
    "service_stopped",
    "sim_card",
    "stand_in",
]

_MODULES: Final = {
    **dict.fromkeys(
        (
            "DF",
            "FILE_SYSTEM_ATR",
            "FILE_SYSTEM_T0_ATR",
            "NEVER",
            "Algorithm",
            "Code",
            "FileSystemCard",
            "Key",
            "RecordEF",
            "Structure",
            "TransparentEF",
        ),
        ".file_system",
    ),
    "ContactlessStorageCard": ".storage_card",
    "EMVCard": ".emv",
    "Environment": "._environment",
    "PIVCard": ".piv",
    "SIMCard": ".sim",
    "VpcdCard": ".vpcd",
    "card_schema_path": "._card_file",
    "emv_card": ".emv",
    "environment": "._environment",
    "load_card": "._card_file",
    "piv_card": ".piv",
    "sim_card": ".sim",
}

__getattr__ = imported_at_first_use(__name__, _MODULES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
