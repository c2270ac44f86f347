"""Context, Card and Monitor for programs with asyncio or trio. It needs anyio (``pip install scardffi[aio]``).

The classes have the methods of :class:`scardffi.Context`, :class:`scardffi.SCardManage` and :class:`scardffi.Monitor`,
with the same arguments, results and errors; those that call PC/SC are awaited. The docstrings here give the
differences.

A wait that is cancelled ends at once. A command that was sent cannot be ended, so a task that is cancelled while the
card is executing a command waits for the answer. Then the await raises the loop's cancellation, whose attribute
``response`` has the answer; no further command is sent.
"""

from __future__ import annotations

import contextlib
import functools
import time
from typing import TYPE_CHECKING, Final, TypeVar

from . import context as _context
from ._arguments import seconds
from ._awaited_call import (
    AwaitedCall,
    CardThread,
    EventLoop,
    News,
    call_on_thread,
    checked_cancellation,
    finish_on_thread,
    finished,
)
from ._bounded_call import ANSWER_SECONDS, INTERRUPT_SECONDS
from ._extras import extra
from ._half_made import repr_if_half_made
from ._keep_alive import keep_alive as keep_transaction
from ._locks import Gate
from ._not_copied import NotCopied
from .constants import Disposition, Protocol, ReturnCode, Scope, ShareMode
from .errors import (
    E_UNEXPECTED,
    CancelledError,
    EventsLostError,
    SCardError,
    SCardTimeoutError,
    from_code,
    from_hresult,
)
from .exchange import SHORT_DATA, SHORT_LE, keep
from .manage import SCardManage
from .monitor import CardPresence, _CardSearch

with extra("aio"):
    import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType
    from typing import Any, Self, SupportsBytes, SupportsIndex

    from typing_extensions import Buffer

    from .context import ReaderState
    from .iso7816.command import Command
    from .iso7816.response import Response
    from .iso7816.status_word import StatusTable
    from .library import Library
    from .manage import Status
    from .monitor import AtrFilter, Event
    from .monitor import Monitor as _Monitor
    from .script import Replies, Script

__all__ = ["Card", "Context", "Monitor"]

_Result = TypeVar("_Result")

_FOR_EVER: Final = 4_000_000.0  # seconds, the longest that every method takes
_KEPT: Final = ("replies", "index", "arrived", "partial")


