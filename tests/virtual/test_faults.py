"""Faults on demand: codes, garbage, removals, resets, latency, and a resource manager that stops."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
from support.cards import EchoCard
from support.commands import ANSWER_4, READ_4
from support.platforms import FORKS
from support.shape import MACOS, NO_SUCH_HANDLE

from scardffi import (
    CommunicationError,
    Context,
    InvalidArgumentError,
    Library,
    NoServiceError,
    NoSmartCardError,
    OutOfMemoryError,
    ResetCardError,
    ReturnCode,
    SCardError,
    SCardManage,
    ShareMode,
    virtual,
)
from scardffi.constants import INFINITE
from scardffi.virtual import DEFAULT_READER, _scardvirtual, fault, faults
from scardffi.virtual.reader import _cards as inserted

# Python 3.12 advises against forks of a process with threads.
pytestmark = pytest.mark.filterwarnings(r"ignore:.*use of fork\(\):DeprecationWarning")


@pytest.fixture
def card(library: Library) -> Iterator[SCardManage]:
    with SCardManage(library).attach_by_ifd(DEFAULT_READER) as attached:
        yield attached


CALLS: dict[str, Callable[[Library, int, int], object]] = {
    "SCardEstablishContext": lambda library, _context, _card: library.SCardEstablishContext(2),
    "SCardReleaseContext": lambda library, context, _card: library.SCardReleaseContext(context),
    "SCardIsValidContext": lambda library, context, _card: library.SCardIsValidContext(context),
    "SCardConnect": lambda library, context, _card: library.SCardConnect(context, DEFAULT_READER, 2, 3),
    "SCardReconnect": lambda library, _context, card: library.SCardReconnect(card, 2, 3, 0),
    "SCardDisconnect": lambda library, _context, card: library.SCardDisconnect(card, 0),
    "SCardBeginTransaction": lambda library, _context, card: library.SCardBeginTransaction(card),
    "SCardEndTransaction": lambda library, _context, card: library.SCardEndTransaction(card, 0),
    "SCardStatus": lambda library, _context, card: library.SCardStatus(card),
    "SCardGetStatusChange": lambda library, context, _card: library.SCardGetStatusChange(context, 0, []),
    "SCardControl": lambda library, _context, card: library.SCardControl(card, 1, b"", bytearray(8)),
    "SCardTransmit": lambda library, _context, card: library.SCardTransmit(card, 2, READ_4, bytearray(8)),
    "SCardListReaderGroups": lambda library, context, _card: library.SCardListReaderGroups(context),
    "SCardListReaders": lambda library, context, _card: library.SCardListReaders(context),
    "SCardFreeMemory": lambda library, context, _card: library.SCardFreeMemory(context, 0),
    "SCardCancel": lambda library, context, _card: library.SCardCancel(context),
    "SCardGetAttrib": lambda library, _context, card: library.SCardGetAttrib(card, 0x90303, bytearray(40)),
    "SCardSetAttrib": lambda library, _context, card: library.SCardSetAttrib(card, 0x90303, b"x"),
}
if MACOS:
    del CALLS["SCardFreeMemory"]  # macOS does not have it


def test_every_function_of_the_library_can_fail(library: Library) -> None:
    assert set(CALLS) == library.info().functions


@pytest.mark.parametrize("function", CALLS)
def test_a_function_with_a_fault_returns_the_code_and_does_nothing(function: str, library: Library) -> None:
    _, context = library.SCardEstablishContext(2)
    _, card, _ = library.SCardConnect(context, DEFAULT_READER, 2, 3)
    try:
        with fault(function, code=ReturnCode.SCARD_E_NO_MEMORY):
            answer = CALLS[function](library, context, card)
            assert (answer if isinstance(answer, int) else answer[0]) == ReturnCode.SCARD_E_NO_MEMORY  # type: ignore[index]  # the result is a tuple
        assert library.SCardIsValidContext(context) == 0
        assert library.SCardStatus(card)[0] == 0
    finally:
        assert library.SCardReleaseContext(context) == 0


def test_the_first_call_and_the_number_of_calls_can_be_chosen(library: Library) -> None:
    with (
        Context(library=library) as context,
        fault("SCardListReaders", call=2, times=2, code=ReturnCode.SCARD_F_INTERNAL_ERROR),
    ):
        codes = [library.SCardListReaders(context.handle)[0] for _ in range(4)]
    assert codes == [0, ReturnCode.SCARD_F_INTERNAL_ERROR, ReturnCode.SCARD_F_INTERNAL_ERROR, 0]


def test_a_fault_counts_the_calls_that_it_affected(card: SCardManage) -> None:
    with fault("SCardTransmit", call=2, times=2, latency=0) as armed:
        hits = [armed.hits]
        for _ in range(4):
            card.transmit(READ_4)
            hits.append(armed.hits)
        assert hits == [0, 0, 1, 2, 2]
    assert armed.hits == 0


def test_several_faults_of_one_function_count_separately(card: SCardManage) -> None:
    with (
        fault("SCardTransmit", call=2, code=0x80100001),
        fault("SCardTransmit", call=3, code=ReturnCode.SCARD_E_NO_MEMORY),
    ):
        assert card.transmit(READ_4) == ANSWER_4
        with pytest.raises(SCardError, match="INTERNAL"):
            card.transmit(READ_4)
        with pytest.raises(OutOfMemoryError):
            card.transmit(READ_4)
        assert card.transmit(READ_4) == ANSWER_4


def test_an_ended_fault_does_not_happen(card: SCardManage) -> None:
    armed = fault("SCardTransmit", times=100, code=ReturnCode.SCARD_E_NO_MEMORY)
    with pytest.raises(OutOfMemoryError):
        card.transmit(READ_4)
    armed.end()
    armed.end()
    assert card.transmit(READ_4) == ANSWER_4
    assert repr(armed) == "<scardffi.virtual.Fault of SCardTransmit: call=1,times=100,code=0x80100006, ended>"


@pytest.mark.parametrize("use", [virtual.Fault.end, lambda one: one.hits], ids=["end", "hits"])
def test_a_fault_may_end_on_another_thread_meanwhile(
    use: Callable[[virtual.Fault], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Armed(set[virtual.Fault]):
        def __contains__(self, one: object) -> bool:
            found = super().__contains__(one)
            if threading.current_thread() is not ending:
                ending.start()
                ending.join(0.2)
            return found

    monkeypatch.setattr(faults, "armed", Armed())
    ended = fault("SCardTransmit", code=1)
    ending = threading.Thread(target=ended.end)
    use(ended)
    ending.join(10)
    assert not faults.armed


@pytest.mark.parametrize(
    ("effect", "text"),
    [({"removal": True}, "removal"), ({"answer": "6A82"}, "answer=6a82"), ({"latency": 2}, "latency=2000")],
)
def test_the_repr_of_a_fault_says_its_calls_and_its_effect(effect: dict[str, Any], text: str) -> None:
    with fault("SCardTransmit", call=3, times=2, **effect) as armed:
        assert repr(armed) == f"<scardffi.virtual.Fault of SCardTransmit: call=3,times=2,{text}>"


@pytest.mark.parametrize("garbage", [b"", b"\x90", b"\xff" * 4, bytes(65538)], ids=len)
def test_the_given_answer_replaces_the_cards(garbage: bytes, card: SCardManage) -> None:
    with fault("SCardTransmit", answer=garbage):
        assert card.transmit(READ_4) == garbage
    assert card.transmit(READ_4) == ANSWER_4


@pytest.mark.parametrize(("text", "answer"), [("6A82", b"\x6a\x82"), ("01 02 90 00", b"\1\2\x90\0"), ("", b"")])
def test_the_answer_may_be_hexadecimal_text(text: str, answer: bytes, card: SCardManage) -> None:
    with fault("SCardTransmit", answer=text):
        assert card.transmit(READ_4) == answer


def test_a_given_answer_that_does_not_fit_is_not_written(card: SCardManage) -> None:
    memory = bytearray(b"\xee" * 16)
    with fault("SCardTransmit", answer=bytes(200)), memoryview(memory)[:8] as part, pytest.raises(SCardError) as raised:
        card.transmit_into(READ_4, part)
    assert raised.value.code == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
    assert memory[8:] == b"\xee" * 8


def test_a_fault_removes_the_card_during_a_command(library: Library) -> None:
    class CountingCard:
        atr = bytes.fromhex("3B80800101")
        seen = 0

        def transmit(self, _command: bytes) -> bytes:
            self.seen += 1
            return b"\x90\x00"

    python_card = CountingCard()
    with virtual.VirtualReader("removal", python_card), SCardManage(library).attach_by_ifd("removal") as card:
        with fault("SCardTransmit", call=2, removal=True):
            card.transmit(READ_4)
            with pytest.raises(NoSmartCardError):
                card.transmit(READ_4)
        assert python_card.seen == 2
        with pytest.raises(SCardError) as raised:
            card.transmit(READ_4)
        assert raised.value.code == ReturnCode.SCARD_W_REMOVED_CARD


def test_a_fault_resets_the_card(card: SCardManage) -> None:
    with fault("SCardTransmit", call=2, reset=True):
        assert card.transmit(READ_4) == ANSWER_4
        with pytest.raises(ResetCardError):
            card.transmit(READ_4)
    card.reconnect(share_mode=ShareMode.SHARED)
    assert card.transmit(READ_4) == ANSWER_4


def test_a_fault_delays_one_command(card: SCardManage) -> None:
    with fault("SCardTransmit", latency=0.05):
        start = time.perf_counter()
        assert card.transmit(READ_4) == ANSWER_4
        assert time.perf_counter() - start >= 0.05


def test_a_fault_stops_the_resource_manager(library: Library) -> None:
    context = Context(library=library)
    with fault("SCardListReaders", stop=True):
        assert library.SCardListReaders(context.handle)[0] == ReturnCode.SCARD_E_NO_SERVICE
    with pytest.raises(NoServiceError):
        Context(library=library)
    with virtual.service_stopped():
        pass
    context.release()  # what is gone is released already
    with Context(library=library) as fresh:
        assert DEFAULT_READER in fresh.list_readers()


def code_of_a_wait_that_a_stop_ends(library: Library, seconds: float) -> int:
    """Return the code of SCardGetStatusChange if the resource manager stops so much later."""
    _, context = library.SCardEstablishContext(2)
    _, [(state, _)] = library.SCardGetStatusChange(context, 0, [(DEFAULT_READER, 0)])
    codes: list[int] = []
    waiter = threading.Thread(
        target=lambda: codes.append(library.SCardGetStatusChange(context, INFINITE, [(DEFAULT_READER, state & ~2)])[0])
    )
    waiter.start()
    time.sleep(seconds)
    with virtual.service_stopped():
        waiter.join(5)
    assert library.SCardReleaseContext(context) == ReturnCode.SCARD_E_NO_SERVICE
    return codes[0]


def test_a_stop_ends_a_wait_with_a_communication_error(library: Library) -> None:
    codes = (code_of_a_wait_that_a_stop_ends(library, seconds) for seconds in (0.05, 0.5, 5))
    started_late = ReturnCode.SCARD_E_NO_SERVICE
    assert next(code for code in codes if code != started_late) == ReturnCode.SCARD_F_COMM_ERROR


def test_after_a_stop_only_new_contexts_work_again(library: Library) -> None:
    _, context = library.SCardEstablishContext(2)
    _, card, _ = library.SCardConnect(context, DEFAULT_READER, 2, 3)
    with virtual.service_stopped():
        assert library.SCardEstablishContext(2) == (ReturnCode.SCARD_E_NO_SERVICE, 0)
        assert library.SCardTransmit(card, 2, READ_4, bytearray(6))[0] == ReturnCode.SCARD_E_NO_SERVICE
        assert library.SCardListReaders(context)[0] == ReturnCode.SCARD_E_NO_SERVICE
        assert library.SCardIsValidContext(context) == 0
    assert library.SCardListReaders(context)[0] == ReturnCode.SCARD_E_NO_SERVICE
    assert library.SCardReleaseContext(context) == ReturnCode.SCARD_E_NO_SERVICE
    assert library.SCardIsValidContext(context) == NO_SUCH_HANDLE
    with Context(library=library) as fresh, fresh.attach(DEFAULT_READER) as attached:
        assert attached.transmit(READ_4) == ANSWER_4


def test_the_resource_manager_runs_again_after_the_last_start(library: Library) -> None:
    with virtual.service_stopped():
        with virtual.service_stopped():
            pass
        assert library.SCardEstablishContext(2)[0] == ReturnCode.SCARD_E_NO_SERVICE
    with Context(library=library) as context:
        assert context.is_valid()


def test_the_resource_manager_runs_again_after_ctrl_c_during_the_stop(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = _scardvirtual.stop_service

    def interrupted() -> None:
        stop()
        raise KeyboardInterrupt

    monkeypatch.setattr(_scardvirtual, "stop_service", interrupted)
    with pytest.raises(KeyboardInterrupt), virtual.service_stopped():
        pass
    with Context(library=library) as context:
        assert context.is_valid()


@FORKS
@pytest.mark.parametrize("change", [virtual.service_stopped, virtual.service_frozen])
def test_the_child_of_a_fork_has_its_own_resource_manager(
    change: Callable[[], AbstractContextManager[None]], library: Library
) -> None:
    with change(), ExitStack() as parents:
        parents.enter_context(change())
        child = os.fork()
        if child == 0:
            signal.alarm(10)  # it ends the child if the resource manager stays frozen
            with change():
                parents.close()
                stopped = change is virtual.service_frozen or (
                    library.SCardEstablishContext(2)[0] == ReturnCode.SCARD_E_NO_SERVICE
                )
            os._exit(not stopped or library.SCardEstablishContext(2)[0] != 0)
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("name", [name for name in CALLS if name != "SCardFreeMemory"])
def test_no_function_returns_while_the_resource_manager_is_frozen(name: str, library: Library) -> None:
    _, context = library.SCardEstablishContext(2)
    _, card, _ = library.SCardConnect(context, DEFAULT_READER, 2, 3)
    returned: list[object] = []
    thread = threading.Thread(target=lambda: returned.append(CALLS[name](library, context, card)))
    with virtual.service_frozen():
        with virtual.service_frozen():
            thread.start()
        time.sleep(0.02)
        assert returned == []
    thread.join(5)
    assert len(returned) == 1
    library.SCardReleaseContext(context)


def test_a_wait_returns_only_when_the_resource_manager_goes_on(library: Library) -> None:
    with virtual.VirtualReader("wait") as reader, Context(library=library) as context:
        known = [(one.reader, one.event_count << 16 | one.state) for one in context.get_status_change(["wait"])]
        _, waiting = library.SCardEstablishContext(2)
        returned: list[object] = []
        thread = threading.Thread(
            target=lambda: returned.append(library.SCardGetStatusChange(waiting, INFINITE, known)[0])
        )
        thread.start()
        time.sleep(0.02)
        with virtual.service_frozen():
            reader.insert(virtual.AnsweringCard())
            time.sleep(0.1)  # a wait that did not freeze would return in this time
            assert returned == []
        thread.join(5)
        assert returned == [0]
        library.SCardReleaseContext(waiting)


def test_a_new_card_replaces_one_that_a_fault_removed(library: Library) -> None:
    before = dict(inserted)
    with virtual.VirtualReader("removal", virtual.AnsweringCard()) as reader:
        for _ in range(3):
            card = SCardManage(library).attach_by_ifd("removal")
            with fault("SCardTransmit", removal=True), pytest.raises(NoSmartCardError):
                card.transmit(READ_4)
            card.detach()
            another = virtual.AnsweringCard()
            reader.insert(another)
            assert reader.card is another
        assert len(inserted) == len(before) + 1
    assert inserted == before


def test_a_command_during_the_stop_is_a_communication_error(library: Library) -> None:
    with ExitStack() as stops, virtual.VirtualReader("stop") as reader:

        class StoppingCard(EchoCard):
            def transmit(self, command: bytes) -> bytes:
                stops.enter_context(virtual.service_stopped())
                return super().transmit(command)

        reader.insert(StoppingCard())
        card = SCardManage(library).attach_by_ifd("stop")
        with pytest.raises(CommunicationError):
            card.transmit(READ_4)
        stops.close()
        card.detach()  # what is gone is detached already


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("SCardFoo", {"code": 1}, "function: 'SCardFoo' is not allowed"),
        (
            "SCardConnect",
            {"removal": True},
            "'SCardConnect' is not allowed; give SCardTransmit: no other function can have the effect removal",
        ),
        ("SCardConnect\0", {"code": 1}, "function: 'SCardConnect.x00' is not allowed"),
        ("SCardTransmit", {}, "number of effects: 0 is not allowed; give exactly one of code"),
        ("SCardTransmit", {"code": 1, "stop": True}, "number of effects: 2 is not allowed"),
        ("SCardTransmit", {"code": 1, "call": 0}, "call: 0 is not allowed; give 1 to 0xFFFFFFFF"),
        ("SCardTransmit", {"code": 1, "times": -1}, "times: -1"),
        ("SCardTransmit", {"code": -1}, "code: -1"),
        ("SCardTransmit", {"latency": -1.0}, "latency: -1.0"),
        ("SCardTransmit", {"answer": "6A8"}, "answer: '6A8' is not allowed; give two hexadecimal digits for each byte"),
        ("SCardTransmit", {"removal": 0}, "number of effects: 0 is not allowed"),
    ],
    ids=repr,
)
def test_a_wrong_fault_is_refused_with_the_arguments_name(
    function: str, arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        fault(function, **arguments)  # type: ignore[arg-type]  # the test passes a wrong type


def test_a_function_name_of_a_wrong_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="function: expected a str, got int"):
        fault(5, code=1)  # type: ignore[arg-type]  # the test passes a wrong type


def test_an_answer_of_a_wrong_type_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="answer: expected bytes, or hexadecimal text, got int"):
        fault("SCardTransmit", answer=0x6A82)  # type: ignore[arg-type]  # the test passes a wrong type


def test_at_most_64_faults_exist_and_those_that_have_happened_count(card: SCardManage) -> None:
    armed = [fault("SCardTransmit", answer="9000") for _ in range(64)]
    try:
        card.transmit(READ_4)
        assert [one.hits for one in armed] == [1] * 64
        with pytest.raises(OutOfMemoryError, match=r"there are 64 faults already.*, or call its method end\(\)"):
            fault("SCardTransmit", code=1)
        armed.pop().end()
        armed.append(fault("SCardTransmit", call=1000, code=1))
    finally:
        for one in armed:
            one.end()
    assert card.transmit(READ_4) == ANSWER_4
