"""The virtual library in the shape of Windows, built on Linux: strings in UTF-16, lengths, numbers and codes."""

import ctypes
import sys
from collections.abc import Iterator
from ctypes import byref, c_size_t, c_uint32

import pytest
from support.compile import compiler, virtual_library_in_windows_shape
from support.requirements import need_program

from scardffi import ReturnCode

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="built for Linux; on Windows all tests are of this kind"
)

NAME = "Lesegerät 読取機 😀"
DEFAULT = "scardffi Virtual Reader 0"
INVALID_HANDLE = 6
SPECIFIC = 6
AUTOALLOCATE = 0xFFFFFFFF
PRESENT, CHANGED = 0x20, 0x02


class ReaderState(ctypes.Structure):
    """SCARD_READERSTATEW of 64 bits."""

    _fields_ = [
        ("reader", ctypes.c_void_p),
        ("data", ctypes.c_void_p),
        ("current", c_uint32),
        ("event", c_uint32),
        ("atr_length", c_uint32),
        ("atr", ctypes.c_ubyte * 36),
    ]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    need_program(compiler()[0])
    loaded = ctypes.CDLL(str(virtual_library_in_windows_shape(tmp_path_factory.mktemp("windows"))))
    for name in ("SCardListReadersW", "SCardConnectW", "SCardStatusW", "SCardGetStatusChangeW", "scardvirtual_plug"):
        getattr(loaded, name).restype = c_uint32
    assert loaded.scardvirtual_plug(NAME.encode(), None) == 0
    assert loaded.scardvirtual_insert_answering(NAME.encode(), None, c_size_t(0)) == 0
    return loaded


@pytest.fixture
def context(library: ctypes.CDLL) -> Iterator[c_size_t]:
    number = c_size_t()
    assert library.SCardEstablishContext(2, None, None, byref(number)) == 0
    yield number
    assert library.SCardReleaseContext(number) == 0
    assert library.SCardReleaseContext(number) == INVALID_HANDLE


@pytest.fixture
def handle(library: ctypes.CDLL, context: c_size_t) -> c_size_t:
    number, protocol = c_size_t(), c_uint32()
    assert library.SCardConnectW(context, wide(NAME), 2, 3, byref(number), byref(protocol)) == 0
    assert protocol.value == 2
    return number


def wide(*names: str) -> bytes:
    """Return the names in UTF-16, each with its NUL."""
    return "".join(f"{name}\0" for name in names).encode("utf-16-le")


LIST = wide(DEFAULT, NAME, "")
UNITS = len(LIST) // 2


@pytest.mark.parametrize("room", [0, 1, UNITS - 1])
def test_a_list_that_does_not_fit_is_refused_with_its_length(
    library: ctypes.CDLL, context: c_size_t, room: int
) -> None:
    names, length = (ctypes.c_uint16 * UNITS)(), c_uint32(room)
    assert library.SCardListReadersW(context, None, names, byref(length)) == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
    assert (length.value, bytes(names)) == (UNITS, bytes(2 * UNITS))


def test_a_list_is_returned_as_a_length_in_a_buffer_and_in_allocated_memory(
    library: ctypes.CDLL, context: c_size_t
) -> None:
    length, names, allocated = c_uint32(), (ctypes.c_uint16 * UNITS)(), ctypes.c_void_p()
    assert library.SCardListReadersW(context, None, None, byref(length)) == 0
    assert length.value == UNITS
    assert library.SCardListReadersW(context, None, names, byref(length)) == 0
    assert bytes(names) == LIST
    length.value = AUTOALLOCATE
    assert library.SCardListReadersW(context, None, byref(allocated), byref(length)) == 0
    assert ctypes.string_at(allocated.value or 0, 2 * length.value) == LIST
    assert library.SCardFreeMemory(context, allocated) == 0
    assert library.SCardListReadersW(context, None, None, None) == ReturnCode.SCARD_E_INVALID_PARAMETER


def test_a_length_larger_than_the_memory_is_accepted(library: ctypes.CDLL, context: c_size_t) -> None:
    names, length = (ctypes.c_uint16 * UNITS)(), c_uint32(0x80000000)
    assert library.SCardListReadersW(context, None, names, byref(length)) == 0
    assert (length.value, bytes(names)) == (UNITS, LIST)


