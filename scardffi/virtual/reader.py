"""Virtual readers: plugged into the world of this process, and the cards that are put into them."""

from __future__ import annotations

import _thread
import atexit
import itertools
import os
import signal
import threading
import time
from contextlib import suppress
from ctypes import byref

from .._arguments import invalid, text
from ..errors import E_UNEXPECTED, SCardError, SharingViolationError, from_hresult
from . import world
from .card import AnsweringCard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Final, Self

    from .card import Card

DEFAULT_READER: Final = "scardffi Virtual Reader 0"
"""The reader that is there from the start, with an :class:`~scardffi.virtual.card.AnsweringCard` in it."""
_LONGEST_NAME: Final = 127  # bytes
_LONGEST_ATR: Final = 33
_NO_SMARTCARD: Final = -0x8010000C


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
        if card is not None:
            _checked_atr(card)
        self.errors: list[BaseException] = []
        """What cards have raised; the program saw SCARD_F_COMM_ERROR each time. The tracebacks are kept, and with them
        the commands that the cards were at."""
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
        self._key = next(_keys)
        _readers[self._key] = self
        try:
            world.plug(self._native_name, byref(world.ControlFunctions(self._key, _CONTROL)))
        except BaseException:
            del _readers[self._key]
            raise
        _plugged[self._name] = self
        try:
            world.set_latency(self._native_name, self._latency_us)
            if self._first_card is not None:
                self.insert(self._first_card)
        except BaseException:
            self.unplug()
            raise

    def unplug(self) -> None:
        """Unplug the reader, with the card in it. Handles that are open become invalid.

        Raises:
            UnknownReaderError: it is not plugged in.
        """
        world.unplug(self._native_name)
        plugged = _plugged.pop(self._name, None)  # perhaps by another object of this name
        if plugged is not None:
            plugged._forget_card()  # noqa: SLF001  its own class
            _readers.pop(plugged._key, None)  # noqa: SLF001  the same
        self._forget_card()

    def insert(self, card: Card | AnsweringCard) -> None:
        """Put a card in. Its ``reset()`` is called before, since it is powered up.

        Raises:
            UnexpectedStateError: there is one in the reader.
            UnknownReaderError: the reader is not plugged in.
            InvalidArgumentError: an ATR of more than 33 bytes.
            TypeError: this is no card.
        """
        self._insert(card, _checked_atr(card))

    def _insert(self, card: Card | AnsweringCard, atr: bytes) -> None:
        getattr(card, "reset", _nothing)()
        before = self._card, self._card_key
        self._card, self._card_key = card, next(_keys)
        _cards[self._card_key] = self, card
        try:
            if isinstance(card, AnsweringCard):
                world.insert_answering(self._native_name, atr, len(atr))
            else:
                functions = world.CardFunctions(self._card_key, _TRANSMIT, _RESET)
                world.insert(self._native_name, atr, len(atr), byref(functions))
        except BaseException as error:
            self._forget_card()
            self._card, self._card_key = before
            if isinstance(error, SharingViolationError):
                detail = f"there is a card in {self._name!r}"
                raise from_hresult(E_UNEXPECTED, "VirtualReader.insert", detail) from None
            raise
        _cards.pop(before[1], None)  # of a card that a fault has removed

    def remove(self) -> None:
        """Take the card out, also in the middle of a command, which then ends with SCARD_E_NO_SMARTCARD.

        A card in Python finishes what it is at; a next card waits for that.

        Raises:
            NoSmartCardError: there is none.
            UnknownReaderError: the reader is not plugged in.
        """
        world.remove(self._native_name)
        self._forget_card()

    def swap(self, card: Card | AnsweringCard, *, gap: float = 0.02) -> None:
        """Take the card out and put another one in.

        Args:
            card: the other one.
            gap: the seconds in between: programs that wait shall see the empty reader, as they do with a real one.
        """
        atr = _checked_atr(card)
        self.remove()
        time.sleep(gap)
        self._insert(card, atr)

    def reset(self) -> None:
        """Reset the card: every open handle is told by SCARD_W_RESET_CARD, as if another program had done it.

        It waits for a command that is running, but for no transaction, which would keep another program off.

        Raises:
            NoSmartCardError: there is none.
            UnknownReaderError: the reader is not plugged in.
            SharingViolationError: this is called by the card, in the middle of its command.
        """
        world.reset(self._native_name)

    def control(self, code: int, command: bytes) -> bytes | None:  # noqa: ARG002  for subclasses
        """Answer a control code (SCardControl); None leaves it to the reader, which knows those of PC/SC part 10.

        One is answered at a time, and none beside a command.

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
        if _plugged.get(self._name) is self:  # else it was unplugged, or this is a fork, which never had it
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
_plugged: Final[dict[str, VirtualReader]] = {}  # by their names
_readers: Final[dict[int, VirtualReader]] = {}  # the same, by the keys that C knows
_cards: Final[dict[int, tuple[VirtualReader, Any]]] = {}  # inserted, likewise


def _forget_all() -> None:
    """In the child of a fork, whose world is another."""
    for registry in (_plugged, _readers, _cards):
        registry.clear()


def _unplug_all() -> None:
    """At the end of the interpreter: no program that still runs shall call a card in Python any more."""
    for reader in list(_plugged.values()):
        with suppress(SCardError):
            reader.unplug()


def _nothing() -> None:
    pass


def _checked_atr(card: Card | AnsweringCard) -> bytes:
    atr = getattr(card, "atr", None)
    if isinstance(card, type) or not (isinstance(card, AnsweringCard) or callable(getattr(card, "transmit", None))):
        what = f"the class {card.__name__}" if isinstance(card, type) else type(card).__name__
        raise TypeError(f"card: expected an object with atr and transmit(command), got {what}")
    checked = world.copied("card: its atr", atr)
    if len(checked) > _LONGEST_ATR:
        raise invalid("card: length of its ATR", len(checked), f"at most {_LONGEST_ATR} bytes")
    return checked


def _keep(reader: VirtualReader, error: BaseException) -> None:
    """What C cannot carry. Ctrl-C is the program's, once it is back from C: not for this function to raise."""
    reader.errors.append(error)
    if isinstance(error, KeyboardInterrupt):
        _thread.start_new_thread(_interrupt_main_thread, ())


