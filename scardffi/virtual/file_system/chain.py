"""A command that comes in parts (ISO/IEC 7816-4, clause 5.3.3), in memory that is wiped: its data may be secret."""

from __future__ import annotations

from ...iso7816.command import EXTENDED_DATA, Command
from .session import need

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

_CHAINING: Final = 0x10


class Chain:
    """The parts of a command so far."""

    def __init__(self) -> None:
        self._header: tuple[int, int, int] | None = None
        self._parts: list[bytearray] = []

    def add(self, command: Command) -> Command | None:
        """The whole command, if this is its last part or all of it; None where more is to come."""
        header = (command.ins, command.p1, command.p2)
        need(self._header in {None, header}, 0x6883)
        size = sum(map(len, self._parts)) + len(command.data)
        need(size <= EXTENDED_DATA, 0x6700)
        self._header = header
        self._parts.append(bytearray(command.data))
        if command.cla & _CHAINING:
            return None
        data = bytearray(size)  # made at once: growing would leave copies behind
        place = 0
        for part in self._parts:
            data[place : place + len(part)] = part
            place += len(part)
        self.end()
        try:
            return Command(command.cla, command.ins, command.p1, command.p2, data, command.le)
        finally:
            data[:] = bytes(size)

    def end(self) -> None:
        """Forget all parts."""
        for part in self._parts:
            part[:] = bytes(len(part))
        self._header = None
        self._parts = []
