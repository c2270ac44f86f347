"""The base class of the checks of status words."""

from __future__ import annotations

from collections.abc import Sequence


class ErrorChecker:
    """A check of status words. A subclass overrides ``__call__``."""

    def __call__(self, data: Sequence[int], sw1: int, sw2: int) -> None:
        """Raise an SWException if a status word is an error.

        Args:
            data: the data of the response.
            sw1: the first byte of the status word.
            sw2: the second byte.
        """
