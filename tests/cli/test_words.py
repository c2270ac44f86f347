"""The commands that explain bytes: ``scardffi atr``, ``tlv`` and ``sw``."""

import io
import json
from pathlib import Path

import pytest

from scardffi.cli.main import main

LIST = """# a comment
3B 02 14 50
\tSchlumberger Multiflex 3k
\thttp://example.org

3B 88 80 01 .. .. .. .. .. .. .. .. ..
\ta card of this test
"""


@pytest.fixture
def card_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a list of card names for the user."""
    (tmp_path / "smartcard_list.txt").write_text(LIST)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


@pytest.mark.usefixtures("card_list")
@pytest.mark.parametrize("arguments", [["3B021450"], ["3B", "02", "14", "50"], ["3b:02:14:50"], ["0x3B 0x02,0x14 50"]])
def test_an_atr_is_explained_with_the_names_of_its_cards(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["atr", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["convention: direct", "protocols: T=0"]
    assert lines[-1] == "card: Schlumberger Multiflex 3k; http://example.org"


@pytest.mark.usefixtures("card_list")
def test_a_pattern_of_the_list_fits_an_atr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atr", "--json", "3B888001736361726466666907"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["atr"], shown["cards"]) == ("3B888001736361726466666907", ["a card of this test"])


def test_a_malformed_atr_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["atr", "00"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("scardffi: 00: ")


def test_data_objects_are_shown_as_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "6F 05 84 03 A0 00 01"]) == 0
    assert capsys.readouterr().out == "6F file control information\n  84 DF name: A0 00 01\n"


def test_data_objects_as_json_contain_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "--json", "6F058403A00001"]) == 0
    inner = {"tag": "84", "value": "A00001"}
    assert json.loads(capsys.readouterr().out) == [{"tag": "6F", "value": "8403A00001", "children": [inner]}]


def test_simple_data_objects_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "--simple", "01020A0B0200"]) == 0
    assert capsys.readouterr().out == "01 [2] 0A 0B\n02 [0]\n"


def test_the_names_of_tags_are_those_of_the_application(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "--names", "emv", "9F02 06 000000000100"]) == 0
    assert "amount" in capsys.readouterr().out.lower()


def test_a_malformed_object_is_left_out_and_named_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tlv", "8401AA 85FF01"]) == 0
    shown = capsys.readouterr()
    assert shown.out == "84: AA\n"
    assert shown.err.startswith("scardffi: ")
    with pytest.raises(SystemExit) as end:
        main(["tlv", "--strict", "8401AA 85FF01"])
    assert end.value.code == 2


def test_status_words_are_explained(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("6A82 # of a select\n\n63 C2\n"))
    assert main(["sw", "9000", "-"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:4] for line in lines] == ["9000", "6A82", "63C2"]
    assert lines[2].endswith("counter at 2: after a wrong code or key, the number of tries left")


def test_return_codes_are_explained_among_status_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sw", "9000", "0x8010001D", "8010"]) == 0
    success, code, no_status_word = capsys.readouterr().out.splitlines()
    assert success.startswith("9000 ")
    assert code.startswith("8010001D SCARD_E_NO_SERVICE: the resource manager does not run. ")
    assert no_status_word.startswith("8010 ")


def test_half_a_status_word_exits_with_2() -> None:
    with pytest.raises(SystemExit) as end:
        main(["sw", "90"])
    assert end.value.code == 2
