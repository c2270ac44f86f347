"""Moves the cards of a private pcscd at the same time, and prints what waits said of it as one JSON object.

Arguments: a folder for files, how often all cards are removed and inserted during each kind of wait. The daemon has 16
readers. The cards of the last two stay, and that of the last one is in use. One wait at a time is tested: if several
threads of a process wait, pcscd 2.5 can make each of them wait for ever.
"""

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from support.commands import ANSWER_4, READ_4
from support.moments import until
from support.pcscd import PrivatePcscd

from scardffi import Context, Event, ReaderState, ReaderStateFlag, SCardError, SCardTimeoutError
from scardffi.constants import PNP_NOTIFICATION

READERS = 16
MOVING = range(READERS - 2)
SECONDS = 20


def main() -> None:
    folder, rounds = Path(sys.argv[1]), int(sys.argv[2])
    with PrivatePcscd(folder, READERS) as daemon:
        os.environ.update(daemon.environment)
        with Context() as context:
            found = Cards(daemon, context, rounds).with_each_wait()
    sys.stdout.write(json.dumps(found) + "\n")


class Cards:
    """The cards of the daemon, and what the waits said of them."""

    def __init__(self, daemon: PrivatePcscd, context: Context, rounds: int) -> None:
        self._daemon = daemon
        self._context = context
        self._rounds = rounds
        self._names = [daemon.ifd_reader(number) for number in range(READERS)]
        self._wrong: Counter[str] = Counter()
        self._right: Counter[str] = Counter()
        self._is_ending = False

    def with_each_wait(self) -> dict[str, Any]:
        """Move the cards during each kind of wait, and return what was wrong."""
        with self._context.attach(self._names[-1]) as used:
            for readers in (None, self._names[:1], self._names[-2:-1]):
                self._monitor(readers)
                assert used.transmit(READ_4) == ANSWER_4
            for wait in (self._wait_for_a_move, self._wait_for_a_change_of_the_list, self._wait_for_a_card):
                with self._thread(wait):
                    self._move()
                assert used.transmit(READ_4) == ANSWER_4
        return {"wrong": self._wrong, "right": self._right}

    def _move(self) -> None:
        """Remove and insert the cards several times."""
        for _ in range(self._rounds):
            for number in MOVING:
                self._daemon.remove_card(number)
            for number in MOVING:
                self._daemon.wait_for_card(self._names[number], present=False)
            for number in MOVING:
                self._daemon.insert_card(number)

    @contextmanager
    def _thread(self, target: Callable[[], None]) -> Iterator[None]:
        """Call a function on another thread meanwhile; at the end remove the card of the first reader for a moment."""
        self._is_ending = False
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        yield
        self._is_ending = True
        self._daemon.remove_card(0)
        self._daemon.wait_for_card(self._names[0], present=False)
        thread.join(SECONDS)
        self._daemon.insert_card(0)
        self._wrong[f"{target.__name__} does not end"] += thread.is_alive()

    def _monitor(self, readers: list[str] | None) -> None:
        """Move the cards under a monitor of these readers."""
        kinds: dict[str, Counter[str]] = {name: Counter() for name in readers or self._names}

        def add(event: Event) -> None:
            kinds[event.reader][event.kind.name] += 1

        before = {name: self._daemon.card_events(name) for name in kinds}
        with self._context.monitor(readers) as monitor:
            monitor.subscribe(add)
            until(lambda: all(seen["CARD_INSERTED"] == 1 for seen in kinds.values()), SECONDS)
            self._move()
            moves = {name: self._daemon.card_events(name) - before[name] for name in kinds}
            right = {
                name: Counter(READER_ADDED=1, CARD_INSERTED=1 + count // 2, CARD_REMOVED=count // 2)
                for name, count in moves.items()
            }
            with suppress(AssertionError):  # the difference is printed
                until(lambda: kinds == right, SECONDS)
        self._wrong.update(f"{name}: {seen}" for name, seen in kinds.items() if seen != right[name])
        self._right[f"moves under a monitor of {len(kinds)}"] += sum(moves.values())

    def _wait_for_a_move(self) -> None:
        state = ReaderState(self._names[0])
        while not (self._is_ending and state.state & ReaderStateFlag.EMPTY):
            try:
                [state] = self._context.get_status_change([state], SECONDS / 2)
            except SCardError as error:
                self._wrong[f"a move: {error}"] += 1
                return
            if state.state & (ReaderStateFlag.PRESENT | ReaderStateFlag.EMPTY):
                self._right["waits for a move"] += 1
            else:
                self._wrong[f"a move: {state}"] += 1

    def _wait_for_a_change_of_the_list(self) -> None:
        [known, _] = self._context.get_status_change([PNP_NOTIFICATION, self._names[-1]])
        while not self._is_ending:
            try:
                self._wrong[f"the list: {self._context.get_status_change([known], 0.2)}"] += 1
            except SCardTimeoutError:
                self._right["waits for a change of the list"] += 1

    def _wait_for_a_card(self) -> None:
        while not self._is_ending:
            try:
                self._context.wait_for_card(SECONDS / 2, reader=self._names[-1])
            except SCardError as error:
                self._wrong[f"a card: {error}"] += 1
            else:
                self._right["waits for a card"] += 1


main()
