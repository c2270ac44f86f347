"""A card that sends one response in very many parts: interruption, detach, and the turn of the call that fetches it."""

import ctypes
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from support.callback_card import CallbackLibrary
from support.moments import when
from support.reports import report
from support.signals import ANY_SIGNAL, send_signal

from scardffi import Flow, SCardManage, Script, ScriptError, UnexpectedStateError, embed, ffi

READ = bytes.fromhex("00B0000000")
LONG = bytes.fromhex("00DA0000 00FFFF") + bytes(65535)
"""A command that becomes a chain of 257."""
FOLLOW = Flow.GET_RESPONSE | Flow.CORRECT_LE
PART_MS = 2
AFTER_S = 0.15
SLACK_S = 2.0  # beside the 100 ms that are promised, for a busy machine


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> CallbackLibrary:
    return CallbackLibrary(tmp_path_factory.mktemp("callback"))


class SignalError(Exception):
    """What the test's signal handler raises."""


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    def raise_error(*_: object) -> None:
        raise SignalError

    before = signal.signal(ANY_SIGNAL, raise_error)
    yield
    signal.signal(ANY_SIGNAL, before)


def counted(length: int) -> bytes:
    """Return what a dripping card has sent in this number of parts."""
    return bytes(i % 256 for i in range(length))


# Each way sends one command, and returns the attributes of the exception that must be those of the bytes that arrived.

buffer = bytearray(70000)


def by_transmit(card: SCardManage, command: bytes, flow: Flow) -> None:
    card.transmit(command, flow=flow)


def by_transmit_of_a_buffer(card: SCardManage, command: bytes, flow: Flow) -> None:
    card.transmit(bytearray(command), flow=flow)


def by_transmit_into(card: SCardManage, command: bytes, flow: Flow) -> None:
    card.transmit_into(command, buffer, flow=flow)


def by_exchange(card: SCardManage, command: bytes, flow: Flow) -> None:
    with card.exchange(command, buffer, flow=flow) as exchange:
        exchange()


def by_a_part_of_an_exchange(card: SCardManage, command: bytes, flow: Flow) -> None:
    with card.exchange(command + b"rest", buffer, flow=flow) as exchange:
        exchange(len(command))


def by_unchecked(card: SCardManage, command: bytes, flow: Flow) -> None:
    with card.exchange(command, buffer, flow=flow) as exchange:
        exchange.unchecked()


def by_script(card: SCardManage, command: bytes, flow: Flow) -> None:
    Script([command], flow=flow).run(card)


def by_timed_script_in_a_transaction(card: SCardManage, command: bytes, flow: Flow) -> None:
    Script([command], flow=flow).run(card, timed=True, transaction=True)


def by_read_binary_into(card: SCardManage, _command: bytes, _flow: Flow) -> None:
    card.read_binary_into(memoryview(buffer)[:250])


def by_a_long_read_binary_into(card: SCardManage, _command: bytes, _flow: Flow) -> None:
    card.reconnect(protocols=2)
    card.read_binary_into(buffer, chunk=40000)


def by_update_binary_from(card: SCardManage, _command: bytes, _flow: Flow) -> None:
    card.update_binary_from(bytes(100))


COPIES = {by_transmit, by_transmit_of_a_buffer, by_script, by_timed_script_in_a_transaction}
"""Ways whose exception has the bytes in `partial`; otherwise they are in the buffer."""
DRIPS = [
    by_transmit,
    by_transmit_of_a_buffer,
    by_transmit_into,
    by_exchange,
    by_a_part_of_an_exchange,
    by_unchecked,
    by_script,
    by_timed_script_in_a_transaction,
    by_read_binary_into,
    by_a_long_read_binary_into,
    by_update_binary_from,
]
CHAINS = DRIPS[:-3]
Way = Callable[[SCardManage, bytes, Flow], None]


def interrupted(
    cards: CallbackLibrary, way: Way, number: int, error: type[BaseException], card: SCardManage, command: bytes
) -> tuple[BaseException, float]:
    """Send the command, and a signal to this process; return the exception and the seconds from then to its arrival."""
    with (
        pytest.raises(error) as raised,
        when(cards.slow_card_has_answered, lambda: send_signal(number), after=AFTER_S) as sent,
    ):
        way(card, command, FOLLOW if command is READ else Flow.CHAIN)
    assert sent.took < 0.1 + SLACK_S, f"{way.__name__} ended {sent.took * 1000:.0f} ms after the signal"
    return raised.value, sent.took


@pytest.mark.parametrize("way", DRIPS)
@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (ANY_SIGNAL, SignalError)])
def test_a_signal_ends_a_drip_and_the_exception_has_what_arrived(
    way: Way, number: int, error: type[BaseException], cards: CallbackLibrary
) -> None:
    buffer[:] = bytes(len(buffer))
    with cards.attach_slow(PART_MS, drips=True) as card:
        kept = vars(interrupted(cards, way, number, error, card, READ)[0])
        if way is by_update_binary_from:
            assert kept["arrived"] == 0
            assert len(kept["partial"]) > 1
            assert kept["partial"] == counted(len(kept["partial"]))
        else:
            arrived = kept["arrived"]
            assert 1 < arrived <= (AFTER_S + 0.1 + SLACK_S) * 1000 / PART_MS
            assert (kept["partial"] if way in COPIES else bytes(buffer[:arrived])) == counted(arrived)
        if way in {by_script, by_timed_script_in_a_transaction}:
            assert (kept["index"], len(kept["replies"])) == (0, 0)
        assert card.transmit(READ)[1:] == b"\x61\x01", "the turn is given back"


