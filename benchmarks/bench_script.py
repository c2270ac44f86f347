"""Measure the time of an exchange in one run of a script.

Runs scripts of 100, 10 000 and 100 000 commands once, on null_pcsc.c, with the replies in new memory and in memory of
the caller's. The C loop writes its responses to one buffer, or, as a script does, one behind the other into memory of
the same size; at the end of the memory it begins again. Each run of a script is one pass, so its fixed cost is in the
figure. The rounds are short and alternate, and the minimum of all rounds is the result.

Does not show: packing the commands, which `Script()` does once, and reading the replies. In new memory a long script
also waits for the kernel, which clears each page; that takes most of the time of 100 000 replies.

`python -m benchmarks.bench_script` is the worker that times the scripts, with the requests of workers.py. Its capacity
is the size of the caller's memory, and its count is the number of commands of the script.
"""

import sys
import timeit
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import build
from benchmarks.exchanges import exchange
from benchmarks.workers import Worker, null_environment

LABELS: Final = {
    "c": "C loop, one buffer",
    "behind": "C loop, one response behind the other",
    "into": "scardffi `Script.run(into=)`",
    "run": "scardffi `Script.run()`",
}
"""The rows of the table and their labels, in order."""

_ROOM: Final = 65_548
"""The free memory that is required before each command."""
_EXCHANGES: Final = 10_000
"""The least number of exchanges in a round."""


class Case(NamedTuple):
    """A script that is measured."""

    commands: int
    """The number of its commands."""
    length: int
    """The length of each response in bytes."""
    rounds: int
    """The number of rounds."""

    @property
    def name(self) -> str:
        """The title of its column."""
        return f"{self.commands:,} of {self.length} bytes".replace(",", " ")


CASES: Final = (Case(100, 16, 400), Case(10_000, 16, 400), Case(100_000, 255, 120))


def measure(folder: Path) -> list[dict[str, Any]]:
    """Return an entry for each row, with the nanoseconds of an exchange by the name of the case.

    Args:
        folder: the folder for the program and the library to build.
    """
    library = build.null_library(folder)
    environment = null_environment(library)
    rows: list[dict[str, Any]] = [{"row": row, "label": label, "ns": {}} for row, label in LABELS.items()]
    with ExitStack() as stack:
        c_loop = stack.enter_context(Worker([*build.c_loop(folder), str(library)], environment))
        workers = {"c": c_loop, "behind": c_loop}
        for row in ("into", "run"):  # a process each, because what one allocates and frees would slow down the other
            workers[row] = stack.enter_context(Worker([sys.executable, "-m", __name__], environment))
        for case in CASES:
            wanted = exchange(case.length)._replace(capacity=case.commands * case.length + _ROOM)
            for row, worker in workers.items():
                if worker.answer(row, wanted) != wanted.answer:
                    raise RuntimeError(f"{LABELS[row]}: a wrong response")
            for _ in range(case.rounds):
                for entry in rows:
                    worker = workers[entry["row"]]
                    count = max(case.commands, _EXCHANGES) if worker is c_loop else case.commands
                    now = worker.nanoseconds(entry["row"], wanted, count)
                    entry["ns"][case.name] = min(entry["ns"].get(case.name, now), round(now, 3))
    return rows


def _answer(card: Any, row: str, command: bytes, capacity: int) -> bytes:
    """Run a short script, check that its replies are equal, and return one."""
    from scardffi import Script

    memory = bytearray(capacity) if row == "into" else None
    different = {bytes(reply) for reply in Script([command] * 3).run(card, into=memory)}
    if len(different) != 1:
        raise RuntimeError(f"{len(different)} different responses; all must be equal")
    return different.pop()


def _serve() -> None:
    """Read requests from the standard input, and print a line for each."""
    import scardffi

    timers: dict[str, timeit.Timer] = {}
    with scardffi.Context() as context, context.attach(context.list_readers()[0]) as card:
        for line in sys.stdin:
            row, capacity, command, count = line.split()
            if count == "0":
                print(_answer(card, row, bytes.fromhex(command), int(capacity)).hex(), flush=True)
                continue
            if line not in timers:
                script = scardffi.Script([bytes.fromhex(command)] * int(count))
                names = {"run": script.run, "card": card, "memory": bytearray(int(capacity))}
                statement = "replies = run(card, into=memory)" if row == "into" else "replies = run(card)"
                timers[line] = timeit.Timer(statement, globals=names)
            times = max(1, _EXCHANGES // int(count))
            print(timers[line].timeit(times) / (times * int(count)) * 1e9, flush=True)


if __name__ == "__main__":
    _serve()
