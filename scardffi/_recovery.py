"""The arguments of an attach, and the results that mean that a handle is lost: the knowledge of SCardManage.recover."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from .constants import Protocol, ReturnCode, Scope
from .errors import nothing_to_release

if TYPE_CHECKING:
    from collections.abc import Callable

_numbers: Final = itertools.count(1)
NEEDS_A_RESET: Final = frozenset({ReturnCode.SCARD_W_UNPOWERED_CARD, ReturnCode.SCARD_W_UNRESPONSIVE_CARD})
"""Results of a reconnect after which a reconnect with a reset may succeed."""


class Origin:
    """The arguments of an attach, by which the card is attached anew.

    Args:
        reader: the reader's name; None if it is not known.
        share_mode: the share mode; 0 if it is not known.
        protocols: the protocols.
        scope: the scope of the native context.
        on_reset: is called with the SCardManage when its card was recovered; None to call nothing.

    Attributes:
        number: another one for each attach; it stays the same when the card is recovered.
        is_lost: True if the object was detached to attach it anew, and that has not succeeded.
        is_ended: True after the detach that the user called.
    """

    __slots__ = ("is_ended", "is_lost", "number", "on_reset", "protocols", "reader", "scope", "share_mode")

    def __init__(
        self,
        reader: str | None,
        share_mode: int,
        protocols: Protocol = Protocol.ANY,
        scope: Scope = Scope.SYSTEM,
        on_reset: Callable[[Any], object] | None = None,
    ) -> None:
        if on_reset is not None and not callable(on_reset):
            raise TypeError(f"on_reset: expected a function or None, got {type(on_reset).__name__}")
        self.number = next(_numbers)
        self.reader = reader
        self.share_mode = share_mode
        self.protocols = protocols
        self.scope = scope
        self.on_reset = on_reset
        self.is_lost = False
        self.is_ended = False


def needs_a_new_handle(result: int) -> bool:
    """Return whether the result of a reconnect says that the handle cannot be used again."""
    return result == ReturnCode.SCARD_W_REMOVED_CARD or nothing_to_release(result)
