"""The SCard* functions of Library and raw: arguments, buffers, and the types of what they return.

tests/conformance holds the codes that each function returns.
"""

import array
import re
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from conftest import Place
from support.commands import ANSWER_4, READ_4
from support.moments import is_in, when
from support.pcscd import PrivatePcscd
from support.shape import MACOS, NO_SUCH_HANDLE, WINDOWS
from support.signals import send_signal

from scardffi import (
    Attribute,
    Disposition,
    InvalidArgumentError,
    InvalidHandleError,
    Library,
    Protocol,
    ReturnCode,
    Scope,
    ShareMode,
    control_code,
    ffi,
    raw,
)
from scardffi._loader import set_default_table
from scardffi._windows_functions import WindowsFunctions

SUCCESS = ReturnCode.SCARD_S_SUCCESS


@pytest.fixture
def context(place: Place) -> Iterator[int]:
    code, number = place.library.SCardEstablishContext(Scope.SYSTEM)
    assert code == SUCCESS
    yield number
    assert place.library.SCardReleaseContext(number) == SUCCESS


class Card(NamedTuple):
    """A card handle, its active protocol, and the library that it is of."""

    library: Library
    handle: int
    protocol: int


@pytest.fixture
def card(place: Place, context: int) -> Iterator[Card]:
    """A shared connection."""
    code, handle, protocol = place.library.SCardConnect(context, place.reader, ShareMode.SHARED, Protocol.ANY)
    assert code == SUCCESS
    yield Card(place.library, handle, protocol)
    assert place.library.SCardDisconnect(handle, Disposition.LEAVE) == SUCCESS


@pytest.fixture
def driver_card(daemon: PrivatePcscd) -> Iterator[Card]:
    """A connection to a reader of the tests' own driver."""
    library = Library("libpcsclite.so.1")
    _, context = library.SCardEstablishContext(Scope.SYSTEM)
    code, handle, protocol = library.SCardConnect(context, daemon.ifd_reader(0), ShareMode.SHARED, Protocol.ANY)
    assert code == SUCCESS
    yield Card(library, handle, protocol)
    assert library.SCardReleaseContext(context) == SUCCESS


def functions(owner: Any) -> set[str]:
    return {name for name in vars(owner) if name.startswith(("SCard", "pcsc_"))}


# The module


def test_the_module_has_every_function_of_a_library() -> None:
    assert functions(raw) == functions(Library) | functions(WindowsFunctions)


def test_the_functions_of_the_module_are_those_of_the_default_library(virtual_place: Place) -> None:
    bound = [getattr(raw, name) for name in functions(raw)]
    assert all(function.__func__ is getattr(Library, function.__name__) for function in bound)
    (default,) = {function.__self__ for function in bound}
    previous = set_default_table(virtual_place.library.native)
    try:
        assert default.native == virtual_place.library.native
    finally:
        set_default_table(previous)


# Results


def test_numbers_are_returned_as_plain_ints_and_texts_and_bytes_as_such(place: Place) -> None:
    library = place.library
    code, context = library.SCardEstablishContext(Scope.SYSTEM)
    connected = library.SCardConnect(context, place.reader, ShareMode.SHARED, Protocol.ANY)
    handle = connected[1]
    status = library.SCardStatus(handle)
    changed, [state] = library.SCardGetStatusChange(context, 0, [(place.reader, 0)])
    listed, names = library.SCardListReaders(context)
    numbers = [
        code,
        context,
        library.SCardIsValidContext(context),
        *connected,
        changed,
        state[0],
        listed,
        status[0],
        *status[2:4],
        *library.SCardReconnect(handle, ShareMode.SHARED, Protocol.ANY, Disposition.LEAVE),
        *library.SCardTransmit(handle, Protocol.T1, READ_4, bytearray(6)),
        *library.SCardControl(handle, control_code(3400), b"", bytearray(64)),
        *library.SCardGetAttrib(handle, Attribute.ATR_STRING, bytearray(33)),
        library.SCardSetAttrib(handle, Attribute.SUPRESS_T1_IFS_REQUEST, bytes(4)),
        library.SCardBeginTransaction(handle),
        library.SCardEndTransaction(handle, Disposition.LEAVE),
        library.SCardCancel(context),
        library.SCardDisconnect(handle, Disposition.LEAVE),
        library.SCardReleaseContext(context),
        library.SCardIsValidContext(context),
    ]
    assert {type(number) for number in numbers} == {int}
    assert [type(name) for name in names] == [str] * len(names)
    assert (type(status[1]), type(status[4]), type(state[1])) == (str, bytes, bytes)


