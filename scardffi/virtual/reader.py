"""Virtual readers: plugged into the world of this process, and the cards that are put into them."""

from __future__ import annotations

import _thread
import itertools
from ctypes import byref

from ..arguments import invalid, text
from ..errors import E_UNEXPECTED, SharingViolationError, from_hresult
from . import world
from .card import AnsweringCard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Final

    from typing_extensions import Self

    from .card import Card

DEFAULT_READER: Final = "scardffi Virtual Reader 0"
"""The reader that is there from the start, with an :class:`~scardffi.virtual.card.AnsweringCard` in it."""
_LONGEST_NAME: Final = 127  # bytes
_LONGEST_ATR: Final = 33
_NO_SMARTCARD: Final = -0x8010000C
_COMM_ERROR: Final = -0x80100013


class VirtualReader:
    """A reader in the world of this process, found by its name.

    As a context manager it is plugged in while the context lasts, with ``card`` in it. Every program in the process
    that uses our PC/SC library sees it. What :meth:`control` answers is for subclasses to say.

    Args:
        name: 1 to 127 bytes in UTF-8.
        card: the card that is inserted whenever the reader is plugged in; None for none.
        latency: how long each command takes in addition, in seconds.

    Raises:
        InvalidArgumentError: a name, card or latency that cannot be.
    """

    def __init__(
        self, name: str = DEFAULT_READER, card: Card | AnsweringCard | None = None, *, latency: float = 0.0
    ) -> None:
        if not 1 <= len(text("name", name)) <= _LONGEST_NAME:
            raise invalid("name", name, f"1 to {_LONGEST_NAME} bytes")
        self.errors: list[BaseException] = []
        """What cards have raised, tracebacks kept; the program saw SCARD_F_COMM_ERROR each time."""
        self._name = name
        self._latency_us = world.microseconds(latency)
        self._first_card = card
        self._card: Card | AnsweringCard | None = None
        self._card_key = 0
        self._key = 0

    @property
    def name(self) -> str:
        """The reader's name, as programs see it."""
        return self._name

    @property
    def card(self) -> Card | AnsweringCard | None:
        """The card that this object has put in and not taken out."""
        return self._card

    @property
    def latency(self) -> float:
        """How long each command takes in addition, in seconds; a removal of the card ends it."""
        return self._latency_us / 1e6

    @latency.setter
    def latency(self, value: float) -> None:
        latency_us = world.microseconds(value)
        world.set_latency(self._native_name, latency_us)
        self._latency_us = latency_us

    def plug(self) -> None:
        """Plug the reader in. Every waiting program that watches the list of readers is told.

        Raises:
            SharingViolationError: a reader of this name is there.
            OutOfMemoryError: there are 64 readers.
        """
        key = next(_keys)
        _readers[key] = self
        try:
            world.plug(self._native_name, byref(world.ControlFunctions(key, _CONTROL)))
        except BaseException:
            del _readers[key]
            raise
        self._key = key
        world.set_latency(self._native_name, self._latency_us)
        if self._first_card is not None:
            self.insert(self._first_card)

    def unplug(self) -> None:
        """Unplug the reader, with the card in it. Handles that are open become invalid.

        Raises:
            UnknownReaderError: it is not plugged in.
        """
        world.unplug(self._native_name)
        self._forget_card()
        _readers.pop(self._key, None)

    def insert(self, card: Card | AnsweringCard) -> None:
        """Put a card in.

        Raises:
            UnexpectedStateError: there is one in the reader.
            UnknownReaderError: the reader is not plugged in.
            InvalidArgumentError: an ATR of more than 33 bytes.
            TypeError: this is no card.
        """
        atr = _checked_atr(card)
        key = next(_keys)
        _cards[key] = self, card
        try:
            if isinstance(card, AnsweringCard):
                world.insert_answering(self._native_name, atr, len(atr))
            else:
                functions = world.CardFunctions(key, _TRANSMIT, _RESET)
                world.insert(self._native_name, atr, len(atr), byref(functions))
        except BaseException as error:
            del _cards[key]
            if isinstance(error, SharingViolationError):
                detail = f"there is a card in {self._name!r}"
                raise from_hresult(E_UNEXPECTED, "VirtualReader.insert", detail) from None
            raise
        self._card, self._card_key = card, key

    def remove(self) -> None:
        """Take the card out, also in the middle of a command, which then ends with SCARD_E_NO_SMARTCARD.

        Raises:
            NoSmartCardError: there is none.
            UnknownReaderError: the reader is not plugged in.
        """
        world.remove(self._native_name)
        self._forget_card()

    def swap(self, card: Card | AnsweringCard) -> None:
        """Take the card out and put another one in: two events, as with a real reader."""
        _checked_atr(card)
        self.remove()
        self.insert(card)

    def reset(self) -> None:
        """Reset the card as another program would: every open handle is told by SCARD_W_RESET_CARD.

        It waits for a command that is running.

        Raises:
            NoSmartCardError: there is none.
            UnknownReaderError: the reader is not plugged in.
        """
        world.reset(self._native_name)

    def control(self, code: int, command: bytes) -> bytes | None:  # noqa: ARG002  for subclasses
        """Answer a control code (SCardControl); None leaves it to the reader, which knows those of PC/SC part 10.

        Args:
            code: the control code, see :func:`~scardffi.constants.control_code`.
            command: what the program sent with it.
        """
        return None

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.unplug()

    def __repr__(self) -> str:
        return f"<scardffi.virtual.VirtualReader {self._name!r}>"

    @property
    def _native_name(self) -> bytes:
        return text("name", self._name)

    def _forget_card(self) -> None:
        _cards.pop(self._card_key, None)
        self._card = None