@repr_if_half_made
class Context(NotCopied):
    """A connection to the resource manager. ``async with`` establishes it, and releases it at the end.

    Args:
        scope: as for :class:`scardffi.Context`.
        library: as for :class:`scardffi.Context`.

    Raises:
        NoServiceError, LibraryError: as for :class:`scardffi.Context`, from ``async with``.
    """

    def __init__(self, scope: SupportsIndex = Scope.SYSTEM, *, library: Library | None = None) -> None:
        self._establish = functools.partial(_PlainContext, scope, library=library)
        self._plain: _PlainContext | None = None

    async def __aenter__(self) -> Self:
        if self._plain is not None:
            raise from_hresult(E_UNEXPECTED, "aio.Context", "it was opened before; create a new one")
        self._plain = await call_on_thread(self._establish, undo=_PlainContext.release)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _no_second_error(error):
            await self.release()

    @property
    def library(self) -> Library:
        """The PC/SC library that the context uses."""
        return self._opened.library

    @property
    def handle(self) -> int:
        """The native context as an int; see :attr:`scardffi.Context.handle`."""
        return self._opened.handle

    async def is_valid(self) -> bool:
        """Return whether the context can be used now. Wraps ``SCardIsValidContext`` and ``SCardListReaders``."""
        return await _question(self._opened.is_valid)

    async def list_readers(self) -> list[str]:
        """Return the names of the readers. Wraps ``SCardListReaders``."""
        return await _question(self._opened.list_readers)

    async def list_reader_groups(self) -> list[str]:
        """Return the names of the reader groups. Wraps ``SCardListReaderGroups``."""
        return await _question(self._opened.list_reader_groups)

    async def attach(
        self,
        reader: str,
        share_mode: SupportsIndex = ShareMode.SHARED,
        protocols: SupportsIndex = Protocol.ANY,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  as for the class without async
        on_reset: Callable[[SCardManage], object] | None = None,
    ) -> Card:
        """Attach to the card in a reader. Wraps ``SCardConnect``.

        If the call is cancelled or times out, another thread detaches the card when PC/SC's function has returned.

        Args:
            reader: as for :meth:`scardffi.Context.attach`.
            share_mode: as for :meth:`scardffi.Context.attach`.
            protocols: as for :meth:`scardffi.Context.attach`.
            timeout: seconds; None for no limit.
            on_reset: a function that :meth:`Card.recover` calls with the SCardManage, on the thread of the card.

        Raises:
            SCardTimeoutError: the call took longer than the timeout.
            SCardError: as for :meth:`scardffi.Context.attach`.
        """
        limit = seconds("timeout", timeout)
        attach = functools.partial(self._opened.attach, reader, share_mode, protocols, on_reset=on_reset)
        card = await call_on_thread(attach, undo=SCardManage.detach, limit=limit)
        if card is None:
            raise from_code(ReturnCode.SCARD_E_TIMEOUT, "attach", "PC/SC's function has not returned")
        assert isinstance(card, _CardOnThread)  # noqa: S101  _PlainContext makes no other
        return Card(card)

    async def get_status_change(
        self,
        states: Iterable[str | ReaderState],
        timeout: float | None = None,  # noqa: ASYNC109  as above
    ) -> list[ReaderState]:
        """Wait until the state of a reader differs from the given state. Wraps ``SCardGetStatusChange``."""
        wait, known = self._opened._new_wait(states, timeout)
        await checked_cancellation()
        call = AwaitedCall(functools.partial(self._opened._run_wait, wait, known))
        call.start()
        try:
            await call.until_ended()
        except BaseException:
            wait.end()
            await call.until_ended(INTERRUPT_SECONDS, shield=True)
            raise
        return call.result()

    async def wait_for_card(
        self,
        timeout: float | None = None,  # noqa: ASYNC109  as above
        *,
        reader: str | None = None,
        atr: AtrFilter | None = None,
    ) -> CardPresence:
        """Return the first card that is in a reader, or comes into one. Wraps ``SCardGetStatusChange``."""
        limit, search = seconds("timeout", timeout), _CardSearch(reader, atr)
        end = None if limit is None else time.perf_counter() + limit
        await checked_cancellation()
        events = self._opened._search_monitor()
        async with Monitor(events) as monitor:
            while True:
                try:
                    found = await monitor._wait(search.is_found, end)
                except EventsLostError:
                    search.begin_again()
                except (CancelledError, SCardTimeoutError) as ended:
                    raise search.error(ended, events) from None
                else:
                    return CardPresence(found.reader, found.atr or b"")

    def monitor(self, readers: Iterable[str] | None = None) -> Monitor:
        """Return a stream of events of readers and cards; this is not awaited. Wraps ``SCardGetStatusChange``."""
        return Monitor(self._opened.monitor(readers))

    async def cancel(self) -> None:
        """End the waits of all tasks: they raise :class:`~scardffi.CancelledError`. Wraps ``SCardCancel``."""
        await finish_on_thread(self._opened.cancel)

    async def release(self) -> None:
        """End the waits, close the monitors, detach the cards and close the context. Wraps ``SCardReleaseContext``.

        A task that is cancelled waits 50 ms for this, which goes on after that.
        """
        if self._plain is not None:
            await finish_on_thread(self._plain.release)

    @property
    def _opened(self) -> _PlainContext:
        if self._plain is None:
            raise from_hresult(E_UNEXPECTED, "aio.Context", "it is not open; use it in async with")
        return self._plain

    def __repr__(self) -> str:
        return f"<scardffi.aio.Context {'not open' if self._plain is None else repr(self._plain)}>"


class _PlainContext(_context.Context):
    """The Context without async, whose cards are those of threads."""

    def _new_card(self) -> SCardManage:
        return _CardOnThread(self.library, owner=self)


