"""File control parameters by name: of real cards, from programs, and of hostile cards."""

import random

import pytest

from scardffi.iso7816.malformed import MalformedError
from scardffi.iso7816.tlv import TLV
from scardffi.services.file_properties import FileKind, FileProperties, LifeCycle

UICC_EF = bytes.fromhex("621F 8205 42210026 05 8302 6F3A A503 C00100 8A01 05 8B03 6F0604 8002 00BE 8801 08")
UICC_ADF = bytes.fromhex("6F1A 8202 7821 8302 7FFF 8407 A0000000871002 8A01 05 8104 00001000")


def test_the_properties_of_a_file_of_records_are_parsed() -> None:
    properties = FileProperties.decode(UICC_EF)
    assert properties.kind == FileKind.LINEAR_FIXED
    assert (properties.file_id, properties.size, properties.short_id) == (0x6F3A, 190, 1)
    assert (properties.record_size, properties.record_count, properties.data_coding) == (38, 5, 0x21)
    assert properties.shareable
    assert properties.life_cycle == LifeCycle.ACTIVATED
    assert properties.security == (TLV(0x8B, bytes.fromhex("6F0604")),)
    assert properties.proprietary == (TLV(0xA5, bytes.fromhex("C00100")),)
    assert properties.raw == UICC_EF


def test_the_properties_of_an_application_are_parsed() -> None:
    properties = FileProperties.decode(UICC_ADF)
    assert properties.kind == FileKind.DF
    assert (properties.name, properties.total_size) == (bytes.fromhex("A0000000871002"), 0x1000)
    assert properties.short_id is None


def test_file_control_information_holds_parameters_and_a_label() -> None:
    raw = bytes.fromhex("6F15 6209 8201 01 8002 0010 8A00 A506 5004 56495341 8500")
    properties = FileProperties.decode(raw, lenient=True)
    assert (properties.kind, properties.size, properties.label) == (FileKind.TRANSPARENT, 16, "VISA")
    assert properties.life_cycle is None


@pytest.mark.parametrize(
    ("byte", "kind"),
    [
        (0x01, FileKind.TRANSPARENT),
        (0x41, FileKind.TRANSPARENT),
        (0x09, FileKind.TRANSPARENT),
        (0x02, FileKind.LINEAR_FIXED),
        (0x03, FileKind.LINEAR_FIXED),
        (0x05, FileKind.LINEAR_VARIABLE),
        (0x06, FileKind.CYCLIC),
        (0x07, FileKind.CYCLIC),
        (0x38, FileKind.DF),
        (0x78, FileKind.DF),
        (0x39, FileKind.DATA_OBJECTS),
        (0x3A, FileKind.DATA_OBJECTS),
        (0x3B, None),
        (0x00, None),
        (0x81, None),
    ],
)
def test_the_file_descriptor_byte_gives_kind_and_structure(byte: int, kind: FileKind | None) -> None:
    assert FileProperties.decode(bytes((0x62, 3, 0x82, 1, byte))).kind == kind


@pytest.mark.parametrize(
    ("byte", "state", "active"),
    [
        (0x00, None, True),
        (0x01, LifeCycle.CREATION, True),
        (0x04, LifeCycle.DEACTIVATED, False),
        (0x06, LifeCycle.DEACTIVATED, False),
        (0x07, LifeCycle.ACTIVATED, True),
        (0x0D, LifeCycle.TERMINATED, False),
        (0x80, 0x80, True),
    ],
)
def test_the_life_cycle_byte_gives_the_state(byte: int, state: int | None, active: bool) -> None:
    properties = FileProperties.decode(bytes((0x62, 3, 0x8A, 1, byte)))
    assert properties.life_cycle == state
    assert properties.is_active == active


def test_short_identifiers_of_a_directorys_files_are_parsed() -> None:
    pairs = bytes.fromhex("880108 51022F00 8801F0 51063F0050005001")
    assert FileProperties.decode(bytes(TLV(0x6F, bytes(TLV(0xA2, pairs))))).short_ids == {1: 0x2F00, 30: 0x5001}
    cut_off = bytes(TLV(0x6F, bytes(TLV(0xA2, pairs[:-1]))))
    assert FileProperties.decode(cut_off, lenient=True).short_ids == {1: 0x2F00}
    with pytest.raises(MalformedError):
        FileProperties.decode(cut_off)


