"""Context: lists readers, attaches to cards, and waits for readers and cards to change.

The native context of a Context object is used only for short calls. Each attachment and each wait has its own native
context, because on pcsc-lite a second call on a busy context blocks every PC/SC call of the process.
"""

from __future__ import annotations

import functools
import time
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from ._arguments import integer, invalid, member, seconds
from ._at_exit import silent_at_exit
from ._bounded_call import ANSWER_SECONDS, INTERRUPT_SECONDS, BoundedCall, let_go
from ._cancellable import CancellableContext
from ._field_docs import field_docs
from ._fork_guard import ForkGuard
from ._loader import lib
from ._locks import Mutex
from ._not_copied import NotCopied
from ._reaper import close_later
from ._service import establish
from .constants import INFINITE, PNP_NOTIFICATION, Disposition, Protocol, ReaderStateFlag, ReturnCode, Scope, ShareMode
from .errors import (
    E_UNEXPECTED,
    CommunicationError,
    NoServiceError,
    SCardError,
    UnknownReaderError,
    context_is_gone,
    from_code,
    from_hresult,
    is_refused_list,
    lookup,
    nothing_to_release,
)
from .library import chosen_library
from .manage import SCardManage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, Self, SupportsIndex, TypeVar

    from ._native import CData
    from .library import Library
    from .monitor import AtrFilter, CardPresence, Monitor

    _Answer = TypeVar("_Answer")

_MOST_WATCHED: Final = 16
_NOTIFIED: Final = bool(lib.PCSC_NOTIFIES_OF_READERS)  # if false, ReaderPolling watches PNP_NOTIFICATION


@field_docs(
    reader="The reader's name.",
    state="Its state.",
    event_count="The number of insertions and removals of cards, modulo 65536; 0 if the platform does not count them. "
    "If the reader is PNP_NOTIFICATION, a number that changes with the list of readers.",
    atr="The answer to reset of its card; empty without a card.",
)
class ReaderState(NamedTuple):
    """The state of one reader, as :meth:`Context.get_status_change` takes and returns it."""

    reader: str
    state: ReaderStateFlag = ReaderStateFlag.UNAWARE
    event_count: int = 0
    atr: bytes = b""

    def __repr__(self) -> str:
        state = getattr(self.state, "name", None) or repr(self.state)
        atr = bytes(self.atr).hex(" ").upper() if isinstance(self.atr, bytes | bytearray) else repr(self.atr)
        return f"<scardffi.ReaderState {self.reader!r}, {state}, event count {self.event_count}, ATR {atr or 'none'}>"


