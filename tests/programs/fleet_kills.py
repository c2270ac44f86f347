"""Kill the workers of examples/fleet at random moments, with cards that count what is written to them.

The cards are in this process, which is not killed; vpcd's protocol connects them to the workers' readers. Arguments: a
folder for files, the numbers of kills, workers, and readers of each worker. Prints what cards and journal say as JSON.
"""

import itertools
import json
import os
import random
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psutil
from distributed import Client
from fleet.journal import DONE, IN_DOUBT, NOT_BEGUN, UNFINISHED, read, state
from fleet.line import Line
from fleet.local import cluster
from programs import fleet_job
from support.ports import free_port

from scardffi.virtual import VpcdCard

COMMAND_SECONDS = 0.002
LOOK_SECONDS = 0.005
INSERT_AGAIN_SECONDS = 1.0
MOST_SECONDS_BEFORE_A_KILL = 0.4
SECONDS_AFTER_A_KILL = 60
COMPLETE = {fleet_job.command(step, number): 1 for step in range(2) for number in range(fleet_job.COMMANDS)}


class CountingCard:
    """A card with a serial number that counts the write commands that it gets."""

    atr = bytes.fromhex("3B80800101")

    def __init__(self) -> None:
        self.serial: bytes = next(serials).to_bytes(4, "big")
        self.writes: Counter[bytes] = Counter()

    def transmit(self, command: bytes) -> bytes:
        """Run a command."""
        if command == fleet_job.SERIAL:
            return self.serial + b"\x90\x00"
        time.sleep(COMMAND_SECONDS)
        self.writes[command] += 1
        return b"\x90\x00"

    @property
    def state(self) -> str | None:
        """What the line knows of the card."""
        known = line.cards.get(self.serial.hex())
        return None if known is None else known.state


class Robot(threading.Thread):
    """It inserts cards into a reader, one after the other, until the line has said what became of each."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.must_insert_again = threading.Event()

    def run(self) -> None:
        """Insert cards until the end."""
        while not ended.is_set():
            cards.append(card := CountingCard())
            while card.state not in {DONE, IN_DOUBT}:
                with suppress(OSError), VpcdCard(card, self.port):  # the worker may be starting
                    self.wait(card)

    def wait(self, card: CountingCard) -> None:
        """Wait until the line knows what became of a card, or the card must be inserted again."""
        self.must_insert_again.clear()
        end = time.monotonic() + INSERT_AGAIN_SECONDS
        while card.state not in {DONE, IN_DOUBT} and not self.must_insert_again.is_set():
            if time.monotonic() > end and card.state in {None, NOT_BEGUN, UNFINISHED}:
                return
            time.sleep(LOOK_SECONDS)


def kill_one(client: Client) -> None:
    """Kill a worker at a random moment, and wait until its nanny has started it again."""
    time.sleep(random.uniform(0, MOST_SECONDS_BEFORE_A_KILL))
    number = random.randrange(workers)
    (nanny,) = (one for one in psutil.Process().children() if f"--name={number}" in one.cmdline())
    (worker,) = (one for one in nanny.children() if "spawn_main" in " ".join(one.cmdline()))
    addresses = set(client.scheduler_info(n_workers=-1)["workers"])
    worker.kill()
    for robot in robots[number]:
        robot.must_insert_again.set()
    end = time.monotonic() + SECONDS_AFTER_A_KILL
    while len(now := set(client.scheduler_info(n_workers=-1)["workers"])) < workers or now == addresses:
        assert time.monotonic() < end, "the worker was not started again"
        time.sleep(0.02)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    kills, workers, readers = map(int, sys.argv[2:])
    serials, ended = itertools.count(1), threading.Event()
    cards: list[CountingCard] = []
    robots = [[Robot(free_port()) for _ in range(readers)] for _ in range(workers)]
    os.environ["FLEET_PORTS"] = json.dumps([[robot.port for robot in of_worker] for of_worker in robots])
    with (
        (folder / "log").open("w") as log,
        cluster(folder, workers, readers, "--job=programs.fleet_job", log=log) as (client, _),
    ):
        line = Line(client)
        begun = time.monotonic()
        for robot in itertools.chain.from_iterable(robots):
            robot.start()
        for _ in range(kills):
            kill_one(client)
        ended.set()
        for robot in itertools.chain.from_iterable(robots):
            robot.join(SECONDS_AFTER_A_KILL)
        line.finish()
        seconds = time.monotonic() - begun
    rows = read(folder / "journal.db")
    found: dict[str, list[str]] = {"written twice": [], "done, but not complete": [], "missed": []}
    counts: Counter[str] = Counter()
    for card in cards:
        name = card.serial.hex()
        of_card = [row for row in rows if row.card == name]
        counts[f"{state(of_card)} in the journal"] += 1
        counts[f"{card.state} in the report"] += 1
        counts["complete cards in doubt"] += card.state == IN_DOUBT and card.writes == COMPLETE
        if any(count > 1 for count in card.writes.values()):
            found["written twice"].append(name)
        if DONE in {card.state, state(of_card)} and card.writes != COMPLETE:
            found["done, but not complete"].append(name)
        if not {card.state, state(of_card)} <= {DONE, IN_DOUBT}:
            found["missed"].append(name)
    sys.stdout.write(json.dumps({**found, "counts": counts, "cards": len(cards), "seconds": seconds}) + "\n")
