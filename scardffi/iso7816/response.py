"""A response APDU: data and status word (ISO/IEC 7816-4, clause 5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from .._bytes_like import copied
from .malformed import MalformedError

if TYPE_CHECKING:
    from typing_extensions import Buffer


class MalformedResponseError(MalformedError):
    """Raised if a response APDU has fewer than 2 bytes, or data of a wrong length.

    Attributes:
        raw: all bytes of the card, if its response has fewer than 2 bytes and therefore no status word; otherwise
            None. If the response is the last part of a longer one, the data of the parts before precedes its bytes.
    """

    raw: bytes | None = None


class Response(tuple[bytes, int]):
    """A response APDU, a tuple of two: ``data, sw = response``. ``bytes(response)`` is the whole response.

    Args:
        raw: the whole response, 2 bytes or more, as ``transmit`` returns it.

    Raises:
        MalformedResponseError: ``raw`` has fewer than 2 bytes. The error has them in ``raw``.
    """

    __slots__ = ()
    __match_args__ = ("data", "sw")

    def __new__(cls, raw: Buffer) -> Self:
        """Return the response in these bytes."""
        whole = copied("raw", raw)
        if len(whole) < 2:
            error = MalformedResponseError("the response ends before its status word of 2 bytes", len(whole))
            error.raw = whole
            raise error
        return super().__new__(cls, (whole[:-2], int.from_bytes(whole[-2:], "big")))

    @property
    def data(self) -> bytes:
        """The response without its status word, 0 bytes or more."""
        return self[0]

    @property
    def sw(self) -> int:
        """The status word, 0 to 0xFFFF; :mod:`.status_word` has the meanings."""
        return self[1]

    @property
    def sw1(self) -> int:
        """The first byte of the status word."""
        return self[1] >> 8

    @property
    def sw2(self) -> int:
        """The second byte of the status word."""
        return self[1] & 0xFF

    @property
    def ok(self) -> bool:
        """True if the status word is 9000."""
        return self[1] == 0x9000

    def __bytes__(self) -> bytes:
        return self[0] + self[1].to_bytes(2, "big")

    def __getnewargs__(self) -> tuple[bytes]:
        return (bytes(self),)

    def __repr__(self) -> str:
        return f"<Response {len(self.data)} bytes, sw {self.sw:04X}>"
