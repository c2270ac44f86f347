"""Calls with a timeout end in time, by themselves and by Ctrl-C, although PC/SC's functions wait; nothing is left."""

import threading
import time
import weakref
from collections.abc import Iterator

import pytest
from conftest import Place
from support.bounded import assert_passed, refused
from support.commands import ANSWER_4, READ_4
from support.signals import ended_by_ctrl_c

from scardffi import Context, SCardManage, SCardTimeoutError, ShareMode, UnexpectedStateError, UnknownReaderError
from scardffi._bounded_call import BoundedCall
from scardffi.virtual import VirtualReader


def settled(card: SCardManage, reader: str) -> None:
    """Assert that the object, and exclusive access, can be used again soon: no other connection is left."""
    end = time.perf_counter() + 5
    while True:
        try:
            with card.attach_by_ifd(reader, ShareMode.EXCLUSIVE, timeout=5):
                assert card.transmit(READ_4) == ANSWER_4
        except Exception:
            if time.perf_counter() > end:
                raise
            time.sleep(0.005)
        else:
            return


@pytest.fixture
def holder(place: Place) -> Iterator[SCardManage]:
    """A connection that holds a transaction."""
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        card.lock()
        yield card


def test_attach_ends_in_time_and_closes_what_it_opens_later(place: Place, holder: SCardManage) -> None:
    card = SCardManage(place.library)
    start = time.perf_counter()
    with pytest.raises(SCardTimeoutError, match="attach_by_ifd"):
        card.attach_by_ifd(place.reader, timeout=0.1)
    assert_passed(0.1, start)
    refused(card)
    holder.detach()
    settled(card, place.reader)


def test_attach_of_a_context_ends_in_time(place: Place, holder: SCardManage) -> None:
    with Context(library=place.library) as context:
        start = time.perf_counter()
        with pytest.raises(SCardTimeoutError):
            context.attach(place.reader, timeout=0.1)
        assert_passed(0.1, start)
        holder.detach()
        with context.attach(place.reader, timeout=10) as card:
            assert card.transmit(READ_4) == ANSWER_4
    settled(SCardManage(place.library), place.reader)


def test_ctrl_c_ends_an_attach(place: Place, holder: SCardManage) -> None:
    card = SCardManage(place.library)
    with ended_by_ctrl_c():
        card.attach_by_ifd(place.reader, timeout=20)
    refused(card)
    holder.detach()
    settled(card, place.reader)


def test_reconnect_ends_in_time_and_the_object_counts_as_detached(place: Place, holder: SCardManage) -> None:
    holder.unlock()
    card = SCardManage(place.library).attach_by_ifd(place.reader)
    files = card.create_file_access()
    holder.lock()
    start = time.perf_counter()
    with pytest.raises(SCardTimeoutError, match="reconnect"):
        card.reconnect(timeout=0.1)
    assert_passed(0.1, start)
    refused(card)
    with pytest.raises(UnexpectedStateError, match="detached"):
        files.change_dir("3F00")
    holder.detach()
    settled(card, place.reader)


def test_ctrl_c_ends_a_reconnect(place: Place, holder: SCardManage) -> None:
    holder.unlock()
    card = SCardManage(place.library).attach_by_ifd(place.reader)
    holder.lock()
    with ended_by_ctrl_c():
        card.reconnect(timeout=20)
    refused(card)
    holder.detach()
    settled(card, place.reader)


