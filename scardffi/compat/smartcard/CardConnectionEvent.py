"""The events of a connection."""

from __future__ import annotations


class CardConnectionEvent:
    """An event for the observers of a connection.

    Args:
        event_type: "connect", "reconnect", "disconnect", "release", "command", "response" or "attrib".
        args: of "command", [command, protocol] or [control code, command]; of "response", [data, sw1, sw2] or the
            [data] of a control code; of "attrib", [attribute]; otherwise None.

    Attributes:
        type: the argument ``event_type``.
        args: the argument ``args``.
    """

    def __init__(self, event_type: str, args: list[object] | None = None) -> None:
        self.type = event_type
        self.args = args
