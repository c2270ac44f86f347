"""Kills a real pcscd again and again while twelve threads use it, and prints what they met as one JSON object.

Arguments: a folder for files, the number of kills. After each kill the threads recover as docs/recovery.md
says.
"""

import contextlib
import gc
import json
import random
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from conformance.codes import FEATURES
from conformance.services import PcscdService
from support.commands import ANSWER_4, READ_4

from scardffi import (
    CommunicationError,
    Context,
    NoServiceError,
    SCardError,
    SCardManage,
    SCardTimeoutError,
    Script,
    ScriptError,
    UnknownReaderError,
    constants,
)

VENDOR_NAME = 0x00010100
SCRIPT = Script([READ_4] * 50)
ALIVE_SECONDS = 0.02, 0.1

endings: Counter[str] = Counter()
codes: Counter[str] = Counter()
completed: Counter[str] = Counter()
unexpected: list[str] = []
kept: Counter[str] = Counter()
"""Replies of the only user of reader 0, and scripts that were cut short."""


class Storm:
    """The state that the threads share."""

    def __init__(self, service: PcscdService) -> None:
        self.place = service.place
        self.runs = threading.Event()  # set while the daemon can be used
        self.starts = 0
        self.is_over = False

    def recover(self) -> bool:
        """Wait until the daemon runs again; return False if the storm is over."""
        self.runs.wait()
        return not self.is_over


def note(error: SCardError, storm: Storm, starts: int) -> None:
    """Count an error of a call that began after so many starts of the daemon.

    All must be of two classes; that of a command is the cause of the script's. A daemon that starts answers before it
    has its readers.
    """
    cause = error.__cause__ if isinstance(error, ScriptError) else error
    if isinstance(cause, UnknownReaderError) and not (storm.runs.is_set() and storm.starts == starts):
        return
    endings[type(cause).__name__] += 1
    codes[f"{getattr(cause, 'function', None)} 0x{getattr(cause, 'code', None) or 0:08X}"] += 1
    if not isinstance(cause, (NoServiceError, CommunicationError)):
        unexpected.append("".join(traceback.format_exception(error)))


def check(right: bool, what: str) -> None:
    if not right:
        unexpected.append(f"wrong: {what}")
    completed[what] += 1


def on_a_card(number: int, work: Callable[[SCardManage], None]) -> Callable[[Storm], None]:
    """Return a thread's work: attach, work until an error, attach again."""

    def run(storm: Storm) -> None:
        while storm.recover():
            starts = storm.starts
            try:
                with SCardManage(storm.place.library).attach_by_ifd(storm.place.reader(number)) as card:
                    while not storm.is_over:
                        work(card)
            except SCardError as error:
                note(error, storm, starts)

    return run


def on_one_context(work: Callable[[Context, Storm], None]) -> Callable[[Storm], None]:
    """Return a thread's work on one Context, which it keeps for the whole storm."""

    def run(storm: Storm) -> None:
        with Context(library=storm.place.library) as context:
            while not storm.is_over:
                starts = storm.starts
                try:
                    work(context, storm)
                except SCardError as error:
                    note(error, storm, starts)
                    storm.recover()

    return run


def script(card: SCardManage) -> None:
    try:
        replies = SCRIPT.run(card)
    except ScriptError as error:
        kept["cut short"] += 1
        check(error.index == len(error.replies), "index of a script")
        replies = error.replies  # type: ignore[assignment]  # they are Replies
        raise
    finally:
        check(all(bytes(one) == ANSWER_4 for one in replies), "script")
        kept["replies"] += len(replies)


def transmit_into(card: SCardManage) -> None:
    response = bytearray(6)
    check(card.transmit_into(READ_4, response) == 6 and response == ANSWER_4, "transmit_into")


def exchange(card: SCardManage) -> None:
    response = bytearray(6)
    with card.exchange(READ_4, response) as one:
        for _ in range(20):
            check(one() == 6 and response == ANSWER_4, "exchange")


def read_file(card: SCardManage) -> None:
    memory = bytearray(2000)
    check(card.read_binary_into(memory) == 2000, "read_binary_into")
    check(memory == bytes((i ^ i >> 8) & 0xFF for i in range(2000)), "the bytes of read_binary_into")


def in_a_transaction(card: SCardManage) -> None:
    with card.transaction():
        check(card.transmit(READ_4) == ANSWER_4, "transaction")


def ask_the_reader(card: SCardManage) -> None:
    card.control(FEATURES)
    check(card.get_attribute(VENDOR_NAME) != b"", "get_attribute")
    check(card.status().reader != "", "status")


