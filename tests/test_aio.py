"""scardffi.aio on asyncio and trio: results, cancellations, threads, and the end of the loop."""

import asyncio
import functools
import inspect
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.alone import run_alone
from support.reports import report

from scardffi import (
    CancelledError,
    Event,
    EventKind,
    ForkedProcessError,
    NoSmartCardError,
    ResetCardError,
    SCardManage,
    SCardTimeoutError,
    Script,
    ShareMode,
    UnexpectedStateError,
    _keep_alive,
    virtual,
)
from scardffi import Context as PlainContext
from scardffi import Monitor as PlainMonitor
from scardffi.virtual import VirtualReader

pytest.importorskip("anyio", reason="anyio is not installed")
pytest.importorskip("trio", reason="trio is not installed")

import anyio

from scardffi import aio

NAME = "Reader of aio"
SECONDS = 10
QUICK = bytes.fromhex("80010000")
SLOW = bytes.fromhex("80020000")
IN_PARTS = bytes.fromhex("80030000")
READ = bytes.fromhex("00B0000000")
Main = Callable[[aio.Context, aio.Card], Awaitable[object]]


class Numbering:
    """A card that answers with the number of the command.

    All commands but QUICK tell that they have begun, and take until the call that sends them is stopped, or
    until ``may_end`` is set.
    """

    atr = bytes.fromhex("3B80800101")

    def __init__(self) -> None:
        self.commands: list[bytes] = []
        self.has_begun = threading.Event()
        self.may_end = threading.Event()
        self.card: aio.Card | None = None

    def transmit(self, command: bytes) -> bytes:
        """Answer."""
        self.commands.append(command)
        if command != QUICK:
            self.has_begun.set()
            end = time.perf_counter() + SECONDS
            while not (self._is_stopped() or self.may_end.wait(0.001)):
                assert time.perf_counter() < end
        if command == IN_PARTS:
            return b"\x61\x04"
        if command[:2] == READ[:2]:
            return bytes(256) + b"\x90\x00"
        return bytes([len(self.commands)]) + b"\x90\x00"

    def _is_stopped(self) -> bool:
        """Return True if the task that waits for the command was cancelled."""
        call = None if self.card is None else self.card._card.thread.present
        return call is not None and call.stopped.is_open()


@pytest.fixture
def numbering() -> Numbering:
    return Numbering()


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest, numbering: Numbering) -> Iterator[Callable[[Main], Any]]:
    """Return a function that runs a coroutine function with a context and a card."""

    def run_main(main: Main) -> Any:
        async def with_card() -> object:
            async with aio.Context() as context, await context.attach(NAME) as card:
                numbering.card = card
                with anyio.fail_after(6 * SECONDS):
                    return await main(context, card)

        return anyio.run(with_card, backend=request.param)

    with virtual.installed(), VirtualReader(NAME, numbering):
        yield run_main


async def until_begun(numbering: Numbering) -> None:
    await until(numbering.has_begun.is_set)


TASKS = Path("/proc/self/task")


def threads() -> int:
    """Return the number of threads; 0 if the platform does not tell."""
    return len(list(TASKS.iterdir())) if TASKS.exists() else 0


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        await anyio.sleep(0.001)


async def until_threads_have_ended(before: int) -> None:
    await until(lambda: threads() <= before)


async def cancelled_when_begun(numbering: Numbering, make: Callable[[], Awaitable[object]]) -> BaseException:
    """Cancel an awaitable while the card is executing a command, and return the cancellation."""
    caught: list[BaseException] = []
    scope = anyio.CancelScope()
    numbering.has_begun.clear()

    async def main() -> None:
        with scope:
            try:
                await make()
            except BaseException as error:
                caught.append(error)
                raise

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(main)
        await until_begun(numbering)
        scope.cancel()
    assert scope.cancelled_caught
    return caught[0]


def test_the_classes_have_the_names_of_those_without_async() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(PlainContext) - names(aio.Context) == set()
    assert names(PlainMonitor) - names(aio.Monitor) == set()
    missing = names(SCardManage) - names(aio.Card)
    assert {name for name in missing if not name.startswith(("create_", "attach_by_"))} <= {
        "exchange", "library", "native", "short_response_error", "takes_any_buffer", "turns",
    }  # fmt: skip  # call() has them


