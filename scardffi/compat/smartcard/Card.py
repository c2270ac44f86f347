"""A card that is in a reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .pcsc.PCSCReader import PCSCReader
from .util import toHexString

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .CardConnectionDecorator import CardConnectionDecorator
    from .reader.Reader import Reader


class Card:
    """A card. Two are equal if their ATRs and readers' names are.

    Args:
        reader: the reader, or its name.
        atr: the ATR, empty if it is not known.
    """

    def __init__(self, reader: Reader | str, atr: Sequence[int]) -> None:
        self.reader = reader
        self.atr = list(atr)

    def createConnection(self) -> CardConnectionDecorator:
        """Return a connection to the card's reader, which is not connected yet."""
        return (PCSCReader(self.reader) if isinstance(self.reader, str) else self.reader).createConnection()

    def __repr__(self) -> str:
        return f"{toHexString(self.atr)} / {self.reader}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Card) and (self.atr, str(self.reader)) == (other.atr, str(other.reader))

    def __hash__(self) -> int:
        return hash((*self.atr, str(self.reader)))
