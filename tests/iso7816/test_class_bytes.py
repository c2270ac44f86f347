"""Interindustry class bytes: logical channels, secure messaging and chaining, in both directions."""

import itertools

import pytest

from scardffi.iso7816.class_bytes import ClassByte, SecureMessaging, class_byte, decode_class_byte

INTERINDUSTRY = [*range(0x20), *range(0x40, 0x80)]


@pytest.mark.parametrize(
    ("channel", "secure_messaging", "chaining", "cla"),
    [
        (0, SecureMessaging.NONE, False, 0x00),
        (3, SecureMessaging.NONE, False, 0x03),
        (1, SecureMessaging.PROPRIETARY, False, 0x05),
        (0, SecureMessaging.STANDARD, False, 0x08),
        (0, SecureMessaging.HEADER_AUTHENTICATED, False, 0x0C),
        (2, SecureMessaging.HEADER_AUTHENTICATED, True, 0x1E),
        (4, SecureMessaging.NONE, False, 0x40),
        (5, SecureMessaging.NONE, True, 0x51),
        (19, SecureMessaging.NONE, False, 0x4F),
        (19, SecureMessaging.STANDARD, True, 0x7F),
    ],
)
def test_a_class_byte_states_channel_secure_messaging_and_chaining(
    channel: int, secure_messaging: SecureMessaging, chaining: bool, cla: int
) -> None:
    assert class_byte(channel, secure_messaging=secure_messaging, chaining=chaining) == cla
    assert decode_class_byte(cla) == ClassByte(channel, secure_messaging, chaining)


def test_each_interindustry_class_byte_is_decoded_to_the_parts_that_make_it() -> None:
    for cla in INTERINDUSTRY:
        parts = decode_class_byte(cla)
        assert parts is not None
        made = class_byte(parts.channel, secure_messaging=parts.secure_messaging, chaining=parts.chaining)
        assert made == cla


def test_other_class_bytes_have_no_parts() -> None:
    assert [cla for cla in range(256) if decode_class_byte(cla) is None] == sorted({*range(256)} - {*INTERINDUSTRY})


@pytest.mark.parametrize("channel", [-1, 20, 64])
def test_there_are_twenty_logical_channels(channel: int) -> None:
    with pytest.raises(ValueError, match=f"channel: {channel} is not allowed; give 0 to 19"):
        class_byte(channel)


def test_channels_above_three_have_no_bits_for_other_secure_messaging() -> None:
    wrong = [SecureMessaging.PROPRIETARY, SecureMessaging.HEADER_AUTHENTICATED]
    for channel, secure_messaging in itertools.product(range(4, 20), wrong):
        with pytest.raises(ValueError, match=f"secure_messaging: {secure_messaging.name} is not allowed in channel"):
            class_byte(channel, secure_messaging=secure_messaging)
