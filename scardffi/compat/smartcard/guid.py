"""GUIDs as text, and as the lists of 16 bytes that PC/SC on Windows takes."""

from __future__ import annotations

import uuid
from collections.abc import Sequence


def strToGUID(s: str) -> list[int]:
    """Return the bytes of a GUID such as ``"{AD4F1667-EA75-4124-84D4-641B3B197C65}"``, in Windows' order."""
    return list(uuid.UUID(s).bytes_le)


def GUIDToStr(g: Sequence[int]) -> str:
    """Return the text of a GUID from its bytes in Windows' order."""
    return f"{{{uuid.UUID(bytes_le=bytes(g))}}}".upper()
