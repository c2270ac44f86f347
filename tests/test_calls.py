"""The compiled module _calls: arguments of every wrong kind, functions in Python that do not do their part, no memory.

The other tests of the transmit calls also run without this module; these are about it only.
"""

import ctypes
import mmap
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from conftest import Place
from support.alone import run_alone
from support.commands import ANSWER_4, READ_4
from support.interpreter import run_python
from support.reports import report
from support.shape import NO_SUCH_HANDLE

from scardffi import Exchange, InsufficientBufferError, SCardManage, _loader, embed
from scardffi.virtual import reader as reader_module

calls: Any = _loader.calls
pytestmark = pytest.mark.skipif(calls is None, reason="there is no module _calls")
NO_NUMBERS = (None, True, "1", 1.0, 1 << 64, -(1 << 64))
T1 = 2


class Untrue:
    """An object whose truth cannot be asked."""

    def __bool__(self) -> bool:
        raise ZeroDivisionError


@pytest.fixture
def card(virtual_place: Place) -> Iterator[SCardManage]:
    with SCardManage(virtual_place.library).attach_by_ifd(virtual_place.reader) as attached:
        yield attached


@pytest.fixture
def default(virtual_place: Place) -> Iterator[None]:
    """The virtual library as the default one."""
    before = _loader.set_default_table(virtual_place.library.native)
    yield
    _loader.set_default_table(before)


Case = tuple[Callable[..., Any], tuple[Any, ...], type[Exception], str]
METHODS: dict[str, Callable[[SCardManage, Exchange], Case]] = {
    "a truth that raises, transmit": lambda card, _: (card.transmit, (READ_4, Untrue()), ZeroDivisionError, ""),
    "a truth that raises, transmit_into": lambda card, _: (
        card.transmit_into, (READ_4, bytearray(9), Untrue()), ZeroDivisionError, "",
    ),
    "a response that is read-only": lambda card, _: (card.transmit_into, (READ_4, bytes(9)), TypeError, "^response: "),
    "a response with gaps": lambda card, _: (
        card.transmit_into, (READ_4, memoryview(bytearray(9))[::2]), TypeError, "^response: ",
    ),
    "a command with gaps": lambda card, _: (card.transmit, (memoryview(bytes(9))[::2],), TypeError, "^command: "),
    "a released view": lambda card, _: (card.transmit, (released(),), TypeError, "^command: .* a released memoryview$"),
    "no arguments for a card": lambda *_: (calls.CardCalls, (), TypeError, "CardCalls"),
    "an address that is no number": lambda *_: (calls.CardCalls, (None, "5"), TypeError, ""),
    "an address that is too large": lambda *_: (calls.CardCalls, (None, 1 << 70), OverflowError, ""),
    "no arguments for an exchange": lambda *_: (calls.ExchangeCalls, (), TypeError, "ExchangeCalls"),
    "an address of an exchange that is no number": lambda card, _: (
        calls.ExchangeCalls, (card, "5", 0, READ_4, bytearray(9)), TypeError, "",
    ),
    "a card that is none": lambda card, _: (
        calls.ExchangeCalls, (object(), embed.address(card.native), 0, READ_4, bytearray(9)), AttributeError, "_native",
    ),
    "an exchange into bytes": lambda card, _: (Exchange, (card, READ_4, bytes(9)), TypeError, "^response: "),
    "an exchange of no buffer": lambda card, _: (Exchange, (card, 5, bytearray(9)), TypeError, "^command: "),
    "raw transmit without arguments": lambda *_: (calls.transmit, (), TypeError, "takes 5 arguments"),
    "raw transmit with a library that is no number": lambda *_: (
        calls.transmit, ("5", 1, T1, READ_4, bytearray(9)), TypeError, "",
    ),
    "transmit_list without arguments": lambda *_: (calls.transmit_list, (), TypeError, "takes 3 arguments"),
    "a table that is no number": lambda *_: (calls.use_table, ("5",), TypeError, ""),
    "no table": lambda *_: (calls.use_table, (0,), ImportError, "of different versions"),
    "the table of another version": lambda *_: (calls.use_table, (changed_table(4),), ImportError, "versions"),
    "a table that is shorter": lambda *_: (calls.use_table, (changed_table(0),), ImportError, "versions"),
}  # fmt: skip
kept: list[ctypes.Array[ctypes.c_char]] = []


def released() -> memoryview:
    view = memoryview(READ_4)
    view.release()
    return view


def changed_table(offset: int) -> int:
    """Return the address of a table in which the 4 bytes at the offset, its size or its version, are 1 less."""
    size = embed.table().size
    copy = ctypes.create_string_buffer(ctypes.string_at(embed.address(embed.table()), size), size)
    number = ctypes.c_uint32.from_buffer(copy, offset)
    number.value -= 1
    kept.append(copy)
    return ctypes.addressof(copy)


@pytest.mark.parametrize("case", METHODS)
def test_a_wrong_argument_raises_an_error_and_the_next_call_works(card: SCardManage, case: str) -> None:
    response = bytearray(9)
    with card.exchange(READ_4, response) as exchange:
        function, arguments, error, words = METHODS[case](card, exchange)
        with pytest.raises(error, match=words or None):
            function(*arguments)
        assert exchange() == 6
    response.append(0)  # it is not locked
    assert card.transmit(READ_4) == ANSWER_4


RAW: dict[str, Callable[[int, Any], tuple[Any, ...]]] = {
    "a response that is read-only": lambda card, _: (0, card, T1, READ_4, bytes(9)),
    "a command that is no buffer": lambda card, buffer: (0, card, T1, [0, 1], buffer),
}


