"""SELECT on a card with files: every way to name a file, and the data that it returns."""

import pytest
from support.cards import AID, APPLICATION, OTHER_AID, card_with_files, select, send

from scardffi.iso7816 import instructions as iso
from scardffi.iso7816.command import Command
from scardffi.iso7816.instructions import FileInformation, Occurrence, SelectBy
from scardffi.iso7816.response import Response
from scardffi.iso7816.tlv import TLV, decode
from scardffi.virtual.file_system import DF, FileSystemCard, TransparentEF


def file_id(card: FileSystemCard) -> str:
    """Return the identifier of the current file from the card."""
    told = decode(Response(card.transmit(bytes(iso.get_data(0x62)))).data).find("62/83")
    assert told is not None
    return told.value.hex().upper()


@pytest.mark.parametrize(
    ("begin", "file", "by", "found"),
    [
        ("", "", SelectBy.FILE_ID, "3F00"),
        ("5100", "3F00", SelectBy.FILE_ID, "3F00"),
        ("", "5001", SelectBy.FILE_ID, "5001"),
        ("", "5100", SelectBy.FILE_ID, "5100"),
        ("", "5000", SelectBy.FILE_ID, "5000"),
        ("", "6000", SelectBy.FILE_ID, "6000"),
        ("", "2F05", SelectBy.FILE_ID, "2F05"),
        ("5100", "5000", SelectBy.FILE_ID, "5000"),
        ("5100", "5001", SelectBy.FILE_ID, "5001"),
        ("", "5100", SelectBy.CHILD_DF, "5100"),
        ("", "5005", SelectBy.CHILD_EF, "5005"),
        ("", "", SelectBy.PARENT_DF, "3F00"),
        ("5100", "", SelectBy.PARENT_DF, "5000"),
        ("", "50005100", SelectBy.PATH_FROM_MF, "5100"),
        ("", "500051005101", SelectBy.PATH_FROM_MF, "5101"),
        ("", "2F05", SelectBy.PATH_FROM_MF, "2F05"),
        ("", "51005101", SelectBy.PATH_FROM_DF, "5101"),
        ("", "A000000002", SelectBy.DF_NAME, "6000"),
        ("", "A0", SelectBy.DF_NAME, "5000"),
    ],
)
def test_a_file_is_selected_in_every_way(begin: str, file: str, by: SelectBy, found: str) -> None:
    card = card_with_files()
    send(card, APPLICATION)
    if begin:
        assert send(card, select(begin)) == "9000"
    assert send(card, select(file, by)) == "9000"
    assert file_id(card) == found


@pytest.mark.parametrize(
    ("file", "by", "answer"),
    [
        ("5101", SelectBy.FILE_ID, "6A82"),
        ("6001", SelectBy.FILE_ID, "6A82"),
        ("0000", SelectBy.FILE_ID, "6A82"),
        ("50", SelectBy.FILE_ID, "6A87"),
        ("500150", SelectBy.FILE_ID, "6A87"),
        ("5001", SelectBy.CHILD_DF, "6A82"),
        ("5100", SelectBy.CHILD_EF, "6A82"),
        ("", SelectBy.CHILD_EF, "6A87"),
        ("5000", SelectBy.PARENT_DF, "6A87"),
        ("A000000003", SelectBy.DF_NAME, "6A82"),
        ("500151", SelectBy.PATH_FROM_MF, "6A87"),
        ("", SelectBy.PATH_FROM_MF, "6A87"),
        ("50015001", SelectBy.PATH_FROM_MF, "6A82"),
        ("5000", SelectBy.PATH_FROM_DF, "6A82"),
        ("50015101", SelectBy.PATH_FROM_DF, "6A82"),
    ],
)
def test_a_failed_select_keeps_the_current_file(file: str, by: SelectBy, answer: str) -> None:
    card = card_with_files()
    send(card, APPLICATION, iso.verify(b"1234", 0x81), select("5001"))
    assert send(card, Command(0, 0xA4, by, 0x0C, bytes.fromhex(file))) == answer  # select_file() refuses some
    assert send(card, iso.read_binary(0, 2)) == "00019000"


def test_the_mf_has_no_parent() -> None:
    assert send(card_with_files(), select("", SelectBy.PARENT_DF)) == "6A82"


@pytest.mark.parametrize(
    "command", ["00A4050C00", "00A40A0C025000", "00A4001C025000", "00A4008C025000", "00A4000D025000"]
)
def test_undefined_parameters_are_refused(command: str) -> None:
    assert send(card_with_files(), command) == "6A86"


