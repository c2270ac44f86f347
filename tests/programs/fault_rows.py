"""Runs rows of faults/table.py in one place, and prints what it saw in each as one JSON object.

Arguments: the place, a folder for files, the compiled csrc/counting_pcsc.c, the numbers of this part and of all parts
of the table, of how many rows of the place one is run, how often it is run, and texts: only rows with one of them in
their names are run. The name of the row that runs is the last line on stderr.
"""

import contextlib
import ctypes
import faulthandler
import gc
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conformance.places import Place
from conformance.services import PcscdService, Service, VirtualService
from faults.injection import FAULTS, CountingCard
from faults.operations import OPERATIONS, Scene
from faults.table import FUNCTIONS, RESULT, Row, of_place
from support.commands import ANSWER_4, READ_4
from support.pcscd import in_namespace

from scardffi import (
    Context,
    Library,
    ReturnCode,
    SCardManage,
    SCardTimeoutError,
    ScriptError,
    UnexpectedStateError,
    virtual,
)
from scardffi.iso7816.status_word import StatusError

HANG_SECONDS = 20.0
SETTLE_SECONDS = 5.0


class World:
    """The service of the place, and what is open in this process."""

    def __init__(self, place: str, folder: Path, counting: str) -> None:
        self.card = CountingCard()
        self.service: Service = PcscdService(folder) if place == "pcscd" else VirtualService(folder, self.card)
        self.folder = folder
        self._counting = ctypes.CDLL(counting)
        assert self._counting.forward_to(self.place.library.info().path.encode())
        for name in ("counted_contexts", "counted_handles"):
            getattr(self._counting, name).restype = ctypes.c_long
        self.fail_call: Callable[[bytes, int, int], int] = self._counting.fail_call
        self.place.library = Library(counting)

    @property
    def place(self) -> Place:
        """The place of the service."""
        return self.service.place

    def executed(self) -> int:
        """Return the number of commands that the card in the reader of the faults has got."""
        if isinstance(self.service, PcscdService):
            return sum(" apdu-" in line for line in (self.folder / "ifd" / "reader-0.log").read_text().splitlines())
        return self.card.commands

    def open_now(self) -> dict[str, int]:
        """Return the numbers of what is open in this process."""
        return {
            "handles": self._counting.counted_contexts() + self._counting.counted_handles(),
            "descriptors": len(list(Path("/proc/self/fd").iterdir())),
            "threads": len(list(Path("/proc/self/task").iterdir())),
        }

    def leaked(self, before: dict[str, int]) -> dict[str, int]:
        """Return what is open and was not before, after waiting a while for threads to end."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while True:
            gc.collect()
            more = {name: count - before[name] for name, count in self.open_now().items()}
            if all(count <= 0 for count in more.values()) or time.monotonic() > deadline:
                return {name: max(0, count) for name, count in more.items()}
            time.sleep(0.002)

    def works(self) -> None:
        """Use the card and a context as a new program would."""
        with Context(library=self.place.library) as context:
            assert self.place.reader(0) in context.list_readers()
            with context.attach(self.place.reader(0)) as card:
                assert card.transmit(READ_4) == ANSWER_4


class Calls(threading.Thread):
    """The calls of a row on a thread of their own: one, or one after the other until one fails."""

    def __init__(self, call: Callable[[], object], *, once: bool) -> None:
        super().__init__(daemon=True)
        self._call = call
        self._is_last = once
        self.error: BaseException | None = None
        self.succeeded = 0
        self.start()

    def run(self) -> None:
        """Call."""
        try:
            while True:
                is_last = self._is_last
                self._call()
                self.succeeded += 1
                if is_last:
                    return
        except BaseException as error:  # noqa: BLE001  every outcome is judged
            self.error = error

    def outcome(self) -> str:
        """Wait for the call that runs, and return what came of it."""
        self._is_last = True
        self.join(HANG_SECONDS)
        if self.is_alive():
            faulthandler.dump_traceback()
            return "hang"
        error = self.error
        if isinstance(error, ScriptError):
            error = error.__cause__ or error
        if isinstance(error, StatusError):
            return "StatusError"
        return RESULT if error is None else type(error).__name__


def run(world: World, row: Row, found: dict[str, Any]) -> None:
    """Run a row once, and add what was seen."""
    found["times"] += 1
    before, executed = world.open_now(), world.executed()
    scene = Scene(world.place)
    operation, fault = OPERATIONS[row.operation], FAULTS[row.fault](world.service)
    calls: Calls | None = None
    failures = 0
    try:
        call = operation.make(scene)
        if row.moment == "before":
            fault.begin()
            calls = Calls(call, once=True)
        elif row.moment == "during":
            calls = Calls(call, once=operation.blocks)
            time.sleep(random.uniform(0.02, 0.04))
            fault.begin()
        else:
            calls = Calls(call, once=True)
            calls.join(HANG_SECONDS)
            fault.begin()
        if fault.ends_by_itself or (fault.ends_for_waits and operation.kind == "waiting" and row.moment != "after"):
            fault.wait_a_little()
            fault.end()
        outcome = calls.outcome()
        found["seen"][outcome] += 1
        failures = calls.error is not None
        if outcome not in row.expected:
            found["wrong"].append(
                "".join(traceback.format_exception(calls.error)) if calls.error else f"{row.name}: {outcome}"
            )
        found["hangs"] += outcome == "hang"
        if fault.ends_before_closing:
            fault.end()
        close(scene, found)
        fault.end()
        if fault.counts_commands:
            found["lost answers"] += max(0, world.executed() - executed - scene.answers - failures)
    finally:
        del calls
        fault.end()
        fault.restore()
        world.works()
        for name, count in world.leaked(before).items():
            found[name] += count


def run_signals(world: World, row: Row, found: dict[str, Any]) -> None:
    """Make the calls in the main thread while signals interrupt it."""
    found["times"] += 1
    before = world.open_now()
    scene = Scene(world.place)
    if place_is_virtual(world):  # a card in Python would be interrupted too
        world.place.remove(0)
        world.place.insert(0, CountingCard.atr)
    number = signal.SIGINT if "SIGINT" in row.fault else signal.SIGTERM
    call = OPERATIONS[row.operation].make(scene)
    storm = Storm(number)
    try:
        for _ in range(3):
            outcome, error = interrupted(call, storm)
            found["seen"][outcome] += 1
            if outcome not in row.expected:
                found["wrong"].append("".join(traceback.format_exception(error)) if error else outcome)
        del error
    finally:
        storm.end()
        close(scene, found)
        world.place.restore()
        world.works()
        for name, count in world.leaked(before).items():
            found[name] += count


def place_is_virtual(world: World) -> bool:
    """Return whether the readers are in this process."""
    return world.place.name == "virtual"


class Storm:
    """A thread that sends signals to this process, about one in each half of a millisecond."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._runs = threading.Event()
        self._is_over = False
        self.raised = KeyboardInterrupt if number == signal.SIGINT else SystemExit
        self._previous = signal.signal(number, self._handle)
        self.is_armed = False
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _handle(self, _number: int, _frame: object) -> None:
        if self.is_armed:
            self.is_armed = False
            raise self.raised

    def _send(self) -> None:
        while not self._is_over:
            os.kill(os.getpid(), self._number)
            time.sleep(random.uniform(0.0001, 0.001))

    def end(self) -> None:
        """End the thread."""
        self._is_over = True
        self._thread.join()
        signal.signal(self._number, self._previous)


