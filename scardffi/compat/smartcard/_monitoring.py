"""What CardMonitor and ReaderMonitor have in common, and the events of a monitor in batches."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from ...constants import Scope
from ...errors import CancelledError, EventsLostError, SCardTimeoutError
from ...monitor import Monitor
from .Observer import Observable, notify

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Protocol

    from ...monitor import Event
    from .Observer import Observer

    class Source(Protocol):
        """Where the news of a monitor comes from. One thread calls ``news``; ``stop`` ends it from another one."""

        def news(self) -> Iterator[tuple[list[Any], list[Any]]]: ...
        def stop(self) -> None: ...


class Batch(NamedTuple):
    """Events that were there at the same time, in their order."""

    events: list[Event]
    is_lost: bool
    """True if events are missing before these, which begin with the present state then."""


def batches(monitor: Monitor, end: float | None = None) -> Iterator[Batch]:
    """Yield the events of a monitor until it is closed, or until ``time.perf_counter()`` is ``end``."""
    is_lost = was_lost = False
    while True:
        events: list[Event] = []
        try:
            events.append(monitor.wait(timeout=None if end is None else max(0.0, end - time.perf_counter())))
            while True:
                events.append(monitor.wait(timeout=0))
        except SCardTimeoutError:
            pass
        except EventsLostError:
            was_lost = True
        except CancelledError:
            return
        if events:
            yield Batch(events, is_lost)
            is_lost = False
        is_lost, was_lost = is_lost or was_lost, False
        if end is not None and time.perf_counter() >= end:
            return


class EventSource:
    """News from the events of a monitor of all readers.

    Args:
        changes: is called with an event and the dict of what is there, by the reader's name; it changes the dict, and
            returns (what has come, what has gone).
    """

    def __init__(self, changes: Callable[[Event, dict[str, Any]], tuple[list[Any], list[Any]]]) -> None:
        self._changes = changes
        self._monitor = Monitor(scope=Scope.USER)

    def news(self) -> Iterator[tuple[list[Any], list[Any]]]:
        """Yield (what has come, what has gone), at first all that is there, until :meth:`stop`.

        Events that were waiting come in one step, but not two of the same reader.
        """
        there: dict[str, Any] = {}
        for batch in batches(self._monitor):
            if batch.is_lost and there:
                yield [], list(there.values())
                there.clear()
            added: list[Any] = []
            removed: list[Any] = []
            seen: set[str] = set()
            for event in batch.events:
                come, gone = self._changes(event, there)
                if not come and not gone:
                    continue
                if event.reader in seen:
                    yield added, removed
                    added, removed, seen = [], [], set()
                added += come
                removed += gone
                seen.add(event.reader)
            if seen:
                yield added, removed

    def stop(self) -> None:
        """End :meth:`news`."""
        self._monitor.close()


class MonitorThread(threading.Thread):
    """The thread that calls the observers of a monitor.

    Args:
        observable: the monitor.
        source: where its news comes from.

    Attributes:
        present: all that is there.
    """

    def __init__(self, observable: MonitorObservable, source: Source) -> None:
        super().__init__(name=f"smartcard.{observable}", daemon=True)
        self.present: list[Any] = []
        self._observable = observable
        self._source = source

    def run(self) -> None:
        """Call the observers until :meth:`stop`."""
        for added, removed in self._source.news():
            with self._observable.delivery:
                if self._observable.rmthread is not self:
                    return
                self.present = [one for one in self.present if one not in removed] + added
                self._observable.setChanged()
                self._observable.notifyObservers((added, removed))

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        self._source.stop()


class MonitorObservable(Observable):
    """The base class of monitors. A thread and a native context of its own wait while there are observers.

    ``update(monitor, (added, removed))`` of each observer is called on the thread. A new observer first gets all that
    is there, as added. After :meth:`deleteObserver` no call of ``update`` begins.

    Attributes:
        rmthread: the thread; None without observers.
        delivery: is held while observers are called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.delivery = threading.RLock()
        self.rmthread: MonitorThread | None = None

    def source(self) -> Source:
        """Return where the news comes from."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread, if it does not run."""
        with self.delivery, self.mutex:
            if self.rmthread is None:
                self.rmthread = MonitorThread(self, self.source())
                self.rmthread.start()

    def addObserver(self, observer: Observer) -> None:
        """Add an observer, if it is not there already."""
        with self.delivery:
            is_new = observer not in self.obs
            super().addObserver(observer)
            self.start()
            present = self.rmthread.present if self.rmthread is not None else []
            if is_new and present:
                notify(observer, self, (list(present), []))

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
            thread, self.rmthread = self.rmthread, None
        if thread is not None:
            thread.stop()

    def __str__(self) -> str:
        return type(self).__name__
