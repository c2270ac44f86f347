"""The meaning of a trace's records, in words: names of numbers, instructions, status words, data objects and ATRs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from .. import errors
from .._printable import printable
from ..constants import Attribute, CardState, Disposition, Protocol, ReaderStateFlag, Scope, ShareMode
from ..iso7816 import Atr, Command, MalformedCommandError, MalformedTLVError, decode, meaning
from ._record import atrs

if TYPE_CHECKING:
    from enum import IntEnum, IntFlag
    from typing import Any

    from ._record import Record

SLOW: Final = 0.1
"""The seconds from which a call is slow, if nothing else is said: most commands take a card a tenth of it."""
_NUMBERS: Final[dict[str, type[IntEnum]]] = {
    "scope": Scope,
    "share_mode": ShareMode,
    "disposition": Disposition,
    "initialization": Disposition,
    "attribute": Attribute,
}
_FLAGS: Final[dict[str, type[IntFlag]]] = {
    "protocols": Protocol,
    "protocol": Protocol,
    "state": CardState,
    "current": ReaderStateFlag,
    "event": ReaderStateFlag,
}
_EVENT_COUNTER_SHIFT: Final = 16
_CONSTRUCTED: Final = 0x20
_SHOWN: Final = 64
"""The number of bytes of a command, response or value that are shown in its line."""


class Explanation(NamedTuple):
    """A record in words: its line, and more lines about what it holds."""

    seconds: float
    """When the call began, after the first one."""
    thread: int
    """The number of the thread: 1 for the first one of the trace."""
    is_slow: bool
    line: str
    notes: tuple[str, ...]


class Explainer:
    """Explains the records of a trace, one after the other.

    Args:
        slow: the seconds from which a call is slow. Waits for a change of a reader's state are never slow.
        shown: the number of bytes to show of each command, response and value; None for all.
    """

    def __init__(self, slow: float = SLOW, *, shown: int | None = _SHOWN) -> None:
        self._slow_ns = slow * 1e9
        self._shown = shown
        self._begin: int | None = None
        self.threads: dict[tuple[int, int], int] = {}
        """The numbers of the threads, by process and thread."""
        self._atrs: set[str] = set()

    def explain(self, record: Record) -> Explanation:
        """Return a record in words. An ATR is explained where it comes first."""
        if self._begin is None:
            self._begin = record.time_ns
        thread = self.threads.setdefault((record.process, record.thread), len(self.threads) + 1)
        is_slow = record.function != "SCardGetStatusChange" and record.duration_ns >= self._slow_ns
        seconds = (record.time_ns - self._begin) / 1e9
        notes = (*_code_notes(record), *_data_notes(record), *self._atr_notes(record))
        return Explanation(seconds, thread, is_slow, printable(self._line(record)), tuple(map(printable, notes)))

    def _line(self, record: Record) -> str:
        parts = [record.function]
        if record.command is not None:
            parts.append(self._exchange(record))
        else:
            parts += [f"{name}={self._value(name, value)}" for name, value in record.arguments.items()]
        if record.result != 0:
            parts.append(errors.lookup(record.result, record.function).name)
        return " ".join(parts)

    def _exchange(self, record: Record) -> str:
        fields = record.as_dict()
        command = f"{_instruction(record.command or b'')} {self._cut(fields['command'])}"
        if record.response is None:
            return command
        data, sw = record.response[:-2], record.response[-2:]
        answer = " ".join(part for part in (self._cut(data.hex().upper()), sw.hex().upper()) if part)
        said = f" ({meaning(int.from_bytes(sw))})" if len(sw) == 2 else " (no status word)"
        return f"{command} -> {answer}{said}"

    def _cut(self, digits: str) -> str:
        if self._shown is None or len(digits) <= 2 * self._shown:
            return digits
        return f"{digits[: 2 * self._shown]}... ({len(digits) // 2} bytes)"

    def _value(self, name: str, value: Any) -> str:
        """Return an argument or result with the names of its numbers."""
        if name == "states" and isinstance(value, list):
            return f"[{', '.join(self._state(one) for one in value)}]"
        if name in _NUMBERS and isinstance(value, int):
            names = _NUMBERS[name]
            return names(value).name if value in names.__members__.values() else f"0x{value:X}"
        if name in _FLAGS and isinstance(value, int):
            return flag_names(_FLAGS[name], value)
        if isinstance(value, int):
            return f"0x{value:X}" if name in {"context", "handle", "control_code"} else str(value)
        if isinstance(value, str) and name in {"command", "response", "value", "atr"}:
            return self._cut(value)
        return repr(value)

    def _state(self, state: Any) -> str:
        if not isinstance(state, dict):
            return repr(state)
        parts = [repr(state.get("reader"))]
        for name in ("current", "event"):
            if isinstance(value := state.get(name), int):
                counter = f" counter={value >> _EVENT_COUNTER_SHIFT}" * (value > 0xFFFF)
                parts.append(f"{name}={flag_names(ReaderStateFlag, value & 0xFFFF)}{counter}")
        return f"{{{' '.join(parts)}}}"

    def _atr_notes(self, record: Record) -> list[str]:
        notes: list[str] = []
        for _, digits in atrs(record):
            if digits not in self._atrs:
                self._atrs.add(digits)
                notes += [f"ATR {digits}", *(f"  {line}" for line in _atr_lines(digits))]
        return notes


def flag_names(flags: type[IntFlag], value: int) -> str:
    """Return the names of the flags in a number, with | between them; bits without a name stay a number."""
    known = [flag for flag in flags if flag and flag & value == flag and flag & (flag - 1) == 0]
    rest = value & ~sum(known)
    names = [str(flag.name) for flag in known] + [f"0x{rest:X}"] * bool(rest)
    return "|".join(names) or "0"


def _instruction(command: bytes) -> str:
    """Return the name of a command's instruction."""
    if len(command) < 4:
        return "not an APDU:"
    return Command(command[0], command[1]).name


def _code_notes(record: Record) -> list[str]:
    """Return what a return code means, and what to do."""
    if record.result == 0:
        return []
    known = errors.lookup(record.result, record.function)
    return [f"{known.meaning}. {known.remedy}"]


def _data_notes(record: Record) -> list[str]:
    """Return the data objects in the data of a command and its response."""
    if record.command is None or len(record.command) < 4:
        return []
    notes: list[str] = []
    if record.removed is None:
        try:
            sent = bytes(Command.decode(record.command).data)
        except MalformedCommandError:
            sent = b""
        notes += _tree("sent:", sent, record.command[1])
    if record.response is not None:
        notes += _tree("received:", record.response[:-2], record.command[1])
    return notes


def _tree(title: str, data: bytes, ins: int) -> list[str]:
    lines = _tree_lines(data, bool(ins & 1))
    return [title, *lines] if lines else []


@lru_cache(1024)
def _tree_lines(data: bytes, is_odd: bool) -> list[str]:
    """Return data objects as a tree, or nothing if the data seems to be something else.

    The data of odd instructions are data objects (ISO/IEC 7816-4, 5.5); other data may look like some by chance, so
    their first object must hold others.
    """
    if len(data) < 2 or not (is_odd or data[0] & _CONSTRUCTED):
        return []
    try:
        return [f"  {line}" for line in decode(data).tree().splitlines()]
    except MalformedTLVError:
        return []


def _atr_lines(digits: str) -> list[str]:
    try:
        return Atr(bytes.fromhex(digits), lenient=True).describe().splitlines()
    except ValueError:
        return ["not an ATR"]
