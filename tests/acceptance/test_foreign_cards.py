"""Cards behind vpcd in a real pcscd: one in Python, and vicc, which is from outside this project."""

from pathlib import Path

import pytest
from support import vicc
from support.cards import RecordingCard
from support.commands import GET_CHALLENGE, SELECT_MF
from support.pcscd import PrivatePcscd

from scardffi import Attribute, Context, InsufficientBufferError, UnsupportedFeatureError, control_code
from scardffi.virtual.vpcd import VpcdCard


def test_vicc_answers_select_and_get_challenge(daemon: PrivatePcscd, vpcd_port: int, tmp_path: Path) -> None:
    reason = vicc.unavailable_reason()
    assert reason is None, reason
    reader = daemon.vpcd_reader(vpcd_port)
    with vicc.Vicc(vpcd_port, tmp_path), Context() as context:
        daemon.wait_for_card(reader)
        with context.attach(reader) as card:
            assert card.atr == bytes.fromhex("3b951381018073ff01000b")
            assert card.transmit(SELECT_MF) == b"\x90\x00"
            first, second = card.transmit(GET_CHALLENGE), card.transmit(GET_CHALLENGE)
            assert (len(first), first[-2:]) == (10, b"\x90\x00")
            assert first != second


@pytest.mark.parametrize("length", [1, 254, 65533])
def test_a_card_in_python_gets_each_command_once_and_unchanged(
    length: int, daemon: PrivatePcscd, vpcd_port: int
) -> None:
    answer = bytes(i & 0xFF for i in range(length)) + b"\x90\x00"
    reader = daemon.vpcd_reader(vpcd_port, 1)
    foreign = RecordingCard(lambda _: answer)
    with VpcdCard(foreign, vpcd_port + 1) as plugged, Context() as context:
        daemon.wait_for_card(reader)
        with context.attach(reader) as card:
            assert card.atr == foreign.atr
            assert card.transmit(GET_CHALLENGE) == answer
            command = memoryview(bytearray(b"\x80\x01\x02\x03" + bytes(60)))
            assert card.transmit_into(command, bytearray(65538)) == length + 2
            with pytest.raises(InsufficientBufferError):
                card.transmit_into(SELECT_MF, bytearray(2))
            assert foreign.commands == [GET_CHALLENGE, bytes(command), SELECT_MF]
            with pytest.raises(UnsupportedFeatureError):
                card.get_attribute(Attribute.VENDOR_NAME)
            with pytest.raises(UnsupportedFeatureError):
                card.control(control_code(3400))
    daemon.wait_for_card(reader, present=False)
    assert plugged.errors == []
