"""A card with files, codes and keys, without hardware: :class:`FileSystemCard` and the classes of its parts."""

from __future__ import annotations

from ._access import NEVER
from .card import FILE_SYSTEM_ATR, FileSystemCard
from .codes_and_keys import Code, Key
from .tree import DF, RecordEF, Structure, TransparentEF

__all__ = [
    "DF",
    "FILE_SYSTEM_ATR",
    "NEVER",
    "Code",
    "FileSystemCard",
    "Key",
    "RecordEF",
    "Structure",
    "TransparentEF",
]
