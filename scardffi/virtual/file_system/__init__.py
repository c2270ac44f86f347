"""A card with files, codes and keys, without hardware: :class:`FileSystemCard` and the classes of its parts."""

from __future__ import annotations

from ._access import NEVER
from ._session import Algorithm
from .card import FILE_SYSTEM_ATR, FILE_SYSTEM_T0_ATR, FileSystemCard
from .codes_and_keys import Code, Key
from .tree import DF, RecordEF, Structure, TransparentEF

__all__ = [
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
]
