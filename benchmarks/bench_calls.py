"""Measure attaching to a card, and asking for the state of a reader.

Runs the calls of each binding that do this on null_pcsc.c, whose functions return at once. Each binding runs in a
process of its own, the short rounds alternate, and the minimum is the result. Every attachment is ended before the
next one. A question for a state returns at once: its timeout is 0.

scardffi gives each attachment a PC/SC context of its own; a row in C does the same. Its `get_status_change` makes its
call on a thread of its own, so that Ctrl-C and the timeout can end the wait; the start of the thread is most of its
time. The row of Java is CardTerminal.isCardPresent, its only question that does not wait. pyscard's `connect` also asks
for the state of the card, and Java's does too.

Does not show: a real resource manager, which needs some hundred microseconds to connect to a card.

`python -m benchmarks.bench_calls` is the worker for the rows in Python, with the requests of workers.py.
"""

import sys
import timeit
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import build
from benchmarks.workers import Worker, null_environment

_ROUNDS: Final = 40


class _Row(NamedTuple):
    label: str
    worker: str
    request: str
    """The name of the row in requests to the worker."""


ROWS: Final = {
    "attach": {
        "c": _Row("C, in one context", "c", "attach"),
        "c-own": _Row("C, a context for each", "c", "attach-own"),
        "rust": _Row("Rust, pcsc crate, `Context::connect`", "rust", "attach"),
        "java": _Row("javax.smartcardio `CardTerminal.connect`", "java", "attach"),
        "raw": _Row("scardffi `raw.SCardConnect`", "scardffi", "attach-raw"),
        "attach": _Row("scardffi `context.attach()`", "scardffi", "attach"),
        "pyscard-scard": _Row("pyscard `scard.SCardConnect`", "pyscard", "attach-scard"),
        "pyscard-connection": _Row("pyscard `connection.connect`", "pyscard", "attach-connection"),
    },
    "status": {
        "c": _Row("C", "c", "status"),
        "rust": _Row("Rust, pcsc crate, `get_status_change`", "rust", "status"),
        "java": _Row("javax.smartcardio `isCardPresent`", "java", "status"),
        "raw": _Row("scardffi `raw.SCardGetStatusChange`", "scardffi", "status-raw"),
        "status": _Row("scardffi `get_status_change()`", "scardffi", "status"),
        "pyscard-scard": _Row("pyscard `scard.SCardGetStatusChange`", "pyscard", "status-scard"),
    },
}
"""The rows of each table, in order."""


def measure(folder: Path, seconds: float) -> dict[str, Any]:
    """Return the rows of each table, with the nanoseconds of a call, and the rows that are absent.

    Args:
        folder: the folder for the programs and the library to build.
        seconds: about how long each row is measured.
    """
    library = build.null_library(folder)
    by_path = null_environment(library)
    by_name = {"LD_LIBRARY_PATH": str(build.library_path_folder(library))}
    python = [sys.executable, "-m", __name__]
    with ExitStack() as stack:
        workers = {"c": stack.enter_context(Worker([*build.c_loop(folder), str(library)], by_path))}
        workers["scardffi"] = stack.enter_context(Worker(python, by_path))
        workers["pyscard"] = stack.enter_context(Worker(python, by_name))
        missing: dict[str, str] = {}
        for name, builder in (("rust", build.rust_loop), ("java", build.java_loop)):
            try:
                workers[name] = stack.enter_context(Worker(builder(folder), by_name))
            except build.UnavailableError as why:
                missing[name] = str(why)
        return {table: _compare(rows, workers, missing, seconds / _ROUNDS) for table, rows in ROWS.items()}


def _compare(
    rows: dict[str, _Row], workers: dict[str, Worker], missing: dict[str, str], seconds: float
) -> dict[str, Any]:
    present = {name: row for name, row in rows.items() if row.worker in workers}
    counts = {name: _count(workers[row.worker], row.request, seconds) for name, row in present.items()}
    times = dict.fromkeys(present, float("inf"))
    for _ in range(_ROUNDS):
        for name, row in present.items():
            now = workers[row.worker].calls(row.request, counts[name])
            times[name] = min(times[name], round(now, 2))
    return {
        "rows": [{"row": name, "label": row.label, "ns": times[name]} for name, row in present.items()],
        "absent": [
            {"row": name, "label": row.label, "why": missing[row.worker]}
            for name, row in rows.items()
            if row.worker in missing
        ],
    }


def _count(worker: Worker, request: str, seconds: float) -> int:
    """Warm up, and return the number of calls that take about this time."""
    count = 20
    for _ in range(8):  # as Java's compiler needs them
        now = worker.calls(request, count)
        count = max(20, int(seconds * 1e9 / now))
    return count


def _scardffi_timers() -> dict[str, timeit.Timer]:
    import scardffi
    from scardffi import raw

    context = scardffi.Context()
    (reader,) = context.list_readers()
    names = {
        "context": context, "attach": context.attach, "reader": reader, "raw": raw, "handle": context.handle,
        "shared": scardffi.ShareMode.SHARED, "any": scardffi.Protocol.ANY, "leave": scardffi.Disposition.LEAVE,
        "states": [(reader, 0)],
    }  # fmt: skip
    statements = {
        "attach": "attach(reader).detach()",
        "attach-raw": "code, card, protocol = raw.SCardConnect(handle, reader, shared, any)\n"
        "raw.SCardDisconnect(card, leave)",
        "status": "context.get_status_change([reader], 0)",
        "status-raw": "raw.SCardGetStatusChange(handle, 0, states)",
    }
    return {name: timeit.Timer(statement, globals=names) for name, statement in statements.items()}


def _pyscard_timers() -> dict[str, timeit.Timer]:
    from smartcard import scard
    from smartcard.System import readers

    context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
    (reader,) = readers()
    names = {
        "scard": scard, "context": context, "reader": str(reader),
        "connection": reader.createConnection(), "shared": scard.SCARD_SHARE_SHARED,
        "any": scard.SCARD_PROTOCOL_ANY, "leave": scard.SCARD_LEAVE_CARD, "states": [(str(reader), 0)],
    }  # fmt: skip
    statements = {
        "attach-scard": "code, card, protocol = scard.SCardConnect(context, reader, shared, any)\n"
        "scard.SCardDisconnect(card, leave)",
        "attach-connection": "connection.connect()\nconnection.disconnect()",
        "status-scard": "scard.SCardGetStatusChange(context, 0, states)",
    }
    return {name: timeit.Timer(statement, globals=names) for name, statement in statements.items()}


def _serve() -> None:
    """Read requests from the standard input, and print a line for each."""
    timers: dict[str, timeit.Timer] = {}
    for line in sys.stdin:
        row, _, _, count = line.split()
        if not timers:
            timers = _pyscard_timers() if row.endswith(("scard", "connection")) else _scardffi_timers()
        timer, number = timers[row], int(count)
        print(timer.timeit(number) / number * 1e9, flush=True)


if __name__ == "__main__":
    _serve()
