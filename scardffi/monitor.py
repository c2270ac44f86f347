"""Monitor: a stream of events of readers and cards that come and go, for several consumers."""

from __future__ import annotations

import functools
import sys
import time
import warnings
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import ref

from ._arguments import invalid, member, seconds, text
from ._at_exit import silent_at_exit
from ._event_queue import CallbackQueue, EventHub, EventQueue
from ._events import Event, EventKind
from ._field_docs import field_docs
from ._fork_guard import ForkGuard
from ._half_made import repr_if_half_made
from ._not_copied import NotCopied
from ._reader_watch import ReaderWatch
from ._threads import start
from .constants import ReaderStateFlag, ReturnCode, Scope
from .errors import E_UNEXPECTED, CancelledError, EventsLostError, SCardTimeoutError, from_code, from_hresult, lookup
from .library import chosen_library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, Self, SupportsIndex

    from .errors import SCardError
    from .library import Library

    AtrFilter = bytes | tuple[bytes, bytes] | Callable[[bytes], object]

__all__ = ["CardPresence", "Event", "EventKind", "EventsLostError", "Monitor"]

_BEGIN_SECONDS: Final = 0.1
_CLOSE_SECONDS: Final = 0.05  # less than 100 ms, in which Ctrl-C ends wait_for_card and its monitor