class _CardOnThread(SCardManage):
    """The manage object of a Card. It ends a call between two commands if nobody waits for the call any more."""

    _step_ms = 0  # C returns after each command

    def __init__(self, library: Library | None = None, *, owner: object = None) -> None:
        self.thread = CardThread()
        super().__init__(library, owner=owner)

    def transmit(self, command: Buffer, flow: SupportsIndex = 0) -> bytes:
        call = self._going_on()
        response = super().transmit(command, flow)
        if call is not None:
            call.response = response
        return response

    def transmit_into(self, command: Buffer, response: Buffer, flow: SupportsIndex = 0) -> int:
        self._going_on()
        return super().transmit_into(command, response, flow)

    def _between_commands(self) -> None:
        self._going_on()

    def _going_on(self) -> AwaitedCall[Any] | None:
        """Return the present call, or raise if it must end."""
        call = self.thread.present
        if call is not None and call.stopped.is_open():
            raise _Stopped
        return call

    def _within(self, function: str, limit: float, call: Callable[[], int], stop: Gate | None = None) -> int:  # noqa: ARG002  the task waits for the limit
        """Make the call on this thread, for which a task waits."""
        present = self.thread.present
        if present is not None and stop is not None:
            present.stops.append(stop)
            if present.stopped.is_open():
                stop.open()
        return call()

    def give_up(self, call: AwaitedCall[Any]) -> None:
        """Count as detached until this call returns, and do not let other calls wait for it."""
        self._give_up(call)
        self.thread.leave(call)


class _Stopped(BaseException):
    """Ends a call between two commands."""


