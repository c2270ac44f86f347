"""The queues of a monitor's consumers, with results of waits that come late."""

from collections.abc import Callable

import pytest

from scardffi import EventKind, ReaderStateFlag
from scardffi._event_queue import EventHub, EventQueue
from scardffi._locks import Gate

NAME = "Reader of the hub"
STOPPED, STARTED = EventKind.SERVICE_STOPPED, EventKind.SERVICE_STARTED
THERE = [EventKind.READER_ADDED, EventKind.CARD_INSERTED]
GONE = [EventKind.CARD_REMOVED, EventKind.READER_REMOVED]


@pytest.mark.parametrize("readers", [[], ["A"]])
def test_a_hub_has_begun_if_the_list_has_only_readers_that_are_known(readers: list[str]) -> None:
    hub = EventHub()
    hub.retain(["A", "B"])
    hub.update([("A", int(ReaderStateFlag.EMPTY), b"")], unless=Gate())
    assert not hub.begun.is_open()
    hub.retain(readers)
    assert hub.begun.is_open()


def _list_without_it(hub: EventHub) -> None:
    hub.retain([])


def _service_stopped(hub: EventHub) -> None:
    hub.service_stopped()


def _kinds(queue: EventQueue) -> list[EventKind]:
    kinds = []
    while (event := queue.take()) is not None:
        kinds.append(event.kind)
    return kinds


@pytest.mark.parametrize(("change", "kinds"), [(_list_without_it, GONE), (_service_stopped, [STOPPED, *GONE])])
def test_a_result_that_comes_after_the_end_of_its_reader_is_dropped(
    change: Callable[[EventHub], None], kinds: list[EventKind]
) -> None:
    hub = EventHub()
    queue = EventQueue(hub)
    hub.add(queue)
    result = [(NAME, int(ReaderStateFlag.PRESENT), b";")]
    hub.retain([NAME])
    hub.update(result, unless=Gate())
    assert _kinds(queue) == THERE
    change(hub)
    hub.update(result, unless=Gate())  # a thread that waits for some of many readers had it before the change
    assert _kinds(queue) == kinds
    hub.service_started()
    hub.retain([NAME])
    hub.update(result, unless=Gate())
    assert [kind for kind in _kinds(queue) if kind is not STARTED] == THERE
