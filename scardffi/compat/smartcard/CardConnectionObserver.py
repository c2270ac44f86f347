"""Observers of connections."""

from __future__ import annotations

from typing import Any

from .Observer import Observer
from .util import toHexString

_LINES = {
    "connect": "connecting to", "reconnect": "reconnecting to", "disconnect": "disconnecting from",
    "release": "release from",
}  # fmt: skip


class CardConnectionObserver(Observer):
    """An observer of a connection: ``update(connection, event)`` gets a CardConnectionEvent."""


class ConsoleCardConnectionObserver(CardConnectionObserver):
    """An observer that prints what happens. The lines have the commands in full, PINs too."""

    def update(self, observable: Any, handlers: Any) -> None:
        """Print an event."""
        kind, args = handlers.type, handlers.args
        line = f"unknown event: {kind}"
        if kind in _LINES:
            line = f"{_LINES[kind]} {observable.getReader()}"
        elif kind == "command":
            code, command = (f"control 0x{args[0]:08X} ", args[1]) if isinstance(args[0], int) else ("", args[0])
            line = f"> {code}{toHexString(list(command))}".rstrip()
        elif kind == "response":
            is_of_control = not args or isinstance(args[0], int)
            data = toHexString(list(args if is_of_control else args[0]))
            line = f"< {data}" if is_of_control else f"< {data or ' []'} {args[1]:02X} {args[2]:02X}"
        print(line)  # noqa: T201  this is what the class is for
