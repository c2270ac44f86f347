"""The threads that wait for changes of readers and cards as long as a monitor lives.

One thread waits for changes of the list of readers and of the readers' states. It polls only on macOS. If there are
more readers than the resource manager takes in one wait, each of several other threads waits for some of them.

The thread that has waited calls a callback itself, because waking another thread takes longer. Before that it lets
another thread wait, so that a slow callback delays nothing. The waits are a generator, which any thread can resume.

A wait cannot be ended if the resource manager does not answer. For this reason a monitor calls PC/SC only in these
threads and in the reaper.
"""

from __future__ import annotations

import _thread
import time
from typing import TYPE_CHECKING, Final

from ._cancellable import CancellableContext, cancel_later
from ._checked_waits import MAY_BE_WRONG, NO_ANSWER, CheckedWaits
from ._loader import lib
from ._locks import Gate
from ._marshalling import reader_states, state_results
from ._reader_polling import ReaderPolling
from ._threads import prepared, start
from .constants import INFINITE, PNP_NOTIFICATION, ReaderStateFlag, ReturnCode
from .errors import SCardError, context_is_gone, from_code, readers_are_fewer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
    from weakref import ref

    from ._event_queue import CallbackQueue, EventHub
    from .library import Library

    _Wait = Callable[[int, "_Watched"], int]

_AGAIN: Final = 0.25
_SETTLE_MS: Final = 1000
_UNKNOWN_READER_AGAIN: Final = 0.05
_FEWER_READERS_SECONDS: Final = 3.0
_MOST_WATCHED: Final = 16
_CHANGED: Final = int(ReaderStateFlag.CHANGED)
_NOTIFIED: Final = bool(lib.PCSC_NOTIFIES_OF_READERS)