def test_a_lock_that_times_out_while_another_handle_has_a_transaction_stays_attached(
    place: Place, holder: SCardManage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ANSWER_SECONDS", "INTERRUPT_SECONDS"):  # on a busy machine the answer may come late
        monkeypatch.setattr(f"scardffi.manage.{name}", 10)
    holder.unlock()
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        holder.lock()
        start = time.perf_counter()
        with pytest.raises(SCardTimeoutError, match="another handle held the card"):
            card.lock(0.1)
        assert_passed(0.1, start)
        with ended_by_ctrl_c():
            card.lock(20)
        holder.unlock()
        card.lock(5)
        card.unlock()
        assert card.transmit(READ_4) == ANSWER_4


def test_a_timeout_that_is_long_enough_changes_nothing(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader, timeout=10) as card:
        assert card.transmit(READ_4) == ANSWER_4
        card.reconnect(timeout=10)
        card.lock(10)
        card.unlock()
        assert card.transmit(READ_4) == ANSWER_4
    with pytest.raises(UnknownReaderError):
        card.attach_by_ifd("no such reader", timeout=10)


@pytest.mark.parametrize("timeout", [-1, True, "1"])
def test_a_wrong_timeout_is_refused_before_the_call(timeout: float, virtual_place: Place) -> None:
    card = SCardManage(virtual_place.library)
    with pytest.raises((ValueError, TypeError), match="timeout"):
        card.attach_by_ifd(virtual_place.reader, timeout=timeout)
    assert not card.is_attached


def test_a_borrowed_handle_is_kept_alive_until_its_call_returns(virtual_place: Place) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as holder:
        owner = SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader)
        is_there, handle = weakref.ref(owner), owner.handle
        card = SCardManage(virtual_place.library).attach_by_handle(owner, share_mode=ShareMode.SHARED)
        holder.lock()
        with pytest.raises(SCardTimeoutError):
            card.reconnect(timeout=0.05)
        del owner
        assert is_there() is not None
        assert handle
        kept = is_there()
        holder.unlock()
        assert kept is not None
        kept.detach()


def test_attach_takes_a_part_of_the_name_and_lists_the_readers_if_several_have_it(virtual_place: Place) -> None:
    with (
        VirtualReader("Ames Front"),
        VirtualReader("Ames Back"),
        Context(library=virtual_place.library) as context,
    ):
        with context.attach("Front", ShareMode.DIRECT, 0) as card:
            assert card.reader == "Ames Front"
        with context.attach("Back", ShareMode.DIRECT, 0, timeout=10) as card:
            assert card.reader == "Ames Back"
        with pytest.raises(UnknownReaderError, match="several readers have 'Ames' in their names"):
            context.attach("Ames")
        with pytest.raises(UnknownReaderError, match="no reader has this name: 'Amesbury'"):
            context.attach("Amesbury")
        with pytest.raises(UnknownReaderError):
            context.attach("")


def test_the_timeout_of_attach_bounds_the_search_for_the_name_too(
    place: Place, holder: SCardManage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_list(_context: Context) -> list[str]:
        time.sleep(0.9)  # most of the second that attach() has
        return [place.reader]

    monkeypatch.setattr(Context, "list_readers", slow_list)
    with Context(library=place.library) as context:
        start = time.perf_counter()
        with pytest.raises(SCardTimeoutError):
            context.attach(place.reader[1:], timeout=1)
        assert time.perf_counter() - start < 1.8  # an attempt of a second after the list would end after 1.9
        holder.detach()


def test_a_call_that_cannot_start_raises_and_leaves_the_object_usable(
    virtual_place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise RuntimeError("can't start new thread")

    card = SCardManage(virtual_place.library)
    with monkeypatch.context() as patch:
        patch.setattr("_thread.start_new_thread", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            card.attach_by_ifd(virtual_place.reader, timeout=1)
    with card.attach_by_ifd(virtual_place.reader, timeout=10):
        assert card.transmit(READ_4) == ANSWER_4


def test_what_is_given_up_is_undone_once_whenever_the_call_ends() -> None:
    for _ in range(200):
        may_end, undone = threading.Event(), []
        call = BoundedCall(may_end.wait)
        call.start()
        threading.Thread(target=may_end.set).start()
        call.give_up(lambda: undone.append(True))  # noqa: B023  it is called in this round
        call.ended.wait(5)
        end = time.perf_counter() + 5
        while not undone and time.perf_counter() < end:
            time.sleep(0.0005)
        assert undone == [True]


def test_the_error_of_a_call_reaches_the_caller() -> None:
    call = BoundedCall(lambda: 1 // 0)
    call.start()
    assert call.wait(5)
    with pytest.raises(ZeroDivisionError):
        call.result()
