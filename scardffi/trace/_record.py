"""The record of one call in a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .._field_docs import field_docs

if TYPE_CHECKING:
    from collections.abc import Iterator

_ATR_ATTRIBUTE: Final = 0x00090303


@field_docs(
    function='The name of the PC/SC function, such as "SCardTransmit".',
    result="The function's return code, as an unsigned 32-bit number.",
    time_ns="When the call began, in nanoseconds since 1970.",
    duration_ns="How long the call took, in nanoseconds.",
    process="The number of the process.",
    thread="The number of the thread.",
    arguments="The other arguments and results, by name: numbers, names, and bytes in hexadecimal.",
    command="The command APDU of SCardTransmit; None for other functions. Removed bytes are 0.",
    response="The response APDU; None if there is none.",
    removed="Where bytes of the command were removed because they are secret: (start, length), or None.",
)
class Record(NamedTuple):
    """One call of a PC/SC function."""

    function: str
    result: int
    time_ns: int
    duration_ns: int
    process: int
    thread: int
    arguments: dict[str, Any]
    command: bytes | None = None
    response: bytes | None = None
    removed: tuple[int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the record in types that JSON has; removed bytes of the command are ``**``."""
        fields = {**self._asdict(), **self.arguments}
        del fields["arguments"]
        for name in ("command", "response"):
            if (value := getattr(self, name)) is not None:
                fields[name] = value.hex().upper()
        if self.removed is not None:
            start, length = (2 * number for number in self.removed)
            text = fields["command"]
            fields["command"] = f"{text[:start]}{'*' * length}{text[start + length :]}"
        return {name: value for name, value in fields.items() if value is not None and name != "removed"}


def atrs(record: Record) -> Iterator[tuple[str | None, str]]:
    """Yield the ATRs in a record, in hexadecimal, each with its reader; None for the reader of the record's handle."""
    arguments = record.arguments
    found = [(None, arguments.get("atr"))]
    if record.function == "SCardGetAttrib" and arguments.get("attribute") == _ATR_ATTRIBUTE:
        found += [(None, arguments.get("value"))]
    if isinstance(states := arguments.get("states"), list):
        found += [(one.get("reader"), one.get("atr")) for one in states if isinstance(one, dict)]
    for reader, atr in found:
        if isinstance(atr, str) and atr:
            yield reader, atr
