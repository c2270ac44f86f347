"""Calls of PC/SC on threads, for which a task of asyncio or trio waits.

PC/SC's functions block, and most of them cannot be ended. So a task waits for a thread that makes the call. The threads
of anyio and asyncio do not fit: a task that is cancelled loses the result, and idle threads stay.
"""

from __future__ import annotations

import contextlib
import math
from collections import deque
from typing import TYPE_CHECKING, TypeVar

from ._bounded_call import INTERRUPT_SECONDS, BoundedCall
from ._extras import extra
from ._fork_guard import ForkGuard
from ._locks import Gate, Mutex
from ._threads import prepared

with extra("aio"):
    import anyio
    from anyio.lowlevel import checkpoint, checkpoint_if_cancelled, current_token

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_Result = TypeVar("_Result")


class EventLoop:
    """The event loop that runs now. Any thread may let it call a function."""

    def __init__(self) -> None:
        token: Any = current_token().native_token
        self._soon = token.run_sync_soon if hasattr(token, "run_sync_soon") else token.call_soon_threadsafe

    def call_soon(self, function: Callable[..., object], *arguments: object) -> None:
        """Let the loop call a function soon, unless the loop has ended. The function must not raise."""
        with contextlib.suppress(RuntimeError):
            self._soon(function, *arguments)


class News:
    """Wakes the tasks that wait for something new."""

    def __init__(self) -> None:
        self._loop = EventLoop()
        self._event: anyio.Event | None = None
        self._is_told = False

    def tell(self) -> None:
        """Wake the tasks that wait now, and those that begin before the loop gets to it. Any thread may call this."""
        if not self._is_told:
            self._is_told = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        self._is_told = False
        event, self._event = self._event, None
        if event is not None:
            event.set()

    async def wait(self) -> None:
        """Wait for something new."""
        event = self._event = self._event or anyio.Event()
        await event.wait()


class AwaitedCall(BoundedCall[_Result]):
    """One call, which a task of the present event loop starts.

    Args:
        function: makes the call, on another thread.

    Attributes:
        stopped: is opened if the call should send no further command.
        stops: other gates that :meth:`stop` opens.
        response: the card's last response; None if there is none.
    """

    def __init__(self, function: Callable[[], _Result]) -> None:
        super().__init__(function)
        self.stopped = Gate()
        self.stops: list[Gate] = []
        self.response: bytes | None = None
        self._loop = EventLoop()
        self._event = anyio.Event()

    def run(self) -> None:
        """Make the call on the present thread."""
        super().run()
        self._loop.call_soon(self._event.set)

    async def until_ended(self, seconds: float | None = None, *, shield: bool = False) -> bool:
        """Wait for the end of the call; return True if it ended within this time."""
        with anyio.move_on_after(seconds, shield=shield):
            await self._event.wait()
        return self.ended.is_open()

    def stop(self) -> None:
        """Let the call end as soon as it can."""
        self.stopped.open()
        for gate in self.stops:
            gate.open()

    async def until_ended_for_sure(self, seconds: float = math.inf) -> None:
        """Wait for the end of the call, at most so long, however often the task is cancelled meanwhile."""
        with anyio.move_on_after(seconds, shield=True) as scope:
            while not (self.ended.is_open() or scope.cancel_called):
                with contextlib.suppress(anyio.get_cancelled_exc_class()):
                    await self._event.wait()


async def checked_cancellation() -> None:
    """Raise the loop's cancellation if the task was cancelled before."""
    await checkpoint_if_cancelled()
    await checkpoint()  # task.cancel() of asyncio takes effect only here


async def call_on_thread(
    function: Callable[[], _Result], *, undo: Callable[[_Result], object] | None = None, limit: float | None = None
) -> _Result | None:
    """Make a call on a thread of its own, and return its result.

    If the task is cancelled, or the call takes longer than ``limit`` seconds, nobody waits for the call any more.

    Args:
        function: makes the call.
        undo: is called with the result of a call for which nobody waits any more.
        limit: seconds; None for no limit.

    Returns:
        The result; None if the time is over.
    """
    await checked_cancellation()
    call = AwaitedCall(function)
    is_taken = False
    call.start()
    try:
        if await call.until_ended(limit):
            is_taken = True
            return call.result()
    finally:
        if undo is not None and not is_taken:
            call.give_up(lambda: undo(call.result()))
    return None


async def finish_on_thread(function: Callable[[], _Result]) -> _Result:
    """Make a call that closes something, on a thread of its own, and return its result.

    A task that is cancelled waits 50 ms for the call, which goes on after that.
    """
    call = AwaitedCall(function)
    call.start()
    return await finished(call)


async def finished(call: AwaitedCall[_Result]) -> _Result:
    """Wait for a call that closes something, as :func:`finish_on_thread` does."""
    if not await call.until_ended(INTERRUPT_SECONDS, shield=True):
        await call.until_ended()
    return call.result()


class CardThread:
    """Makes the calls of one card, one after the other. It has a thread only while there are calls.

    Attributes:
        present: the call that runs now, if there is one.
    """

    def __init__(self) -> None:
        self.present: AwaitedCall[Any] | None = None
        self._fork_guard = ForkGuard()
        self._lock = Mutex()  # guards the attributes below
        self._calls: deque[AwaitedCall[Any]] = deque()
        self._thread: object = None  # stands for the thread that makes the calls

    def put(self, call: AwaitedCall[Any]) -> None:
        """Make a call after those before it.

        Raises:
            ForkedProcessError: this process is a fork of the one that made the card.
            RuntimeError: no thread can be started.
        """
        self._fork_guard.check("aio.Card")
        with self._lock:
            self._calls.append(call)
            if self._thread is None:
                try:
                    self._start()
                except RuntimeError:
                    self._calls.pop()
                    raise

    def take_back(self, call: AwaitedCall[Any]) -> bool:
        """Do not make this call; return False if it has begun."""
        with self._lock:
            try:
                self._calls.remove(call)
            except ValueError:
                return False
            return True

    def leave(self, call: AwaitedCall[Any]) -> None:
        """Let the next calls not wait for this call if it runs; it keeps its thread until it returns."""
        with self._lock:
            if self.present is call and self._thread is not None:
                self._thread = None
                if self._calls:
                    self._start()

    def _start(self) -> None:
        thread = object()
        begin = prepared(self._run, thread)
        self._thread = thread
        try:
            begin()
        except RuntimeError:
            self._thread = None
            raise

    def _run(self, thread: object) -> None:
        while True:
            with self._lock:
                if self._thread is not thread:
                    return
                self.present = None
                if not self._calls:
                    self._thread = None
                    return
                self.present = call = self._calls.popleft()
            call.run()