def interrupted(call: Callable[[], object], storm: Storm) -> tuple[str, BaseException | None]:
    """Make a call that a signal may interrupt once."""
    try:
        try:
            time.sleep(random.uniform(0, 0.001))
            storm.is_armed = True
            call()
        finally:
            storm.is_armed = False
    except BaseException as error:  # noqa: BLE001  every outcome is judged
        return type(error).__name__, error
    return RESULT, None


FORKS = 5
CHILD_SECONDS = 10


def run_forks(world: World, row: Row, found: dict[str, Any]) -> None:
    """Fork while a thread makes the calls; a child makes the call too, and is refused or needs no service."""
    found["times"] += 1
    before = world.open_now()
    scene = Scene(world.place)
    operation = OPERATIONS[row.operation]
    call = operation.make(scene)
    calls = Calls(call, once=False)
    is_refused = operation.kind in {"card", "question"}
    try:
        for _ in range(FORKS):
            time.sleep(random.uniform(0.001, 0.005))
            status = in_a_child(call if is_refused else None)
            if status != 0:
                found["wrong"].append(f"a child ended with {status}")
        outcome = calls.outcome()
        found["seen"][outcome] += 1
        found["hangs"] += outcome == "hang"
        if outcome not in row.expected:
            found["wrong"].append("".join(traceback.format_exception(calls.error)))
    finally:
        del calls
        close(scene, found)
        world.works()
        for name, count in world.leaked(before).items():
            found[name] += count


