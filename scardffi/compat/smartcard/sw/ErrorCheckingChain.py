"""Several checks of status words, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ErrorChecker import ErrorChecker


class ErrorCheckingChain:
    """One check of a chain, and the ones behind it.

    Args:
        chain: the list of the chain's links, to which this one is appended.
        strategy: the check.

    Attributes:
        excludes: the exceptions that are not raised.
    """

    def __init__(self, chain: list[ErrorCheckingChain], strategy: ErrorChecker) -> None:
        self.strategy = strategy
        self.chain = chain
        chain.append(self)
        self.excludes: list[type[Exception]] = []

    def next(self) -> ErrorCheckingChain | None:
        """Return the next link; None at the end."""
        place = next((place for place, link in enumerate(self.chain) if link is self), len(self.chain))
        return self.chain[place + 1] if place + 1 < len(self.chain) else None

    def end(self) -> bool:
        """Return whether this is the last link."""
        return self.next() is None

    def addFilterException(self, exClass: type[Exception]) -> None:
        """Let this link and those behind it not raise an exception."""
        self.excludes.append(exClass)
        if (following := self.next()) is not None:
            following.addFilterException(exClass)

    def __call__(self, data: Sequence[int], sw1: int, sw2: int) -> None:
        """Check a status word, and then let the next link check it.

        Raises:
            SWException: the status word is an error.
        """
        try:
            self.strategy(data, sw1, sw2)
        except tuple(self.excludes):
            pass
        if (following := self.next()) is not None:
            following(data, sw1, sw2)
