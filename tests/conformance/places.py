"""The two places in which every case runs: a library with four readers, whose cards can be inserted and removed."""

import threading
import time
from typing import Protocol

from support.commands import ANSWER_4, HANG, OK
from support.pcscd import PrivatePcscd

from scardffi import Library, virtual

from .codes import DIRECT, RESET, SUCCESS, SYSTEM

READERS = range(4)
_COUNT_SECONDS = 10.0


class HoldingCard(Protocol):
    """A card that holds the command HANG until it is told to respond."""

    def has_command(self) -> bool:
        """Return True if the card has the command."""

    def respond(self) -> None:
        """Respond to the command, if the card has it, with 9000."""


class Place(Protocol):
    """The methods of a place; each returns when the library has noticed the change."""

    name: str
    library: Library

    def reader(self, number: int) -> str:
        """Return the name of one of four readers; each has an answering card when a case starts."""

    def insert(self, number: int, atr: bytes | None = None) -> None:
        """Insert a card with this ATR, by default the usual one, into an empty reader; an empty ATR makes it mute."""

    def remove(self, number: int) -> None:
        """Remove the card from a reader."""

    def holding_card(self, number: int) -> HoldingCard:
        """Return a card in a reader that holds commands; connect after this."""

    def plug(self, number: int) -> None:
        """Plug a reader in again: the one with the lowest number first, because pcscd numbers them in that order."""

    def unplug(self, number: int) -> None:
        """Unplug a reader."""

    def restore(self) -> None:
        """Restore the readers for the next case: plugged in, with a card of the usual ATR that was just reset."""


def reset_cards(place: Place) -> None:
    """Reset the cards, so that no negotiated protocol, prepared answer or chain is left."""
    library = place.library
    code, context = library.SCardEstablishContext(SYSTEM)
    assert code == SUCCESS
    for number in READERS:
        code, handle, _ = library.SCardConnect(context, place.reader(number), DIRECT, 0)
        assert code == SUCCESS
        assert library.SCardDisconnect(handle, RESET) == SUCCESS
    assert library.SCardReleaseContext(context) == SUCCESS


class _VirtualHoldingCard:
    """A card that answers HANG when it is told to, and each other command like READ_4."""

    atr = virtual.ANSWERING_ATR

    def __init__(self) -> None:
        self._has_command, self._responds = threading.Event(), threading.Event()

    def transmit(self, command: bytes) -> bytes:
        """Return the response."""
        if command != HANG:
            return ANSWER_4
        self._has_command.set()
        self._responds.wait()
        return OK

    def has_command(self) -> bool:
        """Return True if the card has the command."""
        return self._has_command.is_set()

    def respond(self) -> None:
        """Respond to the command."""
        self._responds.set()


class VirtualPlace:
    """The virtual library, with readers in this process."""

    name = "virtual"

    def __init__(self, card: virtual.Card | None = None) -> None:
        self.library = Library(virtual.library_path())
        self._own: virtual.Card | virtual.AnsweringCard = virtual.AnsweringCard() if card is None else card
        self._readers = [virtual.VirtualReader(f"scardffi conformance {number}") for number in READERS]
        self._cards: list[virtual.Card | virtual.AnsweringCard | None] = [self._own for _ in READERS]
        self._unplugged = set(READERS)
        for number in READERS:
            self.plug(number)

    def reader(self, number: int) -> str:
        """Return the name of one of four readers."""
        return self._readers[number].name

    def insert(self, number: int, atr: bytes | None = None) -> None:
        """Insert a card with this ATR."""
        card: virtual.Card | virtual.AnsweringCard = self._own if atr is None else virtual.AnsweringCard(atr)
        self._readers[number].insert(card)
        self._cards[number] = card

    def remove(self, number: int) -> None:
        """Remove the card."""
        self._readers[number].remove()
        self._cards[number] = None

    def holding_card(self, number: int) -> HoldingCard:
        """Replace the card by one in Python."""
        card = _VirtualHoldingCard()
        self.remove(number)
        self._readers[number].insert(card)
        self._cards[number] = card
        return card

    def plug(self, number: int) -> None:
        """Plug the reader in, with the card that was in it."""
        self._readers[number].plug()
        self._unplugged.discard(number)
        card = self._cards[number]
        if card is not None:
            self._readers[number].insert(card)

    def unplug(self, number: int) -> None:
        """Unplug the reader, with its card."""
        self._readers[number].unplug()
        self._unplugged.add(number)

    def restore(self) -> None:
        """Undo what the previous case did to the readers."""
        for number in sorted(self._unplugged):
            self.plug(number)
        for number in READERS:
            if self._cards[number] is not self._own:
                if self._cards[number] is not None:
                    self.remove(number)
                self.insert(number)
        reset_cards(self)

    def close(self) -> None:
        """Unplug all four readers."""
        for number in READERS:
            self.unplug(number)


