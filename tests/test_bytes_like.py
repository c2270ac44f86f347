"""A list of ints, text or a Command in the place of bytes: the error names the argument and says what to give."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from support.cards import RecordingCard, in_reader

from scardffi import SCardManage, Script, raw
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816 import tlv
from scardffi.iso7816.atr import Atr
from scardffi.iso7816.command import Command
from scardffi.iso7816.response import Response
from scardffi.services.file_properties import FileProperties
from scardffi.services.file_reference import FileRef
from scardffi.services.pin_structures import PinProperties

COMMAND = iso.read_binary(0, 4)
OTHERS: dict[str, tuple[object, str]] = {
    "a list": (list(COMMAND.encode()), "got list; give bytes({name})"),
    "a tuple": (tuple(COMMAND.encode()), "got tuple; give bytes({name})"),
    "text": (
        COMMAND.encode().hex(),
        "got str; give bytes.fromhex({name}) for hexadecimal text, or {name}.encode() for other text",
    ),
    "a Command": (COMMAND, "got Command; give {name}.encode()"),
    "a Response": (Response(b"\x90\x00"), "got Response; give bytes({name})"),
    "a TLV": (tlv.TLV(0x81), "got TLV; give bytes({name})"),
    "a list of TLVs": ([tlv.TLV(0x81)], "got list; give iso7816.encode({name})"),
    "a TLVList": (tlv.decode(b"\x81\0"), "got TLVList; give iso7816.encode({name})"),
    "None": (None, "got NoneType"),
    "a number": (5, "got int"),
}


SILENT = RecordingCard()

PLACES: dict[str, tuple[str, Callable[[SCardManage, Any], object]]] = {
    "transmit": ("command", lambda card, value: card.transmit(value)),
    "transmit with a flow": ("command", lambda card, value: card.transmit(value, flow=3)),
    "transmit_into": ("command", lambda card, value: card.transmit_into(value, bytearray(10))),
    "transmit_into with a flow": ("command", lambda card, value: card.transmit_into(value, bytearray(10), flow=3)),
    "exchange": ("command", lambda card, value: card.exchange(value, bytearray(10))),
    "Script": ("commands[1]", lambda _, value: Script([b"\x00\xb0\x00\x00\x00", value])),
    "control": ("data", lambda card, value: card.control(0x42000D48, value)),
    "set_attribute": ("value", lambda card, value: card.set_attribute(1, value)),
    "update_binary_from": ("buffer", lambda card, value: card.update_binary_from(value)),
    "raw.SCardTransmit": ("command", lambda card, value: raw.SCardTransmit(card.handle, 1, value, bytearray(10))),
    "Command": ("data", lambda _, value: Command(0, 0xA4, data=value)),
    "Command.decode": ("raw", lambda _, value: Command.decode(value)),
    "Response": ("raw", lambda _, value: Response(value)),
    "Atr": ("raw", lambda _, value: Atr(value)),
    "tlv.decode": ("raw", lambda _, value: tlv.decode(value)),
    "tlv.decode_simple": ("raw", lambda _, value: tlv.decode_simple(value)),
    "verify": ("code", lambda _, value: iso.verify(value)),
    "change_reference_data": ("new", lambda _, value: iso.reset_retry_counter(b"1", value)),
    "select_file": ("file", lambda _, value: iso.select_file(value)),
    "TLV": ("value", lambda _, value: tlv.TLV(0x81, value)),
    "SimpleTLV": ("value", lambda _, value: tlv.SimpleTLV(1, value)),
    "update_binary": ("data", lambda _, value: iso.update_binary(0x8000, value)),
    "FileProperties.decode": ("raw", lambda _, value: FileProperties.decode(value)),
    "FileRef.by_name": ("name", lambda _, value: FileRef.by_name(value)),
    "PinProperties.decode": ("raw", lambda _, value: PinProperties.decode(value)),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("other", OTHERS)
def test_the_error_names_the_argument_and_says_what_to_give(place: str, other: str) -> None:
    name, call = PLACES[place]
    value, advice = OTHERS[other]
    message = f"{name}: expected a C-contiguous buffer such as bytes or bytearray, {advice.format(name=name)}"
    with in_reader(SILENT) as card, pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        call(card, value)
    assert SILENT.commands == []


@pytest.mark.parametrize("other", [other for other in OTHERS if other not in {"text", "a Command"}])
def test_send_takes_text_and_commands_and_names_the_argument_for_others(other: str) -> None:
    value, advice = OTHERS[other]
    with in_reader(SILENT) as card:
        with pytest.raises(TypeError, match=re.escape("command: expected a C-contiguous buffer such as bytes or by")):
            card.send(value)  # type: ignore[arg-type]  # the test passes a wrong type
        with pytest.raises(TypeError, match=re.escape(advice.format(name="command"))):
            card.send(value)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("commands", [b"12345", bytearray(5), memoryview(b"12345"), "00B0000000", COMMAND])
def test_one_command_in_the_place_of_a_list_is_told_to_a_script(commands: Any) -> None:
    message = f"commands: expected a list of commands, got {type(commands).__name__}; give [commands]"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        Script(commands)


def test_a_memoryview_with_gaps_is_copied_first() -> None:
    gaps = memoryview(b"00B0")[::2]
    with pytest.raises(TypeError, match=r"^raw: .* got a read-only, non-contiguous memoryview; give bytes\(raw\)$"):
        Command.decode(gaps)
    assert Response(gaps).sw == 0x3042
