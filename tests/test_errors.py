"""The errors: every code has its class, name and number on each platform, and errors can be copied and pickled."""

import copy
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial

import pytest
from support.compile import compiler, need_pcsclite_headers, pcsc_include_flags
from support.platforms import evaluated_on

from scardffi import ReturnCode, errors
from scardffi.errors import (
    E_FAIL,
    E_INVALID_DATA,
    E_INVALIDARG,
    E_NOTIMPL,
    E_OUTOFMEMORY,
    E_POINTER,
    E_UNEXPECTED,
    EventsLostError,
    InsufficientBufferError,
    SCardError,
    from_code,
    from_hresult,
    lookup,
)

# The codes of the resource manager by the class of their error; all others are of the class SCardError.
CLASSES = {
    "CancelledError": [0x80100002, 0x80100012, 0x80100018, 0x8010006E],
    "CommunicationError": [0x80100013, 0x8010002F, E_INVALID_DATA],
    "InsufficientBufferError": [0x80100008],
    "InvalidArgumentError": [0x80100004, 0x80100011, 0x80100019, E_INVALIDARG, E_POINTER],
    "InvalidHandleError": [0x80100003],
    "NoReadersError": [0x8010002E],
    "NoServiceError": [0x8010001D],
    "NoSmartCardError": [0x8010000C],
    "NotTransactedError": [0x80100016],
    "OutOfMemoryError": [0x80100006, E_OUTOFMEMORY],
    "ProtocolMismatchError": [0x8010000F],
    "ReaderUnavailableError": [0x80100010, 0x80100017],
    "RemovedCardError": [0x80100069],
    "ResetCardError": [0x80100068],
    "SCardTimeoutError": [0x8010000A],
    "ServiceStoppedError": [0x8010001E],
    "SharingViolationError": [0x8010000B],
    "UnexpectedStateError": [E_UNEXPECTED],
    "UnknownReaderError": [0x80100009],
    "UnpoweredCardError": [0x80100067],
    "UnresponsiveCardError": [0x80100066],
    "UnsupportedFeatureError": [0x8010001F, 0x80100022],
    "UnsupportedFunctionError": [E_NOTIMPL],
}
CLASS_OF = {code: kind for kind, codes in CLASSES.items() for code in codes}

WINDOWS_CLASS_OF = {
    1: "UnsupportedFeatureError",
    5: "SCardError",
    6: "InvalidHandleError",
    22: "UnsupportedFeatureError",
    31: "CommunicationError",
    50: "UnsupportedFeatureError",
    109: "NoServiceError",
    121: "CommunicationError",
    0x8010001F: "SCardError",
}

if sys.platform == "win32":
    CLASS_OF.update(WINDOWS_CLASS_OF)

BASES = {
    "SCardTimeoutError": TimeoutError,
    "InvalidArgumentError": ValueError,
    "InvalidHandleError": ValueError,
    "OutOfMemoryError": MemoryError,
    "UnsupportedFunctionError": NotImplementedError,
}

KINDS = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, SCardError)
}


def hexadecimal(code: int) -> str:
    return f"0x{code:08X}"


# The table


def test_every_code_of_pcsclites_header_is_in_the_table() -> None:
    need_pcsclite_headers()
    command = [*compiler(), *pcsc_include_flags(), "-E", "-dM", "-x", "c", "-"]
    macros = subprocess.run(command, input="#include <winscard.h>\n", capture_output=True, text=True, check=True).stdout
    codes = re.findall(r"#define (SCARD_[SFEPW]_\w+) \(\(LONG\)(0x[0-9a-fA-F]{8})\)", macros)
    assert len(codes) > 55
    # pcsc-lite defines the first as the number of SCARD_E_UNSUPPORTED_FEATURE; pcsc-lite 2 has RES_MSG for RES_MNG.
    aliases = {"SCARD_E_UNEXPECTED", "SCARD_E_UNKNOWN_RES_MSG"}
    names = {name: lookup(int(number, 16)).name for name, number in codes if name not in aliases}
    assert names == {name: name for name in names}


@pytest.mark.parametrize("code", errors._codes(), ids=hexadecimal)
def test_each_code_has_its_class_and_says_what_it_means_and_what_to_do(code: int) -> None:
    info = lookup(code)
    assert info.error.__name__ == CLASS_OF.get(code, "SCardError")
    assert re.fullmatch(r"(SCARD_[SFEPW]|E|ERROR)_[A-Z0-9_]+", info.name)
    assert info.meaning
    assert info.remedy.endswith(".")


