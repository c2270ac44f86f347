"""Exchanges with a card that are shown: the command before it is sent, then the response and its meaning."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ..iso7816._command_text import text_without_secrets
from ..iso7816.status_word import meaning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Buffer

    from ..manage import SCardManage
    from ._output import Output


def transmit(
    card: SCardManage,
    command: Buffer,
    output: Output,
    *,
    hidden: Sequence[tuple[int, int]] = (),
    show_secrets: bool = False,
    line: int | None = None,
) -> bytes:
    """Send a command, and print it before it is sent, without a PIN or key that it may hold. Return the response.

    Args:
        card: the card.
        command: the command.
        output: where it is printed.
        hidden: other bytes of the command that are secret, as (start, length).
        show_secrets: True to print them, and PINs and keys.
        line: the line of a script that has the command, for JSON.
    """
    sent = memoryview(command)
    shown = sent.hex(" ").upper() if show_secrets else text_without_secrets(sent, hidden)
    output.line(f"> {shown}")
    response = card.transmit(command)
    sw = status_word(response)
    explained = f"no status word: the card answered {len(response)} of 2 bytes" if sw is None else meaning(sw)
    output.line(f"< {response.hex(' ').upper()}".rstrip())
    output.line("  " + output.coloured(explained if sw is None else f"{sw:04X} {explained}", _colour(sw)))
    output.value(
        {
            "command": shown.replace(" ", ""),
            "response": response.hex().upper(),
            "sw": None if sw is None else f"{sw:04X}",
            "meaning": explained,
            **({} if line is None else {"line": line}),
        }
    )
    return response


def status_word(response: bytes) -> int | None:
    """Return the status word of a response; None if it has fewer than two bytes."""
    return int.from_bytes(response[-2:], "big") if len(response) >= 2 else None


class ShownOnStderr:
    """A card for services. Each exchange is shown on stderr: the command before it is sent, then the status word."""

    def __init__(self, card: SCardManage) -> None:
        self._card = card
        self.atr, self.turns, self.control = card.atr, card.turns, card.control
        self.takes_any_buffer, self.short_response_error = card.takes_any_buffer, card.short_response_error

    def transmit(self, command: bytes | bytearray, /) -> bytes:
        """Show a command without a PIN or key that it may hold, send it, and return the response."""
        print(f"> {text_without_secrets(memoryview(command))}", file=sys.stderr, flush=True)
        response = self._card.transmit(command)
        sw = status_word(response)
        shown = "no status word" if sw is None else f"{sw:04X} {meaning(sw)}"
        print(f"< {max(0, len(response) - 2)} bytes, {shown}", file=sys.stderr, flush=True)
        return response


def _colour(sw: int | None) -> str:
    if sw is None:
        return "red"
    if sw == 0x9000 or sw >> 8 == 0x61:
        return "green"
    return "yellow" if sw >> 8 in (0x62, 0x63) else "red"
