"""Saving a card with files as JSON, and loading it."""

from __future__ import annotations

import errno
import inspect
import json
import os
import re
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from .codes_and_keys import Code, Key
from .tree import DF, RecordEF, TransparentEF

_CLASSES: Final = {one.__name__: one for one in (Code, Key, TransparentEF, RecordEF, DF)}
_OWN_MESSAGE: Final = re.compile(r"[a-z_0-9 ]+: ")
"""The beginning of the messages of this package. These messages contain no values of codes."""
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP})
"""The errors of file systems that cannot write a folder to the disk on request."""


class _WrongFileError(Exception):
    """The file is not a saved card. The message says which part is wrong, and contains no values."""


def save(path: str | os.PathLike[str], mf: DF, atr: bytes, *, assumes_le: bool) -> None:
    """Write the files of a card, with codes and keys in plain hexadecimal, to a file that only its owner can read.

    A file that exists is replaced in one step after everything is written to the disk. If the program or the computer
    stops, the path leads to the old file or to the new one, each of them whole.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(path)
    text = json.dumps({"atr": atr, "assumes_le": assumes_le, "mf": mf}, default=_to_json, indent=1)
    descriptor, name = tempfile.mkstemp(prefix=target.name, dir=target.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    if os.name == "posix":
        _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def load(path: str | os.PathLike[str]) -> tuple[DF, bytes, bool]:
    """Read a file that :func:`save` wrote; return the MF, the ATR and whether the card assumes an Le.

    Raises:
        OSError: the file cannot be read.
        ValueError: :func:`save` did not write it; the message says where it is wrong.
    """
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        return _card(text)
    except _WrongFileError as error:
        problem = str(error)
    # raised outside of the except clause, because the causes of that error hold the text of the file, with the codes
    raise ValueError(f"path: {os.fspath(path)!r} is not a saved card: {problem}; give a file that save() wrote")


def _card(text: str) -> tuple[DF, bytes, bool]:
    try:
        card = json.loads(text)
        if not isinstance(card, dict):
            raise _WrongFileError("an object with mf and atr is expected")
        missing = {"mf", "atr"} - set(card)
        if missing:
            raise _WrongFileError(f"{min(missing)} is missing")
        atr, mf = _from_json(card["atr"], "atr"), _from_json(card["mf"], "mf")
        assumes_le = card.get("assumes_le", False)
    except json.JSONDecodeError as error:
        raise _WrongFileError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise _WrongFileError("it is nested too deeply") from error
    for place, value, kind in (("atr", atr, bytes), ("assumes_le", assumes_le, bool), ("mf", mf, DF)):
        if not isinstance(value, kind):
            raise _WrongFileError(f"{place}: {kind.__name__} is expected")
    return mf, atr, assumes_le


def _to_json(value: Any) -> dict[str, Any]:
    """Convert an object of a type that JSON does not have: bytes, or a class of files, codes or keys."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": value.hex()}
    names = [one.name for one in fields(value) if one.compare]
    return {"type": type(value).__name__, **{name: getattr(value, name) for name in names}}


def _from_json(value: Any, place: str) -> Any:
    """Convert the values of JSON back, the innermost ones first; ``place`` is the path to the value."""
    if isinstance(value, list):
        return [_from_json(one, f"{place}[{number}]") for number, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "hex" in value:
        try:
            return bytes.fromhex(value["hex"])
        except (ValueError, TypeError) as error:
            raise _WrongFileError(f"{place}: hexadecimal digits are expected") from error
    arguments = {name: _from_json(one, f"{place}.{name}") for name, one in value.items() if name != "type"}
    if "type" not in value:
        return arguments
    kind = _CLASSES.get(value["type"]) if isinstance(value["type"], str) else None
    if kind is None:
        raise _WrongFileError(f"{place}: the type is not one of {', '.join(_CLASSES)}")
    try:
        inspect.signature(kind).bind(**arguments)
        return kind(**arguments)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        text = str(error)
        message = (
            text if _OWN_MESSAGE.match(text) or "argument" in text else f"the values are not those of {kind.__name__}"
        )
        raise _WrongFileError(f"{place}: {message}") from error
