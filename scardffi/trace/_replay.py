"""A virtual card that gives the answers of a trace."""

from __future__ import annotations

import os
from enum import Enum
from itertools import zip_longest
from typing import TYPE_CHECKING, Final, NamedTuple

from .._half_made import repr_if_half_made
from .._locks import Mutex
from .._not_copied import NotCopied
from ..constants import ReturnCode
from ..errors import from_code
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
    """A command and its response, or the return code of SCardTransmit.

    The command is None if another function found that the card was removed, before the session had a command.
    """

    command: bytes | None
    removed: tuple[int, int]
    response: bytes | None
    code: int
    is_last: bool = False
    """True if another function found after this command that the card was removed."""

    def matches(self, command: bytes) -> bool:
        """Return True if this is the command; removed bytes match anything of the same length."""
        return self.difference(command) is None

    def difference(self, command: bytes) -> int | None:
        """Return the number of the first byte that differs, from 1, or None. Removed bytes do not count."""
        if self.command is None:
            return None
        start, length = self.removed
        for place, (expected, got) in enumerate(zip_longest(self.command, command)):
            if expected != got and (None in {expected, got} or not start <= place < start + length):
                return place + 1
        return None


_UNKNOWN_COMMAND: Final = bytes.fromhex("6D00")
_NOTHING_REMOVED: Final = (0, 0)
_REMOVALS: Final = frozenset({ReturnCode.SCARD_E_NO_SMARTCARD, ReturnCode.SCARD_W_REMOVED_CARD})
_FOUND_BEFORE_THE_CARD: Final = frozenset({ReturnCode.SCARD_E_INVALID_PARAMETER, ReturnCode.SCARD_E_PROTO_MISMATCH})
"""If the program makes such a mistake again, the virtual library returns the code, and the card gets no command."""


