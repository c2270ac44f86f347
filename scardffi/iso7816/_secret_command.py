"""A command with secret data, which can be wiped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._bytes_like import contiguous
from ._secrets import Secrets
from .command import EXTENDED_DATA, Command, checked

if TYPE_CHECKING:
    from typing_extensions import Buffer


def with_secret(header: Command, **parts: Buffer) -> Command:
    """Return a command with secret data, which is copied only into bytearrays. Only the command's bytearray remains.

    Args:
        header: a command without data.
        parts: the parts of the data, by the names of the arguments that have them.
    """
    views = [contiguous(name, part) for name, part in parts.items()]
    size = sum(len(view) for view in views)
    checked("length of the secret", size, 0, EXTENDED_DATA)
    command = Command(header.cla, header.ins, header.p1, header.p2, bytearray(size))
    secrets = Secrets()
    secrets.blocks += [command.data]  # type: ignore[list-item]  # it is a bytearray
    target = memoryview(command.data)  # assigning to a slice of the bytearray would create a temporary copy
    start = 0
    try:
        for view in views:
            target[start : start + len(view)] = view
            start += len(view)
    except BaseException:  # a signal handler has raised
        _ = [*secrets.wiping]
        raise
    return command
