"""Transmission of commands and responses in parts: GET RESPONSE, ENVELOPE (ISO/IEC 7816-4, clause 11.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ..command import SHORT_LE, Command
from ._arguments import encoded

if TYPE_CHECKING:
    from ..tlv import Objects

_ENVELOPE: Final = 0xC2


def get_response(le: int = SHORT_LE, *, cla: int = 0) -> Command:
    """Build GET RESPONSE, which reads the data that the card announced with 61xx (clause 11.7.1)."""
    return Command(cla, 0xC0, le=le)


def envelope(command: Objects, le: int | None = SHORT_LE, *, odd: bool = False, cla: int = 0) -> Command:
    """Build ENVELOPE, which contains another command, for example an extended one for T=0 (clause 11.7.2).

    Args:
        command: the APDU of the other command, such as ``bytes(other)``. If it has more than 255 bytes, split the
            ENVELOPE command: ``envelope(command).chain()``.
        le: the maximum number of data bytes in the response; None for no data.
        odd: True for instruction byte C3: ``command`` is data objects.
        cla: the class byte.
    """
    return Command(cla, _ENVELOPE | odd, 0, 0, encoded("command", command), le)
