"""What a card without hardware is: anything that has an answer to reset and answers commands."""

from __future__ import annotations

from typing import Protocol


class Card(Protocol):
    """A card in Python. If it has a method ``reset()``, that is called whenever it is powered up or reset."""

    @property
    def atr(self) -> bytes:
        """The answer to reset, asked for at each power-up: at most 33 bytes (ISO/IEC 7816-3, clause 8)."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU with a response APDU, status word included. Commands come one at a time."""
        ...
