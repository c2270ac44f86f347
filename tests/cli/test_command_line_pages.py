"""The page and the manual page of the command line: their help is that of the parser, and their examples run."""

import os
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from support.requirements import need_program

from scardffi.cli._exit_codes import HELP

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "command-line.md"
MAN_PAGE = ROOT / "docs" / "scardffi.1"
AGAIN = 'run "python tests/support/command_line_pages.py" in the clone'

in_the_format_of_the_oldest_python = pytest.mark.skipif(
    sys.version_info >= (3, 13), reason="later Pythons write options in another form"
)


@in_the_format_of_the_oldest_python
def test_the_manual_page_is_that_of_the_parser() -> None:
    pytest.importorskip("argparse_manpage", reason="the extra test is not installed")
    from support.command_line_pages import man_page

    assert MAN_PAGE.read_text(encoding="utf-8") == man_page(), AGAIN


@in_the_format_of_the_oldest_python
def test_the_help_on_the_page_is_that_of_the_parser() -> None:
    pytest.importorskip("argparse_manpage", reason="the extra test is not installed")
    from support.command_line_pages import page_with_help

    text = PAGE.read_text(encoding="utf-8")
    assert text == page_with_help(text), AGAIN


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the program man is of Linux here")
def test_man_renders_the_manual_page_without_warnings() -> None:
    need_program("man")
    done = subprocess.run(
        ["man", "--warnings", "-l", str(MAN_PAGE)],
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == ""
    text = re.sub(".\b", "", done.stdout)
    assert "scardffi - work with smart cards" in text
    assert "scardffi trace show" in text
    assert "EXIT STATUS" in text


def test_the_page_lists_the_exit_codes() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    listed = dict(re.findall(r"^  (\d+)  +(.+)$", HELP, re.MULTILINE))
    assert rows.keys() == listed.keys()
    assert all(rows[code].replace("`", "").startswith(text) for code, text in listed.items())


@pytest.mark.parametrize(("page", "least"), [("command-line.md", 10), ("piv.md", 1)])
def test_the_examples_of_a_page_print_what_it_shows(page: str, least: int, tmp_path: Path) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("the examples are for a shell of Linux")
    folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "XDG_STATE_HOME": str(tmp_path)}
    blocks = re.findall(
        r"^```sh\n(.*?)^```\n\n(?:```text\n(.*?)^```$)?",
        (PAGE.parent / page).read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert len(blocks) >= least
    for code, shown in blocks:
        done = subprocess.run(
            ["bash", "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.stdout == shown, f"{code}{done.stderr}"


def test_the_installed_package_has_the_manual_page() -> None:
    if sys.platform == "win32":
        pytest.skip("the package is not installed with pip here, and Windows has no manual pages")
    files = [str(file) for file in distribution("scardffi").files or []]
    if any("__editable__" in file or (file.endswith("direct_url.json") and _is_editable()) for file in files):
        pytest.skip("an editable installation has only what is imported")
    assert any(file.endswith("share/man/man1/scardffi.1") for file in files)


def _is_editable() -> bool:
    text = distribution("scardffi").read_text("direct_url.json") or ""
    return '"editable": true' in text
