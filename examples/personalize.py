"""Personalise blank cards in several readers at once: each card that comes gets the next row of a CSV file.

The log, a CSV file too, is on the disk before a card is written. After a crash start the program again: rows that are
done are not written again, and those that were begun and not finished are named as in doubt. They need a person.

    python examples/personalize.py people.csv log.csv

Without hardware: python examples/without_hardware.py personalize examples/people.csv log.csv
"""

import csv
import os
import sys
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scardffi import Context, EventKind, SCardError
from scardffi.iso7816.status_word import StatusError

FILE, SIZE = "2F10", 64  # where the holder's number and name are stored; a blank card has only bytes FF there
ERRORS = (SCardError, StatusError, OSError, ValueError)


class Log:
    """The log file: a line for each step. The last line of a row is its state."""

    def __init__(self, path):
        self.lock, self.states = threading.Lock(), {}
        if path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                self.states = {number: state for number, state, *_ in csv.reader(file)}
        self.file = path.open("a", newline="", encoding="utf-8")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def write(self, number, state, reader, text=""):
        """Write a line; return when it is on the disk."""
        with self.lock:
            csv.writer(self.file).writerow([number, state, reader, text])
            self.file.flush()
            os.fsync(self.file.fileno())
            self.states[number] = state


class Line:
    """The rows that wait for a card, and what the operator is told."""

    def __init__(self, rows, log, tell=print):
        self.log, self.tell, self.finished = log, tell, threading.Event()
        self.in_doubt = [row for row in rows if log.states.get(row["number"]) in {"begun", "in doubt"}]
        self.waiting = deque(row for row in rows if log.states.get(row["number"], "failed") == "failed")
        self.left, self.lock = len(self.waiting), threading.Lock()
        for row in self.in_doubt:
            tell(f"{row['number']} is in doubt since an earlier run: look at its card")

    def serve(self, context, reader):
        """Personalise the card in a reader."""
        try:
            row = self.waiting.popleft()
        except IndexError:
            self.tell(f"{reader}: no row waits for this card, take it out")
            return
        number, begun = row["number"], False
        value = f"{number};{row['name']}".encode().ljust(SIZE, b"\0")
        try:
            with context.attach(reader, timeout=10) as card, card.transaction():
                file = card.create_file_access().open(FILE, "r+b")
                if len(value) > SIZE or any(byte != 0xFF for byte in file.read()):
                    raise ValueError("the row is too long" if len(value) > SIZE else "the card is not blank")
                begun = True
                self.log.write(number, "begun", reader)
                file.seek(0)
                file.write(value)
                file.seek(0)
                if file.read() != value:
                    raise ValueError("the card has stored something else")
            self.log.write(number, "done", reader)
            self.tell(f"{reader}: {number} is done, take the card out")
            self.end()
        except ERRORS as error:
            self.log.write(number, "in doubt" if begun else "failed", reader, str(error))
            self.tell(f"{reader}: {number} {'is in doubt' if begun else 'waits for another card'}: {error}")
            if begun:
                self.in_doubt.append(row)
                self.end()
            else:
                self.waiting.appendleft(row)

    def end(self):
        """Count a row that needs no card any more."""
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.finished.set()


def run(rows, log, tell=print):
    """Serve cards in all readers until each row is done or in doubt; return the rows in doubt."""
    line = Line(rows, log, tell)
    if line.left == 0:
        return line.in_doubt
    with Context() as context, ThreadPoolExecutor(64) as pool, context.monitor() as monitor:

        def serve(event):
            if event.kind is EventKind.READER_ADDED:
                tell(f"{event.reader}: insert a card")
            elif event.kind is EventKind.CARD_INSERTED:
                pool.submit(line.serve, context, event.reader)

        monitor.subscribe(serve)
        line.finished.wait()
    return line.in_doubt


if __name__ == "__main__":
    with Path(sys.argv[1]).open(newline="", encoding="utf-8") as people, Log(Path(sys.argv[2])) as written:
        doubtful = run(list(csv.DictReader(people)), written)
    print("in doubt:", ", ".join(row["number"] for row in doubtful) or "none")
    sys.exit(bool(doubtful))