# Buffers


@pytest.mark.parametrize(
    "command",
    [READ_4, bytearray(READ_4), memoryview(READ_4), array.array("B", READ_4), memoryview(b"xx" + READ_4)[2:]],
    ids=["bytes", "bytearray", "memoryview", "array", "slice"],
)
def test_a_command_may_be_any_contiguous_buffer(card: Card, command: Any) -> None:
    response = bytearray(258)
    assert card.library.SCardTransmit(card.handle, card.protocol, command, response) == (SUCCESS, 6)
    assert response[:6] == ANSWER_4


@pytest.mark.parametrize("kind", [bytearray, lambda size: array.array("B", bytes(size))], ids=["bytearray", "array"])
def test_the_response_is_written_into_the_callers_buffer(card: Card, kind: Callable[[int], Any]) -> None:
    whole = kind(20)
    with memoryview(whole) as view, view[7:13] as part:
        assert card.library.SCardTransmit(card.handle, card.protocol, READ_4, part) == (SUCCESS, 6)
    assert bytes(whole) == bytes(7) + ANSWER_4 + bytes(7)


def test_a_buffer_may_be_resized_after_the_call(card: Card) -> None:
    response = bytearray(6)
    assert card.library.SCardTransmit(card.handle, card.protocol, bytearray(READ_4), response) == (SUCCESS, 6)
    response.extend(b"more")
    assert card.library.SCardTransmit(card.handle, 4711, READ_4, response)[0] != SUCCESS
    response.clear()


@pytest.mark.parametrize("command", [b"\1\2\3", bytearray(b"\1\2\3"), memoryview(b"\1\2\3")])
def test_control_takes_any_contiguous_buffer_and_writes_into_the_callers(driver_card: Card, command: Any) -> None:
    response = bytearray(8)
    echo = control_code(2000)
    assert driver_card.library.SCardControl(driver_card.handle, echo, command, response) == (SUCCESS, 3)
    assert response == b"\1\2\3" + bytes(5)


def test_an_attribute_is_written_into_the_callers_buffer(card: Card, place: Place) -> None:
    value = bytearray(b"\xee" * 100)
    code, length = card.library.SCardGetAttrib(card.handle, Attribute.DEVICE_FRIENDLY_NAME, value)
    assert code == SUCCESS
    assert value[:length].rstrip(b"\0").decode() == place.reader
    assert value[length:] == b"\xee" * (100 - length)


def test_an_attribute_that_does_not_fit_leaves_the_bytes_after_the_buffer_unchanged(card: Card) -> None:
    whole = bytearray(b"\xee" * 24)
    with memoryview(whole)[:2] as part:
        code, _ = card.library.SCardGetAttrib(card.handle, Attribute.ATR_STRING, part)
    assert code == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
    assert whole[2:] == b"\xee" * 22


@pytest.mark.parametrize("value", [b"\1\2\3\4", bytearray(4), memoryview(bytes(4))])
def test_an_attribute_is_set_from_any_contiguous_buffer(driver_card: Card, value: Any) -> None:
    library, attribute = driver_card.library, Attribute.SUPRESS_T1_IFS_REQUEST
    read = bytearray(8)
    assert library.SCardSetAttrib(driver_card.handle, attribute, value) == SUCCESS
    assert library.SCardGetAttrib(driver_card.handle, attribute, read) == (SUCCESS, 4)
    assert read[:4] == value


