"""TCP ports for servers that tests start later."""

import contextlib
import functools
import os
import socket
from collections.abc import Iterator

_BLOCKS = range(20_000, 30_000, 200)
"""The first port of each block. From 32768 on, systems choose ports for outgoing connections and for port 0."""


def free_port() -> int:
    """Return a port that is free together with the next one: a vpcd reader has two slots.

    Nothing else takes them: this process gets no port twice, and no other process of tests gets one of the same block.
    """
    for port in _ports():
        with contextlib.suppress(OSError), socket.socket() as first, socket.socket() as second:
            first.bind(("", port))
            second.bind(("", port + 1))
            return port
    raise RuntimeError(f"no port from {_BLOCKS.start} to {_BLOCKS.stop - 1} is free")


@functools.cache
def _ports() -> Iterator[int]:
    """Yield every second port of a block, which a socket at its first port reserves until this process ends."""
    start = os.getpid() % len(_BLOCKS)
    for block in (*_BLOCKS[start:], *_BLOCKS[:start]):
        reserved = socket.socket()
        try:
            reserved.bind(("", block))
        except OSError:  # another process has the block
            reserved.close()
            continue
        reserved.detach()
        yield from range(block + 2, block + _BLOCKS.step, 2)