_keys: Final = itertools.count(1)
_readers: Final[dict[int, VirtualReader]] = {}  # plugged in, by the key that C knows
_cards: Final[dict[int, tuple[VirtualReader, Any]]] = {}  # inserted, likewise


def _checked_atr(card: Card | AnsweringCard) -> bytes:
    atr = getattr(card, "atr", None)
    answers = isinstance(card, AnsweringCard) or callable(getattr(card, "transmit", None))
    if not isinstance(atr, (bytes, bytearray, memoryview)) or not answers:
        raise TypeError(f"card: expected an object with atr (bytes) and transmit(command), got {type(card).__name__}")
    if len(bytes(atr)) > _LONGEST_ATR:
        raise invalid("card: length of its ATR", len(bytes(atr)), f"at most {_LONGEST_ATR} bytes")
    return bytes(atr)


def _keep(reader: VirtualReader, error: BaseException) -> int:
    """What C answers for an exception, which it cannot carry. Ctrl-C is the main thread's business."""
    if isinstance(error, KeyboardInterrupt):
        _thread.interrupt_main()
    reader.errors.append(error)
    return _COMM_ERROR


def _transmit(key: int, command: int | None, length: int, place: int | None, room: int) -> int:
    entry = _cards.get(key)
    if entry is None:  # taken out a moment ago
        return _NO_SMARTCARD
    reader, card = entry
    try:
        return world.put_at(place, room, bytes(card.transmit(world.bytes_at(command, length))))
    except BaseException as error:  # noqa: BLE001  the card is the user's: it is kept for him
        return _keep(reader, error)


def _reset(key: int) -> None:
    entry = _cards.get(key)
    if entry is None:
        return
    reader, card = entry
    try:
        getattr(card, "reset", _nothing)()
    except BaseException as error:  # noqa: BLE001  the same
        _keep(reader, error)


def _control(key: int, code: int, command: int | None, length: int, place: int | None, room: int) -> int:
    reader = _readers.get(key)
    if reader is None:  # unplugged a moment ago
        return world.LEAVE_IT
    try:
        answer = reader.control(code, world.bytes_at(command, length))
        return world.LEAVE_IT if answer is None else world.put_at(place, room, bytes(answer))
    except BaseException as error:  # noqa: BLE001  the same
        return _keep(reader, error)


def _nothing() -> None:
    pass


# They live as long as C may call them.
_TRANSMIT: Final = world.TransmitFunction(_transmit)
_RESET: Final = world.ResetFunction(_reset)
_CONTROL: Final = world.ControlFunction(_control)