@pytest.mark.alone
def test_a_signal_ends_a_drip_within_100_ms(cards: CallbackLibrary) -> None:
    with cards.attach_slow(PART_MS, drips=True) as card:
        rounds = [interrupted(cards, by_transmit, signal.SIGINT, KeyboardInterrupt, card, READ) for _ in range(3)]
    assert min(took for _, took in rounds) < 0.1 + PART_MS / 1000


@pytest.mark.parametrize("way", CHAINS)
def test_a_signal_ends_a_chain(way: Way, cards: CallbackLibrary) -> None:
    with cards.attach_slow(5 * PART_MS, drips=False) as card:
        kept = vars(interrupted(cards, way, signal.SIGINT, KeyboardInterrupt, card, LONG)[0])
        assert kept.get("arrived", 0) == 0
        assert card.transmit(READ) == b"\x90\x00"


@pytest.mark.parametrize("end", ["cancel", "progress", "cancel raises"])
def test_cancel_and_progress_end_a_script_in_the_middle_of_a_response(end: str, cards: CallbackLibrary) -> None:
    class Cancel:
        def is_set(self) -> bool:
            if end == "cancel raises":
                raise SignalError
            return end == "cancel"

    def progress(done: int, total: int) -> None:
        assert (done, total) == (0, 1)
        if end == "progress":
            raise SignalError

    with cards.attach_slow(PART_MS, drips=True) as card:
        with pytest.raises(ScriptError if end == "cancel" else SignalError) as raised:
            Script([READ], flow=FOLLOW).run(card, progress=progress, cancel=Cancel())
        kept = vars(raised.value)
        assert (kept["index"], len(kept["replies"])) == (0, 0)
        assert kept["partial"] == counted(kept["arrived"])
        assert kept["arrived"] >= 1
        assert card.transmit(READ)[1:] == b"\x61\x01"


def test_a_progress_function_cannot_send_commands_in_the_middle_of_a_response(cards: CallbackLibrary) -> None:
    with cards.attach_slow(PART_MS, drips=True) as card:
        errors: list[UnexpectedStateError] = []

        def progress(_done: int, _total: int) -> None:
            with pytest.raises(UnexpectedStateError, match="fetching a response in parts") as error:
                card.transmit(READ)
            errors.append(error.value)
            raise SignalError

        with pytest.raises(SignalError):
            Script([READ], flow=FOLLOW).run(card, progress=progress)
        assert len(errors) == 1


@pytest.mark.parametrize("way", DRIPS)
def test_detach_in_another_thread_ends_a_drip(way: Way, cards: CallbackLibrary) -> None:
    card = cards.attach_slow(PART_MS, drips=True)
    with when(cards.slow_card_has_answered, card.detach, after=AFTER_S) as detached:
        if way is by_unchecked:
            exchange = card.exchange(READ, buffer, flow=FOLLOW)
            assert exchange.unchecked() == -0x8000FFFF
        else:
            with pytest.raises(Exception, match="not attached") as raised:
                way(card, READ, FOLLOW)
            error = raised.value.__cause__ or raised.value
            assert isinstance(error, UnexpectedStateError)
            assert way is by_update_binary_from or error.arrived > 1
    assert detached.took < 0.1 + SLACK_S
    assert not card.is_attached


def test_detach_ends_a_drip_of_the_table_for_other_tools(cards: CallbackLibrary) -> None:
    card = cards.attach_slow(PART_MS, drips=True)
    send = embed.prototype("exchange_send")
    with card.exchange(READ, bytearray(70000), flow=FOLLOW) as exchange:
        native = ctypes.c_void_p(int(ffi.cast("uintptr_t", exchange.native)))
        with when(cards.slow_card_has_answered, card.detach, after=AFTER_S) as detached:
            assert send(native) == -0x8000FFFF
        assert detached.took < 0.1 + SLACK_S


def test_no_command_of_another_thread_comes_between_the_parts_of_a_response(cards: CallbackLibrary) -> None:
    parts = 100
    left = 0
    order: list[str] = []

    def answer(command: bytes) -> bytes:
        nonlocal left
        order.append("part" if command[1] in {0xB0, 0xC0} else "other")
        if command[1] == 0xB0:
            left = parts
        if command[1] not in {0xB0, 0xC0}:
            return b"\x90\x00"
        left -= 1
        time.sleep(0.002)
        return b"x" + (b"\x61\x01" if left else b"\x90\x00")

    ways: list[Callable[[SCardManage], object]] = [
        lambda card: card.transmit(READ, flow=FOLLOW),
        lambda card: Script([READ], flow=FOLLOW).run(card),
        lambda card: card.read_binary_into(bytearray(parts)),
    ]
    for way in ways:
        order.clear()
        with cards.attach(answer) as card, SCardManage(cards.library).attach_by_handle(card) as same_handle:
            stop = threading.Event()

            def send(other: SCardManage, stop: threading.Event = stop) -> None:
                while not stop.is_set():
                    other.transmit(b"\x80\x12\x00\x00")

            threads = [threading.Thread(target=send, args=(other,)) for other in (card, same_handle)]
            for thread in threads:
                thread.start()
            way(card)
            stop.set()
            for thread in threads:
                thread.join(5)
                assert not thread.is_alive()
        first = order.index("part")
        assert order[first : first + parts] == ["part"] * parts
        assert "other" in order
    report(f"responses in {parts} parts beside two other threads: {len(ways)} ways, no command between the parts")