def test_every_class_has_a_code_except_loading_errors_and_groups() -> None:
    groups = {"SCardError", "CardStateError", "LibraryError"}
    loading = {"LibraryNotFoundError", "LibraryNotLoadableError", "MissingSymbolError"}
    without_a_code = {"ScriptError", "EventsLostError", "ForkedProcessError"}
    assert set(KINDS) - groups - loading - without_a_code == set(CLASSES)


@pytest.mark.parametrize(("name", "base"), BASES.items())
def test_an_error_is_an_instance_of_its_python_counterpart_too(name: str, base: type[Exception]) -> None:
    assert issubclass(KINDS[name], base)


def test_a_group_of_errors_catches_its_members() -> None:
    states = ["RemovedCardError", "ResetCardError", "UnpoweredCardError", "UnresponsiveCardError"]
    loading = ["LibraryNotFoundError", "LibraryNotLoadableError", "MissingSymbolError"]
    assert all(issubclass(KINDS[name], KINDS["CardStateError"]) for name in states)
    assert all(issubclass(KINDS[name], KINDS["LibraryError"]) for name in loading)
    assert issubclass(KINDS["InvalidHandleError"], KINDS["InvalidArgumentError"])


# Attributes and messages


def test_an_error_has_code_hresult_name_and_function() -> None:
    error = from_code(0x80100069, "SCardTransmit")
    assert type(error).__name__ == "RemovedCardError"
    assert (error.code, error.hresult) == (0x80100069, 0x80100069)
    assert (error.name, error.function) == ("SCARD_W_REMOVED_CARD", "SCardTransmit")
    assert str(error) == (
        "SCardTransmit: the card was removed [SCARD_W_REMOVED_CARD (0x80100069)]. "
        "Insert it and attach again, then select and verify again."
    )


def test_the_message_has_the_detail_after_the_general_meaning() -> None:
    error = from_code(0x80100009, "SCardConnect", "'Reader 7'")
    start = "SCardConnect: no reader has this name: 'Reader 7' [SCARD_E_UNKNOWN_READER (0x80100009)]. "
    assert str(error).startswith(start)


def test_an_error_that_is_not_from_the_resource_manager_has_no_code() -> None:
    error = from_hresult(E_UNEXPECTED, "transmit")
    assert (error.code, error.hresult, error.name) == (None, E_UNEXPECTED, "E_UNEXPECTED")


def test_a_plain_error_says_that_the_reason_is_unknown() -> None:
    error = SCardError("it went wrong")
    assert (error.code, error.hresult, error.function, error.name) == (None, E_FAIL, None, "E_FAIL")
    assert str(error) == "it went wrong"


@pytest.mark.parametrize("code", [0x80100099, 0x8010FFFF, 0xDEADBEEF], ids=hexadecimal)
def test_an_unknown_code_keeps_its_number(code: int) -> None:
    error = from_code(code, "SCardConnect")
    assert type(error) is SCardError
    assert (error.code, error.hresult, error.name) == (code, code, hexadecimal(code))
    assert str(error).startswith(f"SCardConnect: unknown code [{hexadecimal(code)}]. ")


# Codes by function


@pytest.mark.parametrize(
    "number", [0x8010000C, 0x8010000C - (1 << 32), 0x8010000C - (1 << 32) + (1 << 64), "0x8010000C", "-2146435060"]
)
def test_a_code_is_found_as_an_unsigned_a_signed_and_a_sign_extended_number_or_its_text(number: int | str) -> None:
    assert lookup(number) == lookup("SCARD_E_NO_SMARTCARD")
    assert lookup(number).name == "SCARD_E_NO_SMARTCARD"


@pytest.mark.parametrize(
    "code", [1 << 32, 1 << 64, -(1 << 31) - 1, 1 << 40, "SCARD_E_NOTHING", "", "NO_MEMORY", "8010000C"]
)
def test_a_number_of_more_bits_and_an_unknown_name_are_refused(code: int | str) -> None:
    with pytest.raises(errors.InvalidArgumentError, match="code: "):
        lookup(code)


@pytest.mark.parametrize("name", ReturnCode.__members__)
def test_every_code_is_found_by_its_name(name: str) -> None:
    assert lookup(name) == lookup(ReturnCode[name])


ON_A_HANDLE = ["transmit", "exchange", "lock", "unlock", "reconnect", "detach", "status", "control", "get_attribute"]


