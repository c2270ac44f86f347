"""A virtual card that gives the answers of a trace."""

from __future__ import annotations

import os
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from .._half_made import repr_if_half_made
from .._locks import Mutex
from .._not_copied import NotCopied
from ._reading import read
from ._record import atrs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._record import Record


class Order(Enum):
    """The order in which a :class:`ReplayCard` accepts the commands of the trace."""

    STRICT = "strict"
    """Each command must be the next one of the trace. Another one raises :class:`UnexpectedCommandError`."""
    LENIENT = "lenient"
    """Commands of the trace may be left out. One that does not come later in the trace is answered with 6D00."""
    MATCHING = "matching"
    """The order does not matter. A command that is in the trace several times gets its responses in turn, and then the
    last one again. One that is not in the trace is answered with 6D00."""


class UnexpectedCommandError(Exception):
    """A command that is not the next one of the trace. Its message shows no data, which may be secret."""


class _Exchange(NamedTuple):
    """A command and its response."""

    command: bytes
    removed: tuple[int, int]
    response: bytes

    def matches(self, command: bytes) -> bool:
        """Return True if this is the command; removed bytes match anything of the same length."""
        start, length = self.removed
        end = start + length
        return (
            len(command) == len(self.command)
            and command[:start] == self.command[:start]
            and command[end:] == self.command[end:]
        )


_UNKNOWN_COMMAND: Final = bytes.fromhex("6D00")
_NOTHING_REMOVED: Final = (0, 0)


@repr_if_half_made
class ReplayCard(NotCopied):
    """A card that answers as the card of a trace did, for a :class:`~scardffi.virtual.VirtualReader`.

    A trace may have removed bytes; they match anything of the same length. Transmits that failed are left out. A reset
    changes nothing.

    Args:
        trace: the path of a trace or of a log that :func:`read` reads, or records.
        order: an :class:`Order` or its value, such as ``"strict"``: which commands are accepted next.
        reader: the full name of the reader whose card it is; None for the first reader that has a command.
        atr: the ATR, instead of the one that the trace has.

    Raises:
        ValueError: the trace has no command of this reader, or no ATR and ``atr`` is None; the order is unknown.
        OSError: the trace cannot be read.
    """

    def __init__(
        self,
        trace: str | os.PathLike[str] | Iterable[Record],
        order: Order | str = Order.STRICT,
        *,
        reader: str | None = None,
        atr: bytes | None = None,
    ) -> None:
        records = read(trace) if isinstance(trace, (str, os.PathLike)) else trace
        content = _Content(records)
        self.reader: Final = reader if reader is not None else next(iter(content.exchanges), None)
        """The name of the reader whose card it is."""
        if self.reader not in content.exchanges:
            raise ValueError(f"trace: it has no command of the reader {reader!r}; it has {list(content.exchanges)}")
        self._exchanges: Final = content.exchanges[self.reader]
        found = content.atrs.get(self.reader) if atr is None else bytes(memoryview(atr))
        if found is None:
            raise ValueError("atr: the trace has none; give the card's ATR")
        self.atr: Final = found
        self._order: Final = Order(order)
        self._mutex: Final = Mutex()
        self._place = 0
        self._last_uses: Final[dict[bytes, int]] = {}

    @property
    def remaining(self) -> int:
        """The number of commands that follow the last answered one in the trace."""
        return len(self._exchanges) - self._place

    def transmit(self, command: bytes) -> bytes:
        """Return the response that the trace has for a command.

        Raises:
            UnexpectedCommandError: the order is strict, and the trace has another command here or has ended.
        """
        with self._mutex:
            if self._order is Order.MATCHING:
                return self._any(command)
            last = len(self._exchanges) if self._order is Order.LENIENT else self._place + 1
            for place, exchange in enumerate(self._exchanges[self._place : last], self._place):
                if exchange.matches(command):
                    self._place = place + 1
                    return exchange.response
            if self._order is Order.LENIENT:
                return _UNKNOWN_COMMAND
            raise UnexpectedCommandError(self._difference(command))

    def _any(self, command: bytes) -> bytes:
        places = [place for place, exchange in enumerate(self._exchanges) if exchange.matches(command)]
        if not places:
            return _UNKNOWN_COMMAND
        last = self._last_uses.get(command, -1)
        place = next((place for place in places if place > last), places[-1])
        self._last_uses[command] = place
        self._place = max(self._place, place + 1)
        return self._exchanges[place].response

    def _difference(self, command: bytes) -> str:
        got = f"{command[:4].hex()} with {len(command)} bytes"
        if self._place == len(self._exchanges):
            return f"the trace ends after {self._place} commands; the program sent {got}"
        expected = self._exchanges[self._place].command
        return f"command {self._place + 1} of the trace is {expected[:4].hex()} with {len(expected)} bytes; got {got}"

    def __repr__(self) -> str:
        return f"<scardffi.trace.ReplayCard {self._order.value}, {self.remaining} of {len(self._exchanges)} commands>"


class _Content:
    """The exchanges and the ATR of each reader in a trace."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.exchanges: dict[str, list[_Exchange]] = {}
        self.atrs: dict[str, bytes] = {}
        handles: dict[str, str] = {}
        for record in records:
            if record.result != 0:
                continue
            handle = f"{record.process} {record.arguments.get('handle')}"
            named = str(record.arguments.get("reader", ""))
            if record.function == "SCardConnect":
                handles[handle] = named
            reader = handles.get(handle, named)
            for name, atr in atrs(record):
                self.atrs.setdefault(reader if name is None else name, bytes.fromhex(atr))
            if record.command is not None and record.response is not None:
                exchange = _Exchange(record.command, record.removed or _NOTHING_REMOVED, record.response)
                self.exchanges.setdefault(reader, []).append(exchange)
