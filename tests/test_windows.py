"""Windows: the core in the shape of Windows on a fake winscard library; Windows functions on other platforms."""

import ctypes
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest
from support.compile import compiler, shared_library
from support.requirements import need_program
from support.windows_shape import windows_shape

import scardffi
from scardffi import CardState, Library, ReturnCode, UnsupportedFunctionError, raw, virtual
from scardffi._windows_functions import WindowsFunctions

PACKAGE = Path(scardffi.__file__).parent
SOURCE = Path(__file__).parent / "csrc" / "fake_winscard.c"

FIRST = "Lesergerät 0"
LONE_SURROGATE = b"\xed\xa0\x80".decode("utf-8", "surrogateescape")
SECOND = f"読取機 😀 {LONE_SURROGATE}"
GROUP = "Grün"
GUID, OTHER_GUID = b"0123456789abcdef", b"FEDCBA9876543210"
ATR = b"\x3b\x00"
CHANGED, UNKNOWN, PRESENT = 2, 4, 0x20


class Windows(NamedTuple):
    """The package in the shape of Windows, the library that it has loaded, and that library through ctypes."""

    package: Any
    library: Any
    outside: ctypes.CDLL

    @property
    def calls(self) -> list[list[str]]:
        """The calls since the last time: each with the function and its strings."""
        note = ctypes.string_at(self.outside.calls(), 8192).decode("utf-16-le", "surrogatepass").partition("\0")[0]
        self.outside.forget_calls()
        return [line.split("|") for line in note.splitlines()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Windows:
    if sys.maxsize < 1 << 32:
        pytest.skip("the handles of that library have 64 bits")  # and a pointer on this machine has 32
    need_program(compiler()[0])
    folder = tmp_path_factory.mktemp("windows")
    file = shared_library(SOURCE, folder, f"-I{PACKAGE / 'include'}", "-DSCARDFFI_ABI_WINDOWS")
    package: Any = windows_shape(folder)
    outside = ctypes.CDLL(str(file))
    outside.calls.restype = ctypes.c_void_p
    return Windows(package, package.Library(file), outside)


@pytest.fixture
def windows(built: Windows) -> Iterator[Windows]:
    built.outside.forget_calls()
    yield built
    assert built.outside.allocated_now() == 0  # all memory that the library allocated was freed


@pytest.fixture
def context(windows: Windows) -> int:
    code, number = windows.library.SCardEstablishContext(2)
    assert (code, number) == (0, 0x123456789A)
    return int(number)


@pytest.fixture
def card(windows: Windows, context: int) -> int:
    code, handle, protocol = windows.library.SCardConnect(context, SECOND, 2, 3)
    assert (code, handle, protocol) == (0, 0xFEDCBA9876543210, 2)
    return int(handle)


# Functions of all platforms


def test_the_functions_with_strings_are_loaded_with_the_suffix_w(windows: Windows) -> None:
    info = windows.library.info()
    assert {"SCardConnect", "SCardStatus", "SCardListReaders", "SCardGetStatusChange"} <= info.functions
    assert info.missing == {
        "SCardIsValidContext", "SCardControl", "SCardCancel", "SCardSetAttrib", "SCardCancelTransaction",
    }  # fmt: skip


def test_a_library_without_the_w_functions_is_refused_and_the_missing_names_are_in_the_error(windows: Windows) -> None:
    with pytest.raises(windows.package.MissingSymbolError, match=r"lacks: SCardConnectW, SCardStatusW, "):
        windows.package.Library(virtual.library_path())


def test_reader_names_in_any_script_are_converted_both_ways(windows: Windows, context: int, card: int) -> None:
    assert windows.library.SCardListReaders(context) == (0, [FIRST, SECOND])
    assert windows.library.SCardListReaders(context, GROUP) == (0, [FIRST, SECOND])
    assert windows.library.SCardListReaders(context, "other") == (ReturnCode.SCARD_E_NO_READERS_AVAILABLE, [])
    assert windows.library.SCardListReaderGroups(context) == (0, [GROUP])
    assert windows.library.SCardStatus(card) == (0, SECOND, 6, 2, ATR)


def test_reader_states_are_asked_for_by_name(windows: Windows, context: int) -> None:
    code, states = windows.library.SCardGetStatusChange(context, 0, [(FIRST, 0), (SECOND, 0)])
    assert (code, states) == (0, [(UNKNOWN, ATR), (PRESENT | CHANGED, ATR)])


def test_context_and_manage_object_work_with_utf_16(windows: Windows) -> None:
    with windows.package.Context(library=windows.library) as context:
        assert context.list_readers() == [FIRST, SECOND]
        [state] = context.get_status_change([SECOND], 0)
        assert (state.reader, state.atr) == (SECOND, ATR)
        with context.attach(SECOND) as attached:
            assert attached.handle == 0xFEDCBA9876543210
            assert attached.transmit(bytes(5)) == b"\x90\x00"
            assert attached.status().reader == SECOND


def test_handles_of_64_bits_are_attached_and_wrong_ones_refused(windows: Windows, card: int) -> None:
    manage = windows.package.SCardManage(library=windows.library).attach_by_handle(
        card
    )  # the library returned the code 50
    assert manage.handle == card
    manage.detach()
    with pytest.raises(windows.package.InvalidHandleError) as caught:
        manage.attach_by_handle(card & 0xFFFFFFFF)
    assert (caught.value.code, caught.value.hresult) == (6, 0x80070057)


P = CardState.PRESENT
STATES = [
    CardState.UNKNOWN,
    CardState.ABSENT,
    P,
    P | CardState.SWALLOWED,
    P | CardState.POWERED,
    P | CardState.POWERED | CardState.NEGOTIABLE,
    P | CardState.POWERED | CardState.SPECIFIC,
    CardState(7),  # this is no number of Windows, and stays unchanged
]


@pytest.mark.parametrize(("number", "state"), list(enumerate(STATES)))
def test_the_card_states_of_windows_become_flags(windows: Windows, number: int, state: CardState) -> None:
    windows.outside.set_state(number)
    with windows.package.SCardManage(library=windows.library).attach_by_ifd(SECOND) as attached:
        assert attached.status().state == state
        assert windows.library.SCardStatus(attached.handle)[2] == number
    windows.outside.set_state(6)


def test_a_name_that_is_not_unicode_is_refused(windows: Windows, context: int) -> None:
    assert windows.library.SCardConnect(context, "\udcff", 2, 3)[0] == ReturnCode.SCARD_E_INVALID_PARAMETER
    assert (
        windows.library.SCardGetStatusChange(context, 0, [(FIRST, 0), ("\udcff", 0)])[0]
        == ReturnCode.SCARD_E_INVALID_PARAMETER
    )


def test_lengths_are_in_bytes_of_utf_8_and_are_returned_for_a_small_buffer(windows: Windows, context: int) -> None:
    lib, ffi = windows.package.lib, windows.package.ffi
    expected = f"{FIRST}\0{SECOND}\0\0".encode("utf-8", "surrogateescape")
    table = windows.library.native
    length, room = ffi.new("DWORD *"), ffi.new("char[]", b"\xee" * len(expected))
    assert lib.pcsc_SCardListReaders(table, context, ffi.NULL, ffi.NULL, length) == 0
    assert length[0] == len(expected)
    length[0] -= 1
    assert lib.pcsc_SCardListReaders(table, context, ffi.NULL, room, length) == ReturnCode.SCARD_E_INSUFFICIENT_BUFFER
    assert (length[0], ffi.buffer(room)[:]) == (len(expected), b"\xee" * len(expected) + b"\0")
    assert lib.pcsc_SCardListReaders(table, context, ffi.NULL, room, length) == 0
    assert ffi.buffer(room)[: len(expected)] == expected


def test_autoallocation_of_strings_is_refused(windows: Windows, context: int) -> None:
    lib, ffi = windows.package.lib, windows.package.ffi
    length, room = ffi.new("DWORD *", 0xFFFFFFFF), ffi.new("char *[1]")
    table = windows.library.native
    code = lib.pcsc_SCardListReaders(table, context, ffi.NULL, ffi.cast("char *", room), length)
    assert (code, room[0]) == (ReturnCode.SCARD_E_INVALID_PARAMETER, ffi.NULL)


@pytest.mark.parametrize(
    "broken",
    [b"\x80", b"\xc0\x80", b"\xe0\x80\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xe8\xaa", b"\xc3("],
)
def test_invalid_utf_8_is_refused_in_every_argument(windows: Windows, context: int, broken: bytes) -> None:
    for name in (broken, b"a" + broken, broken + b"a", "読".encode() + broken):
        assert (
            windows.library.SCardForgetReader(context, name.decode("utf-8", "surrogateescape"))
            == ReturnCode.SCARD_E_INVALID_PARAMETER
        )
    assert windows.calls == []


@pytest.mark.parametrize("name", ["", "a", "\x7f\x80", "\u07ff\u0800", "\ud7ff\ue000\uffff", "\U00010000\U0010ffff"])
def test_characters_at_the_borders_of_utf_8_reach_the_library(windows: Windows, context: int, name: str) -> None:
    assert windows.library.SCardForgetReader(context, name) == 0
    assert windows.calls == [["ForgetReader", name]]


def test_each_function_says_that_the_library_lacks_it(windows: Windows) -> None:
    lib, ffi = windows.package.lib, windows.package.ffi
    memory = ffi.new("char[]", 4096)
    empty = ffi.cast("scardffi_library *", memory)
    codes = {}
    for name in (name for name in dir(lib) if name.startswith("pcsc_SCard")):
        kinds = [argument.kind for argument in ffi.typeof(getattr(lib, name)).args]
        codes[name] = getattr(lib, name)(empty, *(ffi.NULL if kind == "pointer" else 0 for kind in kinds[1:]))
    refused = {name for name, code in codes.items() if code == ReturnCode.SCARD_E_INVALID_PARAMETER}
    assert {code for name, code in codes.items() if name not in refused} == {0x80004001}
    assert len(refused) < len(codes) // 2  # functions that must get the memory for a length


def test_more_readers_than_memory_can_hold_are_refused_before_the_call(windows: Windows, context: int) -> None:
    lib, null, table = windows.package.lib, windows.package.ffi.NULL, windows.library.native
    many = 1 << 62
    assert lib.pcsc_get_status_change(table, context, 0, many, null, null, null) == ReturnCode.SCARD_E_NO_MEMORY
    assert lib.pcsc_locate_cards(table, context, null, many, null, null, null) == ReturnCode.SCARD_E_NO_MEMORY
    for masks, readers in ((many, 1), (0, many)):
        code = lib.pcsc_locate_cards_by_atr(table, context, masks, null, null, readers, null, null, null)
        assert code == ReturnCode.SCARD_E_NO_MEMORY
    assert windows.calls == []


# Functions that only Windows has

READER_STATES = [(FIRST, 0), (SECOND, 0)]
LOOKED = [(UNKNOWN, ATR), (PRESENT | CHANGED, ATR)]
# The function, its arguments, its results, and the arguments that the library got
CONTEXT_CALLS: dict[str, tuple[tuple[Any, ...], Any, list[str]]] = {
    "SCardListCards": ((ATR, [GUID, OTHER_GUID]), (0, [FIRST, SECOND]), []),
    "SCardListInterfaces": ((FIRST,), (0, [GUID, OTHER_GUID]), ["ListInterfaces", FIRST]),
    "SCardGetProviderId": ((FIRST,), (0, GUID), ["GetProviderId", FIRST]),
    "SCardGetCardTypeProviderName": ((SECOND, 2), (0, GROUP), []),
    "SCardSetCardTypeProviderName": ((FIRST, 2, GROUP), 0, ["SetCardTypeProviderName", FIRST, GROUP]),
    "SCardIntroduceCardType": ((FIRST, ATR, None, None, [GUID]), 0, ["IntroduceCardType", FIRST]),
    "SCardForgetCardType": ((FIRST,), 0, ["ForgetCardType", FIRST]),
    "SCardLocateCards": (([FIRST, GROUP], READER_STATES), (0, LOOKED), ["LocateCards", FIRST, GROUP]),
    "SCardLocateCardsByATR": (([(ATR, ATR), (b"\x3b\x01", b"\xff\x0f")], READER_STATES), (0, LOOKED), []),
    "SCardIntroduceReaderGroup": ((GROUP,), 0, ["IntroduceReaderGroup", GROUP]),
    "SCardForgetReaderGroup": ((GROUP,), 0, ["ForgetReaderGroup", GROUP]),
    "SCardIntroduceReader": ((FIRST, GROUP), 0, ["IntroduceReader", FIRST, GROUP]),
    "SCardForgetReader": ((FIRST,), 0, ["ForgetReader", FIRST]),
    "SCardAddReaderToGroup": ((FIRST, GROUP), 0, ["AddReaderToGroup", FIRST, GROUP]),
    "SCardRemoveReaderFromGroup": ((FIRST, GROUP), 0, ["RemoveReaderFromGroup", FIRST, GROUP]),
    "SCardGetReaderIcon": ((FIRST, bytearray(4)), (0, 3), ["GetReaderIcon", FIRST]),
    "SCardGetDeviceTypeId": ((FIRST,), (0, 0x40), ["GetDeviceTypeId", FIRST]),
    "SCardGetReaderDeviceInstanceId": ((SECOND,), (0, GROUP), []),
    "SCardListReadersWithDeviceInstanceId": ((GROUP,), (0, [FIRST, SECOND]), []),
    "SCardReadCache": ((GUID, 7, GROUP, bytearray(4)), (0, 3), ["ReadCache", GROUP]),
    "SCardWriteCache": ((GUID, 7, GROUP, b"abc"), 0, ["WriteCache", GROUP]),
    "SCardAudit": ((1,), 0, []),
}
HANDLE_CALLS: dict[str, Any] = {
    "SCardState": (0, 6, 2, ATR),
    "SCardGetTransmitCount": (0, 5),
}
OTHER_CALLS: dict[str, tuple[Any, ...]] = {
    "SCardCancelTransaction": (1,),
    "SCardAccessStartedEvent": (),
    "SCardReleaseStartedEvent": (),
}


@pytest.mark.parametrize("function", CONTEXT_CALLS)
def test_a_windows_function_passes_arguments_and_results(function: str, windows: Windows, context: int) -> None:
    arguments, answer, told = CONTEXT_CALLS[function]
    assert getattr(windows.library, function)(context, *arguments) == answer
    assert windows.calls == ([told] if told else [])


@pytest.mark.parametrize("function", HANDLE_CALLS)
def test_a_windows_function_that_takes_a_card_returns_its_result(function: str, windows: Windows, card: int) -> None:
    assert getattr(windows.library, function)(card) == HANDLE_CALLS[function]


def test_the_started_event_is_accessed_and_released(windows: Windows) -> None:
    assert windows.library.SCardAccessStartedEvent() == (0, 0x77)
    assert windows.library.SCardReleaseStartedEvent() == 0
    assert windows.calls == [["ReleaseStartedEvent"]]


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("SCardListCards", (bytes(37),), "atr: .* is not allowed; give at most 36 bytes"),
        ("SCardListCards", (None, [bytes(15)]), "interfaces: .* is not allowed; give a GUID of 16 bytes"),
        ("SCardIntroduceCardType", ("a", ATR, b"\xff"), "mask: 'ff' is not allowed; give 2 bytes"),
        ("SCardIntroduceCardType", ("a", ATR, None, b"1"), "provider: .* is not allowed; give a GUID"),
        ("SCardLocateCardsByATR", ([(ATR, b"\xff")], []), "masks: .* is not allowed; give an ATR of at most"),
        ("SCardLocateCardsByATR", ([(bytes(37), bytes(37))], []), "masks: .* is not allowed; give an ATR of at most"),
        ("SCardReadCache", (b"1", 0, "a", bytearray(1)), "card: .* is not allowed; give a GUID"),
    ],
)
def test_the_error_names_the_wrong_argument(
    windows: Windows, context: int, function: str, arguments: tuple[Any, ...], words: str
) -> None:
    with pytest.raises(windows.package.InvalidArgumentError, match=f"^{words}"):
        getattr(windows.library, function)(context, *arguments)