# Numbers


class Index:
    """An object that is a number only by ``__index__``."""

    def __init__(self, number: int) -> None:
        self._number = int(number)  # a member of an enumeration is no allowed result of __index__

    def __index__(self) -> int:
        return self._number


def test_an_object_with_index_is_a_number_in_every_function_of_numbers(place: Place) -> None:
    library = place.library
    code, context = library.SCardEstablishContext(Index(Scope.SYSTEM))
    connected = library.SCardConnect(Index(context), place.reader, Index(ShareMode.SHARED), Index(Protocol.ANY))
    handle = Index(connected[1])
    assert (code, connected[0]) == (SUCCESS, SUCCESS)
    assert library.SCardReconnect(handle, Index(ShareMode.SHARED), Index(Protocol.ANY), Index(0))[0] == SUCCESS
    assert library.SCardBeginTransaction(handle) == SUCCESS
    assert library.SCardEndTransaction(handle, Index(Disposition.LEAVE)) == SUCCESS
    assert library.SCardDisconnect(handle, Index(Disposition.LEAVE)) == SUCCESS
    assert library.SCardIsValidContext(Index(context)) == SUCCESS
    assert library.SCardReleaseContext(Index(context)) == SUCCESS


@pytest.mark.parametrize("number", [Decimal(2), Fraction(2), UUID(int=2)])
def test_a_number_that_only_int_converts_is_refused(virtual_place: Place, number: Any) -> None:
    with pytest.raises(TypeError, match=f"^scope: expected an int, got {type(number).__name__}"):
        virtual_place.library.SCardEstablishContext(number)


def test_a_handle_may_be_given_as_a_signed_and_as_an_unsigned_number(virtual_place: Place) -> None:
    unsigned = (1 << 8 * ffi.sizeof("SCARDHANDLE")) - 1
    codes = {virtual_place.library.SCardDisconnect(number, Disposition.LEAVE) for number in (-1, unsigned)}
    assert codes == {NO_SUCH_HANDLE}


def test_an_error_of_an_argument_shows_no_error_of_cffi(virtual_place: Place) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        virtual_place.library.SCardDisconnect(1, 2**32)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("reader", [["reader"], {}, b"reader"])
def test_a_reader_of_a_wrong_type_is_refused_by_its_name(virtual_place: Place, reader: Any) -> None:
    with pytest.raises(TypeError, match=f"^reader: expected a str, got {type(reader).__name__}"):
        virtual_place.library.SCardConnect(1, reader, ShareMode.SHARED, Protocol.ANY)


def test_threads_that_connect_at_the_same_time_get_results_of_their_own(virtual_place: Place) -> None:
    library = virtual_place.library
    _, context = library.SCardEstablishContext(Scope.SYSTEM)

    def connect(_: int) -> tuple[int, int, int]:
        connected = library.SCardConnect(context, virtual_place.reader, ShareMode.SHARED, Protocol.T1)
        assert library.SCardBeginTransaction(connected[1]) == SUCCESS
        assert library.SCardEndTransaction(connected[1], Disposition.LEAVE) == SUCCESS
        return connected

    with ThreadPoolExecutor(16) as pool:
        connected = list(pool.map(connect, range(400)))
    assert {(code, protocol) for code, _, protocol in connected} == {(SUCCESS, Protocol.T1)}
    assert len({handle for _, handle, _ in connected}) == 400
    assert library.SCardReleaseContext(context) == SUCCESS


