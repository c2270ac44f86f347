"""Data object lists: decoded, filled by the rules of EMV, and refused."""

import pytest

from scardffi.iso7816 import DOL, DOLEntry, MalformedDOLError

# The PDOL of a Visa card, and a CDOL1 as EMV's terminals get it
PDOL = bytes.fromhex("9F6604 9F0206 9F0306 9F1A02 9505 5F2A02 9A03 9C01 9F3704")


def test_a_list_is_decoded_and_encoded_again() -> None:
    wanted = DOL.decode(PDOL)
    assert wanted.entries[0] == DOLEntry(0x9F66, 4)
    assert [one.length for one in wanted] == [4, 6, 6, 2, 5, 2, 3, 1, 4]
    assert (len(wanted), wanted.length) == (9, 33)
    assert bytes(wanted) == PDOL
    assert DOL(wanted.entries) == wanted
    assert repr(DOL.decode(PDOL[:6])) == "<DOL 9F66: 4, 9F02: 6>"
    assert (DOL.decode(b"").entries, bytes(DOL()), repr(DOL())) == ((), b"", "<DOL empty>")


def test_tags_have_up_to_three_bytes() -> None:
    wanted = DOL.decode(bytes.fromhex("8102 9F2702 DF812903"))
    assert [one.tag for one in wanted] == [0x81, 0x9F27, 0xDF8129]
    assert bytes(wanted).hex() == "81029f2702df812903"


def test_values_are_put_together_in_the_order_of_the_list() -> None:
    values = {
        0x9F37: bytes.fromhex("38393031"), 0x9C: b"\x00", 0x9A: bytes.fromhex("230301"), 0x5F2A: b"\x09\x78",
        0x95: bytes(5), 0x9F1A: b"\x09\x78", 0x9F02: bytes.fromhex("000000001000"), 0x9F66: b"\xa0\x00\x00\x00",
        0x50: b"not in the list",
    }  # fmt: skip
    filled = DOL.decode(PDOL).fill(values)
    assert (
        filled.hex()
        == "a0000000" + "000000001000" + "00" * 6 + "0978" + "00" * 5 + "0978" + "230301" + "00" + "38393031"
    )


@pytest.mark.parametrize(
    ("entry", "value", "filled"),
    [
        ("9F0206", "1234", "000000001234"),  # n: zeros at the left
        ("9F0202", "000000001234", "1234"),  # n: the left bytes go
        ("5A0A", "4761739001010010", "4761739001010010ffff"),  # cn: FF at the right
        ("5A04", "4761739001010010", "47617390"),  # cn: the right bytes go
        ("9F3302", "A0A0C0", "a0a0"),  # b: the right bytes go, as a card wanted it in a published case
        ("9F3304", "A0A0C0", "a0a0c000"),  # b: zeros at the right
        ("9F4E06", "414243", "414243000000"),  # text: zeros at the right
        ("9F3500", "22", ""),
    ],
)
def test_a_value_of_another_length_is_treated_by_its_format(entry: str, value: str, filled: str) -> None:
    wanted = DOL.decode(bytes.fromhex(entry))
    (tag, _) = wanted.entries[0]
    assert wanted.fill({tag: bytes.fromhex(value)}).hex() == filled


def test_values_that_are_not_given_and_constructed_objects_are_zeros() -> None:
    wanted = DOL.decode(bytes.fromhex("DF0103 5A02 BF0C02 9F0202"))
    assert wanted.fill({0xBF0C: b"\x01\x02"}).hex() == "000000" + "0000" + "0000" + "0000"


def test_a_program_can_state_the_formats_of_its_own_tags() -> None:
    wanted = DOL.decode(bytes.fromhex("DF0103 DF0203"))
    values = {0xDF01: b"\x12", 0xDF02: b"\x34"}
    assert wanted.fill(values).hex() == "120000340000"
    assert wanted.fill(values, numeric={0xDF01}, compressed={0xDF02}).hex() == "00001234ffff"


@pytest.mark.parametrize(
    ("raw", "offset", "reason"),
    [
        ("9F66", 2, "end in the entry at byte 0"),
        ("9F6604 9F", 4, "end in the entry at byte 3"),
        ("9F6604 00", 3, "a tag begins with 00"),
        ("9F80", 1, "the second byte of a tag is 80"),
        ("9F81818101", 3, "more than 3 bytes"),
    ],
)
def test_malformed_lists_are_refused_with_the_offset_and_the_reason(raw: str, offset: int, reason: str) -> None:
    with pytest.raises(MalformedDOLError, match=reason) as caught:
        DOL.decode(bytes.fromhex(raw))
    assert caught.value.offset == offset


@pytest.mark.parametrize(("entry", "name"), [((0x1F, 1), "tag"), ((0x9F02, 256), "length"), ((0x9F02, -1), "length")])
def test_a_list_that_cannot_be_encoded_is_refused(entry: tuple[int, int], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: .* is not allowed; give "):
        DOL([entry])
