"""The answer of a card that is removed after it."""

from __future__ import annotations


class LastAnswer(bytes):
    """The answer to a command after which the card is removed from its reader."""