@repr_if_half_made
class ReplayCard(NotCopied):
    """A card that answers as the card of a trace did, for a :class:`~scardffi.virtual.VirtualReader`.

    A trace may have removed bytes; they match anything of the same length. A transmit that failed fails again with the
    same return code, and if the card was removed, the virtual reader removes this one. If another function found that
    the card was removed, this one is removed after the last command before, or, if the session had no command, at
    the next one; but not if the order is ``"matching"``. A reset changes nothing.

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
        if not content.exchanges:
            raise ValueError("the trace has no command")
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
        return sum(exchange.command is not None for exchange in self._exchanges[self._place :])

    def transmit(self, command: bytes) -> bytes:
        """Return the response that the trace has for a command.

        Raises:
            SCardError: the command failed in the trace; the error has its return code.
            UnexpectedCommandError: the order is strict, and the trace has another command here or has ended.
        """
        with self._mutex:
            if self._order is Order.MATCHING:
                return self._any(command)
            last = len(self._exchanges) if self._order is Order.LENIENT else self._place + 1
            for place, exchange in enumerate(self._exchanges[self._place : last], self._place):
                if exchange.matches(command):
                    self._place = place + 1
                    answer = _outcome(exchange)
                    return _last(answer) if exchange.is_last else answer
            if self._order is Order.LENIENT:
                return _UNKNOWN_COMMAND
            raise UnexpectedCommandError(self._difference(command))

    def _any(self, command: bytes) -> bytes:
        places = [
            place
            for place, exchange in enumerate(self._exchanges)
            if exchange.command is not None and exchange.matches(command)
        ]
        if not places:
            return _UNKNOWN_COMMAND
        last = self._last_uses.get(command, -1)
        answered = [place for place in places if self._exchanges[place].response is not None]
        place = next((place for place in places if place > last), (answered or places)[-1])
        self._last_uses[command] = max(last, place)
        self._place = max(self._place, place + 1)
        return _outcome(self._exchanges[place])

    def _difference(self, command: bytes) -> str:
        got = f"{command[:4].hex()} with {len(command)} bytes"
        if self._place == len(self._exchanges):
            return f"the trace ends after {self._place} commands; the program sent {got}"
        exchange = self._exchanges[self._place]
        expected = exchange.command or b""
        return (
            f"command {self._place + 1} of the trace is {expected[:4].hex()} with {len(expected)} bytes; got {got}, "
            f"which differs at byte {exchange.difference(command)}"
        )

    def __repr__(self) -> str:
        return f"<scardffi.trace.ReplayCard {self._order.value}, {self.remaining} of {len(self._exchanges)} commands>"


def _outcome(exchange: _Exchange) -> bytes:
    if exchange.response is None:
        raise from_code(exchange.code, "SCardTransmit", "as in the trace")
    return exchange.response


def _last(answer: bytes) -> bytes:
    """Return an answer after which the card is removed."""
    from ..virtual._last_answer import LastAnswer  # only a removal needs it

    return LastAnswer(answer)


class _Content:
    """The exchanges and the ATR of each reader in a trace."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.exchanges: dict[str, list[_Exchange]] = {}
        self.atrs: dict[str, bytes] = {}
        self._open: dict[tuple[int, object], tuple[str, object]] = {}
        """The reader and the context of each open handle, by process and handle."""
        self._starts: dict[tuple[int, object], int] = {}
        """The number of exchanges that the reader had when a handle was connected, by process and handle."""
        self._emptied: set[str] = set()
        """The readers from which the card was removed; their handles get no command through to a card."""
        for record in records:
            self._add(record)

    def _add(self, record: Record) -> None:
        handle = record.process, record.arguments.get("handle")
        context = record.arguments.get("context")
        named = str(record.arguments.get("reader", ""))
        reader, _ = self._open.get(handle, (named, None))
        if record.function == "SCardDisconnect":
            self._open.pop(handle, None)
        elif record.function == "SCardReleaseContext":
            closed = [one for one, (_, own) in self._open.items() if (one[0], own) == (record.process, context)]
            for one in closed:
                del self._open[one]
        elif record.result != 0:
            self._add_failure(reader, record)
        elif record.function == "SCardConnect":
            self._open[handle] = named, context
            self._starts[handle] = len(self.exchanges.get(named, []))
            self._add_success(named, record)
        else:
            if record.function == "SCardReconnect":
                self._starts[handle] = len(self.exchanges.get(reader, []))
            self._add_success(reader, record)

    def _add_success(self, reader: str, record: Record) -> None:
        for name, atr in atrs(record):
            self.atrs.setdefault(reader if name is None else name, bytes.fromhex(atr))
        if record.command is not None and record.response is not None:
            self._add_exchange(reader, record, record.command)
        if record.function in {"SCardConnect", "SCardReconnect", "SCardTransmit"}:
            self._emptied.discard(reader)

    def _add_failure(self, reader: str, record: Record) -> None:
        """Add a failed call if the card must do something to make it fail again."""
        is_removal = record.result in _REMOVALS
        if not reader or record.result in _FOUND_BEFORE_THE_CARD or (is_removal and reader in self._emptied):
            return
        if record.command is not None:
            self._add_exchange(reader, record, record.command)
        elif is_removal and "handle" in record.arguments:
            self._add_removal(reader, record)
        else:
            return
        if is_removal:
            self._emptied.add(reader)

    def _add_removal(self, reader: str, record: Record) -> None:
        """Let the last command that the session has seen remove the card, or else the next one."""
        exchanges = self.exchanges.get(reader, [])
        start = self._starts.get((record.process, record.arguments["handle"]), 0)
        if len(exchanges) > start and exchanges[-1].response is not None:
            exchanges[-1] = exchanges[-1]._replace(is_last=True)
        elif record.result == ReturnCode.SCARD_W_REMOVED_CARD:  # the other code may be that of a reader without a card
            self._add_exchange(reader, record, None)

    def _add_exchange(self, reader: str, record: Record, command: bytes | None) -> None:
        exchange = _Exchange(command, record.removed or _NOTHING_REMOVED, record.response, record.result)
        self.exchanges.setdefault(reader, []).append(exchange)
