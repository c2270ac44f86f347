"""Saving a card with files as JSON, and loading it."""

from __future__ import annotations

import errno
import json
import os
import re
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from ._schema import WrongFileError, check
from .codes_and_keys import Code, Key
from .tree import DF, RecordEF, TransparentEF

_CLASSES: Final = {one.__name__: one for one in (Code, Key, TransparentEF, RecordEF, DF)}
_OWN_MESSAGE: Final = re.compile(r"[a-z_0-9 ]+: ")
"""The beginning of the messages of this package. These messages contain no values of codes."""
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTSUP})
"""The errors of file systems that cannot write a folder to the disk on request."""


def save(path: str | os.PathLike[str], card: str, mf: DF, atr: bytes, *, assumes_le: bool) -> None:
    """Write the files of a card, with codes and keys in plain hexadecimal, to a file that only its owner can read.

    ``card`` is the name of the card's class.

    A file that exists is replaced in one step after everything is written to the disk. If the program or the computer
    stops, the path leads to the old file or to the new one, each of them whole.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(path)
    text = json.dumps({"card": card, "atr": atr, "assumes_le": assumes_le, "mf": mf}, default=_to_json, indent=1)
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


def load(path: str | os.PathLike[str]) -> tuple[str | None, dict[str, Any]]:
    """Read a card's file; return the name of the card's class, None if the file has none, and the class's arguments.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a card's file; the message says where it is wrong.
    """
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        return _card(text)
    except WrongFileError as error:
        problem = str(error)
    # raised outside of the except clause, because the causes of that error hold the text of the file, with the codes
    raise ValueError(f"path: {os.fspath(path)!r} is not a card's file: {problem}")


def _card(text: str) -> tuple[str | None, dict[str, Any]]:
    try:
        card = json.loads(text, parse_float=_number)
        check(card)
        arguments = {name: _from_json(one, name) for name, one in card.items() if name not in {"$schema", "card"}}
    except json.JSONDecodeError as error:
        raise WrongFileError(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise WrongFileError("it is nested too deeply") from error
    except ValueError as error:  # the limit of Python
        raise WrongFileError("a number has too many digits") from error
    return card.get("card"), arguments


def _number(text: str) -> float:
    """Return a number with a fraction or an exponent: an int for 1.0, which is an integer in JSON Schema."""
    number = float(text)
    return int(number) if number.is_integer() else number


def _to_json(value: Any) -> dict[str, Any]:
    """Convert an object of a type that JSON does not have: bytes, or a class of files, codes or keys."""
    if isinstance(value, (bytes, bytearray)):
        return {"hex": value.hex()}
    names = [one.name for one in fields(value) if one.compare]
    return {"type": type(value).__name__, **{name: getattr(value, name) for name in names}}


def _from_json(value: Any, place: str) -> Any:
    """Convert the values of JSON, which were checked, the innermost ones first; ``place`` is the path to the value."""
    if isinstance(value, list):
        return [_from_json(one, f"{place}[{number}]") for number, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    arguments = {name: _from_json(one, f"{place}.{name}") for name, one in value.items() if name != "type"}
    if "type" not in value:
        return arguments
    kind = _CLASSES[value["type"]]
    try:
        return kind(**arguments)
    except ValueError as error:
        text = str(error)
        if not _OWN_MESSAGE.match(text):
            text = f"the values are not those of {kind.__name__}"
        separator = "." if text.partition(":")[0] in arguments else ": "
        raise WrongFileError(f"{place}{separator}{text}") from error
