"""Command chaining (ISO/IEC 7816-4, clause 5.3.3), in memory that is wiped because the data may be secret."""

from __future__ import annotations

from typing import Final

from ...iso7816.command import EXTENDED_DATA, Command
from ._session import require

_CHAINING: Final = 0x10


class Chain:
    """The parts of a command that have arrived."""

    def __init__(self) -> None:
        self._header: tuple[int, int, int] | None = None
        self._parts: list[bytearray] = []

    def add(self, command: Command) -> Command | None:
        """Add a part; return the whole command if this was the last part or the only one, None otherwise.

        Raises:
            CommandError: the part belongs to another command, or the command is too long.
        """
        header = (command.ins, command.p1, command.p2)
        require(self._header in {None, header}, 0x6883)
        size = sum(map(len, self._parts)) + len(command.data)
        require(size <= EXTENDED_DATA, 0x6700)
        self._header = header
        self._parts.append(bytearray(command.data))
        if command.cla & _CHAINING:
            return None
        data = bytearray(size)  # of full size from the start: growing would leave copies in memory
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
        """Wipe and forget all parts."""
        for part in self._parts:
            part[:] = bytes(len(part))
        self._header = None
        self._parts = []
