"""Several checks of status words, one after the other."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .ErrorChecker import ErrorChecker


class ErrorCheckingChain:
    """A link of a chain: one check of status words, after which the checks of the next links follow.

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

    def _links(self) -> list[ErrorCheckingChain]:
        """Return this link and those behind it."""
        return self.chain[self.chain.index(self) :]

    def next(self) -> ErrorCheckingChain | None:
        """Return the next link; None at the end."""
        return next(iter(self._links()[1:]), None)

    def end(self) -> bool:
        """Return whether this is the last link."""
        return self.next() is None

    def addFilterException(self, exClass: type[Exception]) -> None:
        """Suppress an exception in this link and those behind it."""
        for link in self._links():
            link.excludes.append(exClass)

    def __call__(self, data: Sequence[int], sw1: int, sw2: int) -> None:
        """Check a status word by this link and those behind it.

        Raises:
            SWException: the status word is an error.
        """
        for link in self._links():
            with contextlib.suppress(*link.excludes):
                link.strategy(data, sw1, sw2)
