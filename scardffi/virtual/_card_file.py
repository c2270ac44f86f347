"""Load a card of the class that its file names, and find the JSON Schema of such files."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .file_system._saving import load
from .file_system._schema import SCHEMA_PATH

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from .file_system import Algorithm, FileSystemCard


def load_card(path: str | os.PathLike[str], *, algorithms: Mapping[str, Algorithm] | None = None) -> FileSystemCard:
    """Return the card of a file, in the state after a reset.

    Args:
        path: a file that :meth:`.FileSystemCard.save` or a person wrote. It names the class of the card:
            FileSystemCard (also if it names none), PIVCard, SIMCard or EMVCard.
        algorithms: as for :class:`.FileSystemCard`.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a card's file (the message says where it is wrong), or the algorithm of a key is missing.
    """
    name, arguments = load(path)
    # by name, so that a frozen program does not contain the cards that it does not use
    kind: type[FileSystemCard] = getattr(sys.modules[__name__.rpartition(".")[0]], name or "FileSystemCard")
    return kind(**arguments, algorithms=algorithms)


def card_schema_path() -> str:
    """Return the path of the JSON Schema (draft 2020-12) of a card's file."""
    return str(SCHEMA_PATH)
