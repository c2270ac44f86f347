"""A PC/SC library that lies in each answer: scardffi stays in its memory, and says that the answer is impossible.

tests/csrc/hostile_pcsc.c is the library, in this platform's shape and, on Linux, in the shape of Windows too. The check
`sanitizers` of .ci/run runs this file with both.
"""

import ctypes
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.compile import shared_library
from support.reports import report
from support.shape import WINDOWS
from support.windows_shape import windows_shape

import scardffi
from scardffi.errors import E_INVALID_DATA

SOURCE = Path(__file__).parent / "csrc" / "hostile_pcsc.c"
READ = bytes.fromhex("00B0000004")
HOSTILITIES = {
    "one above": 1,
    "huge length": 2,
    "negative": 3,
    "without end": 4,
    "growing": 5,
    "huge need": 6,
    "no need": 7,
    "shrinking": 8,
    "long ATR": 9,
    "huge ATR": 10,
    "no length": 11,
    "only NULs": 12,
    "all ones": 13,
}
CODE = 14
CODES = [0x00000001, 0x7FFFFFFF, 0x80000001, 0x8010FFFF, 0xFFFFFFFF, 0x8007FFFF, 0xC0000005]
LENGTHS = {"one above", "huge length", "negative"}
ATRS = {"long ATR", "huge ATR"}
ASK_AGAIN = {"growing", "huge need"}


class Shape(NamedTuple):
    """The package in the shape of a platform, and the library that lies in that shape."""

    package: Any
    library: Any


Call = Callable[[Shape], Any]


def on_a_context(call: Callable[[Any], Any]) -> Call:
    def run(shape: Shape) -> Any:
        with shape.package.Context(library=shape.library) as context:
            return call(context)

    return run


def on_a_card(call: Callable[[Any], Any]) -> Call:
    def run(shape: Shape) -> Any:
        with shape.package.SCardManage(shape.library).attach_by_ifd("reader") as card:
            return call(card)

    return run


def raw(call: Callable[[Any], Any]) -> Call:
    return lambda shape: call(shape.library)


def script(shape: Shape) -> list[bytes]:
    return on_a_card(lambda card: [bytes(one) for one in shape.package.Script([READ]).run(card)])(shape)  # type: ignore[no-any-return]  # the package has no type


def status_change(shape: Shape) -> Any:
    return on_a_context(lambda context: context.get_status_change([shape.package.ReaderState("reader")]))(shape)


def first_event(context: Any) -> Any:
    with context.monitor() as monitor:
        return monitor.wait(timeout=0.5)


def whole_file(card: Any) -> bytes:
    memory = bytearray(300)
    return bytes(memory[: card.read_binary_into(memory)])


# Each call, and the hostilities that make its answer impossible.
CALLS: dict[str, tuple[Call, set[str]]] = {
    "Context.list_readers": (
        on_a_context(lambda context: context.list_readers()),
        LENGTHS | ASK_AGAIN | {"without end", "no need", "all ones"},
    ),
    "Context.list_reader_groups": (
        on_a_context(lambda context: context.list_reader_groups()),
        LENGTHS | ASK_AGAIN | {"without end", "no need", "all ones"},
    ),
    "Context.get_status_change": (
        status_change,
        ATRS | {"all ones"},
    ),
    "Context.monitor": (on_a_context(first_event), LENGTHS | ASK_AGAIN | ATRS | {"without end", "no need", "all ones"}),
    "Context.is_valid": (on_a_context(lambda context: context.is_valid()), set()),
    "status": (
        on_a_card(lambda card: card.status()),
        LENGTHS | ASK_AGAIN | ATRS | {"without end", "all ones"},
    ),
    "get_attribute": (on_a_card(lambda card: card.get_attribute(1)), LENGTHS | ASK_AGAIN),
    "control": (on_a_card(lambda card: card.control(1, b"x")), LENGTHS),
    "transmit": (on_a_card(lambda card: card.transmit(READ)), LENGTHS),
    "transmit with a flow": (on_a_card(lambda card: card.transmit(READ, flow=3)), LENGTHS),
    "transmit_into": (on_a_card(lambda card: card.transmit_into(READ, bytearray(10))), LENGTHS),
    "exchange": (on_a_card(lambda card: card.exchange(READ, bytearray(10))()), LENGTHS),
    "script": (script, LENGTHS),
    "read_binary_into": (on_a_card(whole_file), LENGTHS),
    "update_binary_from": (on_a_card(lambda card: card.update_binary_from(bytes(300))), LENGTHS),
    "send": (on_a_card(lambda card: card.send(READ)), LENGTHS | ASK_AGAIN | ATRS | {"without end", "all ones"}),
    "lock": (on_a_card(lambda card: card.lock()), set()),
    "reconnect": (on_a_card(lambda card: card.reconnect()), set()),
    "SCardListReaders": (raw(lambda library: library.SCardListReaders(1)), LENGTHS | {"without end", "all ones"}),
    "SCardListReaderGroups": (
        raw(lambda library: library.SCardListReaderGroups(1)),
        LENGTHS | {"without end", "all ones"},
    ),
    "SCardGetStatusChange": (
        raw(lambda library: library.SCardGetStatusChange(1, 0, [("reader", 0), ("other", 0)])),
        ATRS | {"all ones"},
    ),
    "SCardStatus": (raw(lambda library: library.SCardStatus(1)), LENGTHS | ATRS | {"without end", "all ones"}),
    "SCardGetAttrib": (raw(lambda library: library.SCardGetAttrib(1, 1, bytearray(264))), LENGTHS),
    "SCardControl": (raw(lambda library: library.SCardControl(1, 1, b"x", bytearray(10))), LENGTHS),
    "SCardTransmit": (raw(lambda library: library.SCardTransmit(1, 2, READ, bytearray(10))), LENGTHS),
    "SCardConnect": (raw(lambda library: library.SCardConnect(1, "reader", 2, 3)), set()),
    "SCardReconnect": (raw(lambda library: library.SCardReconnect(1, 2, 3, 0)), set()),
}