def test_applications_are_selected_in_both_directions() -> None:
    card = card_with_files()

    def found(which: Occurrence) -> str:
        sw = send(card, iso.select_file(b"\xa0", SelectBy.DF_NAME, occurrence=which, information=FileInformation.NONE))
        return file_id(card) if sw == "9000" else sw

    wanted = [Occurrence.NEXT, Occurrence.NEXT, Occurrence.NEXT, Occurrence.PREVIOUS, Occurrence.PREVIOUS]
    assert [found(which) for which in wanted] == ["5000", "6000", "6A82", "5000", "6A82"]
    assert found(Occurrence.LAST) == "6000"
    assert found(Occurrence.FIRST) == "5000"


def test_select_ends_verifications_of_the_df_that_it_leaves() -> None:
    card = card_with_files()
    assert send(card, APPLICATION, iso.verify(b"1234", 0x81), select("5100"), iso.verify(b"", 0x81)) == "9000"
    assert send(card, select(""), APPLICATION, iso.verify(b"", 0x81)) == "63C3"
    assert send(card, iso.verify(b"0000", 1), select(OTHER_AID, SelectBy.DF_NAME), iso.verify(b"", 1)) == "9000"


# The data of SELECT


def told(card: FileSystemCard, file: str, information: FileInformation = FileInformation.FCP) -> TLV:
    response = Response(card.transmit(bytes(iso.select_file(bytes.fromhex(file), information=information))))
    assert response.sw == 0x9000
    (template,) = decode(response.data)
    return template


SHORT_IDS = """
    A237 880108 51063F0050005001 880110 51063F0050005002 880118 51063F0050005003 880120 51063F0050005004
    880128 51063F0050005005"""


@pytest.mark.parametrize(
    ("file", "parameters"),
    [
        ("5001", "80020010 82020141 83025001 880108 8A0105 AB15 8401B0 A403830181 8401D6 A403830103 84010E 9700"),
        ("5002", "8002000C 82050241000403 83025002 880110 8A0105"),
        ("5003", "80020008 82050641000402 83025003 880118 8A0105"),
        ("5004", "80020010 82050441000404 83025004 880120 8A0105"),
        ("5100", "82023841 83025100 8A0105"),
        ("6000", "82023841 83026000 8405A000000002 8A0105"),
        ("2F05", "8002A000 82020141 83022F05 8800 8A0105"),
        ("5000", f"82023841 83025000 8405A000000001 {SHORT_IDS} 8A0105"),
    ],
)
def test_select_returns_the_file_control_parameters(file: str, parameters: str) -> None:
    card = card_with_files()
    send(card, APPLICATION)
    fcp, fci = told(card, file), told(card, file, FileInformation.FCI)
    assert (fcp.tag, fci.tag) == (0x62, 0x6F)
    assert fcp.value.hex() == fci.value.hex() == bytes.fromhex(parameters).hex()
    assert told(card, file, FileInformation.FMD) == TLV(0x64)


def test_access_rules_are_encoded() -> None:
    access = {"create": [1, 0x81], "get_data": [], "put_data": None, "parameters": [2]}
    told_rules = told(FileSystemCard(DF(access=access)), "").find("AB")
    assert told_rules is not None
    assert told_rules.value == bytes.fromhex(
        "8401E0 AF0A A403830101 A403830181  8401CA 9000  8401DA 9700  8703DA0062 A403830102"
    )


def test_proprietary_parameters_are_returned() -> None:
    card = FileSystemCard(DF(files=[TransparentEF(1, proprietary=bytes.fromhex("85021122A503800101"))]))
    assert told(card, "0001").value.hex().endswith("85021122a503800101")


def test_a_select_without_le_returns_no_data() -> None:
    assert send(card_with_files(), "00A4000C022F0500") == "9000"
    assert send(card_with_files(), "00A40000022F05") == "9000", "without Le there are no data"


def test_get_data_returns_the_parameters_of_the_current_file() -> None:
    card = card_with_files()
    for tag, information in [(0x62, FileInformation.FCP), (0x64, FileInformation.FMD), (0x6F, FileInformation.FCI)]:
        for file in ("3F00", "2F05"):
            assert bytes.fromhex(send(card, iso.get_data(tag))[:-4] or "00")  # the file that was selected before
            expected = bytes(told(card, file, information)).hex().upper()
            assert send(card, iso.get_data(tag)) == expected + "9000"


def test_no_application_is_selected_after_a_reset() -> None:
    card = card_with_files()
    send(card, select(AID, SelectBy.DF_NAME), select("5001"))
    card.reset()
    assert file_id(card) == "3F00"
