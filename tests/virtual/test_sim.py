"""The virtual SIM: the commands of GSM 11.11 with 9Fxx, the USIM with 61xx, and the code that both share."""

import pytest
from support.cards import send

from scardffi.iso7816.tlv import decode
from scardffi.virtual import sim_card
from scardffi.virtual.sim import USIM_AID

IMSI = "001010123456789"
CODE = "31323334FFFFFFFF"
CHV_1, PIN_1 = f"A020000108{CODE}", f"0020000108{CODE}"
USIM = f"00A4040410{USIM_AID.hex()}"
SELECT_IMSI = ("A0A40000027F20", "A0A40000026F07")


# Class A0


def test_select_announces_the_answer_by_9fxx() -> None:
    card = sim_card()
    assert send(card, "A0A40000023F00") == "9F16"
    answer = send(card, "A0C0000016")
    assert answer[-4:] == "9000"
    head = bytes.fromhex(answer[:-4])
    assert head[4:7] == bytes.fromhex("3F0001")
    assert head[13:18] == bytes((0, 3, 2, 2, 0)), "CHV 1 is enabled; 3 DFs, 2 EFs, 2 codes"
    assert head[18:] == b"\x83\x8a\0\0"
    assert send(card, "A0A40000022FE2") == "9F0F"
    assert send(card, "A0C000000F") == "0000000A2FE204000F00FF010200009000"
    assert send(card, "A0A40000022F00", "A0C000000F") == "000000302F0004000000FF010201309000"


def test_the_iccid_can_be_read_at_once() -> None:
    card = sim_card(iccid="8944100000000000012")
    assert send(card, "A0A40000022FE2", "A0B000000A") == "984401000000000010F2" + "9000"


def test_the_imsi_needs_chv_1() -> None:
    card = sim_card(IMSI)
    assert send(card, *SELECT_IMSI) == "9F0F"
    assert send(card, "A0B0000009") == "9804"
    assert send(card, CHV_1) == "9000"
    assert send(card, "A0B0000009") == "0809101010325476989000"


def test_status_describes_the_directory() -> None:
    card = sim_card()
    assert send(card, "A0A40000027F20", "A0F2000016")[8:14] == "7F2002"
    assert send(card, "A0F2000006") == "000000007F209000"


def test_chv_1_blocks_and_its_unblocking_code_resets_it() -> None:
    card = sim_card()
    wrong = "A020000108" + "30" * 8
    assert [send(card, wrong) for _ in range(3)] == ["9804", "9804", "9840"]
    assert send(card, CHV_1) == "9840"
    assert send(card, "A02C000010" + b"12345678".hex() + "34333231FFFFFFFF") == "9000"
    assert send(card, "A02000010834333231FFFFFFFF") == "9000"
    assert send(card, "A024000110" + "34333231FFFFFFFF" + CODE, CHV_1) == "9000"


def test_chv_1_can_be_disabled() -> None:
    card = sim_card()
    assert send(card, f"A026000108{CODE}") == "9000"
    assert send(card, *SELECT_IMSI, "A0B0000009")[-4:] == "9000"
    assert send(card, "A0A40000023F00", "A0C0000016")[26:28] == "80"
    card.reset()
    assert send(card, f"A028000108{CODE}") == "9000"
    assert send(card, *SELECT_IMSI, "A0B0000009") == "9804"


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        (["A0A40000026FFF"], "9404"),
        (["A0B0000001"], "9400"),
        (["A0A40000027F10", "A0A40000026F3A", "A0B201041C"], "9804"),
        (["A0A40000022F00", "A0B0000001"], "9408"),
        (["A0A40000022F00", "A0B2020430"], "9402"),
        (["A0A40000022FE2", "A0B000000B"], "6700"),
        (["A0A40000022FE2", "A0D600000100"], "9804"),
        (["A020000308" + CODE], "9802"),
        (["A088000010" + "00" * 16], "9802"),
        (["A0FE000000"], "6D00"),
        (["A0C0000016"], "9808"),
    ],
)
def test_errors_have_the_status_words_of_gsm_11_11(commands: list[str], answer: str) -> None:
    assert send(sim_card(), *commands) == answer


# Class 00


def test_the_usim_announces_its_answer_by_61xx() -> None:
    card = sim_card()
    sw = send(card, USIM)
    assert sw[:2] == "61"
    answer = bytes.fromhex(send(card, f"00C00000{sw[2:]}")[:-4])
    fields = {one.tag: one.value for one in decode(answer)[0].children()}
    assert (fields[0x83], fields[0x84]) == (b"\x7f\xff", USIM_AID)
    assert fields[0xC6] == bytes.fromhex("900180830101")
    status = send(card, "80F2000000")
    assert bytes.fromhex(status[:-4]) == answer


def test_the_usim_shares_pin_1_with_the_sim() -> None:
    card = sim_card(IMSI)
    assert send(card, USIM, "00A40004026F07")[:2] == "61"
    assert send(card, "00B0000009") == "6982"
    assert send(card, "00200001") == "63C3"
    assert send(card, CHV_1, "00B0000009") == "0809101010325476989000"


def test_short_identifiers_reach_the_files_of_the_usim() -> None:
    assert send(sim_card(), USIM, PIN_1, "00B0870009") == "0809101010325476989000"


def test_ef_dir_names_the_usim() -> None:
    card = sim_card()
    record = bytes.fromhex(send(card, "00B201F400")[:-4])
    found = decode(record.rstrip(b"\xff")).find("61/4F")
    assert found is not None
    assert found.value == USIM_AID


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"imsi": "00101"}, "imsi: 5 characters"),
        ({"iccid": "1"}, "iccid: 1 characters"),
        ({"pin": "123"}, "pin: 3 characters"),
        ({"puk": "1234567x"}, "puk: 8 characters"),
        ({"operator": ""}, "operator: ''"),
        ({"operator": "x" * 17}, "operator: 'x"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sim_card(**arguments)
