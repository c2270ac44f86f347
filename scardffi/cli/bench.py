"""Measure how long exchanges with this reader and card take.

The command is sent many times: GET CHALLENGE for 8 bytes, or the one that you give. Only commands that read are
allowed, so that the card is not changed.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .._printable import printable
from ..iso7816.command import Command, MalformedCommandError
from ..iso7816.status_word import meaning
from ._exchanges import status_word
from ._exit_codes import ExitCode
from ._input import hexadecimal, refuse
from ._measurements import TIMES, byte_count, duration, per_second, restored, same_command, summary
from ._output import Output, warn
from ._plot import print_bars
from ._progress import progress
from ._session import add_card_options, add_library_options, opened

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable, Iterator, Sequence

    from ..manage import SCardManage

_READING: Final = {0x84, 0xA4, 0xB0, 0xB1, 0xB2, 0xB3, 0xC0, 0xCA, 0xCB}
"""GET CHALLENGE, SELECT, READ BINARY, READ RECORD, GET RESPONSE and GET DATA (ISO/IEC 7816-4:2013, clause 11)."""
_GET_DATA: Final = {(0x80, 0xCA), (0xFF, 0xCA)}
"""GET DATA of GlobalPlatform, and of PC/SC for contactless cards."""
_NOT_SHOWN: Final = (
    "A time is that of the whole call: driver, USB, reader and card are not told apart, and other programs add to it. "
    "The first exchange is not in the statistics."
)


def add_arguments(parser: ArgumentParser) -> None:
    """Add what is sent, how often, and where the result goes."""
    add_library_options(parser)
    add_card_options(parser)
    parser.add_argument(
        "--command",
        dest="apdu",
        metavar="HEX",
        default="0084000008",
        help="a command that reads (default: %(default)s)",
    )
    parser.add_argument("--lengths", metavar="N,N", help="measure the command with each of these lengths (Le)")
    parser.add_argument("--count", type=int, default=100, help="exchanges for each length (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", help="save the result as JSON")
    parser.add_argument("--compare", metavar="OLD", help="compare with a result that was saved")
    parser.add_argument("--html", metavar="PAGE", help="write a page with charts for a browser, which needs no network")


def run(options: Namespace) -> int:
    """Measure, and print the result. The code is CARD if a status word is no success."""
    if not 2 <= options.count <= 1_000_000:
        refuse(f"--count {options.count} is not allowed; give 2 to 1000000")
    commands = _commands(options.apdu, options.lengths)
    old = _saved(options.compare) if options.compare else None
    for path in filter(None, (options.output, options.html)):
        Path(path).open("a", encoding="utf-8").close()  # if it cannot be written, nothing is measured
    with opened(options) as session, session.context() as context:
        reader = session.reader(context)
        session.output.line(f"reader {printable(reader)}")
        begin = datetime.now().astimezone().isoformat(timespec="seconds")
        with session.attach(context, reader) as card, progress(len(commands) * options.count) as advance:
            rows = [_measured(card, command, options.count, session.output, advance) for command in commands]
            atr = bytes(card.atr).hex().upper()
        output = session.output
    measured = [row for row in rows if row]
    if len(measured) < len(rows):
        return ExitCode.CARD
    result: dict[str, Any] = {
        "reader": reader,
        "atr": atr,
        "time": begin,
        "timer_resolution": time.get_clock_info("perf_counter").resolution,
        "not_shown": _NOT_SHOWN,
        "results": measured,
    }
    if old:
        result["compared"] = [_change(row, old) for row in measured]
    output.value(result)
    if not output.is_json:
        _show(result, old, output)
    if options.output:
        Path(options.output).write_text(json.dumps(result) + "\n", encoding="utf-8")
    if options.html:
        from ._bench_page import page  # only this option needs it

        text = page(result, old, f"earlier run ({options.compare})")
        Path(options.html).write_text(text, encoding="utf-8")
    return ExitCode.SUCCESS


def _commands(text: str, lengths: str | None) -> list[bytes]:
    raw = hexadecimal(text, "--command")
    try:
        command = Command.decode(raw)
    except MalformedCommandError as error:
        refuse(f"--command {text}: {error}")
    is_standard = command.cla < 0x80 and command.ins in _READING
    if not is_standard and (command.cla, command.ins) not in _GET_DATA:
        refuse(f"--command {text}: it could change the card; give GET CHALLENGE, SELECT, READ or GET DATA")
    if lengths is None:
        return [raw]
    wanted = lengths.split(",")
    if not all(one.isdecimal() and 1 <= int(one) <= 65536 for one in wanted):
        refuse(f"--lengths {lengths} is not allowed; give numbers of 1 to 65536 with commas between them")
    return [bytes(replace(command, le=int(one))) for one in wanted]


def _measured(
    card: SCardManage, command: bytes, count: int, output: Output, advance: Callable[[], object]
) -> dict[str, Any] | None:
    """Return the statistics of a command; None if the card answers with an error."""
    shown = command.hex(" ").upper()
    print(f"> {shown}, {count + 1} times", file=sys.stderr if output.is_json else sys.stdout, flush=True)
    times: list[float] = []
    response = b""
    for _ in range(count + 1):
        begin = time.perf_counter_ns()
        response = card.transmit(command)
        times.append((time.perf_counter_ns() - begin) / 1e9)
        sw = status_word(response)
        if sw is None or (sw != 0x9000 and sw >> 8 != 0x61):
            warn("no status word" if sw is None else f"{shown}: {sw:04X} {meaning(sw)}")
            return None
        advance()
    length = len(response) - 2
    return {"command": command.hex().upper(), "length": length, "first": times[0], **summary(times[1:], length)}


def _saved(path: str) -> dict[str, Any]:
    try:
        result = json.loads(Path(path).read_text(encoding="utf-8"))
        return {
            **{name: str(result[name]) for name in ("reader", "atr", "time")},
            "results": [restored(row) for row in result["results"]],
        }
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        refuse(f"--compare {path}: not a result of bench: {error}")


def _change(row: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    before = same_command(row, old)
    return {"command": row["command"], "ratio": row["median"] / before["median"] if before else None}


def _show(result: dict[str, Any], old: dict[str, Any] | None, output: Output) -> None:
    rows = result["results"]
    for row in rows:
        output.line(f"\n{row['command']}: {byte_count(row['length'])} of data, {row['count']} exchanges")
        output.line("  ".join(f"{name} {duration(row[name])}" for name in TIMES))
        exchanges, data = (per_second(row[name]) for name in ("exchanges_per_second", "bytes_per_second"))
        output.line(f"{exchanges} exchanges/s, {data} bytes/s")
        print_bars([(duration(begin), count, str(count)) for begin, _, count in row["histogram"]])
    if len(rows) > 1:
        output.line("\nthroughput by length")
        print_bars(list(_throughput(rows, old)))
    if old:
        output.line()
    for change in result.get("compared", []):
        ratio = (
            "not in the earlier run"
            if change["ratio"] is None
            else f"median {change['ratio']:.2f} times the earlier one"
        )
        output.line(f"{change['command']}: {ratio}")
    output.line(f"\n{_NOT_SHOWN} The timer's resolution is {duration(result['timer_resolution'])}.")


def _throughput(rows: Sequence[dict[str, Any]], old: dict[str, Any] | None) -> Iterator[tuple[str, float, str]]:
    """Yield a bar for each command, followed by that of the earlier run."""
    for row in rows:
        for one, label in ((row, byte_count(row["length"])), (same_command(row, old), "earlier")):
            if one:
                rate = one["bytes_per_second"]
                yield label, rate, f"{per_second(rate)} bytes/s"
