"""The Python layers of scardffi.compat.smartcard: connections, readers, requests, and values."""

import copy
import gc
import logging
import pickle
import pkgutil
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scardffi import SCardManage, errors, virtual
from scardffi._reader_watch import ReaderWatch
from scardffi.compat import scard, smartcard
from scardffi.compat.smartcard import Exceptions
from scardffi.compat.smartcard.Card import Card
from scardffi.compat.smartcard.CardConnection import CardConnection
from scardffi.compat.smartcard.CardConnectionDecorator import CardConnectionDecorator
from scardffi.compat.smartcard.CardConnectionEvent import CardConnectionEvent
from scardffi.compat.smartcard.CardConnectionObserver import CardConnectionObserver, ConsoleCardConnectionObserver
from scardffi.compat.smartcard.CardRequest import CardRequest
from scardffi.compat.smartcard.CardType import ATRCardType
from scardffi.compat.smartcard.ExclusiveConnectCardConnection import ExclusiveConnectCardConnection
from scardffi.compat.smartcard.ExclusiveTransmitCardConnection import ExclusiveTransmitCardConnection
from scardffi.compat.smartcard.PassThruCardService import PassThruCardService
from scardffi.compat.smartcard.pcsc import PCSCExceptions, PCSCPart10
from scardffi.compat.smartcard.pcsc.PCSCContext import PCSCContext
from scardffi.compat.smartcard.pcsc.PCSCReader import PCSCReader
from scardffi.compat.smartcard.Session import Session
from scardffi.compat.smartcard.sw.ErrorCheckingChain import ErrorCheckingChain
from scardffi.compat.smartcard.sw.ISO7816_4ErrorChecker import ISO7816_4ErrorChecker
from scardffi.compat.smartcard.sw.SWExceptions import CheckingErrorException
from scardffi.compat.smartcard.System import listReaders, readers
from scardffi.constants import control_code

ERROR_NOT_SUPPORTED = 50  # what Windows says in place of SCARD_E_UNSUPPORTED_FEATURE
READ_4 = [0x00, 0xB0, 0x00, 0x00, 0x04]
ANSWER = ([0, 1, 2, 3], 0x90, 0x00)
UNKNOWN = [0x00, 0xEE, 0x00, 0x00]


@pytest.fixture(autouse=True)
def _virtual_library() -> Iterator[None]:
    with virtual.installed():
        yield


@pytest.fixture
def connection() -> Iterator[CardConnectionDecorator]:
    """A connection to the answering card."""
    with PCSCReader(virtual.DEFAULT_READER).createConnection() as made:
        made.connect()
        yield made


# Connections


def test_a_decorator_has_the_names_of_the_connection_inside(connection: CardConnectionDecorator) -> None:
    outer = CardConnectionDecorator(connection)
    assert outer.T0_protocol == CardConnection.T0_protocol
    assert outer.hcard == connection.component.hcard == connection.manage.handle
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = outer.nothing


def test_the_handle_and_the_context_are_those_of_smartcard_scard(connection: CardConnectionDecorator) -> None:
    code, reader, _, protocol, atr = scard.SCardStatus(connection.hcard)
    assert (code, reader, list(atr)) == (0, virtual.DEFAULT_READER, connection.getATR())
    assert protocol == scard.SCARD_PROTOCOL_T1
    assert connection.getProtocol() == CardConnection.T1_protocol
    assert scard.SCardIsValidContext(connection.hcontext) == 0
    card = SCardManage().attach_by_handle(connection)
    assert card.transmit(bytes(READ_4)) == bytes([0, 1, 2, 3, 0x90, 0])
    card.detach()


def test_no_call_reaches_a_card_that_is_not_connected() -> None:
    made = PCSCReader(virtual.DEFAULT_READER).createConnection()
    calls: list[Callable[[], object]] = [
        lambda: made.transmit(READ_4),
        made.getATR,
        made.reconnect,
        lambda: made.control(1),
        lambda: made.getAttrib(scard.SCARD_ATTR_ATR_STRING),
        ExclusiveTransmitCardConnection(made).lock,
    ]
    for call in calls:
        with pytest.raises(Exceptions.CardConnectionException, match=r"^Card not connected$"):
            call()
    made.disconnect()
    assert made.hcard is None


