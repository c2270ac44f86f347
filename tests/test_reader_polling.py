"""Waits for readers to be plugged in and unplugged: by PC/SC's notification, and by the list of readers as on macOS."""

import contextlib
import time
from collections.abc import Callable, Iterator

import pytest
from support.moments import any_is_in, when
from support.shape import MACOS

from scardffi import (
    CancelledError,
    Context,
    Library,
    NoServiceError,
    ReaderState,
    ReaderStateFlag,
    ReturnCode,
    SCardTimeoutError,
    UnknownReaderError,
    virtual,
)
from scardffi._locks import Gate
from scardffi._reader_polling import ReaderPolling
from scardffi.constants import PNP_NOTIFICATION
from scardffi.virtual import VirtualReader

CHANGED, EMPTY, PRESENT = ReaderStateFlag.CHANGED, ReaderStateFlag.EMPTY, ReaderStateFlag.PRESENT
BY_THE_LIST = pytest.mark.parametrize("way", ["list"], indirect=True)
NAME, BESIDE = "scardffi list of readers", "scardffi beside the list"


@pytest.fixture(autouse=True, params=["list"] if MACOS else ["notification", "list"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way in which Context learns about readers; the first is this platform's."""
    way: str = request.param
    monkeypatch.setattr("scardffi.context._NOTIFIED", way == "notification")
    monkeypatch.setattr("scardffi._reader_polling._POLL_MS", 100)
    return way


@pytest.fixture
def context() -> Iterator[Context]:
    with Context(library=Library(virtual.library_path())) as context:
        yield context


@pytest.fixture
def reader() -> Iterator[VirtualReader]:
    """A reader that is not plugged in yet."""
    reader = VirtualReader(NAME)
    yield reader
    with contextlib.suppress(UnknownReaderError):
        reader.unplug()


@contextlib.contextmanager
def soon(change: Callable[[], object]) -> Iterator[None]:
    """Make the change on another thread while the block waits for it in the library, or for the next poll."""
    with when(any_is_in(Library.SCardGetStatusChange, ReaderPolling.step), change, after=0.05):
        yield


@pytest.fixture
def beside() -> Iterator[VirtualReader]:
    """Another reader, with a card in it."""
    with VirtualReader(BESIDE, virtual.AnsweringCard()) as reader:
        yield reader


def test_plugging_in_and_unplugging_a_reader_end_the_wait(context: Context, reader: VirtualReader) -> None:
    for change in (reader.plug, reader.unplug):
        with soon(change):
            [state] = context.get_status_change([PNP_NOTIFICATION], 10)
        assert (state.reader, state.state, state.atr) == (PNP_NOTIFICATION, CHANGED, b"")


def test_a_change_between_two_waits_is_returned_at_once(context: Context, reader: VirtualReader) -> None:
    with soon(reader.plug):
        known = context.get_status_change([PNP_NOTIFICATION], 10)
    with pytest.raises(SCardTimeoutError):
        context.get_status_change(known, 0)
    reader.unplug()
    [state] = context.get_status_change(known, 0)
    assert state.state & CHANGED
    with pytest.raises(SCardTimeoutError):
        context.get_status_change([state], 0)


@pytest.mark.parametrize("timeout", [0, 0.1, 1.2])
def test_a_wait_without_a_change_ends_at_its_timeout(context: Context, beside: VirtualReader, timeout: float) -> None:
    states: list[str | ReaderState] = [PNP_NOTIFICATION, *context.get_status_change([beside.name])]
    for one in ([PNP_NOTIFICATION], states):
        start = time.perf_counter()
        with pytest.raises(SCardTimeoutError):
            context.get_status_change(one, timeout)
        assert timeout <= time.perf_counter() - start < timeout + 1


def test_a_card_in_a_reader_that_is_watched_too_ends_the_wait(context: Context, beside: VirtualReader) -> None:
    known = context.get_status_change([beside.name])
    with soon(beside.remove):
        listed, other = context.get_status_change([PNP_NOTIFICATION, *known], 10)
    assert not listed.state & CHANGED
    assert other.state & (EMPTY | CHANGED) == EMPTY | CHANGED


def test_a_reader_that_is_watched_too_keeps_its_state(
    context: Context, beside: VirtualReader, reader: VirtualReader
) -> None:
    [known] = context.get_status_change([beside.name])
    with soon(reader.plug):
        other, listed = context.get_status_change([known, PNP_NOTIFICATION], 10)
    assert listed.state & CHANGED
    assert other == known._replace(state=known.state & ~CHANGED)
    assert other.state & PRESENT
    assert other.atr


def test_1000_readers_are_watched_beside_the_list(context: Context, reader: VirtualReader) -> None:
    names = [f"scardffi one of many {number}" for number in range(1000)]
    with contextlib.ExitStack() as stack:
        for name in names:
            stack.enter_context(VirtualReader(name, virtual.AnsweringCard()))
        known = context.get_status_change(names)
        with soon(reader.plug):
            listed, *others = context.get_status_change([PNP_NOTIFICATION, *known], 10)
    assert listed.state & CHANGED
    assert others == [one._replace(state=one.state & ~CHANGED) for one in known]


def test_an_unknown_reader_is_refused(context: Context) -> None:
    with pytest.raises(UnknownReaderError):
        context.get_status_change(["no such reader", PNP_NOTIFICATION], 10)


def test_unplugging_a_watched_reader_changes_the_list(
    context: Context, reader: VirtualReader, beside: VirtualReader
) -> None:
    reader.plug()
    known = context.get_status_change([reader.name, beside.name])
    with soon(reader.unplug):
        states = context.get_status_change([PNP_NOTIFICATION, *known], 10)
    assert [one.state & CHANGED for one in states] == [CHANGED, CHANGED, 0]
    assert states[1].state & ReaderStateFlag.UNKNOWN


@BY_THE_LIST
def test_a_changed_list_is_returned_before_the_error_of_an_unplugged_reader(
    context: Context, reader: VirtualReader
) -> None:
    with soon(reader.plug):
        [listed] = context.get_status_change([PNP_NOTIFICATION], 10)
    [known] = context.get_status_change([reader.name])
    reader.unplug()
    listed, _ = context.get_status_change([listed, known], 10)
    assert listed.state & CHANGED
    with pytest.raises(UnknownReaderError):
        context.get_status_change([listed, known], 10)


@pytest.mark.parametrize("with_a_reader", [False, True])
def test_cancel_ends_the_wait(context: Context, beside: VirtualReader, *, with_a_reader: bool) -> None:
    states: list[str | ReaderState] = [PNP_NOTIFICATION]
    if with_a_reader:
        states += context.get_status_change([beside.name])
    with soon(context.cancel):
        start = time.perf_counter()
        with pytest.raises(CancelledError):
            context.get_status_change(states, 10)
    assert time.perf_counter() - start < 5


@BY_THE_LIST
@pytest.mark.parametrize("call", [1, 2])
def test_an_error_of_the_list_is_raised(context: Context, call: int) -> None:
    with (
        virtual.fault("SCardListReaders", call=call, code=ReturnCode.SCARD_E_NO_SERVICE),
        pytest.raises(NoServiceError),
    ):
        context.get_status_change([PNP_NOTIFICATION], 10)


def test_an_empty_list_can_be_waited_on(context: Context, reader: VirtualReader) -> None:
    first = VirtualReader()
    first.unplug()
    try:
        assert context.list_readers() == []
        with soon(reader.plug):
            [state] = context.get_status_change([PNP_NOTIFICATION], 10)
        assert state.state & CHANGED
    finally:
        first.plug()
        first.insert(virtual.AnsweringCard())


def test_the_resource_manager_knows_the_notification_except_on_macos() -> None:
    library = Library(virtual.library_path())
    _, context = library.SCardEstablishContext(2)
    code, _ = library.SCardGetStatusChange(context, 0, [(PNP_NOTIFICATION, 0)])
    assert code == (ReturnCode.SCARD_E_UNKNOWN_READER if MACOS else ReturnCode.SCARD_E_TIMEOUT)
    assert library.SCardReleaseContext(context) == 0


@pytest.fixture
def polling() -> Iterator[ReaderPolling]:
    library = Library(virtual.library_path())
    _, context = library.SCardEstablishContext(2)
    yield ReaderPolling(library, context, Gate())
    assert library.SCardReleaseContext(context) == 0


@BY_THE_LIST
@pytest.mark.parametrize("numbers", ["different numbers", "one number"])
def test_lists_are_polled_one_after_the_other(
    polling: ReaderPolling, reader: VirtualReader, monkeypatch: pytest.MonkeyPatch, numbers: str
) -> None:
    if numbers == "one number":  # one pair of lists in 65 535 has it
        monkeypatch.setattr("scardffi._reader_polling._number", lambda _: 7)
    state = 0
    for change in (reader.plug, reader.unplug):
        code, _ = polling.step(0, [(PNP_NOTIFICATION, state)])
        assert code == ReturnCode.SCARD_E_TIMEOUT
        change()
        code, [(state, _)] = polling.step(0, [(PNP_NOTIFICATION, state)])
        assert code == 0
        assert state & CHANGED
        state &= ~CHANGED
    start = time.perf_counter()
    code, _ = polling.step(100, [(PNP_NOTIFICATION, state)])
    assert code == ReturnCode.SCARD_E_TIMEOUT
    assert time.perf_counter() - start > 0.09  # it waits again after a change
