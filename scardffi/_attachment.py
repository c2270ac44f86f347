"""The attachment of an SCardManage to one card: the attach by which it is recovered, the transmitter of services.

An attachment begins at attach and ends at detach. It must not refer to its SCardManage: in a reference cycle, the
SCardManage would not be finalized when its last user drops it. For that reason services get a transmitter, which refers
to both.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from ._locks import ForkMutex
from .constants import Protocol, ReturnCode, Scope
from .errors import E_UNEXPECTED, CommunicationError, from_hresult, nothing_to_release, short_response_error
from .exchange import SHORT_DATA, SHORT_LE

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex

    from typing_extensions import Buffer

    from .services.transmitter import ReaderTransmitter, Turns

_turns_lock: Final = ForkMutex()


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


class Attachment:
    """The time from an attach to the following detach.

    Args:
        source: the object that the handle came from. It is kept alive until the attachment ends.
        previous: the previous attachment of the same SCardManage. A service can be made with the SCardManage itself as
            its transmitter and outlive an attachment, so all attachments of one SCardManage share one ``turns``.

    Attributes:
        is_ended: True after the card was detached.
        capabilities: what the ATR says about extended and chained commands, for ``send``; None if it was not read yet.
    """

    def __init__(self, source: object, previous: Attachment | None) -> None:
        self._source = source
        self._turns: Turns | None = None if previous is None else previous._turns  # noqa: SLF001  it is the same class
        self.is_ended = False
        self.capabilities: tuple[bool, bool] | None = None

    @property
    def turns(self) -> Turns:
        """The object by which services take turns. It is created at the first use, which imports the services."""
        from .services.transmitter import Turns  # `import scardffi` must not load the services

        with _turns_lock:  # two threads may create the first services
            if self._turns is None:
                self._turns = Turns()
            return self._turns

    def forget_selection(self) -> None:
        """Record that the selected file is unknown, for example after a reset."""
        if self._turns is not None:
            self._turns.selected_by = None

    def end(self) -> None:
        """End the attachment: from now on its services raise, and the source is no longer kept alive."""
        self.give_up()
        self._source = None

    def give_up(self) -> None:
        """Let the services raise, but keep the source alive until :meth:`end`, because a call is still using it."""
        self.is_ended = True
        self.forget_selection()


class SendTransmitter:
    """A transmitter for ``send`` (:class:`scardffi.services.transmitter.Transmitter`) that raises after the detach.

    Each method does the same as the method of :class:`scardffi.SCardManage` with its name. There is no
    ``short_response_error``, so a response of fewer than 2 bytes raises MalformedResponseError.

    Args:
        card: the object that sends the commands.
        attachment: its present attachment.

    Attributes:
        takes_any_buffer: True, so that every command is a bytearray that is overwritten.
        turns: the object by which the services of the card take turns.
    """

    takes_any_buffer: Final = True

    def __init__(self, card: ReaderTransmitter, attachment: Attachment) -> None:
        self._card = card
        self._attachment = attachment
        self.turns = attachment.turns

    def _attached(self, function: str) -> ReaderTransmitter:
        """Return the card, or raise if it was detached."""
        if self._attachment.is_ended:
            raise from_hresult(E_UNEXPECTED, function, "the card was detached; create a new service after attaching")
        return self._card

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._attached("atr").atr

    def transmit(self, command: bytes | bytearray) -> bytes:
        """Send a command APDU and return the response APDU."""
        return self._attached("transmit").transmit(command)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._card!r}{', detached' if self._attachment.is_ended else ''}>"


class AttachmentTransmitter(SendTransmitter):
    """A transmitter for services, with the optional members that services use.

    It makes services raise CommunicationError for a response of fewer than 2 bytes.
    """

    def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_LE) -> int:
        """Read the selected transparent file in place."""
        return self._attached("read_binary_into").read_binary_into(buffer, offset, chunk=chunk)

    def update_binary_from(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_DATA) -> int:
        """Write the selected transparent file."""
        return self._attached("update_binary_from").update_binary_from(buffer, offset, chunk=chunk)

    def control(self, code: SupportsIndex, data: Buffer = b"") -> bytes:
        """Send a command to the reader's driver."""
        return self._attached("control").control(code, data)

    @staticmethod
    def short_response_error(response: bytes) -> CommunicationError:
        """Return the error for a response of 0 or 1 bytes."""
        return short_response_error(response)
