"""Exchange: two buffers of the caller that are bound for many exchanges; locks, refusals and allocations."""

import gc
import inspect
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, SupportsIndex

import pytest
from conftest import Place
from support.callback_card import CallbackLibrary
from support.commands import ANSWER_4, HANG, READ_4
from support.pcscd import PrivatePcscd
from support.reports import report

from scardffi import (
    Disposition,
    Exchange,
    InsufficientBufferError,
    InvalidArgumentError,
    Library,
    ReturnCode,
    SCardManage,
    UnexpectedStateError,
)
from scardffi._loader import calls

if TYPE_CHECKING:
    from typing_extensions import Buffer

E_UNEXPECTED = 0x8000FFFF


@pytest.fixture
def card(place: Place) -> Iterator[SCardManage]:
    with SCardManage(place.library).attach_by_ifd(place.reader) as attached:
        yield attached


def test_a_call_sends_the_present_command_and_writes_into_the_buffer(card: SCardManage) -> None:
    command, response = bytearray(READ_4), bytearray(40)
    with card.exchange(command, response) as exchange:
        assert exchange.sw == 0
        assert exchange() == 6
        assert response[:6] == ANSWER_4
        assert exchange.sw == 0x9000
        command[3], command[4] = 2, 1
        assert exchange() == 3
        assert response[:3] == b"\x02\x90\x00"
        command[1] = 0xFF
        assert exchange.unchecked() == 2
        assert exchange.sw == 0x6D00
        assert exchange.command is command
        assert exchange.response is response


def test_a_part_of_the_command_buffer_may_be_sent(card: SCardManage) -> None:
    with card.exchange(READ_4 + b"rest of a larger buffer", bytearray(40)) as exchange:
        assert exchange(5) == 6
        for length in (0, -1, 29):
            with pytest.raises(InvalidArgumentError, match=rf"length: {length} is not allowed; give 1 to 28"):
                exchange(length)


@pytest.mark.parametrize(
    "length",
    [*range(2, 300), 511, 512, 513, 1024, 4095, 4096, 4097, 32767, 32768, 65535, 65536, 65537, 65538],
)
def test_a_response_of_any_length_arrives_complete(length: int, virtual_place: Place) -> None:
    size = length - 2
    expected = bytes((i ^ (i >> 8)) & 0xFF for i in range(size)) + b"\x90\x00"
    if size == 0:
        command = bytes.fromhex("00A4000C023F00")
    elif size <= 256:
        command = bytes([0, 0xB0, 0, 0, size % 256])
    else:
        command = bytes([0, 0xB0, 0, 0, 0]) + (size % 65536).to_bytes(2, "big")
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        response = bytearray(length)
        with card.exchange(command, response) as exchange:
            assert exchange() == length
        assert response == expected
        assert card.transmit(command) == expected
        if length > 2:
            with card.exchange(command, bytearray(length - 1)) as short:
                with pytest.raises(InsufficientBufferError) as failure:
                    short()
                assert failure.value.required == length
                assert short.unchecked() == -ReturnCode.SCARD_E_INSUFFICIENT_BUFFER


def test_responses_of_every_possible_length_equal_a_reference(virtual_place: Place) -> None:
    reference = bytes((i ^ (i >> 8)) & 0xFF for i in range(65536))
    command, response = bytearray(bytes.fromhex("00B00000000000")), bytearray(65538)
    view = memoryview(response)
    with (
        SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card,
        card.exchange(command, response) as exchange,
    ):
        for size in range(1, 65537):
            command[5], command[6] = size >> 8 & 0xFF, size & 0xFF
            assert exchange() == size + 2
            assert exchange.sw == 0x9000
            assert view[:size] == reference[:size]
        assert card.transmit(bytes.fromhex("00A4000C023F00")) == b"\x90\x00"


def test_a_bound_memoryview_may_be_released(card: SCardManage) -> None:
    memory = bytearray(40)
    command, response = memoryview(bytearray(READ_4)), memoryview(memory)[10:30]
    with card.exchange(command, response) as exchange:
        command.release()
        response.release()
        assert exchange() == exchange(5) == 6
        assert memory[10:16] == ANSWER_4
        with pytest.raises(BufferError):
            memory.append(0)
    memory.append(0)


