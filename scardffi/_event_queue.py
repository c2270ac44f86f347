"""The queues between the threads that notice events and the consumers of a monitor, which each have their own."""

from __future__ import annotations

import _thread
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from ._events import Event, EventKind, KnownReaders
from ._locks import SIGNAL_CHECK, Gate, Mutex
from .constants import ReturnCode
from .errors import EventsLostError, from_code

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

MOST_EVENTS: Final = 65_536


class EventQueue:
    """The events of one consumer, in order. Several threads may take events; each event goes to one of them.

    If Ctrl-C interrupts a thread that waits, the other threads go on.
    """

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self._events: deque[Event] = deque()
        self._lost = 0
        self._error: BaseException | None = None
        self._is_closed = False
        self._listener: Callable[[], object] | None = None
        self._news = _thread.allocate_lock()  # is released if there may be something to take
        self._news.acquire()

    def put(self, events: list[Event]) -> None:
        """Append events; the caller holds the hub's lock."""
        if self._lost or len(self._events) + len(events) > MOST_EVENTS:
            self._lost += len(self._events) + len(events)
            self._events.clear()
        else:
            self._events += events
        self.wake()

    def fail(self, error: BaseException) -> None:
        """Raise this error in each call of :meth:`get` after the last event."""
        self._error = error
        self.wake()

    def close(self) -> None:
        """End all calls of :meth:`get`, and drop the events."""
        self._is_closed = True
        self._events.clear()
        self.wake()

    @property
    def is_closed(self) -> bool:
        """True after :meth:`close`."""
        return self._is_closed

    def listen(self, listener: Callable[[], object]) -> None:
        """Call a function, on any thread, each time that there may be something to take; it must not block."""
        self._listener = listener
        self.wake()

    def take(self) -> Event | None:
        """Take the next event; return None if there is none now.

        Raises:
            EventsLostError, CancelledError: as for :meth:`get`.
        """
        if self._is_closed:
            raise from_code(ReturnCode.SCARD_E_CANCELLED, "Monitor", "it was closed")
        error = self._error  # read before the events, because it comes after them
        if self._lost:
            self._raise_lost()
        try:
            return self._events.popleft()
        except IndexError:
            if error is not None:
                raise error.with_traceback(None) from None
            return None

    def get(self, end: float | None) -> Event:
        """Take the next event, and wait for it until ``end``, a time of time.perf_counter(); None to wait for ever.

        Raises:
            EventsLostError: the consumer was too slow. The next events are those of the present state.
            SCardTimeoutError: no event came in time.
            CancelledError: the queue was closed.
        """
        try:
            while (event := self.take()) is None:
                self._wait(end)
            return event
        finally:
            if self._events or self._error is not None or self._is_closed:
                self.wake()  # the next thread

    def _raise_lost(self) -> None:
        with self._hub.lock:
            lost, self._lost = self._lost, 0
            if lost:
                self._events.extend(self._hub.present())
                raise EventsLostError(lost)

    def _wait(self, end: float | None) -> None:
        left = None if end is None else end - time.perf_counter()
        if left is not None and left <= 0:
            raise from_code(ReturnCode.SCARD_E_TIMEOUT, "Monitor")
        if SIGNAL_CHECK is not None:
            left = SIGNAL_CHECK if left is None else min(left, SIGNAL_CHECK)
        self._news.acquire(timeout=-1 if left is None else left)

    def wake(self) -> None:
        """Let the consumer look whether there is something to take."""
        if self._listener is not None:
            self._listener()
        if not self._news.locked():
            return
        try:  # noqa: SIM105  Ctrl-C may interrupt suppress(), but not this
            self._news.release()
        except RuntimeError:  # another thread has released it
            pass


class CallbackQueue(EventQueue):
    """The events for a callback, which one thread at a time calls.

    Args:
        hub: the hub.
        callback: the function.

    Attributes:
        is_busy: True while a thread calls :meth:`deliver`, or is about to do so; guarded by the hub's lock.
    """

    def __init__(self, hub: EventHub, callback: Callable[[Event], object]) -> None:
        super().__init__(hub)
        self.is_busy = True
        self._callback = callback

    @property
    def has_news(self) -> bool:
        """True if there is something to deliver; the caller holds the hub's lock."""
        return bool(self._events or self._lost or self._error or self._is_closed)

    def close(self) -> None:
        """End this: no call of the callback begins any more."""
        super().close()
        self._hub.forget(self)

    def deliver(self) -> None:
        """Call the callback with each event of the queue."""
        while True:
            with self._hub.lock:
                if not self.has_news:
                    self.is_busy = False
                    return
            try:
                event = self.get(None)
            except EventsLostError as error:
                log("events for a callback were lost", error)
            except BaseException as error:  # noqa: BLE001  the error that has ended the stream may be any
                if not self._is_closed:
                    log("a monitor has ended", error)
                    self.close()
                return
            else:
                try:
                    self._callback(event)
                except BaseException as error:  # noqa: BLE001  the callback may raise anything
                    log(f"the callback {self._callback!r} of a monitor failed", error)