# Windows allocates the text of these. A length above the memory's cannot be noticed, so the text ends at its NUL.
ALLOCATED = {"without end", "no need", "all ones"}
NO_TEXT = {"growing", "huge need"}  # the library wants more room, although it could allocate it
ON_WINDOWS: dict[str, tuple[Call, set[str]]] = {
    "Context.list_readers": (CALLS["Context.list_readers"][0], ALLOCATED | NO_TEXT),
    "Context.list_reader_groups": (CALLS["Context.list_reader_groups"][0], ALLOCATED | NO_TEXT),
    "Context.monitor": (CALLS["Context.monitor"][0], ALLOCATED | ATRS),
    "status": (CALLS["status"][0], LENGTHS | ATRS | {"without end", "all ones"}),
    "send": (CALLS["send"][0], LENGTHS | ATRS | {"without end", "all ones"}),
    "SCardListReaders": (CALLS["SCardListReaders"][0], ALLOCATED),
    "SCardListReaderGroups": (CALLS["SCardListReaderGroups"][0], ALLOCATED),
    "SCardListCards": (raw(lambda library: library.SCardListCards(1)), ALLOCATED),
    "SCardListReadersWithDeviceInstanceId": (
        raw(lambda library: library.SCardListReadersWithDeviceInstanceId(1, "device")),
        ALLOCATED,
    ),
    "SCardGetReaderDeviceInstanceId": (
        raw(lambda library: library.SCardGetReaderDeviceInstanceId(1, "reader")),
        ALLOCATED,
    ),
    "SCardGetCardTypeProviderName": (
        raw(lambda library: library.SCardGetCardTypeProviderName(1, "card", 1)),
        ALLOCATED,
    ),
    "SCardListInterfaces": (raw(lambda library: library.SCardListInterfaces(1, "card")), LENGTHS),
    "SCardLocateCards": (
        raw(lambda library: library.SCardLocateCards(1, ["card"], [("reader", 0), ("other", 0)])),
        ATRS | {"all ones"},
    ),
    "SCardReadCache": (raw(lambda library: library.SCardReadCache(1, bytes(16), 1, "item", bytearray(10))), LENGTHS),
    "SCardGetReaderIcon": (raw(lambda library: library.SCardGetReaderIcon(1, "reader", bytearray(10))), LENGTHS),
    "SCardState": (raw(lambda library: library.SCardState(1)), ATRS),
}
TABLES = {"this platform": CALLS, "Windows": {**CALLS, **ON_WINDOWS}}
TEXTS = [name for name, (_, impossible) in ON_WINDOWS.items() if impossible >= ALLOCATED]
every_call = pytest.mark.parametrize(
    ("name", "platform"), [(name, platform) for platform, table in TABLES.items() for name in table]
)