@pytest.mark.skipif(WINDOWS, reason="it has no SIGALRM")
@pytest.mark.parametrize("error", [TypeError, OverflowError, IndexError, KeyboardInterrupt])
def test_what_a_call_has_opened_is_closed_if_a_signal_handler_raises_any_error(
    virtual_place: Place, error: type[BaseException]
) -> None:
    """The handler raises after the call: the call waits until another thread has ended its transaction."""
    library, opened = virtual_place.library, (ShareMode.SHARED, Protocol.ANY)
    _, context = library.SCardEstablishContext(Scope.SYSTEM)
    _, holder, _ = library.SCardConnect(context, virtual_place.reader, *opened)
    _, waiting, _ = library.SCardConnect(context, virtual_place.reader, *opened)
    assert library.SCardBeginTransaction(holder) == SUCCESS

    def interrupt(_number: int, _frame: Any) -> None:
        raise error("of the handler")

    def send_and_end() -> None:
        send_signal(signal.SIGALRM)
        library.SCardEndTransaction(holder, Disposition.LEAVE)

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with (
            pytest.raises(error, match="of the handler"),
            when(is_in(Library.SCardBeginTransaction), send_and_end, after=0.05),
        ):
            library.SCardBeginTransaction(waiting)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert library.SCardEndTransaction(waiting, Disposition.LEAVE) == ReturnCode.SCARD_E_NOT_TRANSACTED
    assert library.SCardReleaseContext(context) == SUCCESS


# Numbers of contexts


def test_the_virtual_librarys_contexts_may_be_negative_only_on_macos(virtual_place: Place) -> None:
    library = virtual_place.library
    contexts = [library.SCardEstablishContext(Scope.SYSTEM)[1] for _ in range(64)]
    assert any(context < 0 for context in contexts) is MACOS
    for context in contexts:
        assert library.SCardIsValidContext(context) == SUCCESS
        assert library.SCardReleaseContext(context % (1 << 8 * ffi.sizeof("SCARDCONTEXT"))) == SUCCESS  # as unsigned


# Arguments


class Refusal(NamedTuple):
    """A value that is refused, with the error and a part of its message."""

    value: Any
    error: type[Exception]
    words: str


NOT_AN_INT = [
    Refusal(True, TypeError, "expected an int, got the bool True"),
    Refusal(1.0, TypeError, "expected an int, got float"),
    Refusal("1", TypeError, "expected an int, got str"),
    Refusal(None, TypeError, "expected an int, got NoneType"),
]
NOT_A_DWORD = [
    *NOT_AN_INT,
    Refusal(2**32, InvalidArgumentError, "4294967296 is not allowed; give 0 to 0xFFFFFFFF"),
    Refusal(-1, InvalidArgumentError, "-1 is not allowed; give 0 to 0xFFFFFFFF"),
]
TOO_WIDE = 1 << 8 * ffi.sizeof("SCARDHANDLE")
NOT_A_HANDLE = [
    *NOT_AN_INT,
    Refusal(TOO_WIDE, InvalidHandleError, f"{TOO_WIDE} is not allowed; give a handle"),
    Refusal(-TOO_WIDE, InvalidHandleError, f"{-TOO_WIDE} is not allowed; give a handle"),
]
NOT_A_NAME = [
    Refusal(b"reader", TypeError, "expected a str, got bytes"),
    Refusal(7, TypeError, "expected a str, got int"),
    Refusal("re\0ader", InvalidArgumentError, r"'re\x00ader' is not allowed; give a name without NUL characters"),
]
SCATTERED = memoryview(bytearray(16))[::2]
NOT_READABLE = [
    Refusal("00B0", TypeError, "expected a C-contiguous buffer such as bytes or bytearray, got str"),
    Refusal([0, 0xB0], TypeError, "expected a C-contiguous buffer such as bytes or bytearray, got list"),
    Refusal(None, TypeError, "expected a C-contiguous buffer such as bytes or bytearray, got NoneType"),
    Refusal(SCATTERED, TypeError, "got a writable, non-contiguous memoryview"),
]
NOT_WRITABLE = [
    Refusal("text", TypeError, "expected a writable, C-contiguous buffer such as bytearray, got str"),
    Refusal(b"bytes", TypeError, "expected a writable, C-contiguous buffer such as bytearray, got bytes"),
    Refusal([0, 0], TypeError, "expected a writable, C-contiguous buffer such as bytearray, got list"),
    Refusal(258, TypeError, "expected a writable, C-contiguous buffer such as bytearray, got int"),
    Refusal(memoryview(b"bytes"), TypeError, "got a read-only, contiguous memoryview"),
    Refusal(memoryview(bytearray(8)).toreadonly(), TypeError, "got a read-only, contiguous memoryview"),
    Refusal(SCATTERED, TypeError, "got a writable, non-contiguous memoryview"),
]

