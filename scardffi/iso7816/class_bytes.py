"""Class bytes of interindustry commands: channel, secure messaging, chaining (ISO/IEC 7816-4, clause 5.4.1)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from .._field_docs import field_docs

__all__ = ["ClassByte", "SecureMessaging", "class_byte", "decode_class_byte"]

LAST_CHANNEL: Final = 19
"""The highest number of a logical channel."""
CHAINING: Final = 0x10
"""The bit of a class byte that says that the next command continues this one."""
PROPRIETARY: Final = 0x80
"""The bit that is set in every class byte that the card defines."""

_FIRST_FURTHER_CHANNEL: Final = 4
_FURTHER: Final = 0x40
_FURTHER_SECURE_MESSAGING: Final = 0x20


class SecureMessaging(IntEnum):
    """The secure messaging of a command that its class byte states."""

    NONE = 0
    """No secure messaging, or none that the class byte states."""
    PROPRIETARY = 1
    """In a format that the card defines; only in channels 0 to 3."""
    STANDARD = 2
    """As in ISO/IEC 7816-4, clause 10; the header of the command is not authenticated."""
    HEADER_AUTHENTICATED = 3
    """As in clause 10; the header of the command is authenticated. Only in channels 0 to 3."""


@field_docs(
    channel="The number of the logical channel, 0 to 19.",
    secure_messaging="The secure messaging of the command.",
    chaining="True if the next command continues this one.",
)
class ClassByte(NamedTuple):
    """The parts of an interindustry class byte."""

    channel: int
    secure_messaging: SecureMessaging
    chaining: bool


def class_byte(
    channel: int = 0, *, secure_messaging: SecureMessaging = SecureMessaging.NONE, chaining: bool = False
) -> int:
    """Return an interindustry class byte.

    Args:
        channel: the number of the logical channel, 0 to 19.
        secure_messaging: the secure messaging of the command. Channels 4 to 19 have only NONE and STANDARD.
        chaining: True if the next command continues this one.

    Raises:
        ValueError: a number is not allowed, or the channel does not have this secure messaging.
    """
    if channel not in range(LAST_CHANNEL + 1):
        raise ValueError(f"channel: {channel} is not allowed; give 0 to {LAST_CHANNEL}")
    secure_messaging = SecureMessaging(secure_messaging)
    bits = CHAINING if chaining else 0
    if channel < _FIRST_FURTHER_CHANNEL:
        return bits | secure_messaging << 2 | channel
    if secure_messaging not in {SecureMessaging.NONE, SecureMessaging.STANDARD}:
        raise ValueError(
            f"secure_messaging: {secure_messaging.name} is not allowed in channel {channel}; give NONE or STANDARD"
        )
    secured = _FURTHER_SECURE_MESSAGING if secure_messaging else 0
    return _FURTHER | secured | bits | channel - _FIRST_FURTHER_CHANNEL


def decode_class_byte(cla: int) -> ClassByte | None:
    """Return the parts of a class byte; None if it is not an interindustry one: 20 to 3F, or 80 to FF.

    Args:
        cla: the class byte, 0 to 255.
    """
    chaining = bool(cla & CHAINING)
    if cla & PROPRIETARY:
        return None
    if cla & _FURTHER:
        secured = SecureMessaging.STANDARD if cla & _FURTHER_SECURE_MESSAGING else SecureMessaging.NONE
        return ClassByte((cla & 0x0F) + _FIRST_FURTHER_CHANNEL, secured, chaining)
    if cla & _FURTHER_SECURE_MESSAGING:  # the standard does not use 20 to 3F
        return None
    return ClassByte(cla & 0x03, SecureMessaging(cla >> 2 & 0x03), chaining)
