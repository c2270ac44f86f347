"""Response APDUs: accepted and refused bytes, and the attributes that they share with a reply of a script."""

from __future__ import annotations

import copy
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest

from scardffi import SCardManage, Script, virtual
from scardffi.iso7816.command import Command
from scardffi.iso7816.malformed import MalformedError
from scardffi.iso7816.response import MalformedResponseError, Response

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("raw", "data", "sw"), [("9000", "", 0x9000), ("6A82", "", 0x6A82), ("00FF9000", "00FF", 0x9000)]
)
def test_a_response_consists_of_data_and_status_word(raw: str, data: str, sw: int) -> None:
    response = Response(bytes.fromhex(raw))
    assert (response.data, response.sw) == (bytes.fromhex(data), sw)
    assert bytes(response) == bytes.fromhex(raw)
    assert tuple(response) == (bytes.fromhex(data), sw)
    assert (response.sw1, response.sw2, response.ok) == (sw >> 8, sw & 0xFF, sw == 0x9000)


@pytest.mark.parametrize("raw", [b"", b"\x90"])
def test_fewer_than_two_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(MalformedResponseError, match=r"before its status word of 2 bytes") as caught:
        Response(raw)
    assert caught.value.offset == len(raw)
    for error in (caught.value, copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):  # noqa: S301  as below
        assert error.raw == raw
    assert isinstance(caught.value, (MalformedError, ValueError))


def test_an_error_keeps_its_offset_in_a_copy() -> None:
    error = MalformedResponseError("too short", 1)
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):  # noqa: S301  the test made these bytes
        assert (type(again), again.offset, str(again)) == (MalformedResponseError, 1, "byte 1: too short")


def test_any_buffer_is_accepted_and_copied() -> None:
    raw = bytearray.fromhex("01029000")
    responses = [Response(raw), Response(memoryview(raw))]
    raw[0] = 0xFF
    assert [one.data for one in responses] == [b"\x01\x02"] * 2
    with pytest.raises(TypeError):
        Response("9000")  # type: ignore[arg-type]  # the test passes a wrong type


def test_the_repr_shows_the_length_and_not_the_data() -> None:
    assert repr(Response(b"secret\x90\x00")) == "<Response 6 bytes, sw 9000>"


def test_responses_with_equal_bytes_are_equal() -> None:
    assert Response(b"a\x90\x00") == Response(bytearray(b"a\x90\x00"))
    assert Response(b"a\x90\x00") != Response(b"b\x90\x00")
    assert Response(b"a\x90\x00") != Response(b"a\x90\x01")


def test_a_reply_of_a_script_has_the_same_data_and_status_word() -> None:
    with virtual.installed(), SCardManage().attach_by_ifd(virtual.DEFAULT_READER) as card:
        (reply,) = Script([bytes.fromhex("00B0000004")]).run(card)
        response = Response(bytes(reply))
    assert (response.data, response.sw) == (bytes(reply.data), reply.sw)
    assert len(bytes(response)) == len(reply) == 6


@pytest.mark.parametrize("make", [lambda: Command(0, 256), lambda: Command(256, 0)])
def test_a_command_that_was_refused_can_be_shown_in_a_traceback(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="allowed") as caught:
        make()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "<Command " in shown