@repr_if_half_made
class Monitor(NotCopied):
    """A stream of events of readers and cards. It waits on a native context of its own, and does not poll.

    Only macOS does not notify of readers; there the list of readers is read every second.

    As a context manager it is closed at the end. As an iterator it yields each :class:`Event`, until it is closed.
    Iteration and :meth:`wait` take events from the same queue; each :meth:`subscribe` has a queue of its own and gets
    all events. A queue begins with the present state: READER_ADDED and CARD_INSERTED for each reader and card, or
    SERVICE_STOPPED.

    If the resource manager stops, the stream goes on: SERVICE_STOPPED, then SERVICE_STARTED when it runs again, which
    is tried every 250 ms. Any thread may use a monitor.

    Args:
        readers: the names of the readers to watch, which need not be plugged in yet; None for all readers.
        scope: a :class:`~scardffi.constants.Scope`.
        library: the PC/SC library; None for the present default library.
        owner: an object that the monitor keeps alive.

    Raises:
        InvalidArgumentError: ``readers`` has no name, or a name that is not allowed.
        TypeError: ``readers`` is one name and not an iterable of names.
        LibraryError: no PC/SC library can be loaded.
    """

    def __init__(
        self,
        readers: Iterable[str] | None = None,
        *,
        scope: SupportsIndex = Scope.SYSTEM,
        library: Library | None = None,
        owner: object = None,
    ) -> None:
        names = None if readers is None else _checked_names(readers)
        in_scope = member("scope", scope, Scope)
        self._owner = owner
        self._fork_guard = ForkGuard()
        self._is_closed = False
        self._started = time.perf_counter()
        self._hub = EventHub()
        self._queue = EventQueue(self._hub)
        self._hub.add(self._queue)
        self._watch = ReaderWatch(chosen_library(library), in_scope, self._hub, names)
        # Ctrl-C may interrupt __del__ or this callback, but not both.
        self._watch.guard = ref(self, functools.partial(_stop_collected, self._watch, self._fork_guard))
        self._watch.start()

    def wait(self, predicate: Callable[[Event], object] | None = None, timeout: float | None = None) -> Event:
        """Return the next event, or the next one for which ``predicate`` is true; the events before it are dropped.

        Ctrl-C ends the wait within 100 ms.

        Args:
            predicate: is called with each event; None to return the next event.
            timeout: seconds, None to wait without limit. A monitor that has just been made gets at least 100 ms to find
                the readers and cards.

        Raises:
            SCardTimeoutError: no such event came in time.
            EventsLostError: more than 65 536 events were waiting. They are dropped; the next events are those of the
                present state.
            CancelledError: :meth:`close` was called during the wait.
            CommunicationError: pcscd was restarted with fewer readers, which pcsc-lite 2.5 does not support.
            UnexpectedStateError: the monitor is closed.
        """
        limit = seconds("timeout", timeout)
        self._refuse_if_closed()
        return self._wait(predicate, None if limit is None else time.perf_counter() + limit)

    def _wait(self, predicate: Callable[[Event], object] | None, end: float | None) -> Event:
        """Do the same as :meth:`wait` until ``end``, but raise CancelledError if the monitor was closed before."""
        if end is not None:
            self._wait_for_begin(end)
        while True:
            event = self._queue.get(end)
            if predicate is None or predicate(event):
                return event

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        self._fork_guard.check("Monitor")
        try:
            return self._queue.get(None)
        except CancelledError:
            raise StopIteration from None

    def subscribe(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """Call a function with each event, on another thread, one event after the other.

        A slow function delays no other consumer.

        What the function raises is logged with the logger ``scardffi``, and so is an EventsLostError and the error that
        ends the stream.

        Args:
            callback: the function.

        Returns:
            A function that ends this: no call begins after it has returned. It does not wait for a call that runs.

        Raises:
            UnexpectedStateError: the monitor is closed.
            TypeError: ``callback`` is not a function.
            RuntimeError: no thread can be started.
        """
        if not callable(callback):
            raise TypeError(f"callback: expected a function, got {type(callback).__name__}")
        self._refuse_if_closed()
        queue = CallbackQueue(self._hub, callback)
        self._hub.add_callback(queue)
        try:
            start(queue.deliver)
        except BaseException:
            queue.close()
            raise
        return functools.partial(_end_subscription, queue, self._fork_guard)

    def close(self) -> None:
        """End the stream: iterations end, waits raise CancelledError, and no call of a callback begins any more.

        A second call has no effect. Any thread may call this at any time, a callback too. If the resource manager does
        not answer, this returns after 50 ms, and the native context is released when it answers again. In a fork
        nothing is closed, because the monitor belongs to the parent process.
        """
        if self._fork_guard.is_forked():
            return
        try:
            self._is_closed = True
            self._hub.close()
            self._watch.stop()
            if not sys.is_finalizing():
                self._watch.ended.wait(_CLOSE_SECONDS)
        except BaseException:
            self._watch.stop()
            raise

    def __enter__(self) -> Self:
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @silent_at_exit
    def __del__(self, _warn: Any = warnings.warn) -> None:
        watch = getattr(self, "_watch", None)
        if watch is None or watch.ended.is_open() or self._fork_guard.is_forked():
            return
        watch.stop()
        self._hub.close()
        if not self._is_closed:
            _warn(f"{self!r} was collected without close()", ResourceWarning, source=self)

    def __repr__(self) -> str:
        return f"<scardffi.Monitor{', closed' if self._is_closed else ''}>"

    def _end_of_wait(self, end: float) -> float:
        """Return when a wait ends that should end at ``end``: a new monitor gets time to find the cards."""
        return end if self._hub.begun.is_open() else max(end, self._started + _BEGIN_SECONDS)

    def _wait_for_begin(self, end: float | None) -> bool:
        """Wait until the readers and cards that are there are known, as long as a wait until ``end``; return if so."""
        return self._hub.begun.wait(None if end is None else self._end_of_wait(end) - time.perf_counter())

    def _refuse_if_closed(self) -> None:
        """Raise if the monitor is closed."""
        self._fork_guard.check("Monitor")
        if self._is_closed:
            raise from_hresult(E_UNEXPECTED, "Monitor", "it is closed")


@field_docs(reader="The reader's name.", atr="The card's answer to reset.")
class CardPresence(NamedTuple):
    """A card that is in a reader."""

    reader: str
    atr: bytes

    def __repr__(self) -> str:
        return f"<scardffi.CardPresence {self.reader!r}, ATR {self.atr.hex(' ').upper() or 'none'}>"


class _CardSearch:
    """The search for a card among the events of a new monitor. For :meth:`~scardffi.Context.wait_for_card`.

    Args:
        reader: the name of the reader, or a part of it; None for any reader.
        atr: the ATR, as for wait_for_card.
    """

    def __init__(self, reader: str | None, atr: AtrFilter | None) -> None:
        if reader is not None and not text("reader", reader):
            raise invalid("reader", reader, "a name or a part of it, or None for any reader")
        self._reader = reader
        self._fits = _atr_filter(atr)
        self._names: set[str] = set()
        self._service_runs = True

    def is_found(self, event: Event) -> bool:
        """Take the next event; return True if its card is the one."""
        reader, names = self._reader, self._names
        if event.kind is EventKind.READER_ADDED:
            names.add(event.reader)
        elif event.kind is EventKind.READER_REMOVED:
            names.discard(event.reader)
        elif event.kind in {EventKind.SERVICE_STOPPED, EventKind.SERVICE_STARTED}:
            self._service_runs = event.kind is EventKind.SERVICE_STARTED
        if event.kind not in {EventKind.CARD_INSERTED, EventKind.CARD_CHANGED}:
            return False
        if event.atr is None or event.state & ReaderStateFlag.MUTE:
            return False
        here = reader is None or (event.reader == reader if reader in names else reader in event.reader)
        return here and bool(self._fits(event.atr))

    def begin_again(self) -> None:
        """Forget the events so far, because events were lost."""
        self._names.clear()
        self._service_runs = True

    def error(self, ended: CancelledError | SCardTimeoutError, monitor: Monitor) -> SCardError:
        """Return the error of wait_for_card if this error has ended its wait for an event of the monitor."""
        if isinstance(ended, CancelledError):
            return from_code(ReturnCode.SCARD_E_CANCELLED, "wait_for_card")
        why, remedy = self._why_in_vain(has_begun=monitor._hub.begun.is_open())  # noqa: SLF001  it is of this module
        reason = f"the timeout expired, and {why}", remedy
        return from_code(ReturnCode.SCARD_E_TIMEOUT, "wait_for_card", reason=reason)

    def _why_in_vain(self, *, has_begun: bool) -> tuple[str, str]:
        """Return why no card was found, and what to do.

        Args:
            has_begun: False if the monitor does not know yet whether there are readers.
        """
        code, detail = ReturnCode.SCARD_E_NO_READERS_AVAILABLE, ""
        if not has_begun:
            return "the resource manager has not answered", "Use a longer timeout, or restart the resource manager."
        if not self._service_runs:
            code = ReturnCode.SCARD_E_NO_SERVICE
        elif self._names:
            if self._reader is None or any(self._reader in name for name in self._names):
                return "no such card is there", "Use a longer timeout, or go on."
            code, detail = ReturnCode.SCARD_E_UNKNOWN_READER, f": {self._reader!r}"
        known = lookup(code)
        return known.meaning + detail, known.remedy


def wait_for_card(monitor: Monitor, search: _CardSearch, timeout: float | None) -> CardPresence:
    """Wait for a card, and return it.

    Args:
        monitor: a monitor of which no event was taken.
        search: finds the card.
        timeout: seconds, None to wait without limit.
    """
    end = None if timeout is None else time.perf_counter() + timeout
    while True:
        try:
            found = monitor._wait(search.is_found, end)  # noqa: SLF001  it is of this module
        except EventsLostError:
            search.begin_again()
        except (CancelledError, SCardTimeoutError) as ended:
            raise search.error(ended, monitor) from None
        else:
            return CardPresence(found.reader, found.atr or b"")


def _atr_filter(atr: AtrFilter | None) -> Callable[[bytes], object]:
    """Return a function that tells whether an ATR fits the argument ``atr`` of wait_for_card."""
    if atr is None:
        return lambda _: True
    if callable(atr):
        return atr
    if isinstance(atr, bytes):
        return lambda present: present == atr
    if not isinstance(atr, tuple) or len(atr) != 2 or not all(isinstance(part, bytes) for part in atr):
        raise TypeError(f"atr: expected bytes, a tuple of value and mask, a function or None, got {atr!r}")
    value, mask = atr
    if len(value) != len(mask):
        raise invalid("atr", atr, "a value and a mask of the same length")
    wanted = _masked(value, mask)
    return lambda present: len(present) >= len(mask) and _masked(present, mask) == wanted


def _masked(atr: bytes, mask: bytes) -> bytes:
    return bytes(byte & bit for byte, bit in zip(atr, mask, strict=False))


def _checked_names(readers: Iterable[str]) -> frozenset[str]:
    if isinstance(readers, str) or not hasattr(readers, "__iter__"):
        raise TypeError(f"readers: expected names in a list, or None, got {readers!r}")
    names = list(readers)
    for name in names:
        if not text("readers", name):
            raise invalid("readers", name, "names of at least one character")
    if not names:
        raise invalid("readers", names, "at least one name, or None for all readers")
    return frozenset(names)


def _end_subscription(queue: CallbackQueue, fork_guard: ForkGuard) -> None:
    if not fork_guard.is_forked():  # in a fork a thread of the parent may hold the queue's lock for ever
        queue.close()


@silent_at_exit
def _stop_collected(watch: ReaderWatch, fork_guard: ForkGuard, _reference: object) -> None:
    if not fork_guard.is_forked():
        watch.stop()
