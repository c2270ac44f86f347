"""Moves the cards of a private pcscd at the same time, and prints what waits said of it as one JSON object.

Arguments: a folder for files, how often all cards are removed and inserted. The daemon has 16 readers. The card of the
last one stays, and is in use.
"""

import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.commands import ANSWER_4, READ_4
from support.pcscd import PrivatePcscd

from scardffi import Context, Event, ReaderState, ReaderStateFlag, SCardError

READERS = 16
MOVING = range(READERS - 1)
SECONDS = 20


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    with PrivatePcscd(folder, READERS) as daemon:
        os.environ.update(daemon.environment)
        with Context() as context:
            found = with_waits(daemon, context, rounds)
    sys.stdout.write(json.dumps(found) + "\n")


def with_waits(daemon: PrivatePcscd, context: Context, rounds: int) -> dict[str, Any]:
    names = [daemon.ifd_reader(number) for number in range(READERS)]
    first = names[0]
    of_all, of_one = Events(), Events()
    poll = Poll(context, first)
    with (
        context.attach(names[-1]) as used,
        context.monitor() as monitor,
        context.monitor([first]) as named_monitor,
    ):
        monitor.subscribe(of_all.add)
        named_monitor.subscribe(of_one.add)
        until(lambda: len(of_all.kinds) == READERS and len(of_one.kinds) == 1)
        poll.thread.start()
        start = time.perf_counter()
        for _ in range(rounds):
            for number in MOVING:
                daemon.remove_card(number)
            for number in MOVING:
                daemon.wait_for_card(names[number], present=False)
            for number in MOVING:
                daemon.insert_card(number)
            assert used.transmit(READ_4) == ANSWER_4
        poll.is_ending = True
        daemon.remove_card(0)
        daemon.wait_for_card(first, present=False)
        seconds = time.perf_counter() - start
        counts = {name: daemon.card_events(name) for name in names}
        until(lambda: all(of_all.moves(name) == counts[name] for name in names))
        until(lambda: of_one.moves(first) == counts[first])
        poll.thread.join(SECONDS)
        return {
            "seconds": round(seconds, 1),
            "moves": sum(counts.values()),
            "wrong counts of all": {name: of_all.kinds[name] for name in names if of_all.moves(name) != counts[name]},
            "wrong counts of one": {} if of_one.moves(first) == counts[first] else of_one.kinds,
            "readers": [of_all.readers(), of_one.readers()],
            "get_status_change": [poll.thread.is_alive(), poll.error, sorted(poll.wrong)],
        }


class Events:
    """The events of a monitor, by reader."""

    def __init__(self) -> None:
        self.kinds: dict[str, Counter[str]] = {}

    def add(self, event: Event) -> None:
        """Count an event."""
        self.kinds.setdefault(event.reader, Counter())[event.kind.name] += 1

    def moves(self, reader: str) -> int:
        """Return how often a card was inserted or removed, without the insertion that begins a monitor."""
        return self.kinds[reader]["CARD_INSERTED"] + self.kinds[reader]["CARD_REMOVED"] - 1

    def readers(self) -> list[int]:
        """Return how many readers were added and removed."""
        of_all = sum(self.kinds.values(), Counter[str]())
        return [of_all["READER_ADDED"], of_all["READER_REMOVED"]]


class Poll:
    """Waits for changes of one reader until its card is removed and ``is_ending`` is true."""

    def __init__(self, context: Context, reader: str) -> None:
        self._context = context
        self._state = ReaderState(reader)
        self.is_ending = False
        self.error = ""
        self.wrong: set[str] = set()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not (self.is_ending and self._state.state & ReaderStateFlag.EMPTY):
            try:
                [self._state] = self._context.get_status_change([self._state], SECONDS / 2)
            except SCardError as error:
                self.error = f"{type(error).__name__}: {error}"
                return
            if not self._state.state & (ReaderStateFlag.PRESENT | ReaderStateFlag.EMPTY):
                self.wrong.add(str(self._state))


def until(condition: Callable[[], bool]) -> None:
    """Wait until the condition is true, or the time is over."""
    deadline = time.monotonic() + SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


main()
