"""A call that connects waits until the collected connections to the same reader are disconnected."""

import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from conftest import Place
from support.moments import is_in
from support.signals import ended_by_ctrl_c

from scardffi import SCardManage, SCardTimeoutError, ShareMode, _reaper

OTHER_READER = "another reader"
ROUNDS = 100


@contextmanager
def disconnecting(reader: str | None, seconds: float = 10.0) -> Iterator[threading.Event]:
    """Let a disconnect take some time, until the block ends at the latest; yield what is set at its end."""
    begun, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def disconnect() -> None:
        begun.set()
        may_end.wait(seconds)
        ended.set()

    _reaper.close_later(disconnect, reader)
    begun.wait(10)
    try:
        yield ended
    finally:
        may_end.set()
        ended.wait(10)


def test_an_exclusive_connection_that_was_dropped_does_not_keep_out_the_next_one(place: Place) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        for _ in range(ROUNDS):
            card = SCardManage(place.library).attach_by_ifd(place.reader, ShareMode.EXCLUSIVE)
            del card


@pytest.mark.parametrize("is_known", [True, False])
def test_attach_waits_for_a_disconnect_of_its_reader_and_of_an_unknown_one(
    virtual_place: Place, *, is_known: bool
) -> None:
    with (
        disconnecting(virtual_place.reader if is_known else None, 0.05) as ended,
        SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader),
    ):
        assert ended.is_set()


def test_reconnect_waits_for_a_disconnect_of_its_reader(virtual_place: Place) -> None:
    with (
        SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card,
        disconnecting(virtual_place.reader, 0.05) as ended,
    ):
        card.reconnect()
        assert ended.is_set()


@pytest.mark.parametrize("reader", [OTHER_READER, _reaper.NO_READER])
def test_attach_does_not_wait_for_what_does_not_concern_its_reader(virtual_place: Place, reader: str) -> None:
    with (
        disconnecting(reader) as ended,
        SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader),
    ):
        assert not ended.is_set()


def test_attach_waits_a_limited_time(virtual_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reaper, "_DISCONNECT_SECONDS", 0.05)
    start = time.perf_counter()
    with (
        disconnecting(virtual_place.reader) as ended,
        SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader),
    ):
        assert not ended.is_set()
        assert 0.04 < time.perf_counter() - start < 2


def test_the_timeout_of_attach_bounds_this_wait_too(virtual_place: Place) -> None:
    card = SCardManage(virtual_place.library)
    with disconnecting(virtual_place.reader):
        start = time.perf_counter()
        try:
            card.attach_by_ifd(virtual_place.reader, timeout=0.05)
        except SCardTimeoutError:  # after the wait no time was left for PC/SC
            pass
        else:
            card.detach()
        assert 0.04 < time.perf_counter() - start < 2


def test_ctrl_c_ends_the_wait_and_nothing_is_attached(virtual_place: Place) -> None:
    card = SCardManage(virtual_place.library)
    with disconnecting(virtual_place.reader), ended_by_ctrl_c(is_in(_reaper.wait_for_disconnects)):
        card.attach_by_ifd(virtual_place.reader)
    assert not card.is_attached


def test_a_thread_that_connects_while_it_closes_does_not_wait_for_itself(virtual_place: Place) -> None:
    took, ended = [], threading.Event()

    def close() -> None:
        start = time.perf_counter()
        with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader):
            took.append(time.perf_counter() - start)
        ended.set()

    _reaper.close_later(close, virtual_place.reader)
    assert ended.wait(10)
    assert took[0] < 2
