"""Measure examples/fleet on this machine: the throughput of 200 readers, and what the scheduler costs for each card.

    python benchmarks/fleet_costs.py throughput   200 readers in four workers, 200 commands of 5 ms for each card
    python benchmarks/fleet_costs.py costs        10, 100 and 1 000 readers, cards that need no time

It prints one JSON object. It needs `pip install scardffi[fleet]`.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

from fleet.journal import DONE
from fleet.line import Line
from fleet.local import cluster

WORKERS = 4
SETTLE_SECONDS = 3
COMMANDS, COMMAND_SECONDS = 200, 0.005


def measured(readers: int, commands: int, command_seconds: float, seconds: float) -> dict[str, float]:
    """Run a fleet of virtual readers, and return cards a second, and each part's processor time for a card in ms."""
    settings = {"READERS": readers // WORKERS or 1, "COMMANDS": commands, "SECONDS": command_seconds}
    os.environ.update({f"FLEET_{name}": str(value) for name, value in settings.items()})
    workers = min(WORKERS, readers)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        log = stack.enter_context(Path(folder, "log").open("w+", encoding="utf-8"))
        started = cluster(folder, workers, settings["READERS"], "--job=fleet.virtual_job", log=log)
        try:
            client, scheduler = stack.enter_context(started)
        except TimeoutError:
            log.seek(0)
            print(log.read(), file=sys.stderr)  # it says why a worker did not start
            raise
        line = Line(client)
        time.sleep(SETTLE_SECONDS)  # the workers start and read their first cards
        parts = {"scheduler": [scheduler.pid], "driver": [os.getpid()], "workers": client.run(os.getpid).values()}
        before = processor_times(parts)
        done, begun = line.count(DONE), time.perf_counter()
        time.sleep(seconds)  # while it is measured
        done, took = line.count(DONE) - done, time.perf_counter() - begun
        used = {part: time_used - before[part] for part, time_used in processor_times(parts).items()}
        line.finish()
    return {"cards/s": done / took, **{f"{part} ms": 1000 * value / max(done, 1) for part, value in used.items()}}


def processor_times(parts: dict[str, Any]) -> dict[str, float]:
    """Return the processor time that the processes of each part have used, in seconds."""
    return {part: sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids) for part, pids in parts.items()}


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser("fleet_costs", description="Measure examples/fleet.")
    parser.add_argument("what", choices=("throughput", "costs"))
    parser.add_argument("--readers", type=int, nargs="+", help="the numbers of readers")
    parser.add_argument("--seconds", type=float, default=15, help="how long each number of readers is measured")
    options = parser.parse_args()
    if options.what == "throughput":
        numbers, commands, seconds = options.readers or [200], COMMANDS, COMMAND_SECONDS
    else:
        numbers, commands, seconds = options.readers or [10, 100, 1000], 1, 0.0
    print(json.dumps({number: measured(number, commands, seconds, options.seconds) for number in numbers}))


if __name__ == "__main__":
    main()
