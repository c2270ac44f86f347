"""Virtual readers: cards in Python that are inserted and removed, as programs see them."""

import contextlib
import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from support.cards import T0_ATR, T1_ATR, EchoCard, RecordingCard
from support.commands import GET_CHALLENGE
from support.interpreter import run_python
from support.platforms import FORKS
from support.shape import MACOS

from scardffi import (
    Attribute,
    CommunicationError,
    Context,
    InvalidArgumentError,
    Library,
    NoSmartCardError,
    ReaderStateFlag,
    RemovedCardError,
    ResetCardError,
    ReturnCode,
    SCardError,
    SCardManage,
    ShareMode,
    SharingViolationError,
    UnexpectedStateError,
    UnknownReaderError,
    UnpoweredCardError,
    UnsupportedFeatureError,
    control_code,
    errors,
    virtual,
)
from scardffi.virtual import AnsweringCard, VirtualReader, _scardvirtual
from scardffi.virtual import reader as module

# Python 3.12 advises against forks of a process with threads.
pytestmark = pytest.mark.filterwarnings(r"ignore:.*use of fork\(\):DeprecationWarning")

NAME = "Reader of a test"
REGISTRIES = (module._plugged, module._readers, module._cards, module._card_keys)


@pytest.fixture
def reader() -> Iterator[VirtualReader]:
    with VirtualReader(NAME) as plugged:
        yield plugged


@contextlib.contextmanager
def removed_during_a_command(reader: VirtualReader) -> Iterator[None]:
    """Remove the card 50 ms after the first SCardTransmit of the context has begun."""
    with virtual.fault("SCardTransmit", latency=0) as begins:

        def remove() -> None:
            while begins.hits == 0:
                time.sleep(0.001)
            time.sleep(0.05)
            reader.remove()

        removing = threading.Thread(target=remove)
        removing.start()
        yield
        removing.join(10)


def attach(library: Library) -> SCardManage:
    return SCardManage(library).attach_by_ifd(NAME)


def test_a_reader_is_listed_while_it_is_plugged_in(library: Library) -> None:
    with Context(library=library) as context:
        reader = VirtualReader(NAME)
        assert NAME not in context.list_readers()
        reader.plug()
        assert context.list_readers() == [virtual.DEFAULT_READER, NAME]
        reader.unplug()
        assert context.list_readers() == [virtual.DEFAULT_READER]


def test_a_program_talks_to_a_card_in_python(library: Library) -> None:
    card = EchoCard()
    with VirtualReader(NAME, card) as reader, attach(library) as attached:
        assert reader.card is card
        assert attached.atr == T1_ATR
        assert attached.transmit(GET_CHALLENGE) == GET_CHALLENGE + b"\x90\x00"


@pytest.mark.parametrize("length", [2, 258, 65538])
def test_an_answer_may_have_any_length(length: int, library: Library, reader: VirtualReader) -> None:
    answer = os.urandom(length - 2) + b"\x90\x00"
    reader.insert(RecordingCard(lambda _: answer))
    with attach(library) as card:
        assert card.transmit(GET_CHALLENGE) == answer


@pytest.mark.parametrize("answer", [bytearray(b"\x61\x00"), memoryview(b"\x90\x00")], ids=["bytearray", "memoryview"])
def test_an_answer_may_be_any_buffer(answer: bytes, library: Library, reader: VirtualReader) -> None:
    reader.insert(RecordingCard(lambda _: answer))
    with attach(library) as card:
        assert card.transmit(GET_CHALLENGE) == bytes(answer)


@pytest.mark.parametrize("answer", [b"", b"\x90"], ids=["nothing", "one byte"])
def test_an_answer_without_a_status_word_is_returned_unchanged(
    answer: bytes, library: Library, reader: VirtualReader
) -> None:
    reader.insert(RecordingCard(lambda _: answer))
    with attach(library) as card, card.exchange(GET_CHALLENGE, bytearray(10)) as exchange:
        assert card.transmit(GET_CHALLENGE) == answer
        assert exchange() == len(answer)
        assert exchange.sw is None