@pytest.fixture(scope="module")
def shapes() -> dict[str, Shape]:
    """The shapes that were built."""
    return {}


@pytest.fixture
def shape(platform: str, shapes: dict[str, Shape], tmp_path_factory: pytest.TempPathFactory) -> Shape:
    if platform not in shapes:
        in_windows = platform == "Windows"
        if in_windows and (sys.platform != "linux" or WINDOWS or "scardffi_in_windows_shape" in sys.modules):
            pytest.skip("the shape of Windows is built for Linux, once in a process")
        folder = tmp_path_factory.mktemp("hostile")
        flags = ["-DSCARDFFI_ABI_WINDOWS"] if in_windows else []
        file = shared_library(SOURCE, folder, f"-I{Path(scardffi.__file__).parent / 'include'}", *flags)
        package: Any = windows_shape(folder) if in_windows else scardffi
        shapes[platform] = Shape(package, package.Library(file))
    return shapes[platform]


@pytest.fixture
def hostile(shape: Shape) -> Iterator[Callable[..., Shape]]:
    library = ctypes.CDLL(shape.library.info().path)
    library.set_hostility.argtypes = [ctypes.c_int, ctypes.c_uint32]

    def be(hostility: int, code: int = 0) -> Shape:
        library.set_hostility(hostility, code)
        return shape

    yield be
    library.set_hostility(0, 0)
    assert library.allocated_now() == 0  # all memory that the library allocated was freed


def outcome(call: Call, shape: Shape) -> Any:
    """Return the result of the call or, if it raised, the error."""
    iso7816 = importlib.import_module(f"{shape.package.__name__}.iso7816")
    try:
        return call(shape)
    except shape.package.SCardError as error:
        return error.__cause__ if isinstance(error, shape.package.ScriptError) else error
    except (iso7816.StatusError, iso7816.MalformedResponseError) as error:  # what a card may answer too
        return repr(error)


@every_call
def test_the_answers_of_an_honest_library_are_accepted(hostile: Callable[..., Shape], name: str, platform: str) -> None:
    answer = outcome(TABLES[platform][name][0], hostile(0))
    assert not isinstance(answer, Exception)
    assert not name.startswith("SCard") or answer[0] == 0


@pytest.mark.parametrize("hostility", HOSTILITIES)
@every_call
def test_an_impossible_answer_is_an_error_that_says_so(
    hostile: Callable[..., Shape], name: str, platform: str, hostility: str
) -> None:
    call, impossible = TABLES[platform][name]
    answer = outcome(call, hostile(HOSTILITIES[hostility]))
    if hostility not in impossible:
        return  # any value and any error will do: the memory counts
    if isinstance(answer, tuple):
        assert answer[0] == E_INVALID_DATA
    else:
        assert isinstance(answer, Exception), answer
        error: Any = answer
        assert (error.code, error.hresult) == (None, E_INVALID_DATA)
        assert "the PC/SC library's answer is impossible" in str(answer)


@pytest.mark.parametrize("platform", ["Windows"])
@pytest.mark.parametrize("hostility", sorted(LENGTHS))
@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_windows_has_allocated_ends_at_its_nul_whatever_its_length_is_said_to_be(
    hostile: Callable[..., Shape], name: str, hostility: str
) -> None:
    call = TABLES["Windows"][name][0]
    honest = outcome(call, hostile(0))
    answer = outcome(call, hostile(HOSTILITIES[hostility]))
    assert answer == honest or name == "Context.monitor"


@every_call
def test_a_code_that_was_never_seen_becomes_an_error_with_its_number(
    hostile: Callable[..., Shape], name: str, platform: str
) -> None:
    for code in CODES:
        answer = outcome(TABLES[platform][name][0], hostile(CODE, code))
        if isinstance(answer, Exception):
            error: Any = answer
            assert error.hresult in {code, 0x80070000 | code & 0xFFFF}  # an HRESULT has 16 bits of a positive code
            assert f"{code & 0xFFFF:04X}" in str(answer)
        elif name.startswith("SCard") and name != "SCardConnect":
            assert answer[0] == code


def test_the_size_of_the_table_is_printed() -> None:
    sizes = ", ".join(f"{len(table)} calls in the shape of {platform}" for platform, table in TABLES.items())
    report(f"hostile library: {sizes}, each with {len(HOSTILITIES) + len(CODES)} hostilities")
