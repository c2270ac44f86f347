"""CREATE, DELETE, ACTIVATE and DEACTIVATE FILE and changed parameters on a card with files."""

import pytest
from support.cards import AID, APPLICATION, OTHER_AID, card_with_files, select, send

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import FileInformation, SelectBy
from scardffi.virtual.file_system import DF, NEVER, FileSystemCard, RecordEF, Structure, TransparentEF


def create(parameters: str, **others: int) -> Command:
    value = bytes.fromhex(parameters)
    return iso.create_file(b"\x62" + bytes((len(value),)) + value, **others)


@pytest.mark.parametrize(
    ("parameters", "file"),
    [
        ("80020010 820101 83021234", TransparentEF(0x1234, bytes(16))),
        ("81020010 82024141 83021234 880130", TransparentEF(0x1234, bytes(16), short_id=6)),
        ("80020000 820101 83021234 8800 8A0104", TransparentEF(0x1234, active=False)),
        ("820138 83021234", DF(0x1234)),
        ("820178 83021234 8403112233 8A0107 81020400", DF(0x1234, name=b"\x11\x22\x33")),
        ("8206024100080003 83021234", RecordEF(0x1234, record_size=8, capacity=3)),
        ("82050441000803 83021234", RecordEF(0x1234, (), Structure.LINEAR_VARIABLE, record_size=8, capacity=3)),
        ("800118 820406410008 83021234", RecordEF(0x1234, (), Structure.CYCLIC, record_size=8, capacity=3)),
        (
            "80020001 820101 83021234 AB0F 8401B0 AF0A A403830101 A403830181 85021122 A5028000",
            TransparentEF(0x1234, b"\0", access={"read": [1, 0x81]}, proprietary=bytes.fromhex("85021122A5028000")),
        ),
        (
            "820138 83021234 AB17 8401E0 9700 8401CA 9000 8703DA0062 A406950108 830102",
            DF(0x1234, access={"create": NEVER, "get_data": [], "parameters": [2]}),
        ),
    ],
)
def test_a_new_file_is_the_current_one(parameters: str, file: DF | TransparentEF | RecordEF) -> None:
    card = card_with_files()
    assert send(card, APPLICATION, create(parameters)) == "9000"
    assert card.mf.files[0].files[-1] == file  # type: ignore[union-attr]  # the file is the application
    told = send(card, iso.get_data(0x62))
    assert "83021234" in told
    assert (
        send(card, select(AID, SelectBy.DF_NAME), iso.select_file(b"\x12\x34", information=FileInformation.FCP))[:-4]
        == told[:-4]
    )


def test_the_control_parameters_of_a_file_create_an_equal_one() -> None:
    card = card_with_files()
    send(card, APPLICATION)
    for file in (0x5001, 0x5002, 0x5003, 0x5004, 0x5005):
        told = card.transmit(bytes(iso.select_file(file.to_bytes(2, "big"), information=FileInformation.FCP)))[:-2]
        assert send(card, select(OTHER_AID, SelectBy.DF_NAME), iso.create_file(told)) == "9000"
        assert send(card, iso.get_data(0x62))[:-4] == told.hex().upper()
        send(card, APPLICATION)


