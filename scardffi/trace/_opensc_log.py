"""The records in what OpenSC writes if ``OPENSC_DEBUG`` is 9: each command with its response, and the card's ATR."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ..constants import ReturnCode
from ._record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINE: Final = re.compile(
    r"(?:P:(?P<process>\d+); T:)?(?P<thread>0x[0-9a-fA-F]+|\d+) "
    r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)\.(?P<fraction>\d{3,6}) \[[^]]*\] [\w.-]+:\d+:\w+: ?(?P<text>.*)$"
)
_READER: Final = re.compile(r"reader '(.*)'$")
_ATR: Final = re.compile(r"ATR +: ((?:[0-9a-fA-F]{2}:)*[0-9a-fA-F]{2})$")
_FAILED: Final = re.compile(r"SCardTransmit(?:/Control)? failed: 0x([0-9a-fA-F]{8})")
_APDU: Final = re.compile(r"(Outgoing|Incoming) APDU(?: data)? [\[(] *(\d+) bytes[\])]:?")
_BYTES_IN_LINE: Final = 16


def is_line(line: str) -> bool:
    """Return True if the line is one of OpenSC's."""
    return _LINE.match(line) is not None


def records(lines: Iterable[str]) -> Iterator[Record]:
    """Yield the records of the log. The times are those since midnight.

    A command whose response is not in the log has the return code that the log says, else SCARD_F_UNKNOWN_ERROR.
    """
    log = _Log()
    for line in lines:
        yield from log.add(line)
    yield from log.end_command(None)


class _Log:
    """The state of a log that is read: the lines before the present one."""

    def __init__(self) -> None:
        self._process = self._thread = self._time_ns = 0
        self._reader = ""
        self._atrs: dict[str, str] = {}
        self._apdu: tuple[str, int, bytearray] | None = None
        self._command: Record | None = None
        self._failure: int = ReturnCode.SCARD_F_UNKNOWN_ERROR

    def add(self, line: str) -> Iterator[Record]:
        """Yield the records that end with a line."""
        if self._apdu is not None:
            yield from self._add_bytes(line, *self._apdu)
        elif begun := _APDU.match(line):
            self._apdu = begun[1], int(begun[2]), bytearray()
        elif found := _LINE.match(line):
            yield from self._add_line(found)

    def _add_line(self, found: re.Match[str]) -> Iterator[Record]:
        self._process, self._thread = int(found["process"] or 0), int(found["thread"], 0)
        seconds = (int(found["hour"]) * 60 + int(found["minute"])) * 60 + int(found["second"])
        self._time_ns = seconds * 10**9 + int(found["fraction"].ljust(9, "0"))
        if named := _READER.search(found["text"]):
            self._reader = named[1]
        elif failed := _FAILED.search(found["text"]):
            self._failure = int(failed[1], 16)
        elif (atr := _ATR.search(found["text"])) and self._atrs.get(self._reader) != atr[1]:
            self._atrs[self._reader] = atr[1]
            digits = atr[1].replace(":", "").upper()
            yield self._record("SCardStatus", {"reader": self._reader, "atr": digits})

    def _add_bytes(self, line: str, direction: str, size: int, found: bytearray) -> Iterator[Record]:
        """Add a line of an APDU's bytes; each has up to 16, and then the same bytes as text."""
        digits = line[: 3 * min(_BYTES_IN_LINE, size - len(found))]
        try:
            found += bytes.fromhex(digits)
        except ValueError:
            self._apdu = None  # OpenSC has written something else there, such as that the bytes are secret
            return
        if len(found) < size and digits:
            return
        self._apdu = None
        if direction == "Incoming":
            yield from self.end_command(bytes(found))
        else:
            yield from self.end_command(None)
            self._command = self._record("SCardTransmit", {"reader": self._reader}, bytes(found))

    def end_command(self, response: bytes | None) -> Iterator[Record]:
        """Yield the command that waits for its response, if there is one."""
        command, self._command = self._command, None
        if command is not None:
            result = self._failure if response is None else 0
            taken = max(self._time_ns - command.time_ns, 0)
            yield command._replace(response=response, result=result, duration_ns=taken)
        self._failure = ReturnCode.SCARD_F_UNKNOWN_ERROR

    def _record(self, function: str, arguments: dict[str, str], command: bytes | None = None) -> Record:
        return Record(function, 0, self._time_ns, 0, self._process, self._thread, arguments, command)
