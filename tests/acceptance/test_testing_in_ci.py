"""The tests of docs/testing-in-ci.md pass: of programs in C and Java, with a card in Python."""

import re
import subprocess
from pathlib import Path

import pytest
from support.compile import need_pcsclite_headers, pcsc_include_flags, program
from support.requirements import need_program

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / "docs" / "testing-in-ci.md"


def test_the_tests_on_the_page_pass(pytester: pytest.Pytester) -> None:
    need_program("javac")
    need_pcsclite_headers()
    files = dict(re.findall(r"```python\n# (\w+\.py)\n(.+?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    assert list(files) == ["conftest.py", "test_read_serial.py"]
    for name, code in files.items():
        pytester.path.joinpath(name).write_text(code, encoding="utf-8")
    program(TESTS / "csrc" / "read_serial.c", pytester.path, *pcsc_include_flags(), "-l:libpcsclite.so.1")
    subprocess.run(["javac", "-d", pytester.path, TESTS / "programs" / "ReadSerial.java"], check=True)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=4)