class _PcscdHoldingCard:
    """The card of the tests' IFD handler, which logs the commands."""

    def __init__(self, daemon: PrivatePcscd, number: int) -> None:
        self._daemon = daemon
        self._number = number
        self._logged = len(daemon.ifd_events(number))
        self._responded = False

    def has_command(self) -> bool:
        """Return True if the command is in the log."""
        return any(event.endswith(HANG.hex()) for event in self._daemon.ifd_events(self._number)[self._logged :])

    def respond(self) -> None:
        """Respond to the command."""
        if self.has_command() and not self._responded:
            self._responded = True
            self._daemon.release(self._number)


class PcscdPlace:
    """A real pcscd, with readers of the tests' own IFD handler."""

    name = "pcscd"

    def __init__(self, daemon: PrivatePcscd) -> None:
        self.library = Library("libpcsclite.so.1")
        self._daemon = daemon
        self._names = [daemon.ifd_reader(number) for number in READERS]
        self._unplugged: set[int] = set()
        self._changed: set[int] = set()  # without a card, or with a card of another ATR

    def reader(self, number: int) -> str:
        """Return the name of one of four readers."""
        return self._names[number]

    def insert(self, number: int, atr: bytes | None = None) -> None:
        """Insert a card; return when the daemon has counted it."""
        self._changed.discard(number)
        if atr is not None:
            self._changed.add(number)
        events = self._daemon.card_events(self.reader(number))
        self._daemon.set_atr(number, atr)
        self._daemon.insert_card(number)
        self._wait_until_counted(number, events)

    def remove(self, number: int) -> None:
        """Remove the card; return when the daemon has counted it."""
        self._changed.add(number)
        events = self._daemon.card_events(self.reader(number))
        self._daemon.remove_card(number)
        self._daemon.wait_for_card(self.reader(number), present=False)
        self._wait_until_counted(number, events)

    def holding_card(self, number: int) -> HoldingCard:
        """Return the usual card."""
        return _PcscdHoldingCard(self._daemon, number)

    def plug(self, number: int) -> None:
        """Plug the reader in; return when the daemon has checked for its card."""
        self._daemon.plug_reader(number)
        self._unplugged.discard(number)

    def unplug(self, number: int) -> None:
        """Unplug the reader; return when the daemon no longer lists it."""
        self._unplugged.add(number)
        self._daemon.unplug_reader(number)

    def restore(self) -> None:
        """Undo what the previous case did to the readers."""
        for number in sorted(self._unplugged):
            self.plug(number)
        for number in sorted(self._changed):
            if self._daemon.has_card(number):
                self.remove(number)
            self.insert(number)
        reset_cards(self)

    def _wait_until_counted(self, number: int, events: int) -> None:
        """Wait for the daemon's count, which changes a moment after the reader's state."""
        deadline = time.monotonic() + _COUNT_SECONDS
        while self._daemon.card_events(self.reader(number)) == events:
            assert time.monotonic() < deadline, f"pcscd does not count the change of reader {number}"
            time.sleep(0.001)
