"""A card with files in a file of JSON."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import fields
from pathlib import Path

from .tree import DF, Code, Key, RecordEF, TransparentEF

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Final

_CLASSES: Final = {one.__name__: one for one in (Code, Key, TransparentEF, RecordEF, DF)}


def save(path: str | os.PathLike[str], mf: DF, atr: bytes) -> None:
    """Write the tree, codes and keys in plain hexadecimal, into a file that the owner alone can read.

    What the file held before is there until all is written, and lost then.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(path)
    text = json.dumps({"atr": atr, "mf": mf}, default=_plain, indent=1)
    descriptor, name = tempfile.mkstemp(prefix=target.name, dir=target.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink()
        raise


def load(path: str | os.PathLike[str]) -> tuple[DF, bytes]:
    """The tree that a file of :func:`save` holds, and the answer to reset.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no such file.
    """
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        card = json.loads(text, object_hook=_of_plain)
        mf, atr = card["mf"], memoryview(card["atr"]).tobytes()
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        mf, atr = None, b""  # what was raised goes no further: it holds the text, and that the codes
    if not isinstance(mf, DF):
        raise ValueError(f"path: {os.fspath(path)} is no file of a saved card")  # noqa: TRY004  it is what the file says that is wrong
    return mf, atr


def _plain(value: Any) -> dict[str, Any]:
    """What JSON has no form for: bytes, and the classes of the tree."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": value.hex()}
    names = [one.name for one in fields(value) if one.compare]
    return {"type": type(value).__name__, **{name: getattr(value, name) for name in names}}


def _of_plain(plain: dict[str, Any]) -> Any:
    if "hex" in plain:
        return bytes.fromhex(plain["hex"])
    if "type" in plain:
        return _CLASSES[plain.pop("type")](**plain)
    return plain
