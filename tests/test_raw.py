"""The SCard* functions: what each answers, on the virtual library and on a real pcscd, and which arguments it takes."""

import array
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import pytest
from conftest import Place
from support.pcscd import PrivatePcscd
from support.shape import MACOS, NO_SUCH_ATTRIBUTE, NO_SUCH_HANDLE, UNSUPPORTED_FEATURE, WINDOWS

from scardffi import (
    Attribute,
    Disposition,
    InvalidArgumentError,
    InvalidHandleError,
    Library,
    Protocol,
    Scope,
    ShareMode,
    control_code,
    ffi,
    lib,
    raw,
)
from scardffi._loader import set_default_table
from scardffi._windows_functions import WindowsFunctions
from scardffi.constants import INFINITE

SUCCESS = 0
CANCELLED = 0x80100002
INSUFFICIENT_BUFFER = 0x80100008
UNKNOWN_READER = 0x80100009
TIMEOUT = 0x8010000A
SHARING_VIOLATION = 0x8010000B
PROTO_MISMATCH = 0x8010000F
INVALID_VALUE = 0x80100011
NOT_TRANSACTED = 0x80100016
RESET_CARD = 0x80100068

CHANGED, PRESENT = 0x02, 0x20
READ_4 = bytes.fromhex("00B0000004")
READ_16 = bytes.fromhex("00B0000010")
ANSWER_4 = bytes.fromhex("000102039000")


@pytest.fixture(params=["method", "module"])
def face(request: pytest.FixtureRequest, place: Place) -> Iterator[Library]:
    """The functions as methods of the place's library, then as those of the module with it as the default."""
    if request.param == "method":
        yield place.library
        return
    previous = set_default_table(place.library.native)
    yield cast("Library", raw)
    set_default_table(previous)


@pytest.fixture
def context(face: Library) -> Iterator[int]:
    code, number = face.SCardEstablishContext(Scope.SYSTEM)
    assert code == SUCCESS
    yield number
    assert face.SCardReleaseContext(number) == SUCCESS


@pytest.fixture
def other_context(face: Library) -> Iterator[int]:
    code, number = face.SCardEstablishContext(Scope.SYSTEM)
    assert code == SUCCESS
    yield number
    assert face.SCardReleaseContext(number) == SUCCESS


class Card(NamedTuple):
    """A card handle and its active protocol."""

    handle: int
    protocol: int


@pytest.fixture
def card(face: Library, context: int, place: Place) -> Iterator[Card]:
    """A shared connection; the test may close it itself."""
    code, handle, protocol = face.SCardConnect(context, place.reader, ShareMode.SHARED, Protocol.ANY)
    assert code == SUCCESS
    yield Card(handle, protocol)
    face.SCardDisconnect(handle, Disposition.LEAVE)


def is_plain_int(*values: object) -> bool:
    return all(type(value) is int for value in values)


# Contexts


@pytest.mark.parametrize("scope", [0, 2, Scope.USER, Scope.SYSTEM])
def test_a_context_is_valid_until_it_is_released(face: Library, scope: int) -> None:
    code, context = face.SCardEstablishContext(scope)
    assert code == SUCCESS
    assert is_plain_int(code, context)
    assert face.SCardIsValidContext(context) == SUCCESS
    assert face.SCardReleaseContext(context) == SUCCESS
    assert face.SCardIsValidContext(context) == NO_SUCH_HANDLE
    assert face.SCardReleaseContext(context) == NO_SUCH_HANDLE


def test_an_unknown_scope_is_a_code_and_no_exception(face: Library) -> None:
    assert face.SCardEstablishContext(77) == (INVALID_VALUE, 0)


def test_releasing_a_context_closes_its_handles(face: Library, place: Place) -> None:
    _, context = face.SCardEstablishContext(Scope.SYSTEM)
    code, handle, _ = face.SCardConnect(context, place.reader, ShareMode.SHARED, Protocol.ANY)
    assert code == SUCCESS
    assert face.SCardReleaseContext(context) == SUCCESS
    assert face.SCardDisconnect(handle, Disposition.LEAVE) == NO_SUCH_HANDLE


# Readers


