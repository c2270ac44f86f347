"""A door service: wait for cards, read the identifier of each, and answer on TCP port 7000 who was there last.

Without hardware: python examples/without_hardware.py door
"""

import asyncio
import sys

from scardffi import EventKind, SCardError, aio

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 7000
GET_IDENTIFIER = "FF CA 00 00 00"  # PC/SC part 3: the identifier of a contactless card
seen = {}


async def watch(context):
    async with context.monitor() as monitor:
        async for event in monitor:
            if event.kind is EventKind.CARD_INSERTED:
                try:
                    async with await context.attach(event.reader, timeout=5) as card:
                        seen[event.reader] = (await card.send(GET_IDENTIFIER)).data.hex()
                except SCardError as error:
                    print(error, file=sys.stderr)


async def answer(_, writer):
    writer.write("".join(f"{reader}: {identifier}\n" for reader, identifier in seen.items()).encode())
    writer.close()


async def main():
    async with aio.Context() as context, await asyncio.start_server(answer, "127.0.0.1", PORT) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await watch(context)


asyncio.run(main())