def test_a_connection_can_be_connected_again_after_its_release(connection: CardConnectionDecorator) -> None:
    connection.release()
    connection.connect()
    assert connection.transmit(READ_4) == ANSWER


def test_a_protocol_that_is_not_active_is_refused_by_the_library(connection: CardConnectionDecorator) -> None:
    assert connection.transmit(READ_4, CardConnection.RAW_protocol) == ANSWER
    with pytest.raises(Exceptions.CardConnectionException) as caught:
        connection.transmit(READ_4, CardConnection.T0_protocol)
    assert caught.value.hresult == scard.SCARD_E_PROTO_MISMATCH
    with pytest.raises(Exceptions.CardConnectionException, match=r"^Invalid protocol in transmit: must be "):
        connection.transmit(READ_4, CardConnection.T0_protocol | CardConnection.T1_protocol)


def test_connecting_asks_for_all_protocols_again_after_a_disconnect(connection: CardConnectionDecorator) -> None:
    class T0:
        atr = bytes.fromhex("3B00")

        def transmit(self, _command: bytes) -> bytes:
            return b"\x90\x00"

    with virtual.VirtualReader("changing", virtual.AnsweringCard()) as reader:
        made = PCSCReader("changing").createConnection()
        made.connect()
        assert made.getProtocol() == CardConnection.T1_protocol
        made.disconnect()
        reader.swap(T0(), gap=0.0)
        made.connect()
        assert made.getProtocol() == CardConnection.T0_protocol
        made.disconnect()
    assert connection.transmit(READ_4) == ANSWER


def test_errors_have_the_code_and_the_classes_of_pyscard(connection: CardConnectionDecorator) -> None:
    with virtual.VirtualReader("empty"):
        with pytest.raises(Exceptions.NoCardException) as nothing:
            PCSCReader("empty").createConnection().connect()
        assert nothing.value.hresult == scard.SCARD_E_NO_SMARTCARD
    with pytest.raises(Exceptions.CardConnectionException) as unknown:
        PCSCReader("no such reader").createConnection().connect()
    assert unknown.value.hresult == scard.SCARD_E_UNKNOWN_READER
    assert isinstance(unknown.value.__cause__, errors.UnknownReaderError)
    with pytest.raises(Exceptions.SmartcardException) as refused:
        connection.getAttrib(0x7FFF)
    assert refused.value.hresult in {scard.SCARD_E_UNSUPPORTED_FEATURE, ERROR_NOT_SUPPORTED}
    with pytest.raises(Exceptions.CardConnectionException) as empty:
        connection.transmit([])
    assert empty.value.hresult == scard.SCARD_E_INVALID_PARAMETER


def test_a_response_without_a_status_word_is_an_error() -> None:
    class Short:
        atr = bytes.fromhex("3B80800101")

        def transmit(self, _command: bytes) -> bytes:
            return b"\x90"

    with virtual.VirtualReader("short", Short()), PCSCReader("short").createConnection() as made:
        made.connect()
        for protocol in (None, CardConnection.RAW_protocol):
            with pytest.raises(Exceptions.CardConnectionException, match=r"^Card returned no valid response: "):
                made.transmit(READ_4, protocol)


def test_an_exclusive_connection_keeps_others_out(connection: CardConnectionDecorator) -> None:
    connection.disconnect()
    exclusive = ExclusiveConnectCardConnection(PCSCReader(virtual.DEFAULT_READER).createConnection())
    exclusive.connect()
    with pytest.raises(Exceptions.CardConnectionException) as caught:
        connection.connect()
    assert caught.value.hresult == scard.SCARD_E_SHARING_VIOLATION
    del exclusive  # a collected connection is disconnected on another thread, for which connect() waits
    connection.connect()
    assert connection.transmit(READ_4) == ANSWER


class SlowResets:
    """A card that takes some time for a reset."""

    atr = virtual.ANSWERING_ATR

    def reset(self) -> None:
        """Wait."""
        time.sleep(0.02)

    def transmit(self, command: bytes) -> bytes:
        """Answer as the card of the virtual library does."""
        del command
        return bytes.fromhex("00010203 9000")


def plain(reader: str) -> CardConnectionDecorator:
    connection = PCSCReader(reader).createConnection()
    connection.connect()
    return connection


