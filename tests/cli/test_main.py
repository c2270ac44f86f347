"""The command ``scardffi``: its output and its exit status."""

import pytest

from scardffi.cli.main import main


def test_send_prints_each_response_with_the_meaning_of_its_status_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--virtual", "send", "00A4000C023F00", "00B0000004"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "reader scardffi Virtual Reader 0",
        "> 00 A4 00 0C 02 3F 00",
        "< 90 00",
        "  9000 success",
        "> 00 B0 00 00 04",
        "< 00 01 02 03 90 00",
        "  9000 success",
    ]


def test_options_may_follow_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["readers", "--virtual"]) == 0
    assert capsys.readouterr().out == "scardffi Virtual Reader 0\t3B 88 80 01 73 63 61 72 64 66 66 69 07\n"


def test_an_error_status_word_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--virtual", "send", "00FF000000"]) == 1
    assert "6D00 instruction not supported" in capsys.readouterr().out


@pytest.mark.parametrize("bad", ["0", "xyz", ""])
def test_a_command_that_is_not_hexadecimal_exits_with_2(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--virtual", "send", bad])
    assert end.value.code == 2
    assert f"{bad!r} is not allowed; give two hexadecimal digits for each byte" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--library", "/nonexistent/lib.so", "readers"], "/nonexistent/lib.so"),
        (["--virtual", "send", "--reader", "no such reader", "00"], "no such reader"),
    ],
)
def test_a_pcsc_error_exits_with_3_and_prints_the_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 3
    assert message in capsys.readouterr().err
