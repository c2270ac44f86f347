"""The commands of the standard by name: their encoding, their table in the documentation, and secrets."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import scardffi
from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instruction_names import NAMES
from scardffi.iso7816.instructions import (
    ControlTemplate,
    FileInformation,
    KeyPairAction,
    Occurrence,
    RecordsBy,
    SearchFrom,
    SecurityUse,
    SelectBy,
)
from scardffi.iso7816.tlv import TLV, SimpleTLV, decode, encode

PAGE = Path(__file__).parents[2] / "docs" / "instructions.md"
AID = bytes.fromhex("A000000003")
BOTH = SecurityUse.COMPUTATION | SecurityUse.VERIFICATION
MESSAGES = SecurityUse.COMMAND_MESSAGES | SecurityUse.RESPONSE_MESSAGES
ENCODINGS: dict[Callable[..., Command], list[tuple[Command, str]]] = {
    iso.activate_file: [
        (iso.activate_file(b"\x50\x31"), "00440000025031"),
    ],
    iso.activate_record: [
        (iso.activate_record(3), "00080304"),
        (iso.activate_record(1, to_last=True, short_id=2), "00080115"),
    ],
    iso.append_record: [
        (iso.append_record(b"\x01", short_id=30), "00E200F00101"),
    ],
    iso.change_reference_data: [
        (iso.change_reference_data(b"1234", b"56789", 1), "0024000109" + b"123456789".hex()),
        (iso.change_reference_data(b"", b"5678", 1), "0024010104" + b"5678".hex()),
        (iso.change_reference_data(b"\x80\x01\x01", b"\x81\x01\x02", 1, odd=True), "0025000106800101810102"),
    ],
    iso.compute_cryptographic_checksum: [
        (iso.compute_cryptographic_checksum(b"\x01", 8), "002A8E80010108"),
    ],
    iso.compute_digital_signature: [
        (iso.compute_digital_signature(b"\x01\x02"), "002A9E9A02010200"),
        (iso.compute_digital_signature(), "002A9E9A00"),
        (iso.compute_digital_signature(b"\x90\x00", input_tag=0xAC), "002A9EAC02900000"),
    ],
    iso.compute_hash: [
        (iso.compute_hash(b"\x01"), "002A9080010100"),
        (iso.compute_hash(b"\x90\x00\x80\x00", None, input_tag=0xA0), "002A90A00490008000"),
    ],
    iso.create_file: [
        (iso.create_file(b"\x62\x00"), "00E00000026200"),
        (iso.create_file(b"\x62\x00", 0x38, short_id=2), "00E03810026200"),
    ],
    iso.deactivate_file: [
        (iso.deactivate_file(), "00040000"),
        (iso.deactivate_file(b"\x50\x31", SelectBy.PATH_FROM_DF), "00040900025031"),
    ],
    iso.deactivate_record: [
        (iso.deactivate_record(3), "00060304"),
        (iso.deactivate_record(1, to_last=True), "00060105"),
    ],
    iso.decipher: [
        (iso.decipher(b"\x00\x01"), "002A808602000100"),
        (iso.decipher(b"\x01", input_tag=0x84), "002A8084010100"),
    ],
    iso.delete_file: [
        (iso.delete_file(), "00E40000"),
        (iso.delete_file(b"\x50\x31", SelectBy.CHILD_EF), "00E40200025031"),
    ],
    iso.disable_verification_requirement: [
        (iso.disable_verification_requirement(b"1234", 1), "0026000104" + b"1234".hex()),
        (iso.disable_verification_requirement(reference=1), "00260101"),
    ],
    iso.enable_verification_requirement: [
        (iso.enable_verification_requirement(b"1234", 1), "0028000104" + b"1234".hex()),
        (iso.enable_verification_requirement(reference=1), "00280101"),
    ],
    iso.encipher: [
        (iso.encipher(b"\x01"), "002A8680010100"),
        (iso.encipher(b"\x01", output_tag=0x84), "002A8480010100"),
    ],
    iso.end_verification: [
        (iso.end_verification(), "0020FF00"),
        (iso.end_verification(0x81), "0020FF81"),
    ],
    iso.envelope: [
        (iso.envelope(bytes(iso.get_challenge(8))), "00C2000005008400000800"),
        (iso.envelope(b"\x00\x84\x00\x00", None, cla=1), "01C200000400840000"),
        (iso.envelope(b"\x52\x00", odd=True), "00C3000002520000"),
    ],
    iso.erase_binary: [
        (iso.erase_binary(), "000E0000"),
        (iso.erase_binary(4, 0x8000), "000E0004028000"),
        (iso.erase_binary(0x7FFF, 0xFFFF), "000E7FFF02FFFF"),
        (iso.erase_binary(0x7FFF, 0x10000), "000F0000095402" + "7FFF5403010000"),
        (iso.erase_binary(0, 0x10000), "000F000008540100" + "5403010000"),
        (iso.erase_binary(0, 1), "000E0000020001"),
        (iso.erase_binary(0x8000, 0x10000, short_id=1), "000F0001095402800054" + "03010000"),
    ],
    iso.erase_record: [
        (iso.erase_record(3), "000C0304"),
        (iso.erase_record(3, to_last=True, short_id=1), "000C030D"),
    ],
    iso.erase_security_environment: [
        (iso.erase_security_environment(255), "0022F4FF"),
    ],
    iso.external_authenticate: [
        (iso.external_authenticate(b"\x01\x02", 1, 2), "00820102020102"),
        (iso.external_authenticate(reference=2), "00820002"),
    ],
    iso.general_authenticate: [
        (iso.general_authenticate(b"\x7c\x00", le=None), "00860000027C00"),
        (iso.general_authenticate(b"\x7c\x00", 0x07, 0x9E), "0086079E027C0000"),
        (iso.general_authenticate(b"\x7c\x00", 0x07, 0x9E, odd=True), "0087079E027C0000"),
    ],
    iso.generate_asymmetric_key_pair: [
        (iso.generate_asymmetric_key_pair(), "0046800000"),
        (iso.generate_asymmetric_key_pair(b"\xb6\x00", odd=True), "0047800002B60000"),
        (iso.generate_asymmetric_key_pair(b"\xb6\x00", KeyPairAction.READ, odd=True), "0047810002B60000"),
        (iso.generate_asymmetric_key_pair(b"\xac\x00", KeyPairAction.UNSPECIFIED, 0x9A, odd=True), "0047009A02AC0000"),
        (iso.generate_asymmetric_key_pair(b"", KeyPairAction.GENERATE_WITHOUT_OUTPUT, 0x82, None), "00468482"),
    ],
    iso.get_challenge: [
        (iso.get_challenge(), "0084000008"),
        (iso.get_challenge(16, 2), "0084020010"),
    ],
    iso.get_data: [
        (iso.get_data(0x5F20), "00CA5F2000"),
        (iso.get_data(0xFFFF, 65536), "00CAFFFF000000"),
        (iso.get_data(0x7F), "00CA007F00"),
        (iso.get_data(0x5FC102), "00CB3FFF055C035FC10200"),
        (iso.get_data([0x5F20, 0x42, 0x5FC102]), "00CB3FFF085C065F20425FC10200"),
        (iso.get_data([], file_id=0x2F00), "00CB2F00025C0000"),
        (iso.get_data(0x5F20, 16, file_id=iso.CURRENT_EF), "00CB0000045C025F2010"),
        (iso.get_data(TLV(0x4D, b"\x5f\x20\x80")), "00CB3FFF054D035F208000"),
    ],
    iso.get_next_data: [
        (iso.get_next_data(0x7F21), "00CC7F2100"),
        (iso.get_next_data(0x5FC102, 300), "00CD3FFF0000055C035FC102012C"),
    ],
    iso.get_response: [
        (iso.get_response(16), "00C0000010"),
        (iso.get_response(cla=3), "03C0000000"),
    ],
    iso.internal_authenticate: [
        (iso.internal_authenticate(b"\x01"), "00880000010100"),
        (iso.internal_authenticate(b"\x01\x02", reference=0x81), "0088008102010200"),
    ],
    iso.manage_channel: [
        (iso.manage_channel(), "0070000001"),
        (iso.manage_channel(3), "00700003"),
        (iso.manage_channel(3, close=True), "00708003"),
        (iso.manage_channel(close=True, cla=2), "02708000"),
    ],
    iso.mutual_authenticate: [
        (iso.mutual_authenticate(b"\x01"), "00820000010100"),
        (iso.mutual_authenticate(b"\x01", 1, 0x81, 8), "00820181010108"),
    ],
    iso.perform_security_operation: [
        (iso.perform_security_operation(0x9E, 0x9A, b"\x01"), "002A9E9A010100"),
        (iso.perform_security_operation(0x00, 0xAE, b"\x7f\x21\x00", None, odd=True), "002B00AE037F2100"),
    ],
    iso.put_data: [
        (iso.put_data(0x0101, b"\xff"), "00DA010101FF"),
        (iso.put_data(0xFFFF, b""), "00DAFFFF"),
        (iso.put_data(0x5FC102, b"\x01\x02"), "00DB3FFF065FC102020102"),
        (iso.put_data(0x5F20, b"\x01", file_id=0x0101), "00DB0101045F200101"),
        (iso.put_data([TLV(0x5C, b"\x5f\xc1\x02"), TLV(0x53, b"\xaa")]), "00DB3FFF085C035FC1025301AA"),
    ],
    iso.put_next_data: [
        (iso.put_next_data(0x7F21, b"\x01"), "00D87F210101"),
        (iso.put_next_data(0xDF8129, b"\x01"), "00D93FFF05DF81290101"),
    ],
    iso.read_binary: [
        (iso.read_binary(), "00B0000000"),
        (iso.read_binary(0x1234, 16), "00B0123410"),
        (iso.read_binary(0x7FFF, 1), "00B07FFF01"),
        (iso.read_binary(5, 16, short_id=30), "00B09E0510"),
        (iso.read_binary(0x8000, 16), "00B1000004540280" + "0010"),
        (iso.read_binary(0x100, 16, short_id=3), "00B10003045402010010"),
    ],
    iso.read_record: [
        (iso.read_record(1), "00B2010400"),
        (iso.read_record(2, 32, short_id=1), "00B2020C20"),
        (iso.read_record(1, records=RecordsBy.NUMBER_TO_LAST), "00B2010500"),
        (iso.read_record(records=RecordsBy.NEXT, le=65536), "00B2000200" + "0000"),
        (iso.read_record(5, records=RecordsBy.LAST_TO_NUMBER), "00B2050600"),
        (iso.read_record(5, records=RecordsBy.FIRST), "00B2050000"),
        (iso.read_record(5, records=RecordsBy.LAST), "00B2050100"),
        (iso.read_record(5, records=RecordsBy.PREVIOUS), "00B2050300"),
        (iso.read_record(3, 16, offset=5), "00B303040354010510"),
        (iso.read_record(0, 300, records=RecordsBy.NEXT, offset=0x123, short_id=2), "00B3001200000454020123012C"),
    ],
    iso.reset_retry_counter: [
        (iso.reset_retry_counter(b"8888", b"1234", 1), "002C000108" + b"88881234".hex()),
        (iso.reset_retry_counter(b"8888", reference=1), "002C010104" + b"8888".hex()),
        (iso.reset_retry_counter(new=b"1234", reference=1), "002C020104" + b"1234".hex()),
        (iso.reset_retry_counter(reference=1), "002C0301"),
        (iso.reset_retry_counter(b"8888"), "002C010004" + b"8888".hex()),
        (iso.reset_retry_counter(b"\x80\x01\x01", reference=1, odd=True), "002D010103800101"),
    ],
    iso.restore_security_environment: [
        (iso.restore_security_environment(1), "0022F301"),
    ],
    iso.search_binary: [
        (iso.search_binary(b"\x01\x02"), "00A0000002010200"),
        (iso.search_binary(offset=5, short_id=3, le=2), "00A0830502"),
        (iso.search_binary(b"\xaa", 0x8000, 4), "00A1000007540280005301AA04"),
    ],
    iso.search_record: [
        (iso.search_record(b"\x01\x02"), "00A2000402010200"),
        (iso.search_record(b"\x01", 5, 4, start=SearchFrom.NUMBER_BACKWARD, short_id=2), "00A20515010104"),
        (iso.search_record(b"\x01", 0x21, start=SearchFrom.NEXT), "00A22102010100"),
        (iso.search_record(b"\x01", 1, offset=7), "00A201060304070100"),
        (iso.search_record(b"\x01", start=SearchFrom.PREVIOUS_RECORD, after=0x2C), "00A20006030F2C0100"),
    ],
    iso.select_data: [
        (iso.select_data(0x7F21, 2), "00A502040660045C027F21"),
        (iso.select_data(0x5FC102), "00A500040760055C035FC102"),
    ],
    iso.select_file: [
        (iso.select_file(), "00A4000000"),
        (iso.select_file(b"\x3f\x00"), "00A40000023F0000"),
        (iso.select_file(b"\x3f\x00", information=FileInformation.NONE), "00A4000C023F00"),
        (iso.select_file(AID, SelectBy.DF_NAME), "00A4040005A00000000300"),
        (iso.select_file(AID, SelectBy.DF_NAME, occurrence=Occurrence.NEXT), "00A4040205A00000000300"),
        (iso.select_file(b"P\x15P1", SelectBy.PATH_FROM_MF, information=FileInformation.FCP), "00A40804045015503100"),
        (iso.select_file(b"\x50\x31", SelectBy.CHILD_DF, information=FileInformation.FMD), "00A4010802503100"),
        (iso.select_file(by=SelectBy.PARENT_DF, le=65536, cla=1), "01A40300000000"),
    ],
    iso.set_security_environment: [
        (iso.set_security_environment(ControlTemplate.SIGNATURE, [TLV(0x84, b"\x81")], SecurityUse.COMPUTATION),
         "002241B603840181"),
        (iso.set_security_environment(ControlTemplate.AUTHENTICATION, [TLV(0x80, b"\x04"), TLV(0x83, b"\x01")], BOTH),
         "0022C1A406800104830101"),
        (iso.set_security_environment(ControlTemplate.CHECKSUM, [], MESSAGES), "002231B4"),
    ],
    iso.store_security_environment: [
        (iso.store_security_environment(1), "0022F201"),
    ],
    iso.terminate_card_usage: [
        (iso.terminate_card_usage(), "00FE0000"),
    ],
    iso.terminate_df: [
        (iso.terminate_df(), "00E60000"),
        (iso.terminate_df(b"\x50\x31"), "00E60000025031"),
    ],
    iso.terminate_ef: [
        (iso.terminate_ef(), "00E80000"),
        (iso.terminate_ef(b"\x50\x31", SelectBy.CHILD_EF), "00E80200025031"),
    ],
    iso.update_binary: [
        (iso.update_binary(0x7FFF, b"\xaa\xbb"), "00D67FFF02AABB"),
        (iso.update_binary(0x12345, b"\xaa"), "00D7000008540301234553" + "01AA"),
    ],
    iso.update_data: [
        (iso.update_data(0x5E, b"\x01"), "00DE005E0101"),
        (iso.update_data([TLV(0x5E, b"\x01")]), "00DF3FFF035E0101"),
    ],
    iso.update_record: [
        (iso.update_record(3, b"\x01\x02", short_id=2), "00DC0314020102"),
        (iso.update_record(0, b"\x01", which=Occurrence.PREVIOUS), "00DC00030101"),
        (iso.update_record(3, b"\xaa", offset=2), "00DD0304065401025301AA"),
    ],
    iso.verify: [
        (iso.verify(b"1234", 0x81), "0020008104" + b"1234".hex()),
        (iso.verify(reference=1), "00200001"),
        (iso.verify(b"\x5f\x2e\x01\x01", 1, odd=True), "00210001045F2E0101"),
    ],
    iso.verify_certificate: [
        (iso.verify_certificate(b"\x7f\x4e\x00"), "002A00BE037F4E00"),
        (iso.verify_certificate(b"\x01", input_tag=0x92), "002A00920101"),
    ],
    iso.verify_cryptographic_checksum: [
        (iso.verify_cryptographic_checksum(b"\x80\x01\x01\x8e\x01\x02"), "002A00A2068001018E0102"),
    ],
    iso.verify_digital_signature: [
        (iso.verify_digital_signature(b"\x9a\x01\x01\x9e\x01\x02"), "002A00A8069A01019E0102"),
    ],
    iso.write_binary: [
        (iso.write_binary(1, b"\xaa"), "00D0000101AA"),
        (iso.write_binary(0x8000, b"\xaa"), "00D1000007540280005301AA"),
    ],
    iso.write_record: [
        (iso.write_record(3, b"\x01"), "00D203040101"),
        (iso.write_record(0, b"\x01", which=Occurrence.LAST), "00D200010101"),
        (iso.write_record(1, b"\x01", short_id=3), "00D2011C0101"),
    ],
}  # fmt: skip
CASES = [(command, apdu) for cases in ENCODINGS.values() for command, apdu in cases]


@pytest.mark.parametrize(("command", "apdu"), CASES, ids=[apdu[:20] for _, apdu in CASES])
def test_each_named_command_is_encoded_as_in_the_standard(command: Command, apdu: str) -> None:
    assert bytes(command).hex().upper() == apdu.upper()


def test_every_function_is_tested_above() -> None:
    functions = {one for one in map(vars(iso).get, iso.__all__) if inspect.isfunction(one)}
    assert functions == set(ENCODINGS)


NEEDED = {"Buffer": b"", "int": 1, "Objects": [], "ControlTemplate": 0xA4, "SecurityUse": 0x40}
"""Arguments by the first word of their annotation."""


@pytest.mark.parametrize("function", ENCODINGS, ids=lambda one: one.__name__)
def test_every_function_takes_a_class_byte(function: Callable[..., Command]) -> None:
    arguments = [
        NEEDED[str(parameter.annotation).partition(" | ")[0]]
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
    ]
    assert function(*arguments, cla=0x83).cla == 0x83


OBJECTS = [TLV(0x82), TLV(0x81, b"12")]


@pytest.mark.parametrize(
    "build",
    [
        lambda given: iso.general_authenticate(given, 0x11, 0x9C, odd=True),
        iso.get_data,
        iso.get_next_data,
        iso.put_data,
        iso.put_next_data,
        iso.update_data,
        lambda given: iso.put_data(0x7F21, given),
        lambda given: iso.put_data(0x5FC102, given),
        lambda given: iso.set_security_environment(ControlTemplate.SIGNATURE, given, SecurityUse.COMPUTATION),
        lambda given: iso.perform_security_operation(0, 0xBE, given),
        lambda given: iso.compute_digital_signature(given, input_tag=0xBC),
        lambda given: iso.compute_hash(given, input_tag=0xA0),
        iso.verify_cryptographic_checksum,
        iso.verify_digital_signature,
        iso.verify_certificate,
        iso.generate_asymmetric_key_pair,
        iso.create_file,
        lambda given: iso.envelope(given, odd=True),
    ],
)
def test_a_command_takes_data_objects_as_bytes_as_one_object_and_as_several(build: Callable[..., Command]) -> None:
    whole = encode(OBJECTS)
    expected = build(whole)
    assert whole in bytes(expected)
    assert build(bytearray(whole)) == build(OBJECTS) == build(tuple(OBJECTS)) == build(iter(OBJECTS)) == expected
    assert build(decode(whole)) == expected
    assert build(OBJECTS[1]) == build([OBJECTS[1]]) == build(bytes(OBJECTS[1]))


BYTES_ARGUMENTS = [
    (function, name)
    for function in ENCODINGS
    for name, parameter in inspect.signature(function).parameters.items()
    if {"Buffer", "Objects"} & {*str(parameter.annotation).split(" | ")} and "int" not in str(parameter.annotation)
]


@pytest.mark.parametrize(("function", "name"), BYTES_ARGUMENTS, ids=lambda one: getattr(one, "__name__", one))
def test_an_error_about_bytes_names_the_functions_own_argument(function: Callable[..., Command], name: str) -> None:
    arguments = {
        other: NEEDED[str(parameter.annotation).partition(" | ")[0]]
        for other, parameter in inspect.signature(function).parameters.items()
        if parameter.default is parameter.empty
    }
    for wrong in (None, 5, "00", [1, 2], bytes, TLV):
        with pytest.raises(TypeError, match=f"^{name}: expected a C-contiguous buffer such as bytes or bytearray"):
            function(**{**arguments, name: wrong})
    with pytest.raises(ValueError, match=f"^length of ({name}|the secret): 70000 is not allowed"):
        function(**{**arguments, name: bytes(70000)})


@pytest.mark.parametrize(
    ("by", "allowed", "words"),
    [
        (SelectBy.FILE_ID, [0, 2], "0 or 2"),
        (SelectBy.CHILD_DF, [2], "2"),
        (SelectBy.CHILD_EF, [2], "2"),
        (SelectBy.PARENT_DF, [0], "0"),
        (SelectBy.DF_NAME, [*range(17)], "0 to 16"),
        (SelectBy.PATH_FROM_MF, [*range(2, 19, 2)], "an even number"),
        (SelectBy.PATH_FROM_DF, [*range(2, 19, 2)], "an even number"),
    ],
)
@pytest.mark.parametrize(
    "build",
    [iso.select_file, iso.delete_file, iso.activate_file, iso.deactivate_file, iso.terminate_df, iso.terminate_ef],
)
def test_a_reference_to_a_file_has_the_length_of_its_kind(
    build: Callable[..., Command], by: SelectBy, allowed: list[int], words: str
) -> None:
    for length in range(19):
        if length in allowed:
            assert build(bytes(length), by).data == bytes(length)
            continue
        message = f"file: {length} bytes are not allowed with SelectBy.{by.name}; give {words}"
        with pytest.raises(ValueError, match=f"^{message}") as raised:
            build(bytes(length), by)
        assert str(raised.value).endswith("an application identifier (AID) needs SelectBy.DF_NAME") == (
            by != SelectBy.DF_NAME
        )


def test_an_aid_without_the_argument_for_names_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^file: 5 bytes are not allowed .*; .* SelectBy\.DF_NAME$"):
        iso.select_file(bytes.fromhex("A000000308"))


def test_a_number_that_is_not_in_select_by_takes_any_length() -> None:
    assert bytes(iso.select_file(b"123", 0x10)) == bytes.fromhex("00A410000331323300")  # type: ignore[arg-type]  # a card's own


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
        (lambda: iso.get_data([0x5F20, 0x1F]), "tag"),
        (lambda: iso.get_data(0x5F20, file_id=0x10000), "file_id"),
        (lambda: iso.select_data(0x7F21, 256), "index"),
        (lambda: iso.search_record(b"", 255), "number"),
        (lambda: iso.search_record(b"", 1, start=SearchFrom.NEXT_RECORD), "start"),
        (lambda: iso.search_record(b"", 1, offset=256), "offset"),
        (lambda: iso.search_record(b"", 1, after=256), "after"),
        (lambda: iso.search_record(b"", 1, offset=1, after=2), "after"),
        (lambda: iso.read_record(1, offset=-1), "offset"),
        (lambda: iso.put_data([TLV(0x53)], b"1"), "data"),
        (lambda: iso.store_security_environment(256), "p2"),
        (lambda: iso.compute_digital_signature(input_tag=256), "p2"),
        (lambda: iso.put_data(0x10000, b""), "tag"),
        (lambda: iso.put_data(-1, b""), "tag"),
        (lambda: iso.read_binary(1 << 32), "offset"),
        (lambda: iso.manage_channel(20), "channel"),
        (lambda: iso.verify(bytes(65536)), "length of the secret"),
        (lambda: iso.verify(b"1234", 256), "p2"),
    ],
)
def test_an_argument_that_is_too_large_is_refused_with_its_name(wrong: Callable[[], Command], name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: -?\w+( bytes)? (is|are) not allowed.*; give "):
        wrong()


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (iso.get_data, ["5FC102"], "tag: expected an int, or TLV objects or their bytes, got str"),
        (iso.get_data, [None], "tag: expected an int, or TLV objects or their bytes, got NoneType"),
        (iso.get_data, [["5FC102"]], "tag: expected an int, got str"),
        (iso.get_data, [[TLV(0x5C), 0x5F20]], "tag: expected TLV objects, got int among them"),
        (iso.put_data, ["5FC102"], "tag: expected an int, or TLV objects or their bytes, got str"),
        (iso.put_data, [[0x5F20]], "tag: .*, or TLV objects, got list; give bytes.tag.$"),
        (iso.set_security_environment, [0xAA, [SimpleTLV(1)], BOTH], "references: .* give iso7816.encode.references.$"),
        (iso.select_file, [TLV(0x84, b"name")], "file: .*, got TLV; give bytes.file.$"),
        (iso.update_binary, [0, [TLV(0x84)]], "data: .*, got list; give iso7816.encode.data.$"),
    ],
)
def test_an_argument_of_a_wrong_type_is_refused_with_its_name(
    function: Callable[..., Command], arguments: list[object], message: str
) -> None:
    with pytest.raises(TypeError, match=f"^{message}"):
        function(*arguments)


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


# The table in the documentation


class Row(NamedTuple):
    """A row of a table in docs/instructions.md."""

    command: str
    instructions: set[int]
    functions: list[str]
    part: str
    """The part of ISO/IEC 7816, such as 7816-4."""
    clauses: list[str]
    example: str


CLAUSES = re.compile(r"(?:(7816-[89]), )?(\d+(?:\.\d+)+(?:, \d+(?:\.\d+)+)*)")
"""The cell with the clauses: a part that is not 7816-4, and the numbers."""


def rows() -> list[Row]:
    found = []
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 5 and cells[0] != "command":
            instructions = {int(byte, 16) for byte in cells[1].split(", ")}
            functions = re.findall(r"`(\w+)`", cells[2])
            match = CLAUSES.fullmatch(cells[3])
            assert match, f"{cells[0]} has no clause number: {cells[3]}"
            found.append(
                Row(cells[0], instructions, functions, match[1] or "7816-4", match[2].split(", "), cells[4].strip("`"))
            )
    return found


def test_the_page_names_the_edition_and_a_source_of_the_clauses_of_each_part() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for part in {row.part for row in rows()}:
        entry = re.search(rf"^- \*\*ISO/IEC {part}\*\*: the edition of \d{{4}}\b(.*\n  )*.*", page, re.MULTILINE)
        assert entry, part
        assert "source" in entry[0], part


def test_the_table_in_the_documentation_has_every_function_once() -> None:
    listed = [name for row in rows() for name in row.functions]
    assert sorted(listed) == sorted(function.__name__ for function in ENCODINGS)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.command)
def test_a_row_of_the_table_has_the_instruction_bytes_of_its_functions_and_a_tested_example(row: Row) -> None:
    cases = [case for name in row.functions for case in ENCODINGS[getattr(iso, name)]]
    assert {command.ins for command, _ in cases} == row.instructions
    assert row.example.replace(" ", "") in {apdu for _, apdu in cases}
    names = {command.name for command, _ in cases}
    assert names == {row.command.replace("MUTUAL", "EXTERNAL")}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.command)
def test_a_row_of_the_table_has_the_clause_that_the_docstrings_of_its_functions_name(row: Row) -> None:
    for name in row.functions:
        function = getattr(iso, name)
        module = inspect.getmodule(function)
        assert module
        assert f"ISO/IEC {row.part}, clause " in (module.__doc__ or "")
        for clause in row.clauses:
            assert re.search(rf"\b{re.escape(clause)}(?![\d.]*\d)", function.__doc__ or ""), name


def test_a_command_of_the_standard_without_a_function_is_listed_as_left_out() -> None:
    left_out = {
        (match[1], frozenset(int(byte, 16) for byte in match[2].split(", ")))
        for match in re.finditer(r"^- ([A-Z ]+) \(([0-9A-F, ]+)\)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    }
    named: dict[str, set[int]] = {}
    for ins, name in NAMES.items():
        named.setdefault(name, set()).add(ins)
    with_function = {row.command for row in rows()}
    assert left_out == {(name, frozenset(ins)) for name, ins in named.items() if name not in with_function}


CLAUSE = re.compile(r"(7816-[489]),? clauses? ((?:\d+(?:\.\d+)*|, | and )+)")
GROUP = {"7816-4": "11", "7816-8": "5", "7816-9": "6"}
"""The clause of each part that specifies the commands."""
SOURCES = [path for folder in (Path(scardffi.__file__).parent, PAGE.parent) for path in folder.rglob("*")]


def test_all_clauses_of_commands_are_those_of_the_edition_that_the_table_names() -> None:
    known = {(row.part, clause) for row in rows() for clause in row.clauses}
    known |= {(part, clause.rpartition(".")[0]) for part, clause in known} | set(GROUP.items())
    seen = set()
    for path in SOURCES:
        if path.suffix in {".py", ".c", ".h", ".md"}:
            for match in CLAUSE.finditer(path.read_text(encoding="utf-8")):
                for clause in re.findall(r"\d[\d.]*", match[2]):
                    if clause.partition(".")[0] == GROUP[match[1]]:
                        assert (match[1], clause) in known, f"{path.name}: {match[0]}"
                        seen.add(match[1])
    assert seen == set(GROUP)