@pytest.mark.parametrize("function", ON_A_HANDLE)
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (0x80100011, "ReaderUnavailableError"),
        (0x8010001D, "NoServiceError"),
        (0x8010001E, "ServiceStoppedError"),
        (0x80100013, "CommunicationError"),
        (0x8010006A, "CommunicationError"),
    ],
    ids=lambda value: hexadecimal(value) if isinstance(value, int) else "",
)
def test_a_code_has_its_meaning_for_an_attached_handle(function: str, code: int, kind: str) -> None:
    error = evaluated_on("linux", "errors").from_hresult(code, function)
    assert (type(error).__name__, error.code) == (kind, code)
    assert re.search("[Aa]ttach again", str(error))


def test_the_meaning_of_a_code_depends_on_the_function() -> None:
    pcsclite = evaluated_on("linux", "errors")
    kinds = {
        (code, function): pcsclite.from_code(code, function).__class__.__name__
        for code, function in [
            (0x8010006A, "SCardEstablishContext"),
            (0x8010006A, "SCardListReaders"),
            (0x8010006A, "SCardGetReaderIcon"),
            (0x80100011, "SCardConnect"),
            (0x80100011, "SCardGetStatusChange"),
            (0x8010001F, "SCardListReaders"),
            (0x8010001F, "SCardGetStatusChange"),
            (0x8010001F, "SCardStatus"),
            (0x8010001F, "SCardGetAttrib"),
            (0x80100067, "SCardConnect"),
            (0x80100067, "SCardTransmit"),
        ]
    }
    assert list(kinds.values()) == [
        "NoServiceError", "CommunicationError", "SCardError", "InvalidArgumentError", "InvalidArgumentError",
        "CommunicationError", "CommunicationError", "CommunicationError", "UnsupportedFeatureError",
        "UnpoweredCardError", "UnpoweredCardError",
    ]  # fmt: skip
    assert "reconnect()" not in str(pcsclite.from_hresult(0x80100067, "attach_by_ifd"))
    assert "reconnect()" in str(pcsclite.from_hresult(0x80100067, "transmit"))
    assert "only a new process" in str(pcsclite.from_code(0x8010001F, "SCardListReaders"))
    assert "Ask the reader" not in str(pcsclite.from_code(0x8010001F, "SCardListReaders"))


def test_a_buffer_of_scardffis_own_is_not_the_callers_to_enlarge() -> None:
    own, of_the_caller = from_hresult(0x80100008, "transmit"), from_hresult(0x80100008, "transmit_into")
    assert "larger buffer" not in str(own)
    assert "Give a larger buffer" in str(of_the_caller)
    assert type(own) is type(of_the_caller) is InsufficientBufferError


@pytest.mark.parametrize("function", ["transmit", "transmit_into", "Script.run", "SCardTransmit"])
def test_a_failed_exchange_is_no_missing_transaction(function: str) -> None:
    exchange, unlock = lookup("SCARD_E_NOT_TRANSACTED", function), lookup("SCARD_E_NOT_TRANSACTED", "unlock")
    assert exchange.error.__name__ == "CommunicationError"
    assert "an APDU has at least 4 bytes" in exchange.remedy
    assert "transaction" not in exchange.meaning + exchange.remedy
    assert unlock.error.__name__ == "NotTransactedError"
    assert unlock.remedy == "End only a transaction that you began."
    assert lookup("SCARD_E_NOT_TRANSACTED", "control").error.__name__ == "CommunicationError"


def test_a_communication_error_of_a_command_names_both_causes() -> None:
    text = str(from_hresult(0x80100013, "transmit"))
    assert "see the reader's errors" in text
    assert "log" not in text


@pytest.mark.parametrize(("key", "info"), errors._function_codes().items(), ids=str)
def test_each_row_for_a_function_says_what_it_means_and_what_to_do(key: tuple[str, int], info: errors.CodeInfo) -> None:
    assert lookup(key[1], key[0]) == info
    assert info.meaning
    assert info.remedy.endswith(".")
    assert info != lookup(key[1])


# HRESULTs


@pytest.mark.parametrize("code", [6, 50, 1722, 0xFFFF])
def test_a_small_code_of_windows_becomes_an_hresult_and_back(code: int) -> None:
    hresult = 0x80070000 | code
    error = from_code(code, "SCardTransmit")
    assert (error.code, error.hresult) == (code, hresult)
    back = from_hresult(hresult, "transmit")
    assert (back.code, back.hresult, type(back)) == (code, hresult, type(error))


