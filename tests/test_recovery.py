"""SCardManage.recover after resets, removals and restarts, and transactions that are kept alive."""

import _thread
import gc
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Place
from support.alone import run_alone
from support.commands import ANSWER_4, READ_4
from support.interpreter import run_python
from support.moments import is_in, until
from support.pcscd import PrivatePcscd

from scardffi import (
    Context,
    Disposition,
    InvalidArgumentError,
    Library,
    NoServiceError,
    NoSmartCardError,
    ResetCardError,
    SCardError,
    SCardManage,
    ShareMode,
    SharingViolationError,
    UnexpectedStateError,
    _keep_alive,
    virtual,
)
from scardffi._locks import Mutex
from scardffi.virtual import AnsweringCard, VirtualReader

NAME = "reader that comes and goes"


@pytest.fixture
def library() -> Iterator[Library]:
    with virtual.installed() as loaded:
        yield loaded


@pytest.fixture
def reader(library: Library) -> Iterator[VirtualReader]:  # noqa: ARG001  it loads the library
    with VirtualReader(NAME, AnsweringCard()) as plugged:
        yield plugged


class Recoveries(list[SCardManage]):
    """The cards with which on_reset was called."""

    def __call__(self, card: SCardManage) -> None:
        """Use the card."""
        assert card.transmit(READ_4) == ANSWER_4
        self.append(card)