def test_every_windows_function_is_tested_here() -> None:
    functions = {name for name in vars(WindowsFunctions) if name.startswith("SCard")}
    assert functions == {*CONTEXT_CALLS, *HANDLE_CALLS, *OTHER_CALLS}


@pytest.mark.parametrize("function", [*CONTEXT_CALLS, *HANDLE_CALLS, *OTHER_CALLS])
def test_on_other_platforms_a_windows_function_raises_an_error_with_its_name(function: str) -> None:
    library = Library(virtual.library_path())
    arguments = (1, *CONTEXT_CALLS[function][0]) if function in CONTEXT_CALLS else OTHER_CALLS.get(function, (1,))
    with virtual.installed():
        for face in (getattr(library, function), getattr(raw, function)):
            with pytest.raises(UnsupportedFunctionError, match=f"^{function}: "):
                face(*arguments)


# scardffi.compat.scard


@pytest.fixture
def scard(windows: Windows) -> Iterator[Any]:
    """The module as on Windows, with the fake library as the default one."""
    package = windows.package
    with mock.patch.object(sys, "platform", "win32"):
        module = importlib.import_module(f"{package.__name__}.compat.scard")
    loader = importlib.import_module(f"{package.__name__}._loader")
    before = loader.set_default_table(windows.library.native)
    yield module
    loader.set_default_table(before)


