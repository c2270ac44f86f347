"""Command APDUs: the four cases in both forms, chains, the commands by name, and secrets."""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command, MalformedCommandError, class_of_channel
from scardffi.iso7816.instructions import FileInformation, Occurrence, RecordsBy, SelectBy

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


@pytest.mark.parametrize(("channel", "cla"), [(0, 0x00), (3, 0x03), (4, 0x40), (19, 0x4F)])
def test_each_logical_channel_has_its_class_byte(channel: int, cla: int) -> None:
    assert class_of_channel(channel) == cla


def test_there_are_twenty_logical_channels() -> None:
    with pytest.raises(ValueError, match="channel: 20 is not allowed; give 0 to 19"):
        class_of_channel(20)


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


def test_a_command_of_a_chain_cannot_be_chained_again() -> None:
    first, _ = Command(0x00, 0xDA, data=DATA_256).chain()
    with pytest.raises(ValueError, match="cla: 10 already has the chaining bit"):
        first.chain()


@pytest.mark.parametrize("size", [0, 256])
def test_the_size_of_a_chain_is_limited_to_short_commands(size: int) -> None:
    with pytest.raises(ValueError, match=f"size: {size} is not allowed; give 1 to 255"):
        Command(0x00, 0xDA).chain(size)


# Commands by name

AID = bytes.fromhex("A000000003")
BY_NAME: list[tuple[Command, str]] = [
    (iso.select_file(), "00A4000000"),
    (iso.select_file(b"\x3f\x00"), "00A40000023F0000"),
    (iso.select_file(b"\x3f\x00", information=FileInformation.NONE), "00A4000C023F00"),
    (iso.select_file(AID, SelectBy.DF_NAME), "00A4040005A00000000300"),
    (iso.select_file(AID, SelectBy.DF_NAME, occurrence=Occurrence.NEXT), "00A4040205A00000000300"),
    (iso.select_file(b"P\x15P1", SelectBy.PATH_FROM_MF, information=FileInformation.FCP), "00A40804045015503100"),
    (iso.select_file(b"\x50\x31", SelectBy.CHILD_DF, information=FileInformation.FMD), "00A4010802503100"),
    (iso.select_file(by=SelectBy.PARENT_DF, le=65536, cla=1), "01A40300000000"),
    (iso.read_binary(), "00B0000000"),
    (iso.read_binary(0x1234, 16), "00B0123410"),
    (iso.read_binary(0x7FFF, 1), "00B07FFF01"),
    (iso.read_binary(5, 16, short_id=30), "00B09E0510"),
    (iso.read_binary(0x8000, 16), "00B1000004540280" + "0010"),
    (iso.read_binary(0x100, 16, short_id=3), "00B10003045402010010"),
    (iso.write_binary(1, b"\xaa"), "00D0000101AA"),
    (iso.update_binary(0x7FFF, b"\xaa\xbb"), "00D67FFF02AABB"),
    (iso.update_binary(0x12345, b"\xaa"), "00D7000008540301234553" + "01AA"),
    (iso.erase_binary(), "000E0000"),
    (iso.erase_binary(4, 0x8000), "000E0004028000"),
    (iso.erase_binary(0x7FFF, 0xFFFF), "000E7FFF02FFFF"),
    (iso.erase_binary(0x7FFF, 0x10000), "000F0000095402" + "7FFF5403010000"),
    (iso.erase_binary(0, 0x10000), "000F000008540100" + "5403010000"),
    (iso.erase_binary(0, 1), "000E0000020001"),
    (iso.erase_binary(0x8000, 0x10000, short_id=1), "000F0001095402800054" + "03010000"),
    (iso.read_record(1), "00B2010400"),
    (iso.read_record(2, 32, short_id=1), "00B2020C20"),
    (iso.read_record(1, records=RecordsBy.NUMBER_TO_LAST), "00B2010500"),
    (iso.read_record(records=RecordsBy.NEXT, le=65536), "00B2000200" + "0000"),
    (iso.read_record(5, records=RecordsBy.LAST_TO_NUMBER), "00B2050600"),
    (iso.read_record(5, records=RecordsBy.FIRST), "00B2050000"),
    (iso.write_record(3, b"\x01"), "00D203040101"),
    (iso.write_record(0, b"\x01", which=Occurrence.LAST), "00D200010101"),
    (iso.write_record(1, b"\x01", short_id=3), "00D2011C0101"),
    (iso.read_record(5, records=RecordsBy.LAST), "00B2050100"),
    (iso.read_record(5, records=RecordsBy.PREVIOUS), "00B2050300"),
    (iso.update_record(3, b"\x01\x02", short_id=2), "00DC0314020102"),
    (iso.update_record(0, b"\x01", which=Occurrence.PREVIOUS), "00DC00030101"),
    (iso.append_record(b"\x01", short_id=30), "00E200F00101"),
    (iso.get_data(0x5F20), "00CA5F2000"),
    (iso.get_data(0xFFFF, 65536), "00CAFFFF000000"),
    (iso.put_data(0x0101, b"\xff"), "00DA010101FF"),
    (iso.put_data(0xFFFF, b""), "00DAFFFF"),
    (iso.get_response(16), "00C0000010"),
    (iso.get_response(cla=3), "03C0000000"),
    (iso.get_challenge(), "0084000008"),
    (iso.get_challenge(16, 2), "0084020010"),
    (iso.internal_authenticate(b"\x01"), "00880000010100"),
    (iso.internal_authenticate(b"\x01\x02", reference=0x81), "0088008102010200"),
    (iso.external_authenticate(b"\x01\x02", 1, 2), "00820102020102"),
    (iso.external_authenticate(reference=2), "00820002"),
    (iso.external_authenticate(b"\x01", le=8), "0082000001" + "0108"),
    (iso.general_authenticate(b"\x7c\x00", le=None), "00860000027C00"),
    (iso.general_authenticate(b"\x7c\x00", 0x07, 0x9E), "0086079E027C0000"),
    (iso.envelope(bytes(iso.get_challenge(8))), "00C2000005008400000800"),
    (iso.envelope(b"\x00\x84\x00\x00", None, cla=1), "01C200000400840000"),
    (iso.manage_channel(), "0070000001"),
    (iso.manage_channel(3), "00700003"),
    (iso.manage_channel(3, close=True), "00708003"),
    (iso.manage_channel(close=True, cla=2), "02708000"),
    (iso.verify(b"1234", 0x81), "0020008104" + b"1234".hex()),
    (iso.verify(reference=1), "00200001"),
    (iso.end_verification(), "0020FF00"),
    (iso.end_verification(0x81), "0020FF81"),
    (iso.change_reference_data(b"1234", b"56789", 1), "0024000109" + b"123456789".hex()),
    (iso.change_reference_data(b"", b"5678", 1), "0024010104" + b"5678".hex()),
    (iso.reset_retry_counter(b"8888", b"1234", 1), "002C000108" + b"88881234".hex()),
    (iso.reset_retry_counter(b"8888", reference=1), "002C010104" + b"8888".hex()),
    (iso.reset_retry_counter(new=b"1234", reference=1), "002C020104" + b"1234".hex()),
    (iso.reset_retry_counter(reference=1), "002C0301"),
    (iso.reset_retry_counter(b"8888"), "002C010004" + b"8888".hex()),
    (iso.enable_verification_requirement(b"1234", 1), "0028000104" + b"1234".hex()),
    (iso.enable_verification_requirement(reference=1), "00280101"),
    (iso.disable_verification_requirement(b"1234", 1), "0026000104" + b"1234".hex()),
    (iso.disable_verification_requirement(reference=1), "00260101"),
    (iso.create_file(b"\x62\x00"), "00E00000026200"),
    (iso.create_file(b"\x62\x00", 0x38, short_id=2), "00E03810026200"),
    (iso.delete_file(), "00E40000"),
    (iso.delete_file(b"\x50\x31", SelectBy.CHILD_EF), "00E40200025031"),
    (iso.activate_file(b"\x50\x31"), "00440000025031"),
    (iso.deactivate_file(), "00040000"),
    (iso.deactivate_file(b"\x50\x31", SelectBy.PATH_FROM_DF), "00040900025031"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "apdu"), BY_NAME, ids=[apdu[:20] for _, apdu in BY_NAME])