def attach_and_detach(storm: Storm) -> None:
    while storm.recover():
        starts = storm.starts
        try:
            card = SCardManage(storm.place.library).attach_by_ifd(storm.place.reader(3))
            try:
                check(card.status().atr != b"", "attach")
            finally:
                card.detach()
        except SCardError as error:
            note(error, storm, starts)


def list_readers(context: Context, storm: Storm) -> None:
    readers = context.list_readers()
    check(storm.place.reader(0) in readers or not storm.runs.is_set(), "list_readers")
    context.is_valid()


def wait(context: Context, storm: Storm) -> None:
    [state] = context.get_status_change([storm.place.reader(1)])
    with contextlib.suppress(SCardTimeoutError):
        context.get_status_change([state], 1)
    completed["wait"] += 1


def wait_for_the_list(context: Context, _storm: Storm) -> None:
    with contextlib.suppress(SCardTimeoutError):
        context.get_status_change([constants.PNP_NOTIFICATION], 1)
    completed["wait for the list"] += 1


def new_context(storm: Storm) -> None:
    while storm.recover():
        starts = storm.starts
        try:
            with Context(library=storm.place.library) as context:
                check(context.list_reader_groups() != [], "Context")
        except SCardError as error:
            note(error, storm, starts)


WORK: list[Callable[[Storm], None]] = [
    on_a_card(0, script),
    on_a_card(1, lambda card: check(card.transmit(READ_4) == ANSWER_4, "transmit")),
    on_a_card(1, transmit_into),
    on_a_card(2, exchange),
    on_a_card(2, read_file),
    on_a_card(2, in_a_transaction),
    on_a_card(3, ask_the_reader),
    attach_and_detach,
    on_one_context(list_readers),
    on_one_context(wait),
    on_one_context(wait_for_the_list),
    new_context,
]


def executed(folder: Path) -> int:
    """Return the number of commands that the card in reader 0 has got."""
    return sum(" apdu-" in line for line in (folder / "ifd" / "reader-0.log").read_text().splitlines())


def rest(service: PcscdService, most: dict[str, int] | None = None) -> dict[str, int]:
    """Return what is open while nothing runs, after a use of the daemon; a context is a thread of the daemon.

    Threads may still be ending: wait for half a second, or for a longer time until nothing is more than in `most`.
    """
    with Context(library=service.place.library) as context, context.attach(service.place.reader(0)) as card:
        card.transmit(READ_4)
    gc.collect()
    deadline = time.monotonic() + (20 if most else 0.5)
    while True:
        found = {
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "threads": len(list(Path("/proc/self/task").iterdir())),
            "contexts": service.daemon.thread_count,
        }
        if time.monotonic() > deadline or (most and all(found[what] <= most[what] for what in found)):
            return found
        time.sleep(0.01)


def not_working() -> list[str]:
    """Return the kinds of work that do not go on; on a reader with transactions, one thread may keep others waiting."""
    before = completed.copy()
    deadline = time.monotonic() + 20
    while True:
        idle = [what for what in before if what != "index of a script" and completed[what] == before[what]]
        if not idle or time.monotonic() > deadline:
            return idle
        time.sleep(0.01)


def main() -> None:
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    random.seed(kills)
    service = PcscdService(folder)
    try:
        before = rest(service)
        before_storm = executed(folder)
        storm = Storm(service)
        storm.runs.set()
        threads = [threading.Thread(target=work, args=(storm,)) for work in WORK]
        for thread in threads:
            thread.start()
        for _ in range(kills):
            time.sleep(random.uniform(*ALIVE_SECONDS))
            storm.runs.clear()
            service.kill()
            service.start()
            storm.starts += 1
            storm.runs.set()
        idle = not_working()
        storm.is_over = True
        for thread in threads:
            thread.join(30)
        stuck = sum(thread.is_alive() for thread in threads)
        lost = executed(folder) - before_storm - kept["replies"]
        after = rest(service, before)
    finally:
        service.stop()
    result = {
        "kills": kills,
        "endings": endings,
        "codes": codes,
        "completed": sum(completed.values()),
        "not working again": idle,
        "unexpected": unexpected[:5],
        "stuck": stuck,
        "replies": kept["replies"],
        "cut short": kept["cut short"],
        "executed without a reply": lost,
        "before": before,
        "after": after,
    }
    sys.stdout.write(json.dumps(result) + "\n")


main()
