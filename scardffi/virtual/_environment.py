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


class Environment(dict[str, str]):
    """The environment variables with which another program uses virtual readers; :func:`environment` returns it.

    Attributes:
        errors: the exceptions that the cards have raised, except those that give a return code, with their tracebacks.
            The program got SCARD_F_COMM_ERROR for each of them, except for those of a card's ``reset()`` and ``atr``.
    """

    errors: list[BaseException]


class _CardOfProgram(VpcdCard):
    """A card for readers of the virtual library, which understands an empty message and a code as a failure."""

    _passes_codes = True

    def __init__(self, card: Card, errors: list[BaseException]) -> None:
        super().__init__(card, 0, listen=True)
        self.errors = errors


@contextmanager
def environment(cards: Mapping[str, Card | AnsweringCard | None]) -> Iterator[Environment]:
    """Return the environment variables with which another program uses virtual readers.

    On Linux they serve every program that loads libpcsclite.so.1, in any language; elsewhere, programs that use
    scardffi. The cards are in this process, and each program that is started gets them, while the context lasts. If a
    card raises an exception, the program gets SCARD_F_COMM_ERROR, and the exception is raised at the end of the
    context, unless it was removed from :attr:`Environment.errors` or another exception ends the context.

    Args:
        cards: the card in each reader, by the reader's name; None for an empty reader.

    Raises:
        ValueError: there are no readers, or a name is empty or has a comma or a semicolon.
        OSError: a socket could not be opened.
    """
    __tracebackhide__ = True
    if not cards:
        raise ValueError("cards: {} is not allowed; give at least one reader")
    variables = Environment({**os.environ, "SCARDFFI_LIBRARY": library_path()})
    variables.errors = []
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
                entries[-1] += f",connect={stack.enter_context(_CardOfProgram(card, variables.errors)).port}"
        variables["SCARDFFI_VIRTUAL"] = ";".join(entries)
        if sys.platform.startswith("linux"):
            folders = [library_folder(), os.environ.get("LD_LIBRARY_PATH", "")]
            variables["LD_LIBRARY_PATH"] = ":".join(filter(None, folders))
        yield variables
    if variables.errors:
        raise variables.errors[0]
