"""Memory for secret data, which is overwritten even if Ctrl-C interrupts the program."""

from __future__ import annotations

import operator
from itertools import repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Secrets:
    """Bytearrays with secret data. ``[*secrets.wiping]`` in a ``finally`` overwrites all of them with zeros.

    Python handles signals only when a function begins, when a call returns and when a loop jumps back. So:

    - Add a bytearray before it holds anything secret, then fill it in place.
    - The line ``[*secrets.wiping]`` runs in C as a whole. A loop, or a call of a function in Python, could be
      interrupted before it has overwritten everything.

    The repr shows nothing of the data.

    Attributes:
        blocks: the bytearrays.
        wiping: an iterator; it overwrites the bytearrays when it is exhausted, which works once.
    """

    __slots__ = ("blocks", "wiping")

    def __init__(self) -> None:
        self.blocks: list[bytearray] = []
        zeros = map(bytes, map(len, self.blocks))
        self.wiping: Iterator[None] = map(operator.setitem, self.blocks, repeat(slice(None)), zeros)

    def new(self, size: int) -> bytearray:
        """Return a new bytearray of zeros, which will be overwritten with the others."""
        block = bytearray(size)
        self.blocks.append(block)
        return block