class ReaderWatch:
    """The waits of one monitor.

    Args:
        library: the PC/SC library.
        scope: a Scope.
        hub: takes what the waits return.
        readers: the names of the readers to watch; None for all.

    Attributes:
        ended: is opened when no thread of this object makes calls any more.
        guard: a weak reference to the monitor, whose callback calls :meth:`stop`.
    """

    guard: ref[object]

    def __init__(self, library: Library, scope: int, hub: EventHub, readers: Collection[str] | None) -> None:
        self.ended = Gate()
        self._stopped = Gate()
        self._has_begun = False
        self._steps = self._run()
        self._is_parked = False  # a thread waits for the baton, to go on with the steps; guarded by the hub's lock
        self._baton = _thread.allocate_lock()
        self._baton.acquire()
        self._library = library
        self._scope = scope
        self._hub = hub
        self._wanted = readers
        self._context: CancellableContext | None = None
        self._others: dict[tuple[str, ...], CancellableContext] = {}
        self._most: int | None = None
        self._fewer_since: float | None = None

    def start(self) -> None:
        """Start the thread.

        Raises:
            RuntimeError: no thread can be started.
        """
        begin = prepared(self._lead)
        self._has_begun = True  # Ctrl-C cannot come between this line and the start of the thread
        try:
            begin()
        except RuntimeError:
            self.ended.open()
            raise

    def stop(self) -> None:
        """Let the threads end; this neither blocks nor raises."""
        self._stopped.open()
        if not self._has_begun:
            self.ended.open()
        cancel_later(self.ended, self._cancel)

    def _cancel(self) -> int:
        context = self._context
        return 0 if context is None else context.cancel()

    def _lead(self) -> None:
        """Wait for events, then call a callback; repeat this until another thread waits and this one is not needed."""
        while ready := self._next_callbacks():
            first, *others = ready
            for other in others:
                _deliver_elsewhere(other)
            is_replaced = self._promote()
            first.deliver()
            if is_replaced and not self._park():
                return

    def _next_callbacks(self) -> list[CallbackQueue]:
        """Wait until there are events for callbacks that no thread calls, and return them; none after the end."""
        for _ in self._steps:
            if ready := self._hub.take_idle():
                return ready
        with self._hub.lock:
            self.ended.open()
        self._wake_parked()
        for queue in self._hub.take_idle():
            _deliver_elsewhere(queue)
        return []

    def _promote(self) -> bool:
        """Let another thread wait; return False if none can be started."""
        if self._wake_parked():
            return True
        try:
            start(self._lead)
        except RuntimeError:
            return False
        return True

    def _wake_parked(self) -> bool:
        with self._hub.lock:
            was_parked, self._is_parked = self._is_parked, False
        if was_parked:
            self._baton.release()
        return was_parked

    def _park(self) -> bool:
        """Wait until this thread is needed, and return True; return False if it is not needed at all."""
        with self._hub.lock:
            if self._is_parked or self.ended.is_open():
                return False
            self._is_parked = True
        self._baton.acquire()
        return True

    def _run(self) -> Iterator[None]:
        """Wait and report, until this is stopped; yield after each report."""
        try:
            while not self._stopped.is_open():
                yield from self._follow_service()
                yield
                self._stopped.wait(_AGAIN)
        except BaseException as error:  # noqa: BLE001  the consumers raise it
            self._hub.fail(error)

    def _follow_service(self) -> Iterator[None]:
        """Report events until the service ends."""
        context = self._context = CancellableContext(self._library, self._scope)
        try:
            yield from self._follow(context, context.establish())
        except SCardError as error:
            is_gone, are_fewer = error.code is not None and context_is_gone(error.code), readers_are_fewer(error)
            if are_fewer and self._can_list():  # only the answers on this context are mixed up: see _checked_waits
                return
            if is_gone or are_fewer:
                self._hub.service_stopped()
            if not is_gone and not (are_fewer and self._more_readers_may_come()):
                raise
        finally:
            self._watch_others([])
            context.release()

    def _can_list(self) -> bool:
        """Return whether the readers can be listed on another native context."""
        context = CancellableContext(self._library, self._scope)
        try:
            code, _ = self._library.SCardListReaders(context.establish())
        except SCardError:
            return False
        else:
            return code in {0, ReturnCode.SCARD_E_NO_READERS_AVAILABLE}
        finally:
            context.release()

    def _more_readers_may_come(self) -> bool:
        """Return False if the readers have been fewer than before for so long that a restart cannot be the reason."""
        now = time.perf_counter()
        self._fewer_since = self._fewer_since or now
        return now - self._fewer_since < _FEWER_READERS_SECONDS

    def _follow(self, context: CancellableContext, handle: int) -> Iterator[None]:
        wait = self._waiting(handle, self._stopped)
        only_list = _Watched([PNP_NOTIFICATION], [0])
        wait(0, only_list)
        list_state = only_list.take_list_state()
        settled = missed = False
        names: list[str] | None = None
        while not self._stopped.is_open():
            before, names = names, self._list(handle)
            if names != before:
                if self._hub.service_started():
                    yield
                if self._hub.retain(names):
                    yield
                settled = False
            elif missed:
                self._stopped.wait(_UNKNOWN_READER_AGAIN)
            code, list_state = yield from self._wait_for_list(context, wait, names, list_state, settled=settled)
            settled = code == ReturnCode.SCARD_E_TIMEOUT
            missed = code == ReturnCode.SCARD_E_UNKNOWN_READER

    def _waiting(self, handle: int, cancelled: Gate, *, is_of_group: bool = False) -> _Wait:
        """Return the function that waits for a change, given milliseconds and states, and returns a code.

        The code may be SCARD_E_TIMEOUT although the time is not over. If the time is 0, only the state of the list is
        asked for.

        Args:
            handle: the native context.
            cancelled: is opened when the waits must end.
            is_of_group: True if there are so many readers that another thread watches the list; pcscd 2.5 has no limit.
        """
        if not _NOTIFIED:
            polling = ReaderPolling(self._library, handle, cancelled)
            return lambda timeout, watched: watched.take(*polling.step(timeout, watched.pairs()))
        table = self._library.native

        def wait(timeout: int, watched: _Watched) -> int:
            code = lib.pcsc_get_status_change(
                table, handle, timeout, watched.count, watched.names, watched.current, watched.memory
            )
            return watched.take(code, state_results(watched.memory))

        if not MAY_BE_WRONG or is_of_group:
            return wait
        checked = CheckedWaits(self._library, handle)

        def checked_wait(timeout: int, watched: _Watched) -> int:
            if timeout == 0:
                return watched.take(0, [(checked.list_state(), b"")])
            if self._wanted is not None:
                return watched.take(*checked.step(timeout, watched.pairs()))
            code = wait(checked.time(timeout), watched)
            if watched.current[0] == 0:  # the list is not counted
                return code
            return watched.take(*(checked.check(watched.pairs(), [], code, watched.results) or NO_ANSWER))

        return checked_wait

    def _list(self, handle: int) -> list[str]:
        """Return the names of the readers to watch."""
        code, names = self._library.SCardListReaders(handle)
        if code not in {0, ReturnCode.SCARD_E_NO_READERS_AVAILABLE}:
            raise from_code(code, "SCardListReaders")
        self._fewer_since = None
        return names if self._wanted is None else [name for name in names if name in self._wanted]

    def _wait_for_list(
        self, context: CancellableContext, wait: _Wait, names: list[str], list_state: int, *, settled: bool
    ) -> Generator[None, None, tuple[int, int]]:
        """Report events until the list of readers may have changed.

        pcsc-lite before 2.3 has no counter of changes of the list, and does not report a change between the moment in
        which the list was read and the begin of a wait. There the list is read again a second after each event.

        Args:
            context: the native context.
            wait: waits on it.
            names: the readers.
            list_state: the state of the list that is known.
            settled: True if the list has not changed for a second.

        Returns:
            The code of the last wait, and the state of the list.
        """
        watched = self._watched(names, list_state)
        while not self._stopped.is_open():
            is_counted = list_state >> 16 != 0
            code = wait(INFINITE if is_counted or settled else _SETTLE_MS, watched)
            if code == 0:
                list_changed = watched.list_has_changed()
                list_state = watched.take_list_state()
                if changes := watched.take_changes(1):
                    self._hub.update(changes, unless=context.cancelled)
                    yield
                if list_changed or not is_counted:
                    return code, list_state
            elif code == ReturnCode.SCARD_E_UNKNOWN_READER or (
                code == ReturnCode.SCARD_E_TIMEOUT and not is_counted and not settled
            ):
                return code, list_state
            elif code == ReturnCode.SCARD_E_INVALID_PARAMETER and self._most is None and len(names) >= _MOST_WATCHED:
                self._most = _MOST_WATCHED
                watched = self._watched(names, list_state)
            elif code not in {ReturnCode.SCARD_E_TIMEOUT, ReturnCode.SCARD_E_CANCELLED}:
                raise from_code(code, "SCardGetStatusChange")
        return ReturnCode.SCARD_E_CANCELLED, list_state

    def _watched(self, names: list[str], list_state: int) -> _Watched:
        """Let other threads watch the readers that are too many for one wait, and return the others for this thread."""
        if self._most is not None:
            most = self._most
            rest = names[most - 1 :]
            self._watch_others([tuple(rest[first : first + most]) for first in range(0, len(rest), most)])
            names = names[: most - 1]
        return _Watched([PNP_NOTIFICATION, *names], [list_state, *map(self._hub.current_state, names)])

    def _watch_others(self, groups: list[tuple[str, ...]]) -> None:
        """Start a thread for each of these groups of readers, and end the threads of other groups."""
        for group in [group for group in self._others if group not in groups]:
            context = self._others.pop(group)
            with self._hub.lock:  # its thread reports nothing after this
                context.cancelled.open()
            context.end()
            context.ended.wait()
        for group in groups:
            if group not in self._others:
                context = CancellableContext(self._library, self._scope)
                start(self._watch_group, context, group)
                self._others[group] = context

    def _watch_group(self, context: CancellableContext, group: tuple[str, ...]) -> None:
        """Report events of these readers until the context is cancelled."""
        try:
            while not context.cancelled.is_open():
                self._follow_group(context, group)
                context.cancelled.wait(_AGAIN)
        except BaseException as error:  # noqa: BLE001  the consumers raise it
            self._hub.fail(error)
        finally:
            context.ended.open()

    def _follow_group(self, context: CancellableContext, group: tuple[str, ...]) -> None:
        try:
            wait = self._waiting(context.establish(), context.cancelled, is_of_group=True)
            watched = _Watched(group, map(self._hub.current_state, group))
            while not context.cancelled.is_open():
                code = wait(INFINITE, watched)
                if code == 0:
                    self._hub.update(watched.take_changes(0), unless=context.cancelled)
                    for queue in self._hub.take_idle():
                        _deliver_elsewhere(queue)
                elif code == ReturnCode.SCARD_E_UNKNOWN_READER:
                    context.cancelled.wait(_UNKNOWN_READER_AGAIN)
                elif code not in {ReturnCode.SCARD_E_TIMEOUT, ReturnCode.SCARD_E_CANCELLED}:
                    raise from_code(code, "SCardGetStatusChange")
        except SCardError as error:
            is_gone = error.code is not None and context_is_gone(error.code)
            if not is_gone and not readers_are_fewer(error):  # the first thread reports both
                raise
        finally:
            context.release()