def in_a_child(call: Callable[[], object] | None) -> int:
    """Fork a child that makes the call, which must be refused; return how the child ended."""
    child = os.fork()
    if child == 0:
        signal.alarm(CHILD_SECONDS)
        status = 1
        try:
            if call is not None:
                call()
            status = 2 if call is not None else 0
        except UnexpectedStateError as error:
            status = 0 if "fork" in str(error) else 3
        except BaseException:  # noqa: BLE001  nothing else may come
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def run_exit(world: World, row: Row, found: dict[str, Any]) -> None:
    """Let an interpreter end while it makes the calls, with everything open."""
    found["times"] += 1
    place = world.place
    path = virtual.library_path() if place.name == "virtual" else "libpcsclite.so.1"
    readers = [scardffi_reader(place, number) for number in (0, 3)]
    command = [sys.executable, "-X", "dev", "-W", "error", "-W", "ignore::ResourceWarning", "-X", "faulthandler"]
    try:
        done = subprocess.run(
            [*command, str(Path(__file__).with_name("left_calling.py")), path, *readers, row.operation],
            capture_output=True, text=True, timeout=HANG_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        found["hangs"] += 1
        found["seen"]["hang"] += 1
        return
    is_right = done.returncode == 0 and done.stderr == "" and done.stdout == "left\n"
    found["seen"][RESULT if is_right else f"exit status {done.returncode}"] += 1
    if not is_right:
        found["wrong"].append(f"ended with {done.returncode}: {done.stdout}{done.stderr}")


_FILL_AND_SAVE = """
mount -t tmpfs -o size=64k none "$1" && exec "$2" -X dev -W error -X faulthandler "$3" "$1"
"""


def run_full_disk(world: World, row: Row, found: dict[str, Any]) -> None:
    """Save a card to a full file system, in another process."""
    found["times"] += 1
    folder = world.folder / "disk"
    folder.mkdir(exist_ok=True)
    program = str(Path(__file__).with_name("full_disk.py"))
    command = in_namespace(["sh", "-c", _FILL_AND_SAVE, "sh", str(folder), sys.executable, program])
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    outcome = done.stdout.strip() if done.returncode == 0 else f"exit status {done.returncode}"
    found["seen"][outcome] += 1
    if outcome not in row.expected or done.stderr:
        found["wrong"].append(done.stdout + done.stderr)


def scardffi_reader(place: Place, number: int) -> str:
    """Return the reader's name in another process, which has a virtual library of its own."""
    return f"reader {number}" if place.name == "virtual" else place.reader(number)


def run_failing(world: World, row: Row, found: dict[str, Any]) -> None:
    """Fail the first call of a function of PC/SC that the operation makes, then the second, and so on."""
    function, operation = row.fault.split()[0].encode(), OPERATIONS[row.operation]
    for number in itertools.count(1):
        before = world.open_now()
        scene = Scene(world.place)
        try:
            call = operation.make(scene)
            world.fail_call(function, number, ReturnCode.SCARD_E_NO_MEMORY)
            calls = Calls(call, once=True)
            outcome = calls.outcome()
            has_failed = world.fail_call(b"", 0, 0)
            if has_failed:
                found["times"] += 1
                found["seen"][outcome] += 1
            found["hangs"] += outcome == "hang"
            if outcome not in (row.expected if has_failed else (RESULT,)):
                error = "".join(traceback.format_exception(calls.error)) if calls.error else outcome
                found["wrong"].append(f"call {number} of {row.name}: {error}")
            del calls
        finally:
            close(scene, found)
            world.works()
            for name, count in world.leaked(before).items():
                found[name] += count
        if not has_failed:
            break
    if not found["times"]:
        found["wrong"].append(f"{row.operation} does not call {row.fault.split()[0]}")


RUNNERS: dict[str, Callable[[World, Row, dict[str, Any]], None]] = {
    "a storm of SIGINT": run_signals,
    "a storm of SIGTERM": run_signals,
    "a storm of forks": run_forks,
    "the interpreter ends": run_exit,
    "no space is left on the disk": run_full_disk,
    **{f"{name} fails": run_failing for name in FUNCTIONS},
}


def close(scene: Scene, found: dict[str, Any]) -> None:
    """Let go of everything, which never fails."""
    closing = Calls(scene.opened.close, once=True)
    outcome = closing.outcome()
    found["hangs"] += outcome == "hang"
    if outcome != RESULT:
        error = "".join(traceback.format_exception(closing.error)) if closing.error else outcome
        found["wrong"].append(f"letting go failed: {error}")


def main() -> None:
    place, folder, counting = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    part, parts, stride, times = map(int, sys.argv[4:8])
    only = sys.argv[8:]
    random.seed(times)
    world = World(place, folder, counting)
    results = {}
    try:
        warm_up(world)
        for row in of_place(place, stride)[part::parts]:
            if only and not any(text in row.name for text in only):
                continue
            sys.stderr.write(f"{row.name}\n")
            found: dict[str, Any] = dict.fromkeys(
                ("times", "lost answers", "hangs", "handles", "descriptors", "threads"), 0
            )
            found["seen"], found["wrong"] = Counter(), []
            start = time.perf_counter()
            for _ in range(times):
                try:
                    RUNNERS.get(row.fault, run)(world, row, found)
                except Exception:  # noqa: BLE001  the other rows run nevertheless
                    found["wrong"].append(traceback.format_exc())
                    break
            found["seconds"] = time.perf_counter() - start
            results[row.name] = found
    finally:
        if isinstance(world.service, PcscdService):
            world.service.stop()
    sys.stdout.write(json.dumps(results) + "\n")


def warm_up(world: World) -> None:
    """Make each operation once, so that nothing that is made at a first use counts as a leak."""
    for operation in OPERATIONS.values():
        scene = Scene(world.place)
        call = operation.make(scene)
        if not operation.blocks:
            with contextlib.suppress(
                StatusError, SCardTimeoutError
            ):  # a file that is not there, an event that never comes
                call()
        scene.opened.close()
    card = SCardManage(world.place.library).attach_by_ifd(world.place.reader(0))
    card.detach()


main()