def test_p1_and_p2_stand_for_descriptor_and_short_id() -> None:
    card = card_with_files()
    assert send(card, create("80020002 83021234", descriptor=1, short_id=9)) == "9000"
    assert card.mf.files[-1] == TransparentEF(0x1234, b"\0\0", short_id=9)
    assert send(card, "00E00001 0C 620A 80020001 820101 83021235") == "6A86"


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        ("80020010 820101", "6A80"),
        ("80020010 83021234", "6A80"),
        ("80020010 820101 830112", "6A80"),
        ("80020010 820101 83023F00", "6A80"),
        ("80020010 820101 83023FFF", "6A80"),
        ("80020010 820101 8302FFFF", "6A80"),
        ("80020010 820101 83020000", "6A80"),
        ("80020010 820103 83021234", "6A80"),
        ("80020010 820101 83021234 8A0101", "6A80"),
        ("80020010 820101 83021234 8801F8", "6A80"),
        ("80020010 820101 83021234 880109", "6A80"),
        ("80020010 820101 83021234 88020808", "6A80"),
        ("80020010 820101 83021234 840411223344", "6A80"),
        ("80020010 820101 83021234 8C020100", "6A80"),
        ("80020010 820101 83021234 83021235", "6A80"),
        ("80020010 820101 83021234 AB02 8401", "6A80"),
        ("80020010 820101 83021234 AB03 8401B0", "6A80"),
        ("80020010 820101 83021234 AB05 8401E0 9000", "6A80"),
        ("80020010 820101 83021234 AB0A 8401B0 9000 8401B0 9000", "6A80"),
        ("80020010 820101 83021234 AB05 8401B0 9800", "6A80"),
        ("80020010 820101 83021234 AB08 8401B0 A403830120", "6A80"),
        ("80020010 820101 83021234 AB05 8401B0 A400", "6A80"),
        ("80020010 820101 83021234 AB05 8401B0 AF00", "6A80"),
        ("80020010 820101 83021234 AB09 8401B0 A40483020101", "6A80"),
        ("820138 83021234 880108", "6A80"),
        ("820138 83021234 84110000000000000000000000000000000000", "6A80"),
        ("8206024100000003 83021234", "6A80"),
        ("82060241000800FF 83021234", "6A80"),
        ("8206024100080000 83021234", "6A80"),
        ("820202 83021234", "6A80"),
        ("8003010000 820101 83021234", "6A84"),
        ("80020010 820101 83025001", "6A89"),
        ("820138 83025001", "6A89"),
        ("80020010 820101 83021234 880108", "6A89"),
        ("820138 83021234 8405A000000002", "6A8A"),
    ],
)
def test_wrong_control_parameters_are_refused(parameters: str, answer: str) -> None:
    card = card_with_files()
    assert send(card, APPLICATION, create(parameters)) == answer
    assert card == card_with_files()


@pytest.mark.parametrize("data", ["01 00", "02 6201", "02 6F00", "00", "04 62006200"])
def test_a_malformed_template_creates_no_file(data: str) -> None:
    assert send(card_with_files(), f"00E00000 {data}") == "6A80"


def test_the_depth_of_directories_is_limited() -> None:
    card = card_with_files()
    answers = [send(card, create("820138 83021234")) for _ in range(16)]
    assert answers == ["9000"] * 15 + ["6A84"]


def test_files_are_created_if_the_rule_allows_it() -> None:
    card = FileSystemCard(DF(access={"create": NEVER}))
    assert send(card, create("820138 83021234")) == "6982"


# DELETE FILE


@pytest.mark.parametrize(
    ("command", "gone"),
    [
        (iso.delete_file(), 0x5005),
        (iso.delete_file(b"\x50\x01"), 0x5001),
        (iso.delete_file(b"\x51\x00"), 0x5100),
        (iso.delete_file(b"\x50\x02", SelectBy.CHILD_EF), 0x5002),
        (iso.delete_file(b"\x50\x00\x50\x03", SelectBy.PATH_FROM_MF), 0x5003),
    ],
)
def test_a_file_is_deleted(command: Command, gone: int) -> None:
    card = card_with_files()
    assert send(card, APPLICATION, select("5005"), command) == "9000"
    application = card.mf.files[0]
    assert isinstance(application, DF)
    assert sorted({0x5001, 0x5002, 0x5003, 0x5004, 0x5005, 0x5100} - {gone}) == [
        one.file_id for one in application.files
    ]
    assert send(card, iso.read_binary(0, 1)) == ("6986" if gone == 0x5005 else "0F9000")


def test_deleting_the_current_df_selects_its_parent() -> None:
    card = card_with_files()
    assert send(card, APPLICATION, select("5100"), iso.delete_file(), select("5100")) == "6A82"
    assert send(card, select("5001"), select(""), iso.delete_file(AID, SelectBy.DF_NAME)) == "9000"
    assert send(card, APPLICATION) == "6A82"


@pytest.mark.parametrize("ins", ["E4", "44", "04"])
def test_the_mf_cannot_be_deleted_and_wrong_parameters_are_refused(ins: str) -> None:
    card = card_with_files()
    assert send(card, f"00{ins}0000") == "6985"
    assert send(card, f"00{ins}0000 02 3F00") == "6985"
    assert send(card, f"00{ins}0001") == "6A86"
    assert send(card, f"00{ins}0500 02 5000") == "6A86"
    assert send(card, f"00{ins}0000 02 1234") == "6A82"
    assert card == card_with_files()


@pytest.mark.parametrize(("ins", "operation"), [("E4", "delete"), ("44", "activate"), ("04", "deactivate")])
def test_each_operation_has_its_access_rule(ins: str, operation: str) -> None:
    card = FileSystemCard(DF(files=[TransparentEF(1, access={operation: NEVER}), DF(2, access={operation: []})]))
    assert send(card, f"00{ins}0000 02 0001") == "6982"
    assert send(card, f"00{ins}0000 02 0002") == "9000"