def test_the_buffers_are_locked_until_the_exchange_is_closed(card: SCardManage) -> None:
    command, response = bytearray(READ_4), bytearray(10)
    exchange = card.exchange(command, response)
    for buffer in (command, response):
        with pytest.raises(BufferError):
            buffer.append(0)
    exchange.close()
    exchange.close()
    command.append(0)
    response.append(0)
    with pytest.raises(UnexpectedStateError, match="the exchange is closed"):
        exchange()
    assert exchange.unchecked() == -E_UNEXPECTED


def test_an_exchange_raises_after_detach_and_uses_the_new_protocol_after_reconnect(place: Place) -> None:
    card = SCardManage(place.library).attach_by_ifd(place.reader)
    exchange = card.exchange(READ_4, bytearray(10))
    before = card.protocol
    card.reconnect(protocols=3 ^ before, initialization=Disposition.RESET)
    assert exchange() == 6
    card.reconnect(protocols=before, initialization=Disposition.RESET)
    assert exchange() == 6
    card.detach()
    with pytest.raises(UnexpectedStateError, match="not attached"):
        exchange()
    assert exchange.unchecked() == -E_UNEXPECTED
    card.attach_by_ifd(place.reader)
    assert exchange() == 6
    exchange.close()
    card.detach()


def test_a_second_thread_and_close_are_refused_during_a_call(daemon: PrivatePcscd) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        command = bytearray(HANG)
        exchange = card.exchange(command, bytearray(10))
        lengths: list[int] = []
        first = threading.Thread(target=lambda: lengths.append(exchange()))
        first.start()
        while "80140000" not in daemon.ifd_events(0)[-1]:
            pass
        seen = len(daemon.ifd_events(0))
        with pytest.raises(UnexpectedStateError, match="another thread is using this exchange"):
            exchange()
        assert exchange.unchecked() == -E_UNEXPECTED
        with pytest.raises(UnexpectedStateError, match="is running"):
            exchange.close()
        with pytest.raises(BufferError):
            command.clear()
        daemon.release(0)
        first.join(5)
        assert lengths == [2]
        assert len(daemon.ifd_events(0)) == seen
        exchange.close()


def test_wrong_buffers_are_refused(card: SCardManage) -> None:
    with pytest.raises(TypeError, match="response: expected a writable"):
        card.exchange(READ_4, bytes(10))
    with pytest.raises(TypeError, match="command: expected a C-contiguous"):
        card.exchange("00", bytearray(10))  # type: ignore[arg-type]  # the test passes a wrong type
    with pytest.raises(InvalidArgumentError, match="2 bytes or more"):
        card.exchange(READ_4, bytearray(1))
    with pytest.raises(InvalidArgumentError, match="command: '0 bytes'"):
        card.exchange(b"", bytearray(10))
    memory = bytearray(20)
    with pytest.raises(InvalidArgumentError, match="overlaps"):
        card.exchange(memoryview(memory)[:5], memoryview(memory)[4:])
    memory.append(0)  # a refused buffer is not locked


def test_an_exchange_keeps_its_card_alive(place: Place) -> None:
    card = SCardManage(place.library).attach_by_ifd(place.reader)
    exchange = card.exchange(READ_4, bytearray(10))
    del card
    gc.collect()
    assert exchange() == 6
    exchange._card.detach()  # type: ignore[attr-defined]  # it is a SCardManage
    exchange.close()


def test_the_transmit_methods_take_their_arguments_by_position_and_by_name(card: SCardManage) -> None:
    response = bytearray(10)
    assert card.transmit(READ_4, 0) == card.transmit(command=READ_4) == card.transmit(READ_4, flow=0) == ANSWER_4
    assert card.transmit_into(READ_4, response, 0) == card.transmit_into(response=response, command=READ_4) == 6
    wrong: list[tuple[Any, tuple[object, ...], dict[str, object]]] = [
        (card.transmit, (), {}),
        (card.transmit, (READ_4, 0, 0), {}),
        (card.transmit, (READ_4,), {"command": READ_4}),
        (card.transmit, (READ_4,), {"le": 4}),
        (card.transmit_into, (READ_4,), {}),
        (card.transmit_into, (READ_4,), {"flow": 0}),
        (card.transmit_into, (READ_4, response, 0, 0), {}),
        (card.exchange(READ_4, response), (5, 5), {}),
        (card.exchange(READ_4, response), (), {"size": 5}),
    ]
    for function, arguments, names in wrong:
        with pytest.raises(TypeError, match="argument"):
            function(*arguments, **names)


