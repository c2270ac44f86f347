"""Observing the readers that are plugged in and unplugged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from ..._event_queue import log
from ..._locks import Gate
from ...monitor import Event, EventKind
from ._monitoring import EventSource, MonitorObservable, Source, Tell
from .Observer import Observer
from .pcsc.PCSCReader import PCSCReader
from .System import readers

_THREAD_NAME = "smartcard.ReaderMonitoringThread"


class ReaderObserver(Observer):
    """An observer of readers. Override :meth:`update` in a subclass."""

    def update(self, observable: Any, handlers: Any) -> None:
        """Handle news.

        Args:
            observable: the ReaderMonitor.
            handlers: (the readers that were plugged in, the readers that were unplugged), two lists of Reader.
        """


class ReaderMonitor(MonitorObservable):
    """The monitor of readers; there is one in a process. It does not poll, and goes on if the service is restarted.

    Args:
        startOnDemand: False to begin to watch at once; True to begin with the first observer.
        readerProc: a function that returns the readers, in place of the default. It is called every period.
        period: the seconds between two calls of such a function.

    Attributes:
        readerProc: the function.
        period: the seconds.
    """

    def __init__(
        self,
        startOnDemand: bool = True,  # noqa: FBT002  pyscard's argument
        readerProc: Callable[..., Sequence[Any]] = readers,
        period: float = 1,
    ) -> None:
        if self.rmthread is None:
            self.readerProc, self.period = readerProc, period
        if not startOnDemand:
            self.start()

    def source(self) -> Source:
        """Return where the news comes from."""
        if self.readerProc is readers:
            return EventSource(_changes, _THREAD_NAME)
        return _Polling(self.readerProc, self.period)


def _changes(event: Event, there: dict[str, PCSCReader]) -> tuple[list[PCSCReader], list[PCSCReader]]:
    if event.kind is EventKind.READER_ADDED:
        there[event.reader] = PCSCReader(event.reader)
        return [there[event.reader]], []
    if event.kind is EventKind.READER_REMOVED:
        return [], [there.pop(event.reader, None) or PCSCReader(event.reader)]
    return [], []


class _Polling:
    """News from a function of the program, which returns the readers; a thread calls it again and again."""

    def __init__(self, list_readers: Callable[..., Sequence[Any]], period: float) -> None:
        self._list_readers = list_readers
        self._period = period
        self._stopped = Gate()

    def start(self, tell: Tell) -> None:
        """Call ``tell(readers that have come, readers that have gone)`` until :meth:`stop`."""
        threading.Thread(target=self._run, args=(tell,), name=_THREAD_NAME, daemon=True).start()

    def _run(self, tell: Tell) -> None:
        """Call the function again and again."""
        there: list[Any] = []
        while not self._stopped.is_open():
            try:
                now = list(self._list_readers())
            except Exception as error:  # noqa: BLE001  the program's function may raise anything
                log(f"the function {self._list_readers!r} of ReaderMonitor failed", error)
                now = there
            added, removed = [one for one in now if one not in there], [one for one in there if one not in now]
            there = now
            if added or removed:
                tell(added, removed)
            self._stopped.wait(self._period)

    def stop(self) -> None:
        """End the thread, without waiting for it."""
        self._stopped.open()
