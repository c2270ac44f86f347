"""A connection that no other program shares."""

from __future__ import annotations

from ..scard import SCARD_SHARE_EXCLUSIVE
from .CardConnectionDecorator import CardConnectionDecorator


class ExclusiveConnectCardConnection(CardConnectionDecorator):
    """A connection that excludes all others to the same card."""

    def connect(self, protocol: int | None = None, mode: int | None = None, disposition: int | None = None) -> None:
        """Connect with SCARD_SHARE_EXCLUSIVE, whatever ``mode`` is.

        Raises:
            CardConnectionException: another connection is there, or another error of PC/SC.
        """
        del mode
        self.component.connect(protocol, SCARD_SHARE_EXCLUSIVE, disposition)