# ACTIVATE and DEACTIVATE FILE


def test_a_deactivated_file_is_selected_with_a_warning_and_cannot_be_used() -> None:
    card = card_with_files()
    send(card, APPLICATION, select("5005"))
    active = send(card, iso.get_data(0x62))
    assert send(card, iso.deactivate_file()) == "9000"
    told = active.replace("8A01059000", "8A01046283")
    assert told != active
    assert send(card, iso.select_file(b"\x50\x05", information=FileInformation.FCP)) == told
    assert send(card, select("5005")) == "6283"
    for command in ("00B0000001", "00D600000101", "00D000000101", "000E0000", "00040000", "00DA00620388 01 50"):
        assert send(card, command) == "6985"
    assert send(card, iso.activate_file(), "00B0000001") == "0F9000"


def test_files_in_a_deactivated_df_cannot_be_used() -> None:
    card = card_with_files()
    assert send(card, APPLICATION, iso.deactivate_file()) == "9000"
    assert send(card, "00B0850001") == "6985"
    assert send(card, iso.get_data(0x5F50)) == "6985"
    assert send(card, create("820138 83021234")) == "6985"
    assert send(card, iso.deactivate_file(b"\x51\x00")) == "6985"
    assert send(card, select(""), iso.activate_file(b"\x50\x00"), APPLICATION) == "9000"
    assert send(card, "00B0850001") == "0F9000"


def test_a_deactivated_file_can_be_deleted() -> None:
    card = card_with_files()
    assert send(card, APPLICATION, select("5005"), iso.deactivate_file(), iso.delete_file()) == "9000"


# Changed parameters


def test_parameters_of_an_ef_are_changed() -> None:
    card = card_with_files()
    send(card, APPLICATION, select("5005"))
    assert send(card, iso.put_data(0x62, bytes.fromhex("880138 85021122"))) == "9000"
    assert "880138" in send(card, iso.get_data(0x62))
    assert send(card, iso.get_data(0x62)).endswith("850211229000")
    assert send(card, "00B0870001") == "0F9000"
    assert send(card, iso.put_data(0x62, bytes.fromhex("6206 A5028000 8800"))) == "9000"
    assert send(card, iso.get_data(0x62)).endswith("88008A010585021122A50280009000")
    assert send(card, iso.put_data(0x62, bytes.fromhex("8500"))) == "9000"
    assert send(card, iso.get_data(0x62)).endswith("A502800085009000")


def test_the_name_of_a_df_is_changed() -> None:
    card = card_with_files()
    send(card, APPLICATION)
    assert send(card, iso.put_data(0x62, bytes.fromhex("8403112233"))) == "9000"
    assert send(card, APPLICATION) == "6A82"
    assert send(card, select("112233", SelectBy.DF_NAME)) == "9000"
    assert send(card, iso.put_data(0x62, bytes.fromhex("8405A000000002"))) == "6A8A"
    assert send(card, iso.put_data(0x62, bytes.fromhex("8403112233"))) == "9000", "a DF may keep its name"


@pytest.mark.parametrize(
    ("file", "data", "answer"),
    [
        ("5005", "80020010", "6A80"),
        ("5005", "83021234", "6A80"),
        ("5005", "8A0104", "6A80"),
        ("5005", "AB00", "6A80"),
        ("5005", "8403112233", "6A80"),
        ("5000", "880138", "6A80"),
        ("5000", "841100112233445566778899AABBCCDDEEFF00", "6A80"),
        ("5005", "880108", "6A89"),
        ("5005", "8801F8", "6A80"),
        ("5005", "880138 880140", "6A80"),
        ("5005", "8801", "6A80"),
        ("5005", "6203880138 6200", "6A80"),
        ("5005", "85021122 880108", "6A89"),
    ],
)
def test_other_parameters_are_not_changed(file: str, data: str, answer: str) -> None:
    card = card_with_files()
    assert send(card, APPLICATION, select(file), iso.put_data(0x62, bytes.fromhex(data))) == answer
    assert card == card_with_files()


def test_changing_parameters_has_an_access_rule() -> None:
    card = FileSystemCard(DF(access={"parameters": NEVER}))
    assert send(card, iso.put_data(0x62, bytes.fromhex("8403112233"))) == "6982"
    assert send(card, "00DA0062") == "6982"
    assert send(FileSystemCard(DF()), "00DA0062") == "6700"
