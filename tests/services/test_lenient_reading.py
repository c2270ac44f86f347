"""Services read what a card says leniently: each reader of card data with each damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cards import ScriptedCard
from support.damages import BER, COMPACT, ONE_BYTE, Reader, ber, check
from support.reports import report

from scardffi.iso7816.malformed import MalformedError
from scardffi.services.card_capabilities import CardCapabilities
from scardffi.services.file_access import FileAccess
from scardffi.services.file_directory import applications
from scardffi.services.file_properties import FileProperties
from scardffi.services.pin_pad import GET_FEATURE_REQUEST, PinPad
from scardffi.services.pin_structures import PinProperties, decode_features, decode_properties
from scardffi.virtual.file_system import DF, FileSystemCard, RecordEF, Structure, TransparentEF

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Buffer

    Read = tuple[Mapping[str, object], list[MalformedError]]

PARAMETERS = {
    "size": (0x80, b"\x01\x10"),
    "kind": (0x82, b"\x01\x41"),
    "file_id": (0x83, b"\x50\x01"),
    "life_cycle": (0x8A, b"\x05"),
    "security": (0x8C, b"\x03\x10\x20"),
    "short_id": (0x88, b"\x08"),
}
APPLICATION = {
    "name": (0x4F, bytes.fromhex("A0000000031010")),
    "label": (0x50, b"Debit"),
    "path": (0x51, bytes.fromhex("3F005015")),
}
ENTRIES = {
    name: (0x61, ber(0x4F, bytes.fromhex(name)) + ber(0x50, label))
    for name, label in (("A000000101", b"One"), ("A0000002020202", b"Number 2"), ("A00000030303", b"3rd"))
}
CAPABILITIES = {
    "limits": (0x7F66, bytes.fromhex("0202 0400 0202 0801")),
    "services": (0x43, b"\xb8"),
    "table": (0x47, bytes.fromhex("9441D1")),
}
COMPACT_CAPABILITIES = {"services": (0x43, b"\xb8"), "issuer": (0x42, b"\x11\x22"), "table": (0x47, b"\x94\x41\xd1")}
FEATURES = {f"{number}": (number, bytes.fromhex(f"42000D{number:02X}")) for number in (6, 7, 10, 18)}
PROPERTIES = {
    "6": (6, b"\x04"), "7": (7, b"\x0c"), "8": (8, b"1.05"), "10": (10, b"\0\0\1\0"), "11": (11, b"\x4b\x07")
}  # fmt: skip


def properties_read(properties: FileProperties) -> Read:
    read = {name: getattr(properties, name) for name in PARAMETERS}
    return {**read, "security": properties.security[:1]}, properties.problems


def read_properties(raw: bytes, lenient: bool) -> Read:
    return properties_read(FileProperties.decode(raw, lenient=lenient))


def read_selected(raw: bytes, lenient: bool) -> Read:
    card = ScriptedCard(raw.hex() + "9000", raw.hex() + "9000", "9000")
    return properties_read(FileAccess(card, lenient=lenient).properties(0x5001))


def read_label(raw: bytes, lenient: bool) -> Read:
    properties = FileProperties.decode(raw, lenient=lenient)
    return {"size": properties.size, "label": properties.label, "name": properties.name}, properties.problems


def read_entries(raw: bytes, lenient: bool) -> Read:
    found = applications([raw], lenient=lenient)
    problems = [*found.problems, *(problem for entry in found for problem in entry.problems)]
    return {entry.name.hex().upper(): entry.label for entry in found if entry.name}, problems


def read_entry(raw: bytes, lenient: bool) -> Read:
    found = applications([raw], lenient=lenient)
    problems = [*found.problems, *(problem for entry in found for problem in entry.problems)]
    read = {"name": found[0].name, "label": found[0].label, "path": found[0].file_id} if found else {}
    return read, problems


def read_directory(raw: bytes, lenient: bool) -> Read:
    files = FileAccess(FileSystemCard(DF(files=[TransparentEF(0x2F00, raw)])), lenient=lenient)
    found = files.directory()
    problems = [*found.problems, *(problem for entry in found for problem in entry.problems)]
    return {entry.name.hex().upper(): entry.label for entry in found if entry.name}, problems


def read_record(raw: bytes, lenient: bool) -> Read:
    """Read a damaged record between two others, which must be read."""
    records = [ber(0x61, ber(0x4F, bytes.fromhex(name))) for name in ("A0000009", "A0000008")]
    rows = RecordEF(0x2F00, [records[0], raw, records[1]], Structure.LINEAR_VARIABLE, capacity=3)
    found = FileAccess(FileSystemCard(DF(files=[rows])), lenient=lenient).directory()
    names = [entry.name.hex().upper() for entry in found if entry.name]
    assert names[0] == "A0000009"
    assert names[-1] == "A0000008"
    problems = [*found.problems, *(problem for entry in found for problem in entry.problems)]
    return {entry.name.hex().upper(): entry.label for entry in found[1:-1] if entry.name}, problems


def capabilities_read(capabilities: CardCapabilities) -> Read:
    read = {
        "services": (capabilities.select_by_name, capabilities.has_mf) if capabilities.has_mf is not None else None,
        "table": (capabilities.chaining, capabilities.write_behaviour, capabilities.channels),
        "limits": (capabilities.command_limit, capabilities.response_limit),
        "issuer": 0,
    }
    return read, capabilities.problems


def read_ef_atr(raw: bytes, lenient: bool) -> Read:
    return capabilities_read(CardCapabilities.of(b"", raw, lenient=lenient))


def read_capabilities(raw: bytes, lenient: bool) -> Read:
    card = FileSystemCard(DF(files=[TransparentEF(0x2F01, raw)]), atr=bytes.fromhex("3B00"))
    return capabilities_read(FileAccess(card, lenient=lenient).capabilities())


def read_information(raw: bytes, lenient: bool) -> Read:
    """Read the capabilities in the control information of a file."""
    properties = FileProperties.decode(raw, lenient=lenient)
    capabilities = CardCapabilities.of(b"", information=properties.objects, lenient=lenient)
    read, problems = capabilities_read(capabilities)
    return read, [*properties.problems, *problems]


def read_historical_bytes(raw: bytes, lenient: bool) -> Read:
    return capabilities_read(CardCapabilities.of(atr_with(raw), lenient=lenient))


def atr_with(raw: bytes) -> bytes:
    return bytes((0x3B, len(raw) + 1, 0x80)) + raw


def read_features(raw: bytes, lenient: bool) -> Read:
    found = decode_features(raw, lenient=lenient)
    return {str(int(tag)): code for tag, code in found.items()}, found.problems


class Pad:
    """A reader that answers control codes: one for its features, and all others."""

    def __init__(self, features: bytes, answer: bytes = b"") -> None:
        self.features = features
        self.answer = answer

    def control(self, code: int, data: Buffer = b"") -> bytes:
        """Return the answer."""
        del data
        return self.features if code == GET_FEATURE_REQUEST else self.answer


def read_pad_features(raw: bytes, lenient: bool) -> Read:
    found = PinPad(Pad(raw), lenient=lenient).features
    return {str(int(tag)): code for tag, code in found.items()}, found.problems


def read_reader_properties(raw: bytes, lenient: bool) -> Read:
    found = decode_properties(raw, lenient=lenient)
    return {str(int(tag)): value for tag, value in found.items()}, found.problems


def read_pad_properties(raw: bytes, lenient: bool) -> Read:
    found = PinPad(Pad(bytes.fromhex("120442000001"), raw), lenient=lenient).tlv_properties()
    return {str(int(tag)): value for tag, value in found.items()}, found.problems


LABELLED = {"size": (0x80, b"\x01\x10"), "label": (0xA5, ber(0x50, b"Debit")), "name": (0x84, b"\xa0\0\0\0\3")}

READERS = {
    "FileProperties.decode of a template 62": Reader(BER, PARAMETERS, read_properties, 0x62, resumes=True),
    "FileProperties.decode of a template 6F": Reader(BER, PARAMETERS, read_properties, 0x6F, resumes=True),
    "FileProperties.decode of a label": Reader(BER, LABELLED, read_label, 0x6F, resumes=True),
    "FileAccess.properties": Reader(BER, PARAMETERS, read_selected, 0x62, resumes=True),
    "applications": Reader(BER, ENTRIES, read_entries, resumes=True),
    "an entry of applications": Reader(BER, APPLICATION, read_entry, 0x61, resumes=True),
    "FileAccess.directory with EF.DIR of bytes": Reader(BER, ENTRIES, read_directory, resumes=True),
    "FileAccess.directory with EF.DIR of records": Reader(BER, ENTRIES, read_record, resumes=True),
    "CardCapabilities.of EF.ATR": Reader(BER, CAPABILITIES, read_ef_atr, resumes=True),
    "CardCapabilities.of control information": Reader(BER, CAPABILITIES, read_information, 0x6F),
    "FileAccess.capabilities": Reader(BER, CAPABILITIES, read_capabilities, resumes=True),
    "CardCapabilities.of historical bytes": Reader(COMPACT, COMPACT_CAPABILITIES, read_historical_bytes),
    "decode_features": Reader(ONE_BYTE, FEATURES, read_features, resumes=True),
    "PinPad.features": Reader(ONE_BYTE, FEATURES, read_pad_features, resumes=True),
    "decode_properties": Reader(ONE_BYTE, PROPERTIES, read_reader_properties, resumes=True),
    "PinPad.tlv_properties": Reader(ONE_BYTE, PROPERTIES, read_pad_properties, resumes=True),
}


@pytest.mark.parametrize("name", READERS)
def test_undamaged_neighbours_of_a_damaged_object_are_read(name: str) -> None:
    cases, neighbours = check(READERS[name])
    report(f"lenient reading by {name}: {cases} damages, {neighbours} undamaged objects read")


# Any bytes

BYTES = st.binary(max_size=60) | st.lists(
    st.sampled_from(b"\0\xff\x80\x82\x83\x8a\x61\x62\x6f\xa5\xa2\x88\x51\x4f\x43\x47\x7f\x66\1\2\5\6\7"), max_size=60
).map(bytes)


@pytest.mark.parametrize(
    "name", ["template 62", "label", "entries", "entry", "EF.ATR", "information", "features", "pad"]
)
def test_any_bytes_are_read_leniently_and_equal_what_strict_reading_accepts(name: str) -> None:
    read = {
        "template 62": read_properties,
        "label": read_label,
        "entries": read_entries,
        "entry": read_entry,
        "EF.ATR": read_ef_atr,
        "information": read_information,
        "features": read_features,
        "pad": read_reader_properties,
    }[name]

    @given(BYTES)
    def check_bytes(raw: bytes) -> None:
        found, problems = read(raw, True)
        assert all(0 <= one.offset <= len(raw) for one in problems)
        try:
            strict, _ = read(raw, False)
        except MalformedError:
            return
        if name not in {"features", "pad"} or not {0, 0xFF} & set(
            raw
        ):  # strict reading takes these for tags of readers
            assert (found, problems) == (strict, [])

    check_bytes()


# Single damages


def test_short_identifiers_are_read_in_pairs() -> None:
    def short_ids(text: str) -> dict[int, int]:
        return FileProperties.decode(ber(0x6F, ber(0xA2, bytes.fromhex(text))), lenient=True).short_ids

    assert short_ids("880108 51022F00 00FF 8801F0 FF 51045000 5001") == {1: 0x2F00, 30: 0x5001}
    assert short_ids("880108 8801F0 510450005001") == {30: 0x5001}
    assert short_ids("880108 5101 2F 8800 510450005001 880110 51025002") == {2: 0x5002}
    assert short_ids("880108 DF8182830402 2F00 880110 51025002") == {2: 0x5002}


def test_the_first_of_several_values_is_used_and_the_others_are_told() -> None:
    properties = FileProperties.decode(bytes.fromhex("6F10 8002 0010 8002 0010 8302 5001 8302 5002"), lenient=True)
    assert (properties.size, properties.file_id) == (16, 0x5001)
    assert [str(one) for one in properties.problems] == ["byte 16: tag 83 is repeated with another value"]


def test_an_application_without_a_readable_name_is_referred_to_by_its_path() -> None:
    (entry,) = applications([bytes.fromhex("6114 4F1101 5003 414243 5104 3F00 5015 5003 444546")])
    assert (str(entry.reference), entry.file_id, entry.name) == ("3F00/5015", 0x5015, None)
    assert entry.problems


def test_one_limit_is_used_if_the_other_is_damaged() -> None:
    capabilities = CardCapabilities.of(b"", bytes.fromhex("7F66 08 0202 0400 0203 0801"))
    assert (capabilities.command_limit, capabilities.response_limit) == (0x400, None)
    capabilities = CardCapabilities.of(b"", bytes.fromhex("7F66 08 0280 0400 0202 0801"))
    assert (capabilities.command_limit, capabilities.response_limit) == (None, None)


def test_the_problems_of_capabilities_name_their_source() -> None:
    capabilities = CardCapabilities.of(bytes.fromhex("3B04803141 73"), [b"\x43\1\xb8\x47\4", b"\x47\2\0\1"])
    assert [str(one) for one in capabilities.problems] == [
        "byte 6: historical bytes: the historical bytes end after 0 of 3 bytes of the object 7",
        "byte 5: EF.ATR/INFO: the bytes end after 0 of 4 bytes of the value of tag 47",
    ]
    assert (capabilities.has_mf, capabilities.data_unit) == (True, 1)


def test_pin_properties_that_are_too_long_are_read() -> None:
    properties = PinPad(Pad(bytes.fromhex("0A0442000001"), b"\x10\2\7\1\0\0")).properties()
    assert properties == PinProperties(0x0210, 7, 1)
    assert [str(one) for one in properties.problems] == ["byte 6: PIN_PROPERTIES has 6 bytes; 4 are allowed"]
    with pytest.raises(MalformedError):
        PinPad(Pad(bytes.fromhex("0A0442000001"), b"\x10\2\7")).properties()


def test_a_binary_answer_with_bytes_after_its_object_is_read() -> None:
    content = bytes(range(1, 9))
    far = ber(0x53, content) + b"\x85"
    card = ScriptedCard("620682010180020000" + "9000", far.hex() + "9000", atr="3B00")
    with FileAccess(card).open(0x5001) as file:
        file.seek(0x8000)
        assert file.read(8) == content


def test_a_service_that_reads_strictly_reads_the_next_file() -> None:
    root = "620382013F9000"
    card = ScriptedCard("6203830250 9000", root, "620483025002 9000", root, atr="3B00")
    files = FileAccess(card, lenient=False)
    with pytest.raises(MalformedError):
        files.properties(0x5001)
    assert files.properties(0x5002).file_id == 0x5002
