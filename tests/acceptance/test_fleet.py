"""examples/fleet: the journal and the cards agree whatever happens to the workers, and the readers are kept busy."""

import csv
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.alone import run_alone
from support.browser import check_page
from support.reports import report
from support.requirements import need_module

ROOT = Path(__file__).parent.parent.parent
FLEET = ROOT / "examples" / "fleet"
MOST_LINES = 500
LEAST_OF_IDEAL = 0.9
IS_LONG = os.environ.get("SCARDFFI_TEST_FLEET") == "long"
KILLS, WORKERS, READERS = (100, 4, 4) if IS_LONG else (3, 2, 3)
BUSY_READERS, BUSY_SECONDS = (200, 20) if IS_LONG else (40, 4)
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(map(str, (FLEET.parent, ROOT / "tests")))}


@pytest.fixture(autouse=True)
def _examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FLEET.parent))


def fleet(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program with these arguments."""
    need_module("distributed", "rich")
    command = [sys.executable, "-m", "fleet", *arguments]
    environment = {**os.environ, **ENVIRONMENT, "FLEET_COMMANDS": "40"}
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=180, check=False)


def test_the_fleet_is_at_most_500_lines() -> None:
    sources = [path for path in FLEET.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources) <= MOST_LINES


def test_a_step_is_begun_once_and_is_in_doubt_until_it_is_committed(tmp_path: Path) -> None:
    from fleet.journal import DONE, IN_DOUBT, NOT_BEGUN, UNFINISHED, Journal, read

    path = tmp_path / "journal.db"
    first, other = Journal(path, "here"), Journal(path, "here")
    assert first.state("A") == NOT_BEGUN
    assert first.begin("A", "keys", "Desk", is_last=False)
    assert [row.committed for row in read(path)] == [None]
    assert not other.begin("A", "keys", "Desk", is_last=False)
    assert other.state("A") == IN_DOUBT
    first.commit("A", "keys")
    assert (other.state("A"), other.state("A", "keys")) == (UNFINISHED, UNFINISHED)
    assert other.begin("A", "data", "Desk", is_last=True)
    other.commit("A", "data")
    assert first.state("A") == DONE
    assert [(row.card, row.step, row.host, row.reader) for row in read(path)] == [
        ("A", "keys", "here", "Desk"),
        ("A", "data", "here", "Desk"),
    ]


def test_of_many_threads_that_begin_a_card_one_may_write_it(tmp_path: Path) -> None:
    from fleet.journal import Journal

    journals = [Journal(tmp_path / "journal.db", "here") for _ in range(2)]
    may_write: list[bool] = []
    threads = [
        threading.Thread(target=lambda one=one: may_write.append(one.begin("A", "keys", "Desk", is_last=True)))
        for one in journals * 10
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(may_write) == [False] * 19 + [True]


def test_a_journal_that_another_process_is_making_is_opened_once_it_is_made(tmp_path: Path) -> None:
    import sqlite3

    from fleet.journal import Journal

    path = tmp_path / "journal.db"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.1, other.execute, ["COMMIT"])
    end.start()
    assert Journal(path, "here").begin("A", "keys", "Desk", is_last=True)
    end.join()
    other.close()


def test_a_journal_that_cannot_be_written_lets_no_card_be_written(tmp_path: Path) -> None:
    import sqlite3

    from fleet.journal import Journal

    journal = Journal(tmp_path / "journal.db", "here")
    with sqlite3.connect(tmp_path / "journal.db") as database:
        database.execute("DROP TABLE journal")
    database.close()
    with pytest.raises(sqlite3.Error):
        journal.begin("A", "keys", "Desk", is_last=True)


def test_the_report_of_merged_journals_names_cards_in_doubt_and_cards_begun_on_two_hosts(tmp_path: Path) -> None:
    from fleet.journal import Journal

    for host in ("north", "south"):
        journal = Journal(tmp_path / f"{host}.db", host)
        journal.begin(f"done in {host}", "keys", "Desk", is_last=True)
        journal.commit(f"done in {host}", "keys")
        journal.begin("<begun> on both", "keys", "Desk", is_last=True)
    (tmp_path / "ordered").write_text("forgotten\n")
    journals = [str(tmp_path / f"{host}.db") for host in ("north", "south")]
    done = fleet("--report", str(tmp_path), "--ordered", str(tmp_path / "ordered"), "--merge", *journals)
    assert done.returncode == 1, done.stderr
    assert "in doubt: <begun> on both (north, Desk)" in done.stdout
    assert "2 of 4 cards done" in done.stdout
    with (tmp_path / "report.csv").open(newline="", encoding="utf-8") as file:
        states = {row["card"]: row["state"] for row in csv.DictReader(file)}
    assert states == {
        "<begun> on both": "in doubt",
        "done in north": "done",
        "done in south": "done",
        "forgotten": "not begun",
    }
    text = check_page(tmp_path / "report.html", tmp_path)
    assert "Cards begun on two hosts" in text
    assert "<begun> on both" in text


def test_the_program_writes_the_cards_of_virtual_readers_and_reports_each(tmp_path: Path) -> None:
    done = fleet("--virtual", "8", "--seconds", "4", "--report", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    with (tmp_path / "report.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) > 8
    assert {row["state"] for row in rows} == {"done"}
    assert len({row["card"] for row in rows}) == len(rows)
    assert len({row["reader"] for row in rows}) == 8
    assert {row["worker"] for row in rows} == {"0", "1", "2", "3"}
    assert f"{len(rows)} of {len(rows)} cards done" in done.stdout


class Client:
    """A client of Dask with the methods that the driver calls. It has one worker, with the reader Desk."""

    def __init__(self) -> None:
        self.run: Callable[..., dict[str, Any]] = lambda *_, **__: {}
        self.hear: Callable[[Any], None] | None = None
        self.end: Callable[[Any], None] | None = None

    def subscribe_topic(self, _topic: str, hear: Callable[[Any], None]) -> None:
        """Keep what hears of cards."""
        self.hear = hear

    def submit(self, *_: object, **__: object) -> Any:
        """Return a future, and keep what is called at its end."""
        return SimpleNamespace(add_done_callback=lambda end: setattr(self, "end", end))

    def tell(self, card: str, **outcome: object) -> None:
        """Tell the driver of a card in the reader, as its worker does."""
        assert self.hear is not None
        self.hear((0.0, [["Desk", "here", "0"], {"card": card, **outcome}]))

    def fail(self, exception: Callable[[], Exception]) -> None:
        """End the last task with an exception."""
        assert self.end is not None
        self.end(SimpleNamespace(status="error", exception=exception))


def test_the_driver_can_hear_of_a_card_while_it_asks_why_a_task_has_failed() -> None:
    need_module("distributed", "rich")
    from fleet.journal import IN_DOUBT, WRITING
    from fleet.line import Line

    client = Client()
    line = Line(client)
    client.tell("A")

    def exception() -> Exception:
        # Dask gets the exception on the thread on which it also tells the driver of cards.
        thread = threading.Thread(target=client.tell, args=["B"], daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
        return ValueError("four workers have ended")

    client.fail(exception)
    assert {name: (card.state, card.note) for name, card in line.cards.items()} == {
        "A": (IN_DOUBT, "four workers have ended"),
        "B": (WRITING, ""),
    }
    assert line.aside == {("here", "Desk"): "four workers have ended"}


def test_a_card_that_cannot_be_ejected_is_done_and_its_reader_is_named() -> None:
    need_module("distributed", "rich")
    from fleet.journal import DONE
    from fleet.line import Line

    client = Client()
    line = Line(client)
    client.tell("A")
    client.tell("A", state=DONE)
    client.fail(lambda: ValueError("jammed"))
    assert line.cards["A"].state == DONE
    assert line.aside == {("here", "Desk"): "jammed"}


def test_a_driver_that_starts_believes_what_it_hears_more_than_a_journal_that_was_read_before() -> None:
    need_module("distributed", "rich")
    from fleet.journal import DONE, IN_DOUBT, WRITING, Row
    from fleet.line import Line

    client = Client()
    rows = [Row(card, "keys", True, "here", "Desk", 1.0) for card in ("written", "in doubt")]

    def run(*_: object, **__: object) -> dict[str, Any]:
        if client.hear is not None:  # of a card that is begun, and of one whose step is committed after the reading
            client.tell("begun")
            rows.append(Row("begun", "keys", True, "here", "Desk", 2.0))
            client.tell("written", state=DONE)
        return {"tcp://worker": ("here", "0", "journal.db", rows.copy(), {})}

    client.run = run
    line = Line(client)
    expected = {"written": DONE, "in doubt": IN_DOUBT, "begun": WRITING}
    assert {name: card.state for name, card in line.cards.items()} == expected


def test_a_worker_ejects_only_the_card_that_it_has_written_and_notices_each_stuck_reader() -> None:
    need_module("distributed", "rich")
    found, _ = run_alone("fleet_host", environment=ENVIRONMENT)
    assert found["ejected after the first task"] == ["Feeder"]
    assert found["ejected after the same task"] == ["Feeder"]
    assert found["told of the same task"] == ["done", "another card is in the reader: 02"]
    assert found["told of the stuck reader"] == ["03", "no answer for 0.5 s"]


def test_a_reader_that_does_not_answer_is_set_aside_and_its_card_is_in_doubt(tmp_path: Path) -> None:
    need_module("distributed", "rich")
    found, _ = run_alone("fleet_stuck", str(tmp_path), environment=ENVIRONMENT, seconds=180)
    assert found["aside"][found["stuck"]] == "no answer for 0.5 s"  # on a busy machine the other reader may be slow too
    assert found["twice"] == []


def test_after_workers_were_killed_no_card_is_written_twice_none_is_missed_and_each_in_doubt_is_named(
    tmp_path: Path,
) -> None:
    need_module("distributed", "rich")
    arguments = str(tmp_path), str(KILLS), str(WORKERS), str(READERS)
    found, _ = run_alone("fleet_kills", *arguments, environment=ENVIRONMENT, seconds=180 + 6 * KILLS)
    assert found["written twice"] == []
    assert found["done, but not complete"] == []
    assert found["missed"] == []
    counts = {"in doubt in the journal": 0, "in doubt in the report": 0, **found["counts"]}
    assert counts["done in the journal"] == counts["done in the report"]
    assert counts["in doubt in the journal"] == counts["in doubt in the report"] <= KILLS * READERS
    assert counts["done in the report"] + counts["in doubt in the report"] == found["cards"]
    report(
        f"fleet: {KILLS} kills of a worker in {found['seconds']:.0f} s, {found['cards']} cards of two steps: "
        f"{counts['done in the report']} done, {counts['in doubt in the report']} in doubt and named, of which "
        f"{counts['complete cards in doubt']} were complete; none written twice, none missed"
    )


@pytest.mark.alone
def test_the_readers_are_busy_for_nine_tenths_of_the_time() -> None:
    need_module("distributed", "rich")
    arguments = "throughput", f"--readers={BUSY_READERS}", f"--seconds={BUSY_SECONDS}"
    command = [sys.executable, str(ROOT / "benchmarks" / "fleet_costs.py"), *arguments]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout).values()
    report(
        f"fleet: {BUSY_READERS} readers in four workers, cards of 200 commands of 5 ms: {found['cards/s']:.1f}/s; "
        f"the ideal is {BUSY_READERS}; scheduler {found['scheduler ms']:.2f} ms of processor time for a card"
    )
    assert found["cards/s"] >= LEAST_OF_IDEAL * BUSY_READERS
