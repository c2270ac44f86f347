"""A card that answers as told, and keeps what it was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHAINING = "3B85018073F7418001"
"""An ATR whose card takes chained commands."""
CHAINING_AND_EXTENDED = "3B85018073F741C001"
"""An ATR whose card takes extended commands too."""


class ScriptedCard:
    """A card in Python, and a transmitter.

    Attributes:
        sent: the commands, in hexadecimal.
        buffers: the very objects that were handed in; services overwrite theirs.
    """

    def __init__(self, *answers: str, atr: str = CHAINING_AND_EXTENDED) -> None:
        self.atr = bytes.fromhex(atr)
        self.answers = [bytes.fromhex(answer) for answer in answers]
        self.sent: list[str] = []
        self.buffers: list[bytearray] = []

    def transmit(self, command: Buffer, /) -> bytes:
        """The next answer; none left is an IndexError."""
        if isinstance(command, bytearray):
            self.buffers.append(command)
        self.sent.append(memoryview(command).hex().upper())
        return self.answers.pop(0)