def test_the_readers_are_listed_by_name(face: Library, context: int, place: Place) -> None:
    code, names = face.SCardListReaders(context)
    assert is_plain_int(code)
    assert code == SUCCESS
    assert place.reader in names
    assert all(isinstance(name, str) and name for name in names)


def test_a_group_of_readers_may_be_named(face: Library, context: int, place: Place) -> None:
    code, names = face.SCardListReaders(context, "SCard$DefaultReaders")
    assert code == SUCCESS
    assert place.reader in names


def test_the_groups_of_readers_are_listed(face: Library, context: int) -> None:
    assert face.SCardListReaderGroups(context) == (SUCCESS, ["SCard$DefaultReaders"])


@pytest.mark.skipif(
    MACOS or WINDOWS, reason="macOS has no SCARD_AUTOALLOCATE, and the core none for strings on Windows"
)
def test_memory_that_the_library_allocated_is_freed_by_its_address(face: Library, context: int, place: Place) -> None:
    holder = ffi.new("char **")
    length = ffi.new("DWORD *", int(ffi.cast("DWORD", -1)))  # SCARD_AUTOALLOCATE
    names = ffi.cast("char *", holder)
    code = lib.pcsc_SCardListReaders(place.library.native, context, ffi.NULL, names, length)
    assert code == SUCCESS
    assert place.reader.encode() in bytes(ffi.buffer(holder[0], length[0])).split(b"\0")
    assert face.SCardFreeMemory(context, int(ffi.cast("uintptr_t", holder[0]))) == SUCCESS


@pytest.mark.skipif(MACOS, reason="macOS has no SCardFreeMemory")
def test_freeing_on_a_context_that_is_none_frees_nothing(face: Library) -> None:
    assert face.SCardFreeMemory(12345, 0) == NO_SUCH_HANDLE


# Waiting


def test_a_reader_of_which_nothing_is_known_is_told_at_once(face: Library, context: int, place: Place) -> None:
    code, [(event, atr)] = face.SCardGetStatusChange(context, 0, [(place.reader, 0)])
    assert code == SUCCESS
    assert is_plain_int(code, event)
    assert event & (CHANGED | PRESENT) == CHANGED | PRESENT
    assert type(atr) is bytes
    assert 2 <= len(atr) <= 33
    assert atr[0] in {0x3B, 0x3F}


def test_each_reader_has_its_answer_in_the_order_of_the_question(face: Library, context: int, place: Place) -> None:
    _, names = face.SCardListReaders(context)
    asked = [place.reader, *(name for name in names if name != place.reader), place.reader]
    code, answers = face.SCardGetStatusChange(context, 0, [(name, 0) for name in asked])
    assert code == SUCCESS
    assert len(answers) == len(asked)
    assert answers[0] == answers[-1]
    assert answers[0][1]


def test_a_timeout_of_0_without_a_change_is_a_timeout_at_once(face: Library, context: int, place: Place) -> None:
    _, [(event, atr)] = face.SCardGetStatusChange(context, 0, [(place.reader, 0)])
    code, [(same, same_atr)] = face.SCardGetStatusChange(context, 0, [(place.reader, event & ~CHANGED)])
    assert code == TIMEOUT
    assert (same, same_atr) == (event & ~CHANGED, atr)


def test_a_wait_lasts_as_many_milliseconds_as_were_given(face: Library, context: int, place: Place) -> None:
    _, [(event, _)] = face.SCardGetStatusChange(context, 0, [(place.reader, 0)])
    assert face.SCardGetStatusChange(context, 30, [(place.reader, event & ~CHANGED)])[0] == TIMEOUT


def test_waiting_for_an_unknown_reader_is_answered_at_once(face: Library, context: int) -> None:
    code, answers = face.SCardGetStatusChange(context, INFINITE, [("no such reader", 0)])
    assert (code, len(answers)) == (UNKNOWN_READER, 1)


def test_waiting_for_nothing_is_answered_at_once(face: Library, context: int) -> None:
    assert face.SCardGetStatusChange(context, INFINITE, []) == (SUCCESS, [])