def test_arguments_are_those_of_the_methods_without_async() -> None:
    for kind, plain in ((aio.Context, PlainContext), (aio.Card, SCardManage), (aio.Monitor, PlainMonitor)):
        for name, function in inspect.getmembers(kind, inspect.isfunction):
            if name.startswith("_") or not hasattr(plain, name):
                continue
            theirs = [one for one in inspect.signature(getattr(plain, name)).parameters if one != "flow"]
            assert list(inspect.signature(function).parameters) == theirs or name.startswith("transmit"), name


def test_the_methods_return_what_those_without_async_return(run: Callable[[Main], Any]) -> None:
    async def main(context: aio.Context, card: aio.Card) -> None:
        assert NAME in await context.list_readers()
        assert await context.is_valid()
        assert await context.wait_for_card(SECONDS, reader=NAME) == (NAME, Numbering.atr)
        assert await card.transmit(QUICK) == b"\x01\x90\x00"
        memory = bytearray(258)
        assert await card.transmit_into(QUICK, memory) == 3
        assert memory[:3] == b"\x02\x90\x00"
        assert (await card.send(QUICK)).data == b"\x03"
        assert [reply.data[0] for reply in await card.run(Script([QUICK] * 3))] == [4, 5, 6]
        assert await card.call(lambda card: card.transmit(QUICK)) == b"\x07\x90\x00"
        async with card.transaction():
            assert await card.transmit(QUICK) == b"\x08\x90\x00"
        await card.reconnect(ShareMode.SHARED, timeout=SECONDS)
        assert await card.atr == (await card.status()).atr == Numbering.atr
        assert card.reader == NAME
        assert repr(card) == f"<scardffi.aio.Card <scardffi.SCardManage handle {card.handle}>>"
        await card.detach()
        assert not card.is_attached

    run(main)