def test_an_exception_of_a_card_is_a_communication_error_and_is_kept_with_its_traceback(
    library: Library, reader: VirtualReader
) -> None:
    class BrokenCard(EchoCard):
        def transmit(self, command: bytes) -> bytes:
            return super().transmit(command) if command[1] == 0x84 else self.fail_here()

        def fail_here(self) -> bytes:
            raise ZeroDivisionError("of the card")

    reader.insert(BrokenCard())
    with attach(library) as card:
        with pytest.raises(CommunicationError) as raised:
            card.transmit(bytes(4))
        assert raised.value.code == ReturnCode.SCARD_F_COMM_ERROR
        assert card.transmit(GET_CHALLENGE)[-2:] == b"\x90\x00"
    (error,) = reader.errors
    assert "fail_here" in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("code", "later"),
    [
        ("SCARD_E_NOT_TRANSACTED", None),
        ("SCARD_W_RESET_CARD", None),
        ("SCARD_E_NO_SMARTCARD", RemovedCardError),
        ("SCARD_W_REMOVED_CARD", RemovedCardError),
    ],
)
def test_a_card_gives_a_return_code_by_an_error_with_this_code_and_may_say_that_it_was_removed(
    code: str, later: type[SCardError] | None, library: Library, reader: VirtualReader
) -> None:
    failures = [errors.from_code(errors.number_of(code), "SCardTransmit")]

    class FailingCard(EchoCard):
        def transmit(self, command: bytes) -> bytes:
            if failures:
                raise failures.pop()
            return super().transmit(command)

    reader.insert(FailingCard())
    with attach(library) as card:
        with pytest.raises(SCardError) as raised:
            card.transmit(GET_CHALLENGE)
        assert (raised.value.name, reader.errors) == (code, [])
        with contextlib.nullcontext() if later is None else pytest.raises(later):
            card.transmit(GET_CHALLENGE)
    if later is not None:
        reader.insert(EchoCard())


@pytest.mark.parametrize("code", [None, 0, -1])
def test_an_error_of_a_card_without_a_code_is_a_communication_error_and_is_kept(
    code: int | None, library: Library, reader: VirtualReader
) -> None:
    error = InvalidArgumentError("of the card", code=code)

    def fail(_: bytes) -> bytes:
        raise error

    reader.insert(RecordingCard(fail))
    with attach(library) as card, pytest.raises(CommunicationError):
        card.transmit(GET_CHALLENGE)
    assert reader.errors == [error]


@pytest.mark.parametrize("answer", [None, 0x9000, "9000", [0x90, 0x00]], ids=repr)
def test_an_answer_of_a_wrong_type_is_kept_as_a_type_error(
    answer: bytes, library: Library, reader: VirtualReader
) -> None:
    reader.insert(RecordingCard(lambda _: answer))
    with attach(library) as card, pytest.raises(CommunicationError):
        card.transmit(GET_CHALLENGE)
    (error,) = reader.errors
    assert isinstance(error, TypeError)
    assert str(error) == f"answer of transmit: expected bytes, got {type(answer).__name__}"


def test_a_card_may_use_pcsc_itself(library: Library, reader: VirtualReader) -> None:
    class Proxy:
        atr = T1_ATR

        def transmit(self, command: bytes) -> bytes:
            with SCardManage(library).attach_by_ifd(virtual.DEFAULT_READER) as other:
                return other.transmit(command)

    reader.insert(Proxy())
    with attach(library) as card:
        assert len(card.transmit(GET_CHALLENGE)) == 10
    assert reader.errors == []