def test_cancel_from_another_thread_ends_a_wait_for_ever(face: Library, context: int, place: Place) -> None:
    _, [(event, _)] = face.SCardGetStatusChange(context, 0, [(place.reader, 0)])
    codes: list[int] = []

    def wait() -> None:
        codes.append(face.SCardGetStatusChange(context, INFINITE, [(place.reader, event & ~CHANGED)])[0])

    waiter = threading.Thread(target=wait)
    waiter.start()
    while waiter.is_alive():  # a cancel that comes before the wait does nothing
        assert face.SCardCancel(context) == SUCCESS
        waiter.join(0.005)
    assert codes == [CANCELLED]


# Connections


def test_connecting_answers_a_handle_and_the_protocol(face: Library, context: int, place: Place) -> None:
    code, handle, protocol = face.SCardConnect(context, place.reader, ShareMode.SHARED, Protocol.ANY)
    assert is_plain_int(code, handle, protocol)
    assert (code, protocol) == (SUCCESS, Protocol.T1)
    assert handle != 0
    assert face.SCardDisconnect(handle, Disposition.LEAVE) == SUCCESS
    assert face.SCardDisconnect(handle, Disposition.LEAVE) == NO_SUCH_HANDLE


@pytest.mark.parametrize(
    ("asked", "expected"),
    [(("no such reader", 2, 3), UNKNOWN_READER), ((None, 7, 3), INVALID_VALUE), ((None, 2, 0), PROTO_MISMATCH)],
)
def test_what_cannot_be_connected_is_a_code_and_no_handle(
    face: Library, context: int, place: Place, asked: tuple[str | None, int, int], expected: int
) -> None:
    reader, share_mode, protocols = asked
    answer = face.SCardConnect(context, reader or place.reader, share_mode, protocols)
    assert is_plain_int(*answer)
    assert answer[0] == expected


def test_an_exclusive_connection_keeps_others_out(
    face: Library, context: int, other_context: int, place: Place
) -> None:
    code, handle, _ = face.SCardConnect(context, place.reader, ShareMode.EXCLUSIVE, Protocol.ANY)
    assert code == SUCCESS
    assert face.SCardConnect(other_context, place.reader, ShareMode.SHARED, Protocol.ANY)[0] == SHARING_VIOLATION
    assert face.SCardDisconnect(handle, Disposition.LEAVE) == SUCCESS


def test_reconnecting_answers_the_protocol(face: Library, card: Card) -> None:
    answer = face.SCardReconnect(card.handle, ShareMode.SHARED, Protocol.ANY, Disposition.RESET)
    assert is_plain_int(*answer)
    assert answer == (SUCCESS, Protocol.T1)


def test_a_reset_by_another_handle_is_told_until_the_reconnect(
    face: Library, other_context: int, card: Card, place: Place
) -> None:
    _, other, _ = face.SCardConnect(other_context, place.reader, ShareMode.SHARED, Protocol.ANY)
    assert face.SCardDisconnect(other, Disposition.RESET) == SUCCESS
    assert face.SCardStatus(card.handle)[0] == RESET_CARD
    assert face.SCardTransmit(card.handle, card.protocol, READ_4, bytearray(6))[0] == RESET_CARD
    assert face.SCardReconnect(card.handle, ShareMode.SHARED, Protocol.ANY, Disposition.LEAVE)[0] == SUCCESS
    assert face.SCardStatus(card.handle)[0] == SUCCESS


def test_a_transaction_is_begun_and_ended_once(face: Library, card: Card) -> None:
    assert face.SCardBeginTransaction(card.handle) == SUCCESS
    assert face.SCardEndTransaction(card.handle, Disposition.LEAVE) == SUCCESS
    assert face.SCardEndTransaction(card.handle, Disposition.LEAVE) == NOT_TRANSACTED


def test_in_the_transaction_of_another_handle_attributes_are_refused(
    face: Library, other_context: int, card: Card, place: Place
) -> None:
    _, other, _ = face.SCardConnect(other_context, place.reader, ShareMode.SHARED, Protocol.ANY)
    assert face.SCardBeginTransaction(card.handle) == SUCCESS
    assert face.SCardGetAttrib(other, Attribute.VENDOR_NAME, bytearray(64))[0] == SHARING_VIOLATION
    assert face.SCardEndTransaction(card.handle, Disposition.LEAVE) == SUCCESS
    assert face.SCardDisconnect(other, Disposition.LEAVE) == SUCCESS