def test_each_named_command_is_encoded_as_in_the_standard(command: Command, apdu: str) -> None:
    assert bytes(command).hex().upper() == apdu.upper()


def functions() -> Iterator[tuple[str, Callable[..., Command]]]:
    for name, function in vars(iso).items():
        if inspect.isfunction(function) and function.__module__ == iso.__name__ and not name.startswith("_"):
            yield name, function


def test_every_function_is_tested_above_and_takes_a_class_byte() -> None:
    tried = {bytes(command)[1] & 0xFE for command, _ in BY_NAME}
    instructions = set()
    for _, function in functions():
        needed = [
            b"" if "Buffer" in str(parameter.annotation) else 0
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
        ]
        command = function(*needed, cla=0x83)
        assert command.cla == 0x83
        instructions.add(command.ins)
    assert len(instructions) == 27
    assert instructions == tried


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        (lambda: iso.read_binary(-1), "offset"),
        (lambda: iso.read_binary(0, 0), "le"),
        (lambda: iso.read_binary(0, short_id=0), "short_id"),
        (lambda: iso.read_binary(0, short_id=31), "short_id"),
        (lambda: iso.erase_binary(4, 4), "end"),
        (lambda: iso.read_record(255), "number"),
        (lambda: iso.get_data(0x10000), "tag"),
        (lambda: iso.put_data(0x10000, b""), "tag"),
        (lambda: iso.put_data(-1, b""), "tag"),
        (lambda: iso.read_binary(1 << 32), "offset"),
        (lambda: iso.manage_channel(20), "channel"),
        (lambda: iso.verify(bytes(65536)), "length of the code"),
        (lambda: iso.verify(b"1234", 256), "p2"),
    ],
)
def test_an_argument_that_is_too_large_is_refused_with_its_name(wrong: Callable[[], Command], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: -?\d+ is not allowed; give "):
        wrong()


# Secrets

PIN = b"73901"
WITH_SECRET: list[Callable[[bytes], Command]] = [
    iso.verify,
    lambda pin: iso.change_reference_data(pin, pin),
    lambda pin: iso.reset_retry_counter(pin, pin),
    iso.enable_verification_requirement,
    iso.disable_verification_requirement,
]
carriers = pytest.mark.parametrize("made", WITH_SECRET, ids=["verify", "change", "reset", "enable", "disable"])


@carriers
def test_a_command_with_a_pin_can_be_wiped(made: Callable[[bytes], Command]) -> None:
    command = made(PIN)
    assert isinstance(command.data, bytearray)
    assert PIN in command.data
    apdu = command.encode()
    assert PIN in apdu
    command.wipe()
    assert command.data == bytes(len(command.data))
    assert PIN not in bytes(command)


@carriers
def test_the_repr_of_a_command_with_a_pin_does_not_show_it(made: Callable[[bytes], Command]) -> None:
    command = made(PIN)
    for text in (repr(command), str(command), f"{command}"):
        assert text.startswith("<Command 00 2")
        assert "73901" not in text
        assert PIN.hex() not in text.lower()


def test_the_callers_pin_is_not_changed() -> None:
    pin = bytearray(PIN)
    command = iso.verify(pin, 1)
    command.wipe()
    assert pin == PIN


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
