"""What ends a script or a whole file early, and the replies and bytes that the exception has."""

import itertools
import signal
import time
from collections.abc import Callable, Iterator

import pytest
from conftest import Place
from support.callback_card import CallbackLibrary
from support.commands import ANSWER_4, READ_4
from support.moments import when
from support.reports import report
from support.signals import ANY_SIGNAL, send_signal

from scardffi import Replies, ReturnCode, SCardError, SCardManage, Script, ScriptError, virtual

COMMANDS = 100
MANY_COMMANDS = 2000
PARTS_MS = 5


class SomeError(Exception):
    """An error of the program."""


class SomeExit(BaseException):
    """An exception that is not an Exception."""


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


@pytest.fixture
def raised_by_signal(request: pytest.FixtureRequest) -> Iterator[type[BaseException]]:
    """Return the exception that the handler of ANY_SIGNAL raises."""
    raised: type[BaseException] = request.param

    def raise_it(*_: object) -> None:
        raise raised("a message")

    before = signal.signal(ANY_SIGNAL, raise_it)
    yield raised
    signal.signal(ANY_SIGNAL, before)


class Flag:
    """A cancel flag that calls a function."""

    def __init__(self, function: Callable[[], bool]) -> None:
        self.is_set = function


def raiser(raised: BaseException) -> Callable[..., bool]:
    """Return a function that raises, however it is called."""

    def function(*_: object) -> bool:
        raise raised

    return function


RAISED = [SomeError, SomeExit, KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration, SCardError]


def new(raised: type[BaseException]) -> BaseException:
    """Return an exception of this class."""
    return raised("a message")


def check(error: BaseException, total: int = COMMANDS) -> int:
    """Check that the exception has every reply so far, and return their number."""
    kept = vars(error)
    replies = kept["replies"]
    assert isinstance(replies, Replies)
    assert 0 < len(replies) <= total
    assert len(replies) == kept["index"]
    assert all(bytes(reply) == ANSWER_4 for reply in replies)
    return len(replies)


@pytest.mark.parametrize("transaction", [False, True])
@pytest.mark.parametrize("raised_by_signal", RAISED, indirect=True)
def test_whatever_a_signal_handler_raises_has_the_replies(
    raised_by_signal: type[BaseException], transaction: bool, virtual_place: Place
) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        with (
            virtual.fault("SCardTransmit", times=MANY_COMMANDS, latency=PARTS_MS / 1000) as sent,
            pytest.raises(raised_by_signal) as raised,
            when(lambda: sent.hits > 1, lambda: send_signal(ANY_SIGNAL), after=0.02),
        ):
            Script([READ_4] * MANY_COMMANDS).run(card, transaction=transaction)
        assert check(raised.value, MANY_COMMANDS) < MANY_COMMANDS
        assert card.transmit(READ_4) == ANSWER_4


@pytest.mark.parametrize("transaction", [False, True])
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("place_of_error", ["progress", "cancel", "last progress"])
def test_whatever_progress_and_cancel_raise_has_the_replies(
    place_of_error: str, raised: type[BaseException], transaction: bool, virtual_place: Place
) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        error = new(raised)
        function = raiser(error)
        progress = function if place_of_error != "cancel" else None
        cancel = Flag(function) if place_of_error == "cancel" else None
        latency = 0.001 if place_of_error != "last progress" else 0
        with virtual.fault("SCardTransmit", times=COMMANDS, latency=latency), pytest.raises(raised) as caught:
            Script([READ_4] * COMMANDS).run(card, transaction=transaction, progress=progress, cancel=cancel)
        assert caught.value is error
        assert (check(error) == COMMANDS) == (place_of_error == "last progress")


def test_an_exception_object_that_is_raised_again_has_the_replies_of_the_last_run(virtual_place: Place) -> None:
    error = SomeError()
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        for count in (3, 5):
            with pytest.raises(SomeError):
                Script([READ_4] * count).run(card, progress=raiser(error))
            assert check(error, count) == count


def test_if_the_end_of_the_transaction_fails_the_error_has_the_replies(virtual_place: Place) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        with virtual.fault("SCardEndTransaction", code=ReturnCode.SCARD_F_INTERNAL_ERROR):
            with pytest.raises(SCardError) as raised:
                Script([READ_4] * COMMANDS).run(card, transaction=True)
            assert raised.value.code == ReturnCode.SCARD_F_INTERNAL_ERROR
        assert check(raised.value) == COMMANDS
        card.unlock()


def test_if_the_transaction_cannot_begin_the_error_has_no_replies(virtual_place: Place) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        with (
            virtual.fault("SCardBeginTransaction", code=ReturnCode.SCARD_F_COMM_ERROR),
            pytest.raises(SCardError) as raised,
        ):
            Script([READ_4]).run(card, transaction=True)
        assert (len(vars(raised.value)["replies"]), vars(raised.value)["index"]) == (0, 0)


def test_a_run_that_ends_at_any_command_of_any_pass_has_the_replies(cards: CallbackLibrary) -> None:
    """None stands for an unexpected status word."""
    tried = 0
    codes = [None, ReturnCode.SCARD_W_REMOVED_CARD, ReturnCode.SCARD_E_NO_SERVICE]
    for code, keep_all, count in itertools.product(codes, (False, True), (1, 2, 7)):
        for ends_at in range(3 * count):
            answers = iter([bytes([i]) + b"\x90\x00" for i in range(ends_at)] + [b"\x6a\x82" if code is None else code])
            card = cards.attach(lambda _, answers=answers: next(answers))  # type: ignore[misc]  # the default binds the variable of the loop
            with card, pytest.raises(ScriptError) as raised:
                Script([READ_4] * count, expect=0x9000).run(card, repeat=3, keep_all=keep_all)
            error = raised.value
            complete = [bytes([i]) + b"\x90\x00" for i in range(0 if keep_all else ends_at - ends_at % count, ends_at)]
            if code is None:
                complete.append(b"\x6a\x82")
            assert [bytes(reply) for reply in error.replies] == complete  # type: ignore[call-overload]  # Reply
            assert (error.index, error.code) == (ends_at % count, code)
            tried += 1
    report(f"a run that ends early: {tried} combinations of reason, length, pass and command, no reply lost")


@pytest.mark.parametrize("name", ["read_binary_into", "update_binary_from"])
@pytest.mark.parametrize("raised_by_signal", RAISED, indirect=True)
def test_whatever_a_signal_handler_raises_has_the_number_of_bytes_transferred(
    name: str, raised_by_signal: type[BaseException], cards: CallbackLibrary
) -> None:
    chunk = 10
    memory = bytearray(5000)
    with cards.attach_slow(PARTS_MS, drips=False, data=chunk if name == "read_binary_into" else 0) as card:
        start = time.perf_counter()
        with (
            pytest.raises(raised_by_signal) as raised,
            when(cards.slow_card_has_answered, lambda: send_signal(ANY_SIGNAL), after=0.02),
        ):
            getattr(card, name)(memory, chunk=chunk)
        took = time.perf_counter() - start
    arrived = vars(raised.value)["arrived"]
    assert 0 < arrived <= (took * 1000 / PARTS_MS + 1) * chunk
    assert arrived % chunk == 0
    if name == "read_binary_into":
        assert memory[:arrived] == b"\xa5" * arrived
        assert memory[arrived + 8 :] == bytes(len(memory) - arrived - 8)