def test_the_codes_of_scard_are_signed_on_windows(scard: Any) -> None:
    assert scard.SCARD_E_NO_READERS_AVAILABLE == scard.INVALID_HANDLE + 0x2B == 0x8010002E - 2**32
    _, context = scard.SCardEstablishContext(2)
    assert scard.SCardListReaders(context, ["other"]) == [scard.SCARD_E_NO_READERS_AVAILABLE, []]
    assert scard.SCardSetAttrib(1, 1, [1]) == scard.SCARD_E_UNSUPPORTED_FEATURE < 0
    assert scard.SCardGetErrorMessage(scard.SCARD_E_NO_READERS_AVAILABLE) == scard.SCardGetErrorMessage(0x8010002E)


def test_scard_has_the_functions_of_the_database_on_windows(scard: Any) -> None:
    assert {name for name in scard.__all__ if "Card" in name.removeprefix("SCard") or "Interfaces" in name} == {
        "SCardListCards",
        "SCardListInterfaces",
        "SCardLocateCards",
        "SCardIntroduceCardType",
        "SCardForgetCardType",
        "SCardGetCardTypeProviderName",
    }
    _, context = scard.SCardEstablishContext(2)
    both = list(GUID + OTHER_GUID)
    assert scard.SCardListCards(context, list(ATR), both) == [0, [FIRST, SECOND]]
    assert scard.SCardListInterfaces(context, FIRST) == [0, [list(GUID), list(OTHER_GUID)]]
    assert scard.SCardIntroduceCardType(context, FIRST, [], list(GUID), list(ATR), [0xFF, 0xFF]) == 0
    assert scard.SCardForgetCardType(context, FIRST) == 0
    code, states = scard.SCardLocateCards(context, [FIRST], [(FIRST, 0), (SECOND, 0)])
    assert (code, [state[0] for state in states]) == (0, [FIRST, SECOND])
    assert scard.SCardGetCardTypeProviderName(context, SECOND, scard.SCARD_PROVIDER_CSP) == [0, GROUP]
    with pytest.raises(ValueError, match=r"^guids: '00' is not allowed; give GUIDs of 16 bytes$"):
        scard.SCardListCards(context, [], [0])


def test_scard_transmits_on_windows(scard: Any, windows: Windows) -> None:
    _, context = scard.SCardEstablishContext(2)
    _, handle, protocol = scard.SCardConnect(context, SECOND, 2, 3)
    ours = scard.SCardTransmit(handle, protocol, [0x00, 0xA4, 0x04, 0x00])
    response = bytearray(300)
    code, length = windows.library.SCardTransmit(handle, protocol, bytes.fromhex("00A40400"), response)
    assert ours == [code, list(response[:length])]
    assert scard.resourceManager == "winscard"
