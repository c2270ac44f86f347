"""The records in a log of pcsc-spy: the lines that its library writes, and what the program pcsc-spy prints of them.

The library writes one line for each argument and result, in a fixed order for each function. The program prints the
same values with names, and instead of the times how long each call took.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ._record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LAYOUTS: Final = {
    "SCardEstablishContext": "scope > context",
    "SCardReleaseContext": "context",
    "SCardIsValidContext": "context",
    "SCardCancel": "context",
    "SCardListReaders": "context - > length readers:names",
    "SCardListReaderGroups": "context - > length groups:names",
    "SCardFreeMemory": "context -",
    "SCardConnect": "context reader:text share_mode protocols - - > handle protocol",
    "SCardReconnect": "handle share_mode protocols initialization > protocol",
    "SCardDisconnect": "handle disposition",
    "SCardBeginTransaction": "handle",
    "SCardEndTransaction": "handle disposition",
    "SCardStatus": "handle - - > - reader:text state protocol - atr:bytes",
    "SCardTransmit": "handle protocol - - command:bytes > - - received response:bytes",
    "SCardControl": "handle control_code - command:bytes > received response:bytes",
    "SCardGetAttrib": "handle attribute > length value:bytes",
    "SCardSetAttrib": "handle attribute - value:bytes",
}
"""The arguments of each function and, after ">", its results; "-" is left out. SCardGetStatusChange is apart."""
_STATE_LINES: Final = 5

_RAW_BEGIN: Final = re.compile(r"([0-9A-Fa-f]+)@>\|(\d+)\|(\d+)\|(SCard\w+)\s*$")
_RAW_END: Final = re.compile(r"([0-9A-Fa-f]+)@<\|(\d+)\|(\d+)\|(SCard\w+)\|.*\|0x([0-9A-Fa-f]{8})\s*$")
_COLOR: Final = re.compile(r"\x1b\[[0-9;]*m")
_SHOWN_BEGIN: Final = re.compile(r"( *(?:\(t\d+\) )?)(SCard?\w+)$")
_SHOWN_END: Final = re.compile(r" => .*\[0x([0-9A-Fa-f]{8})\]\) *\[(?:(\d+)\.(\d{6})|\?\?\.\?\?)\]$")
_SHOWN_VALUE: Final = re.compile(
    r" [io]  ?(?:([0-9A-F]{4}) ((?:[0-9A-F]{2} ){1,16})|(NULL)$|([\w.]+(?: length)?:?) ?(.*)$)"
)
_HEXADECIMAL: Final = re.compile(r"0x([0-9A-Fa-f]+)")
_DECIMAL: Final = re.compile(r"\d+$")


class _Call(NamedTuple):
    """A call whose values are collected."""

    function: str
    time_ns: int
    values: list[str]


def is_raw(line: str) -> bool:
    """Return True if the line begins a call in what pcsc-spy's library writes."""
    return _RAW_BEGIN.match(line) is not None


def is_shown(line: str) -> bool:
    """Return True if the line begins a call in what the program pcsc-spy prints."""
    return _SHOWN_BEGIN.match(_COLOR.sub("", line)) is not None


def raw_records(lines: Iterable[str]) -> Iterator[Record]:
    """Yield the records of what pcsc-spy's library writes. Its log does not say the process: it is 0."""
    calls: dict[str, _Call] = {}
    for line in lines:
        thread, _, value = line.partition("@")
        if begun := _RAW_BEGIN.match(line):
            calls[thread] = _Call(begun[4], _nanoseconds(begun[2], begun[3]), [])
        elif (ended := _RAW_END.match(line)) and thread in calls:
            call = calls.pop(thread)
            taken = _nanoseconds(ended[2], ended[3]) - call.time_ns
            yield _record(call, int(ended[5], 16), taken, int(thread, 16))
        elif thread in calls:
            calls[thread].values.append(value)


