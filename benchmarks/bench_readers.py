"""Measure what calls cost with 10 and with 1 000 virtual readers.

Each reader has a card, and an attachment that stays open. One process measures both: in each round it measures with 10
readers, plugs in the others, and measures again. A time is the minimum of the rounds.

Most of the time of get_status_change is that of its thread; raw SCardGetStatusChange has none.

Does not show: many threads that use the readers at the same time, and pcscd, which has at most 16 readers.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from scardffi import Context, Library
from scardffi.virtual import AnsweringCard, VirtualReader, library_path

FEW: Final = 10
MANY: Final = 1000
_ROUNDS: Final = 10
_COMMAND: Final = bytes.fromhex("00B0000010")
_USED: Final = "Benchmark reader 5"


def measure(seconds: float) -> dict[str, dict[str, float]]:
    """Return the nanoseconds of each call by the number of readers; for list_readers, those for one name.

    Args:
        seconds: the approximate duration of the measurement of one call in a round.
    """
    times: dict[str, dict[str, float]] = {}
    with ExitStack() as few, Context(library=Library(library_path())) as context:
        _plug(range(FEW), context, few)
        for _ in range(_ROUNDS):
            _measure_calls(FEW, context, seconds, times)
            with ExitStack() as others:
                _plug(range(FEW, MANY), context, others)
                _measure_calls(MANY, context, seconds, times)
    return times


def _plug(numbers: range, context: Context, readers: ExitStack) -> None:
    for number in numbers:
        reader = readers.enter_context(VirtualReader(f"Benchmark reader {number}", AnsweringCard()))
        readers.enter_context(context.attach(reader.name))


def _measure_calls(count: int, context: Context, seconds: float, times: dict[str, dict[str, float]]) -> None:
    names, ask = len(context.list_readers()), context.library.SCardGetStatusChange
    with context.attach(_USED) as card:
        calls: dict[str, tuple[Callable[[], object], int]] = {
            "attach and detach": (lambda: context.attach(_USED).detach(), 1),
            "`transmit`": (lambda: card.transmit(_COMMAND), 1),
            "`get_status_change` of one reader": (lambda: context.get_status_change([_USED], 0), 1),
            "`SCardGetStatusChange` of one reader": (lambda: ask(context.handle, 0, [(_USED, 0)]), 1),
            "`list_readers`, for each name": (context.list_readers, names),
            "plug and unplug a reader": (_plug_and_unplug, 1),
        }
        for name, (call, parts) in calls.items():
            before = times.setdefault(name, {}).get(str(count), float("inf"))
            times[name][str(count)] = min(before, round(_nanoseconds(call, seconds) / parts, 2))


def _plug_and_unplug() -> None:
    with VirtualReader("Benchmark reader that comes and goes"):
        pass


def _nanoseconds(call: Callable[[], object], seconds: float) -> float:
    """Return the time of one call: the minimum of some loops, which take `seconds` together."""
    loops, calls = 5, 1
    while (taken := _loop(call, calls)) < seconds / loops:
        calls *= 2
    return min(taken, *(_loop(call, calls) for _ in range(loops - 1))) / calls * 1e9


def _loop(call: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - start
