"""Answers of waits that pcscd 2.5 mixes up, against a library of the tests and on the virtual library.

tests/acceptance/test_moving_cards.py has them on a real pcscd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from support.moments import until
from support.shape import MACOS, WINDOWS

from scardffi import Context, EventKind, Library, NoServiceError, ReaderState, UnknownReaderError, virtual
from scardffi._checked_waits import CheckedWaits
from scardffi.constants import PNP_NOTIFICATION, ReaderStateFlag, ReturnCode
from scardffi.virtual import AnsweringCard, VirtualReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Answer = tuple[int, list[int]]

pytestmark = pytest.mark.skipif(MACOS or WINDOWS, reason="these systems do not have pcscd 2.5")

EMPTY, PRESENT, CHANGED = int(ReaderStateFlag.EMPTY), int(ReaderStateFlag.PRESENT), int(ReaderStateFlag.CHANGED)
GONE = int(ReaderStateFlag.UNKNOWN | ReaderStateFlag.UNAVAILABLE | ReaderStateFlag.CHANGED)
REFUSED = 0x8010001F
COUNTED = 17 << 16
SECONDS = 10


class Answering:
    """Stands for a library whose readers are A, B and C, and whose waits give these answers.

    Args:
        answers: the code and the event states of each call.
        counters: what the calls for the state of the list give, the last one again and again: a counter, or a code.
        list_code: the code of SCardListReaders.
    """

    def __init__(self, *answers: Answer, counters: Sequence[int] = (17,), list_code: int = 0) -> None:
        self.asked: list[list[tuple[str, int]]] = []
        self.timeouts: list[int] = []
        self._answers = list(answers)
        self._counters = list(counters)
        self._list_code = list_code
        self.waits = CheckedWaits(cast("Library", self), 7)

    def SCardListReaders(self, context: int) -> tuple[int, list[str]]:  # noqa: N802  the function's name
        """Return the code and the list of readers."""
        assert context == 7
        return self._list_code, [] if self._list_code else ["A", "B", "C"]

    def SCardGetStatusChange(  # noqa: N802  the function's name
        self, context: int, timeout: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[int, bytes]]]:
        """Return the next answer, or the counter if the call asks only for the state of the list."""
        assert context == 7
        if timeout == 0 and states[0] == (PNP_NOTIFICATION, 0):
            assert states == [(PNP_NOTIFICATION, 0), ("C", int(ReaderStateFlag.IGNORE))]
            number = self._counters.pop(0) if len(self._counters) > 1 else self._counters[0]
            return number if number > 0xFFFF else 0, [(number << 16 & 0xFFFFFFFF, b"")] * len(states)
        self.asked.append(states)
        self.timeouts.append(timeout)
        code, events = self._answers.pop(0)
        return code, [(event, b"") for event in events or [0] * len(states)]

    def step(self, states: list[tuple[str, int]], timeout: int = 1000) -> Answer:
        """Wait once, and return the code and the states."""
        code, results = self.waits.step(timeout, states)
        return code, [] if code else [event for event, _ in results]


WRONG = [(ReturnCode.SCARD_E_UNKNOWN_READER, []), (REFUSED, []), (0, [GONE, EMPTY]), (0, [EMPTY, GONE])]
TIMEOUT: Answer = (ReturnCode.SCARD_E_TIMEOUT, [])


@pytest.mark.parametrize("wrong", WRONG)
def test_a_call_that_returns_at_once_is_repeated_if_its_answer_misses_readers_of_the_list(wrong: Answer) -> None:
    library = Answering(wrong, wrong, (0, [PRESENT | CHANGED, EMPTY]))
    assert library.step([("A", 0), ("B", 0)]) == (0, [PRESENT | CHANGED, EMPTY])
    assert library.asked == [[("A", 0), ("B", 0)]] * 3


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wait_ends_early_if_its_answer_misses_readers_of_the_list(wrong: Answer) -> None:
    code, events = wrong
    library = Answering((code, events and [*events, GONE]))
    assert library.step([("A", EMPTY), ("B", EMPTY)]) == TIMEOUT


@pytest.mark.parametrize("answer", [(ReturnCode.SCARD_E_UNKNOWN_READER, []), (0, [EMPTY, GONE])])
def test_an_answer_about_a_reader_that_is_not_in_the_list_is_right(answer: Answer) -> None:
    assert Answering(answer).step([("A", 0), ("D", 0)]) == answer


def test_a_reader_that_goes_during_a_wait_is_told() -> None:
    library = Answering((0, [EMPTY, GONE, EMPTY]))
    assert library.step([("A", EMPTY), ("D", EMPTY)]) == (0, [EMPTY, GONE])


def test_an_answer_that_stays_wrong_is_returned_after_a_hundred_calls() -> None:
    library = Answering(*[(REFUSED, [])] * 100)
    assert library.step([("A", 0)]) == (REFUSED, [])
    assert len(library.asked) == 100


@pytest.mark.parametrize("right", [TIMEOUT, (0, [EMPTY, PRESENT | CHANGED]), (0, [PRESENT | CHANGED, EMPTY])])
def test_wrong_answers_count_only_if_they_come_one_after_the_other(
    right: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scardffi._checked_waits._MOST_WRONG", 2)
    library = Answering(*[(REFUSED, []), right] * 10)
    assert [library.step([("A", EMPTY)]) for _ in range(20)][::2] == [TIMEOUT] * 10
    assert library.timeouts == [1000, 0] * 10


def test_the_code_of_a_refused_list_is_wrong_if_the_list_is_not_refused() -> None:
    library = Answering((REFUSED, []), (ReturnCode.SCARD_E_UNKNOWN_READER, []))
    assert library.step([("A", 0), ("D", 0)]) == (ReturnCode.SCARD_E_UNKNOWN_READER, [])


def test_a_card_that_moves_is_told_with_the_right_counter_of_the_list() -> None:
    library = Answering((0, [13 << 16 | CHANGED, PRESENT | CHANGED, EMPTY]))
    assert library.step([(PNP_NOTIFICATION, COUNTED), ("A", EMPTY)]) == (0, [COUNTED, PRESENT | CHANGED])


@pytest.mark.parametrize("event", [0, 13 << 16])
def test_a_call_that_returns_at_once_gives_the_right_counter_of_the_list(event: int) -> None:
    library = Answering((0, [event, PRESENT | CHANGED]))
    assert library.step([(PNP_NOTIFICATION, 0), ("A", 0)]) == (0, [COUNTED, PRESENT | CHANGED])


def test_a_last_reader_with_a_mute_card_is_left_out() -> None:
    mute = PRESENT | int(ReaderStateFlag.MUTE)
    library = Answering((0, [EMPTY, mute | CHANGED]), (0, [PRESENT | CHANGED]))
    assert library.step([("A", EMPTY)]) == TIMEOUT
    assert library.step([("A", EMPTY)]) == (0, [PRESENT | CHANGED])
    assert library.asked == [[("A", EMPTY), ("C", 0)], [("A", EMPTY)]]


def test_a_list_that_is_refused_makes_the_answer_right() -> None:
    assert Answering((REFUSED, []), list_code=REFUSED).step([("A", 0)]) == (REFUSED, [])


def test_a_wait_waits_for_the_last_reader_too_and_drops_its_changes() -> None:
    library = Answering((0, [EMPTY, PRESENT | CHANGED]), (0, [PRESENT | CHANGED, PRESENT]))
    assert library.step([("B", EMPTY)]) == TIMEOUT
    assert library.step([("B", EMPTY)]) == (0, [PRESENT | CHANGED])
    assert library.asked == [[("B", EMPTY), ("C", 0)], [("B", EMPTY), ("C", PRESENT)]]


def test_a_wait_for_the_last_reader_has_no_reader_twice() -> None:
    library = Answering((0, [PRESENT | CHANGED]))
    assert library.step([("C", EMPTY)]) == (0, [PRESENT | CHANGED])
    assert library.asked == [[("C", EMPTY)]]


@pytest.mark.parametrize(("timeout", "state"), [(0, EMPTY), (1000, 0)])
def test_a_call_that_returns_at_once_does_not_ask_for_the_last_reader(timeout: int, state: int) -> None:
    library = Answering((0, [EMPTY]))
    assert library.step([("A", state)], timeout) == (0, [EMPTY])
    assert library.asked == [[("A", state)]]


@pytest.mark.parametrize("event", [COUNTED | CHANGED, CHANGED, 13 << 16 | CHANGED, 13 << 16])
def test_a_change_of_the_list_that_its_counter_does_not_confirm_is_none(event: int) -> None:
    library = Answering((0, [event, EMPTY]), counters=(0, 0, 0, 0, 0, 17))
    assert library.step([(PNP_NOTIFICATION, COUNTED)]) == TIMEOUT


@pytest.mark.parametrize("event", [COUNTED | CHANGED, 18 << 16 | CHANGED, 13 << 16 | CHANGED])
def test_a_change_of_the_list_has_the_counter_that_was_asked_for(event: int) -> None:
    library = Answering((0, [event, EMPTY]), counters=(0, 0, 0, 0, 0, 18))
    assert library.step([(PNP_NOTIFICATION, COUNTED)]) == (0, [18 << 16 | CHANGED])


def test_a_wait_for_a_change_of_the_list_counts_from_its_first_call() -> None:
    library = Answering((0, [18 << 16 | CHANGED, EMPTY]), counters=(17, 18))
    assert library.step([(PNP_NOTIFICATION, 0)]) == (0, [18 << 16 | CHANGED])
    assert library.asked == [[(PNP_NOTIFICATION, COUNTED), ("C", 0)]]


@pytest.mark.parametrize("counters", [(17,), (0, 17), (0, 0, 0, 17), (REFUSED, 0x80100009, 0, REFUSED, 0, 17)])
def test_the_state_of_the_list_is_asked_for_until_there_is_one(counters: Sequence[int]) -> None:
    assert Answering(counters=counters).waits.list_state() == COUNTED


def test_the_state_of_the_list_is_0_if_the_list_is_refused() -> None:
    assert Answering(counters=(REFUSED,), list_code=REFUSED).waits.list_state() == 0


def test_an_error_of_the_state_of_the_list_is_raised() -> None:
    with pytest.raises(NoServiceError):
        Answering(counters=(ReturnCode.SCARD_E_NO_SERVICE,)).step([(PNP_NOTIFICATION, 0)])
    with pytest.raises(NoServiceError):
        Answering(list_code=ReturnCode.SCARD_E_NO_SERVICE).step([(PNP_NOTIFICATION, 0)])


@pytest.mark.parametrize("event", [CHANGED, 0])
def test_a_change_of_a_list_that_is_not_counted_is_believed_and_asked_for_without_another_reader(event: int) -> None:
    library = Answering((0, [event, EMPTY]), counters=(0,))
    states = [(PNP_NOTIFICATION, 0), ("A", EMPTY)]
    assert library.step(states) == (0, [event, EMPTY])
    assert library.asked == [states]


def test_a_library_that_does_not_count_does_not_have_this_fault() -> None:
    library = Answering((ReturnCode.SCARD_E_UNKNOWN_READER, []), counters=(0,))
    assert library.step([("A", EMPTY)]) == (ReturnCode.SCARD_E_UNKNOWN_READER, [])
    assert library.asked == [[("A", EMPTY)]]


def test_a_library_that_does_not_take_so_many_readers_is_asked_for_those_of_the_call() -> None:
    library = Answering((ReturnCode.SCARD_E_INVALID_PARAMETER, []), (0, [PRESENT | CHANGED]))
    assert library.step([("B", EMPTY)]) == (0, [PRESENT | CHANGED])
    assert library.asked == [[("B", EMPTY), ("C", 0)], [("B", EMPTY)]]


@pytest.fixture
def reader() -> Iterator[VirtualReader]:
    with virtual.installed(), VirtualReader("Desk") as reader, VirtualReader("Shelf"):
        yield reader


@pytest.mark.parametrize("code", [ReturnCode.SCARD_E_UNKNOWN_READER, REFUSED])
def test_a_monitor_goes_on_after_a_wait_that_fails_although_its_readers_are_there(
    code: int, reader: VirtualReader
) -> None:
    with Context() as context, context.monitor(["Desk", "Shelf"]) as monitor:
        assert [monitor.wait(timeout=SECONDS).kind for _ in range(2)] == [EventKind.READER_ADDED] * 2
        with virtual.fault("SCardGetStatusChange", code=code, times=3) as fault:
            reader.insert(AnsweringCard())
            assert monitor.wait(timeout=SECONDS).kind is EventKind.CARD_INSERTED
            reader.remove()
            assert monitor.wait(timeout=SECONDS).kind is EventKind.CARD_REMOVED
            until(lambda: fault.hits == 3)
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


def test_a_monitor_gives_no_event_if_only_its_context_cannot_list_readers(reader: VirtualReader) -> None:
    with Context() as context, context.monitor(["Desk", "Shelf"]) as monitor:
        assert [monitor.wait(timeout=SECONDS).kind for _ in range(2)] == [EventKind.READER_ADDED] * 2
        with virtual.fault("SCardListReaders", code=REFUSED) as fault, VirtualReader("Floor"):
            until(lambda: fault.hits == 1)
        reader.insert(AnsweringCard())
        assert monitor.wait(timeout=SECONDS).kind is EventKind.CARD_INSERTED


def test_get_status_change_takes_another_context_if_readers_cannot_be_listed_on_its_own(reader: VirtualReader) -> None:
    with Context() as context:
        known = context.get_status_change(["Desk"])
        reader.insert(AnsweringCard())
        with (
            virtual.fault("SCardGetStatusChange", code=REFUSED, call=2),
            virtual.fault("SCardListReaders", code=REFUSED, call=3) as fault,
        ):
            [now] = context.get_status_change(known, SECONDS)
            assert fault.hits == 1
        assert now.state & ReaderStateFlag.PRESENT


def test_get_status_change_goes_on_after_a_wait_that_fails_although_the_reader_is_there(reader: VirtualReader) -> None:
    with Context() as context:
        known = context.get_status_change(["Desk"])
        with virtual.fault("SCardGetStatusChange", code=REFUSED, times=3):
            reader.insert(AnsweringCard())
            [now] = context.get_status_change(known, SECONDS)
        assert now.state & ReaderStateFlag.PRESENT
        with pytest.raises(UnknownReaderError):
            context.get_status_change([ReaderState("Nobody", ReaderStateFlag.EMPTY)], SECONDS)
