"""Waiting for a card."""

from __future__ import annotations

from typing import Self

from .pcsc.PCSCCardRequest import PCSCCardRequest


class CardRequest(PCSCCardRequest):
    """A request for a card, which is also a context manager.

    Arguments, methods and errors are those of :class:`.PCSCCardRequest`.
    """

    @property
    def pcsccardrequest(self) -> Self:
        """The request itself: in pyscard, the object that does the work."""
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()