@pytest.mark.usefixtures("default")
@pytest.mark.parametrize("case", RAW)
def test_raw_transmit_leaves_an_unusual_argument_to_python(card: SCardManage, case: str) -> None:
    buffer = bytearray(9)
    assert calls.transmit(*RAW[case](card.handle, buffer)) is None
    for value in NO_NUMBERS:
        assert calls.transmit(0, value, T1, READ_4, buffer) is None
    for value in (*NO_NUMBERS, -1, 1 << 32):
        assert calls.transmit(0, card.handle, value, READ_4, buffer) is None
    buffer.append(0)  # it is not locked
    assert calls.transmit(0, card.handle, T1, READ_4, buffer) == (0, 6)


@pytest.mark.skipif(sys.maxsize < 1 << 32, reason="no buffer on this machine is that long")
def test_raw_transmit_leaves_a_buffer_that_is_too_long_for_pcsc_to_python(card: SCardManage) -> None:
    library = embed.address(card.library.native)
    with mmap.mmap(-1, (1 << 32) + mmap.PAGESIZE) as long:  # no page of it is touched
        for command, response in ((READ_4, long), (long, bytearray(9))):
            assert calls.transmit(library, card.handle, T1, command, response) is None


LISTS: dict[str, Callable[[int], tuple[Any, ...]]] = {
    "a number that is no byte": lambda card: (card, T1, [0, 256]),
    "no buffer": lambda card: (card, T1, 5),
    "an empty command": lambda card: (card, T1, []),
    "an empty buffer": lambda card: (card, T1, b""),
}


@pytest.mark.usefixtures("default")
@pytest.mark.parametrize("case", LISTS)
def test_transmit_list_leaves_an_unusual_argument_to_python(card: SCardManage, case: str) -> None:
    assert calls.transmit_list(*LISTS[case](card.handle)) is None
    for value in NO_NUMBERS:
        assert calls.transmit_list(value, T1, READ_4) is None
    for value in (*NO_NUMBERS, 0, 3):
        assert calls.transmit_list(card.handle, value, READ_4) is None
    for command in (READ_4, list(READ_4), tuple(READ_4), bytearray(READ_4)):
        assert calls.transmit_list(card.handle, T1, command) == [0, list(ANSWER_4)]


@pytest.mark.usefixtures("default")
def test_transmit_list_returns_the_code_of_the_call_with_an_empty_list() -> None:
    code, response = calls.transmit_list(0, T1, READ_4)
    assert (code & 0xFFFFFFFF, response) == (NO_SUCH_HANDLE, [])


def test_without_a_default_library_both_functions_call_nothing() -> None:
    code = """
        from scardffi._loader import calls
        print(calls.transmit(0, 1, 2, bytes(5), bytearray(9)), calls.transmit_list(1, 2, bytes(5)))
    """
    assert run_python(code, environment={"SCARDFFI_LIBRARY": "/nowhere"}) == ["None None"]


def test_an_error_function_that_raises_nothing_is_told(virtual_place: Place) -> None:
    class Silent(SCardManage):
        def _raise_failure(self, *_: object) -> None:  # type: ignore[override]  # what the test is about
            pass

        def _refuse_buffers(self, *_: object) -> None:  # type: ignore[override]  # the same
            pass

    with Silent(virtual_place.library).attach_by_ifd(virtual_place.reader) as card:
        for call in (
            lambda: card.transmit(b""),
            lambda: card.transmit(5),  # type: ignore[arg-type]  # what the test is about
            lambda: card.transmit_into(READ_4, bytearray(1)),
        ):
            with pytest.raises(SystemError, match="no exception was raised"):
                call()


def test_a_response_that_does_not_fit_raises_and_the_memory_is_used_again(card: SCardManage) -> None:
    for _ in range(2):
        with pytest.raises(InsufficientBufferError):
            card.transmit_into(READ_4, bytearray(2))
        assert card.transmit(bytearray(READ_4)) == ANSWER_4


ANSWERS: dict[str, tuple[object, int, bool]] = {
    "bytes": (b"\x90\x00", 2, False),
    "a code": (-0x80100069, -0x80100069, False),
    "a number that is too large": (1 << 80, -1, True),
    "text": ("9000", 0, True),
    "an exception": (ZeroDivisionError(), 0, True),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_a_card_in_python_answers_reaches_the_virtual_library(case: str) -> None:
    answer, expected, is_told = ANSWERS[case]
    seen: list[tuple[int, bytes]] = []
    told: list[object] = []

    def answer_command(key: int, command: bytes) -> Any:
        seen.append((key, command))
        if isinstance(answer, Exception):
            raise answer
        return answer

    prototype = ctypes.CFUNCTYPE(
        None, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
    )
    before = sys.unraisablehook
    sys.unraisablehook = told.append
    transmit = prototype(calls.card_function(answer_command))
    try:
        for command, room in ((READ_4, 258), (b"", 0)):
            result, response = ctypes.c_int64(0), ctypes.create_string_buffer(258)
            transmit(7, command or None, len(command), response, room, ctypes.addressof(result))
            assert seen[-1] == (7, command)
            assert result.value == expected
            assert response.raw[:2] == (b"\x90\x00" if case == "bytes" and room else b"\0\0")
    finally:
        sys.unraisablehook = before
        calls.card_function(reader_module._transmit)
    assert len(told) == 2 * is_told


def test_without_memory_each_call_raises_memory_error_and_the_next_one_works() -> None:
    pytest.importorskip("_testcapi", reason="this Python lacks what its own tests need")
    failed, _ = run_alone("calls_without_memory", environment={"SCARDFFI_LIBRARY": ""})
    assert {"transmit", "a new exchange", "transmit_list"} <= {name for name in failed if failed[name]}
    report(f"{sum(failed.values())} allocations of Python in the module _calls, each failed once")
