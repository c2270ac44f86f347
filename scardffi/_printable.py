"""Text that a terminal can show."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return text with an escape for each character that cannot be printed, such as one that controls a terminal."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
