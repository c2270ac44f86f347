"""Checks of calls that end in time, and of objects whose call was given up."""

import time

import pytest

from scardffi import SCardManage, UnexpectedStateError

from .commands import READ_4

SLACK = 2.0
"""Seconds that a call may take longer on a busy machine."""


def assert_passed(seconds: float, start: float) -> None:
    """Assert that this many seconds have passed since ``start``."""
    passed = time.perf_counter() - start
    assert seconds - 0.02 < passed < seconds + SLACK, passed


def refused(card: SCardManage) -> None:
    """Assert that every use of the object raises at once."""
    start = time.perf_counter()
    assert not card.is_attached
    uses = (
        lambda: card.transmit(READ_4),
        card.lock,
        card.status,
        card.detach,
        card.reconnect,
        lambda: card.attach_by_ifd("no matter"),
        lambda: card.attach_by_handle(1),
        card.create_file_access,
    )
    for use in uses:
        with pytest.raises(UnexpectedStateError, match="has not returned yet"):
            use()
    assert time.perf_counter() - start < SLACK