def test_every_handle_sees_the_removal_of_the_card(library: Library, reader: VirtualReader) -> None:
    reader.insert(EchoCard())
    with attach(library) as card, attach(library) as other:
        reader.remove()
        assert reader.card is None
        for attached in (card, other):
            with pytest.raises(RemovedCardError):
                attached.transmit(GET_CHALLENGE)
        with pytest.raises(NoSmartCardError):
            attach(library)
        reader.insert(EchoCard())
        card.reconnect(share_mode=ShareMode.SHARED)
        assert card.transmit(GET_CHALLENGE)[-2:] == b"\x90\x00"


def test_waiting_programs_see_the_empty_reader_during_a_swap(library: Library, reader: VirtualReader) -> None:
    reader.insert(EchoCard())
    with Context(library=library) as context:
        (known,) = context.get_status_change([NAME])
        swapping = threading.Timer(0.05, reader.swap, (EchoCard(),))
        swapping.start()
        (gone,) = context.get_status_change([known], 5)
        (back,) = context.get_status_change([gone], 5)
        swapping.join()
    assert gone.state & ReaderStateFlag.EMPTY
    assert back.state & ReaderStateFlag.PRESENT


@pytest.mark.skipif(MACOS, reason="macOS counts no cards that come and go")
def test_a_swap_is_two_events(library: Library, reader: VirtualReader) -> None:
    reader.insert(EchoCard(T1_ATR))
    with Context(library=library) as context:
        (before,) = context.get_status_change([NAME])
        reader.swap(EchoCard(T0_ATR))
        (after,) = context.get_status_change([before], 5)
    assert after.event_count == before.event_count + 2
    assert (before.atr, after.atr) == (T1_ATR, T0_ATR)
    assert after.state & ReaderStateFlag.CHANGED


def test_a_reset_by_another_program_reaches_the_card_and_is_reported(library: Library, reader: VirtualReader) -> None:
    card = EchoCard()
    reader.insert(card)
    with attach(library) as attached:
        assert card.resets == 1, "reset() was called at the insertion"
        reader.reset()
        assert card.resets == 2
        with pytest.raises(ResetCardError):
            attached.transmit(GET_CHALLENGE)
        attached.reconnect(share_mode=ShareMode.SHARED)
        assert attached.transmit(GET_CHALLENGE)[-2:] == b"\x90\x00"
        attached.reconnect(share_mode=ShareMode.SHARED, initialization=1)
        assert card.resets == 3


def test_unplugging_a_reader_ends_its_handles(library: Library) -> None:
    reader = VirtualReader(NAME, EchoCard())
    reader.plug()
    card = attach(library)
    reader.unplug()
    with pytest.raises(SCardError) as raised:
        card.transmit(GET_CHALLENGE)
    assert raised.value.code == ReturnCode.SCARD_E_INVALID_VALUE
    reader.plug()
    with pytest.raises(SCardError) as raised:
        card.transmit(GET_CHALLENGE)
    assert raised.value.code == ReturnCode.SCARD_E_INVALID_VALUE
    card.detach()
    with attach(library) as fresh:
        assert fresh.transmit(GET_CHALLENGE)[-2:] == b"\x90\x00"
    reader.unplug()


@pytest.mark.parametrize("card", [AnsweringCard(), EchoCard()], ids=["in C", "in Python"])
def test_a_command_takes_the_latency_and_a_removal_ends_it(
    card: EchoCard | AnsweringCard, library: Library, reader: VirtualReader
) -> None:
    reader.insert(card)
    reader.latency = 0.05
    with attach(library) as attached:
        start = time.perf_counter()
        attached.transmit(GET_CHALLENGE)
        assert time.perf_counter() - start >= 0.05
        reader.latency = 60
        with removed_during_a_command(reader), pytest.raises(NoSmartCardError):
            attached.transmit(GET_CHALLENGE)
        assert time.perf_counter() - start < 30
    assert reader.latency == 60


