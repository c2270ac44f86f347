"""The base class of the errors that the parsers raise."""

from __future__ import annotations


class MalformedError(ValueError):
    """Raised if bytes do not have the format that a parser reads. Each parser raises a subclass of its own.

    The message contains lengths and positions, never bytes of the data, which may be secret.

    Attributes:
        offset: the position of the error, counted from 0 in the bytes that the parser received.
    """

    offset: int = 0

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message, offset)
        self.offset = offset

    def __str__(self) -> str:
        return f"byte {self.offset}: {self.args[0]}"
