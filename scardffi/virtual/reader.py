"""Virtual readers: they are plugged into the virtual resource manager, and cards are inserted into them."""

from __future__ import annotations

import atexit
import itertools
import os
import signal
import threading
import time
from contextlib import suppress
from ctypes import byref
from typing import TYPE_CHECKING, Any, Final, Self

from .._arguments import invalid, text
from .._at_exit import silent_at_exit
from .._fork_guard import ForkGuard
from .._half_made import repr_if_half_made
from .._locks import ForkMutex
from .._not_copied import NotCopied
from .._threads import start
from ..constants import ReturnCode
from ..errors import E_UNEXPECTED, SCardError, SharingViolationError, from_hresult
from . import _scardvirtual
from ._last_answer import LastAnswer
from .card import AnsweringCard

if TYPE_CHECKING:
    from types import TracebackType

    from .card import Card

DEFAULT_READER: Final = "scardffi Virtual Reader 0"
"""The reader that exists at the start, with an :class:`~scardffi.virtual.AnsweringCard` in it."""
_LONGEST_NAME: Final = 127  # bytes
_LONGEST_ATR: Final = 33


@repr_if_half_made
class VirtualReader(NotCopied):
    """A reader in the virtual PC/SC library, identified by its name.

    As a context manager it is plugged in while the context lasts, with ``card`` in it. All users of the virtual library
    in the process see the reader. Subclasses can override :meth:`control` to answer control codes. In the child of a
    fork the methods raise ForkedProcessError.

    Args:
        name: the reader's name, 1 to 127 bytes in UTF-8.
        card: the card that is inserted whenever the reader is plugged in; None to leave it empty.
        latency: the time that is added to each command, in seconds.

    Attributes:
        errors: the exceptions that cards and :meth:`control` have raised, except those that give a return code. The
            program got SCARD_F_COMM_ERROR for each of them, except for those of a card's ``reset()``. Their tracebacks
            hold the commands that the cards were executing.

    Raises:
        InvalidArgumentError: the name, the card's ATR or the latency is not allowed.
        TypeError: ``card`` is not a card.
    """

    def __init__(
        self, name: str = DEFAULT_READER, card: Card | AnsweringCard | None = None, *, latency: float = 0.0
    ) -> None:
        if not 1 <= len(text("name", name)) <= _LONGEST_NAME:
            raise invalid("name", name, f"1 to {_LONGEST_NAME} bytes")
        if card is not None:
            _checked_atr(card)
        self._fork_guard = ForkGuard()
        self.errors: list[BaseException] = []
        self._name = name
        self._latency_us = _scardvirtual.microseconds(latency)
        self._first_card = card
        self._card: Card | AnsweringCard | None = None
        self._key = 0

    @property
    def name(self) -> str:
        """The reader's name."""
        return self._name

    @property
    def card(self) -> Card | AnsweringCard | None:
        """The card that this object has inserted and not removed."""
        return self._card

    @property
    def latency(self) -> float:
        """The time that is added to each command, in seconds; a removal of the card ends the wait."""
        return self._latency_us / 1e6

    @latency.setter
    def latency(self, value: float) -> None:
        self._fork_guard.check("VirtualReader.latency")
        latency_us = _scardvirtual.microseconds(value)
        _scardvirtual.set_latency(self._native_name, latency_us)
        self._latency_us = latency_us

    def plug(self) -> None:
        """Plug the reader in. Programs that wait for changes of the list of readers are notified.

        Raises:
            SharingViolationError: a reader with this name is plugged in.
            OutOfMemoryError: 1 024 readers are plugged in, or are unplugged and still have open handles.
        """
        self._fork_guard.check("VirtualReader.plug")
        key = next(_keys)
        try:
            with _lock:
                _readers[key] = self
                _scardvirtual.plug(self._native_name, byref(_scardvirtual.ControlFunctions(key, _CONTROL)))
                self._key = key
                _plugged[self._name] = self
            _scardvirtual.set_latency(self._native_name, self._latency_us)
            if self._first_card is not None:
                self.insert(self._first_card)
        except BaseException as error:
            with _lock:
                if _plugged.get(self._name) is self and self._key == key:  # otherwise another thread has unplugged it
                    self.unplug()
                elif (
                    _readers.pop(key, None) is self and not isinstance(error, SCardError) and self._name not in _plugged
                ):
                    with suppress(SCardError):  # Ctrl-C may have come after the call
                        _scardvirtual.unplug(self._native_name)
            raise

    def unplug(self) -> None:
        """Unplug the reader, with the card in it. Open handles become invalid.

        Raises:
            UnknownReaderError: the reader is not plugged in.
        """
        self._fork_guard.check("VirtualReader.unplug")
        with _lock:
            _scardvirtual.unplug(self._native_name)
            plugged = _plugged.pop(self._name, None)  # another object with this name may have plugged it in
            if plugged is not None:
                _readers.pop(plugged._key, None)  # noqa: SLF001  an object of this class
            _forget_card(self._name)

    def insert(self, card: Card | AnsweringCard) -> None:
        """Call the method ``reset()`` of a card, if it has one, and insert the card.

        Raises:
            UnexpectedStateError: there is a card in the reader.
            UnknownReaderError: the reader is not plugged in.
            InvalidArgumentError: the ATR has more than 33 bytes.
            TypeError: ``card`` is not a card.
        """
        self._fork_guard.check("VirtualReader.insert")
        self._insert(card, _checked_atr(card))

    def _insert(self, card: Card | AnsweringCard, atr: bytes) -> None:
        getattr(card, "reset", _do_nothing)()
        key = next(_keys)
        with _lock:
            _cards[key] = self, card
            try:
                if isinstance(card, AnsweringCard):
                    _scardvirtual.insert_answering(self._native_name, atr, len(atr))
                else:
                    functions = _scardvirtual.CardFunctions(key, _TRANSMIT, _RESET)
                    _scardvirtual.insert(self._native_name, atr, len(atr), byref(functions))
            except SCardError as error:  # after Ctrl-C the card may be in the reader
                del _cards[key]
                if isinstance(error, SharingViolationError):
                    detail = f"there is a card in {self._name!r}"
                    raise from_hresult(E_UNEXPECTED, "VirtualReader.insert", detail) from None
                raise
            _forget_card(self._name)  # a card that a fault has removed is still registered
            self._card, _card_keys[self._name] = card, key

    def remove(self) -> None:
        """Remove the card. A command that is running ends with SCARD_E_NO_SMARTCARD.

        The method ``transmit`` of a card in Python is not interrupted: the command ends when it has returned, and the
        next card waits for that.

        Raises:
            NoSmartCardError: the reader is empty.
            UnknownReaderError: the reader is not plugged in.
        """
        self._fork_guard.check("VirtualReader.remove")
        with _lock:
            _scardvirtual.remove(self._native_name)
            _forget_card(self._name)

    def swap(self, card: Card | AnsweringCard, *, gap: float = 0.02) -> None:
        """Remove the card and insert another one.

        Args:
            card: the card to insert.
            gap: the seconds for which the reader is empty, so that waiting programs notice it, as with a real reader.

        Raises:
            NoSmartCardError: the reader is empty.
            UnknownReaderError: the reader is not plugged in.
            InvalidArgumentError: the ATR has more than 33 bytes.
            TypeError: ``card`` is not a card.
        """
        self._fork_guard.check("VirtualReader.swap")
        atr = _checked_atr(card)
        self.remove()
        time.sleep(gap)
        self._insert(card, atr)

    def reset(self) -> None:
        """Reset the card: every open handle gets SCARD_W_RESET_CARD, as after a reset by another program.

        This waits for the end of a running command. Unlike a reset by another program, it does not wait for the end of
        a transaction.

        Raises:
            NoSmartCardError: the reader is empty.
            UnknownReaderError: the reader is not plugged in.
            SharingViolationError: the card calls this during a command.
        """
        self._fork_guard.check("VirtualReader.reset")
        _scardvirtual.reset(self._native_name)

    def control(self, code: int, command: bytes) -> bytes | None:  # noqa: ARG002  for subclasses
        """Answer a control code (SCardControl). Override this in a subclass.

        It is called for one control code at a time, and never while a command is running.

        Args:
            code: the control code, see :func:`~scardffi.constants.control_code`.
            command: the bytes that the program sent with it.

        Returns:
            The answer; None to leave the control code to the library, which supports those of PC/SC part 10.
        """
        return None

    def __enter__(self) -> Self:
        self.plug()
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _lock:
            if _plugged.get(self._name) is self:  # false after unplug(), and in the child of a fork
                self.unplug()

    def __repr__(self) -> str:
        return f"<scardffi.virtual.VirtualReader {self._name!r}>"

    @property
    def _native_name(self) -> bytes:
        return text("name", self._name)


