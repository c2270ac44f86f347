"""Conditions for cards, by their ATRs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .Exceptions import InvalidATRMaskLengthException
from .util import toHexString

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .reader.Reader import Reader


class CardType:
    """The base class: a condition that cards match or not."""

    def matches(self, atr: Sequence[int], reader: Reader | None = None) -> bool:
        """Return whether a card matches.

        Args:
            atr: the card's ATR.
            reader: its reader.
        """
        raise NotImplementedError("override matches() in the subclass of CardType")


class AnyCardType(CardType):
    """The condition that every card matches."""

    def matches(self, atr: Sequence[int], reader: Reader | None = None) -> bool:
        """Return True."""
        del atr, reader
        return True


class ATRCardType(CardType):
    """The condition that cards with this ATR match.

    Args:
        atr: the ATR.
        mask: bits of the ATR that are compared; None for all. It has the ATR's length.

    Raises:
        InvalidATRMaskLengthException: the mask has another length.
    """

    def __init__(self, atr: Sequence[int], mask: Sequence[int] | None = None) -> None:
        self.atr = list(atr)
        self.mask = None if mask is None else list(mask)
        if self.mask is not None and len(self.mask) != len(self.atr):
            raise InvalidATRMaskLengthException(toHexString(self.mask))
        self.maskedatr = self._masked(self.atr)

    def matches(self, atr: Sequence[int], reader: Reader | None = None) -> bool:
        """Return whether an ATR is the same, in the bits of the mask."""
        del reader
        return len(atr) == len(self.atr) and self._masked(list(atr)) == self.maskedatr

    def _masked(self, atr: list[int]) -> list[int]:
        return atr if self.mask is None else [byte & bits for byte, bits in zip(atr, self.mask, strict=True)]