def _interrupt_main_thread() -> None:
    """As Ctrl-C does, so that it ends a sleep too, where there are such signals."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


# An exception may come at any moment: Ctrl-C. What C finds where the result was not set is SCARD_F_COMM_ERROR.


def _transmit(key: int, command: int | None, length: int, place: int | None, room: int, result: Any) -> None:
    entry = _cards.get(key)
    if entry is None:  # taken out a moment ago
        result[0] = _NO_SMARTCARD
        return
    reader, card = entry
    try:
        result[0] = world.put_at(
            place, room, world.copied("answer of transmit", card.transmit(world.bytes_at(command, length)))
        )
    except BaseException as error:  # noqa: BLE001  the card is the user's: it is kept for him
        _keep(reader, error)


def _reset(key: int) -> None:
    entry = _cards.get(key)
    if entry is None:
        return
    reader, card = entry
    try:
        getattr(card, "reset", _nothing)()
    except BaseException as error:  # noqa: BLE001  the same
        _keep(reader, error)


def _control(key: int, code: int, command: int | None, length: int, place: int | None, room: int, result: Any) -> None:
    reader = _readers.get(key)
    if reader is None:  # unplugged a moment ago
        result[0] = world.LEAVE_IT
        return
    try:
        answer = reader.control(code, world.bytes_at(command, length))
        result[0] = (
            world.LEAVE_IT if answer is None else world.put_at(place, room, world.copied("answer of control", answer))
        )
    except BaseException as error:  # noqa: BLE001  the same
        _keep(reader, error)


# They live as long as C may call them.
_TRANSMIT: Final = world.TransmitFunction(_transmit)
_RESET: Final = world.ResetFunction(_reset)
_CONTROL: Final = world.ControlFunction(_control)

atexit.register(_unplug_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
