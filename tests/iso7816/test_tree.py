"""Data objects as trees: names by table and path, values, text, padding and malformed values."""

import pytest

from scardffi.iso7816 import TLV, decode, tag_names

PAYMENT = bytes.fromhex("6F1E 8407A0000000031010 A513 500A56495341204445424954 BF0C 04 DF010105".replace(" ", ""))


def test_printing_an_object_shows_it_as_a_tree_with_the_names_of_the_standard(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print(decode(PAYMENT)[0])  # noqa: T201  print is the test
    assert capsys.readouterr().out == (
        "6F file control information\n"
        "  84 DF name: A0 00 00 00 03 10 10\n"
        "  A5 proprietary template\n"
        '    50 application label: 56 49 53 41 20 44 45 42 49 54 "VISA DEBIT"\n'
        "    BF0C\n"
        "      DF01: 05\n"
    )


def test_printing_a_list_shows_all_its_objects() -> None:
    objects = decode(bytes.fromhex("500141 5F2D02656E 5F2900"))
    assert str(objects).split("\n") == [
        "50 application label: 41",
        '5F2D language preferences: 65 6E "en"',
        "5F29 interchange profile: empty",
    ]
    assert str(decode(b"")) == ""


def test_given_tables_are_searched_in_order_before_that_of_the_standard() -> None:
    (payment,) = decode(PAYMENT)
    mine = {"BF0C/DF01": "balance", 0x50: "my label"}
    first, second = payment.tree(names=mine).split("\n")[:2]
    assert (first, second) == ("6F file control information", "  84 DF name: A0 00 00 00 03 10 10")
    assert "DF01 balance: 05" in payment.tree(names=mine)
    both = payment.tree(names=[mine, tag_names.EMV])
    assert "BF0C FCI issuer discretionary data" in both
    assert "50 my label: " in both
    assert "50 application label: " in payment.tree(names=[tag_names.EMV, mine])


def test_the_longest_path_of_a_table_gives_the_name() -> None:
    objects = decode(bytes.fromhex("A003810101 A103810102 810103"))
    names = {"81": "anywhere", "A0/81": "in A0"}
    lines = objects.tree(names=names).split("\n")
    assert [line.strip() for line in lines if "81" in line] == ["81 in A0: 01", "81 anywhere: 02", "81 anywhere: 03"]


def test_the_same_tag_has_another_name_in_another_template_and_application() -> None:
    control = decode(bytes.fromhex("620380015A 7C0380015A"))
    assert [line.strip() for line in str(control).split("\n")] == [
        "62 file control parameters", "80 file size: 5A", "7C dynamic authentication template", "80 witness: 5A",
    ]  # fmt: skip
    (one,) = decode(bytes.fromhex("6103810105"))
    assert str(one).startswith("61 application template")
    assert one.tree(names=tag_names.EMRTD).startswith("61 EF.DG1, machine readable zone")


def test_an_object_that_was_taken_out_keeps_its_name_and_is_not_indented() -> None:
    found = decode(PAYMENT).find("6F/A5")
    assert found is not None
    assert str(found).split("\n")[:2] == [
        "A5 proprietary template",
        '  50 application label: 56 49 53 41 20 44 45 42 49 54 "VISA DEBIT"',
    ]
    assert str(decode(PAYMENT).find("6F/84")) == "84 DF name: A0 00 00 00 03 10 10"


def test_a_primitive_object_is_shown_as_objects_only_if_a_table_names_them() -> None:
    piv = decode(bytes.fromhex("530A 3004D4E70001 3400 FE00".replace(" ", "")))
    assert str(piv).startswith("53 discretionary data: 30 04 D4")
    assert piv.tree(names=tag_names.PIV).split("\n") == [
        "53 discretionary data",
        "  30 FASC-N: D4 E7 00 01",
        "  34 card UUID (GUID): empty",
        "  FE error detection code: empty",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (b"VISA", '56 49 53 41 "VISA"'),
        ("Müller".encode(), '4D C3 BC 6C 6C 65 72 "Müller"'),
        (b"en", '65 6E "en"'),
        (b"x!", "78 21"),
        (b"A", "41"),
        (b"ab\n", "61 62 0A"),
        (b"\x1b[31m", "1B 5B 33 31 6D"),
        (b"\xff\xfe\xfd", "FF FE FD"),
        (b"", "empty"),
    ],
)
def test_a_value_is_shown_as_text_too_if_it_is_printable(value: bytes, shown: str) -> None:
    assert str(TLV(0x9F01, value)) == f"9F01: {shown}"


def test_long_values_are_shortened_unless_all_is_asked_for() -> None:
    one = TLV(0x9F01, bytes(40))
    assert str(one) == f"9F01: {'00 ' * 32}... (40 bytes)"
    assert one.tree(most=2) == "9F01: 00 00 ... (40 bytes)"
    assert one.tree(most=None) == f"9F01: {bytes(40).hex(' ')}"
    with pytest.raises(ValueError, match=r"^most: 0 is not allowed; give 1 or more, or None"):
        one.tree(most=0)


def test_a_malformed_value_is_shown_with_the_reason() -> None:
    (strict,) = decode(bytes.fromhex("6204 8405A000"))
    assert str(strict).split("\n") == [
        "62 file control parameters: 84 05 A0 00",
        "  (byte 6: the bytes end after 2 of 5 bytes of the value of tag 84)",
    ]
    (lenient,) = decode(bytes.fromhex("6207 8001058405A000"), lenient=True)
    assert str(lenient).split("\n") == [
        "62 file control parameters",
        "  80 file size: 05",
        "  (byte 9: the bytes end after 2 of 5 bytes of the value of tag 84)",
    ]


def test_padding_between_objects_is_left_out() -> None:
    (padded,) = decode(bytes.fromhex("6207 80010500000000"))
    assert str(padded).split("\n") == ["62 file control parameters", "  80 file size: 05"]


def test_objects_nested_ten_thousand_deep_are_printed() -> None:
    raw = b""
    for _ in range(10_000):
        raw = bytes(TLV(0x30, raw))
    lines = str(decode(raw)).split("\n")
    assert len(lines) < 100
    assert lines[-1].endswith("bytes)")


def test_a_wrong_path_in_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^names: '6F/X' is not allowed; give tags in hexadecimal"):
        decode(PAYMENT).tree(names={"6F/X": "name"})


TABLES = {
    name: table for name, table in vars(tag_names).items() if isinstance(table, dict) and not name.startswith("_")
}


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_a_table_is_a_path_of_tags(name: str) -> None:
    assert len(TABLES[name]) > 5
    for path, meaning in TABLES[name].items():
        for tag in [path] if isinstance(path, int) else [int(part, 16) for part in path.split("/")]:
            assert TLV(tag).tag == tag
        assert meaning.strip() == meaning != ""
