"""A PC/SC library that lies in each answer: scardffi stays in its memory, and says that the answer is impossible.

tests/csrc/hostile_pcsc.c is the library. The check `sanitizers` of .ci/run runs this file too.
"""

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.compile import shared_library
from support.reports import report

import scardffi
from scardffi import Context, Library, ReaderState, SCardError, SCardManage, Script
from scardffi.errors import E_INVALID_DATA
from scardffi.iso7816 import MalformedResponseError, StatusError

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


def on_a_context(call: Callable[[Context], Any]) -> Callable[[Library], Any]:
    def run(library: Library) -> Any:
        with Context(library=library) as context:
            return call(context)

    return run


def on_a_card(call: Callable[[SCardManage], Any]) -> Callable[[Library], Any]:
    def run(library: Library) -> Any:
        with SCardManage(library).attach_by_ifd("reader") as card:
            return call(card)

    return run


def first_event(context: Context) -> Any:
    with context.monitor() as monitor:
        return monitor.wait(timeout=0.5)


def whole_file(card: SCardManage) -> bytes:
    memory = bytearray(300)
    return bytes(memory[: card.read_binary_into(memory)])


# Each call, and the hostilities that make its answer impossible.
CALLS: dict[str, tuple[Callable[[Library], Any], set[str]]] = {
    "Context.list_readers": (
        on_a_context(Context.list_readers),
        LENGTHS | ASK_AGAIN | {"without end", "no need", "all ones"},
    ),
    "Context.list_reader_groups": (
        on_a_context(Context.list_reader_groups),
        LENGTHS | ASK_AGAIN | {"without end", "no need", "all ones"},
    ),
    "Context.get_status_change": (
        on_a_context(lambda context: context.get_status_change([ReaderState("reader")])),
        ATRS | {"all ones"},
    ),
    "Context.monitor": (on_a_context(first_event), LENGTHS | ASK_AGAIN | ATRS | {"without end", "no need", "all ones"}),
    "Context.is_valid": (on_a_context(Context.is_valid), set()),
    "status": (
        on_a_card(SCardManage.status),
        LENGTHS | ASK_AGAIN | ATRS | {"without end", "all ones"},
    ),
    "get_attribute": (on_a_card(lambda card: card.get_attribute(1)), LENGTHS | ASK_AGAIN),
    "control": (on_a_card(lambda card: card.control(1, b"x")), LENGTHS),
    "transmit": (on_a_card(lambda card: card.transmit(READ)), LENGTHS),
    "transmit with a flow": (on_a_card(lambda card: card.transmit(READ, flow=3)), LENGTHS),
    "transmit_into": (on_a_card(lambda card: card.transmit_into(READ, bytearray(10))), LENGTHS),
    "exchange": (on_a_card(lambda card: card.exchange(READ, bytearray(10))()), LENGTHS),
    "script": (on_a_card(lambda card: [bytes(one) for one in Script([READ]).run(card)]), LENGTHS),
    "read_binary_into": (on_a_card(whole_file), LENGTHS),
    "update_binary_from": (on_a_card(lambda card: card.update_binary_from(bytes(300))), LENGTHS),
    "send": (on_a_card(lambda card: card.send(READ)), LENGTHS | ASK_AGAIN | ATRS | {"without end", "all ones"}),
    "lock": (on_a_card(SCardManage.lock), set()),
    "reconnect": (on_a_card(SCardManage.reconnect), set()),
    "SCardListReaders": (lambda library: library.SCardListReaders(1), LENGTHS | {"without end", "all ones"}),
    "SCardListReaderGroups": (lambda library: library.SCardListReaderGroups(1), LENGTHS | {"without end", "all ones"}),
    "SCardGetStatusChange": (
        lambda library: library.SCardGetStatusChange(1, 0, [("reader", 0), ("other", 0)]),
        ATRS | {"all ones"},
    ),
    "SCardStatus": (lambda library: library.SCardStatus(1), LENGTHS | ATRS | {"without end", "all ones"}),
    "SCardGetAttrib": (lambda library: library.SCardGetAttrib(1, 1, bytearray(264)), LENGTHS),
    "SCardControl": (lambda library: library.SCardControl(1, 1, b"x", bytearray(10)), LENGTHS),
    "SCardTransmit": (lambda library: library.SCardTransmit(1, 2, READ, bytearray(10)), LENGTHS),
    "SCardConnect": (lambda library: library.SCardConnect(1, "reader", 2, 3), set()),
    "SCardReconnect": (lambda library: library.SCardReconnect(1, 2, 3, 0), set()),
}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("hostile")
    return Library(shared_library(SOURCE, folder, f"-I{Path(scardffi.__file__).parent / 'include'}"))


@pytest.fixture
def hostile(compiled: Library) -> Iterator[Callable[..., Library]]:
    set_hostility = ctypes.CDLL(compiled.info().path).set_hostility
    set_hostility.argtypes = [ctypes.c_int, ctypes.c_uint32]

    def be(hostility: int, code: int = 0) -> Library:
        set_hostility(hostility, code)
        return compiled

    yield be
    set_hostility(0, 0)


def outcome(call: Callable[[Library], Any], library: Library) -> Any:
    """Return the result of the call or, if it raised, the error."""
    try:
        return call(library)
    except SCardError as error:
        return error.__cause__ if isinstance(error, scardffi.ScriptError) else error
    except (StatusError, MalformedResponseError) as error:  # what a card may answer too
        return repr(error)


@pytest.mark.parametrize("name", CALLS)
def test_the_answers_of_an_honest_library_are_accepted(hostile: Callable[..., Library], name: str) -> None:
    answer = outcome(CALLS[name][0], hostile(0))
    assert not isinstance(answer, SCardError)
    assert not name.startswith("SCard") or answer[0] == 0


@pytest.mark.parametrize("hostility", HOSTILITIES)
@pytest.mark.parametrize("name", CALLS)
def test_an_impossible_answer_is_an_error_that_says_so(
    hostile: Callable[..., Library], name: str, hostility: str
) -> None:
    call, impossible = CALLS[name]
    answer = outcome(call, hostile(HOSTILITIES[hostility]))
    if hostility not in impossible:
        return  # any value and any error will do: the memory counts
    if isinstance(answer, tuple):
        assert answer[0] == E_INVALID_DATA
    else:
        assert isinstance(answer, SCardError), answer
        assert (answer.code, answer.hresult) == (None, E_INVALID_DATA)
        assert "the PC/SC library's answer is impossible" in str(answer)


@pytest.mark.parametrize("name", CALLS)
def test_a_code_that_was_never_seen_becomes_an_error_with_its_number(
    hostile: Callable[..., Library], name: str
) -> None:
    for code in CODES:
        answer = outcome(CALLS[name][0], hostile(CODE, code))
        if isinstance(answer, SCardError):
            assert answer.hresult in {code, 0x80070000 | code & 0xFFFF}  # an HRESULT has 16 bits of a positive code
            assert f"{code & 0xFFFF:04X}" in str(answer)
        elif name.startswith("SCard") and name != "SCardConnect":
            assert answer[0] == code


def test_the_size_of_the_table_is_printed() -> None:
    report(f"hostile library: {len(CALLS)} calls x {len(HOSTILITIES) + len(CODES)} hostilities")