@repr_if_half_made
class Card(NotCopied):
    """A card to which :meth:`Context.attach` has attached. ``async with`` detaches it at the end.

    Several tasks may use a card: their calls run one after the other, on one thread, which exists only while calls run.

    If a method that sends commands is cancelled, the cancellation has the card's answer in ``response``, as bytes, or
    None if no command was answered. ``asyncio.timeout`` and ``asyncio.wait_for`` replace the cancellation by a
    TimeoutError, which has it in ``__context__``. The scopes of anyio and trio drop it: catch it inside the scope
    (``except anyio.get_cancelled_exc_class() as error``), and raise it again.
    """

    def __init__(self, card: _CardOnThread) -> None:
        self._card = card

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with _no_second_error(error):
            await self._finish(functools.partial(self._card.__exit__, None, None, None))

    # commands

    async def transmit(self, command: Buffer) -> bytes:
        """Send a command APDU and return the response APDU. Wraps ``SCardTransmit``.

        The buffer must not change before this has ended. GET RESPONSE is not sent; :meth:`send` does that.
        """
        return await self._command(functools.partial(self._card.transmit, command), _response)

    async def transmit_into(self, command: Buffer, response: Buffer) -> int:
        """Send a command APDU, receive the response in memory of the caller, and return its length in bytes.

        Wraps ``SCardTransmit``. The buffers must not change before this has ended.
        """
        transmit = functools.partial(self._card.transmit_into, command, response)
        return await self._command(transmit, lambda length: _response(memoryview(response).cast("B")[:length]))

    async def send(
        self, command: Command | Buffer | str, *, allow: Container[int] = (), table: StatusTable | None = None
    ) -> Response:
        """Send a command APDU and return its whole response, or raise the error for its status word.

        See :meth:`scardffi.SCardManage.send`. A cancellation takes effect between two commands.
        """
        given = [command]
        del command  # the traceback of an error must not show it
        return await self._command(lambda: self._card.send(given.pop(), allow=allow, table=table), _response)

    async def run(
        self,
        script: Script,
        *,
        repeat: int = 1,
        keep_all: bool = False,
        timed: bool = False,
        transaction: bool = False,
        into: Buffer | None = None,
    ) -> Replies:
        """Run a script; see :meth:`scardffi.Script.run`.

        A cancellation takes effect between two commands, and has the complete replies in ``replies`` and the index of
        the next command in ``index``.
        """
        run = functools.partial(
            script.run, self._card, repeat=repeat, keep_all=keep_all, timed=timed, transaction=transaction, into=into
        )

        def run_until_stopped() -> Replies:
            call = self._card.thread.present
            assert call is not None  # noqa: S101  it is this one
            return run(cancel=_Flag(call.stopped))

        return await self._command(run_until_stopped, lambda replies: {"replies": replies, "index": len(script)})

    async def call(self, function: Callable[[SCardManage], _Result]) -> _Result:
        """Call a function with the :class:`scardffi.SCardManage` on the thread of the card, and return its result.

        It is for services: ``await card.call(lambda card: card.create_file_access().read("3F00/2FE2"))``. A
        cancellation takes effect between two commands, but not between the parts of an exchange with a flow.
        """
        return await self._command(functools.partial(function, self._card))

    async def read_binary_into(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_LE) -> int:
        """Read the selected transparent file into memory of the caller.

        A cancellation takes effect between two commands, and has the number of bytes read in ``arrived``.
        """
        return await self._command(functools.partial(self._card.read_binary_into, buffer, offset, chunk=chunk))

    async def update_binary_from(self, buffer: Buffer, offset: int = 0, *, chunk: int = SHORT_DATA) -> int:
        """Write memory of the caller into the selected transparent file.

        A cancellation takes effect between two commands, and has the number of bytes written in ``arrived``.
        """
        return await self._command(functools.partial(self._card.update_binary_from, buffer, offset, chunk=chunk))

    async def control(self, code: SupportsIndex, data: Buffer = b"") -> bytes:
        """Send a command to the reader's driver and return its response. Wraps ``SCardControl``."""
        return await self._command(functools.partial(self._card.control, code, data), _response)

    async def set_attribute(self, attribute: SupportsIndex, value: Buffer) -> None:
        """Write an attribute of the reader. Wraps ``SCardSetAttrib``."""
        await self._command(functools.partial(self._card.set_attribute, attribute, value))

    # transactions

    async def lock(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  as above
        """Begin a transaction: no other handle can use the card until it ends. Wraps ``SCardBeginTransaction``.

        It does not exclude other tasks that use this object. If the call is cancelled, no transaction is held; if
        PC/SC's function does not return within 50 ms, the card is detached. The ``timeout``, in
        seconds, and the errors are those of :meth:`scardffi.SCardManage.lock`.
        """
        limit = seconds("timeout", timeout)
        lock = functools.partial(self._card.lock, _FOR_EVER if limit is None else limit)
        await self._bounded("lock", lock, None if limit is None else limit + ANSWER_SECONDS, self._card.unlock)

    async def unlock(self, disposition: SupportsIndex = Disposition.LEAVE) -> None:
        """End the transaction. Wraps ``SCardEndTransaction``. A cancellation does not prevent it."""
        await self._finish(functools.partial(self._card.unlock, disposition))

    def transaction(self, *, keep_alive: bool = False) -> AbstractAsyncContextManager[Self]:
        """Return an asynchronous context manager that locks at its start and unlocks at its end.

        For ``keep_alive`` see :meth:`scardffi.SCardManage.transaction`.
        """
        return self._transaction(keep_alive=keep_alive)

    @contextlib.asynccontextmanager
    async def _transaction(self, *, keep_alive: bool) -> AsyncIterator[Self]:
        ended = Gate()
        await self.lock()
        try:
            if keep_alive:
                keep_transaction(self._card.native, 0, ended)
            yield self
        except BaseException as error:
            ended.open()
            with _no_second_error(error):
                await self.unlock()
            raise
        ended.open()
        await self.unlock()

    # the card and the reader

    async def reconnect(
        self,
        share_mode: SupportsIndex | None = None,
        protocols: SupportsIndex = Protocol.ANY,
        initialization: SupportsIndex = Disposition.LEAVE,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  as above
    ) -> None:
        """Establish the connection again, for example after ResetCardError. Wraps ``SCardReconnect``.

        If the call is cancelled or times out, and PC/SC's function does not return within 50 ms, the card is detached.
        """
        limit = seconds("timeout", timeout)
        reconnect = functools.partial(self._card.reconnect, share_mode, protocols, initialization)
        await self._bounded("reconnect", reconnect, limit)

    async def recover(self) -> None:
        """Get the card back after a reset, a removal or a restart; see :meth:`scardffi.SCardManage.recover`.

        A cancellation takes effect between two commands of ``on_reset``.
        """
        await self._command(self._card.recover)

    async def detach(self, disposition: SupportsIndex | None = None) -> None:
        """Detach from the card. Wraps ``SCardDisconnect``. A cancellation does not prevent it."""
        await self._finish(functools.partial(self._card.detach, disposition))

    async def status(self) -> Status:
        """Return the reader's name, and state, protocol and ATR of the card. Wraps ``SCardStatus``."""
        return await self._question(self._card.status)

    async def get_attribute(self, attribute: SupportsIndex) -> bytes:
        """Read an attribute of the reader or card. Wraps ``SCardGetAttrib``."""
        return await self._question(functools.partial(self._card.get_attribute, attribute))

    @property
    def atr(self) -> Awaitable[bytes]:
        """The card's answer to reset, from :meth:`status`: ``await card.atr``."""
        return self._question(lambda: self._card.atr)

    @property
    def protocol(self) -> Awaitable[Protocol]:
        """The active protocol, from :meth:`status`: ``await card.protocol``."""
        return self._question(lambda: self._card.protocol)

    @property
    def reader(self) -> str:
        """The reader's name; it is not awaited."""
        return self._card.reader

    @property
    def handle(self) -> int:
        """The card handle as an int; it is not awaited."""
        return self._card.handle

    @property
    def is_attached(self) -> bool:
        """True if the card has a handle; it is not awaited."""
        return self._card.is_attached

    def __repr__(self) -> str:
        return f"<scardffi.aio.Card {self._card!r}>"

    # calls on the thread of the card

    async def _command(
        self, function: Callable[[], _Result], arrived: Callable[[_Result], dict[str, object]] | None = None
    ) -> _Result:
        """Make a call that sends commands. If it is cancelled, the cancellation has what arrived.

        Args:
            function: makes the call.
            arrived: returns the attributes of the cancellation, given the result of the call.
        """
        call = None
        try:
            await checked_cancellation()
            call = AwaitedCall(function)
            self._card.thread.put(call)
            await call.until_ended()
        except anyio.get_cancelled_exc_class() as error:
            kept: dict[str, object] = {"response": None}
            if call is not None and not self._card.thread.take_back(call):
                call.stop()
                await call.until_ended_for_sure()
                kept |= _kept(error, call, arrived)
            keep(error, **kept)
            raise
        except BaseException:
            if call is not None:
                call.stop()
            raise
        return call.result()

    async def _question(self, function: Callable[[], _Result]) -> _Result:
        """Make a call that changes nothing. If it is cancelled, its result is dropped."""
        await checked_cancellation()
        call = AwaitedCall(function)
        self._card.thread.put(call)
        try:
            await call.until_ended()
        except BaseException:
            self._card.thread.take_back(call)
            raise
        return call.result()

    async def _finish(self, function: Callable[[], _Result]) -> _Result:
        """Make a call that closes something. A task that is cancelled waits 50 ms for it; it goes on after that."""
        call = AwaitedCall(function)
        self._card.thread.put(call)
        return await finished(call)

    async def _bounded(
        self,
        name: str,
        function: Callable[[], object],
        limit: float | None,
        undo: Callable[[], object] | None = None,
    ) -> None:
        """Make a call that may block. If it is cancelled or takes too long, give it up.

        Args:
            name: the name of the method, for the error.
            function: makes the call.
            limit: seconds; None for no limit.
            undo: undoes the call if it has succeeded nevertheless.
        """
        await checked_cancellation()
        call = AwaitedCall(function)
        self._card.thread.put(call)
        is_taken = False
        try:
            if await call.until_ended(limit):
                is_taken = True
                call.result()
                return
        finally:
            if not is_taken and not self._card.thread.take_back(call):
                await self._end(call, undo)
        state = "attached" if self._card.is_attached else "detached"  # attached: other calls were before this one
        raise from_code(ReturnCode.SCARD_E_TIMEOUT, name, f"PC/SC's function has not returned; the card is {state}")

    async def _end(self, call: AwaitedCall[Any], undo: Callable[[], object] | None) -> None:
        """End a call for which nobody waits any more."""
        call.stop()
        await call.until_ended_for_sure(INTERRUPT_SECONDS)
        if call.is_running:
            self._card.give_up(call)
        elif call.has_succeeded and undo is not None:
            self._card.thread.put(AwaitedCall(undo))


class _Flag:
    """The cancel flag of a script."""

    def __init__(self, gate: Gate) -> None:
        self.is_set = gate.is_open


def _response(result: SupportsBytes | memoryview) -> dict[str, object]:
    return {"response": bytes(result)}


def _kept(
    error: BaseException, call: AwaitedCall[_Result], arrived: Callable[[_Result], dict[str, object]] | None
) -> dict[str, object]:
    """Return the attributes of the cancellation of a call that has ended, and set its cause if the call has failed."""
    kept: dict[str, object] = {"response": call.response}
    try:
        result = call.result()
    except _Stopped as stopped:
        failure: BaseException = stopped
    except BaseException as failed:  # noqa: BLE001  it is the cause of the cancellation
        failure = error.__cause__ = failed
    else:
        return kept if arrived is None else kept | arrived(result)
    return kept | {name: value for name, value in vars(failure).items() if name in _KEPT}


async def _question(function: Callable[[], _Result]) -> _Result:
    """Make a call that changes nothing, on a thread of its own. If it is cancelled, its result is dropped."""
    await checked_cancellation()
    call = AwaitedCall(function)
    call.start()
    await call.until_ended()
    return call.result()


@contextlib.contextmanager
def _no_second_error(error: BaseException | None) -> Any:
    """Drop an SCardError of the end of a block that ends with an error."""
    try:
        yield
    except SCardError:
        if error is None:
            raise


@repr_if_half_made
class Monitor(NotCopied):
    """A stream of events of readers and cards, which :meth:`Context.monitor` makes; ``async with`` closes it.

    ``async for`` yields each :class:`scardffi.Event`, until the monitor is closed. No event is lost by a cancellation.
    """

    def __init__(self, monitor: _Monitor) -> None:
        self._loop = EventLoop()
        self._news = News()
        self._monitor = monitor
        monitor._queue.listen(self._news.tell)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        try:
            return await self._next(None)
        except CancelledError:
            raise StopAsyncIteration from None

    async def wait(
        self,
        predicate: Callable[[Event], object] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  as above
    ) -> Event:
        """Return the next event, or the next one for which ``predicate`` is true; the events before it are dropped."""
        limit = seconds("timeout", timeout)
        self._monitor._refuse_if_closed()
        return await self._wait(predicate, None if limit is None else time.perf_counter() + limit)

    async def _wait(self, predicate: Callable[[Event], object] | None, end: float | None) -> Event:
        """Do the same as :meth:`wait` until ``end``, but raise CancelledError if the monitor was closed before."""
        while True:
            event = await self._next(end)
            if predicate is None or predicate(event):
                return event

    async def _next(self, end: float | None) -> Event:
        """Take the next event, and wait for it until ``end``, a time of time.perf_counter()."""
        await checked_cancellation()
        while (event := self._monitor._queue.take()) is None:
            left = None if end is None else self._monitor._end_of_wait(end) - time.perf_counter()
            if left is not None and left <= 0:
                raise from_code(ReturnCode.SCARD_E_TIMEOUT, "Monitor")
            with anyio.move_on_after(left):
                await self._news.wait()
        return event

    def subscribe(self, callback: Callable[[Event], object]) -> Callable[[], None]:
        """Call a function with each event, in the event loop; return a function that ends this. It is not awaited."""
        if not callable(callback):
            raise TypeError(f"callback: expected a function, got {type(callback).__name__}")
        return self._monitor.subscribe(functools.partial(self._loop.call_soon, _call_logged, callback))

    async def close(self) -> None:
        """End the stream: iterations end, and waits raise :class:`~scardffi.CancelledError`."""
        await finish_on_thread(self._monitor.close)

    def __repr__(self) -> str:
        return f"<scardffi.aio.Monitor {self._monitor!r}>"


def _call_logged(callback: Callable[[Event], object], event: Event) -> None:
    try:
        callback(event)
    except Exception as error:  # noqa: BLE001  the callback may raise anything
        from ._event_queue import log

        log(f"the callback {callback!r} of a monitor failed", error)
