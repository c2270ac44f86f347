"""The readers of one worker, loaded by `dask worker --preload fleet.host`: they become the worker's resources."""

import importlib
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import click
from distributed import get_worker
from distributed.utils import sync

from scardffi import Context, EventKind, ShareMode

from .journal import DONE, IN_DOUBT, Journal, read

TOPIC = "fleet"


@click.command()
@click.option("--job", required=True, help="The module that knows the cards: identify, steps, perhaps start and eject.")
@click.option("--journal", required=True, help="The file of this host's journal.")
@click.option("--host-name", required=True, help="This host's name in journals and reports.")
@click.option("--readers", default="", help="A regular expression: the readers of this worker; by default all.")
@click.option("--limit", default=60.0, help="Seconds that a card may take; then its reader is set aside.")
def dask_setup(worker, **options):
    """Make a worker's readers its resources, and tell the driver of each card."""
    try:
        worker.fleet = Host(worker, **options)
    except Exception as error:  # Dask would log it and go on without readers
        raise SystemExit(f"fleet: {error}") from error


def resource(host, reader):
    """Return the name of a reader as a worker's resource: two hosts may have readers of one name."""
    return f"{host}: {reader}"


def write(reader, identity):
    """Write the card in a reader: the task that runs where the reader is."""
    get_worker().fleet.write(reader, identity)


class Host:
    """The readers of this worker process; the arguments are the options above."""

    def __init__(self, worker, job, journal, host_name, readers, limit):
        self._worker, self._name, self._path, self._limit = worker, host_name, journal, limit
        self._fits, self._job = re.compile(readers).search, importlib.import_module(job)
        getattr(self._job, "start", lambda _: None)(worker.name)
        sys.setswitchinterval(0.0005)  # s: a thread whose commands have ended waits at most so long for another one
        self._journal, self._context = Journal(journal, host_name), Context()
        self._busy, self._present = set(), {}  # the readers that are used, with card and begin; by reader: the card
        self._pool = ThreadPoolExecutor(worker.state.nthreads, "identify")
        readers = {resource(host_name, reader): 1 for reader in self._context.list_readers() if self._fits(reader)}
        worker.state.total_resources.update(readers)  # before the worker registers with the scheduler, which then
        worker.state.available_resources.update(readers)  # sends it the tasks that the process before this one has left
        threading.Thread(target=self._watch, daemon=True).start()
        threading.Thread(target=self._look_for_stuck_readers, daemon=True).start()

    def known(self):
        """Return the names of host and worker, the path and the rows of the journal, and the cards in the readers."""
        return self._name, self._worker.name, self._path, read(self._path), dict(self._present)

    def _tell(self, reader, **message):
        place = reader, self._name, self._worker.name
        self._worker.log_event(TOPIC, [place, message])  # a list: to a dictionary the scheduler would add its own keys

    def _watch(self):
        with self._context.monitor() as monitor:
            for event in monitor:
                if event.kind is EventKind.CARD_REMOVED:
                    self._present.pop(event.reader, None)
                elif event.kind is EventKind.CARD_INSERTED and self._fits(event.reader):
                    self._pool.submit(self._identify, event.reader)
                elif event.kind is EventKind.READER_ADDED and self._fits(event.reader):
                    name = resource(self._name, event.reader)
                    if name not in self._worker.state.total_resources:
                        sync(self._worker.loop, self._worker.set_resources, **{name: 1})

    def _identify(self, reader):
        self._busy.add(use := (reader, "", time.monotonic()))
        try:
            with self._context.attach(reader) as card:
                self._present[reader] = identity = self._job.identify(card)
            message = {"card": identity}
        except Exception as error:  # noqa: BLE001  the job is the user's; the other readers go on
            message = {"aside": str(error)}
        finally:
            self._busy.discard(use)
        self._tell(reader, **message)

    def _look_for_stuck_readers(self):
        while True:
            time.sleep(min(1, self._limit / 4))  # PC/SC does not say that a call is stuck
            for reader, identity, begun in list(self._busy):
                if time.monotonic() - begun > self._limit:
                    self._busy.discard((reader, identity, begun))
                    self._tell(reader, card=identity, aside=f"no answer for {self._limit:g} s")

    def write(self, reader, identity):
        """Write the card in a reader, and tell the driver what became of it."""
        self._busy.add(use := (reader, identity, begun := time.monotonic()))
        try:
            self._write(reader, identity)
            became, note, eject = DONE, "", getattr(self._job, "eject", None)
        except Exception as error:  # noqa: BLE001  the job is the user's; the journal says how far the card came
            became, note, eject = self._journal.state(identity), str(error), None  # another card may be in the reader
        finally:
            self._busy.discard(use)
        self._tell(reader, card=identity, state=became, note=note, seconds=time.monotonic() - begun)
        if eject is not None:
            eject(reader)

    def _write(self, reader, identity):
        with self._context.attach(reader, ShareMode.EXCLUSIVE) as card:
            if (found := self._job.identify(card)) != identity:
                raise ValueError(f"another card is in the reader: {found}")
            steps = self._job.steps(identity)
            for number, (step, script) in enumerate(steps, 1):
                if self._journal.begin(identity, step, reader, is_last=number == len(steps)):
                    script.run(card)
                    self._journal.commit(identity, step)
                elif self._journal.state(identity, step) == IN_DOUBT:
                    raise RuntimeError(f"the step {step!r} was begun before, and not committed")
