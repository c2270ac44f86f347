"""The common part of CardMonitor and ReaderMonitor, and the events of a monitor in batches."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Final, Protocol, Self, TypeAlias

from ..._locks import ForkMutex, Mutex
from ...constants import Scope
from ...errors import CancelledError, EventsLostError, SCardTimeoutError, UnexpectedStateError
from ...monitor import Event, Monitor
from .Observer import Observable, Observer, notify

Tell: TypeAlias = Callable[[list[Any], list[Any]], None]
"""A function that gets the list of what has come, and the list of what has gone."""


class Source(Protocol):
    """Where the news of a monitor comes from: :class:`EventSource`, or a function of the program."""

    def start(self, tell: Tell) -> None: ...
    def stop(self) -> None: ...


def batches(monitor: Monitor, end: float | None) -> Iterator[list[Event]]:
    """Yield the events of a new monitor until ``time.perf_counter()`` is ``end``; each list has all that wait.

    The first list begins with the events of what is there; it is empty if there are no readers.
    """
    if not monitor._wait_for_begin(end):  # noqa: SLF001  other users of monitors have no need of it
        return
    yield list(_waiting(monitor))
    while (left := None if end is None else end - time.perf_counter()) is None or left > 0:
        try:
            yield [monitor.wait(timeout=left), *_waiting(monitor)]
        except SCardTimeoutError:
            return
        except EventsLostError:
            pass  # the next events are those of the present state


def _waiting(monitor: Monitor) -> Iterator[Event]:
    """Yield the events that wait."""
    with contextlib.suppress(SCardTimeoutError):
        while True:
            yield monitor.wait(timeout=0)


class EventSource:
    """News from the events of a monitor of all readers. One thread waits for them and passes them on.

    Args:
        changes: is called with an event and the dict of what is there, by the reader's name; it changes the dict, and
            returns (what has come, what has gone).
        name: the name of the thread.
    """

    def __init__(self, changes: Callable[[Event, dict[str, Any]], tuple[list[Any], list[Any]]], name: str) -> None:
        self._changes = changes
        self._name = name
        self._there: dict[str, Any] = {}
        self._monitor = Monitor(scope=Scope.USER)

    def start(self, tell: Tell) -> None:
        """Call ``tell(what has come, what has gone)``, at first with all that is there, until :meth:`stop`.

        What is there comes in one call, and then each event in a call of its own.
        """
        threading.Thread(target=self._run, args=(tell,), name=self._name, daemon=True).start()

    def _run(self, tell: Tell) -> None:
        """Pass on the events until the monitor is closed."""
        is_begun = False
        while True:
            try:
                events = [self._monitor.wait()]
                if not is_begun:
                    events += _waiting(self._monitor)
            except EventsLostError:  # the next events are those of the present state
                tell([], list(self._there.values()))
                self._there.clear()
                is_begun = False
                continue
            except (CancelledError, UnexpectedStateError):  # it is closed
                return
            is_begun = True
            changes = [self._changes(event, self._there) for event in events]
            added, removed = ([one for change in changes for one in change[side]] for side in (0, 1))
            if added or removed:
                tell(added, removed)

    def stop(self) -> None:
        """End this, without waiting for the thread."""
        self._monitor.close()


_making: Final = ForkMutex()  # held while the object of a class is made


class MonitorObservable(Observable):
    """The base class of monitors, which have a native context of their own while there are observers.

    ``update(monitor, (added, removed))`` of each observer is called on one thread, which has a name. A new observer
    first gets all that is there, as added; if that is known already, :meth:`addObserver` calls it. After
    :meth:`deleteObserver` no call of ``update`` begins; it does not wait for the end of one that has begun.

    Each subclass has one object in a process. In the child of a fork it has no observers at first.

    Attributes:
        instance: this object; None before the first use.
        rmthread: where the news comes from; None without observers.
    """

    instance: ClassVar[Self | None] = None
    _delivery: Mutex  # held while observers are called
    _present: list[Any]
    rmthread: Source | None

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Return the object."""
        with _making:
            if cls.instance is None:
                made = super().__new__(cls)
                made._begin()
                if hasattr(os, "register_at_fork"):
                    os.register_at_fork(after_in_child=made._begin)
                cls.instance = made
            return cls.instance

    def __init__(self) -> None:
        """Do nothing: the object exists."""

    def _begin(self) -> None:
        """Begin without observers, and with free locks."""
        Observable.__init__(self)
        self._delivery, self._present, self.rmthread = Mutex(), [], None

    def source(self) -> Source:
        """Return where the news comes from."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to watch, unless this has begun."""
        with self._delivery, self.mutex:
            if self.rmthread is None:
                self._present = []
                self.rmthread = source = self.source()
                source.start(lambda added, removed: self._tell(source, added, removed))

    def _tell(self, source: Source, added: list[Any], removed: list[Any]) -> None:
        """Call the observers, unless the source was stopped."""
        with self._delivery:
            if self.rmthread is source:
                self._present = [one for one in self._present if one not in removed] + added
                for observer in list(self.obs):
                    if observer in self.obs:  # it may have been removed during the calls before
                        notify(observer, self, (added, removed))

    def addObserver(self, observer: Observer) -> None:
        """Add an observer, if it is not there already."""
        with self._delivery:
            if observer in self.obs:
                return
            super().addObserver(observer)
            self.start()
            if self._present:
                notify(observer, self, (list(self._present), []))

    def deleteObserver(self, observer: Observer) -> None:
        """Remove an observer.

        Raises:
            ValueError: it is not there.
        """
        super().deleteObserver(observer)
        self._stop_if_idle()

    def deleteObservers(self) -> None:
        """Remove all observers."""
        super().deleteObservers()
        self._stop_if_idle()

    def _stop_if_idle(self) -> None:
        with self.mutex:
            if self.obs:
                return
            source, self.rmthread = self.rmthread, None
        if source is not None:
            source.stop()

    def __str__(self) -> str:
        return type(self).__name__
