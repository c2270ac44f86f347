"""The exceptions for status words."""

from __future__ import annotations

from collections.abc import Sequence


class SWException(Exception):
    """A status word is an error.

    Args:
        data: the data of the response.
        sw1: the first byte of the status word.
        sw2: the second byte.
        message: its meaning.

    Attributes:
        data: the data of the response.
        sw1: the first byte of the status word.
        sw2: the second byte.
        message: the kind of the error and its meaning.
    """

    kind = ""

    def __init__(self, data: Sequence[int], sw1: int, sw2: int, message: str = "") -> None:
        super().__init__(data, sw1, sw2, message)
        self.message = f"{self.kind} - {message}" if self.kind else message
        self.data = data
        self.sw1 = sw1
        self.sw2 = sw2

    def __str__(self) -> str:
        return repr(f"Status word exception: {self.message}!")


class WarningProcessingException(SWException):
    """A warning: 62xx or 63xx."""

    kind = "warning processing"


class ExecutionErrorException(SWException):
    """An error during the execution: 64xx or 65xx."""

    kind = "execution error"


class SecurityRelatedException(SWException):
    """A security issue: 66xx."""

    kind = "security issue"


class CheckingErrorException(SWException):
    """The card refuses the command: 67xx to 6Fxx."""

    kind = "checking error"


CLASSES: dict[int, type[SWException]] = {
    **dict.fromkeys((0x62, 0x63), WarningProcessingException),
    **dict.fromkeys((0x64, 0x65), ExecutionErrorException),
    0x66: SecurityRelatedException,
    **dict.fromkeys((*range(0x67, 0x70), 0x94), CheckingErrorException),
}
"""The exception of each SW1."""