def recovered_within(card: SCardManage, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            return card.recover()
        except SCardError:
            assert time.monotonic() < end
            time.sleep(0.05)


def reset_by_another_handle(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        other.detach(Disposition.RESET)


# resets


def test_a_card_that_another_program_has_reset_is_recovered_on_the_same_handle(place: Place) -> None:
    calls = Recoveries()
    with SCardManage(place.library).attach_by_ifd(place.reader, on_reset=calls) as card:
        handle = card.handle
        reset_by_another_handle(place)
        for _ in range(2):  # nothing recovers it by itself
            with pytest.raises(ResetCardError):
                card.transmit(READ_4)
        assert calls == []
        card.recover()
        assert calls == [card]
        assert card.handle == handle
        assert card.transmit(READ_4) == ANSWER_4


def test_a_service_goes_on_after_a_reconnect(library: Library, reader: VirtualReader) -> None:
    with SCardManage(library).attach_by_ifd(NAME) as card:
        service = card.create_card_auth()
        reader.reset()
        with pytest.raises(ResetCardError):
            service.get_challenge(8)
        card.recover()
        assert len(service.get_challenge(8)) == 8


def test_an_owned_handle_is_recovered_and_a_borrowed_one_is_not(library: Library, reader: VirtualReader) -> None:
    with Context(library=library) as context:
        handle = library.SCardConnect(context.handle, NAME, ShareMode.SHARED, 3)[1]
        with SCardManage(library).attach_by_handle(handle, owned=True, share_mode=ShareMode.SHARED) as owned:
            borrowed = SCardManage(library).attach_by_handle(handle, share_mode=ShareMode.SHARED)
            reader.reset()
            with pytest.raises(UnexpectedStateError, match="borrowed; only its owner"):
                borrowed.recover()
            with pytest.raises(ResetCardError):
                borrowed.transmit(READ_4)
            owned.recover()
            assert borrowed.transmit(READ_4) == ANSWER_4


def test_an_owned_handle_whose_share_mode_is_not_known_is_not_recovered_by_a_guess(
    library: Library, reader: VirtualReader
) -> None:
    with Context(library=library) as context:
        handle = library.SCardConnect(context.handle, NAME, ShareMode.SHARED, 3)[1]
        with SCardManage(library).attach_by_handle(handle, owned=True) as owned:
            reader.reset()
            with pytest.raises(InvalidArgumentError, match="share_mode is required"):
                owned.recover()


def test_what_on_reset_raises_ends_recover_and_the_next_one_calls_it_again(
    library: Library, reader: VirtualReader
) -> None:
    calls: list[SCardManage] = []

    def fail_once(card: SCardManage) -> None:
        calls.append(card)
        if len(calls) == 1:
            raise LookupError("the application is missing")

    with SCardManage(library).attach_by_ifd(NAME, on_reset=fail_once) as card:
        reader.reset()
        with pytest.raises(LookupError, match="missing"):
            card.recover()
        assert card.transmit(READ_4) == ANSWER_4
        card.recover()
        assert len(calls) == 2


def test_on_reset_must_be_callable_and_must_not_recover(library: Library, reader: VirtualReader) -> None:
    not_callable: Any = "a text"
    with pytest.raises(TypeError, match="on_reset: expected a function or None, got str"):
        SCardManage(library).attach_by_ifd(NAME, on_reset=not_callable)
    with SCardManage(library).attach_by_ifd(NAME, on_reset=SCardManage.recover) as card:
        with pytest.raises(UnexpectedStateError, match="on_reset must not call it"):
            card.recover()
        assert reader.card is not None


def test_threads_that_recover_at_the_same_time_call_on_reset_once(library: Library, reader: VirtualReader) -> None:
    calls: list[int] = []
    entered, goes_on = threading.Event(), threading.Event()

    def slow(_: SCardManage) -> None:
        calls.append(1)
        entered.set()
        goes_on.wait()

    with SCardManage(library).attach_by_ifd(NAME, on_reset=slow) as card:
        reader.reset()
        threads = [threading.Thread(target=card.recover) for _ in range(4)]
        threads[0].start()
        entered.wait()
        for thread in threads[1:]:
            thread.start()
        until(lambda: all(is_in(Mutex.__enter__, thread=thread)() for thread in threads[1:]))
        goes_on.set()
        for thread in threads:
            thread.join()
        assert calls == [1]
        card.recover()
        assert calls == [1, 1]


# lost handles


def test_a_removed_card_is_recovered_when_it_is_back(library: Library, reader: VirtualReader) -> None:
    calls = Recoveries()
    with SCardManage(library).attach_by_ifd(NAME, on_reset=calls) as card:
        reader.remove()
        for _ in range(2):
            with pytest.raises(NoSmartCardError):
                card.recover()
        reader.insert(AnsweringCard())
        card.recover()
        assert calls == [card]
        assert card.transmit(READ_4) == ANSWER_4


def test_a_card_in_a_real_reader_that_is_removed_is_recovered(removal_daemon: PrivatePcscd) -> None:
    calls = Recoveries()
    name = removal_daemon.ifd_reader(2)
    with SCardManage().attach_by_ifd(name, on_reset=calls) as card:
        removal_daemon.remove_card(2)
        try:
            with pytest.raises(SCardError):
                card.recover()
        finally:
            removal_daemon.insert_card(2)
        recovered_within(card)
        assert calls == [card]


def test_a_reader_that_was_unplugged_is_recovered_with_the_share_mode_of_the_attach(
    library: Library, reader: VirtualReader
) -> None:
    with Context(library=library) as context:
        card = context.attach(NAME, ShareMode.EXCLUSIVE)
        service = card.create_card_auth()
        reader.unplug()
        for _ in range(2):
            with pytest.raises(SCardError):
                card.recover()
        with pytest.raises(UnexpectedStateError, match="not attached"):
            card.transmit(READ_4)
        reader.plug()
        card.recover()
        assert card.transmit(READ_4) == ANSWER_4
        with pytest.raises(SharingViolationError):
            context.attach(NAME)
        with pytest.raises(UnexpectedStateError, match="create a new service"):
            service.get_challenge(8)
        context.release()
        assert not card.is_attached
        with pytest.raises(UnexpectedStateError, match="not attached"):
            card.recover()


def test_the_card_of_a_service_that_was_restarted_is_recovered(library: Library) -> None:
    calls = Recoveries()
    with Context(library=library) as context:
        card = context.attach(virtual.DEFAULT_READER, on_reset=calls)
        with virtual.service_stopped():
            with pytest.raises(NoServiceError):
                card.transmit(READ_4)
            with pytest.raises(NoServiceError):
                card.recover()
        card.recover()
        assert calls == [card]
        assert card.reader == virtual.DEFAULT_READER


@pytest.mark.usefixtures("daemon")  # skipped without a pcscd
def test_the_card_of_a_real_pcscd_that_was_restarted_is_recovered(tmp_path: Path) -> None:
    found, errors = run_alone("recovered_restarts", str(tmp_path), "2")
    assert errors == ""
    assert found == {"answers": [ANSWER_4.hex()] * 2, "refused": 6, "on_reset": [True] * 2}


def test_an_object_that_was_detached_is_not_recovered(library: Library, reader: VirtualReader) -> None:
    card = SCardManage(library)
    with pytest.raises(UnexpectedStateError, match="not attached"):
        card.recover()
    card.attach_by_ifd(NAME)
    card.detach()
    with pytest.raises(UnexpectedStateError, match="not attached"):
        card.recover()
    with pytest.raises(UnexpectedStateError):
        card.detach()
    card.attach_by_ifd(NAME)
    reader.unplug()
    with pytest.raises(SCardError):
        card.recover()
    card.detach()  # no error: recover() has detached it
    reader.plug()
    with pytest.raises(UnexpectedStateError, match="not attached"):
        card.recover()


def test_the_end_of_a_transaction_that_was_lost_with_its_handle_is_no_error(
    library: Library, reader: VirtualReader
) -> None:
    with SCardManage(library).attach_by_ifd(NAME) as card:
        with card.transaction():
            reader.unplug()
            with pytest.raises(SCardError):
                card.recover()
            reader.plug()
            card.recover()
            card.lock()  # of the new handle
        card.unlock()  # it would raise if the block had ended this transaction


# transactions that are kept alive


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_keep_alive, "SECONDS", 0.01)


@pytest.mark.usefixtures("often")
def test_a_transaction_is_kept_alive_until_it_ends_and_no_longer(library: Library, reader: VirtualReader) -> None:
    threads = _thread._count()  # with those that the module threading does not know
    with SCardManage(library).attach_by_ifd(NAME) as card, virtual.fault("SCardStatus", code=0, times=10**6) as asked:
        with card.transaction(keep_alive=True) as same:
            assert same is card
            until(lambda: asked.hits > 5)
        until(lambda: _thread._count() <= threads)
        hits = asked.hits
        with card.transaction():
            time.sleep(0.05)
        assert asked.hits == hits
        assert reader.errors == []


def test_the_calls_that_keep_a_transaction_alive_come_in_less_than_windows_five_seconds() -> None:
    assert _keep_alive.SECONDS * 2 < 5


@pytest.mark.usefixtures("often")
def test_commands_of_a_transaction_that_is_kept_alive_run_as_without(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as card, card.transaction(keep_alive=True):
        for _ in range(200):
            assert card.transmit(READ_4) == ANSWER_4
            assert card.transmit(READ_4, flow=3) == ANSWER_4


@pytest.mark.alone
@pytest.mark.usefixtures("often")
def test_a_long_command_is_not_disturbed_and_the_transaction_ends_at_once(
    library: Library, reader: VirtualReader
) -> None:
    reader.latency = 0.1
    with SCardManage(library).attach_by_ifd(NAME) as card:
        best = 9.0
        for _ in range(3):  # other programs can slow down a round
            with card.transaction(keep_alive=True):
                assert card.transmit(READ_4) == ANSWER_4
            start = time.perf_counter()
            card.lock()
            card.unlock()
            best = min(best, time.perf_counter() - start)
        assert best < 0.05


@pytest.mark.usefixtures("often")
def test_a_transaction_that_is_kept_alive_and_collected_ends(library: Library, reader: VirtualReader) -> None:
    threads = _thread._count()
    with SCardManage(library).attach_by_ifd(NAME) as card, SCardManage(library).attach_by_ifd(NAME) as other:
        transaction = card.transaction(keep_alive=True)
        transaction.__enter__()
        del transaction
        gc.collect()
        other.lock(timeout=5)
        until(lambda: _thread._count() <= threads)
        assert reader.card is not None


@pytest.mark.usefixtures("often")
def test_a_detach_ends_the_calls_too(library: Library, reader: VirtualReader) -> None:
    threads = _thread._count()
    card = SCardManage(library).attach_by_ifd(NAME)
    transaction = card.transaction(keep_alive=True)
    transaction.__enter__()
    card.detach()
    until(lambda: _thread._count() <= threads)
    with pytest.raises(UnexpectedStateError):
        transaction.__exit__(None, None, None)
    assert reader.card is not None


def test_the_interpreter_ends_at_once_with_a_transaction_that_is_kept_alive() -> None:
    program = """
        import time, _thread
        from scardffi import SCardManage, virtual, _keep_alive
        _keep_alive.SECONDS = 0.001
        with virtual.installed():
            card = SCardManage().attach_by_ifd(virtual.DEFAULT_READER)
        transaction = card.transaction(keep_alive=True)
        transaction.__enter__()
        start = time.perf_counter()
        _keep_alive._end_all()
        end = time.perf_counter() + 5
        while _thread._count() and time.perf_counter() < end:
            time.sleep(0.001)
        print(_thread._count(), time.perf_counter() - start < 1)
        card.detach()
        """
    assert run_python(program) == ["0 True"]