def shown_records(lines: Iterable[str]) -> Iterator[Record]:
    """Yield the records of what the program pcsc-spy prints: it indents the calls of each thread.

    The first call begins at the time 0, and each of the others when the one before it has returned.
    """
    calls: dict[str, _Call] = {}
    threads: dict[str, int] = {}
    time_ns = 0
    for line in lines:
        text = _COLOR.sub("", line)
        if begun := _SHOWN_BEGIN.match(text):
            function = "SCardControl" if begun[2] == "SCarControl" else begun[2]  # how the program spells it
            calls[begun[1]] = _Call(function, time_ns, [])
            continue
        indent = max((one for one in calls if text.startswith(one)), key=len, default=None)
        if indent is None:
            continue
        if ended := _SHOWN_END.match(text, len(indent)):
            taken = _nanoseconds(ended[2] or "0", ended[3] or "0")
            time_ns += taken
            yield _record(calls.pop(indent), int(ended[1], 16), taken, threads.setdefault(indent, len(threads) + 1))
        elif found := _SHOWN_VALUE.match(text, len(indent)):
            _add_shown(calls[indent].values, found)


def _add_shown(values: list[str], found: re.Match[str]) -> None:
    """Add a value that the program printed; the bytes of a buffer follow its name, 16 in a line."""
    offset, digits, null, name, value = found.groups()
    if (offset is not None or null is not None) and values:
        values[-1] += digits or ""
    elif name is not None:
        values.append(value)


def _nanoseconds(seconds: str, microseconds: str) -> int:
    return int(seconds) * 10**9 + int(microseconds) * 1000


def _record(call: _Call, result: int, taken: int, thread: int) -> Record:
    """Return the record of a call; a result that is not there is left out."""
    if call.function == "SCardGetStatusChange":
        found = _status_change(call.values)
    else:
        found = _fields(_LAYOUTS.get(call.function, ""), call.values, is_success=result == 0)
    command = response = None
    if call.function == "SCardTransmit":
        command, response = (
            None if text is None else bytes.fromhex(text)
            for text in (found.pop("command", None), found.pop("response", None))
        )
    return Record(call.function, result, call.time_ns, taken, 0, thread, found, command, response)


def _fields(layout: str, values: list[str], *, is_success: bool) -> dict[str, Any]:
    arguments, _, results = layout.partition(" > ")
    names = arguments.split()
    if is_success:
        names += results.split()
    found: dict[str, Any] = {}
    for place, field in enumerate(names):
        name, _, kind = field.partition(":")
        if kind == "names":
            found[name] = [value for value in values[place:] if value not in {"", "NULL"}]
        elif name != "-" and place < len(values):
            value = _value(kind, values[place])
            if value is not None:
                found[name] = value
    return found


def _value(kind: str, text: str) -> int | str | None:
    """Return a number, a name, or bytes in hexadecimal; None if there is none."""
    if kind == "text":
        return text
    if kind == "bytes":
        digits = text.replace(" ", "")
        return digits.upper() if len(digits) % 2 == 0 and re.fullmatch("[0-9A-Fa-f]+", digits) else None
    if found := _HEXADECIMAL.search(text):
        return int(found[1], 16)
    return int(text) if _DECIMAL.match(text) else None


def _status_change(values: list[str]) -> dict[str, Any]:
    """Return the arguments of SCardGetStatusChange: its states come twice, as they were before and after the call."""
    found = _fields("context timeout count", values, is_success=True)
    count = found.pop("count", 0)
    after = values[3 + count * _STATE_LINES :]
    states = []
    for place in range(0, min(len(after), count * _STATE_LINES), _STATE_LINES):
        state = _fields("reader:text current event - atr:bytes", after[place : place + _STATE_LINES], is_success=True)
        states.append({name: value for name, value in state.items() if value})
    return {**found, "states": [{"reader": None, "current": 0, "event": 0, **state} for state in states]}
