"""What the cases use a place with: programs with a context of their own, their cards, and calls that may wait."""

import threading
import time
from collections.abc import Callable
from typing import Any, final

from scardffi import Library

from .codes import ANY, LEAVE, SHARED, SUCCESS, SYSTEM, T1, UNAWARE
from .places import Place

_WAITING_SECONDS = 0.05
_ANSWER_SECONDS = 20.0
LARGEST_ANSWER = 65538


@final
class Card:
    """A card handle; each method is the SCard* function on it and answers what that answered."""

    def __init__(self, library: Library, context: int, handle: int, protocol: int) -> None:
        self._library = library
        self.context = context
        self.handle = handle
        self.protocol = protocol

    def status(self) -> tuple[int, str, int, int, bytes]:
        """Wraps SCardStatus."""
        return self._library.SCardStatus(self.handle)

    def code(self) -> int:
        """What SCardStatus answers: whether the handle works."""
        return self.status()[0]

    def transmit(self, command: str | bytes, protocol: int = T1, room: int = LARGEST_ANSWER) -> tuple[int, bytes]:
        """Wraps SCardTransmit; of an answer that is none, no bytes."""
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
    """Opens contexts and cards on a place, and releases what is still open in the end."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._library = place.library
        self._contexts: list[int] = []

    def context(self) -> int:
        """A new one."""
        code, context = self._library.SCardEstablishContext(SYSTEM)
        assert code == SUCCESS
        self._contexts.append(context)
        return context

    def card(self, number: int = 0, share: int = SHARED, protocols: int = ANY) -> Card:
        """Connected, in a context of its own."""
        context = self.context()
        code, handle, protocol = self._library.SCardConnect(context, self._place.reader(number), share, protocols)
        assert code == SUCCESS, hex(code)
        return Card(self._library, context, handle, protocol)

    def connect(self, number: int = 0, share: int = SHARED, protocols: int = ANY) -> int:
        """What SCardConnect answers to another program; a handle that it opens is closed again."""
        context = self.context()
        code, handle, _ = self._library.SCardConnect(context, self._place.reader(number), share, protocols)
        if code == SUCCESS:
            assert self._library.SCardDisconnect(handle, LEAVE) == SUCCESS
        return code

    def event(self, number: int = 0, current: int = UNAWARE) -> int:
        """The event state of a reader, at once."""
        _, [(event, _)] = self._library.SCardGetStatusChange(self.context(), 0, [(self._place.reader(number), current)])
        return event

    def release(self) -> None:
        """Releases all contexts, and with them what they opened."""
        for context in self._contexts:
            self._library.SCardReleaseContext(context)
        self._contexts.clear()


@final
class Call:
    """A call on a thread of its own."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._answers: list[Any] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(function(*arguments)), daemon=True)
        self._thread.start()

    def waits(self) -> bool:
        """Whether it is still not answered after a while."""
        self._thread.join(_WAITING_SECONDS)
        return self._thread.is_alive()

    def answer(self) -> Any:
        """Waits for it."""
        self._thread.join(_ANSWER_SECONDS)
        assert not self._thread.is_alive(), "the call is never answered"
        assert self._answers, "the call raised"
        return self._answers[0]


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in good time: what the library tells of other threads' doings comes when it comes."""
    deadline = time.monotonic() + _ANSWER_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.002)
    return True
