"""Context: establish, list readers, attach to cards, wait for changes, cancel, release.

The native context of this object serves the short questions. Each attachment and each wait has a native context
of its own, because on pcsc-lite a second call on a busy one stalls the whole process.
"""

from __future__ import annotations

import _thread
import functools
import math
import sys
import time
import warnings
from collections import namedtuple

from ._arguments import integer, invalid, member, seconds
from ._loader import lib
from ._reaper import close_later
from .constants import INFINITE, PNP_NOTIFICATION, Protocol, ReaderStateFlag, Scope, ShareMode
from .errors import E_UNEXPECTED, SCardError, from_code, from_hresult
from .library import chosen_library
from .manage import SCardManage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, Final, Self, SupportsIndex, TypeVar

    from .library import Library

    _Answer = TypeVar("_Answer")

_CANCELLED: Final = 0x80100002
_TIMEOUT: Final = 0x8010000A
_NO_READERS: Final = 0x8010002E
_SIGNAL_CHECK: Final = None if sys.platform != "win32" else 0.08  # there a lock cannot be interrupted
_CANCEL_AGAIN: Final = 0.01
_NOTIFIED: Final = bool(lib.PCSC_NOTIFIES_OF_READERS)  # else PNP_NOTIFICATION is left to ReaderListWatch


_UNAWARE: Final = ReaderStateFlag.UNAWARE


class ReaderState(namedtuple("ReaderState", "reader state event_count atr", defaults=(_UNAWARE, 0, b""))):
    """State of one reader: what :meth:`Context.get_status_change` takes and gives back."""

    __slots__ = ()

    reader: str
    """The reader's name."""
    state: ReaderStateFlag
    """Its state."""
    event_count: int
    """How often its card came or went, as far as the platform counts (16 bits); it tells a list of readers from another
    where the reader is PNP_NOTIFICATION."""
    atr: bytes
    """The answer to reset of its card, empty without one."""