def exclusive(reader: str) -> CardConnectionDecorator:
    connection = ExclusiveConnectCardConnection(PCSCReader(reader).createConnection())
    connection.connect()
    return connection


def of_a_service(reader: str) -> Any:
    service = PassThruCardService(PCSCReader(reader).createConnection())
    service.connection.connect()
    return service.connection


def of_a_session(reader: str) -> Any:
    return Session(reader).cs.connection


def of_a_request(reader: str) -> Any:
    service = CardRequest(timeout=5, readers=[reader]).waitforcard()
    service.connection.connect()
    return service.connection


CONNECTING = [plain, exclusive, of_a_service, of_a_session, of_a_request]


@pytest.mark.parametrize("connect", CONNECTING)
def test_a_dropped_connection_does_not_affect_the_next_one(connect: Callable[[str], Any]) -> None:
    with virtual.VirtualReader("slow", SlowResets()) as reader:
        for _ in range(5):
            connection = connect(reader.name)
            for _ in range(3):
                assert connection.transmit(READ_4) == ANSWER
                time.sleep(0.01)
            del connection


def test_a_dropped_connection_does_not_affect_connections_of_smartcard_scard() -> None:
    wanted = scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T1
    with virtual.VirtualReader("slow", SlowResets()) as reader:
        _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        plain(reader.name)
        code, card, protocol = scard.SCardConnect(context, reader.name, *wanted)
        for _ in range(2):
            assert code == scard.SCARD_S_SUCCESS
            time.sleep(0.03)
            assert scard.SCardTransmit(card, protocol, READ_4)[0] == scard.SCARD_S_SUCCESS
            plain(reader.name)
            code, protocol = scard.SCardReconnect(card, *wanted, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(context)


def test_exclusive_transmits_are_transactions(connection: CardConnectionDecorator) -> None:
    exclusive = ExclusiveTransmitCardConnection(CardConnectionDecorator(connection))
    assert exclusive.transmit(READ_4) == ANSWER
    exclusive.lock()
    assert exclusive.transmit(READ_4) == ANSWER
    exclusive.unlock()
    with pytest.raises(Exceptions.CardConnectionException) as caught:
        exclusive.unlock()
    assert caught.value.hresult == scard.SCARD_E_NOT_TRANSACTED


def test_observers_see_each_step_and_their_errors_are_logged(
    connection: CardConnectionDecorator, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    class Failing(CardConnectionObserver):
        def update(self, _observable: object, handlers: CardConnectionEvent) -> None:
            raise ValueError(handlers.type)

    failing, console = Failing(), ConsoleCardConnectionObserver()
    connection.addObserver(failing)
    connection.addObserver(console)
    with caplog.at_level(logging.ERROR, "scardffi"):
        assert connection.transmit(READ_4) == ANSWER
        assert connection.transmit(UNKNOWN)[0] == []
        connection.getAttrib(scard.SCARD_ATTR_ATR_STRING)
        connection.control(PCSCPart10.CM_IOCTL_GET_FEATURE_REQUEST)
        connection.disconnect()
    connection.deleteObserver(failing)
    connection.deleteObserver(console)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == ["> 00 B0 00 00 04", "< 00 01 02 03 90 00", "> 00 EE 00 00", "<  [] 6D 00"]
    assert lines[4:6] == ["unknown event: attrib", f"> control 0x{control_code(3400):08X}"]
    assert lines[-1] == f"disconnecting from {virtual.DEFAULT_READER}"
    assert {record.name for record in caplog.records} == {"scardffi"}
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info][:2] == ["command", "response"]


class Keeping(CardConnectionObserver):
    """An observer that keeps the kinds of events."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def update(self, _observable: object, handlers: CardConnectionEvent) -> None:
        """Keep the kind."""
        self.kinds.append(handlers.type)


def test_observers_see_the_end_of_a_connection_that_is_dropped() -> None:
    observer = Keeping()
    connection = PCSCReader(virtual.DEFAULT_READER).createConnection()
    connection.addObserver(observer)
    connection.connect()
    assert connection.transmit(READ_4) == ANSWER
    del connection
    assert observer.kinds == ["connect", "command", "response", "release", "disconnect"]


def test_a_connection_in_a_collected_cycle_is_ended_as_it_was_asked_for() -> None:
    class Counting(SlowResets):
        resets = 0

        def reset(self) -> None:
            self.resets += 1

    card = Counting()
    with virtual.VirtualReader("cycle", card) as reader, warnings.catch_warnings():
        warnings.simplefilter("error")  # the manage object of the connection is not collected
        for number in range(1, 11):
            cycle: list[object] = [plain(reader.name)]
            cycle.append(cycle)
            del cycle
            gc.collect()
            plain(reader.name).disconnect()
            assert card.resets == 1 + 2 * number


def test_a_chain_checks_status_words(connection: CardConnectionDecorator) -> None:
    chain: list[ErrorCheckingChain] = []
    ErrorCheckingChain(chain, ISO7816_4ErrorChecker())
    connection.setErrorCheckingChain(chain)
    with pytest.raises(CheckingErrorException) as caught:
        connection.transmit(UNKNOWN)
    assert (caught.value.sw1, caught.value.sw2) == (0x6D, 0x00)
    assert "instruction not supported" in str(caught.value)
    connection.addSWExceptionToFilter(CheckingErrorException)
    assert connection.transmit(UNKNOWN) == ([], 0x6D, 0x00)


def test_features_and_properties_of_the_reader_are_read(connection: CardConnectionDecorator) -> None:
    features = PCSCPart10.getFeatureRequest(connection)
    assert [name for name, _ in features] == ["FEATURE_IFD_PIN_PROPERTIES", "FEATURE_GET_TLV_PROPERTIES"]
    assert PCSCPart10.hasFeature(features, PCSCPart10.Features["FEATURE_ABORT"]) is None
    pin = PCSCPart10.getPinProperties(connection)
    assert (pin["EntryValidationCondition"], pin["TimeOut2"]) == (7, 0)
    assert PCSCPart10.getTlvProperties(connection, features) == {
        "raw": [10, 4, 0, 0, 1, 0],
        "PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize": 65536,
    }
    firmware = [8, 3, *b"1.2", 99, 1, 0]
    assert PCSCPart10.parseTlvProperties(firmware)["PCSCv2_PART10_PROPERTY_sFirmwareID"] == "1.2"


# Readers, sessions, requests


def test_readers_without_a_service_are_an_error() -> None:
    with virtual.service_stopped():
        with pytest.raises(PCSCExceptions.EstablishContextException, match=r"\(0x8010001D\)$"):
            readers()
        with pytest.raises(Exceptions.CardConnectionException):
            CardRequest()


def test_a_session_sends_commands() -> None:
    session = Session()
    assert session.sendCommandAPDU(READ_4) == ([0, 1, 2, 3, 0x90, 0x00], 0x90, 0x00)
    assert session.getATR()[0] == 0x3B
    session.close()
    with pytest.raises(Exceptions.InvalidReaderException):
        Session("no such reader")


def test_a_request_waits_for_a_reader_that_is_not_plugged_in() -> None:
    start = time.perf_counter()
    with pytest.raises(Exceptions.CardRequestTimeoutException):
        CardRequest(readers=["no such reader"], timeout=0.1).waitforcard()
    assert time.perf_counter() - start >= 0.1


def test_a_request_without_time_finds_a_card_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scardffi.monitor._BEGIN_SECONDS", 10)
    service = CardRequest(timeout=0).waitforcard()
    assert service.connection.getReader() == virtual.DEFAULT_READER
    assert [str(card.reader) for card in CardRequest(timeout=0).waitforcardevent()] == [virtual.DEFAULT_READER]
    assert CardRequest(timeout=0, cardType=ATRCardType([0x3B, 0x00])).waitforcardevent() == []


def test_a_request_for_a_new_card_does_not_take_one_that_is_there() -> None:
    with virtual.VirtualReader("new") as reader:
        request = CardRequest(newcardonly=True, timeout=5)
        cards = request.pcsccardrequest._cards()
        assert next(cards) == []
        reader.insert(virtual.AnsweringCard())
        assert [str(card.reader) for card in next(cards)] == ["new"]
        cards.close()  # type: ignore[attr-defined]  # a generator


def test_a_request_for_a_new_card_does_not_take_one_that_is_seen_late(monkeypatch: pytest.MonkeyPatch) -> None:
    lead = ReaderWatch._lead

    def late(watch: ReaderWatch) -> None:
        time.sleep(0.1)
        lead(watch)

    monkeypatch.setattr(ReaderWatch, "_lead", late)
    monkeypatch.setattr("scardffi.monitor._BEGIN_SECONDS", 0)
    assert CardRequest(newcardonly=True, timeout=0.3).waitforcardevent() == []


def test_a_request_for_a_new_card_does_not_take_one_whose_use_ends(connection: CardConnectionDecorator) -> None:
    cards = CardRequest(newcardonly=True, timeout=5).pcsccardrequest._cards()
    assert next(cards) == []
    connection.disconnect()
    assert next(cards) == []  # the card is no longer in use
    cards.close()  # type: ignore[attr-defined]  # a generator


def in_two_threads(monkeypatch: pytest.MonkeyPatch, slow: str, call: Callable[[], Any]) -> list[Any]:
    """Return what a call returns in two threads: the second one begins while the first one is in the function ``slow``.

    Args:
        monkeypatch: changes the function.
        slow: the name of the function, with its module.
        call: the call.
    """
    is_called, may_end, function = threading.Event(), threading.Event(), pkgutil.resolve_name(slow)

    def until_both_call(*arguments: Any) -> Any:
        result = function(*arguments)
        is_called.set()
        may_end.wait(10)
        return result

    monkeypatch.setattr(slow, until_both_call)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(call())) for _ in range(2)]
    threads[0].start()
    assert is_called.wait(10)
    threads[1].start()
    threads[1].join(0.05)
    may_end.set()
    for thread in threads:
        thread.join(10)
    return found


def test_threads_that_need_a_context_get_the_same_one(
    monkeypatch: pytest.MonkeyPatch, connection: CardConnectionDecorator
) -> None:
    PCSCContext.releaseContext()
    ours = "scardffi.compat.smartcard.pcsc"
    shared = in_two_threads(monkeypatch, f"{ours}.PCSCContext.new_context", PCSCContext.getContext)
    of_a_connection = in_two_threads(
        monkeypatch, f"{ours}.PCSCCardConnection.Context", lambda: connection.component.hcontext
    )
    for first, second in (shared, of_a_connection):
        assert first == second
        assert scard.SCardIsValidContext(first) == 0
    PCSCContext.releaseContext()


def test_threads_that_connect_at_the_same_time_leave_one_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = PCSCReader(virtual.DEFAULT_READER).createConnection()
    in_two_threads(monkeypatch, "scardffi.compat.smartcard.pcsc.PCSCCardConnection.SCardManage", connection.connect)
    connection.disconnect()
    alone = PCSCReader(virtual.DEFAULT_READER).createConnection()
    alone.connect(mode=scard.SCARD_SHARE_EXCLUSIVE)
    alone.disconnect()


def test_the_shared_context_is_renewed() -> None:
    first = PCSCContext().getContext()
    assert scard.SCardIsValidContext(first) == 0
    assert scard.SCardIsValidContext(PCSCContext.renewContext()) == 0
    PCSCContext.releaseContext()
    assert PCSCContext.instance is None


# Values


@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])  # noqa: S301  our own data
@pytest.mark.parametrize(
    "value",
    [
        Exceptions.SmartcardException("text", 5),
        Exceptions.NoCardException("text", 5),
        Exceptions.CardRequestTimeoutException(),
        Exceptions.InvalidReaderException("name"),
        PCSCExceptions.AddReaderToGroupException(5, "reader", "group"),
        CheckingErrorException([1], 0x69, 0x85, "text"),
        Card("reader", [0x3B, 0x00]),
        PCSCReader("reader"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_travels(value: Any, how: Callable[[Any], Any]) -> None:
    again = how(value)
    assert type(again) is type(value)
    assert (str(again), vars(again)) == (str(value), vars(value))


def test_the_package_has_the_names_that_pyscards_has() -> None:
    assert smartcard.Session is Session
    assert smartcard.listReaders is listReaders
    assert smartcard.scard is scard
    assert smartcard.util.toHexString([1, 255]) == "01 FF"
    assert smartcard.CardMonitoring.CardMonitor