def log(message: str, error: BaseException) -> None:
    """Log an error with the logger ``scardffi``."""
    import logging

    logging.getLogger("scardffi").error(message, exc_info=error)


class EventHub:
    """The readers and cards that a monitor knows, and the queues of its consumers."""

    def __init__(self) -> None:
        self.lock = Mutex()  # guards all below; a signal handler may use the monitor that it interrupts
        self.begun = Gate()  # open once the first state of the readers is known
        self._known = KnownReaders()
        self._listed: frozenset[str] = frozenset()  # results of other readers are dropped: they are older than the list
        self._service_runs = True
        self._error: BaseException | None = None
        self._is_closed = False
        self._queues: tuple[EventQueue, ...] = ()
        self._callbacks: tuple[CallbackQueue, ...] = ()

    def current_state(self, reader: str) -> int:
        """Return the state of a reader for the next wait."""
        return self._known.current_state(reader)

    def add(self, queue: EventQueue) -> None:
        """Let a queue begin with the present state, and then get all events."""
        with self.lock:
            queue.put(self.present())
            if self._error is not None:
                queue.fail(self._error)
            if self._is_closed:
                queue.close()
            self._queues += (queue,)

    def add_callback(self, queue: CallbackQueue) -> None:
        """Do the same for the queue of a callback, until it is closed. The caller must start a thread that delivers."""
        with self.lock:
            self._callbacks += (queue,)
            self.add(queue)

    def forget(self, queue: CallbackQueue) -> None:
        """Let a callback get no more events."""
        with self.lock:
            self._callbacks = tuple(one for one in self._callbacks if one is not queue)
            self._queues = tuple(one for one in self._queues if one is not queue)

    def take_idle(self) -> list[CallbackQueue]:
        """Return the callbacks that have something to deliver and that no thread calls; the caller must deliver."""
        with self.lock:
            idle = [queue for queue in self._callbacks if not queue.is_busy and queue.has_news]
            for queue in idle:
                queue.is_busy = True
        return idle

    def present(self) -> list[Event]:
        """Return the events of the present state; the caller holds the lock."""
        now = time.monotonic()
        return self._known.present(now) if self._service_runs else [Event(EventKind.SERVICE_STOPPED, time=now)]

    def update(self, results: Iterable[tuple[str, int, bytes]], *, unless: Gate) -> None:
        """Take (reader, event state, ATR) of the readers that are in the list, if this gate is still closed."""
        now = time.monotonic()
        with self.lock:
            if not unless.is_open():
                self._put(self._known.update([result for result in results if result[0] in self._listed], now))
            are_known = self._known.has(self._listed)  # if there are many readers, several waits tell their states
        if are_known:
            self._begin()

    def retain(self, readers: Collection[str]) -> bool:
        """Take the present list of readers: forget those that are not in it. Return whether there were events."""
        with self.lock:
            self._listed = frozenset(readers)
            events = self._known.retain(self._listed, time.monotonic())
            self._put(events)
            are_known = self._known.has(self._listed)
        if are_known:
            self._begin()
        return bool(events)

    def service_started(self) -> bool:
        """Note that the service runs. Return whether there was an event."""
        with self.lock:
            if self._service_runs:
                return False
            self._service_runs = True
            self._put([Event(EventKind.SERVICE_STARTED, time=time.monotonic())])
        return True

    def service_stopped(self) -> None:
        """Note that the service does not run."""
        with self.lock:
            if self._service_runs:
                now = time.monotonic()
                self._service_runs = False
                self._listed = frozenset()
                self._put([Event(EventKind.SERVICE_STOPPED, time=now), *self._known.retain((), now)])
        self._begin()

    def fail(self, error: BaseException) -> None:
        """End the stream of all consumers with this error."""
        self._end(lambda queue: queue.fail(error), error)

    def close(self) -> None:
        """End the stream of all consumers."""
        self._is_closed = True
        self._end(EventQueue.close)

    def _end(self, end: Callable[[EventQueue], None], error: BaseException | None = None) -> None:
        with self.lock:
            self._error = self._error or error
            for queue in self._queues:
                end(queue)
        self._begin()

    def _begin(self) -> None:
        if not self.begun.is_open():
            self.begun.open()
            for queue in self._queues:
                queue.wake()

    def _put(self, events: list[Event]) -> None:
        if events:
            for queue in self._queues:
                queue.put(events)
