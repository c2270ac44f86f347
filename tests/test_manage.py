"""SCardManage on a card: exchanges and their buffers, transactions, status, attributes, control."""

import array
import contextlib
import mmap
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from conftest import Place
from support.commands import ANSWER_4, READ_4
from support.pcscd import PrivatePcscd

from scardffi import (
    Attribute,
    CardState,
    CommunicationError,
    Disposition,
    InsufficientBufferError,
    InvalidArgumentError,
    NoSmartCardError,
    NotTransactedError,
    Protocol,
    ProtocolMismatchError,
    ReaderUnavailableError,
    RemovedCardError,
    ResetCardError,
    ReturnCode,
    SCardError,
    SCardManage,
    SCardTimeoutError,
    ShareMode,
    SharingViolationError,
    UnexpectedStateError,
    UnknownReaderError,
    UnsupportedFeatureError,
    control_code,
    ffi,
    virtual,
)


def pattern(length: int) -> bytes:
    """Return the data of READ BINARY at offset 0."""
    return bytes((i ^ (i >> 8)) & 0xFF for i in range(length))


@pytest.fixture
def card(place: Place) -> Iterator[SCardManage]:
    with SCardManage(place.library).attach_by_ifd(place.reader) as attached:
        yield attached


# attach by reader


def test_the_error_names_an_unknown_reader(place: Place) -> None:
    with pytest.raises(UnknownReaderError, match="no such reader"):
        SCardManage(place.library).attach_by_ifd("no such reader")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a\0b",), "reader: 'a.*' is not allowed; give a name without NUL"),
        (("a", 0), r"share_mode: 0 is not allowed; give one of ShareMode.EXCLUSIVE \(1\)"),
        (("a", 4), "share_mode: 4"),
        (("a", 2, -1), r"protocols: -1 is not allowed; give any of Protocol.T0 \(1\)"),
        (("a", 2, 64), "protocols: 64 is not allowed"),
        (("a", 2, 0), "protocols: 0 is not allowed; give one or more of T0, T1, RAW"),
    ],
)
def test_the_error_names_a_wrong_argument(arguments: tuple[object, ...], message: str, place: Place) -> None:
    with pytest.raises(InvalidArgumentError, match=message) as failure:
        SCardManage(place.library).attach_by_ifd(*arguments)  # type: ignore[arg-type]  # the test passes a wrong type
    assert failure.value.hresult == 0x80070057


def test_a_reader_name_of_another_type_is_a_type_error(place: Place) -> None:
    with pytest.raises(TypeError, match="reader: expected a str, got bytes"):
        SCardManage(place.library).attach_by_ifd(b"reader")  # type: ignore[arg-type]  # the test passes a wrong type


def test_exclusive_access_keeps_others_out(place: Place) -> None:
    other = SCardManage(place.library)
    with SCardManage(place.library).attach_by_ifd(place.reader, ShareMode.EXCLUSIVE):
        with pytest.raises(SharingViolationError):
            other.attach_by_ifd(place.reader)
        assert not other.is_attached


def test_a_protocol_that_is_not_negotiated_is_a_mismatch(card: SCardManage, place: Place) -> None:
    with pytest.raises(ProtocolMismatchError):
        SCardManage(place.library).attach_by_ifd(place.reader, ShareMode.SHARED, 3 ^ card.protocol)


def test_direct_access_works_without_a_card(removal_daemon: PrivatePcscd) -> None:
    reader = removal_daemon.ifd_reader(3)
    removal_daemon.remove_card(3)
    try:
        removal_daemon.wait_for_card(reader, present=False)
        with pytest.raises(NoSmartCardError):
            SCardManage().attach_by_ifd(reader)
        with SCardManage().attach_by_ifd(reader, ShareMode.DIRECT, Protocol.UNDEFINED) as direct:
            assert direct.status().state == CardState.ABSENT
            assert direct.control(control_code(2000), b"echo") == b"echo"
    finally:
        removal_daemon.insert_card(3)
        removal_daemon.wait_for_card(reader)


# exchanges


@pytest.mark.parametrize("length", [1, 2, 16, 255, 256])
def test_transmit_returns_the_whole_response(length: int, card: SCardManage) -> None:
    response = card.transmit(bytes([0, 0xB0, 0, 0, length % 256]))
    assert type(response) is bytes
    assert response == pattern(length) + b"\x90\x00"


