"""The names of cards in the list of pcsc-tools, if that is installed."""

from __future__ import annotations

import os
import re
from pathlib import Path

_FILE = "smartcard_list.txt"


def card_names(atr: bytes) -> list[str] | None:
    """Return the names that the list has for an ATR; None if there is no list."""
    path = _list()
    if path is None:
        return None
    text = atr.hex(" ").upper()
    names: list[str] = []
    fits = False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("\t"):
            if fits:
                names.append(line.strip())
        elif line and not line.startswith("#"):
            fits = _fits(line.strip(), text)
    return names


def _list() -> Path | None:
    """Return the list: that which pcsc_scan downloads for the user, or the installed one."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    for folder in (Path(cache), Path("/usr/share/pcsc"), Path("/usr/local/share/pcsc")):
        if (folder / _FILE).is_file():
            return folder / _FILE
    return None


def _fits(pattern: str, text: str) -> bool:
    """Return whether a regular expression of the list fits a whole ATR. Most lines have no special characters."""
    if pattern[:2] != text[:2]:
        return False
    try:
        return re.fullmatch(pattern, text, re.IGNORECASE) is not None
    except re.error:
        return False
