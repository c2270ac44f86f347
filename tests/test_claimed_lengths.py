"""Lengths that a PC/SC library claims: more than it may write is an error, and is not allocated."""

import ctypes
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.callback_card import CallbackLibrary
from support.reports import report

from scardffi import Context, Library, SCardError, SCardManage, ffi
from scardffi.errors import E_INVALID_DATA

LARGEST = 256 ** ffi.sizeof("DWORD") - 1
CLAIMS = [265, 65549, (1 << 20) + 1, 1 << 31, (1 << 32) - 1]
CLAIMS += [length for length in ((1 << 32) + 5, 1 << 40, (1 << 64) - 1) if length <= LARGEST]
FITS = 1 << 20


def on_a_context(call: Callable[[Context], Any]) -> Callable[[Library], Any]:
    def run(library: Library) -> Any:
        with Context(library=library) as context:
            return call(context)

    return run


def on_a_card(call: Callable[[SCardManage], Any]) -> Callable[[Library], Any]:
    def run(library: Library) -> Any:
        with SCardManage(library).attach_by_ifd("any") as card:
            return call(card)

    return run


CALLS: dict[str, Callable[[Library], Any]] = {
    "list_readers": on_a_context(Context.list_readers),
    "list_reader_groups": on_a_context(Context.list_reader_groups),
    "get_status_change": on_a_context(lambda context: context.get_status_change(["any"], 0)[0].atr),
    "status": on_a_card(SCardManage.status),
    "get_attribute": on_a_card(lambda card: card.get_attribute(1)),
    "SCardListReaders": lambda library: library.SCardListReaders(1),
    "SCardListReaderGroups": lambda library: library.SCardListReaderGroups(1),
    "SCardGetStatusChange": lambda library: library.SCardGetStatusChange(1, 0, [("any", 0)])[1][0][1],
    "SCardStatus": lambda library: library.SCardStatus(1000)[4],
    "SCardGetAttrib": lambda library: library.SCardGetAttrib(1000, 1, bytearray(264))[0],
}


def outcome(call: Callable[[Library], Any], library: Library) -> Any:
    """Return the result of the call or, if it raised, the error."""
    try:
        return call(library)
    except SCardError as error:
        return error


@pytest.fixture
def claim(tmp_path: Path) -> Iterator[Callable[[int, bool], Library]]:
    lying = CallbackLibrary(tmp_path)
    set_claim = ctypes.CDLL(lying.library.info().path).set_claim
    set_claim.argtypes = [ctypes.c_uint64, ctypes.c_int]

    def make(length: int, succeeds: bool) -> Library:
        set_claim(length, succeeds)
        return lying.library

    yield make
    set_claim(0, 0)


@pytest.mark.parametrize("succeeds", [True, False], ids=["succeeds", "too short"])
@pytest.mark.parametrize("name", CALLS)
def test_a_length_that_cannot_be_right_is_an_error_and_is_not_allocated(
    claim: Callable[[int, bool], Library], name: str, succeeds: bool
) -> None:
    refused = 0
    for length in CLAIMS:
        library = claim(length, succeeds)
        tracemalloc.start()
        answer = outcome(CALLS[name], library)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40 * FITS
        if not isinstance(answer, SCardError):
            assert not isinstance(answer, bytes) or len(answer) <= 36
            continue
        refused += 1
        assert (answer.code, answer.hresult) == (None, E_INVALID_DATA)
        assert "the PC/SC library's answer is impossible" in str(answer)
    if name in {"status", "get_attribute", "list_readers", "list_reader_groups"}:
        assert refused >= len(CLAIMS) - 3


def test_the_number_of_claims_is_printed() -> None:
    report(f"claimed lengths: {len(CALLS)} calls x {len(CLAIMS)} lengths x 2 outcomes, none allocated beyond 1 MiB")