def test_the_error_of_a_first_exchange_has_no_context(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as card:
        with pytest.raises(CommunicationError) as raised:
            card.transmit(bytes.fromhex("80160000"))
        assert raised.value.__context__ is None


def test_an_extended_response_of_65538_bytes_arrives(card: SCardManage) -> None:
    command = bytes.fromhex("00B00000000000")
    expected = pattern(65536) + b"\x90\x00"
    assert card.transmit(command) == expected
    response = bytearray(65538)
    assert card.transmit_into(command, response) == 65538
    assert response == expected


COMMANDS: dict[str, Callable[[bytes], object]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview of a part": lambda data: memoryview(b"xx" + data + b"xx")[2:-2],
    "array": lambda data: array.array("B", data),
    "cdata": lambda data: ffi.buffer(ffi.new("unsigned char[5]", data)),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_transmit_takes_a_command_in_any_contiguous_buffer(kind: str, card: SCardManage) -> None:
    command = COMMANDS[kind](READ_4)
    assert card.transmit(command) == ANSWER_4  # type: ignore[arg-type]  # all of them are buffers
    response = bytearray(6)
    assert card.transmit_into(command, response) == 6  # type: ignore[arg-type]  # as above
    assert response == ANSWER_4


def test_the_items_of_a_buffer_may_be_wider_than_a_byte(card: SCardManage) -> None:
    command = array.array("H", bytes.fromhex("00A4000C023F0000"))  # Lc 02, data 3F00, Le 00: four items of two bytes
    response = array.array("I", [0] * 4)
    assert card.transmit(command) == b"\x90\x00"
    assert card.transmit_into(memoryview(command), memoryview(response)) == 2
    assert response.tobytes() == b"\x90\x00" + bytes(14)


def test_transmit_into_writes_the_response_into_the_callers_memory(card: SCardManage) -> None:
    with mmap.mmap(-1, 4096) as memory:
        assert card.transmit_into(READ_4, memory) == 6
        assert memory[:7] == ANSWER_4 + b"\0"
    whole = bytearray(b"." * 20)
    assert card.transmit_into(READ_4, memoryview(whole)[5:15]) == 6
    assert whole == b"....." + ANSWER_4 + b"........."


def test_a_response_buffer_without_room_for_a_status_word_is_refused(card: SCardManage) -> None:
    for size in (0, 1):
        with pytest.raises(InvalidArgumentError, match=rf"response: 'a buffer of {size} bytes' .* 2 bytes or more"):
            card.transmit_into(READ_4, bytearray(size))


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (bytes(10), "response: expected a writable, C-contiguous buffer such as bytearray, got bytes"),
        (memoryview(bytes(10)), "read-only, contiguous memoryview"),
        (memoryview(bytearray(10))[::2], "writable, non-contiguous memoryview"),
        ("text", "got str"),
        ([0] * 10, "got list"),
        (None, "got NoneType"),
    ],
    ids=["bytes", "read-only", "non-contiguous", "text", "list", "None"],
)
def test_a_response_buffer_that_is_not_allowed_is_refused_before_the_card_sees_the_command(
    response: object, message: str, daemon: PrivatePcscd
) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        before = daemon.ifd_events(0)
        with pytest.raises(TypeError, match=message):
            card.transmit_into(READ_4, response)  # type: ignore[arg-type]  # the test passes a wrong type
        assert daemon.ifd_events(0) == before
        assert card.transmit(READ_4) == ANSWER_4
        assert len(daemon.ifd_events(0)) == len(before) + 1


@pytest.mark.parametrize("size", [0, 65549])
def test_a_command_of_a_length_that_is_not_allowed_is_refused_before_the_card_sees_it(
    size: int, daemon: PrivatePcscd
) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        before = daemon.ifd_events(0)
        message = f"command: '{size} bytes' is not allowed; give 1 to 65548 bytes"
        with pytest.raises(InvalidArgumentError, match=message):
            card.transmit(bytes(size))
        with pytest.raises(InvalidArgumentError, match=message):
            card.transmit_into(bytes(size), bytearray(10))
        assert daemon.ifd_events(0) == before


