"""Observers, and the objects that they observe."""

from __future__ import annotations

from typing import Any

from .Synchronization import Synchronization, synchronized


class Observer:
    """An object whose method ``update`` is called if something happens. Override the method in a subclass."""

    def update(self, observable: Any, handlers: Any) -> None:
        """Handle news.

        Args:
            observable: the object that has news.
            handlers: the news, as the class of ``observable`` documents them.
        """


class Observable(Synchronization):
    """An object that tells its observers what happens. Any thread may call its methods."""

    def __init__(self) -> None:
        super().__init__()
        self.obs: list[Observer] = []
        self.changed = 0

    @synchronized
    def addObserver(self, observer: Observer) -> None:
        """Add an observer, if it is not there already."""
        if observer not in self.obs:
            self.obs.append(observer)

    @synchronized
    def deleteObserver(self, observer: Observer) -> None:
        """Remove an observer.

        Raises:
            ValueError: it is not there.
        """
        self.obs.remove(observer)

    @synchronized
    def deleteObservers(self) -> None:
        """Remove all observers."""
        self.obs = []

    @synchronized
    def setChanged(self) -> None:
        """Note that there is news for :meth:`notifyObservers`."""
        self.changed = 1

    @synchronized
    def clearChanged(self) -> None:
        """Note that there is no news."""
        self.changed = 0

    @synchronized
    def hasChanged(self) -> int:
        """Return 1 if there is news, otherwise 0."""
        return self.changed

    @synchronized
    def countObservers(self) -> int:
        """Return the number of observers."""
        return len(self.obs)

    def notifyObservers(self, handlers: Any = None) -> None:
        """Call ``update(self, handlers)`` of every observer, if there is news.

        What an observer raises is logged with the logger ``scardffi`` and stops nothing. The lock is not held during
        the calls.
        """
        with self.mutex:
            observers = list(self.obs) if self.changed else []
            self.changed = 0
        for observer in observers:
            notify(observer, self, handlers)


def notify(observer: Observer, observable: Observable, handlers: Any) -> None:
    """Call ``observer.update`` with ``observable`` and ``handlers``, and log what it raises."""
    try:
        observer.update(observable, handlers)
    except Exception as error:  # noqa: BLE001  an observer may raise anything
        from ..._event_queue import log

        log(f"the observer {observer!r} of {observable} failed", error)