def test_errors_are_those_of_the_methods_without_async(
    run: Callable[[Main], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scardffi.monitor._BEGIN_SECONDS", SECONDS)  # on a busy machine the readers may be found late

    async def main(context: aio.Context, card: aio.Card) -> None:
        with VirtualReader("Empty reader"), pytest.raises(NoSmartCardError):
            await context.attach("Empty reader")
        with pytest.raises(SCardTimeoutError, match=r"^wait_for_card: .* no reader has this name: 'nobody'"):
            await context.wait_for_card(0, reader="nobody")
        with pytest.raises(SCardTimeoutError):
            await context.get_status_change(await context.get_status_change([NAME]), 0)
        await card.detach()
        with pytest.raises(UnexpectedStateError):
            await card.transmit(QUICK)

    run(main)


def test_a_context_outside_of_async_with_says_what_to_do() -> None:
    with pytest.raises(UnexpectedStateError, match="use it in async with"):
        _ = aio.Context().handle


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python warns of forks while threads run
def test_a_card_refuses_a_fork(run: Callable[[Main], Any]) -> None:
    async def main(_context: aio.Context, card: aio.Card) -> None:
        if (child := os.fork()) == 0:
            try:
                await card.transmit(QUICK)
            except BaseException as error:  # noqa: BLE001  the child must end here
                is_refused = isinstance(error, (ForkedProcessError, RuntimeError))  # asyncio itself refuses the loop
                os._exit(0 if is_refused else 2)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0  # noqa: ASYNC222  the child ends at once

    run(main)


def test_a_context_is_opened_once(run: Callable[[Main], Any]) -> None:
    async def main(context: aio.Context, _card: aio.Card) -> None:
        with pytest.raises(UnexpectedStateError, match="create a new one"):
            await context.__aenter__()

    run(main)


def test_a_cancelled_transmit_has_its_answer_and_the_next_caller_gets_another(
    run: Callable[[Main], Any], numbering: Numbering
) -> None:
    async def main(_context: aio.Context, card: aio.Card) -> None:
        error = await cancelled_when_begun(numbering, lambda: card.transmit(SLOW))
        assert vars(error)["response"] == b"\x01\x90\x00"
        assert await card.transmit(QUICK) == b"\x02\x90\x00"
        memory = bytearray(258)
        error = await cancelled_when_begun(numbering, lambda: card.transmit_into(SLOW, memory))
        assert vars(error)["response"] == memory[:3] == b"\x03\x90\x00"

    run(main)


def test_a_command_that_waits_for_its_turn_is_not_sent_after_a_cancellation(
    run: Callable[[Main], Any], numbering: Numbering
) -> None:
    async def main(_context: aio.Context, card: aio.Card) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(card.transmit, SLOW)
            await until_begun(numbering)
            with anyio.move_on_after(0.01) as scope:
                with pytest.raises(anyio.get_cancelled_exc_class()) as cancelled:
                    await card.transmit(QUICK)
                assert vars(cancelled.value)["response"] is None
                raise cancelled.value
            assert scope.cancelled_caught
            numbering.may_end.set()
        await card.status()
        assert numbering.commands == [SLOW]

    run(main)


def test_a_cancelled_send_sends_no_get_response(run: Callable[[Main], Any], numbering: Numbering) -> None:
    async def main(_context: aio.Context, card: aio.Card) -> None:
        error = await cancelled_when_begun(numbering, lambda: card.send(IN_PARTS))
        assert vars(error)["response"] == b"\x61\x04"
        assert len(numbering.commands) == 1

    run(main)


def test_a_cancelled_script_has_its_replies_and_sends_no_further_command(
    run: Callable[[Main], Any], numbering: Numbering
) -> None:
    async def main(_context: aio.Context, card: aio.Card) -> None:
        script = Script([QUICK, SLOW, QUICK])
        error = await cancelled_when_begun(numbering, lambda: card.run(script))
        assert [bytes(reply) for reply in vars(error)["replies"]] == [b"\x01\x90\x00", b"\x02\x90\x00"]
        assert vars(error)["index"] == 2
        assert numbering.commands == [QUICK, SLOW]

    run(main)


def test_a_cancelled_file_transfer_tells_what_arrived(run: Callable[[Main], Any], numbering: Numbering) -> None:
    async def main(_context: aio.Context, card: aio.Card) -> None:
        error = await cancelled_when_begun(numbering, lambda: card.read_binary_into(bytearray(1024)))
        assert vars(error)["arrived"] == 256
        assert len(numbering.commands) == 1

    run(main)


def test_asyncio_s_own_cancellations_have_the_answer(numbering: Numbering) -> None:
    async def timed_out(card: aio.Card) -> None:
        async with asyncio.timeout(0.02):
            await card.transmit(SLOW)

    async def response_at_timeout(make: Callable[[], Awaitable[object]]) -> object:
        while True:
            with pytest.raises(TimeoutError) as timeout:
                await make()
            if response := getattr(timeout.value.__context__, "response", None):
                return response  # on a busy machine, the time may be over before the command was sent

    async def main() -> None:
        async with aio.Context() as context, await context.attach(NAME) as card:
            numbering.card = card
            task = asyncio.create_task(card.transmit(SLOW))
            await until_begun(numbering)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await task
            assert vars(cancelled.value)["response"] == b"\x01\x90\x00"
            async with asyncio.timeout(SECONDS):
                assert await response_at_timeout(lambda: timed_out(card)) == b"\x02\x90\x00"
                wait_for = functools.partial(asyncio.wait_for, timeout=0.02)
                assert await response_at_timeout(lambda: wait_for(card.transmit(SLOW))) == b"\x03\x90\x00"
            assert await card.transmit(QUICK) == b"\x04\x90\x00"
            task = asyncio.create_task(card.transmit(SLOW))
            task.cancel()  # before it has begun
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(numbering.commands) == 4

    with virtual.installed(), VirtualReader(NAME, numbering):
        asyncio.run(main())


def test_a_cancelled_lock_holds_no_transaction(run: Callable[[Main], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANSWER_SECONDS", "INTERRUPT_SECONDS"):  # on a busy machine the answer may come late
        monkeypatch.setattr(aio, name, SECONDS)

    async def main(_context: aio.Context, card: aio.Card) -> None:
        with PlainContext() as plain, plain.attach(NAME) as other:
            with other.transaction():
                start = time.perf_counter()
                with pytest.raises(SCardTimeoutError):
                    await card.lock(0.02)
                with anyio.move_on_after(0.02) as scope:
                    await card.lock()
                assert scope.cancelled_caught
                assert time.perf_counter() - start < 1
            with other.transaction():
                pass
        assert card.is_attached
        assert await card.transmit(QUICK) == b"\x01\x90\x00"

    run(main)


def test_a_call_that_pcsc_does_not_end_is_given_up(run: Callable[[Main], Any]) -> None:
    before = threads()

    async def main(context: aio.Context, card: aio.Card) -> None:
        with PlainContext() as plain, plain.attach(NAME) as other:
            with other.transaction():
                start = time.perf_counter()
                with anyio.move_on_after(0.02) as scope:
                    await context.attach(NAME)
                assert scope.cancelled_caught
                with pytest.raises(SCardTimeoutError):
                    await context.attach(NAME, timeout=0.02)
                while card.is_attached:  # on a busy machine, the time may be over before the call has begun
                    with pytest.raises(SCardTimeoutError):
                        await card.reconnect(timeout=0.02)
                with pytest.raises(UnexpectedStateError):
                    await card.transmit(QUICK)
                assert time.perf_counter() - start < 1
            async with await context.attach(NAME) as again:
                assert await again.transmit(QUICK) == b"\x01\x90\x00"
        await until_threads_have_ended(before)
        with PlainContext() as plain, plain.attach(NAME, ShareMode.EXCLUSIVE):
            pass  # nothing else is attached

    run(main)


def test_a_call_that_times_out_behind_another_one_leaves_the_card_attached(
    run: Callable[[Main], Any], numbering: Numbering, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def transmit(_: bytes) -> bytes:
        numbering.has_begun.set()
        assert go_on.wait(SECONDS)
        return b"\x90\x00"

    monkeypatch.setattr(numbering, "transmit", transmit)

    async def main(_: aio.Context, card: aio.Card) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(card.transmit, QUICK)
            await until_begun(numbering)
            with pytest.raises(SCardTimeoutError, match="the card is attached"):
                await card.reconnect(timeout=0.02)
            go_on.set()
        await card.reconnect(timeout=SECONDS)

    run(main)


def test_a_busy_card_has_one_thread_and_an_idle_card_has_none(run: Callable[[Main], Any], numbering: Numbering) -> None:
    before = threads()

    async def main(_context: aio.Context, card: aio.Card) -> None:
        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(card.transmit, SLOW)
            await until_begun(numbering)
            if before:
                await until(lambda: threads() <= before + 1)  # those of earlier calls end too
            numbering.may_end.set()
        await until_threads_have_ended(before)

    run(main)


def test_a_monitor_is_a_stream_of_events_for_several_tasks(run: Callable[[Main], Any]) -> None:
    async def first_events(monitor: aio.Monitor, found: list[Event]) -> None:
        async for event in monitor:
            found.append(event)
            if event.reader == "Another" and event.kind is EventKind.READER_REMOVED:
                return

    async def main(context: aio.Context, _card: aio.Card) -> None:
        lists: list[list[Event]] = [[], []]
        called: list[Event] = []
        is_added, is_removed = (EventKind.READER_ADDED, "Another"), (EventKind.READER_REMOVED, "Another")

        def kinds() -> list[list[tuple[EventKind, str]]]:
            return [[(event.kind, event.reader) for event in found] for found in (*lists, called)]

        async with context.monitor() as one, context.monitor() as other, anyio.create_task_group() as tasks:
            end = one.subscribe(called.append)
            for monitor, found in zip((one, other), lists, strict=True):
                tasks.start_soon(first_events, monitor, found)
            with VirtualReader("Another"):
                await until(lambda: all(is_added in found for found in kinds()))
            await until(lambda: all(is_removed in found for found in kinds()))
        end()
        assert kinds()[0][-1] == is_removed
        assert set(kinds()[0]) == set(kinds()[1]) == set(kinds()[2])

    run(main)


def test_a_cancelled_wait_of_a_monitor_loses_no_event(run: Callable[[Main], Any]) -> None:
    async def main(context: aio.Context, _card: aio.Card) -> None:
        async with context.monitor([NAME, "Another"]) as monitor:
            kinds = [(await monitor.wait(timeout=SECONDS)).kind for _ in range(2)]
            assert kinds == [EventKind.READER_ADDED, EventKind.CARD_INSERTED]
            for _ in range(3):
                with anyio.move_on_after(0.01) as scope:
                    await monitor.wait()
                assert scope.cancelled_caught
            with VirtualReader("Another"):
                assert (await monitor.wait(timeout=SECONDS)).reader == "Another"
            with pytest.raises(SCardTimeoutError):
                await monitor.wait(lambda event: event.reader == NAME, 0.01)

    run(main)


def test_close_and_cancel_end_the_waits_of_other_tasks(run: Callable[[Main], Any]) -> None:
    async def main(context: aio.Context, _card: aio.Card) -> None:
        ended: list[str] = []

        async def waits(name: str, make: Callable[[], Awaitable[object]]) -> None:
            with pytest.raises(CancelledError):
                await make()
            ended.append(name)

        async def iterates(monitor: aio.Monitor) -> None:
            async for _ in monitor:
                pass
            ended.append("iteration")

        state = await context.get_status_change([NAME])
        async with context.monitor() as monitor, anyio.create_task_group() as tasks:
            tasks.start_soon(iterates, monitor)
            tasks.start_soon(waits, "card", lambda: context.wait_for_card(reader="nobody"))
            tasks.start_soon(waits, "change", lambda: context.get_status_change(state))
            plain = context._opened
            await until(lambda: len(plain._card_waits) > 0 and any(wait.has_caller for wait in list(plain._waits)))
            await context.cancel()
            await monitor.close()
        assert sorted(ended) == ["card", "change", "iteration"]

    run(main)


def test_cancel_ends_a_wait_for_a_card_that_has_only_its_monitor(
    run: Callable[[Main], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    search_monitor = PlainContext._search_monitor

    def cancelled(context: PlainContext) -> PlainMonitor:
        monitor = search_monitor(context)
        context.cancel()  # as from another thread
        return monitor

    monkeypatch.setattr(PlainContext, "_search_monitor", cancelled)

    async def main(context: aio.Context, _card: aio.Card) -> None:
        with pytest.raises(CancelledError, match=r"^wait_for_card: the wait was cancelled"):
            await context.wait_for_card(SECONDS)

    run(main)


@pytest.mark.alone
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_program_ends_at_once_with_a_monitor_that_waits_and_a_transmit_that_runs(backend: str) -> None:
    found, errors = run_alone("async_end", backend, options=["-W", "error"], seconds=20)
    assert errors == ""
    assert found["seconds"] < 1


@pytest.mark.alone
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_cancellations_at_random_moments_lose_no_answer_and_leave_the_card_usable(backend: str) -> None:
    count = int(os.environ.get("SCARDFFI_TEST_CANCELLATIONS", "10"))
    found, errors = run_alone("cancellations", backend, str(count), "14", seconds=60 + count)
    assert errors == ""
    longest, late = {}, 0
    for name, outcome in found["awaitables"].items():
        assert outcome["usable"], name
        assert not outcome.get("answers lost or given twice", False), name
        assert outcome["cancelled"] == count, name
        longest[name] = outcome["longest_ms"]
        late += outcome["late"]
    assert found["threads"] in {0, 1}
    shown = ", ".join(f"{name} {ms}" for name, ms in longest.items())
    report(f"{count} cancellations of each awaitable on {backend}, {late} after 100 ms, longest in ms: {shown}")
    assert late <= max(3, count / 50)  # other programs can delay some of them
    assert max(longest.values()) < 2000


def test_a_card_is_recovered_and_a_transaction_kept_alive(
    run: Callable[[Main], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_keep_alive, "SECONDS", 0.001)
    calls: list[bytes] = []

    async def main(context: aio.Context, card: aio.Card) -> None:
        await card.detach()
        async with await context.attach(NAME, on_reset=lambda card: calls.append(card.transmit(QUICK))) as own:
            with virtual.fault("SCardTransmit", reset=True), pytest.raises(ResetCardError):
                await own.transmit(QUICK)
            assert calls == []
            await own.recover()
            assert len(calls) == 1
            with virtual.fault("SCardStatus", code=0, times=10**6) as asked:
                async with own.transaction(keep_alive=True):
                    await until(lambda: asked.hits > 3)

    run(main)
