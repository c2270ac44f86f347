"""Reading a trace: a file that scardffi wrote, or a log of pcsc-spy or OpenSC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import _opensc_log, _pcapng, _pcsc_spy_log, _scardtrace

if TYPE_CHECKING:
    import io
    import os
    from collections.abc import Callable, Iterable, Iterator

    from ._record import Record

_LOGS: Final[tuple[tuple[Callable[[str], bool], Callable[[Iterable[str]], Iterator[Record]]], ...]] = (
    (_pcsc_spy_log.is_raw, _pcsc_spy_log.raw_records),
    (_pcsc_spy_log.is_shown, _pcsc_spy_log.shown_records),
    (_opensc_log.is_line, _opensc_log.records),
)


def read(path: str | os.PathLike[str], *, secrets: str = "", show_secrets: bool = False) -> Iterator[Record]:
    """Yield the records of a trace, in the order in which they were written.

    The file is a trace of scardffi, or a log, which may begin with other lines:

    - of pcsc-spy: the file that its library writes, or what the program pcsc-spy prints;
    - of a program with OpenSC: what it writes if ``OPENSC_DEBUG`` is 9. This log has only the commands and the ATRs,
      and only the time of day.

    A record that is not complete, because the disk was full or its process is still writing, ends the trace.

    Args:
        path: the file.
        secrets: more commands whose data is replaced, as for :func:`record`. In a log, PINs and keys are replaced here.
        show_secrets: True to keep the PINs and keys of a log.

    Raises:
        ValueError: the file is neither a trace of scardffi nor such a log, or ``secrets`` is not valid.
        OSError: the file cannot be read.
    """
    with open(path, "rb") as file:  # noqa: PTH123  a path of any type
        yield from records(file, str(path), f"show,{secrets}" if show_secrets else secrets)


def records(file: io.BufferedReader, name: str, rules: str = "") -> Iterator[Record]:
    """Yield the records of a file; ``name`` is for errors, and ``rules`` has the form of ``SCARDFFI_TRACE_SECRETS``."""
    if _pcapng.begins(file.peek(4)):
        yield from _pcapng.records(file, name)
        return
    lines = (line.decode("utf-8", "surrogateescape").rstrip("\r\n") for line in file)
    for record in _log_records(lines, name):
        yield _without_secrets(record, rules)


def _log_records(lines: Iterator[str], name: str) -> Iterator[Record]:
    """Yield the records of a log; the first line that is one of a log tells which."""
    for line in lines:
        for is_one, records in _LOGS:
            if is_one(line):
                return records(_with_first(line, lines))
    raise ValueError(f"{name} is not a trace of scardffi, nor a log of pcsc-spy or OpenSC")


def _with_first(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _without_secrets(record: Record, rules: str) -> Record:
    """Return a record of a log with zeros in place of its secrets; what SCardControl sends may be a PIN structure."""
    if record.function == "SCardControl" and "command" in record.arguments and not rules.startswith("show,"):
        sent = record.arguments["command"]
        return record._replace(arguments={**record.arguments, "command": "*" * len(sent)})
    removed = None if record.command is None else _scardtrace.secret_part(record.command, rules)
    if removed is None or record.command is None:
        return record
    start, length = removed
    command = record.command[:start] + bytes(length) + record.command[start + length :]
    return record._replace(command=command, removed=removed)
