"""What a :class:`~scardffi.virtual.file_system_card.FileSystemCard` is made of: files, codes and keys."""

from __future__ import annotations

from .tree import DF, NEVER, Code, Key, RecordEF, Structure, TransparentEF

__all__ = ["DF", "NEVER", "Code", "Key", "RecordEF", "Structure", "TransparentEF"]
