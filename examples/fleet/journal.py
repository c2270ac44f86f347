"""The journal of one host: a row for each card and step, on the disk before the first command of the step is sent."""

import queue
import sqlite3
import threading
import time
from collections import namedtuple
from concurrent.futures import Future
from contextlib import closing, suppress

# The states of a card. UNFINISHED: some steps are committed, and the others were not begun.
STATES = WRITING, DONE, IN_DOUBT, NOT_BEGUN, UNFINISHED = "writing", "done", "in doubt", "not begun", "unfinished"
# A step of a card. The times are seconds since 1970; `committed` is None until the step has ended well.
Row = namedtuple("Row", "card step is_last host reader begun committed", defaults=[None])


def read(path, card=None):
    """Return the rows of a journal, which may be in use, or those of one card."""
    with closing(sqlite3.connect(path, timeout=60)) as database:
        return [Row(*row) for row in database.execute("SELECT * FROM journal WHERE ? IN (card, '')", [card or ""])]


def state(rows):
    """Return the state of a card that has these rows."""
    if any(row.committed is None for row in rows):
        return IN_DOUBT
    return DONE if any(row.is_last for row in rows) else UNFINISHED if rows else NOT_BEGUN


class Journal:
    """The journal at a path, for all threads of this process; other processes may use the same file.

    One thread writes. Steps that arrive while it waits for the disk become one transaction.
    """

    def __init__(self, path, host):
        self._path, self._host, self._asked = path, host, queue.SimpleQueue()
        database = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        with suppress(sqlite3.OperationalError):  # another process changes it now: then SQLite does not wait
            database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")  # COMMIT returns when the rows are on the disk
        database.execute(f"CREATE TABLE IF NOT EXISTS journal ({','.join(Row._fields)}, PRIMARY KEY (card, step))")
        threading.Thread(target=self._write, args=[database], name="journal", daemon=True).start()

    def begin(self, card, step, reader, *, is_last):
        """Write that a step begins; return False, and write nothing, if it was begun before."""
        row = Row(card, step, is_last, self._host, reader, time.time())
        return bool(self._ask("INSERT INTO journal VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", row))

    def commit(self, card, step):
        """Write that a step has ended well."""
        self._ask("UPDATE journal SET committed = ? WHERE card = ? AND step = ?", (time.time(), card, step))

    def state(self, card, step=None):
        """Return the state of a card, or of one of its steps."""
        return state([row for row in read(self._path, card) if step in {None, row.step}])

    def _ask(self, statement, values):
        future = Future()
        self._asked.put((statement, values, future))
        if isinstance(result := future.result(), sqlite3.Error):
            raise result
        return result

    def _write(self, database):
        while True:
            group = [self._asked.get()]
            while not self._asked.empty():
                group.append(self._asked.get())
            try:
                with database:
                    database.execute("BEGIN IMMEDIATE")
                    results = [database.execute(statement, values).rowcount for statement, values, _ in group]
            except sqlite3.Error as error:
                results = [error] * len(group)
            for (_, _, future), result in zip(group, results, strict=True):
                future.set_result(result)