def test_the_status_has_reader_state_protocol_and_atr(face: Library, card: Card, context: int, place: Place) -> None:
    code, reader, state, protocol, atr = face.SCardStatus(card.handle)
    assert is_plain_int(code, state, protocol)
    assert (code, reader, protocol) == (SUCCESS, place.reader, Protocol.T1)
    assert state & 0x04  # SCARD_PRESENT
    assert type(atr) is bytes
    assert atr == face.SCardGetStatusChange(context, 0, [(place.reader, 0)])[1][0][1]


# Exchanges


@pytest.mark.parametrize(
    "command",
    [READ_4, bytearray(READ_4), memoryview(READ_4), array.array("B", READ_4), memoryview(b"xx" + READ_4)[2:]],
    ids=["bytes", "bytearray", "memoryview", "array", "slice"],
)
def test_a_command_may_be_any_contiguous_buffer(face: Library, card: Card, command: Any) -> None:
    response = bytearray(258)
    answer = face.SCardTransmit(card.handle, card.protocol, command, response)
    assert is_plain_int(*answer)
    assert answer == (SUCCESS, 6)
    assert response[:6] == ANSWER_4


@pytest.mark.parametrize("kind", [bytearray, lambda size: array.array("B", bytes(size))], ids=["bytearray", "array"])
def test_the_response_lands_in_the_callers_buffer(face: Library, card: Card, kind: Callable[[int], Any]) -> None:
    whole = kind(20)
    with memoryview(whole) as view, view[7:13] as part:
        assert face.SCardTransmit(card.handle, card.protocol, READ_4, part) == (SUCCESS, 6)
    assert bytes(whole) == bytes(7) + ANSWER_4 + bytes(7)


def test_a_response_that_does_not_fit_is_a_code_and_the_length_it_needs(face: Library, card: Card) -> None:
    whole = bytearray(b"\xee" * 24)
    with memoryview(whole)[:10] as part:
        assert face.SCardTransmit(card.handle, card.protocol, READ_16, part) == (INSUFFICIENT_BUFFER, 18)
    assert whole[10:] == b"\xee" * 14


def test_a_buffer_may_be_resized_after_the_call(face: Library, card: Card) -> None:
    response = bytearray(6)
    assert face.SCardTransmit(card.handle, card.protocol, bytearray(READ_4), response) == (SUCCESS, 6)
    response.extend(b"more")
    assert face.SCardTransmit(card.handle, 4711, READ_4, response)[0] != SUCCESS
    response.clear()


def test_a_protocol_that_is_not_the_active_one_is_a_code(face: Library, card: Card) -> None:
    assert face.SCardTransmit(card.handle, Protocol.T0, READ_4, bytearray(6))[0] == PROTO_MISMATCH


def test_a_control_code_that_the_driver_knows_is_answered(face: Library, card: Card) -> None:
    response = bytearray(64)
    code, length = face.SCardControl(card.handle, control_code(3400), b"", response)
    assert is_plain_int(code, length)
    assert code == SUCCESS
    features = {10: 3009, 18: 3010}
    assert response[:length] == b"".join(
        bytes([feature, 4]) + control_code(number).to_bytes(4, "big") for feature, number in features.items()
    )


def test_a_control_code_that_the_driver_does_not_know_is_a_code(face: Library, card: Card) -> None:
    assert face.SCardControl(card.handle, control_code(999), b"\1\2", bytearray(8))[0] == UNSUPPORTED_FEATURE


@pytest.mark.parametrize("command", [b"\1\2\3", bytearray(b"\1\2\3"), memoryview(b"\1\2\3")])
def test_control_carries_the_command_to_the_driver_and_its_answer_back(daemon: PrivatePcscd, command: Any) -> None:
    library = Library("libpcsclite.so.1")
    _, context = library.SCardEstablishContext(Scope.SYSTEM)
    _, handle, _ = library.SCardConnect(context, daemon.ifd_reader(0), ShareMode.SHARED, Protocol.ANY)
    response = bytearray(8)
    assert library.SCardControl(handle, control_code(2000), command, response) == (SUCCESS, 3)  # the driver's echo
    assert response == b"\1\2\3" + bytes(5)
    assert library.SCardReleaseContext(context) == SUCCESS


# Attributes