def test_a_command_that_is_no_buffer_is_a_type_error(card: SCardManage) -> None:
    for command in ("00B0", [0, 0xB0], 5, None, memoryview(b"0123456789")[::2]):
        with pytest.raises(TypeError, match="command: expected a C-contiguous buffer"):
            card.transmit(command)  # type: ignore[arg-type]  # the test passes a wrong type


def test_buffers_that_overlap_are_refused(card: SCardManage) -> None:
    memory = bytearray(READ_4 + bytes(10))
    with pytest.raises(InvalidArgumentError, match="overlaps the command"):
        card.transmit_into(memoryview(memory)[:5], memoryview(memory)[4:])
    assert card.transmit_into(memoryview(memory)[:5], memoryview(memory)[5:]) == 6


@pytest.mark.parametrize("room", [2, 5, 257])
def test_the_error_for_a_small_response_buffer_says_that_the_command_was_executed(
    room: int, daemon: PrivatePcscd
) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        before = len(daemon.ifd_events(0))
        with pytest.raises(InsufficientBufferError, match="has executed the command") as failure:
            card.transmit_into(bytes.fromhex("00B0000000"), bytearray(room))
        assert failure.value.required == 258
        assert failure.value.hresult == failure.value.code == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
        assert len(daemon.ifd_events(0)) == before + 1, "the command was sent more than once"


def test_a_buffer_is_locked_only_during_the_call(card: SCardManage) -> None:
    response = bytearray(6)
    command = bytearray(READ_4)
    card.transmit_into(command, response)
    response.extend(b"more")
    command.extend(b"more")
    card.transmit(command)
    command.clear()


def test_a_card_that_breaks_off_raises_an_error_and_the_connection_stays_usable(daemon: PrivatePcscd) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        with pytest.raises(CommunicationError, match="an APDU has at least 4 bytes"):
            card.transmit(bytes.fromhex("80160000"))
        assert card.transmit(READ_4) == ANSWER_4


def test_a_removal_during_a_command_raises_an_error_at_once(removal_daemon: PrivatePcscd) -> None:
    reader = removal_daemon.ifd_reader(3)
    with SCardManage().attach_by_ifd(reader) as card:
        pulling = threading.Timer(0.1, removal_daemon.remove_card, (3,))
        pulling.start()
        try:
            start = time.perf_counter()
            with pytest.raises(SCardError):
                card.transmit(bytes.fromhex("80101388"))  # the command takes 5 s
            assert time.perf_counter() - start < 3
            removal_daemon.wait_for_card(reader, present=False)
            with pytest.raises(RemovedCardError):
                transmit_until_told(card)
        finally:
            pulling.join()
            removal_daemon.insert_card(3)
            removal_daemon.wait_for_card(reader)


def transmit_until_told(card: SCardManage) -> None:
    """Transmit until pcscd reports the removal, a moment after it has noticed it; until then there is no card."""
    deadline = time.perf_counter() + 5
    while time.perf_counter() < deadline:
        with contextlib.suppress(NoSmartCardError):
            card.transmit(READ_4)


# transactions


def test_other_handles_wait_for_the_end_of_a_transaction(card: SCardManage, place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        order: list[str] = []
        with card.transaction() as inside:
            assert inside is card

            def transmit() -> None:
                other.transmit(READ_4)
                order.append("other")

            waiting = threading.Thread(target=transmit)
            waiting.start()
            waiting.join(0.1)
            assert waiting.is_alive()
            assert card.transmit(READ_4) == ANSWER_4
            order.append("card")
        waiting.join(5)
        assert order == ["card", "other"]


def test_transactions_nest(card: SCardManage, place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        with card.transaction(), card.transaction():
            pass
        other.lock(timeout=1)
        other.unlock()


def test_lock_ends_after_its_timeout(card: SCardManage, place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other, other.transaction():
        start = time.perf_counter()
        with pytest.raises(SCardTimeoutError, match=r"held the card for 0\.2 s") as failure:
            card.lock(timeout=0.2)
        assert 0.2 <= time.perf_counter() - start < 1
        assert isinstance(failure.value, TimeoutError)
        with pytest.raises(SCardTimeoutError):
            card.lock(timeout=0)
    card.lock(timeout=0)
    card.unlock()


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), 2**32])
def test_a_wrong_timeout_is_refused(timeout: float, card: SCardManage) -> None:
    with pytest.raises(InvalidArgumentError, match=r"timeout: .* or None to wait without limit"):
        card.lock(timeout=timeout)