# The arguments of each function: name, a valid value, and refused values. No context or handle is valid here, so that
# a value that is wrongly accepted leads to a code.
CONTEXT = ("context", 12345, NOT_A_HANDLE)
CARD = ("card", 12345, NOT_A_HANDLE)
ARGUMENTS: dict[str, list[tuple[str, Any, list[Refusal]]]] = {
    "SCardEstablishContext": [("scope", 2, NOT_A_DWORD)],
    "SCardReleaseContext": [CONTEXT],
    "SCardIsValidContext": [CONTEXT],
    "SCardCancel": [CONTEXT],
    "SCardFreeMemory": [CONTEXT, ("memory", 0, NOT_AN_INT)],
    "SCardListReaders": [CONTEXT, ("groups", None, NOT_A_NAME)],
    "SCardListReaderGroups": [CONTEXT],
    "SCardGetStatusChange": [CONTEXT, ("timeout", 0, NOT_A_DWORD), ("states", [], [])],
    "SCardConnect": [
        CONTEXT,
        ("reader", "reader", NOT_A_NAME),
        ("share_mode", 2, NOT_A_DWORD),
        ("protocols", 3, NOT_A_DWORD),
    ],
    "SCardReconnect": [
        CARD,
        ("share_mode", 2, NOT_A_DWORD),
        ("protocols", 3, NOT_A_DWORD),
        ("initialization", 0, NOT_A_DWORD),
    ],
    "SCardDisconnect": [CARD, ("disposition", 0, NOT_A_DWORD)],
    "SCardBeginTransaction": [CARD],
    "SCardEndTransaction": [CARD, ("disposition", 0, NOT_A_DWORD)],
    "SCardStatus": [CARD],
    "SCardTransmit": [
        CARD,
        ("protocol", 2, NOT_A_DWORD),
        ("command", READ_4, NOT_READABLE),
        ("response", bytearray(6), NOT_WRITABLE),
    ],
    "SCardControl": [
        CARD,
        ("control_code", 0, NOT_A_DWORD),
        ("command", b"", NOT_READABLE),
        ("response", bytearray(6), NOT_WRITABLE),
    ],
    "SCardGetAttrib": [CARD, ("attribute", 0x100, NOT_A_DWORD), ("value", bytearray(6), NOT_WRITABLE)],
    "SCardSetAttrib": [CARD, ("attribute", 0x100, NOT_A_DWORD), ("value", b"1", NOT_READABLE)],
}
REFUSALS = [
    pytest.param(function, index, refusal, id=f"{function}-{name}-{type(refusal.value).__name__}-{number}")
    for function, arguments in ARGUMENTS.items()
    for index, (name, _, refusals) in enumerate(arguments)
    for number, refusal in enumerate(refusals)
]


@pytest.mark.parametrize(("function", "index", "refusal"), REFUSALS)
def test_a_wrong_value_is_refused_with_the_arguments_name(
    virtual_place: Place, function: str, index: int, refusal: Refusal
) -> None:
    values = [value for _, value, _ in ARGUMENTS[function]]
    values[index] = refusal.value
    with pytest.raises(refusal.error) as caught:
        getattr(virtual_place.library, function)(*values)
    assert str(caught.value).startswith(f"{ARGUMENTS[function][index][0]}: ")
    assert refusal.words in str(caught.value)


def test_the_table_of_refusals_has_every_function() -> None:
    assert set(ARGUMENTS) == {name for name in vars(Library) if name.startswith("SCard")}


