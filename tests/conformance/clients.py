"""Helpers of the cases: contexts, cards, and calls on another thread."""

import threading
import time
from collections.abc import Callable
from typing import Any, final

from support.commands import HANG

from scardffi import Library

from .codes import ANY, LEAVE, SHARED, SUCCESS, SYSTEM, T1, UNAWARE
from .places import HoldingCard, Place

_WAITING_SECONDS = 0.05
_ANSWER_SECONDS = 20.0
_ATTEMPTS = 5
LONG_WAIT = 5000
"""Milliseconds of a wait that something ends earlier, unless the wait comes late."""
LARGEST_ANSWER = 65538


@final
class Card:
    """A card handle; each method calls the SCard* function on it and returns its results."""

    def __init__(self, library: Library, context: int, handle: int, protocol: int) -> None:
        self._library = library
        self.context = context
        self.handle = handle
        self.protocol = protocol

    def status(self) -> tuple[int, str, int, int, bytes]:
        """Wraps SCardStatus."""
        return self._library.SCardStatus(self.handle)

    def code(self) -> int:
        """Return the code of SCardStatus, which is 0 if the handle works."""
        return self.status()[0]

    def transmit(self, command: str | bytes, protocol: int = T1, room: int = LARGEST_ANSWER) -> tuple[int, bytes]:
        """Wraps SCardTransmit; returns no bytes if it fails."""
        sent = bytes.fromhex(command) if isinstance(command, str) else command
        response = bytearray(room)
        code, length = self._library.SCardTransmit(self.handle, protocol, sent, response)
        return code, bytes(response[: length if code == SUCCESS else 0])

    def begin(self) -> int:
        """Wraps SCardBeginTransaction."""
        return self._library.SCardBeginTransaction(self.handle)

    def end(self, disposition: int = LEAVE) -> int:
        """Wraps SCardEndTransaction."""
        return self._library.SCardEndTransaction(self.handle, disposition)

    def reconnect(self, share: int = SHARED, protocols: int = ANY, initialization: int = LEAVE) -> tuple[int, int]:
        """Wraps SCardReconnect."""
        return self._library.SCardReconnect(self.handle, share, protocols, initialization)

    def disconnect(self, disposition: int = LEAVE) -> int:
        """Wraps SCardDisconnect."""
        return self._library.SCardDisconnect(self.handle, disposition)

    def control(self, code: int, command: bytes = b"", room: int = 264) -> tuple[int, bytes]:
        """Wraps SCardControl."""
        response = bytearray(room)
        answer, length = self._library.SCardControl(self.handle, code, command, response)
        return answer, bytes(response[: length if answer == SUCCESS else 0])

    def attribute(self, attribute: int, room: int = 264) -> tuple[int, bytes]:
        """Wraps SCardGetAttrib."""
        value = bytearray(room)
        code, length = self._library.SCardGetAttrib(self.handle, attribute, value)
        return code, bytes(value[: length if code == SUCCESS else 0])

    def set_attribute(self, attribute: int, value: bytes) -> int:
        """Wraps SCardSetAttrib."""
        return self._library.SCardSetAttrib(self.handle, attribute, value)


@final
class Clients:
    """Contexts and cards in a place; those that are still open are released at the end."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._library = place.library
        self._contexts: list[int] = []

    def context(self) -> int:
        """Establish a context."""
        code, context = self._library.SCardEstablishContext(SYSTEM)
        assert code == SUCCESS
        self._contexts.append(context)
        return context

    def card(self, number: int = 0, share: int = SHARED, protocols: int = ANY) -> Card:
        """Connect to a card in a new context."""
        context = self.context()
        code, handle, protocol = self._library.SCardConnect(context, self._place.reader(number), share, protocols)
        assert code == SUCCESS, hex(code)
        return Card(self._library, context, handle, protocol)

    def connect(self, number: int = 0, share: int = SHARED, protocols: int = ANY) -> int:
        """Connect in a new context and return the code; a handle that this opens is closed again."""
        context = self.context()
        code, handle, _ = self._library.SCardConnect(context, self._place.reader(number), share, protocols)
        if code == SUCCESS:
            assert self._library.SCardDisconnect(handle, LEAVE) == SUCCESS
        return code

    def event(self, number: int = 0, current: int = UNAWARE) -> int:
        """Return the present event state of a reader."""
        _, [(event, _)] = self._library.SCardGetStatusChange(self.context(), 0, [(self._place.reader(number), current)])
        return event

    def release(self) -> None:
        """Release all contexts, and so all their handles. A wait that a failed test left behind is cancelled first."""
        for context in self._contexts:
            self._library.SCardCancel(context)
            self._library.SCardReleaseContext(context)
        self._contexts.clear()


@final
class Call:
    """A call on a new thread."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._answers: list[Any] = []
        self._begins = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(function, arguments), daemon=True)
        self._thread.start()

    def _run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._begins.set()
        self._answers.append(function(*arguments))

    def waits(self) -> bool:
        """Return True if the call has not returned after a while; on a slow machine it may not have begun."""
        assert self._begins.wait(_ANSWER_SECONDS), "the thread does not start"
        self._thread.join(_WAITING_SECONDS)
        return self._thread.is_alive()

    def returns(self) -> bool:
        """Return True if the call returns in time."""
        self._thread.join(_ANSWER_SECONDS)
        return not self._thread.is_alive()

    def answer_to(self, action: Callable[[], int]) -> Any:
        """Repeat an action that ends the call, because one before the call has no effect; return the call's result."""
        assert eventually(lambda: action() == SUCCESS and not self.waits()), "the call does not return"
        return self.answer()

    def answer(self) -> Any:
        """Wait for the call and return its result."""
        assert self.returns(), "the call does not return"
        assert self._answers, "the call raised"
        return self._answers[0]


def held_command(card: Card, holding: HoldingCard) -> Call:
    """Send the command that the card holds; return when the card has it."""
    call = Call(card.transmit, HANG)
    assert eventually(holding.has_command)
    return call


def unless_late(attempt: Callable[[], Any], late: int, undo: Callable[[], object]) -> Any:
    """Make an attempt to change something during a call, and return the call's result.

    If its code is that of a call after the change, the call came late: undo the change and try again.
    """
    for _ in range(_ATTEMPTS):
        answer = attempt()
        if answer[0] != late:
            return answer
        undo()
    return attempt()


def eventually(condition: Callable[[], bool]) -> bool:
    """Return True if the condition becomes true in time: effects of other threads may take a moment."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
