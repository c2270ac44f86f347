"""What a service of SCardManage talks through: the card that it was created on, and none that is attached later."""

from __future__ import annotations

from .errors import E_UNEXPECTED, from_hresult
from .iso7816.command import SHORT_DATA, SHORT_LE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from .services.transmitter import ReaderTransmitter


class Attachment:
    """A transmitter (:class:`scardffi.services.transmitter.Transmitter`) that refuses once its card was detached.

    Each method is that of :class:`scardffi.SCardManage`.

    Args:
        card: where the commands go.
        lasts: tells whether the card is still the one that it was.

    Attributes:
        turns: what the services of the card share.
    """

    def __init__(self, card: ReaderTransmitter, lasts: Callable[[], bool]) -> None:
        self._card = card
        self.turns = card.turns
        self._lasts = lasts

    def _attached(self, function: str) -> ReaderTransmitter:
        if not self._lasts():
            raise from_hresult(E_UNEXPECTED, function, "the card was detached; create the service anew on the next one")
        return self._card

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._attached("atr").atr

    def transmit(self, command: Buffer) -> bytes:
        """Send a command APDU, return the response APDU."""
        return self._attached("transmit").transmit(command)

    def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_LE) -> int:
        """Read the selected transparent file in place."""
        return self._attached("read_binary_into").read_binary_into(buffer, offset, chunk=chunk)

    def update_binary_from(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_DATA) -> int:
        """Write the selected transparent file."""
        return self._attached("update_binary_from").update_binary_from(buffer, offset, chunk=chunk)

    def control(self, code: SupportsIndex, data: Buffer = b"") -> bytes:
        """Send a command to the reader's driver."""
        return self._attached("control").control(code, data)

    def __repr__(self) -> str:
        return f"<Attachment of {self._card!r}{'' if self._lasts() else ', detached'}>"
