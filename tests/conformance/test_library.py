"""The library's exports: the functions, the protocol headers, and a text for each code."""

import ctypes

import pytest
from support.shape import MACOS, WINDOWS

from scardffi import ffi

from . import codes
from .clients import Call
from .places import Place

LONG, DWORD = (ctypes.c_int32, ctypes.c_uint32) if MACOS or WINDOWS else (ctypes.c_long, ctypes.c_ulong)
FUNCTIONS = [
    "SCardEstablishContext", "SCardReleaseContext", "SCardIsValidContext", "SCardConnect", "SCardReconnect",
    "SCardDisconnect", "SCardBeginTransaction", "SCardEndTransaction", "SCardStatus", "SCardGetStatusChange",
    "SCardControl", "SCardTransmit", "SCardListReaderGroups", "SCardListReaders", "SCardFreeMemory", "SCardCancel",
    "SCardGetAttrib", "SCardSetAttrib",
]  # fmt: skip
WITH_STRINGS = {"SCardConnect", "SCardStatus", "SCardGetStatusChange", "SCardListReaderGroups", "SCardListReaders"}
CODES = [
    codes.SUCCESS, codes.INTERNAL_ERROR, codes.CANCELLED, codes.INVALID_HANDLE, codes.INVALID_PARAMETER,
    codes.NO_MEMORY, codes.INSUFFICIENT_BUFFER, codes.UNKNOWN_READER, codes.TIMEOUT, codes.SHARING_VIOLATION,
    codes.NO_SMARTCARD, codes.PROTO_MISMATCH, codes.INVALID_VALUE, codes.COMM_ERROR, codes.NOT_TRANSACTED,
    codes.READER_UNAVAILABLE, codes.NO_SERVICE, codes.SERVICE_STOPPED, codes.UNSUPPORTED_FEATURE,
    codes.NO_READERS_AVAILABLE, codes.UNRESPONSIVE_CARD, codes.UNPOWERED_CARD, codes.RESET_CARD, codes.REMOVED_CARD,
    0x80100005, 0x80100007, 0x8010000D, 0x8010000E, 0x80100010, 0x80100012, 0x80100014, 0x80100015, 0x80100019,
    0x8010001A, 0x8010001B, 0x8010001C, 0x80100065, 0x8010006A,
]  # fmt: skip


@pytest.fixture
def exports(place: Place) -> ctypes.CDLL:
    return ctypes.CDLL(place.library.info().path)


def text_of(exports: ctypes.CDLL, code: int) -> str:
    exports.pcsc_stringify_error.restype = ctypes.c_char_p
    exports.pcsc_stringify_error.argtypes = [LONG]
    text: bytes = exports.pcsc_stringify_error(code)
    return text.decode("ascii")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_exported(exports: ctypes.CDLL, name: str) -> None:
    names = [name]
    if MACOS and name == "SCardControl":
        names = ["SCardControl132"]
    if WINDOWS and name in WITH_STRINGS:
        names = [f"{name}A", f"{name}W"]
    assert [one for one in names if not hasattr(exports, one)] == []


def test_the_function_with_a_control_code_has_one_name(exports: ctypes.CDLL) -> None:
    assert [hasattr(exports, name) for name in ("SCardControl", "SCardControl132")] == [not MACOS, MACOS]


@pytest.mark.parametrize(("name", "protocol"), [("T0", codes.T0), ("T1", codes.T1), ("Raw", codes.RAW)])
def test_the_protocol_headers_are_exported(exports: ctypes.CDLL, name: str, protocol: int) -> None:
    header = (DWORD * 2).in_dll(exports, f"g_rgSCard{name}Pci")
    assert list(header) == [protocol, ffi.sizeof("SCARD_IO_REQUEST")]


@pytest.mark.parametrize("code", CODES, ids=hex)
def test_every_code_has_its_own_text(exports: ctypes.CDLL, code: int) -> None:
    words = text_of(exports, code)
    assert 0 < len(words) < 75
    assert f"{code:08X}" not in words.upper()
    assert [other for other in CODES if text_of(exports, other) == words] == [code]


@pytest.mark.parametrize("code", [1, 0x80100999, 0x80070057, 0xDEADBEEF])
def test_the_text_of_an_unknown_code_has_its_number(exports: ctypes.CDLL, code: int) -> None:
    assert f"{code:08X}" in text_of(exports, code).upper()


def test_the_text_in_one_thread_is_not_changed_by_another_thread(exports: ctypes.CDLL) -> None:
    exports.pcsc_stringify_error.restype = ctypes.c_void_p
    exports.pcsc_stringify_error.argtypes = [LONG]
    address = exports.pcsc_stringify_error(0x80100999)
    assert Call(lambda: ctypes.string_at(exports.pcsc_stringify_error(0x80100998))).answer().upper().find(b"998") >= 0
    assert b"80100999" in ctypes.string_at(address).upper()
