"""scardffi.aio on asyncio and trio: results, cancellations, threads, and the end of the loop."""

import asyncio
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
SLOW_SECONDS = 0.1
QUICK = bytes.fromhex("80010000")
SLOW = bytes.fromhex("80020000")
READ = bytes.fromhex("00B0000000")
Main = Callable[[aio.Context, aio.Card], Awaitable[object]]


class Numbering:
    """A card that answers with the number of the command. SLOW commands take time, and tell that they have begun."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self) -> None:
        self.commands: list[bytes] = []
        self.has_begun = threading.Event()
        self.rest = b""

    def transmit(self, command: bytes) -> bytes:
        """Answer."""
        self.commands.append(command)
        if command[1] == SLOW[1]:
            self.has_begun.set()
            time.sleep(SLOW_SECONDS)
        if command == b"\x80\x03\x00\x00":
            self.has_begun.set()
            time.sleep(SLOW_SECONDS)
            return b"\x61\x04"
        if command[:2] == READ[:2]:
            self.has_begun.set()
            time.sleep(SLOW_SECONDS)
            return bytes(256) + b"\x90\x00"
        return self.answer(len(self.commands))

    @staticmethod
    def answer(number: int) -> bytes:
        """Return the answer to the command with this number."""
        return bytes([number]) + b"\x90\x00"


@pytest.fixture
def numbering() -> Numbering:
    return Numbering()


@pytest.fixture(params=["asyncio", "trio"])
def run(request: pytest.FixtureRequest, numbering: Numbering) -> Iterator[Callable[[Main], Any]]:
    """Return a function that runs a coroutine function with a context and a card."""

    def run_main(main: Main) -> Any:
        async def with_card() -> object:
            async with aio.Context() as context, await context.attach(NAME) as card:
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


def test_errors_are_those_of_the_methods_without_async(run: Callable[[Main], Any]) -> None:
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
        numbering.has_begun.clear()
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
            start = time.perf_counter()
            with anyio.move_on_after(0.01) as scope:
                with pytest.raises(anyio.get_cancelled_exc_class()) as cancelled:
                    await card.transmit(QUICK)
                assert vars(cancelled.value)["response"] is None
                raise cancelled.value
            assert scope.cancelled_caught
            assert time.perf_counter() - start < SLOW_SECONDS
        await card.status()
        assert numbering.commands == [SLOW]

    run(main)


def test_a_cancelled_send_sends_no_get_response(run: Callable[[Main], Any], numbering: Numbering) -> None:
    async def main(_context: aio.Context, card: aio.Card) -> None:
        error = await cancelled_when_begun(numbering, lambda: card.send("80030000"))
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
    async def main() -> None:
        async with aio.Context() as context, await context.attach(NAME) as card:
            task = asyncio.create_task(card.transmit(SLOW))
            await until_begun(numbering)
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as cancelled:
                await task
            assert vars(cancelled.value)["response"] == b"\x01\x90\x00"
            with pytest.raises(TimeoutError) as timeout:
                async with asyncio.timeout(SLOW_SECONDS / 4):
                    await card.transmit(SLOW)
            assert vars(timeout.value.__context__)["response"] == b"\x02\x90\x00"
            with pytest.raises(TimeoutError) as timeout:
                await asyncio.wait_for(card.transmit(SLOW), SLOW_SECONDS / 4)
            assert vars(timeout.value.__context__)["response"] == b"\x03\x90\x00"
            assert await card.transmit(QUICK) == b"\x04\x90\x00"
            task = asyncio.create_task(card.transmit(SLOW))
            task.cancel()  # before it has begun
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(numbering.commands) == 4

    with virtual.installed(), VirtualReader(NAME, numbering):
        asyncio.run(main())


def test_a_cancelled_lock_holds_no_transaction(run: Callable[[Main], Any]) -> None:
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
            await until(numbering.has_begun.is_set)
            if before:
                await until(lambda: threads() <= before + 1)  # those of earlier calls end too
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
        is_added = EventKind.READER_ADDED, "Another"

        def kinds() -> list[list[tuple[EventKind, str]]]:
            return [[(event.kind, event.reader) for event in found] for found in lists]

        async with context.monitor() as one, context.monitor() as other, anyio.create_task_group() as tasks:
            end = one.subscribe(called.append)
            for monitor, found in zip((one, other), lists, strict=True):
                tasks.start_soon(first_events, monitor, found)
            with VirtualReader("Another"):
                await until(lambda: all(is_added in found for found in kinds()))
            await until(lambda: len(called) == len(lists[0]))
        end()
        assert is_added in kinds()[0]
        assert kinds()[0][-1] == (EventKind.READER_REMOVED, "Another")
        assert set(kinds()[0]) == set(kinds()[1]) == {(event.kind, event.reader) for event in called}

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
            await anyio.sleep(0.05)
            await context.cancel()
            await monitor.close()
        assert sorted(ended) == ["card", "change", "iteration"]

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
    longest = {}
    for name, outcome in found["awaitables"].items():
        assert outcome["usable"], name
        assert not outcome.get("answers lost or given twice", False), name
        assert outcome["cancelled"] == count, name
        longest[name] = outcome["longest_ms"]
    assert found["threads"] in {0, 1}
    shown = ", ".join(f"{name} {ms}" for name, ms in longest.items())
    report(f"{count} cancellations of each awaitable on {backend}, longest in ms (limit 100): {shown}")
    assert max(longest.values()) < 100


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
                    await anyio.sleep(0.1)
                assert asked.hits > 3

    run(main)