class Context(NotCopied):
    """A connection to the resource manager.

    As a context manager it is released at the end. Any thread may use it.

    Args:
        scope: a :class:`~scardffi.constants.Scope`.
        library: the PC/SC library; None for the present default library.

    Raises:
        NoServiceError: the resource manager does not run.
        LibraryError: no PC/SC library can be loaded.
    """

    def __init__(self, scope: SupportsIndex = Scope.SYSTEM, *, library: Library | None = None) -> None:
        self._scope = member("scope", scope, Scope)
        self._library = chosen_library(library)
        self._fork_guard = ForkGuard()
        self._question = Mutex()  # held during a call on the native context
        self._state = Mutex()  # guards the attributes below
        self._waits: WeakSet[_Wait] = WeakSet()
        self._cards: WeakKeyDictionary[SCardManage, int] = WeakKeyDictionary()  # the number of each attach
        self._monitors: WeakSet[Monitor] = WeakSet()
        self._card_waits: WeakSet[Monitor] = WeakSet()
        self._is_released = False
        self._context: CData | None = self._establish()

    @property
    def library(self) -> Library:
        """The PC/SC library that the context uses."""
        return self._library

    @property
    def handle(self) -> int:
        """The native context (SCARDCONTEXT) as an int.

        It changes if a call, such as :meth:`is_valid` or :meth:`list_readers`, finds that the resource manager was
        restarted.

        Raises:
            UnexpectedStateError: the context is released.
            ForkedProcessError: this process is a fork of the one in which the context was made.
        """
        self._fork_guard.check("Context")
        if self._is_released or self._context is None:
            raise from_hresult(E_UNEXPECTED, "Context", "it is released")
        return int(lib.native_context_handle(self._context))

    def is_valid(self) -> bool:
        """Return whether the context can be used now. Wraps ``SCardIsValidContext`` and ``SCardListReaders``.

        This asks the resource manager, because on pcsc-lite SCardIsValidContext succeeds even if the daemon has ended.
        If the resource manager was restarted, the object gets a new native context.
        """
        if self._is_released:
            return False
        try:
            code = self._ask(self._library.SCardIsValidContext)
            return code == 0 and not context_is_gone(self._ask(self._library.SCardListReaders)[0])
        except (NoServiceError, CommunicationError):
            return False

    def list_readers(self) -> list[str]:
        """Return the names of the readers; an empty list if there are no readers. Wraps ``SCardListReaders``.

        If the resource manager was restarted, this asks again on a new native context. If it does not answer, this
        waits without limit and cannot be interrupted.

        Raises:
            NoServiceError: the resource manager does not run.
            UnexpectedStateError: the context is released.
        """
        code, names = self._ask(self._library.SCardListReaders)
        if code not in {0, ReturnCode.SCARD_E_NO_READERS_AVAILABLE}:
            raise from_code(code, "SCardListReaders")
        return names

    def list_reader_groups(self) -> list[str]:
        """Return the names of the reader groups. Wraps ``SCardListReaderGroups``.

        If the resource manager was restarted, this asks again on a new native context.

        Raises:
            NoServiceError: the resource manager does not run.
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
        *,
        timeout: float | None = None,
        on_reset: Callable[[SCardManage], object] | None = None,
    ) -> SCardManage:
        """Attach to the card in a reader. Wraps ``SCardConnect``.

        The card keeps this context alive, and :meth:`release` detaches the card. While another handle holds a
        transaction, the call waits. It does not wait for a card; :meth:`wait_for_card` does.

        Args:
            reader: a name from :meth:`list_readers`; or a part of the name, if no reader has this name and only one
                has this part in its name.
            share_mode: a :class:`~scardffi.constants.ShareMode`.
            protocols: one or several of :class:`~scardffi.constants.Protocol`.
            timeout: seconds that the call may take. With None it has no limit and cannot be interrupted. With a timeout
                it can be interrupted. If PC/SC's function goes on after the timeout or the interruption,
                another thread closes what it opens.
            on_reset: a function that :meth:`SCardManage.recover` calls with the card, to select and verify again.

        Raises:
            SCardTimeoutError: the call took longer than the timeout.
            UnknownReaderError: no reader has this name or part of a name, or several have this part; the message lists
                them.
            NoSmartCardError: the reader has no card.
            SharingViolationError: another connection excludes this one.
            ProtocolMismatchError: the card supports none of the protocols.
            UnresponsiveCardError: the card does not answer to a reset.
            UnexpectedStateError: the context is released.
        """
        self.handle  # noqa: B018  raises if the context is released
        limit = seconds("timeout", timeout)
        end = None if limit is None else time.perf_counter() + limit
        card = self._new_card()
        native = card.native
        how = share_mode, protocols, self._scope
        try:
            try:
                card._attach_for("attach", reader, *how, timeout, on_reset)  # noqa: SLF001  it is for this class
            except UnknownReaderError as error:
                name = self._reader_with(reader, _left_until(end), error)
                card._attach_for("attach", name, *how, _left_until(end), on_reset)  # noqa: SLF001  as above
            with self._state:
                self.handle  # noqa: B018  another thread may have released the context during the attach
                self._cards[card] = card._attach_number  # noqa: SLF001  it is for this class
                return card
        except BaseException:
            lib.manage_detach(native, Disposition.LEAVE)
            raise

    def _new_card(self) -> SCardManage:
        return SCardManage(self._library, owner=self)

    def _reader_with(self, part: str, timeout: float | None, error: UnknownReaderError) -> str:
        """Return the name of the only reader that has this part in its name.

        Args:
            part: the part.
            timeout: seconds that this may take; None for no limit.
            error: the error of the attach with this part as the name.

        Raises:
            UnknownReaderError: no reader or several have it.
        """
        names = self.list_readers() if timeout is None else self._list_readers_within(timeout)
        if not names:
            meaning, remedy = lookup(ReturnCode.SCARD_E_NO_READERS_AVAILABLE)[2:]
            reason = f"no reader has this name: {part!r}; {meaning}", remedy
            raise from_code(ReturnCode.SCARD_E_UNKNOWN_READER, "attach", reason=reason) from None
        fitting = [name for name in names if part and part in name]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            listed = ", ".join(map(repr, fitting))
            reason = f"several readers have {part!r} in their names: {listed}", "Give the whole name of one of them."
            raise from_code(ReturnCode.SCARD_E_UNKNOWN_READER, "attach", reason=reason) from None
        raise error

    def _list_readers_within(self, timeout: float) -> list[str]:
        call = BoundedCall(self.list_readers)
        call.start()
        if not call.wait(timeout):
            raise from_code(ReturnCode.SCARD_E_TIMEOUT, "attach")
        return call.result()

    def get_status_change(self, states: Iterable[str | ReaderState], timeout: float | None = None) -> list[ReaderState]:
        """Wait until the state of a reader differs from the given state. Wraps ``SCardGetStatusChange``.

        Ctrl-C ends the wait within 100 ms. :meth:`cancel` ends it from another thread. If the resource manager does not
        answer, the wait ends at most 0.25 s after its timeout. Several threads may wait at the same time.

        Args:
            states: the readers to watch. For a name, the call returns the present state at once. For a ReaderState
                that an earlier call returned, it waits until the state differs. The name PNP_NOTIFICATION watches the
                list of readers. macOS does not notify of changes of the list: there it is polled every second, and a
                reader that is unplugged and plugged in again within a second is missed.
            timeout: seconds; 0 to return at once, None to wait without limit.

        Returns:
            The states in the same order. ``ReaderStateFlag.CHANGED`` is set in those that differ.

        Raises:
            SCardTimeoutError: nothing changed in that time.
            CancelledError: :meth:`cancel` or :meth:`release` was called.
            UnknownReaderError: no reader has this name.
            InvalidArgumentError: ``states`` is empty, or has more readers than the library takes.
            TypeError: an item of ``states`` is neither a name nor a ReaderState.
            UnexpectedStateError: the context is released.
        """
        return self._run_wait(*self._new_wait(states, timeout))

    def _new_wait(self, states: Iterable[str | ReaderState], timeout: float | None) -> tuple[_Wait, list[ReaderState]]:
        """Return a wait for :meth:`get_status_change`, which :meth:`cancel` can end, and the known states."""
        limit = seconds("timeout", timeout)
        known = _checked_states(states)
        watched = [(one.reader, one.event_count << 16 | int(one.state & ~ReaderStateFlag.CHANGED)) for one in known]
        self.handle  # noqa: B018  raises in a fork, in which the lock may be held for ever
        wait = _Wait(self._library, self._scope, limit, watched)
        with self._state:
            self.handle  # noqa: B018  raises if the context is released
            self._waits.add(wait)
        return wait, known

    @staticmethod
    def _run_wait(wait: _Wait, known: list[ReaderState]) -> list[ReaderState]:
        """Wait, and return the new states."""
        code, results = wait.run()
        if code != 0:
            names = ", ".join(one.reader for one in known)
            raise from_code(code, "SCardGetStatusChange", f"watching {names}", _limit_reason(code, len(known)))
        return [
            ReaderState(one.reader, ReaderStateFlag(event & 0xFFFF), event >> 16, atr)
            for one, (event, atr) in zip(known, results, strict=True)
        ]

    def wait_for_card(
        self,
        timeout: float | None = None,
        *,
        reader: str | None = None,
        atr: AtrFilter | None = None,
    ) -> CardPresence:
        """Return the first card that is in a reader, or comes into one. Wraps ``SCardGetStatusChange``.

        A card that is there counts, unless it is mute. The wait goes on while readers are plugged in and unplugged, and
        while the resource manager does not run. Ctrl-C ends the wait within 100 ms. :meth:`cancel` and :meth:`release`
        end it from another thread.

        Args:
            timeout: seconds; 0 to look only for cards that are there, which takes at most 100 ms; None to wait without
                limit.
            reader: the name of the reader, or a part of it if no reader has this name; None for any reader.
            atr: the card's answer to reset; or a tuple of a value and a mask of the same length, with which the
                beginning of the ATR is compared; or a function that is called with the ATR of each card; None for any
                card.

        Raises:
            SCardTimeoutError: no such card was there in that time. The message says whether a reader is plugged in,
                whether one has this name, and whether the resource manager runs.
            CancelledError: :meth:`cancel` or :meth:`release` was called.
            CommunicationError: pcscd was restarted with fewer readers, which pcsc-lite 2.5 does not support.
            UnexpectedStateError: the context is released.
        """
        from .monitor import _CardSearch, wait_for_card

        limit, search = seconds("timeout", timeout), _CardSearch(reader, atr)
        with self._search_monitor() as monitor:
            return wait_for_card(monitor, search, limit)

    def _search_monitor(self) -> Monitor:
        """Return a monitor for wait_for_card, which :meth:`cancel` closes."""
        return self._monitor(None, self._card_waits)

    def monitor(self, readers: Iterable[str] | None = None) -> Monitor:
        """Return a stream of events of readers and cards. Wraps ``SCardGetStatusChange``.

        The monitor keeps this context alive. :meth:`release` closes it, :meth:`cancel` does not.

        Args:
            readers: the names of the readers to watch, which need not be plugged in yet; None for all readers.

        Raises:
            InvalidArgumentError: ``readers`` has no name, or a name that is not allowed.
            UnexpectedStateError: the context is released.
        """
        return self._monitor(readers, self._monitors)

    def _monitor(self, readers: Iterable[str] | None, among: WeakSet[Monitor]) -> Monitor:
        from .monitor import Monitor

        self.handle  # noqa: B018  raises if the context is released
        monitor = Monitor(readers, scope=self._scope, library=self._library, owner=self)
        with self._state:
            among.add(monitor)
        if self._is_released:  # by another thread, which may not have seen the monitor
            monitor.close()
        self.handle  # noqa: B018  as above
        return monitor

    def cancel(self) -> None:
        """End all waits of :meth:`get_status_change` and :meth:`wait_for_card` that have begun. Wraps ``SCardCancel``.

        Later waits are not affected. The waits end within 100 ms, even if the resource manager does not answer or
        SCardCancel fails; then the native context of each is released later. SCardCancel has no effect on a wait that
        has not yet entered the library, so another thread repeats it until PC/SC's wait has ended.
        """
        self._fork_guard.check("Context")
        with self._state:
            waits = [wait for wait in self._waits if wait.has_caller]
            card_waits = list(self._card_waits)
        for monitor in card_waits:
            monitor.close()
        try:
            _end(waits)
            end = time.perf_counter() + INTERRUPT_SECONDS
            for wait in waits:
                wait.ended.wait(max(0.0, end - time.perf_counter()))
        except BaseException:  # Ctrl-C, perhaps before the last wait was ended
            close_later(functools.partial(_end, waits))
            raise

    def release(self) -> None:
        """End the waits, close the monitors, detach the cards and close the context. Wraps ``SCardReleaseContext``.

        A second call has no effect. If a call on a card is running, this waits for its end. In a fork nothing is
        closed, because the context belongs to the parent process.

        It is no error if the resource manager has stopped. If it does not answer, this waits for it at most a second,
        and the context is released later; but it waits without limit while a card is attached. At the end of a ``with``
        block that has raised, it waits at most a second for each card too.

        Raises:
            SCardError: the resource manager reported an error; the context is released nevertheless.
        """
        self._release_or_hand_over(None)

    def _release_or_hand_over(self, error: BaseException | None) -> None:
        if self._fork_guard.is_forked():
            return
        try:
            self._release(error)
        except SCardError:
            raise
        except BaseException:  # the reaper closes what is still open
            close_later(functools.partial(self._release, error))
            raise

    def _release(self, error: BaseException | None) -> None:
        """Close the attachments, the monitors and the native context that are still open.

        Args:
            error: the error that ended a ``with`` block: then this waits at most a second for each card.
        """
        with self._state:
            self._is_released = True
            cards, monitors = list(self._cards.items()), list(self._monitors)
        with ExitStack() as closing:  # closes each one, even if another one fails
            closing.callback(self._release_native)
            for card, number in cards:
                if number and card._attach_number == number:  # noqa: SLF001  it may be attached elsewhere by now
                    closing.callback(card.__exit__, None if error is None else type(error), error, None)
            for monitor in monitors:
                closing.callback(monitor.close)
            closing.callback(self.cancel)

    def __enter__(self) -> Self:
        return self

    @silent_at_exit
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._release_or_hand_over(error)
        except SCardError:
            if error is None:
                raise

    @silent_at_exit
    def __del__(self, _warn: Any = warnings.warn) -> None:
        context = getattr(self, "_context", None)
        if context is None or not lib.native_context_is_open(context) or self._fork_guard.is_forked():
            return
        close_later(functools.partial(_release_collected, self._library, context))
        lib.native_context_abandon(context)  # if Ctrl-C ends this function before this line, C releases the context
        if self._is_released:  # Ctrl-C has interrupted the release
            return
        _warn(f"{self!r} was collected without release()", ResourceWarning, source=self)

    def __repr__(self) -> str:
        context = None if getattr(self, "_is_released", True) else self._context
        state = "released" if context is None else f"context {lib.native_context_handle(context)}"
        return f"<scardffi.Context {state}>"

    def _establish(self) -> CData:
        return establish(self._library, self._scope)

    def _ask(self, question: Callable[[int], _Answer]) -> _Answer:
        """Call a short function with the native context; these calls run one after the other.

        If the service has stopped since the context was established, the function is called again on a new one.
        """
        self.handle  # noqa: B018  raises in a fork, in which the lock may be held for ever
        with self._question:
            answer = question(self.handle)
            if context_is_gone(_code_of(answer)):
                self._renew()
                answer = question(self.handle)
            return answer

    def _renew(self) -> None:
        """Replace the native context. The caller holds ``_question``."""
        old, new = self._context, self._establish()
        if old is not None:
            lib.native_context_release(old)
        self._context = new
        if self._is_released:  # another thread did this, and may have released only the old one
            lib.native_context_release(new)

    def _release_native(self) -> None:
        code = let_go(self._release_after_questions)
        if code != 0 and not nothing_to_release(code):
            raise from_code(code, "SCardReleaseContext")

    def _release_after_questions(self) -> int:
        with self._question:
            context = self._context
            return 0 if context is None else lib.native_context_release(context)


def _release_collected(library: Library, context: CData) -> None:
    if lib.native_context_take(context):
        library.SCardReleaseContext(lib.native_context_handle(context))


def _checked_states(states: Iterable[str | ReaderState]) -> list[ReaderState]:
    """Check the argument of get_status_change and return a ReaderState for each item."""
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
    if not known:
        raise invalid("states", known, "at least one reader, or PNP_NOTIFICATION")
    for one in known:
        if not one.reader:  # pcsc-lite ignores an empty name
            raise from_code(ReturnCode.SCARD_E_UNKNOWN_READER, "SCardGetStatusChange", repr(one.reader))
    return known


def _left_until(end: float | None) -> float | None:
    """Return the seconds until a time of time.perf_counter(); None for no limit."""
    return None if end is None else max(0.0, end - time.perf_counter())


def _limit_reason(code: int, count: int) -> tuple[str, str] | None:
    """Return meaning and remedy if the resource manager has refused a wait for its number of readers."""
    if code != ReturnCode.SCARD_E_INVALID_PARAMETER or count <= _MOST_WATCHED:
        return None
    return (
        f"{count} readers are more than the resource manager takes in one wait",
        f"Watch at most {_MOST_WATCHED} readers in one call, the limit of pcscd 1.",
    )


def _code_of(answer: object) -> int:
    """Return the code in the answer of a raw function: the answer, or its first item."""
    code = answer[0] if isinstance(answer, tuple) else answer
    return code if isinstance(code, int) else 0


def _end(waits: list[_Wait]) -> None:
    for wait in waits:
        wait.end()


class _Wait(CancellableContext):
    """One wait, on a thread of its own, which also establishes and releases the native context.

    Args:
        library: the PC/SC library.
        scope: a Scope.
        limit: seconds; None to wait without limit.
        watched: (reader, known state) of each reader.

    Attributes:
        has_caller: False if nobody waits for the end of the thread any longer.
    """

    def __init__(self, library: Library, scope: int, limit: float | None, watched: list[tuple[str, int]]) -> None:
        super().__init__(library, scope)
        self.has_caller = True
        self._limit = limit
        self._call = BoundedCall(functools.partial(self._run, watched))
        self.ended = self._call.ended

    def run(self) -> tuple[int, list[tuple[int, bytes]]]:
        """Wait for a change; return in time even if PC/SC's function does not."""
        call, limit = self._call, self._limit
        try:
            call.start()
            ended = call.wait(None if limit is None else limit + ANSWER_SECONDS)
            if ended or (self.cancelled.is_open() and call.ended.wait(INTERRUPT_SECONDS)):
                return call.result()
            code = ReturnCode.SCARD_E_CANCELLED if self.cancelled.is_open() else ReturnCode.SCARD_E_TIMEOUT
            self.end()
        except BaseException:
            self.end()
            if call.is_running:
                call.ended.wait(INTERRUPT_SECONDS)
            raise
        finally:
            self.has_caller = False
        return code, []

    def end(self) -> None:
        """End the wait: :meth:`run` returns soon, even if SCardCancel does not return or fails."""
        self.cancelled.open()
        self._call.wake()
        if self._call.is_running:
            super().end()

    def _run(self, watched: list[tuple[str, int]]) -> tuple[int, list[tuple[int, bytes]]]:
        limit = self._limit
        end = None if limit is None else time.perf_counter() + limit  # monotonic() ticks in 16 ms on Windows
        is_first = True
        try:
            step = self._step(watched, self.establish())
            while not self.cancelled.is_open():
                left_ms = INFINITE if end is None else max(0, round(1000 * (end - time.perf_counter()) + 0.5))
                answer = step(left_ms, watched)
                if is_first and is_refused_list(answer[0]):  # perhaps only on this context: see _checked_waits
                    is_first = False
                    self.release()
                    step = self._step(watched, self.establish())
                    continue
                if answer[0] != ReturnCode.SCARD_E_TIMEOUT or (end is not None and time.perf_counter() >= end):
                    return answer
            return ReturnCode.SCARD_E_CANCELLED, []
        finally:
            self.release()

    def _step(self, watched: list[tuple[str, int]], context: int) -> Callable[..., tuple[int, list[tuple[int, bytes]]]]:
        """Return the function that waits for a change, given milliseconds and states; it may return early."""
        from ._checked_waits import MAY_BE_WRONG, CheckedWaits  # here, because many programs do not wait

        if _NOTIFIED and MAY_BE_WRONG:  # a test sets the first
            return CheckedWaits(self._library, context).step
        if _NOTIFIED or all(reader != PNP_NOTIFICATION for reader, _ in watched):
            return functools.partial(self._library.SCardGetStatusChange, context)
        from ._reader_polling import ReaderPolling  # only for libraries that do not report new readers

        return ReaderPolling(self._library, context, self.cancelled).step
