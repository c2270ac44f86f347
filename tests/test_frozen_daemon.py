"""While the resource manager does not answer no function of PC/SC returns: waits end in time, and leave nothing."""

import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from conftest import Place
from support.bounded import SLACK, refused
from support.commands import ANSWER_4, READ_4
from support.moments import WAITS, is_in, until, when
from support.pcscd import PrivatePcscd
from support.signals import ended_by_ctrl_c

from scardffi import (
    CancelledError,
    Context,
    Event,
    ReaderState,
    SCardManage,
    SCardTimeoutError,
    ShareMode,
    UnexpectedStateError,
    virtual,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="a private pcscd needs Linux")

Freeze = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def frozen(place: Place, request: pytest.FixtureRequest) -> Freeze:
    """The function that freezes the resource manager during a `with` statement."""
    if place.library.info().path == virtual.library_path():
        return virtual.service_frozen
    daemon: PrivatePcscd = request.getfixturevalue("daemon")
    return daemon.frozen


class Client:
    """The objects of a program, made before the daemon was frozen."""

    def __init__(self, place: Place) -> None:
        self.library, self.reader = place
        self.context = Context(library=self.library)
        self.card = self.context.attach(self.reader)
        self.monitor = self.context.monitor()
        while self.monitor.wait().reader != self.reader:
            pass
        with contextlib.suppress(SCardTimeoutError):
            while self.monitor.wait(timeout=0.02):
                pass
        self.known = self.context.get_status_change([self.reader])


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def _soon(is_true: Callable[[], bool]) -> bool:
    end = time.perf_counter() + 5
    while not is_true():
        if time.perf_counter() > end:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def client(place: Place) -> Iterator[Client]:
    """A client; afterwards everything must be closed, and the reader free."""
    files, threads = _open_files(), _threads()
    made = Client(place)
    yield made
    made.context.release()
    assert _soon(lambda: _open_files() <= files), f"{_open_files()} files are open, {files} were"
    assert _soon(lambda: _threads() <= threads), f"{_threads()} threads run, {threads} did"
    with SCardManage(place.library).attach_by_ifd(made.reader, ShareMode.EXCLUSIVE, timeout=5) as card:
        assert card.transmit(READ_4) == ANSWER_4


def _never(_: Event) -> bool:
    """Refuse every event: pcscd may tell a change of the card's state late."""
    return False


