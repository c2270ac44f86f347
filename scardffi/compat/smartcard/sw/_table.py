"""Checks by a table: which status words raise, with the meanings of :mod:`scardffi.iso7816`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ....iso7816.status_word import meaning
from .ErrorChecker import ErrorChecker
from .SWExceptions import CLASSES, SWException

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Table = dict[int, tuple[type[SWException], dict[int, str]]]

COUNTERS = tuple(range(0xC0, 0xD0))
"""The second bytes of 63Cx, which counts."""


def table(second_bytes: Mapping[int, Iterable[int]], other: Mapping[int, str] | None = None) -> Table:
    """Return the table of a check: by SW1 the exception, and the meanings by SW2.

    Args:
        second_bytes: each SW2 that raises, by SW1.
        other: the meanings of status words that are not of ISO/IEC 7816-4.
    """
    meanings = other or {}
    return {
        sw1: (CLASSES[sw1], {sw2: meanings.get(sw1 << 8 | sw2) or meaning(sw1 << 8 | sw2) for sw2 in all_sw2})
        for sw1, all_sw2 in second_bytes.items()
    }


class TableErrorChecker(ErrorChecker):
    """A check by a table.

    Attributes:
        table: the table of the subclass.
    """

    table: ClassVar[Table]

    def __call__(self, data: Sequence[int], sw1: int, sw2: int) -> None:
        """Raise the exception of the table for a status word, if there is one."""
        exception, meanings = self.table.get(sw1, (SWException, {}))
        if sw2 in meanings:
            raise exception(data, sw1, sw2, meanings[sw2])
