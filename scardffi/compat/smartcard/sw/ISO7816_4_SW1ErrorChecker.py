"""The check of the first byte of status words, by ISO/IEC 7816-4."""

from __future__ import annotations

from collections.abc import Sequence

from .ErrorChecker import ErrorChecker
from .SWExceptions import CLASSES

iso7816_4SW1 = {sw1: exception for sw1, exception in CLASSES.items() if sw1 < 0x70}
"""The exception of each SW1."""


class ISO7816_4_SW1ErrorChecker(ErrorChecker):
    """The check of SW1 (ISO/IEC 7816-4, clause 5.6): 62 to 6F are errors."""

    def __call__(self, data: Sequence[int], sw1: int, sw2: int) -> None:
        """Raise the exception of SW1, if there is one."""
        if sw1 in iso7816_4SW1:
            raise iso7816_4SW1[sw1](data, sw1, sw2)
