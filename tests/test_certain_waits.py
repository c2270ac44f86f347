"""Answers of waits that pcscd 2.5 mixes up, against a library of the tests and on the virtual library.

tests/acceptance/test_moving_cards.py has them on a real pcscd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from support.shape import MACOS, WINDOWS

from scardffi import Context, EventKind, Library, ReaderState, UnknownReaderError, virtual
from scardffi._certain_waits import CertainWaits
from scardffi.constants import PNP_NOTIFICATION, ReaderStateFlag, ReturnCode
from scardffi.virtual import AnsweringCard, VirtualReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    Answer = tuple[int, list[int]]

pytestmark = pytest.mark.skipif(MACOS or WINDOWS, reason="these systems do not have pcscd 2.5")

EMPTY, PRESENT, CHANGED = int(ReaderStateFlag.EMPTY), int(ReaderStateFlag.PRESENT), int(ReaderStateFlag.CHANGED)
GONE = int(ReaderStateFlag.UNKNOWN | ReaderStateFlag.UNAVAILABLE | ReaderStateFlag.CHANGED)
MIXED_UP = 0x8010001F
SECONDS = 10


class Answering:
    """Stands for a library whose readers are A, B and C, and whose waits give these answers."""

    def __init__(self, *answers: Answer, readers: str = "ABC") -> None:
        self.asked: list[list[tuple[str, int]]] = []
        self._answers = list(answers)
        self._readers = list(readers)

    def SCardListReaders(self, context: int) -> tuple[int, list[str]]:  # noqa: N802, D102  the function's name
        assert context == 7
        return 0, self._readers

    def SCardGetStatusChange(  # noqa: N802, D102  the function's name
        self, context: int, _timeout: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[int, bytes]]]:
        assert context == 7
        self.asked.append(states)
        code, events = self._answers.pop(0)
        return code, [(event, b"") for event in events]

    def step(self, states: list[tuple[str, int]], timeout: int = 1000) -> Answer:
        """Wait once, and return the code and the states."""
        code, results = CertainWaits(cast("Library", self), 7).step(timeout, states)
        return code, [event for event, _ in results]


@pytest.mark.parametrize(
    "wrong", [(ReturnCode.SCARD_E_UNKNOWN_READER, []), (MIXED_UP, []), (0, [GONE, EMPTY]), (0, [EMPTY, GONE])]
)
def test_an_answer_that_misses_readers_of_the_list_is_dropped_and_the_call_repeated(wrong: Answer) -> None:
    library = Answering(wrong, wrong, (0, [PRESENT | CHANGED, EMPTY]))
    assert library.step([("A", 0), ("B", 0)]) == (0, [PRESENT | CHANGED, EMPTY])
    assert library.asked == [[("A", 0), ("B", 0)]] * 3


@pytest.mark.parametrize("answer", [(ReturnCode.SCARD_E_UNKNOWN_READER, []), (0, [EMPTY, GONE])])
def test_an_answer_about_a_reader_that_is_not_in_the_list_is_right(answer: Answer) -> None:
    assert Answering(answer).step([("A", 0), ("D", 0)]) == answer


def test_an_answer_that_stays_wrong_is_returned() -> None:
    assert Answering(*[(MIXED_UP, [])] * 11).step([("A", 0)]) == (MIXED_UP, [])


def test_a_wait_for_some_readers_waits_for_the_others_too_and_drops_their_changes() -> None:
    library = Answering(
        (0, [EMPTY, 5, PRESENT | CHANGED, EMPTY | CHANGED]), (0, [PRESENT | CHANGED, 5, PRESENT, EMPTY])
    )
    waits = CertainWaits(cast("Library", library), 7)
    states = [("B", EMPTY), (PNP_NOTIFICATION, 5)]
    assert waits.step(1000, states) == (ReturnCode.SCARD_E_TIMEOUT, [])
    assert waits.step(1000, states) == (0, [(PRESENT | CHANGED, b""), (5, b"")])
    assert library.asked == [[*states, ("A", 0), ("C", 0)], [*states, ("A", PRESENT), ("C", EMPTY)]]


@pytest.mark.parametrize(("timeout", "state"), [(0, EMPTY), (1000, 0)])
def test_a_call_that_returns_at_once_does_not_ask_for_the_others(timeout: int, state: int) -> None:
    library = Answering((0, [EMPTY]))
    assert library.step([("A", state)], timeout) == (0, [EMPTY])
    assert library.asked == [[("A", state)]]


def test_a_wait_for_a_change_of_the_list_counts_from_its_first_call() -> None:
    counter = 3 << 16
    library = Answering((0, [counter | CHANGED, EMPTY]), (0, [counter + (1 << 16) | CHANGED, 1, 1, 1]))
    assert library.step([(PNP_NOTIFICATION, 0)]) == (0, [counter + (1 << 16) | CHANGED])
    assert library.asked == [
        [(PNP_NOTIFICATION, 0), ("A", 0)],
        [(PNP_NOTIFICATION, counter), ("A", 0), ("B", 0), ("C", 0)],
    ]


def test_a_library_that_does_not_count_changes_of_the_list_needs_no_other_readers() -> None:
    library = Answering((0, [CHANGED, EMPTY]), (ReturnCode.SCARD_E_TIMEOUT, []))
    assert library.step([(PNP_NOTIFICATION, 0)]) == (ReturnCode.SCARD_E_TIMEOUT, [])
    assert library.asked == [[(PNP_NOTIFICATION, 0), ("A", 0)], [(PNP_NOTIFICATION, 0)]]


def test_a_library_that_does_not_take_so_many_readers_is_asked_for_those_of_the_call() -> None:
    library = Answering((ReturnCode.SCARD_E_INVALID_PARAMETER, []), (0, [PRESENT | CHANGED]))
    assert library.step([("B", EMPTY)]) == (0, [PRESENT | CHANGED])
    assert library.asked == [[("B", EMPTY), ("A", 0), ("C", 0)], [("B", EMPTY)]]


@pytest.fixture
def reader() -> Iterator[VirtualReader]:
    with virtual.installed(), VirtualReader("Desk") as reader, VirtualReader("Shelf"):
        yield reader


@pytest.mark.parametrize("code", [ReturnCode.SCARD_E_UNKNOWN_READER, MIXED_UP])
def test_a_monitor_goes_on_after_a_wait_that_fails_although_its_readers_are_there(
    code: int, reader: VirtualReader
) -> None:
    with Context() as context, context.monitor(["Desk", "Shelf"]) as monitor:
        assert [monitor.wait(timeout=SECONDS).kind for _ in range(2)] == [EventKind.READER_ADDED] * 2
        with virtual.fault("SCardGetStatusChange", code=code, times=3):
            reader.insert(AnsweringCard())
            assert monitor.wait(timeout=SECONDS).kind is EventKind.CARD_INSERTED
        reader.remove()
        assert monitor.wait(timeout=SECONDS).kind is EventKind.CARD_REMOVED


def test_a_monitor_of_one_reader_gives_no_event_of_another(reader: VirtualReader) -> None:
    with Context() as context, context.monitor(["Shelf"]) as monitor:
        assert monitor.wait(timeout=SECONDS).reader == "Shelf"
        reader.insert(AnsweringCard())
        reader.unplug()
        reader.plug()
        with VirtualReader("Floor"):
            pass
        with VirtualReader("Shelf 2"), virtual.service_stopped():
            assert monitor.wait(timeout=SECONDS).kind is EventKind.SERVICE_STOPPED


def test_get_status_change_goes_on_after_a_wait_that_fails_although_the_reader_is_there(reader: VirtualReader) -> None:
    with Context() as context:
        known = context.get_status_change(["Desk"])
        with virtual.fault("SCardGetStatusChange", code=MIXED_UP, times=3):
            reader.insert(AnsweringCard())
            [now] = context.get_status_change(known, SECONDS)
        assert now.state & ReaderStateFlag.PRESENT
        with pytest.raises(UnknownReaderError):
            context.get_status_change([ReaderState("Nobody", ReaderStateFlag.EMPTY)], SECONDS)
