"""Command APDUs: the four cases in both forms, chains, names, and secrets."""

from dataclasses import replace

import pytest

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command, MalformedCommandError

DATA_256 = bytes(range(256))

# The four cases of ISO/IEC 7816-4, 5.1, in the short and in the extended form
CASES: dict[str, tuple[Command, str]] = {
    "1": (Command(0x00, 0x70, 0x80, 0x01), "00708001"),
    "2 short": (Command(0x00, 0xB0, 0x01, 0x02, le=8), "00B0010208"),
    "2 short, 256": (Command(0x00, 0xB0, le=256), "00B0000000"),
    "2 extended": (Command(0x00, 0xB0, le=257), "00B00000000101"),
    "2 extended, 65536": (Command(0x00, 0xB0, le=65536), "00B00000000000"),
    "2 extended, small": (Command(0x00, 0xB0, le=8, extended=True), "00B00000000008"),
    "3 short": (Command(0x00, 0xD6, 0x00, 0x00, b"\x01\x02"), "00D60000020102"),
    "3 short, 255": (Command(0x00, 0xD6, data=bytes(255)), "00D60000FF" + "00" * 255),
    "3 extended": (Command(0x00, 0xD6, data=DATA_256), "00D60000000100" + DATA_256.hex()),
    "3 extended, small": (Command(0x00, 0xD6, data=b"\x01", extended=True), "00D6000000000101"),
    "3 extended, 65535": (Command(0x00, 0xD6, data=bytes(65535)), "00D6000000FFFF" + "00" * 65535),
    "4 short": (Command(0x00, 0xA4, 0x04, 0x00, b"\xa0\x00", 256), "00A4040002A00000"),
    "4 extended by Le": (Command(0x00, 0xA4, 0x04, 0x00, b"\xa0\x00", 257), "00A40400000002A0000101"),
    "4 extended by data": (Command(0x00, 0x88, data=DATA_256, le=16), "00880000000100" + DATA_256.hex() + "0010"),
    "4 extended, 65536": (Command(0x00, 0x88, data=b"\x01", le=65536), "00880000000001010000"),
}
every_case = pytest.mark.parametrize(("command", "apdu"), CASES.values(), ids=CASES)


@every_case
def test_each_case_is_encoded_as_in_the_standard(command: Command, apdu: str) -> None:
    assert command.encode() == bytes.fromhex(apdu)
    assert bytes(command) == bytes.fromhex(apdu)


@every_case
def test_each_encoded_case_is_decoded_to_the_same_command(command: Command, apdu: str) -> None:
    raw = bytes.fromhex(apdu)
    assert Command.decode(raw) == Command.decode(memoryview(bytearray(raw))) == command


@pytest.mark.parametrize("extended", [False, True])
def test_decoding_is_the_inverse_of_encoding_for_every_length_around_the_limits(extended: bool) -> None:
    sizes = [0, 1, 2, 3, 254, 255, 256, 257, 65534, 65535]
    for size in sizes:
        for le in [None, 1, 2, 255, 256, 257, 65535, 65536]:
            command = Command(0x80, 0x10, 0x20, 0x30, bytes(size), le, extended=extended)
            again = Command.decode(bytes(command))
            assert again == command
            assert again.extended == (size > 255 or (le or 0) > 256 or (extended and bool(size or le)))


