"""The error of every parser here: bytes that are not what they should be, and where."""

from __future__ import annotations


class MalformedError(ValueError):
    """Bytes that are not what the parser reads. Each parser raises a class of its own below this one.

    The message tells lengths and places, never bytes of the data, which may be secret.

    Attributes:
        offset: the byte where it goes wrong, counted from 0 in the bytes that were handed in.
    """

    offset: int = 0

    def __init__(self, message: str, offset: int = 0) -> None:
        super().__init__(message, offset)
        self.offset = offset

    def __str__(self) -> str:
        return f"byte {self.offset}: {self.args[0]}"
