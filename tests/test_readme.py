"""The README's examples run as they stand."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.requirements import need_module, need_program

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
EXAMPLES = re.findall(r"### ([^\n]+)\n\n```python\n(.+?)```", README.read_text(encoding="utf-8"), re.DOTALL)


EXCERPTS = re.findall(
    r"\[[\w.]+\]\((tests/embedding/\S+)\)[^\n]*\n\n```\w+\n(.+?)```", README.read_text(encoding="utf-8"), re.DOTALL
)


@pytest.mark.parametrize(("title", "code"), EXAMPLES, ids=[title for title, _ in EXAMPLES])
def test_an_example_runs_and_prints_what_it_found(title: str, code: str) -> None:
    if "import numba" in code:
        need_module("numba")
    if "services.aes" in code:
        need_module("cryptography")
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{title}: {done.stderr}"
    assert done.stderr == ""
    ends = r"9000$|ns for one exchange of 16 bytes, 1000 more|tries left$|256 3F00/5000$"
    assert re.search(ends, done.stdout.strip()), done.stdout


def test_there_is_an_example_of_each_of_the_three_uses() -> None:
    titles = " ".join(title for title, _ in EXAMPLES)
    assert all(use in titles for use in ("Low-level import", "Measuring", "Embedding"))


def test_a_foreign_program_meets_the_readme_s_card() -> None:
    need_program("opensc-tool")
    (code,) = re.findall(r"```python\n# ping\.py\n(.+?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "70 6F 6E 67 pong" in done.stdout


@pytest.mark.parametrize(("file", "code"), EXCERPTS, ids=[Path(file).name for file, _ in EXCERPTS])
def test_what_cannot_run_as_it_stands_is_an_excerpt_of_what_the_tests_build(file: str, code: str) -> None:
    assert code in (ROOT / file).read_text(encoding="utf-8")


def test_there_is_an_example_of_each_tool_that_embeds_scardffi() -> None:
    titles = {title for title, _ in EXAMPLES}
    assert {"ctypes", "numba"} <= titles
    assert len(EXCERPTS) == 5
