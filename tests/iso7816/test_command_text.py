"""Commands as text, without PINs and keys."""

import re
from pathlib import Path

import pytest

import scardffi
from scardffi.iso7816._command_text import SECRET_INSTRUCTIONS, text_without_secrets

SECRETS = Path(scardffi.__file__).parent / "trace" / "csrc" / "secrets.c"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("00B0000004", "00 B0 00 00 04"),
        ("0020008004" + "31323334", "00 20 00 80 04 ** ** ** **"),
        ("0020008004" + "3132333400", "00 20 00 80 04 ** ** ** ** 00"),
        ("0020008004" + "313233", "00 20 00 80 04 ** ** **"),
        ("00200080000004" + "31323334", "00 20 00 80 00 00 04 ** ** ** **"),
        ("00200080000004" + "313233340000", "00 20 00 80 00 00 04 ** ** ** ** 00 00"),
        ("00200080", "00 20 00 80"),
        ("00", "00"),
        ("", ""),
    ],
)
def test_the_data_of_a_secret_command_is_hidden(command: str, text: str) -> None:
    assert text_without_secrets(bytes.fromhex(command)) == text


def test_each_class_is_hidden() -> None:
    for cla in range(256):
        assert text_without_secrets(bytes([cla, 0x20, 0, 0x80, 1, 0x31])).endswith("01 **")


def test_the_instructions_are_those_of_the_trace_library() -> None:
    table = SECRETS.read_text().partition("secret_instructions[] = {")[2].partition("};")[0]
    numbers = re.findall(r"0x([0-9A-F]{2}),", table)
    assert {int(number, 16) for number in numbers} == SECRET_INSTRUCTIONS