class Context:
    """A connection to the resource manager.

    As a context manager it is released at the end. Any thread may use it.

    Args:
        scope: a :class:`~scardffi.constants.Scope`.
        library: the PC/SC library; None for the default one as it is now.

    Raises:
        NoServiceError: the resource manager does not run.
        LibraryError: there is no PC/SC library to load.
    """

    def __init__(self, scope: SupportsIndex = Scope.SYSTEM, *, library: Library | None = None) -> None:
        from weakref import WeakKeyDictionary  # here, since importing it is a twentieth of importing scardffi

        self._scope = member("scope", scope, Scope)
        self._library = chosen_library(library)
        self._process = lib.platform_process()
        self._short = _thread.allocate_lock()  # one short question at a time on the native context
        self._state = _thread.allocate_lock()  # guards what follows
        self._waits: set[_Wait] = set()
        self._cards: WeakKeyDictionary[SCardManage, int] = WeakKeyDictionary()  # with the handle attached here
        self._context: int | None = None
        self._context = self._establish()

    @property
    def library(self) -> Library:
        """The PC/SC library that the context uses."""
        return self._library

    @property
    def handle(self) -> int:
        """The native context (SCARDCONTEXT) as a plain int.

        Raises:
            UnexpectedStateError: the context is released, or inherited by a fork.
        """
        self._refuse_in_fork()
        if self._context is None:
            raise from_hresult(E_UNEXPECTED, "Context", "it is released")
        return self._context

    def is_valid(self) -> bool:
        """Whether the resource manager knows the context. Wraps ``SCardIsValidContext``.

        On pcsc-lite this stays true after the daemon has been restarted; real calls then raise NoServiceError
        or CommunicationError.
        """
        if self._context is None:
            return False
        return self._ask(self._library.SCardIsValidContext) == 0

    def list_readers(self) -> list[str]:
        """The names of the readers, none if there is no reader. Wraps ``SCardListReaders``.

        Raises:
            NoServiceError: the resource manager has gone.
            UnexpectedStateError: the context is released.
        """
        code, names = self._ask(self._library.SCardListReaders)
        if code not in {0, _NO_READERS}:
            raise from_code(code, "SCardListReaders")
        return names

    def list_reader_groups(self) -> list[str]:
        """The names of the groups of readers. Wraps ``SCardListReaderGroups``.

        Raises:
            NoServiceError: the resource manager has gone.
            UnexpectedStateError: the context is released.
        """
        code, names = self._ask(self._library.SCardListReaderGroups)
        if code != 0:
            raise from_code(code, "SCardListReaderGroups")
        return names

    def attach(
        self,
        reader: str,
        share_mode: SupportsIndex = ShareMode.SHARED,
        protocols: SupportsIndex = Protocol.ANY,
    ) -> SCardManage:
        """Attach to the card in a reader. Wraps ``SCardConnect``.

        The card keeps this context alive, and :meth:`release` detaches it. It waits without bound, and cannot
        be interrupted, while another handle holds a transaction.

        Args:
            reader: a name from :meth:`list_readers`.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: a :class:`~scardffi.constants.Protocol`, or several.

        Raises:
            UnknownReaderError, NoSmartCardError, SharingViolationError, ProtocolMismatchError,
            UnresponsiveCardError: as their names say.
            UnexpectedStateError: the context is released.
        """
        self.handle  # noqa: B018  refuses where the context is released
        card = SCardManage(self._library, owner=self)
        card.attach_by_ifd(reader, share_mode, protocols, scope=self._scope)
        with self._state:
            if self._context is not None:
                self._cards[card] = card.handle
                return card
        card.detach()  # released while we connected
        raise from_hresult(E_UNEXPECTED, "Context", "it is released")

    def get_status_change(self, states: Iterable[str | ReaderState], timeout: float | None = None) -> list[ReaderState]:
        """Wait until a reader's state differs from the one given. Wraps ``SCardGetStatusChange``.

        Ctrl-C ends the wait within 100 ms; :meth:`cancel` ends it from another thread. Any number of threads
        may wait at a time.

        Args:
            states: readers to watch: a name, of whose state nothing is known (it is then told at once), or what
                an earlier call gave back. PNP_NOTIFICATION stands for readers that come and go; on macOS, which
                has no notification of them, the list of readers is looked at every second, and a reader that goes
                and comes back in between is missed.
            timeout: seconds; 0 to look and not wait, None to wait for ever.

        Returns:
            The states in the same order; ``ReaderStateFlag.CHANGED`` is set in those that differ.

        Raises:
            SCardTimeoutError: nothing changed in that time.
            CancelledError: :meth:`cancel` or :meth:`release` was called.
            UnknownReaderError: no such reader.
            UnexpectedStateError: the context is released.
        """
        limit = seconds("timeout", timeout)
        known = _known_states(states)
        asked = [(one.reader, one.event_count << 16 | int(one.state & ~ReaderStateFlag.CHANGED)) for one in known]
        code, answers = self._wait(limit, asked)
        if code != 0:
            raise from_code(code, "SCardGetStatusChange", f"watching {', '.join(one.reader for one in known)}")
        return [
            ReaderState(one.reader, ReaderStateFlag(event & 0xFFFF), event >> 16, atr)
            for one, (event, atr) in zip(known, answers, strict=True)
        ]

    def cancel(self) -> None:
        """End every wait that is under way in :meth:`get_status_change`, and none that begins later.

        Wraps ``SCardCancel``, which gets lost when it comes too early: it is repeated until the waits have
        ended.
        """
        self._refuse_in_fork()
        with self._state:
            waits = list(self._waits)
        _cancel(waits)

    def release(self) -> None:
        """End the waits, detach the cards, close the context. Wraps ``SCardReleaseContext``.

        Releasing twice is nothing. A card's call that is under way is waited for. In a fork of the process
        that made the context nothing is closed: it belongs to the parent.

        Raises:
            SCardError: what the resource manager said; it is released all the same.
        """
        from contextlib import ExitStack  # here, since importing it is a twentieth of importing scardffi

        if self._process != lib.platform_process():
            return
        with self._state:
            context, self._context = self._context, None
            cards = list(self._cards.items())
        if context is None:
            return
        with ExitStack() as closing:  # each is closed, also where one before it fails
            closing.callback(self._release_native, context)
            for card, handle in cards:
                if card.is_attached and card.handle == handle:  # else it has moved on
                    closing.push(card)
            closing.callback(self.cancel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.release()
        except SCardError:
            if error is None:
                raise

    def __del__(self, _warn: Any = warnings.warn) -> None:
        context = getattr(self, "_context", None)
        if context is None or self._process != lib.platform_process():
            return
        library = self._library
        close_later(lambda: library.SCardReleaseContext(context))
        _warn(f"{self!r} was collected without release()", ResourceWarning, source=self)

    def __repr__(self) -> str:
        state = "released" if self._context is None else f"context {self._context}"
        return f"<scardffi.Context {state}>"

    def _refuse_in_fork(self) -> None:
        if self._process != lib.platform_process():
            raise from_hresult(E_UNEXPECTED, "Context", "it was made in another process, of which this is a fork")

    def _establish(self) -> int:
        code, context = self._library.SCardEstablishContext(self._scope)
        if code != 0:
            raise from_code(code, "SCardEstablishContext")
        return context

    def _ask(self, question: Callable[[int], _Answer]) -> _Answer:
        """Ask a short question of the native context, one at a time."""
        self.handle  # noqa: B018  refuses in a fork before it takes a lock that nobody there gives back
        with self._short:
            return question(self.handle)

    def _release_native(self, context: int) -> None:
        with self._short:
            code = self._library.SCardReleaseContext(context)
        if code != 0:
            raise from_code(code, "SCardReleaseContext")

    def _wait(self, limit: float | None, asked: list[tuple[str, int]]) -> tuple[int, list[tuple[int, bytes]]]:
        """Wait on a native context of its own, known to cancel()."""
        self.handle  # noqa: B018  refuses where the context is released
        wait = _Wait(self._library, self._establish())
        try:
            with self._state:
                self.handle  # noqa: B018  it may have been released meanwhile
                self._waits.add(wait)
            return wait.until(limit, asked)
        finally:
            _cancel([wait])
            with self._state:
                self._waits.discard(wait)
            self._library.SCardReleaseContext(wait.context)


def _known_states(states: Iterable[str | ReaderState]) -> list[ReaderState]:
    """What a caller knows of each reader, checked."""
    if isinstance(states, str) or not hasattr(states, "__iter__"):
        raise TypeError(f"states: expected names or ReaderStates in a list, got {states!r}")
    known = []
    for index, one in enumerate(states):
        if not isinstance(one, (str, ReaderState)):
            raise TypeError(f"states: item {index} is {one!r}; expected a reader's name or a ReaderState")
        state = ReaderState(one) if isinstance(one, str) else one
        for name, number in (("state", state.state), ("event_count", state.event_count)):
            if not 0 <= integer(f"states: {name} of item {index}", number) <= 0xFFFF:
                raise invalid(f"states: {name} of item {index}", number, "0 to 0xFFFF")
        known.append(state)
    return known


class _Wait:
    """One wait on a native context."""

    def __init__(self, library: Library, context: int) -> None:
        self.library = library
        self.context = context
        import threading  # as late as a wait: it is a tenth of the time that importing scardffi takes

        self.cancelled = threading.Event()
        self.runs = False  # C is waiting, or about to
        self.ended = threading.Event()
        self._answer: tuple[int, list[tuple[int, bytes]]] = _CANCELLED, []
        self._error: SCardError | None = None

    def until(self, limit: float | None, asked: list[tuple[str, int]]) -> tuple[int, list[tuple[int, bytes]]]:
        """Wait. Python looks at signals on the main thread alone, between C calls: there C waits on another one."""
        import threading

        if threading.current_thread() is threading.main_thread():
            threading.Thread(target=self._wait, args=(limit, asked), name="scardffi wait", daemon=True).start()
            while not self.ended.wait(_SIGNAL_CHECK):
                pass
        else:
            self._wait(limit, asked)
        if self._error is not None:
            raise self._error
        return self._answer

    def _wait(self, limit: float | None, asked: list[tuple[str, int]]) -> None:
        end = None if limit is None else time.perf_counter() + limit  # as in SCardManage.lock: steady and fine
        self.runs = True  # before the look at cancelled: _cancel sets that first, and then looks here
        try:
            ask = self._asker(asked)
            while not self.cancelled.is_set():
                left_ms = INFINITE if end is None else max(0, math.ceil(1000 * (end - time.perf_counter())))
                self._answer = ask(left_ms, asked)
                if self._answer[0] != _TIMEOUT or (end is not None and time.perf_counter() >= end):
                    return
            self._answer = _CANCELLED, []
        except SCardError as error:
            self._error = error
        finally:
            self.ended.set()

    def _asker(self, asked: list[tuple[str, int]]) -> Callable[..., tuple[int, list[tuple[int, bytes]]]]:
        """What waits for a change, or for some of the time, given the milliseconds and what is asked."""
        if _NOTIFIED or all(reader != PNP_NOTIFICATION for reader, _ in asked):
            return functools.partial(self.library.SCardGetStatusChange, self.context)
        from ._reader_polling import ReaderListWatch  # here, since most programs never need it

        return ReaderListWatch(self.library, self.context, self.cancelled).step


def _cancel(waits: list[_Wait]) -> None:
    """End the waits in C. SCardCancel is lost where it comes too early: it is repeated until each has ended."""
    for wait in waits:
        wait.cancelled.set()
    while running := [wait for wait in waits if wait.runs and not wait.ended.is_set()]:
        for wait in running:
            wait.library.SCardCancel(wait.context)
        running[0].ended.wait(_CANCEL_AGAIN)
