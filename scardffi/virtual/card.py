"""What a card without hardware is: anything that has an answer to reset and answers commands."""

from __future__ import annotations

from typing import Final, Protocol


class Card(Protocol):
    """A card in Python.

    If it has a method ``reset()``, that is called whenever what was selected and verified on it is lost: when it is
    inserted, reset or switched off. Its methods are called on the threads of the programs that use it, one at a time.
    """

    @property
    def atr(self) -> bytes:
        """The answer to reset: at most 33 bytes (ISO/IEC 7816-3, clause 8); none is a card that is mute."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU with a response APDU, status word included.

        It may use PC/SC and its reader itself. What would wait for this very command raises SharingViolationError,
        but the object through which the command came would wait for itself.
        """
        ...


ANSWERING_ATR: Final = bytes.fromhex("3B88800173636172646666 6907")
"""The answer to reset of an :class:`AnsweringCard`: T=0 and T=1, historical bytes ``scardffi``."""


class AnsweringCard:
    """The card that is in the virtual reader from the start; it lives in C.

    It answers READ BINARY, GET CHALLENGE, SELECT of the MF, and commands that try a program out: 61xx, 6Cxx,
    chaining, long answers, slow ones.

    Args:
        atr: the answer to reset, at most 33 bytes; none is a card that is mute.
    """

    def __init__(self, atr: bytes = ANSWERING_ATR) -> None:
        self.atr = bytes(memoryview(atr))  # bytes() would take a number for a length

    def __repr__(self) -> str:
        return f"<scardffi.virtual.AnsweringCard {self.atr.hex()}>"