@pytest.mark.parametrize("command", [(READ_4, bytearray(10)), [0, 132, 0, 0, 8], None, 5, "0084000008"])
def test_a_command_that_is_no_buffer_is_refused_by_its_name(card: SCardManage, command: Any) -> None:
    for call in (card.transmit, lambda value: card.transmit_into(value, bytearray(10))):
        for flow in (0, 1):
            with pytest.raises(TypeError, match=r"^command: "):
                call(command) if flow == 0 else card.transmit(command, flow)


def test_the_signatures_name_the_arguments(card: SCardManage) -> None:
    assert list(inspect.signature(card.transmit).parameters) == ["command", "flow"]
    assert list(inspect.signature(card.transmit_into).parameters) == ["command", "response", "flow"]


@pytest.mark.skipif(calls is None, reason="only a C object could be changed while another thread uses it")
def test_an_object_is_initialized_once(card: SCardManage) -> None:
    with card.exchange(READ_4, bytearray(10)) as exchange:
        for made in (card, exchange):
            with pytest.raises(RuntimeError, match="only once"):
                made.__init__(*([card, READ_4, bytearray(10)] if made is exchange else []))  # type: ignore[misc]  # the test calls it directly
        assert exchange() == 6
    assert card.transmit(READ_4) == ANSWER_4


def test_an_object_without_its_init_sends_nothing_and_raises() -> None:
    card, exchange = SCardManage.__new__(SCardManage), Exchange.__new__(Exchange)
    unusable: list[Callable[[], object]] = [
        lambda: card.transmit(READ_4),
        lambda: card.transmit(READ_4, flow=1),
        lambda: card.transmit_into(READ_4, bytearray(10)),
        lambda: Exchange(card, READ_4, bytearray(10)),
        exchange,
        exchange.unchecked,
    ]
    for call in unusable:
        with pytest.raises(AttributeError):
            call()


def test_a_collected_cycle_with_bound_views_frees_its_memory(virtual_place: Place) -> None:
    memory = bytearray(40)
    card = SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader)
    for _ in range(100):
        views = [memoryview(memory)[:5], memoryview(memory)[5:]]
        memory[:5] = READ_4
        cycle: list[object] = [card.exchange(*views), *views]
        cycle.append(cycle)
        del views, cycle
        gc.collect()
    memory.append(0)
    card.detach()


def test_a_subclass_keeps_its_attributes_and_overrides_methods(place: Place) -> None:
    class Counting(SCardManage):
        def __init__(self, library: Library) -> None:
            super().__init__(library)
            self.count = 0

        def transmit(self, command: "Buffer", flow: SupportsIndex = 0) -> bytes:
            self.count += 1
            return super().transmit(command, flow)

    with Counting(place.library).attach_by_ifd(place.reader) as card:
        assert card.transmit(READ_4) == ANSWER_4
        assert card.count == 1
        seen = weakref.ref(card)
    del card
    gc.collect()
    assert seen() is None


@pytest.mark.alone  # pytest-xdist's thread allocates when it gets the next file
def test_a_million_exchanges_allocate_nothing(virtual_place: Place) -> None:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        for name in ("exchange()", "exchange.unchecked()"):
            exchange = card.exchange(READ_4, bytearray(10))
            call = exchange if name == "exchange()" else exchange.unchecked
            rounds = range(1_000_000)
            call()
            gc.collect()
            gc.disable()
            blocks = sys.getallocatedblocks()
            for _ in rounds:
                call()
            blocks = sys.getallocatedblocks() - blocks
            tracemalloc.start()
            for _ in range(10_000):
                call()
            current, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            gc.enable()
            exchange.close()
            report(f"{name}: {blocks} blocks net in a million calls; {current} bytes net, {peak} peak in ten thousand")
            assert blocks < 10  # the interpreter allocates some
            assert peak < 1024
            assert current < 200  # the loop allocates these


def test_an_empty_response_has_no_status_word(tmp_path_factory: pytest.TempPathFactory) -> None:
    cards = CallbackLibrary(tmp_path_factory.mktemp("nothing"))
    with cards.attach(lambda _: b"") as card, card.exchange(READ_4, bytearray(10)) as exchange:
        assert exchange() == 0
        assert exchange.sw is None
        assert card.transmit(READ_4) == b""
