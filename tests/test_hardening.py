"""The check of the wheel's libraries, support/hardening.py, finds each protection that a library lacks."""

import platform
from pathlib import Path

import pytest
from support.compile import shared_library
from support.hardening import lacking
from support.requirements import need_program

SOURCE = """
#include <stdio.h>
void write_number(char *target, int number);
void write_number(char *target, int number)
{
    char text[32];
    snprintf(text, (size_t)number, "%d", number);
    for (int i = 0; i < 32; i++)
        target[i] = text[i];
}
"""
NOTHING = (
    "-Wl,-z,norelro", "-Wl,-z,lazy", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "-fcf-protection=none",
)  # fmt: skip
CET = platform.machine() == "x86_64"


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("-Wl,-z,relro", "RELRO"),
        ("-Wl,-z,now", "BIND_NOW"),
        ("-fstack-protector-strong", "stack protector"),
        ("-D_FORTIFY_SOURCE=2", "FORTIFY_SOURCE"),
        ("-Wl,-z,ibt", "CET's IBT"),
        ("-Wl,-z,shstk", "CET's SHSTK"),
    ],
)
def test_a_library_made_with_one_protection_lacks_the_others(flag: str, name: str, tmp_path: Path) -> None:
    need_program("readelf")
    source = tmp_path / "unprotected.c"
    source.write_text(SOURCE)
    flags = [one for one in NOTHING if CET or "cf-protection" not in one]
    bare = lacking(shared_library(source, tmp_path, *flags))
    assert len(bare) == (6 if CET else 4)
    if name not in bare:
        pytest.skip("CET is only on x86")
    assert set(bare) - set(lacking(shared_library(source, tmp_path, *flags, flag))) == {name}
