"""The two places that every case runs on: a library with four readers whose cards come, go and change at a word."""

import time
from typing import Protocol

from support.pcscd import PrivatePcscd

from scardffi import Library, virtual

from .codes import DIRECT, RESET, SUCCESS, SYSTEM

READERS = range(4)


class Place(Protocol):
    """What a case sees of the place; each method returns when the library has noticed."""

    name: str
    library: Library

    def reader(self, number: int) -> str:
        """The name of one of four readers; each has an answering card when a case starts."""

    def insert(self, number: int, atr: bytes | None = None) -> None:
        """Puts a card with this ATR, by default the card's own, into an empty reader; an empty one is a mute card."""

    def remove(self, number: int) -> None:
        """Takes the card out of a reader."""

    def plug(self, number: int) -> None:
        """Plugs a reader in again: the one with the lowest number first, as pcscd names them in that order."""

    def unplug(self, number: int) -> None:
        """Pulls a reader out."""

    def restore(self) -> None:
        """Leaves the readers as every case finds them: plugged in, with a card of its own ATR that was just reset."""


def reset_cards(place: Place) -> None:
    """What no case can leave behind then: a negotiated protocol, prepared answers, chains."""
    library = place.library
    code, context = library.SCardEstablishContext(SYSTEM)
    assert code == SUCCESS
    for number in READERS:
        code, handle, _ = library.SCardConnect(context, place.reader(number), DIRECT, 0)
        assert code == SUCCESS
        assert library.SCardDisconnect(handle, RESET) == SUCCESS
    assert library.SCardReleaseContext(context) == SUCCESS


class VirtualPlace:
    """Our own library, with readers in the world of this process."""

    name = "virtual"

    def __init__(self) -> None:
        self.library = Library(virtual.library_path())
        self._own = virtual.AnsweringCard()
        self._readers = [virtual.VirtualReader(f"scardffi conformance {number}") for number in READERS]
        self._cards: list[virtual.AnsweringCard | None] = [self._own for _ in READERS]
        self._unplugged = set(READERS)
        for number in READERS:
            self.plug(number)

    def reader(self, number: int) -> str:
        """One of four."""
        return self._readers[number].name

    def insert(self, number: int, atr: bytes | None = None) -> None:
        """A card of this ATR."""
        card = self._own if atr is None else virtual.AnsweringCard(atr)
        self._readers[number].insert(card)
        self._cards[number] = card

    def remove(self, number: int) -> None:
        """The card that is there."""
        self._readers[number].remove()
        self._cards[number] = None

    def plug(self, number: int) -> None:
        """The reader, with the card that was in it."""
        self._readers[number].plug()
        self._unplugged.discard(number)
        card = self._cards[number]
        if card is not None:
            self._readers[number].insert(card)

    def unplug(self, number: int) -> None:
        """The reader, with its card."""
        self._readers[number].unplug()
        self._unplugged.add(number)

    def restore(self) -> None:
        """Does what the case before has left to do."""
        for number in sorted(self._unplugged):
            self.plug(number)
        for number in READERS:
            if self._cards[number] is not self._own:
                if self._cards[number] is not None:
                    self.remove(number)
                self.insert(number)
        reset_cards(self)

    def close(self) -> None:
        """Takes the readers out of this process's world."""
        for number in READERS:
            self.unplug(number)


class PcscdPlace:
    """A real pcscd, with readers of the tests' IFD handler."""

    name = "pcscd"

    def __init__(self, daemon: PrivatePcscd) -> None:
        self.library = Library("libpcsclite.so.1")
        self._daemon = daemon
        self._names = [daemon.ifd_reader(number) for number in READERS]
        self._unplugged: set[int] = set()
        self._changed: set[int] = set()  # without a card, or with one of another ATR

    def reader(self, number: int) -> str:
        """One of four."""
        return self._names[number]

    def insert(self, number: int, atr: bytes | None = None) -> None:
        """Returns when the daemon has counted the card."""
        self._changed.discard(number)
        if atr is not None:
            self._changed.add(number)
        events = self._daemon.card_events(self.reader(number))
        self._daemon.set_atr(number, atr)
        self._daemon.insert_card(number)
        self._wait_until_counted(number, events)

    def remove(self, number: int) -> None:
        """Returns when the daemon has counted it."""
        self._changed.add(number)
        events = self._daemon.card_events(self.reader(number))
        self._daemon.remove_card(number)
        self._daemon.wait_for_card(self.reader(number), present=False)
        self._wait_until_counted(number, events)

    def plug(self, number: int) -> None:
        """Returns when the daemon has looked for its card."""
        self._daemon.plug_reader(number)
        self._unplugged.discard(number)

    def unplug(self, number: int) -> None:
        """Returns when the daemon no longer lists it."""
        self._unplugged.add(number)
        self._daemon.unplug_reader(number)

    def restore(self) -> None:
        """Does what the case before has left to do."""
        for number in sorted(self._unplugged):
            self.plug(number)
        for number in sorted(self._changed):
            if self._daemon.has_card(number):
                self.remove(number)
            self.insert(number)
        reset_cards(self)

    def _wait_until_counted(self, number: int, events: int) -> None:
        """The daemon counts a card's coming or going a moment after it has set the reader's state."""
        while self._daemon.card_events(self.reader(number)) == events:
            time.sleep(0.001)
