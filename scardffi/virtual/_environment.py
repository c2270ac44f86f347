"""The environment in which another program finds virtual readers."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ._library_files import library_folder, library_path
from .card import AnsweringCard
from .vpcd import VpcdCard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .card import Card

_SEPARATORS = ",;"


@contextmanager
def environment(cards: Mapping[str, Card | AnsweringCard | None]) -> Iterator[dict[str, str]]:
    """Return the environment variables with which another program uses virtual readers.

    On Linux they serve every program that loads libpcsclite.so.1, in any language; elsewhere, programs that use
    scardffi. The cards are in this process, and each program that is started gets them, while the context lasts.

    Args:
        cards: the card in each reader, by the reader's name; None for an empty reader.

    Raises:
        ValueError: there are no readers, or a name is empty or has a comma or a semicolon.
        OSError: a socket could not be opened.
    """
    if not cards:
        raise ValueError("cards: {} is not allowed; give at least one reader")
    with ExitStack() as stack:
        entries = []
        for name, card in cards.items():
            if not name or any(one in name for one in _SEPARATORS):
                raise ValueError(
                    f"cards: the name {name!r} is not allowed; give characters other than comma and semicolon"
                )
            entries.append(f"reader,name={name}")
            if card is None:
                entries[-1] += ",card=none"
            elif not isinstance(card, AnsweringCard):
                entries[-1] += f",connect={stack.enter_context(VpcdCard(card, 0, listen=True)).port}"
        variables = {**os.environ, "SCARDFFI_LIBRARY": library_path(), "SCARDFFI_VIRTUAL": ";".join(entries)}
        if sys.platform.startswith("linux"):
            folders = [library_folder(), os.environ.get("LD_LIBRARY_PATH", "")]
            variables["LD_LIBRARY_PATH"] = ":".join(filter(None, folders))
        yield variables