def test_an_hresult_of_the_smart_card_facility_is_a_return_code() -> None:
    error = from_hresult(0x80100068, "status")
    assert (error.code, error.hresult) == (0x80100068, 0x80100068)


@pytest.mark.parametrize("hresult", [E_INVALIDARG, E_OUTOFMEMORY], ids=hexadecimal)
def test_an_hresult_of_the_manage_object_itself_has_no_code(hresult: int) -> None:
    error = from_hresult(hresult, "attach_by_handle")
    assert (error.code, error.hresult) == (None, hresult)


def test_an_hresult_may_differ_from_the_return_code() -> None:
    error = from_hresult(E_INVALIDARG, "attach_by_handle", code=0x80100003)
    assert type(error).__name__ == "InvalidHandleError"
    assert (error.code, error.hresult, error.name) == (0x80100003, E_INVALIDARG, "SCARD_E_INVALID_HANDLE")


# Platforms


def test_on_windows_the_same_number_is_another_error_than_on_pcsclite() -> None:
    pcsclite, windows = evaluated_on("linux", "errors"), evaluated_on("win32", "errors")
    for code, on_pcsclite, on_windows in [
        (0x8010001F, "SCARD_E_UNSUPPORTED_FEATURE", "SCARD_E_UNEXPECTED"),
        (0x80100022, "SCARD_E_UNSUPPORTED_FEATURE", "SCARD_E_UNSUPPORTED_FEATURE"),
    ]:
        assert pcsclite.lookup(code).name == on_pcsclite
        assert windows.lookup(code).name == on_windows
    assert isinstance(pcsclite.from_code(0x8010001F, "f"), pcsclite.UnsupportedFeatureError)
    assert isinstance(windows.from_code(0x80100022, "f"), windows.UnsupportedFeatureError)
    assert type(windows.from_code(0x8010001F, "f")) is windows.SCardError


def test_macos_has_the_numbers_of_pcsclite() -> None:
    pcsclite, macos = evaluated_on("linux", "errors"), evaluated_on("darwin", "errors")
    assert {code: info.name for code, info in macos._codes().items()} == {
        code: info.name for code, info in pcsclite._codes().items()
    }


@pytest.mark.parametrize(("code", "kind"), WINDOWS_CLASS_OF.items())
def test_each_win32_code_that_windows_returns_has_its_class(code: int, kind: str) -> None:
    windows = evaluated_on("win32", "errors")
    error = windows.from_code(code, "SCardTransmit")
    assert type(error).__name__ == kind
    assert error.code == code
    assert error.name == windows.lookup(code).name
    assert not error.name.startswith("0x")


def test_the_table_of_this_test_has_every_code_that_windows_adds() -> None:
    assert set(evaluated_on("win32", "errors")._windows_codes()) == set(WINDOWS_CLASS_OF)


# Copies


def made(kind: type[SCardError]) -> SCardError:
    if kind is EventsLostError:
        return EventsLostError(3)
    error = kind("the message", code=0x80100008, hresult=E_INVALIDARG, function="SCardTransmit")
    if isinstance(error, InsufficientBufferError):
        error.required = 258
    return error


def traits(error: SCardError) -> dict[str, object]:
    names = ("args", "code", "hresult", "name", "function", "required")
    return {"type": type(error), "text": str(error)} | {name: getattr(error, name, None) for name in names}


def through_pickle(protocol: int, error: SCardError) -> SCardError:
    again: SCardError = pickle.loads(pickle.dumps(error, protocol))  # noqa: S301  the test made these bytes
    return again


COPIES: dict[str, Callable[[SCardError], SCardError]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {number}": partial(through_pickle, number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_an_error_keeps_all_attributes_in_a_copy(kind: type[SCardError], way: str) -> None:
    error = made(kind)
    again = COPIES[way](error)
    assert again is not error
    assert traits(again) == traits(error)
    assert traits(again)["text"] == ("the message" if kind is not EventsLostError else str(EventsLostError(3)))
    assert traits(again)["required"] == (258 if kind is InsufficientBufferError else None)


def test_required_is_none_until_it_is_set() -> None:
    error = from_code(0x80100008, "SCardTransmit")
    assert isinstance(error, InsufficientBufferError)
    assert error.required is None


def test_attributes_that_the_caller_added_are_kept_in_a_copy() -> None:
    error = made(SCardError)
    error.reader = "Reader 0"  # type: ignore[attr-defined]  # any exception takes attributes
    assert copy.copy(error).reader == "Reader 0"  # type: ignore[attr-defined]  # as above