@pytest.mark.parametrize(
    ("state", "error", "message"),
    [
        ((b"reader", 0), TypeError, "reader: expected a str, got bytes"),
        (("re\0ader", 0), InvalidArgumentError, "reader: 're\\x00ader' is not allowed"),
        (("reader", True), TypeError, "current state: expected an int, got the bool True"),
        (("reader", 2**32), InvalidArgumentError, "current state: 4294967296 is not allowed; give 0 to 0xFFFFFFFF"),
        (("reader", -1), InvalidArgumentError, "current state: -1 is not allowed; give 0 to 0xFFFFFFFF"),
    ],
)
def test_a_reader_to_watch_is_a_name_and_a_number(
    virtual_place: Place, state: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        virtual_place.library.SCardGetStatusChange(12345, 0, [("reader", 0), state])


@pytest.mark.parametrize("state", ["reader", ("reader",), ("reader", 0, 0), 7])
def test_a_state_that_is_no_pair_is_refused_with_the_arguments_name(virtual_place: Place, state: Any) -> None:
    with pytest.raises((TypeError, InvalidArgumentError), match=r"^states: "):
        virtual_place.library.SCardGetStatusChange(12345, 0, [state])


@pytest.mark.parametrize("address", [-1, 1 << 8 * ffi.sizeof("void *")])
def test_a_wrong_address_is_refused(virtual_place: Place, address: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^memory: {address} is not allowed"):
        virtual_place.library.SCardFreeMemory(12345, address)


def test_a_name_that_cannot_be_encoded_is_refused_with_the_arguments_name(virtual_place: Place) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^reader: '\\ud800' is not allowed"):
        virtual_place.library.SCardConnect(12345, "\ud800", 2, 3)


@pytest.mark.skipif(WINDOWS, reason="names are text there")
def test_a_name_of_bytes_that_are_no_text_reaches_the_library_unchanged(place: Place, context: int) -> None:
    name = b"\xff reader".decode("utf-8", "surrogateescape")
    assert place.library.SCardConnect(context, name, 2, 3)[0] == ReturnCode.SCARD_E_UNKNOWN_READER


class Indexed:
    """An object with __index__."""

    def __init__(self, number: int) -> None:
        self._number = int(number)  # a member of an enumeration is no allowed result of __index__

    def __index__(self) -> int:
        return self._number


def test_an_object_with_index_is_a_number(place: Place) -> None:
    code, context = place.library.SCardEstablishContext(Indexed(2))
    assert code == SUCCESS
    code, handle, _ = place.library.SCardConnect(Indexed(context), place.reader, Indexed(2), Indexed(3))
    assert code == SUCCESS
    assert place.library.SCardDisconnect(Indexed(handle), Indexed(0)) == SUCCESS
    assert place.library.SCardReleaseContext(Indexed(context)) == SUCCESS


@pytest.mark.parametrize("refusal", NOT_WRITABLE, ids=lambda refusal: refusal.words)
def test_a_response_buffer_is_refused_before_the_card_sees_anything(
    daemon: PrivatePcscd, driver_card: Card, refusal: Refusal
) -> None:
    library, handle, protocol = driver_card
    before = daemon.ifd_events(0)
    with pytest.raises(refusal.error):
        library.SCardTransmit(handle, protocol, READ_4, refusal.value)
    with pytest.raises(refusal.error):
        library.SCardControl(handle, control_code(2000), b"\1", refusal.value)
    assert daemon.ifd_events(0) == before
    assert library.SCardTransmit(handle, protocol, READ_4, bytearray(6)) == (SUCCESS, 6)


def test_an_immutable_object_is_never_written(virtual_place: Place) -> None:
    library = virtual_place.library
    _, context = library.SCardEstablishContext(Scope.SYSTEM)
    _, handle, protocol = library.SCardConnect(context, virtual_place.reader, ShareMode.SHARED, Protocol.ANY)
    immutable = bytes(258)
    with pytest.raises(TypeError, match=r"^response: "):
        library.SCardTransmit(handle, protocol, READ_4, immutable)
    assert immutable == bytes(258)
    assert library.SCardReleaseContext(context) == SUCCESS