def test_an_attribute_lands_in_the_callers_buffer(face: Library, card: Card, place: Place) -> None:
    value = bytearray(264)
    answer = face.SCardGetAttrib(card.handle, Attribute.DEVICE_FRIENDLY_NAME, value)
    assert is_plain_int(*answer)
    code, length = answer
    assert code == SUCCESS
    assert value[:length].rstrip(b"\0").decode() == place.reader


def test_an_attribute_that_does_not_fit_is_a_code_and_leaves_the_rest_alone(face: Library, card: Card) -> None:
    whole = bytearray(b"\xee" * 24)
    with memoryview(whole)[:2] as part:
        code, _ = face.SCardGetAttrib(card.handle, Attribute.ATR_STRING, part)
    assert code == INSUFFICIENT_BUFFER
    assert whole[2:] == b"\xee" * 22


def test_an_attribute_that_the_driver_does_not_know_is_a_code(face: Library, card: Card) -> None:
    assert face.SCardGetAttrib(card.handle, 0x7FFF1234, bytearray(8))[0] == NO_SUCH_ATTRIBUTE
    assert face.SCardSetAttrib(card.handle, 0x7FFF1234, b"\0\0\0\0") != SUCCESS


def test_an_attribute_that_was_set_is_read_back(daemon: PrivatePcscd) -> None:
    library = Library("libpcsclite.so.1")
    _, context = library.SCardEstablishContext(Scope.SYSTEM)
    _, handle, _ = library.SCardConnect(context, daemon.ifd_reader(0), ShareMode.SHARED, Protocol.ANY)
    value = bytearray(8)
    for written in (b"\1\2\3\4", bytearray(b"\0\0\0\0")):
        code = library.SCardSetAttrib(handle, Attribute.SUPRESS_T1_IFS_REQUEST, written)
        assert is_plain_int(code)
        assert code == SUCCESS
        assert library.SCardGetAttrib(handle, Attribute.SUPRESS_T1_IFS_REQUEST, value) == (SUCCESS, 4)
        assert value[:4] == written
    assert library.SCardReleaseContext(context) == SUCCESS


# Numbers of contexts and handles


def test_the_virtual_librarys_contexts_are_negative_too_where_the_platforms_are(virtual_place: Place) -> None:
    library = virtual_place.library
    contexts = [library.SCardEstablishContext(Scope.SYSTEM)[1] for _ in range(64)]
    assert any(context < 0 for context in contexts) is MACOS
    for context in contexts:
        assert library.SCardIsValidContext(context) == SUCCESS
        assert library.SCardReleaseContext(context % (1 << 8 * ffi.sizeof("SCARDCONTEXT"))) == SUCCESS  # as unsigned


BAD_NUMBERS = [0, 12345, -1, (1 << 8 * ffi.sizeof("SCARDHANDLE")) - 1]
WITH_CONTEXT: dict[str, tuple[Any, ...]] = {
    "SCardReleaseContext": (),
    "SCardIsValidContext": (),
    "SCardCancel": (),
    "SCardFreeMemory": (0,),
    "SCardListReaders": (),
    "SCardListReaderGroups": (),
    "SCardGetStatusChange": (0, [("reader", 0)]),
    "SCardConnect": ("reader", 2, 3),
}
NOT_THERE = {"SCardFreeMemory"} if MACOS else set[str]()
for name in NOT_THERE:
    del WITH_CONTEXT[name]
WITH_HANDLE: dict[str, tuple[Any, ...]] = {
    "SCardReconnect": (2, 3, 0),
    "SCardDisconnect": (0,),
    "SCardBeginTransaction": (),
    "SCardEndTransaction": (0,),
    "SCardStatus": (),
    "SCardTransmit": (2, READ_4, bytearray(6)),
    "SCardControl": (0, b"", bytearray(6)),
    "SCardGetAttrib": (0x100, bytearray(6)),
    "SCardSetAttrib": (0x100, b"1"),
}


@pytest.mark.parametrize("number", BAD_NUMBERS)
@pytest.mark.parametrize("function", [*WITH_CONTEXT, *WITH_HANDLE])
@pytest.mark.usefixtures("context")
def test_a_number_that_is_no_context_or_handle_is_a_code(face: Library, function: str, number: int) -> None:
    arguments = (WITH_CONTEXT | WITH_HANDLE)[function]
    answer = getattr(face, function)(number, *arguments)
    code = answer[0] if isinstance(answer, tuple) else answer
    assert is_plain_int(code)
    assert code == NO_SUCH_HANDLE