_lock: Final = ForkMutex()  # held while readers and registries change; a signal handler may change them too
_keys: Final = itertools.count(1)
_plugged: Final[dict[str, VirtualReader]] = {}  # by name
_readers: Final[dict[int, VirtualReader]] = {}  # by the key that C passes to the callbacks
_cards: Final[dict[int, tuple[VirtualReader, Any]]] = {}  # inserted cards, by the key that C passes to the callbacks
_card_keys: Final[dict[str, int]] = {}  # the keys of the inserted cards, by the reader's name


def _forget_all() -> None:
    """Clear the registries in the child of a fork, in which the virtual resource manager starts again."""
    for registry in (_plugged, _readers, _cards, _card_keys):
        registry.clear()


def _forget_card(name: str) -> None:
    """Forget the card in the reader with this name. Any object with this name may have inserted it."""
    reader, _ = _cards.pop(_card_keys.pop(name, 0), (None, None))
    if reader is not None:
        reader._card = None  # noqa: SLF001  a class of this file


def _unplug_all() -> None:
    """Unplug all readers before the interpreter ends, so that other threads call no card in Python after that."""
    for reader in list(_plugged.values()):
        with suppress(SCardError):
            reader.unplug()


def _do_nothing() -> None:
    pass


def _checked_atr(card: Card | AnsweringCard) -> bytes:
    atr = getattr(card, "atr", None)
    if isinstance(card, type) or not (isinstance(card, AnsweringCard) or callable(getattr(card, "transmit", None))):
        given = f"the class {card.__name__}" if isinstance(card, type) else type(card).__name__
        raise TypeError(f"card: expected an object with atr and transmit(command), got {given}")
    checked = _scardvirtual.copied("card: its ATR", atr)
    if len(checked) > _LONGEST_ATR:
        raise invalid("card: length of its ATR", len(checked), f"at most {_LONGEST_ATR} bytes")
    return checked


