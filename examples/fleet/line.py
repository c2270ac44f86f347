"""The driver: it hears of each card, sends one task to the card's reader, and keeps count."""

import itertools
import threading
import time
from dataclasses import dataclass

from . import host as hosts
from .journal import DONE, IN_DOUBT, NOT_BEGUN, UNFINISHED, WRITING, state


@dataclass
class Card:
    """The outcome of a card."""

    card: str
    state: str
    host: str = ""
    worker: str = ""
    reader: str = ""
    seconds: float | None = None
    note: str = ""


class Line:
    """Writes the ordered cards, or all that appear, each once; without Dask's client it only merges journals."""

    def __init__(self, client, ordered=None, journals=()):
        self._client, self._ordered, self._journals = client, ordered and set(ordered), dict(enumerate(journals))
        self._futures, self._numbers, self._lock = {}, itertools.count(), threading.Lock()
        self._is_open, self.cards, self.twice = False, {}, []
        self.readers, self.aside = {}, {}  # by host and name: the worker; why the reader is set aside
        self._merge_journals()  # before any card is begun
        self._is_open = client is not None
        if self._is_open:
            client.subscribe_topic(hosts.TOPIC, lambda event: self._hear(*event[1][0], **event[1][1]))
            self._merge_journals()

    def finish(self, seconds=60):
        """Begin no card any more, wait until those that are being written are done, and merge the journals."""
        self._is_open, end = False, time.monotonic() + seconds
        while self.count(WRITING) and time.monotonic() < end:
            time.sleep(0.05)  # threads of Dask change the states
        self._merge_journals()
        for card in list(self.cards.values()):
            card.state = IN_DOUBT if card.state == WRITING else card.state
        for card in self._ordered or ():
            self.cards.setdefault(card, Card(card, NOT_BEGUN, note="it did not appear"))

    def count(self, state):
        """Return the number of cards in a state."""
        return sum(card.state == state for card in list(self.cards.values()))

    @property
    def is_complete(self):
        """True if each ordered card is done or in doubt."""
        settled = {card.card for card in list(self.cards.values()) if card.state in {DONE, IN_DOUBT}}
        return self._ordered is not None and self._ordered <= settled

    def _merge_journals(self):
        """Read the journals of all hosts. At the end, what they say of a card counts, whatever the driver has heard."""
        ask = self._client.run if self._client else lambda *_, **__: {}
        answers = ask(lambda dask_worker: dask_worker.fleet.known(), on_error="ignore").values()
        self._journals |= {(host, path): rows for host, _, path, rows, _ in answers}
        by_card = {}
        for row in itertools.chain.from_iterable(self._journals.values()):
            by_card.setdefault(row.card, []).append(row)
        self.twice = sorted(card for card, rows in by_card.items() if len({row.host for row in rows}) > 1)
        with self._lock:
            for name, rows in by_card.items():
                card = self.cards.setdefault(name, Card(name, "", rows[0].host, "", rows[0].reader))
                if not (self._is_open and card.worker):  # what the driver hears at its start is newer than the rows
                    card.state = state(rows)
        for host, worker, _, _, present in answers:
            for reader, card in present.items():
                self._hear(reader, host, worker, card)

    def _hear(self, reader, host, worker, card="", aside="", **outcome):
        with self._lock:
            self.readers[host, reader] = worker
            if aside:
                self.aside[host, reader], outcome = aside, {"state": IN_DOUBT, "note": aside}
            if card and outcome:
                self.cards[card] = Card(card, host=host, worker=worker, reader=reader, **outcome)
                self._futures.pop(card, None)  # if the task is not finished yet, Dask goes on with it
            elif card and self._is_open and (self._ordered is None or card in self._ordered):
                self._submit(card, host, worker, reader)

    def _submit(self, card, host, worker, reader):
        known = self.cards.get(card)
        if known is not None and known.state != NOT_BEGUN and (known.state, known.host) != (UNFINISHED, host):
            return  # it is done, in doubt or being written; only its host's journal knows what is unfinished
        self.aside.pop((host, reader), None)
        self.cards[card] = writing = Card(card, WRITING, host, worker, reader)
        key, needs = f"{card}, {next(self._numbers)}", {hosts.resource(host, reader): 1}
        self._futures[card] = future = self._client.submit(hosts.write, reader, card, key=key, resources=needs)
        future.add_done_callback(lambda future: self._end(writing, future))

    def _end(self, card, future):
        if future.status == "error":  # eject() failed; or four workers, by default, have ended during the task
            card.state, card.note = IN_DOUBT, str(future.exception())  # `_hear` puts another Card in place of this one
            self.aside[card.host, card.reader] = card.note