def test_two_programs_never_run_commands_on_one_card_at_the_same_time(library: Library, reader: VirtualReader) -> None:
    class LonelyCard(EchoCard):
        inside = most = 0

        def transmit(self, command: bytes) -> bytes:
            self.inside += 1
            self.most = max(self.most, self.inside)
            time.sleep(0.001)
            self.inside -= 1
            return super().transmit(command)

    card = LonelyCard()
    reader.insert(card)
    answers: list[tuple[bytes, bytes]] = []

    def use(own: bytes) -> None:
        with attach(library) as attached:
            answers.extend((own, attached.transmit(own)) for _ in range(20))

    threads = [threading.Thread(target=use, args=(bytes([0, number, 0, 0]),)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert card.most == 1
    assert len(answers) == 120
    assert all(answer == own + b"\x90\x00" for own, answer in answers)


@pytest.mark.parametrize("end", ["remove", "unplug"])
def test_a_card_is_forgotten_if_another_object_with_the_name_ends_its_use(end: str) -> None:
    plugged, inserted, ended = readers = [VirtualReader(NAME) for _ in range(3)]
    before = [dict(registry) for registry in REGISTRIES]
    with plugged:
        card = EchoCard()
        inserted.insert(card)
        assert [reader.card for reader in readers] == [None, card, None]
        getattr(ended, end)()
        assert [reader.card for reader in readers] == [None, None, None]
    assert [dict(registry) for registry in REGISTRIES] == before


@pytest.mark.parametrize("count", [1, 3])
def test_threads_plug_and_unplug_readers_of_one_name(count: int, library: Library) -> None:
    readers = [VirtualReader(NAME, EchoCard()) for _ in range(count)]
    before = [dict(registry) for registry in REGISTRIES]
    failures: list[BaseException] = []
    done: list[str] = []

    def use(number: int) -> None:
        reader = readers[number % count]
        changes: dict[str, Callable[[], None]] = {
            "plug": reader.plug,
            "remove": reader.remove,
            "insert": partial(reader.insert, EchoCard()),
            "unplug": reader.unplug,
        }
        for name in [*changes] * 300:
            try:
                changes[name]()
                done.append(name)
            except SCardError:  # another thread was quicker
                pass
            except BaseException as error:  # noqa: BLE001  the main thread looks at it
                failures.append(error)

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=use, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert failures == []
    assert {"plug", "unplug"} <= set(done)
    with contextlib.suppress(UnknownReaderError):
        readers[0].unplug()
    assert [dict(registry) for registry in REGISTRIES] == before
    with readers[0], attach(library) as card:
        assert card.transmit(GET_CHALLENGE) == GET_CHALLENGE + b"\x90\x00"


def test_the_end_of_the_context_leaves_another_reader_that_gets_the_name_meanwhile(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = VirtualReader(NAME), VirtualReader(NAME)

    def replace() -> None:
        with contextlib.suppress(UnknownReaderError):  # the context was quicker
            first.unplug()
        second.plug()

    replacing = threading.Thread(target=replace)

    class Plugged(dict[str, VirtualReader]):
        def get(self, name: str, default: VirtualReader | None = None) -> VirtualReader | None:  # type: ignore[override]  # the one that is used
            found = super().get(name, default)
            if replacing.ident is None:
                replacing.start()
                replacing.join(0.2)
            return found

    monkeypatch.setattr(module, "_plugged", Plugged())
    first.plug()
    first.__exit__(None, None, None)
    replacing.join(10)
    with Context(library=library) as context:
        assert NAME in context.list_readers()
    second.unplug()


def interrupt_after(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come when this function of the virtual library returns."""
    function = getattr(_scardvirtual, name)

    def interrupted(*arguments: object) -> None:
        function(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(_scardvirtual, name, interrupted)


def test_ctrl_c_while_a_reader_is_plugged_in_leaves_no_reader(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after("plug", monkeypatch)
    with pytest.raises(KeyboardInterrupt), VirtualReader(NAME):
        pass
    with Context(library=library) as context:
        assert NAME not in context.list_readers()


def test_ctrl_c_while_a_card_is_inserted_leaves_a_card_that_answers(
    library: Library, reader: VirtualReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after("insert", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        reader.insert(EchoCard())
    with attach(library) as card:
        assert card.transmit(GET_CHALLENGE) == GET_CHALLENGE + b"\x90\x00"


def test_a_subclass_answers_control_codes_and_leaves_others_to_the_reader(library: Library) -> None:
    class Reader(VirtualReader):
        def control(self, code: int, command: bytes) -> bytes | None:
            if code == control_code(1):
                return command[::-1]
            return 1 / 0 if code == control_code(2) else None  # type: ignore[return-value]  # the method raises

    with Reader(NAME, EchoCard()) as reader, attach(library) as card:
        assert card.control(control_code(1), b"abc") == b"cba"
        assert card.control(control_code(3400))[:2] == bytes([10, 4])  # the reader's own feature: tag and length
        with pytest.raises(CommunicationError):
            card.control(control_code(2))
        with pytest.raises(UnsupportedFeatureError):
            card.control(control_code(3))
        assert [type(error) for error in reader.errors] == [ZeroDivisionError]


def test_a_mute_card_is_present_and_cannot_be_used(library: Library, reader: VirtualReader) -> None:
    reader.insert(AnsweringCard(b""))
    with Context(library=library) as context:
        (state,) = context.get_status_change([NAME])
        assert state.state & ReaderStateFlag.MUTE
        assert state.atr == b""
        with pytest.raises(UnpoweredCardError):
            context.attach(NAME)
        with context.attach(NAME, ShareMode.DIRECT, 0) as card:
            assert card.get_attribute(Attribute.VENDOR_NAME) == b"scardffi"


def test_the_answering_card_has_a_chosen_atr_and_counts_commands(library: Library, reader: VirtualReader) -> None:
    reader.insert(AnsweringCard(T0_ATR))
    with attach(library) as card:
        assert card.atr == T0_ATR
        card.transmit(GET_CHALLENGE)
        assert card.transmit(bytes.fromhex("801A0000")) == bytes.fromhex("000000029000")


def test_wrong_arguments_are_refused_with_their_names(library: Library, reader: VirtualReader) -> None:
    for name in ("", "x" * 128, "a\0b"):
        with pytest.raises(InvalidArgumentError, match="name: "):
            VirtualReader(name)
    for latency in (-1.0, 1e9):
        with pytest.raises(InvalidArgumentError, match="latency: "):
            VirtualReader(latency=latency)
    with pytest.raises(InvalidArgumentError, match="ATR: 34 is not allowed; give at most 33 bytes"):
        reader.insert(EchoCard(bytes(34)))
    with pytest.raises(TypeError, match="card: expected an object with atr"):
        reader.insert(object())  # type: ignore[arg-type]  # the test passes a wrong type
    with pytest.raises(TypeError, match="got the class EchoCard"):
        reader.insert(EchoCard)  # type: ignore[arg-type]  # the test passes a wrong type
    with pytest.raises(TypeError, match="card: its ATR: expected bytes, got str"):
        reader.insert(EchoCard("3B00"))  # type: ignore[arg-type]  # the test passes a wrong type
    with pytest.raises(NoSmartCardError):
        reader.remove()
    with pytest.raises(NoSmartCardError):
        reader.reset()
    with pytest.raises(SharingViolationError):
        VirtualReader(NAME).plug()
    with pytest.raises(UnknownReaderError):
        VirtualReader("nobody").insert(EchoCard())
    reader.insert(EchoCard())
    with pytest.raises(UnexpectedStateError, match="there is a card in"):
        reader.insert(EchoCard())
    assert library.SCardEstablishContext(2)[0] == 0


def test_a_reader_whose_card_is_refused_is_not_plugged_in(library: Library) -> None:
    with pytest.raises(TypeError, match="card: expected an object with atr"):
        VirtualReader(NAME, object())  # type: ignore[arg-type]  # the test passes a wrong type

    class Unwilling(EchoCard):
        def reset(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        VirtualReader(NAME, Unwilling()).plug()
    with Context(library=library) as context:
        assert NAME not in context.list_readers()


def test_a_command_never_reaches_a_card_that_was_removed_during_its_latency(
    library: Library, reader: VirtualReader
) -> None:
    class SeeingCard(EchoCard):
        seen = 0

        def transmit(self, command: bytes) -> bytes:
            self.seen += 1
            return super().transmit(command)

    card = SeeingCard()
    reader.insert(card)
    reader.latency = 30
    with attach(library) as attached, removed_during_a_command(reader), pytest.raises(NoSmartCardError):
        attached.transmit(GET_CHALLENGE)
    assert card.seen == 0


def test_calls_of_a_card_from_inside_its_command_do_not_wait_for_it(library: Library, reader: VirtualReader) -> None:
    class Entangled(EchoCard):
        def transmit(self, command: bytes) -> bytes:
            for entangled in (reader.reset, lambda: other.transmit(command), lambda: attach(library)):
                with pytest.raises(SharingViolationError):
                    entangled()
            assert library.SCardReconnect(other.handle, 2, 3, 1)[0] == ReturnCode.SCARD_E_SHARING_VIOLATION
            assert library.SCardDisconnect(other.handle, 1) == ReturnCode.SCARD_E_SHARING_VIOLATION
            return super().transmit(command)

    reader.insert(Entangled())
    with attach(library) as other, attach(library) as card:
        assert card.transmit(GET_CHALLENGE)[-2:] == b"\x90\x00"
    assert reader.errors == []


def test_a_waiting_reset_does_not_affect_the_card_of_another_reader(library: Library) -> None:
    entered, ends = threading.Event(), threading.Event()

    class SlowCard(EchoCard):
        def transmit(self, command: bytes) -> bytes:
            entered.set()
            assert ends.wait(10)
            return super().transmit(command)

    first, second, card = VirtualReader("first", SlowCard()), VirtualReader("second"), EchoCard()
    first.plug()
    errors: list[Exception] = []

    def reset() -> None:
        try:
            first.reset()
        except UnknownReaderError as error:
            errors.append(error)

    attached = SCardManage(library).attach_by_ifd("first")
    running = threading.Thread(target=lambda: library.SCardTransmit(attached.handle, 2, GET_CHALLENGE, bytearray(8)))
    resetting = threading.Thread(target=reset)
    running.start()
    assert entered.wait(10)
    resetting.start()
    time.sleep(0.05)  # the result is the same if the reset begins later
    first.unplug()
    second.plug()
    second.insert(card)
    ends.set()
    for thread in (running, resetting):
        thread.join(10)
    attached.detach()
    second.unplug()
    assert card.resets == 1, "reset() was called only at the insertion"
    assert len(errors) == 1


def test_no_connection_succeeds_during_a_reconnect_for_exclusive_access(
    library: Library, reader: VirtualReader
) -> None:
    resetting = threading.Event()

    class SlowCard(EchoCard):
        def reset(self) -> None:
            super().reset()
            if self.resets == 2:  # not at the insertion
                resetting.set()
                time.sleep(0.1)

    reader.insert(SlowCard())
    codes: list[int] = []

    def connect() -> None:
        _, context = library.SCardEstablishContext(2)
        assert resetting.wait(10)
        codes.append(library.SCardConnect(context, NAME, 2, 3)[0])
        library.SCardReleaseContext(context)

    with attach(library) as card:
        other = threading.Thread(target=connect)
        other.start()
        card.reconnect(share_mode=ShareMode.EXCLUSIVE, initialization=1)
        other.join(10)
        assert codes == [ReturnCode.SCARD_E_SHARING_VIOLATION]


def test_ctrl_c_during_a_command_is_raised_in_the_program() -> None:
    said = run_python("""
        import signal, time
        from scardffi import CommunicationError, SCardManage, virtual

        class Card:
            atr = bytes.fromhex("3B80800101")
            def transmit(self, command):
                signal.raise_signal(signal.SIGINT)
                time.sleep(5)

        seen = []
        with virtual.installed(), virtual.VirtualReader("R", Card()) as reader:
            card = SCardManage().attach_by_ifd("R")
            start = time.perf_counter()
            try:
                try:
                    card.transmit(bytes(4))
                except CommunicationError as error:
                    seen.append(error.name)
                for _ in range(100):  # a signal that comes just before a sleep does not end it
                    time.sleep(0.05)
            except KeyboardInterrupt:
                seen.append("interrupted")
            assert time.perf_counter() - start < 4
            print(seen[-1], set(seen[:-1]) <= {"SCARD_F_COMM_ERROR"})
            print([type(error).__name__ for error in reader.errors])
            card.detach()
        """)
    assert said == ["interrupted True", "['KeyboardInterrupt']"]


def test_the_interpreter_exits_with_readers_plugged_in_and_commands_running() -> None:
    assert (
        run_python("""
        import threading, time
        from scardffi import Context, SCardManage, virtual

        class Card:
            atr = bytes.fromhex("3B80800101")
            def transmit(self, command):
                return b"\\x90\\0"

        with virtual.installed():
            reader = virtual.VirtualReader("R", Card(), latency=0.05)
            reader.plug()
            card = SCardManage().attach_by_ifd("R")
            context = Context()
            known = context.get_status_change(["R"])
        threading.Thread(target=card.transmit, args=(bytes(4),), daemon=True).start()
        threading.Thread(target=context.get_status_change, args=(known,), daemon=True).start()
        time.sleep(0.02)
        print("end")
        """)[-1]
        == "end"
    )


@FORKS
def test_a_fork_does_not_affect_the_parents_readers_and_faults(library: Library) -> None:
    with VirtualReader(NAME, EchoCard()), virtual.fault("SCardCancel", code=1) as armed:
        child = os.fork()
        if child == 0:
            armed.end()
            os._exit(0 if repr(armed).endswith("ended>") else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert "ended" not in repr(armed)
        with attach(library) as card:
            assert card.transmit(GET_CHALLENGE)[-2:] == b"\x90\x00"


@FORKS
def test_a_card_may_fork(library: Library, reader: VirtualReader) -> None:
    class ForkingCard(EchoCard):
        def transmit(self, command: bytes) -> bytes:
            child = os.fork()
            if child == 0:
                assert library.SCardEstablishContext(2)[0] == 0
                return command  # to another library with other readers
            assert os.waitpid(child, 0)[1] == 0
            return super().transmit(command)

    reader.insert(ForkingCard())
    parent = os.getpid()
    with attach(library) as card:
        response = bytearray(20)
        code, _ = library.SCardTransmit(card.handle, 2, GET_CHALLENGE, response)
        if os.getpid() != parent:
            os._exit(code == 0)
        assert code == 0
    assert reader.errors == []


@FORKS
def test_a_forked_child_has_its_own_readers(library: Library, reader: VirtualReader) -> None:
    reader.insert(EchoCard())
    with Context(library=library):
        child = os.fork()
        if child == 0:
            with Context(library=library) as context:
                os._exit(context.list_readers() != [virtual.DEFAULT_READER])
        assert os.waitpid(child, 0)[1] == 0
        with attach(library) as card:
            assert card.transmit(GET_CHALLENGE)[-2:] == b"\x90\x00"


def test_the_page_lists_the_commands_of_the_answering_card() -> None:
    page = (Path(__file__).parents[2] / "docs" / "virtual-reference.md").read_text(encoding="utf-8")
    source = (Path(virtual.__file__).parent / "csrc" / "answering_card.c").read_text(encoding="utf-8")
    commands = re.findall(r"^ \* +([08]0 [0-9A-F]{2}) ", source, re.MULTILINE)
    assert len(commands) == 11
    assert re.findall(r"^\| `([08]0 [0-9A-F]{2}) ", page, re.MULTILINE) == commands
