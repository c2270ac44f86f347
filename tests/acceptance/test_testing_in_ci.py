"""The tests of docs/testing-in-ci.md pass: of programs in C and Java, with a card in Python or of a file."""

import os
import re
import subprocess
import sys
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
    assert list(files) == ["conftest.py", "test_read_serial.py", "test_waiting.py"]
    for name, code in files.items():
        pytester.path.joinpath(name).write_text(code, encoding="utf-8")
    for name in ("read_serial.c", "wait_and_read.c"):
        program(TESTS / "csrc" / name, pytester.path, *pcsc_include_flags(), "-l:libpcsclite.so.1")
    subprocess.run(["javac", "-d", pytester.path, TESTS / "programs" / "ReadSerial.java"], check=True)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=5)


def test_the_shell_script_and_the_makefile_on_the_page_are_tests(tmp_path: Path) -> None:
    need_program("make")
    need_pcsclite_headers()
    page = PAGE.read_text(encoding="utf-8")
    for name, pattern in (("test.sh", "```sh\n(# test.sh\n.+?)```"), ("Makefile", "```make\n(.+?)```")):
        tmp_path.joinpath(name).write_text(one(pattern, page), encoding="utf-8")
    card = tmp_path / "card.json"
    card.write_text(one("```json\n(.+?)```", page), encoding="utf-8")
    program(TESTS / "csrc" / "read_serial.c", tmp_path, *pcsc_include_flags(), "-l:libpcsclite.so.1")
    tmp_path.joinpath("read_serial.c").touch()
    tmp_path.joinpath("read_serial").touch()
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for command in (["sh", "test.sh"], ["make", "check"]):
        subprocess.run(command, cwd=tmp_path, env=variables, check=True)
    card.write_text(card.read_text(encoding="utf-8").replace("CAFE", "CAFF"), encoding="utf-8")
    for command in (["sh", "test.sh"], ["make", "check"]):
        assert subprocess.run(command, cwd=tmp_path, env=variables, check=False).returncode != 0


def one(pattern: str, text: str) -> str:
    """Return the group of the only match."""
    (found,) = re.findall(pattern, text, re.DOTALL)
    return str(found)
