"""Write cards in the readers of many hosts: `python -m fleet --help`."""

import argparse
import contextlib
import os
import tempfile
import time
from collections import Counter
from pathlib import Path

from distributed import Client
from rich.console import Group
from rich.live import Live
from rich.table import Table

from . import report
from .journal import DONE, IN_DOUBT, STATES, read
from .line import Line
from .local import cluster

parser = argparse.ArgumentParser("fleet", description="Write cards in the readers of many hosts.")
way = parser.add_mutually_exclusive_group(required=True)
way.add_argument("--scheduler", help="the address of Dask's scheduler, to which the hosts' workers are connected")
way.add_argument("--virtual", type=int, metavar="READERS", help="try it with virtual readers in four workers here")
way.add_argument("--merge", nargs="+", default=(), metavar="JOURNAL", help="only report what these journals say")
parser.add_argument("--ordered", type=Path, help="a file with the identities of the cards to write, one a line")
parser.add_argument("--seconds", type=float, default=1e9, help="end after this time, or when all ordered are written")
parser.add_argument("--report", type=Path, default=Path(), help="the folder for report.html and report.csv")


def table(line, begun):
    """Return a row for each worker, and what needs somebody's attention."""
    cards = list(line.cards.values())
    counts = Counter((card.host, card.worker, card.state) for card in cards)
    readers = Counter((host, worker) for (host, _), worker in list(line.readers.items()))
    shown = Table("host", "worker", "readers", *STATES, title=f"{line.count(DONE) / (time.time() - begun):.1f} cards/s")
    for place in sorted(readers, key=str):
        shown.add_row(*map(str, [*place, readers[place], *(counts[*place, state] for state in STATES)]))
    named = [f"set aside: {host}, {reader}: {why}" for (host, reader), why in list(line.aside.items())]
    named += [f"in doubt: {card.card} ({card.host}, {card.reader})" for card in cards if card.state == IN_DOUBT]
    return Group(shown, *named)


options = parser.parse_args()
ordered = options.ordered and options.ordered.read_text(encoding="utf-8").split()
with contextlib.ExitStack() as stack:
    client = None
    if options.virtual:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        each = -(-options.virtual // 4)
        os.environ["FLEET_READERS"] = str(each)
        client, _ = stack.enter_context(cluster(folder, 4, each, "--job=fleet.virtual_job"))
    elif options.scheduler:
        client = stack.enter_context(Client(options.scheduler, set_as_default=False))
    line, begun = Line(client, ordered, map(read, options.merge)), time.time()
    if client is not None:
        with contextlib.suppress(KeyboardInterrupt), Live(get_renderable=lambda: table(line, begun)):
            while not line.is_complete and time.time() - begun < options.seconds:
                time.sleep(0.2)  # rich draws the table on a thread of its own
    line.finish()
    report.write(options.report, line)
for card in line.cards.values():
    if card.state != DONE:
        print(f"{card.state}: {card.card} ({card.host}, {card.reader}) {card.note}")
print(f"{line.count(DONE)} of {len(line.cards)} cards done; {options.report / 'report.html'}")
raise SystemExit(bool(line.twice or line.count(DONE) < len(line.cards)))
