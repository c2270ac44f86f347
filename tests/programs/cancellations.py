"""Cancels each awaitable of scardffi.aio at random moments, and prints what happened as one JSON object.

Arguments: the event loop ("asyncio" or "trio"), the number of cancellations of each awaitable, a seed.
"""

import asyncio
import contextlib
import json
import random
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio

from scardffi import Context, Script, aio, virtual
from scardffi.constants import Attribute
from scardffi.virtual import VirtualReader

Make = Callable[[], Awaitable[object]]

NAME = "Reader of the cancellations"
MOST_SECONDS = 0.004
"""The longest time that the card takes for an answer."""
SHORT_SECONDS = 0.0002
"""Half of the cancellations come within this time, for the calls that take less."""
MOST_ROUNDS = 20
"""For each cancellation at most so many tries; the others are too late."""
PROMISED_SECONDS = 0.1
"""The time within which a cancellation ends the await."""
COMMAND = bytes.fromhex("80010000")
READ = bytes.fromhex("00B0000000")


class Counting:
    """A card whose answers are numbers that count the commands; it takes its time for each."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.count = 0
        self.last_answer = 0.0

    def transmit(self, command: bytes) -> bytes:
        """Answer with the number of the command, or with a chunk of a file."""
        time.sleep(self._chance.uniform(0, MOST_SECONDS))
        self.count += 1
        data = self.count.to_bytes(4, "big")
        self.last_answer = time.perf_counter()
        return (bytes(256) if command[1] == READ[1] else data) + b"\x90\x00"


class Outcome:
    """What happened to the cancellations of one awaitable."""

    def __init__(self) -> None:
        self.cancelled = self.completed = self.late = 0
        self.longest = 0.0
        self.answers: list[bytes] = []

    def note(self, delay: float) -> None:
        """Take the delay of a cancellation."""
        self.longest = max(self.longest, delay)
        self.late += delay >= PROMISED_SECONDS

    def summary(self) -> dict[str, Any]:
        """Return what is printed."""
        counts = {"cancelled": self.cancelled, "completed": self.completed, "late": self.late}
        return counts | {"longest_ms": round(1000 * self.longest, 1)}


class Cancelling:
    """Cancels an awaitable, in a way of its own for each round."""

    def __init__(self, backend: str, card: Counting, chance: random.Random) -> None:
        self._card = card
        self._chance = chance
        ways = [self._scope, self._scope_of_another_task]
        self._ways = [*ways, self._task, self._timeout] if backend == "asyncio" else ways
        self._asked = 0.0
        self._reached: list[object] = []

    async def once(self, make: Make, outcome: Outcome) -> None:
        """Start the awaitable and cancel it."""
        self._asked = 0.0
        self._reached = []
        way = self._chance.choice(self._ways)
        longest = self._chance.choice([1.5 * MOST_SECONDS, SHORT_SECONDS])
        delay = self._chance.uniform(0, longest)
        was_cancelled = await way(make, delay)
        ended = time.perf_counter()
        outcome.cancelled += was_cancelled
        outcome.completed += not was_cancelled
        if was_cancelled:
            outcome.note(ended - max(self._asked, self._card.last_answer))
        outcome.answers += [one for one in self._reached if isinstance(one, bytes)]

    async def _watched(self, make: Make) -> None:
        """Await it, and take what arrives: the result, or what the cancellation has."""
        try:
            self._reached.append(await make())
        except anyio.get_cancelled_exc_class() as error:
            self._reached.append(getattr(error, "response", None))
            raise

    async def _scope(self, make: Make, delay: float) -> bool:
        self._asked = time.perf_counter() + delay
        with anyio.move_on_after(delay) as scope:
            await self._watched(make)
        return scope.cancelled_caught

    async def _scope_of_another_task(self, make: Make, delay: float) -> bool:
        scope = anyio.CancelScope()

        async def cancel() -> None:
            await anyio.sleep(delay)
            self._asked = time.perf_counter()
            scope.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(cancel)
            with scope:
                await self._watched(make)
            tasks.cancel_scope.cancel()
        return scope.cancelled_caught

    async def _task(self, make: Make, delay: float) -> bool:
        task = asyncio.create_task(self._watched(make))
        await asyncio.sleep(delay)
        self._asked = time.perf_counter()
        if not task.cancel():
            await task
            return False
        while not task.done():
            await asyncio.wait([task], timeout=self._chance.uniform(0, MOST_SECONDS))
            task.cancel()  # more than once
        return task.cancelled()

    async def _timeout(self, make: Make, delay: float) -> bool:
        self._asked = time.perf_counter() + delay
        try:
            async with asyncio.timeout(delay):
                await self._watched(make)
        except TimeoutError as error:
            cause = error.__context__
        else:
            return False
        assert getattr(cause, "response", None) == self._reached[0]
        return True


class Holder:
    """Another handle that holds transactions on the card, with pauses."""

    def __init__(self) -> None:
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        with Context() as context, context.attach(NAME) as card:
            while not self._is_over.wait(MOST_SECONDS):
                with card.transaction():
                    time.sleep(MOST_SECONDS)


async def opened() -> None:
    async with aio.Context():
        pass


def awaitables(context: aio.Context, card: aio.Card, monitor: aio.Monitor) -> dict[str, Make]:
    """Return each awaitable by name."""
    script = Script([COMMAND] * 5)
    memory, file = bytearray(258), bytearray(3 * 256)

    async def transmit_into() -> bytes:
        return bytes(memory[: await card.transmit_into(COMMAND, memory)])

    async def attach() -> None:
        async with await context.attach(NAME):
            pass

    async def transaction() -> None:
        async with card.transaction():
            await anyio.sleep(MOST_SECONDS / 4)

    async def state() -> None:
        await context.get_status_change(await context.get_status_change([NAME]))

    async def attribute() -> None:
        await card.get_attribute(Attribute.ATR_STRING)

    async def iterate() -> None:
        async for _ in monitor:
            pass

    async def send() -> bytes:
        return bytes(await card.send(COMMAND))

    async def in_turn() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(card.status)
            tasks.start_soon(card.status)

    return {
        "transmit": lambda: card.transmit(COMMAND),
        "transmit_into": transmit_into,
        "send": send,
        "run": lambda: card.run(script),
        "call": lambda: card.call(lambda card: card.transmit(COMMAND)),
        "read_binary_into": lambda: card.read_binary_into(file),
        "status": card.status,
        "status of two tasks": in_turn,
        "get_attribute": attribute,
        "lock": transaction,
        "reconnect": card.reconnect,
        "attach": attach,
        "get_status_change": state,
        "wait_for_card": lambda: context.wait_for_card(reader="nobody"),
        "Monitor.wait": lambda: monitor.wait(lambda _: False),
        "async for": iterate,
        "list_readers": context.list_readers,
        "Context": opened,
    }


async def cancel_all(backend: str, count: int, chance: random.Random, counting: Counting) -> dict[str, Any]:
    found: dict[str, Any] = {}
    cancelling = Cancelling(backend, counting, chance)
    async with aio.Context() as context, await context.attach(NAME) as card, context.monitor() as monitor:
        await card.send(COMMAND)  # the first one imports modules
        for name, make in awaitables(context, card, monitor).items():
            outcome, before = Outcome(), counting.count
            contended = name in {"lock", "attach"}
            with Holder() if contended else contextlib.nullcontext():
                for _ in range(MOST_ROUNDS * count):
                    await cancelling.once(make, outcome)
                    if outcome.cancelled == count:
                        break
            found[name] = outcome.summary()
            if name in {"transmit", "transmit_into", "send", "call"}:
                numbers = range(before + 1, counting.count + 1)
                sent = [number.to_bytes(4, "big") + b"\x90\x00" for number in numbers]
                found[name]["answers"] = counting.count - before
                found[name]["answers lost or given twice"] = sorted(outcome.answers) != sent
            response = await card.transmit(COMMAND)
            found[name]["usable"] = int.from_bytes(response[:4], "big") == counting.count
    return found


def main() -> None:
    backend, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    counting = Counting(random.Random(seed))
    with virtual.installed(), VirtualReader(NAME, counting):
        found = anyio.run(cancel_all, backend, count, chance, counting, backend=backend)
        deadline = time.monotonic() + 5
        while (threads := len(list(Path("/proc/self/task").iterdir()))) > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
    sys.stdout.write(json.dumps({"awaitables": found, "threads": threads}) + "\n")


main()