@pytest.mark.parametrize("name", [None, "none of this name", "x" * 127])
def test_a_missing_reader_is_unknown(library: ctypes.CDLL, context: c_size_t, name: str | None) -> None:
    text = None if name is None else wide(name)
    assert (
        library.SCardConnectW(context, text, 2, 3, byref(c_size_t()), byref(c_uint32()))
        == ReturnCode.SCARD_E_UNKNOWN_READER
    )


def test_a_reader_name_that_is_not_utf_8_is_an_invalid_value(library: ctypes.CDLL) -> None:
    assert library.scardvirtual_plug(b"\xff\xfe", None) == ReturnCode.SCARD_E_INVALID_VALUE


def test_the_status_has_a_multi_string_and_a_number_in_buffers_of_any_size(
    library: ctypes.CDLL, handle: c_size_t
) -> None:
    whole = wide(NAME, "")
    for room in range(len(whole) // 2 + 2):
        name, length = (ctypes.c_uint16 * max(room, 1))(), c_uint32(room)
        state, protocol, atr, atr_length = c_uint32(), c_uint32(), (ctypes.c_ubyte * 36)(), c_uint32(36)
        code = library.SCardStatusW(
            handle, name, byref(length), byref(state), byref(protocol), atr, byref(atr_length)
        )  # fmt: skip
        assert code == (0 if 2 * room >= len(whole) else ReturnCode.SCARD_E_INSUFFICIENT_BUFFER)
        assert (length.value, state.value, protocol.value, atr_length.value) == (len(whole) // 2, SPECIFIC, 2, 13)
        assert bytes(name)[: len(whole)] == (whole if code == 0 else bytes(2 * max(room, 1)))
    assert library.SCardStatusW(handle, None, None, None, None, None, None) == 0
    assert library.SCardStatusW(c_size_t(77), None, None, None, None, None, None) == INVALID_HANDLE


def test_reader_states_keep_the_callers_fields(library: ctypes.CDLL, context: c_size_t) -> None:
    name = ctypes.create_string_buffer(wide(NAME))
    states = (ReaderState * 2)(ReaderState(ctypes.addressof(name), 5))
    assert library.SCardGetStatusChangeW(context, 0, states, 1) == 0
    assert states[0].event & (PRESENT | CHANGED) == PRESENT | CHANGED
    assert (states[0].reader, states[0].data, states[0].atr_length) == (ctypes.addressof(name), 5, 13)
    assert (
        library.SCardGetStatusChangeW(context, 0, states, 2) == ReturnCode.SCARD_E_INVALID_VALUE
    )  # the second has no name
    assert library.SCardGetStatusChangeW(context, 0, None, 0) == 0


def test_1000_readers_are_listed_and_one_wait_returns_their_states(library: ctypes.CDLL, context: c_size_t) -> None:
    names = [DEFAULT, NAME, *(f"読取機 😀 {number} {'x' * 90}" for number in range(998))]
    for name in names[2:]:
        assert library.scardvirtual_plug(name.encode(), None) == 0
    try:
        whole = wide(*names, "")
        length, allocated = c_uint32(), ctypes.c_void_p()
        assert library.SCardListReadersW(context, None, None, byref(length)) == 0
        assert length.value == len(whole) // 2
        listed = (ctypes.c_uint16 * length.value)()
        assert library.SCardListReadersW(context, None, listed, byref(length)) == 0
        assert bytes(listed) == whole
        length.value = AUTOALLOCATE
        assert library.SCardListReadersW(context, None, byref(allocated), byref(length)) == 0
        assert ctypes.string_at(allocated.value or 0, 2 * length.value) == whole
        assert library.SCardFreeMemory(context, allocated) == 0

        texts = [ctypes.create_string_buffer(wide(name)) for name in names]
        states = (ReaderState * 1000)(*(ReaderState(ctypes.addressof(text)) for text in texts))
        assert library.SCardGetStatusChangeW(context, 0, states, 1000) == 0
        assert [state.event & PRESENT for state in states] == [PRESENT] * 2 + [0] * 998
    finally:
        for name in names[2:]:
            assert library.scardvirtual_unplug(name.encode()) == 0