CALLS: dict[str, Callable[[Client, float], object]] = {
    "get_status_change": lambda client, limit: client.context.get_status_change(client.known, limit),
    "wait_for_card": lambda client, limit: client.context.wait_for_card(limit, atr=b"none"),
    "Monitor.wait": lambda client, limit: client.monitor.wait(_never, limit),
    "lock": lambda client, limit: client.card.lock(limit),
    "reconnect": lambda client, limit: client.card.reconnect(timeout=limit),
    "attach": lambda client, limit: client.context.attach(client.reader, timeout=limit),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_with_a_timeout_ends_in_time(name: str, client: Client, frozen: Freeze) -> None:
    with frozen():
        start = time.perf_counter()
        with pytest.raises(SCardTimeoutError):
            CALLS[name](client, 0.1)
        assert 0.08 < time.perf_counter() - start < 0.35 + SLACK
        if name in {"lock", "reconnect"}:
            refused(client.card)


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_call_with_a_timeout(name: str, client: Client, frozen: Freeze) -> None:
    with frozen(), ended_by_ctrl_c():
        CALLS[name](client, 20)


@pytest.mark.alone
@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_ends_a_call_with_a_timeout_within_100_ms(name: str, client: Client, frozen: Freeze) -> None:
    best = 9.0
    for _ in range(3):  # other programs can slow down a round
        with frozen(), ended_by_ctrl_c() as interruption:
            CALLS[name](client, 20)
        best = min(best, interruption.took)
        assert _soon(lambda: _attached_again(client))
    client.card.detach()
    assert best < 0.1


UNLIMITED: dict[str, Callable[[Client], object]] = {
    "get_status_change": lambda client: client.context.get_status_change(client.known),
    "wait_for_card": lambda client: client.context.wait_for_card(atr=b"none"),
    "Monitor.wait": lambda client: client.monitor.wait(_never),
}


@pytest.mark.parametrize("begins", ["before", "after"])
@pytest.mark.parametrize("name", UNLIMITED)
def test_ctrl_c_ends_a_wait_that_began(name: str, begins: str, client: Client, frozen: Freeze) -> None:
    is_frozen = threading.Event()
    with contextlib.ExitStack() as freezing:

        def freeze() -> None:
            freezing.enter_context(frozen())
            is_frozen.set()

        if begins == "after":
            freeze()
        is_waiting = is_in(*WAITS)
        freezes = contextlib.nullcontext() if begins == "after" else when(is_waiting, freeze, after=0.05)
        with freezes, ended_by_ctrl_c(lambda: is_waiting() and is_frozen.is_set()):
            UNLIMITED[name](client)


@pytest.mark.parametrize("begins", ["before", "after"])
def test_cancel_ends_all_waits(begins: str, client: Client, frozen: Freeze) -> None:
    ends: list[str] = []

    def wait(name: str) -> None:
        with contextlib.suppress(CancelledError):
            UNLIMITED[name](client)
            ends.append("not cancelled")
        ends.append(name)

    threads = [threading.Thread(target=wait, args=(name,)) for name in ("get_status_change", "wait_for_card")]

    def begin() -> None:
        for thread in threads:
            thread.start()
        until(lambda: all(is_in(*WAITS, thread=thread)() for thread in threads))
        time.sleep(0.05)  # from there to PC/SC's wait, which nothing tells

    if begins == "before":
        begin()
    with frozen():
        if begins == "after":
            begin()
        start = time.perf_counter()
        client.context.cancel()
        assert time.perf_counter() - start < 0.1 + SLACK
        for thread in threads:
            thread.join(SLACK)
        assert sorted(ends) == ["get_status_change", "wait_for_card"]
        client.context.cancel()


def test_close_returns_and_a_block_that_has_raised_ends(client: Client, frozen: Freeze) -> None:
    context = Context(library=client.library)
    card = SCardManage(client.library).attach_by_ifd(client.reader)
    with frozen():
        start = time.perf_counter()
        client.monitor.close()
        assert time.perf_counter() - start < 0.1 + SLACK
        with pytest.raises(SCardTimeoutError), context, card:
            context.get_status_change(client.known, 0)
        assert time.perf_counter() - start < 2.4 + SLACK
        refused(card)


def test_a_context_releases_in_a_second(place: Place, frozen: Freeze) -> None:
    context = Context(library=place.library)
    with frozen():
        start = time.perf_counter()
        context.release()
        assert 0.9 < time.perf_counter() - start < 1.1 + SLACK


def test_a_context_releases_in_a_second_while_another_thread_asks_it_for_the_readers(
    place: Place, frozen: Freeze
) -> None:
    context = Context(library=place.library)
    ends: list[str] = []

    def ask() -> None:
        try:
            context.list_readers()
        except UnexpectedStateError:
            ends.append("refused")
        else:
            ends.append("answered")

    def asks() -> bool:
        if context._question.acquire(blocking=False):
            context._question.release()
            return False
        return True

    thread = threading.Thread(target=ask)
    with frozen():
        thread.start()
        assert _soon(asks)
        start = time.perf_counter()
        context.release()
        assert time.perf_counter() - start < 1.1 + SLACK
    thread.join(5)
    assert ends in (["answered"], ["refused"])


def test_after_the_daemon_goes_on_the_same_objects_work(client: Client, frozen: Freeze) -> None:
    with frozen(), pytest.raises(SCardTimeoutError):
        client.card.lock(0.05)
    assert _soon(lambda: _attached_again(client))
    assert client.card.transmit(READ_4) == ANSWER_4
    assert client.context.get_status_change([ReaderState(client.reader)])
    client.card.detach()


def _attached_again(client: Client) -> bool:
    with contextlib.suppress(Exception):
        client.card.attach_by_ifd(client.reader, timeout=5)
    return client.card.is_attached


LEFT_OPEN = """
import sys, scardffi
context = scardffi.Context()
card, other = context.attach(sys.argv[1]), context.attach(sys.argv[1])
monitor = context.monitor()
print("ready", flush=True)
sys.stdin.readline()
for call in (lambda: card.lock(0.05), lambda: context.attach(sys.argv[1], timeout=0.05)):
    try:
        call()
    except scardffi.SCardTimeoutError as error:
        print(error.function, flush=True)
"""


def test_a_program_ends_with_everything_open(daemon: PrivatePcscd) -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-W", "ignore", "-c", LEFT_OPEN, daemon.ifd_reader(0)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        with daemon.frozen():
            output, _ = program.communicate("\n", timeout=5)
    assert output == "lock\nattach\n"
    assert program.returncode == 0
