"""The interface of a card in Python, and the card that is built into the virtual library."""

from __future__ import annotations

from typing import Final, Protocol

from .._half_made import repr_if_half_made


class Card(Protocol):
    """A card in Python.

    If the card has a method ``reset()``, it is called when the card is inserted, reset or powered off. It must forget
    the selected file and all verifications. The methods are called on the threads of the programs that use the card,
    one at a time.
    """

    @property
    def atr(self) -> bytes:
        """The ATR, at most 33 bytes (ISO/IEC 7816-3, clause 8); a card with an empty ATR is mute."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """Return the response APDU, status word included, to a command APDU.

        If the method raises an SCardError with a ``code``, SCardTransmit returns this code. SCARD_E_NO_SMARTCARD and
        SCARD_W_REMOVED_CARD also remove the card from its reader.

        The method may itself use PC/SC and the card's reader. A call that would have to wait for this command raises
        SharingViolationError. But a call of an SCardManage on the same card handle waits for ever.
        """
        ...


ANSWERING_ATR: Final = bytes.fromhex("3B88800173636172646666 6907")
"""The ATR of an :class:`AnsweringCard`: T=0 and T=1, historical bytes ``scardffi``."""


@repr_if_half_made
class AnsweringCard:
    """The card that is in the virtual reader at the start. It is implemented in C.

    It answers READ BINARY, GET CHALLENGE, SELECT of the MF, and commands that test a program: 61xx, 6Cxx, chaining,
    long answers, slow answers.

    Args:
        atr: the ATR, at most 33 bytes; a card with an empty ATR is mute.
    """

    def __init__(self, atr: bytes = ANSWERING_ATR) -> None:
        self.atr = bytes(memoryview(atr))  # bytes() would take an int for a length

    def __repr__(self) -> str:
        return f"<scardffi.virtual.AnsweringCard {self.atr.hex()}>"
