"""Context: readers, waits and their ends, cancel, release."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from conftest import Place
from support.commands import ANSWER_4, READ_4
from support.moments import WAITS, any_is_in, is_in, until, when
from support.pcscd import PrivatePcscd
from support.signals import ANY_SIGNAL, ended_by_ctrl_c, send_signal

from scardffi import (
    CancelledError,
    Context,
    InvalidArgumentError,
    Library,
    NoServiceError,
    NoSmartCardError,
    ReaderState,
    ReaderStateFlag,
    RemovedCardError,
    SCardManage,
    SCardTimeoutError,
    Scope,
    UnexpectedStateError,
    UnknownReaderError,
    virtual,
)
from scardffi.constants import PNP_NOTIFICATION
from scardffi.virtual import VirtualReader


def test_readers_and_groups_are_listed(place: Place) -> None:
    with Context(library=place.library) as context:
        assert place.reader in context.list_readers()
        assert context.list_reader_groups() == ["SCard$DefaultReaders"]
        assert context.is_valid()
        assert type(context.handle) is int


@pytest.mark.parametrize("scope", [-1, 1.5, 3, "SYSTEM"])
def test_a_scope_that_does_not_exist_is_refused(scope: object, virtual_place: Place) -> None:
    with pytest.raises((InvalidArgumentError, TypeError), match="scope: "):
        Context(scope, library=virtual_place.library)  # type: ignore[arg-type]  # the test passes a wrong type


def test_a_card_attached_through_a_context_works_and_is_detached_by_its_release(place: Place) -> None:
    with Context(Scope.USER, library=place.library) as context:
        first = context.attach(place.reader)
        second = context.attach(place.reader)
        assert first.transmit(READ_4) == second.transmit(READ_4) == ANSWER_4
        second.detach()
    assert not first.is_attached
    with pytest.raises(UnexpectedStateError):
        first.transmit(READ_4)


def test_a_card_keeps_its_context_alive(place: Place) -> None:
    card = Context(library=place.library).attach(place.reader)
    assert card.transmit(READ_4) == ANSWER_4
    owner = card._owner
    assert isinstance(owner, Context)
    owner.release()
    assert not card.is_attached


def test_after_release_every_use_is_refused_and_a_second_release_does_nothing(place: Place) -> None:
    context = Context(library=place.library)
    context.release()
    context.release()
    assert not context.is_valid()
    assert repr(context) == "<scardffi.Context released>"
    for use in (
        context.list_readers,
        context.list_reader_groups,
        lambda: context.attach(place.reader),
        lambda: context.get_status_change([place.reader]),
        lambda: context.handle,
    ):
        with pytest.raises(UnexpectedStateError, match="released"):
            use()


def test_without_a_known_state_the_state_is_returned_at_once(place: Place) -> None:
    with Context(library=place.library) as context:
        (state,) = context.get_status_change([place.reader])
        assert state.reader == place.reader
        assert state.state & ReaderStateFlag.PRESENT
        assert state.state & ReaderStateFlag.CHANGED
        assert state.atr.startswith(b"\x3b\x88\x80\x01")
        assert state.event_count >= 0


def test_a_state_that_does_not_change_times_out(place: Place) -> None:
    with Context(library=place.library) as context:
        known = context.get_status_change([place.reader])
        for timeout in (0, 0.2):
            start = time.perf_counter()
            with pytest.raises(SCardTimeoutError):
                context.get_status_change(known, timeout)
            assert timeout <= time.perf_counter() - start < timeout + 1


def test_an_unknown_reader_is_refused_at_once(place: Place) -> None:
    with Context(library=place.library) as context, pytest.raises(UnknownReaderError):
        context.get_status_change(["no such reader"], 5)


def test_removal_and_insertion_are_seen_by_threads_and_by_the_main_thread(removal_daemon: PrivatePcscd) -> None:
    reader = removal_daemon.ifd_reader(2)
    with Context() as context:
        known = context.get_status_change([reader, PNP_NOTIFICATION], 0)
        seen: list[ReaderState] = []
        watching = threading.Thread(target=lambda: seen.extend(context.get_status_change(known)))
        watching.start()
        with when(is_in(*WAITS), lambda: removal_daemon.remove_card(2), after=0.1):
            (gone, _) = context.get_status_change(known, 10)
        watching.join(10)
        assert gone.state & ReaderStateFlag.EMPTY
        assert seen[0].state & ReaderStateFlag.EMPTY
        with when(is_in(*WAITS), lambda: removal_daemon.insert_card(2), after=0.1):
            (back,) = context.get_status_change([gone], 10)
        assert back.state & ReaderStateFlag.PRESENT
        counted = (back.event_count - known[0].event_count) % 65536
        assert counted >= 2  # more if pcscd has missed the first insertion
        assert counted % 2 == 0
        assert back.atr == known[0].atr


def _wait_in_the_library(context: Context, reader: str) -> tuple[threading.Thread, list[str]]:
    [thread], ends = _waits(context, context.get_status_change([reader]), 1)
    until(any_is_in(Library.SCardGetStatusChange))
    time.sleep(0.05)  # from there to PC/SC's wait, which nothing tells
    return thread, ends


def _waits(context: Context, known: list[ReaderState], count: int) -> tuple[list[threading.Thread], list[str]]:
    ends: list[str] = []

    def wait() -> None:
        try:
            context.get_status_change(known)
        except CancelledError:
            ends.append("cancelled")

    threads = [threading.Thread(target=wait) for _ in range(count)]
    for thread in threads:
        thread.start()
    while sum(wait.has_caller for wait in list(context._waits)) < count:  # without those of an earlier call
        time.sleep(0.001)
    return threads, ends


def test_cancel_ends_every_present_wait_and_no_later_one(place: Place) -> None:
    with Context(library=place.library) as context:
        known = context.get_status_change([place.reader])
        for _ in range(20):
            threads, ends = _waits(context, known, 4)
            context.cancel()
            for thread in threads:
                thread.join(5)
            assert ends == ["cancelled"] * 4
        with pytest.raises(SCardTimeoutError):
            context.get_status_change(known, 0.1)
        context.cancel()  # without a wait it does nothing


def test_release_ends_all_waits(place: Place) -> None:
    context = Context(library=place.library)
    known = context.get_status_change([place.reader])
    threads, ends = _waits(context, known, 3)
    context.release()
    for thread in threads:
        thread.join(5)
    assert ends == ["cancelled"] * 3


def test_other_calls_continue_while_threads_wait(place: Place) -> None:
    with Context(library=place.library) as context:
        known = context.get_status_change([place.reader])
        threads, _ = _waits(context, known, 3)
        with context.attach(place.reader) as card:
            start = time.perf_counter()
            for _ in range(20):
                assert card.transmit(READ_4) == ANSWER_4
                assert place.reader in context.list_readers()
            assert time.perf_counter() - start < 2
        context.cancel()
        for thread in threads:
            thread.join(5)


@pytest.mark.alone
def test_ctrl_c_ends_a_wait_within_100_ms(place: Place) -> None:
    best = 9.0
    with Context(library=place.library) as context:
        known = context.get_status_change([place.reader])
        for _ in range(3):  # the machine may be busy: measure only the time that the wait adds
            with ended_by_ctrl_c() as interruption:
                context.get_status_change(known)
            best = min(best, interruption.took)
    assert best < 0.1


@pytest.mark.skipif(sys.platform == "win32", reason="its resource manager cannot be hidden from a process")
def test_without_a_daemon_a_context_raises_no_service_error() -> None:
    script = "import scardffi\ntry: scardffi.Context()\nexcept scardffi.NoServiceError as error: print(error.name)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script],
        env={**os.environ, "PCSCLITE_CSOCK_NAME": "/nonexistent/pcscd.comm"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "SCARD_E_NO_SERVICE\n"
    assert issubclass(NoServiceError, Exception)


def test_signals_reach_python_during_a_wait_of_the_main_thread(virtual_place: Place) -> None:
    heard: list[int] = []
    previous = signal.signal(ANY_SIGNAL, lambda number, _frame: heard.append(number))
    try:
        with Context(library=virtual_place.library) as context:
            known = context.get_status_change([virtual_place.reader])
            with pytest.raises(SCardTimeoutError), when(is_in(*WAITS), lambda: send_signal(ANY_SIGNAL), after=0.05):
                context.get_status_change(known, 0.5)
        assert heard == [ANY_SIGNAL]
    finally:
        signal.signal(ANY_SIGNAL, previous)


def test_each_attachment_has_its_own_native_context(daemon: PrivatePcscd) -> None:
    reader = daemon.ifd_reader(2)
    with Context() as context, context.attach(reader) as card:
        assert Library("libpcsclite.so.1").SCardReleaseContext(context.handle) == 0
        assert card.transmit(READ_4) == ANSWER_4
        context._context = None  # the handle is closed already


def test_release_succeeds_after_a_card_was_removed(removal_daemon: PrivatePcscd) -> None:
    reader = removal_daemon.ifd_reader(2)
    context = Context()
    card: SCardManage = context.attach(reader)
    removal_daemon.remove_card(2)
    try:
        removal_daemon.wait_for_card(reader, present=False)
        with pytest.raises(RemovedCardError):
            card.transmit(READ_4)
        context.release()
        assert not card.is_attached
    finally:
        removal_daemon.insert_card(2)
        removal_daemon.wait_for_card(reader)


def test_cancel_from_a_signal_handler_ends_the_wait_that_it_interrupts(place: Place) -> None:
    with Context(library=place.library) as context:
        known = context.get_status_change([place.reader])
        previous = signal.signal(ANY_SIGNAL, lambda _number, _frame: context.cancel())
        try:
            with pytest.raises(CancelledError), when(is_in(*WAITS), lambda: send_signal(ANY_SIGNAL), after=0.05):
                context.get_status_change(known, 10)
        finally:
            signal.signal(ANY_SIGNAL, previous)


def test_an_exception_in_the_with_block_is_not_hidden_by_release(virtual_place: Place) -> None:
    def fail() -> None:
        with Context(library=virtual_place.library) as context:
            virtual_place.library.SCardReleaseContext(context.handle)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


def test_release_detaches_only_cards_attached_through_the_context(virtual_place: Place) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as other:
        context = Context(library=virtual_place.library)
        card = context.attach(virtual_place.reader)
        card.detach()
        card.attach_by_handle(other)
        context.release()
        assert card.transmit(READ_4) == ANSWER_4
        card.detach()


@pytest.mark.parametrize(
    ("states", "message"),
    [
        ("reader", "states: expected names or ReaderStates in a list, got 'reader'"),
        (None, "states: expected names"),
        ([5], "states: item 0 is 5; expected a reader's name or a ReaderState"),
        (["a", b"x"], "states: item 1 is b'x'"),
        ([ReaderState("a", event_count=-1)], "states: event_count of item 0: -1 is not allowed; give 0 to 0xFFFF"),
        ([ReaderState("a", 1 << 40)], "states: state of item 0: 1099511627776"),  # type: ignore[arg-type]  # the test passes a wrong type
        ([ReaderState("a", "x")], "states: state of item 0: expected an int, got str"),  # type: ignore[arg-type]  # the test passes a wrong type
    ],
    ids=repr,
)
def test_wrong_states_are_refused_with_the_arguments_name(states: object, message: str, virtual_place: Place) -> None:
    with Context(library=virtual_place.library) as context, pytest.raises((TypeError, ValueError), match=message):
        context.get_status_change(states)  # type: ignore[arg-type]  # the test passes a wrong type


def test_the_error_names_the_unknown_reader(virtual_place: Place) -> None:
    with Context(library=virtual_place.library) as context, pytest.raises(UnknownReaderError, match="watching nobody"):
        context.get_status_change(["nobody"])


def test_an_object_that_is_no_library_is_refused() -> None:
    for bad in ("x", 0, object()):
        with pytest.raises(TypeError, match=r"library: expected a scardffi\.Library or None"):
            Context(library=bad)  # type: ignore[arg-type]  # the test passes a wrong type
        with pytest.raises(TypeError, match=r"library: expected a scardffi\.Library or None"):
            SCardManage(bad)  # type: ignore[arg-type]  # the test passes a wrong type


def test_a_wait_fails_at_once_if_its_thread_cannot_start(virtual_place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    with Context(library=virtual_place.library) as context:
        monkeypatch.setattr("_thread.start_new_thread", refuse)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            context.get_status_change([virtual_place.reader])
        context.cancel()


def test_a_wait_for_no_readers_is_refused(place: Place) -> None:
    with Context(library=place.library) as context:
        with pytest.raises(InvalidArgumentError, match="states: "):
            context.get_status_change([], 0)
        for names in ([""], [place.reader, ""]):
            with pytest.raises(UnknownReaderError, match="no reader has this name: ''"):
                context.get_status_change(names, 0)


def test_a_wait_for_more_readers_than_pcscd_takes_says_the_limit(place: Place) -> None:
    with Context(library=place.library) as context:
        try:
            assert len(context.get_status_change([place.reader] * 17, 0)) == 17  # pcscd 1 refuses this
        except InvalidArgumentError as error:
            assert "17 readers are more than the resource manager takes" in str(error)  # noqa: PT017  only in one place
            assert "at most 16" in str(error)  # noqa: PT017  as above


def test_questions_are_asked_again_after_the_service_came_back(virtual_place: Place) -> None:
    with Context(library=virtual_place.library) as context:
        old = context.handle
        card = context.attach(virtual_place.reader)
        card.lock()
        with virtual.service_stopped():
            assert not context.is_valid()
            with pytest.raises(NoServiceError):
                context.list_readers()
        assert context.is_valid()
        assert context.handle != old
        assert virtual_place.reader in context.list_readers()
        assert context.list_reader_groups() == ["SCard$DefaultReaders"]
        assert context.get_status_change([virtual_place.reader], 0)
        with pytest.raises(NoServiceError, match="Attach again"):
            card.transmit(READ_4)
        card.unlock()
        card.detach()
        with context.attach(virtual_place.reader) as again:
            assert again.transmit(READ_4) == ANSWER_4


@pytest.mark.parametrize("code", ["SCARD_E_SERVICE_STOPPED", "SCARD_E_NO_SERVICE", "SCARD_E_INVALID_HANDLE"])
def test_a_context_that_the_service_has_forgotten_is_replaced(virtual_place: Place, code: str) -> None:
    """As on Windows, where the service ends with the last reader."""
    with Context(library=virtual_place.library) as context:
        old = context.handle
        with virtual.fault("SCardListReaders", code=code):
            assert virtual_place.reader in context.list_readers()
        assert context.handle != old


def test_a_with_block_whose_service_stopped_raises_its_own_error(virtual_place: Place) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        Context(library=virtual_place.library) as context,
        context.attach(virtual_place.reader) as card,
        card.transaction(),
        virtual.service_stopped(),
    ):
        raise ZeroDivisionError
    context = Context(library=virtual_place.library)
    card = context.attach(virtual_place.reader)
    try:
        with virtual.service_stopped():
            card.transmit(READ_4)
    except NoServiceError:
        pass
    finally:
        card.detach()
        context.release()


def test_cancel_ends_a_wait_although_scardcancel_fails(virtual_place: Place) -> None:
    with Context(library=virtual_place.library) as context:
        thread, ends = _wait_in_the_library(context, virtual_place.reader)
        with virtual.fault("SCardCancel", times=3, code=0x80100006) as armed:
            start = time.perf_counter()
            context.cancel()
            thread.join(5)
            assert time.perf_counter() - start < 2
            assert ends == ["cancelled"]
            while armed.hits < 3:  # it is tried again, which ends PC/SC's wait too
                assert time.perf_counter() - start < 5
                time.sleep(0.01)


def test_ctrl_c_ends_a_wait_although_scardcancel_fails(virtual_place: Place) -> None:
    with Context(library=virtual_place.library) as context:
        with virtual.fault("SCardCancel", times=0xFFFFFFFF, code=0x80100006), ended_by_ctrl_c():
            context.get_status_change([ReaderState(PNP_NOTIFICATION)])
        with VirtualReader("Ends the wait"):
            pass


def test_release_closes_the_context_although_scardcancel_fails(virtual_place: Place) -> None:
    context = Context(library=virtual_place.library)
    card = context.attach(virtual_place.reader)
    thread, _ = _wait_in_the_library(context, virtual_place.reader)
    with virtual.fault("SCardCancel", times=0xFFFFFFFF, code=0x80100006):
        context.release()
    assert not card.is_attached
    with pytest.raises(UnexpectedStateError):
        context.list_readers()
    with VirtualReader("Ends the wait"):
        thread.join(5)
    assert thread.is_alive() is False


@pytest.mark.parametrize("timeout", [None, 5.0])
def test_the_error_of_attach_names_the_function_and_says_that_there_is_no_reader(timeout: float | None) -> None:
    default = VirtualReader(virtual.DEFAULT_READER, virtual.AnsweringCard())
    default.unplug()
    try:
        with Context(library=Library(virtual.library_path())) as context:
            with pytest.raises(
                UnknownReaderError, match=r"^attach: no reader has this name: 'Desk'; no reader is plugged in"
            ) as raised:
                context.attach("Desk", timeout=timeout)
            assert raised.value.function == "attach"
            with VirtualReader("Door"):
                with pytest.raises(UnknownReaderError, match=r"^attach: no reader has this name: 'Desk' \["):
                    context.attach("Desk", timeout=timeout)
                with pytest.raises(NoSmartCardError, match=r"^attach: there is no card in the reader: 'Door'"):
                    context.attach("Door", timeout=timeout)
    finally:
        default.plug()