@pytest.mark.parametrize(
    ("apdu", "offset", "reason"),
    [
        ("", 0, "before the end of its header of 4 bytes"),
        ("00A404", 3, "before the end of its header of 4 bytes"),
        ("00A404000000", 6, "before the end of its extended length of 3 bytes"),
        ("00A4040002A0", 6, "after 1 of 2 bytes of data"),
        ("00A4040002A0000000", 7, "2 bytes follow the 2 bytes of data; allowed are 0 or 1, for Le"),
        ("00A40400000000A0", 5, "Lc is 0"),
        ("00A40400000002A0", 8, "after 1 of 2 bytes of data"),
        ("00A40400000002A00000", 9, "1 bytes follow the 2 bytes of data; allowed are 0 or 2, for Le"),
    ],
)
def test_malformed_commands_are_refused_with_the_offset_and_the_reason(apdu: str, offset: int, reason: str) -> None:
    with pytest.raises(MalformedCommandError) as caught:
        Command.decode(bytes.fromhex(apdu))
    assert caught.value.offset == offset
    assert str(caught.value).startswith(f"command, byte {offset}: ")
    assert reason in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("cla", (0x100, 0)),
        ("ins", (0, -1)),
        ("ins", (0, 256)),
        ("p1", (0, 0, 256)),
        ("p2", (0, 0, 0, 256)),
        ("length of data", (0, 0, 0, 0, bytes(65536))),
        ("le", (0, 0, 0, 0, b"", 0)),
        ("le", (0, 0, 0, 0, b"", 65537)),
    ],
)
def test_a_number_that_is_too_large_is_refused_with_the_arguments_name(name: str, arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: -?\d+ is not allowed; give "):
        Command(*arguments)  # type: ignore[arg-type]  # the values have different types


def test_data_of_a_wrong_type_are_refused() -> None:
    with pytest.raises(TypeError):
        Command(0, 0, data="0102")  # type: ignore[arg-type]  # the test passes a wrong type
    with pytest.raises(TypeError):
        Command(0, 0, data=5)  # type: ignore[arg-type]  # bytearray(5) would be five zeros


def test_a_number_of_a_wrong_type_is_refused() -> None:
    for wrong in (1.0, "1", None):
        with pytest.raises(TypeError):
            Command(0, 0, wrong)  # type: ignore[arg-type]  # the test passes a wrong type


def test_replacing_a_field_makes_a_new_command() -> None:
    command = replace(iso.read_binary(0, 16), p2=16)
    assert bytes(command).hex() == "00b0001010"
    with pytest.raises(ValueError, match="p2: 256"):
        replace(command, p2=256)


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (Command(0x00, 0xA4), "SELECT"),
        (Command(0x4F, 0xCB), "GET DATA"),
        (Command(0x1C, 0x2A), "PERFORM SECURITY OPERATION"),
        (Command(0x00, 0x33), "COMPARE"),
        (Command(0xFF, 0x82), "LOAD KEYS"),
        (Command(0x00, 0x99), "INS 99 of class 00"),
        (Command(0x20, 0xA4), "INS A4 of class 20"),
        (Command(0x80, 0xCA), "INS CA of class 80"),
        (Command(0xA0, 0xA4), "INS A4 of class A0"),
        (Command(0xFF, 0xA4), "INS A4 of class FF"),
    ],
)
def test_a_command_has_the_name_of_its_instruction_unless_the_card_defines_it(command: Command, name: str) -> None:
    assert command.name == name


# Chains


@pytest.mark.parametrize("size", [1, 100, 254, 255])
@pytest.mark.parametrize("length", [0, 1, 255, 256, 510, 511, 1000])
def test_a_chain_carries_the_same_data_in_short_commands(length: int, size: int) -> None:
    data = bytes(index & 0xFF for index in range(length))
    chain = Command(0x0C, 0xDB, 0x3F, 0xFF, data, 300).chain(size)
    assert b"".join(one.data for one in chain) == data
    assert len(chain) == max(1, -(-length // size))
    assert [one.cla for one in chain] == [0x1C] * (len(chain) - 1) + [0x0C]
    assert [one.le for one in chain] == [None] * (len(chain) - 1) + [256]
    assert {(one.ins, one.p1, one.p2, one.extended) for one in chain} == {(0xDB, 0x3F, 0xFF, False)}
    assert all(len(one.data) == size for one in chain[:-1])


@pytest.mark.parametrize(("cla", "chained"), [(0x03, 0x13), (0x40, 0x50), (0x6F, 0x7F), (0x80, 0x90)])
def test_the_chaining_bit_is_the_same_in_every_class(cla: int, chained: int) -> None:
    assert [one.cla for one in Command(cla, 0xDB, data=DATA_256).chain()] == [chained, cla]


def test_a_command_of_a_chain_cannot_be_chained_again() -> None:
    first, _ = Command(0x00, 0xDA, data=DATA_256).chain()
    with pytest.raises(ValueError, match="cla: 10 already has the chaining bit"):
        first.chain()


@pytest.mark.parametrize("size", [0, 256])
def test_the_size_of_a_chain_is_limited_to_short_commands(size: int) -> None:
    with pytest.raises(ValueError, match=f"size: {size} is not allowed; give 1 to 255"):
        Command(0x00, 0xDA).chain(size)


# Secrets

PIN = b"73901"


def test_a_chain_of_a_wipeable_command_can_be_wiped() -> None:
    for one in Command(0x00, 0x20, data=bytearray(PIN * 100)).chain():
        one.wipe()
        assert not any(one.data)


def test_a_command_decoded_from_a_bytearray_can_be_wiped_and_is_a_copy() -> None:
    raw = iso.verify(PIN).encode()
    command = Command.decode(raw)
    command.wipe()
    assert PIN in raw
    assert PIN not in command.encode()


def test_wiping_a_command_made_of_bytes_raises_an_error() -> None:
    with pytest.raises(TypeError, match="create the command from a bytearray"):
        Command(0x00, 0x20, data=PIN).wipe()


def test_no_error_shows_the_data() -> None:
    raw = bytes(iso.verify(PIN))
    for broken in (raw[:-1], raw + b"\x00\x00"):
        with pytest.raises(MalformedCommandError) as caught:
            Command.decode(broken)
        assert "73901" not in repr(caught.value)
        assert PIN.hex() not in repr(caught.value)
