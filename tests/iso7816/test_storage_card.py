"""The commands for contactless storage cards: their encoding, and keys that can be wiped."""

from collections.abc import Callable

import pytest

from scardffi.iso7816 import storage_card
from scardffi.iso7816.command import Command
from scardffi.iso7816.storage_card import KeyType

KEY = bytes.fromhex("A0A1A2A3A4A5")
ENCODINGS: list[tuple[Command, str]] = [
    (storage_card.get_uid(), "FFCA000000"),
    (storage_card.get_uid(7), "FFCA000007"),
    (storage_card.get_historical_bytes(), "FFCA010000"),
    (storage_card.load_key(KEY), "FF82000006A0A1A2A3A4A5"),
    (storage_card.load_key(KEY, 1, non_volatile=True), "FF82200106A0A1A2A3A4A5"),
    (storage_card.load_key(bytes(8), 2, in_reader=True, transmission_key=3), "FF82C302080000000000000000"),
    (storage_card.authenticate(4), "FF860000050100046000"),
    (storage_card.authenticate(0x1234, KeyType.B, 1), "FF860000050112346101"),
    (storage_card.read_binary(4, 16), "FFB0000410"),
    (storage_card.read_binary(0x1234), "FFB0123400"),
    (storage_card.update_binary(4, bytes(4)), "FFD600040400000000"),
]


@pytest.mark.parametrize(("command", "apdu"), ENCODINGS, ids=[apdu for _, apdu in ENCODINGS])
def test_each_command_is_encoded_as_pcsc_part_3_says(command: Command, apdu: str) -> None:
    assert bytes(command).hex().upper() == apdu


def test_the_obsolete_authenticate_has_the_key_type_where_a_command_has_its_length() -> None:
    assert storage_card.authenticate_obsolete(0x0104, KeyType.B, 2).hex().upper() == "FF8801046102"


def test_a_key_can_be_wiped_and_no_repr_shows_it() -> None:
    command = storage_card.load_key(KEY)
    assert KEY.hex() not in repr(command).lower()
    command.wipe()
    assert command.data == bytes(6)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (lambda: storage_card.get_uid(0), "le"),
        (lambda: storage_card.load_key(KEY, 256), "number"),
        (lambda: storage_card.load_key(KEY, transmission_key=16), "transmission_key"),
        (lambda: storage_card.authenticate(0x10000), "address"),
        (lambda: storage_card.authenticate(0, number=-1), "number"),
        (lambda: storage_card.authenticate_obsolete(-1), "address"),
        (lambda: storage_card.read_binary(0x10000), "address"),
        (lambda: storage_card.update_binary(-1, b""), "address"),
    ],
)
def test_an_argument_that_is_too_large_is_refused_with_its_name(wrong: Callable[[], object], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: -?\d+ is not allowed; give "):
        wrong()
