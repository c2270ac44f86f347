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
    with_mark = (
        f'import pytest\n\npytestmark = pytest.mark.virtual_fault("SCardTransmit", code=1)\n{files["test_waiting.py"]}'
    )
    pytester.path.joinpath("test_waiting.py").write_text(with_mark, encoding="utf-8")
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "test_waiting.py")
    result.assert_outcomes(failed=1)
    result.stdout.no_fnmatch_line("*did not happen*")


def test_the_shell_script_and_the_makefile_on_the_page_pass_and_fail_as_they_should(tmp_path: Path) -> None:
    need_program("make")
    need_pcsclite_headers()
    page = PAGE.read_text(encoding="utf-8")
    for name, pattern in (("test.sh", "```sh\n(# test.sh\n.+?)```"), ("Makefile", "```make\n(.+?)```")):
        tmp_path.joinpath(name).write_text(one(pattern, page), encoding="utf-8")
    card = tmp_path / "card.json"
    card.write_text(one("```json\n(.+?)```", page), encoding="utf-8")
    built = program(TESTS / "csrc" / "read_serial.c", tmp_path, *pcsc_include_flags(), "-l:libpcsclite.so.1")
    tmp_path.joinpath("read_serial.c").touch()
    built.touch()
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def passes(*command: str) -> bool:
        return subprocess.run(command, cwd=tmp_path, env=variables, check=False).returncode == 0

    script, saved = tmp_path / "test.sh", card.read_text(encoding="utf-8")
    assert passes("sh", "test.sh")
    assert passes("make", "check")
    card.write_text(saved.replace("CAFE", "CAFF"), encoding="utf-8")
    assert not passes("sh", "test.sh")
    assert not passes("make", "check")
    card.write_text(saved, encoding="utf-8")
    script.with_name("late.sh").write_text(
        script.read_text(encoding="utf-8").replace("SCardTransmit,removal", "SCardTransmit,call=2,removal"),
        encoding="utf-8",
    )
    assert not passes("sh", "late.sh"), "the fault does not happen"
    built.rename(tmp_path / "built")
    built.write_text("#!/bin/sh\n./built\nexit 3\n", encoding="utf-8")
    built.chmod(0o755)
    assert not passes("sh", "test.sh"), "the program prints the number but fails"
    assert not passes("make", "check"), "the same"


def one(pattern: str, text: str) -> str:
    """Return the group of the only match."""
    (found,) = re.findall(pattern, text, re.DOTALL)
    return str(found)
