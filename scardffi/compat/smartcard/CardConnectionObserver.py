"""Observers of connections."""

from __future__ import annotations

from typing import Any

from .Observer import Observer
from .util import toHexString

_LINES = {
    "connect": "connecting to",
    "reconnect": "reconnecting to",
    "disconnect": "disconnecting from",
    "release": "release from",
}


class CardConnectionObserver(Observer):
    """An observer of a connection: ``update(connection, event)`` gets a CardConnectionEvent."""


class ConsoleCardConnectionObserver(CardConnectionObserver):
    """An observer that prints what happens. The lines have the commands in full, PINs too."""

    def update(self, observable: Any, handlers: Any) -> None:
        """Print an event."""
        print(self._line(observable, handlers.type, handlers.args))  # noqa: T201  this is what the class is for

    @staticmethod
    def _line(connection: Any, kind: str, args: Any) -> str:
        if kind in _LINES:
            return f"{_LINES[kind]} {connection.getReader()}"
        if kind == "command":
            code, command = (args[0], args[1]) if isinstance(args[0], int) else (None, args[0])
            return f"> {'' if code is None else f'control 0x{code:08X} '}{toHexString(list(command))}".rstrip()
        if kind == "response":
            data = toHexString(list(args[0]))
            return f"< {data}" if len(args) == 1 else f"< {data or ' []'} {args[1]:02X} {args[2]:02X}"
        return f"{kind} {args}"