def _deliver_elsewhere(queue: CallbackQueue) -> None:
    """Call a callback with its events on a new thread."""
    try:
        start(queue.deliver)
    except RuntimeError:  # no thread can be started
        queue.deliver()


class _Watched:
    """The readers of a wait, and the states that are known of them.

    Attributes:
        count: their number.
        names: their names, each with a NUL at its end.
        current: the known states, with the event counter in the high word.
        memory: memory for the results.
        results: (event state, ATR) of each reader, by the last wait.
    """

    def __init__(self, readers: Sequence[str], states: Iterable[int]) -> None:
        self._readers = readers
        self.results: list[tuple[int, bytes]] = []
        self.count, self.names, self.current, self.memory = reader_states(list(zip(readers, states, strict=True)))

    def pairs(self) -> list[tuple[str, int]]:
        """Return (reader, known state) of each reader."""
        return list(zip(self._readers, self.current, strict=True))

    def take(self, code: int, results: list[tuple[int, bytes]]) -> int:
        """Keep the results of a wait, and return its code."""
        self.results = results
        return code

    def list_has_changed(self) -> bool:
        """Return whether the last wait has found a change of the first reader, which is PNP_NOTIFICATION.

        The list can change while the wait ends for another reader: then only the counter in the high word shows it.
        """
        event = self.results[0][0]
        return bool(event & _CHANGED) or event >> 16 != self.current[0] >> 16

    def take_list_state(self) -> int:
        """Make the new state of the list the known one, and return it."""
        if self.results:
            self.current[0] = self.results[0][0] & ~_CHANGED
        return self.current[0]

    def take_changes(self, first: int) -> list[tuple[str, int, bytes]]:
        """Keep the new states of the readers, from this index on; return (reader, state, ATR) of those that changed."""
        changes = []
        for index in range(first, self.count):
            event, atr = self.results[index]
            if event != self.current[index]:
                self.current[index] = state = event & ~_CHANGED
                changes.append((self._readers[index], state, atr))
        return changes