@pytest.mark.parametrize(
    "properties",
    [
        FileProperties(kind=FileKind.TRANSPARENT, file_id=0x5001, size=300, short_id=4, data_coding=0x41),
        FileProperties(kind=FileKind.DF, file_id=0x5000, name=b"\xa0\0\0\0\1", total_size=70000, shareable=True),
        FileProperties(kind=FileKind.CYCLIC, file_id=1, record_size=3, record_count=7, life_cycle=LifeCycle.CREATION),
        FileProperties(kind=FileKind.LINEAR_VARIABLE, file_id=1, record_size=300, record_count=300, data_coding=1),
        FileProperties(security=(TLV(0x8C, b"\1\0"),), proprietary=(TLV(0x85, b"x"),), objects=(TLV(0x87, b"\x2f\1"),)),
    ],
)
def test_encoded_properties_are_parsed_to_the_same_properties(properties: FileProperties) -> None:
    read = FileProperties.decode(properties.encode())
    for name in ("kind", "file_id", "name", "size", "total_size", "short_id", "life_cycle", "record_size"):
        assert getattr(read, name) == getattr(properties, name), name
    for name in ("record_count", "security", "proprietary", "objects"):
        assert getattr(read, name) == getattr(properties, name), name
    assert bool(read.shareable) == bool(properties.shareable)


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (FileProperties(size=-1), "size: -1 is not allowed"),
        (FileProperties(file_id=0x10000), "file_id: 65536 is not allowed; give 0 to 65535"),
        (FileProperties(name=bytes(17)), "length of name: 17 is not allowed; give 1 to 16"),
        (FileProperties(short_id=31), "short_id: 31 is not allowed; give 1 to 30"),
        (FileProperties(life_cycle=256), "life_cycle: 256 is not allowed"),
        (FileProperties(record_size=3), "kind: None is not allowed"),
        (FileProperties(kind=FileKind.DF, record_size=3), "not allowed for a DF file, which has no records"),
        (FileProperties(kind=FileKind.CYCLIC, record_size=0), "record_size: 0 is not allowed; give 1 to 65535"),
        (FileProperties(kind=FileKind.CYCLIC, record_count=3), "record_count: it is not allowed without record_size"),
        (FileProperties(kind=FileKind.CYCLIC, data_coding=256), "data_coding: 256 is not allowed"),
        (FileProperties(label="x"), "label: "),
    ],
)
def test_properties_that_cannot_be_encoded_are_named(properties: FileProperties, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        properties.encode()


@pytest.mark.parametrize(
    ("raw", "offset"),
    [("62048301", 4), ("62038301 50", 4), ("6203820100 80", 6), ("7000", 0), ("6202 8A00", 4), ("6204 A502 5005", 6)],
)
def test_a_wrong_parameter_raises_if_strict_and_is_kept_if_lenient(raw: str, offset: int) -> None:
    with pytest.raises(MalformedError):
        FileProperties.decode(bytes.fromhex(raw))
    properties = FileProperties.decode(bytes.fromhex(raw), lenient=True)
    assert len(properties.problems) == 1
    assert properties.raw == bytes.fromhex(raw)
    assert properties.problems[0].offset <= offset


def test_the_other_parameters_of_a_malformed_answer_are_parsed() -> None:
    properties = FileProperties.decode(bytes.fromhex("620A 8301 50 8002 0010 8801 08"), lenient=True)
    assert (properties.file_id, properties.size, properties.short_id) == (None, 16, 1)


def test_hostile_answers_are_parsed_if_lenient_and_raise_malformed_error_if_strict() -> None:
    chance = random.Random(62)
    for _ in range(8000):
        raw = bytearray(chance.choice((UICC_EF, UICC_ADF)))
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        cut = raw[: chance.choice((99, 99, chance.randrange(len(raw))))]
        lenient = FileProperties.decode(cut, lenient=True)
        assert isinstance(lenient.short_ids, dict)
        try:
            strict = FileProperties.decode(cut)
        except MalformedError:
            assert lenient.problems
        else:
            assert strict == lenient