def test_every_function_is_tried_with_a_wrong_number() -> None:
    functions = {name for name in vars(Library) if name.startswith("SCard")}
    assert len(functions) == 18
    assert functions - NOT_THERE == {"SCardEstablishContext", *WITH_CONTEXT, *WITH_HANDLE}
    windows = {name for name in vars(WindowsFunctions) if name.startswith("SCard")}
    assert functions | windows == {name for name in vars(raw) if name.startswith("SCard")}


# Arguments


class Refusal(NamedTuple):
    """A value that is refused, with the error and what its message says beside the argument's name."""

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

# What each function takes: name, a value that passes, and those that are refused. No context or handle is valid
# here, so that a value that slips through shows by a code.
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
def test_a_value_that_is_not_allowed_is_refused_by_name(
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
def test_what_is_no_pair_of_reader_and_state_is_refused_by_name(virtual_place: Place, state: Any) -> None:
    with pytest.raises((TypeError, InvalidArgumentError), match=r"^states: "):
        virtual_place.library.SCardGetStatusChange(12345, 0, [state])


@pytest.mark.parametrize("address", [-1, 1 << 8 * ffi.sizeof("void *")])
def test_what_is_no_address_is_not_freed(virtual_place: Place, address: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^memory: {address} is not allowed"):
        virtual_place.library.SCardFreeMemory(12345, address)


def test_a_name_that_cannot_be_encoded_is_refused_by_name(virtual_place: Place) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^reader: '\\ud800' is not allowed"):
        virtual_place.library.SCardConnect(12345, "\ud800", 2, 3)


@pytest.mark.skipif(WINDOWS, reason="names are text there")
def test_a_name_of_bytes_that_are_no_text_goes_through_as_it_came(face: Library, context: int) -> None:
    name = b"\xff reader".decode("utf-8", "surrogateescape")
    assert face.SCardConnect(context, name, 2, 3)[0] == UNKNOWN_READER


class Indexed:
    """A number of somebody else's."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __index__(self) -> int:
        return self._number


def test_anything_with_index_is_a_number(face: Library, place: Place) -> None:
    code, context = face.SCardEstablishContext(Indexed(2))
    assert code == SUCCESS
    code, handle, _ = face.SCardConnect(Indexed(context), place.reader, Indexed(2), Indexed(3))
    assert code == SUCCESS
    assert face.SCardDisconnect(Indexed(handle), Indexed(0)) == SUCCESS
    assert face.SCardReleaseContext(Indexed(context)) == SUCCESS


@pytest.mark.parametrize("refusal", NOT_WRITABLE, ids=lambda refusal: refusal.words)
def test_a_response_buffer_is_refused_before_the_card_sees_anything(daemon: PrivatePcscd, refusal: Refusal) -> None:
    library = Library("libpcsclite.so.1")
    _, context = library.SCardEstablishContext(Scope.SYSTEM)
    _, handle, protocol = library.SCardConnect(context, daemon.ifd_reader(0), ShareMode.SHARED, Protocol.ANY)
    before = daemon.ifd_events(0)
    with pytest.raises(refusal.error):
        library.SCardTransmit(handle, protocol, READ_4, refusal.value)
    with pytest.raises(refusal.error):
        library.SCardControl(handle, control_code(2000), b"\1", refusal.value)
    assert daemon.ifd_events(0) == before
    assert library.SCardTransmit(handle, protocol, READ_4, bytearray(6)) == (SUCCESS, 6)
    assert library.SCardReleaseContext(context) == SUCCESS


def test_an_immutable_object_is_never_written(virtual_place: Place) -> None:
    library = virtual_place.library
    _, context = library.SCardEstablishContext(Scope.SYSTEM)
    _, handle, protocol = library.SCardConnect(context, virtual_place.reader, ShareMode.SHARED, Protocol.ANY)
    immutable = bytes(258)
    with pytest.raises(TypeError, match=r"^response: "):
        library.SCardTransmit(handle, protocol, READ_4, immutable)
    assert immutable == bytes(258)
    assert library.SCardReleaseContext(context) == SUCCESS
