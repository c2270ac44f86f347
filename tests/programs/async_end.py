"""Ends an event loop in which a monitor waits and a transmit runs, and prints how long the end took.

Argument: the event loop ("asyncio" or "trio").
"""

import asyncio
import json
import sys
import time
from typing import Any

import trio

from scardffi import aio, virtual
from scardffi.virtual import VirtualReader

NAME = "Reader of the end"


class Slow:
    """A card that takes 0.2 s for an answer."""

    atr = bytes.fromhex("3B80800101")

    def transmit(self, _command: bytes) -> bytes:
        """Answer 9000."""
        time.sleep(0.2)
        return b"\x90\x00"


async def use(sleep: Any, start: Any) -> float:
    context = aio.Context()
    await context.__aenter__()
    card = await context.attach(NAME)
    monitor = context.monitor()

    async def wait() -> None:
        async with monitor:
            await monitor.wait(lambda _: False)

    async def transmit() -> None:
        try:
            await card.transmit(bytes(4))
        finally:
            await context.release()

    start(wait)
    start(transmit)
    await sleep(0.1)
    return time.perf_counter()


async def on_asyncio() -> float:
    tasks = []
    return await use(asyncio.sleep, lambda function: tasks.append(asyncio.create_task(function())))


async def on_trio() -> float:
    async with trio.open_nursery() as nursery:
        began = await use(trio.sleep, nursery.start_soon)
        nursery.cancel_scope.cancel()
    return began


def main() -> None:
    with virtual.installed(), VirtualReader(NAME, Slow()):
        began = asyncio.run(on_asyncio()) if sys.argv[1] == "asyncio" else trio.run(on_trio)
        seconds = time.perf_counter() - began
    sys.stdout.write(json.dumps({"seconds": seconds}) + "\n")


main()
