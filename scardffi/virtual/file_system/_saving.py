"""Save a card with files as JSON, and load it."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from .codes_and_keys import Code, Key
from .tree import DF, RecordEF, TransparentEF

_CLASSES: Final = {one.__name__: one for one in (Code, Key, TransparentEF, RecordEF, DF)}


def save(path: str | os.PathLike[str], mf: DF, atr: bytes) -> None:
    """Write the files of a card, with codes and keys in plain hexadecimal, to a file that only its owner can read.

    A file that exists is replaced only after everything is written.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(path)
    text = json.dumps({"atr": atr, "mf": mf}, default=_to_json, indent=1)
    descriptor, name = tempfile.mkstemp(prefix=target.name, dir=target.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink()
        raise


def load(path: str | os.PathLike[str]) -> tuple[DF, bytes]:
    """Read a file that :func:`save` wrote; return the MF and the ATR.

    Raises:
        OSError: the file cannot be read.
        ValueError: :func:`save` did not write it.
    """
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        card = json.loads(text, object_hook=_from_json)
        mf, atr = card["mf"], memoryview(card["atr"]).tobytes()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        mf, atr = None, b""  # without the exception, which holds the text and so the codes
    if not isinstance(mf, DF):
        raise ValueError(f"path: {os.fspath(path)!r} is not a saved card; give a file that save() wrote")  # noqa: TRY004  the content of the file is wrong, not the type of an argument
    return mf, atr


def _to_json(value: Any) -> dict[str, Any]:
    """Convert an object of a type that JSON does not have: bytes, or a class of files, codes or keys."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": value.hex()}
    names = [one.name for one in fields(value) if one.compare]
    return {"type": type(value).__name__, **{name: getattr(value, name) for name in names}}


def _from_json(value: dict[str, Any]) -> Any:
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    if "type" in value:
        return _CLASSES[value.pop("type")](**value)
    return value
