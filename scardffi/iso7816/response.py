"""A response APDU: data and status word (ISO/IEC 7816-4, clause 5.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .malformed import MalformedError

if TYPE_CHECKING:
    from typing_extensions import Buffer


class MalformedResponseError(MalformedError):
    """Raised if a response APDU has fewer than 2 bytes, or data of a wrong length.

    Attributes:
        raw: the whole response, if it has fewer than 2 bytes and therefore no status word; otherwise None.
    """

    raw: bytes | None = None


@dataclass(init=False, repr=False)
class Response:
    """A response APDU. It has the same attributes as :class:`scardffi.script.Reply`.

    Args:
        raw: the whole response, 2 bytes or more, as ``transmit`` returns it.

    Attributes:
        data: the response without its status word, 0 bytes or more.
        sw: the status word, 0 to 0xFFFF; :mod:`.status_word` has the meanings.

    Raises:
        MalformedResponseError: ``raw`` has fewer than 2 bytes. The error has them in ``raw``.
    """

    data: bytes
    sw: int

    def __init__(self, raw: Buffer) -> None:
        whole = memoryview(raw).tobytes()
        if len(whole) < 2:
            error = MalformedResponseError("the response ends before its status word of 2 bytes", len(whole))
            error.raw = whole
            raise error
        self.data = whole[:-2]
        self.sw = int.from_bytes(whole[-2:], "big")

    def __bytes__(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")

    def __len__(self) -> int:
        return len(self.data) + 2

    def __repr__(self) -> str:
        if not hasattr(self, "sw"):
            return "<Response that was refused>"
        return f"<Response {len(self.data)} bytes, sw {self.sw:04X}>"
