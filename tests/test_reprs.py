"""Reprs that people read: of objects, commands, references and states; none shows a secret."""

from __future__ import annotations

import pytest
from support.commands import GET_CHALLENGE

from scardffi import CardState, Context, Flow, Protocol, ReaderState, ReaderStateFlag, SCardManage, Status, raw, virtual
from scardffi.iso7816 import Command, instructions
from scardffi.services import CardAuth, CHVerification, FileAccess, FileRef, PinPad
from scardffi.virtual import DF, FileSystemCard

PIN = bytearray(b"739015")


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (instructions.verify(PIN, 0x81), "<Command 00 20 00 81 (VERIFY), Lc 6>"),
        (instructions.change_reference_data(PIN, PIN), "<Command 00 24 00 00 (CHANGE REFERENCE DATA), Lc 12>"),
        (instructions.read_binary(0x100), "<Command 00 B0 01 00 (READ BINARY), Le 256>"),
        (Command(0, 0xA4, 4, 0, b"\xa0\0\0\0\3", 256), "<Command 00 A4 04 00 (SELECT), Lc 5, Le 256>"),
        (Command(0, 0xD6, 0, 0, bytes(300)), "<Command 00 D6 00 00 (UPDATE BINARY), Lc 300, extended>"),
        (Command(0x80, 0xCA, 0x9F, 0x7F, le=256), "<Command 80 CA 9F 7F (INS CA of class 80), Le 256>"),
        (Command(0, 0x44), "<Command 00 44 00 00 (ACTIVATE FILE)>"),
    ],
)
def test_the_repr_of_a_command_has_its_name_parameters_and_lengths_and_no_data(command: Command, shown: str) -> None:
    assert repr(command) == str(command) == shown
    assert PIN.hex() not in shown.lower()


@pytest.mark.parametrize(
    ("reference", "shown"),
    [
        (FileRef.by_id(0x5001), "<FileRef 5001>"),
        (FileRef.by_id(0x3F00), "<FileRef 3F00>"),
        (FileRef.by_short_id(3), "<FileRef short identifier 3>"),
        (FileRef.by_name(b"\xa0\0\0\0\1"), "<FileRef DF name A000000001>"),
        (FileRef.by_path("/5000/5001"), "<FileRef 3F00/5000/5001>"),
        (FileRef.by_path("../5001"), "<FileRef ../5001>"),
        (FileRef.by_path("."), "<FileRef .>"),
        (FileRef.by_path("A000000001/4401"), "<FileRef A000000001/4401>"),
        (FileRef.any(b"AB"), "<FileRef 4142 or DF name 4142>"),
        (FileRef.any(5), "<FileRef short identifier 5 or 0005>"),
    ],
)
def test_the_repr_of_a_reference_has_all_that_it_can_mean(reference: FileRef, shown: str) -> None:
    assert repr(reference) == shown


def test_the_reprs_of_services_say_what_they_are_set_to() -> None:
    card = FileSystemCard(DF(files=[DF(0x5000)]))
    files = FileAccess(card)
    files.change_dir(0x5000)
    assert repr(files) == "<FileAccess, current directory 3F00/5000>"
    assert repr(CHVerification(card)) == "<CHVerification, padding 'none'>"
    assert repr(CHVerification(card, padding="FF", length=6)) == "<CHVerification, padding 'FF', length 6>"
    assert repr(CardAuth(card, cla=1)) == "<CardAuth, class 01>"


def test_the_reprs_of_a_pin_pad_and_of_an_exchange_have_no_bytes() -> None:
    with virtual.installed(), SCardManage().attach_by_ifd(virtual.DEFAULT_READER) as card:
        assert repr(PinPad(card, min_digits=4, max_digits=6)) == "<PinPad, 4 to 6 digits>"
        exchange = card.exchange(bytearray(GET_CHALLENGE), bytearray(258))
        shown = "<scardffi.Exchange 'scardffi Virtual Reader 0', command 5 bytes, response 258 bytes"
        assert repr(exchange) == f"{shown}>"
        exchange.close()
        assert repr(exchange) == f"{shown}, closed>"


def test_the_reprs_of_states_have_names_and_the_atr_in_hexadecimal() -> None:
    assert repr(Flow.GET_RESPONSE | Flow.CHAIN) == "<Flow.GET_RESPONSE|CHAIN: 5>"
    assert repr(CardState.PRESENT | CardState.POWERED) == "<CardState.PRESENT|POWERED: 20>"
    flags = ReaderStateFlag.PRESENT | ReaderStateFlag.INUSE
    shown = "<scardffi.ReaderState 'Desk', PRESENT|INUSE, event count 3, ATR 3B 00>"
    assert repr(ReaderState("Desk", flags, 3, b"\x3b\0")) == shown
    assert repr(ReaderState("Desk")) == "<scardffi.ReaderState 'Desk', UNAWARE, event count 0, ATR none>"
    status = Status("Desk", CardState.SPECIFIC, Protocol.T1, b"\x3b\0")
    assert repr(status) == "<scardffi.Status 'Desk', SPECIFIC, T1, ATR 3B 00>"


def test_the_repr_of_a_readers_state_shows_what_was_passed_if_that_is_of_another_type() -> None:
    assert repr(ReaderState("Desk", "x", 0, None)) == "<scardffi.ReaderState 'Desk', 'x', event count 0, ATR None>"  # type: ignore[arg-type]  # the wrong type is the test


def test_states_that_a_reader_returns_are_shown() -> None:
    with virtual.installed(), Context() as context:
        (state,) = context.get_status_change([ReaderState(virtual.DEFAULT_READER)], 0)
        assert repr(state).startswith(
            "<scardffi.ReaderState 'scardffi Virtual Reader 0', CHANGED|PRESENT, event count "
        )


def test_the_repr_of_a_raw_function_loads_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARDFFI_LIBRARY", "/no/such/library")
    assert repr(raw.SCardTransmit).endswith("SCardTransmit of <scardffi.raw, the default library>>")