def test_lock_waits_for_the_end_of_another_transaction(card: SCardManage, place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        other.lock()
        threading.Timer(0.1, other.unlock).start()
        card.lock(timeout=5)
        card.unlock()


def test_an_exception_in_the_with_block_is_not_hidden_by_the_transactions_end(card: SCardManage) -> None:
    def unlock_early(error: type[Exception] | None) -> None:
        with card.transaction():
            card.unlock()
            if error is not None:
                raise error

    with pytest.raises(ZeroDivisionError):
        unlock_early(ZeroDivisionError)
    with pytest.raises(NotTransactedError):
        unlock_early(None)


def test_unlock_without_lock_raises_not_transacted(card: SCardManage) -> None:
    with pytest.raises(NotTransactedError):
        card.unlock()


def test_a_reset_at_the_end_of_a_transaction_is_seen_by_both_connections(card: SCardManage, place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other:
        card.lock()
        card.unlock(Disposition.RESET)
        for one in (card, other):
            with pytest.raises(ResetCardError):
                one.transmit(READ_4)
            one.reconnect()
            assert one.transmit(READ_4) == ANSWER_4


@pytest.mark.parametrize("disposition", [-1, 4, 99])
def test_an_unknown_disposition_is_refused_and_the_transaction_continues(disposition: int, card: SCardManage) -> None:
    card.lock()
    with pytest.raises(InvalidArgumentError, match=rf"disposition: {disposition} is not allowed"):
        card.unlock(disposition)
    card.unlock()
    with pytest.raises(InvalidArgumentError, match=rf"disposition: {disposition} is not allowed"):
        card.detach(disposition)
    assert card.is_attached


def test_reconnect_refuses_to_eject(card: SCardManage) -> None:
    with pytest.raises(InvalidArgumentError, match=r"initialization: .* LEAVE, RESET or UNPOWER"):
        card.reconnect(initialization=Disposition.EJECT)


def test_reconnect_changes_the_protocol(card: SCardManage) -> None:
    before = card.protocol
    other = Protocol.ANY & ~before
    card.reconnect(protocols=other, initialization=Disposition.RESET)
    assert card.protocol == other
    assert card.transmit(READ_4) == ANSWER_4
    card.reconnect(protocols=before, initialization=Disposition.RESET)


# status, attributes, control


def test_status_returns_reader_state_protocol_and_atr(card: SCardManage, place: Place) -> None:
    status = card.status()
    assert status.reader == place.reader
    assert status.state & CardState.PRESENT
    assert status.protocol in {Protocol.T0, Protocol.T1}
    assert status.atr.startswith(b"\x3b\x88\x80\x01")
    assert (card.atr, card.protocol) == (status.atr, status.protocol)


def test_attributes_are_read(card: SCardManage) -> None:
    assert card.get_attribute(Attribute.ATR_STRING) == card.atr
    with pytest.raises(UnsupportedFeatureError, match="SCardGetAttrib for attribute 0x0001FFFF"):
        card.get_attribute(0x1FFFF)


def test_an_attribute_is_written_and_read_back(daemon: PrivatePcscd) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        for value in (b"\1\2\3\4", bytearray(b"\0\0\0\0")):
            card.set_attribute(Attribute.SUPRESS_T1_IFS_REQUEST, value)
            assert card.get_attribute(Attribute.SUPRESS_T1_IFS_REQUEST) == value
        with pytest.raises(UnsupportedFeatureError, match="SCardSetAttrib for attribute 0x00010100"):
            card.set_attribute(Attribute.VENDOR_NAME, b"somebody")


def test_control_reaches_the_driver(daemon: PrivatePcscd) -> None:
    with SCardManage().attach_by_ifd(daemon.ifd_reader(0)) as card:
        assert card.control(control_code(2000), b"hello") == b"hello"
        assert card.control(control_code(2000)) == b""
        assert card.control(control_code(3400)) == bytes.fromhex("0A0442000BC1120442000BC2")
        with pytest.raises(UnsupportedFeatureError):
            card.control(control_code(1))
        with pytest.raises(InvalidArgumentError, match="data: '65549 bytes'"):
            card.control(control_code(2000), bytes(65549))


def test_during_anothers_transaction_control_and_attributes_are_refused_at_once(
    card: SCardManage, place: Place
) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as other, other.transaction():
        with pytest.raises(SharingViolationError):
            card.control(control_code(3400))
        with pytest.raises(SharingViolationError):
            card.get_attribute(Attribute.ATR_STRING)


def test_after_removal_and_insertion_the_card_needs_reconnect(removal_daemon: PrivatePcscd) -> None:
    reader = removal_daemon.ifd_reader(3)
    with SCardManage().attach_by_ifd(reader) as card:
        removal_daemon.remove_card(3)
        removal_daemon.wait_for_card(reader, present=False)
        removal_daemon.insert_card(3)
        removal_daemon.wait_for_card(reader)
        with pytest.raises(RemovedCardError):
            card.transmit(READ_4)
        card.reconnect()
        assert card.transmit(READ_4) == ANSWER_4


def test_the_object_has_the_properties_of_its_attachment(card: SCardManage) -> None:
    assert repr(card) == f"<scardffi.SCardManage handle {card.handle}>"
    card.detach()
    assert repr(card) == "<scardffi.SCardManage detached>"
    assert not card.is_attached
    with pytest.raises(UnexpectedStateError):
        card.detach()


def test_a_buffer_that_was_too_small_can_be_enlarged_in_the_except_block(card: SCardManage) -> None:
    for command in (READ_4, bytearray(READ_4)):
        response = bytearray(2)
        try:
            card.transmit_into(command, response)
        except InsufficientBufferError as error:
            response.extend(bytes((error.required or 0) - len(response)))
            if isinstance(command, bytearray):
                command.append(0)
        assert len(response) == 6


def test_detach_ends_a_transaction_that_is_open_after_a_reset(place: Place) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader) as owner:
        card = SCardManage(place.library).attach_by_handle(owner, share_mode=ShareMode.SHARED)
        card.lock()
        card.lock()
        card.unlock(Disposition.RESET)
        with pytest.raises(ResetCardError):
            card.unlock()
        card.reconnect()
        card.detach()
        with SCardManage(place.library).attach_by_ifd(place.reader) as other:
            other.lock(timeout=1)
            other.unlock()


@pytest.mark.parametrize("transactions", [0, 1, 2])
@pytest.mark.parametrize("share", [ShareMode.SHARED, ShareMode.DIRECT])
def test_giving_up_exclusive_access_unlocks_the_reader(place: Place, transactions: int, share: ShareMode) -> None:
    with SCardManage(place.library).attach_by_ifd(place.reader, ShareMode.EXCLUSIVE) as card:
        for _ in range(transactions):
            card.lock()
        card.reconnect(share)
        connected: list[bytes] = []

        def connect() -> None:
            with SCardManage(place.library).attach_by_ifd(place.reader) as other:
                connected.append(other.transmit(READ_4))

        thread = threading.Thread(target=connect)
        thread.start()
        for _ in range(transactions):
            thread.join(0.05)
            assert thread.is_alive()  # our own transaction still holds
            card.unlock()
        thread.join(5)
        assert connected == [ANSWER_4]
        with pytest.raises(NotTransactedError):
            card.unlock()


def test_an_error_names_the_reader_or_the_handle(virtual_place: Place) -> None:
    library = virtual_place.library
    with virtual.VirtualReader("Named", virtual.AnsweringCard()) as reader:
        card = SCardManage(library).attach_by_ifd("Named")
        borrowed = SCardManage(library).attach_by_handle(card)
        number = card.handle
        reader.unplug()
        reader.plug()
    calls: list[Callable[[SCardManage], object]] = [
        lambda card: card.transmit(READ_4),
        lambda card: card.transmit_into(READ_4, bytearray(6)),
        lambda card: card.exchange(READ_4, bytearray(6))(),
        lambda card: card.read_binary_into(bytearray(6)),
        SCardManage.status,
        SCardManage.lock,
        SCardManage.reconnect,
        lambda card: card.control(1),
        lambda card: card.get_attribute(1),
    ]
    for call in calls:
        with pytest.raises(ReaderUnavailableError, match="'Named'"):
            call(card)
    for call in calls[:6]:
        with pytest.raises(ReaderUnavailableError, match=f"handle {number}"):
            call(borrowed)
    borrowed.detach()
    card.detach()