def _keep_error(reader: VirtualReader, error: BaseException) -> None:
    """Store an exception that a card has raised: it cannot pass through C.

    After a KeyboardInterrupt, send the signal again, so that the program gets it when the call into C has returned.
    """
    reader.errors.append(error)
    if isinstance(error, KeyboardInterrupt):
        # On this thread the signal would interrupt this function, not the program.
        start(_interrupt_main_thread)


def _interrupt_main_thread() -> None:
    """Send SIGINT to the main thread if the platform supports it. Unlike raise_signal(), this also ends a sleep."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


# Ctrl-C may raise at any point of these functions: then the result is not set, and C returns SCARD_F_COMM_ERROR.


def _transmit(key: int, command: bytes) -> bytes | int:
    entry = _cards.get(key)
    if entry is None:  # removed after C had begun the call
        return -ReturnCode.SCARD_E_NO_SMARTCARD
    reader, card = entry
    try:
        answer = card.transmit(command)
        if type(answer) is bytes:
            return answer
        if isinstance(answer, LastAnswer):
            _scardvirtual.remove_after_command(reader._native_name)  # noqa: SLF001  a class of this file
        return _scardvirtual.copied("answer of transmit", answer)
    except BaseException as error:  # noqa: BLE001  a card may raise anything; errors keeps it
        if isinstance(error, SCardError) and error.code is not None and error.code > 0:
            return -error.code
        _keep_error(reader, error)
        return -ReturnCode.SCARD_F_COMM_ERROR


def _reset(key: int) -> None:
    entry = _cards.get(key)
    if entry is None:
        return
    reader, card = entry
    try:
        getattr(card, "reset", _do_nothing)()
    except BaseException as error:  # noqa: BLE001  as above
        _keep_error(reader, error)


def _control(key: int, code: int, command: int | None, length: int, buffer: int | None, size: int, result: Any) -> None:
    reader = _readers.get(key)
    if reader is None:  # unplugged after C had begun the call
        result[0] = _scardvirtual.NOT_HANDLED
        return
    try:
        answer = reader.control(code, _scardvirtual.bytes_at(command, length))
        if answer is None:
            result[0] = _scardvirtual.NOT_HANDLED
        else:
            result[0] = _scardvirtual.put_at(buffer, size, _scardvirtual.copied("answer of control", answer))
    except BaseException as error:  # noqa: BLE001  as above
        _keep_error(reader, error)


# References that live as long as C may call the functions.
_TRANSMIT: Final = _scardvirtual.transmit_function(_transmit)
_RESET: Final = _scardvirtual.ResetFunction(_reset)
_CONTROL: Final = _scardvirtual.ControlFunction(_control)

atexit.register(_unplug_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
