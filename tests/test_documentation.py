"""The documentation is true: its examples run and print what it shows, its links and file names lead somewhere."""

import doctest
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

import pytest
from support.requirements import need_module, need_program
from support.screen import screen

import scardffi

ROOT = Path(__file__).parent.parent
INSTALLED = Path(scardffi.__file__).parent.parent  # the wheel's tests run without the sources
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
LONGEST_README = 150

# Examples that are files of a larger example; a test named here runs them.
FILES = {
    "ping.py": "test_another_program_uses_the_card_in_python",
    "door.py": "test_pytest_plugin",
    "test_door.py": "test_pytest_plugin",
    "test_pyscard_door.py": "test_pytest_plugin",
    "test_foreign_door.py": "test_pytest_plugin",
    "conftest.py": "test_testing_in_ci",
    "test_read_serial.py": "test_testing_in_ci",
    "test_waiting.py": "test_testing_in_ci",
    "lend.py": "test_consumers",
}
IMPORTS_OF_EXTRAS = {
    "import numba": "numba",
    "services.aes": "cryptography",
    "from cryptography": "cryptography",
    "aio.Context": "anyio",
}
NOT_IN_EVERY_PYTHON = {"from gevent": "gevent", "from PySide6": "PySide6", "import tkinter": "tkinter"}
ONLY_IN_THE_CLONE = (".ci/", ".github/", "scardffi/virtual/standin/", "scardffi/trace/standin/")


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    language: str
    code: str
    before: str
    """The text between the block before it and this one."""

    @property
    def file(self) -> str:
        """The name of the file that the block is, empty if it is a program of its own."""
        match = re.match(r"# (\w+\.py)\n", self.code)
        return match[1] if match else ""

    @property
    def excerpt_of(self) -> str:
        """The file that the block is a part of: the link at the start of the paragraph before it."""
        match = re.match(r"\[[\w.]+\]\((\.\./tests/\S+)\)", self.before.strip().rpartition("\n\n")[2])
        return match[1] if match else ""


def blocks(page: Path) -> list[Block]:
    found, end = [], 0
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        found.append(Block(page, match[1], match[2], text[end : match.start()]))
        end = match.end()
    return found


class Example(NamedTuple):
    """A program on a page, and the output that the page shows below it."""

    name: str
    code: str
    output: str | None


def examples() -> list[Example]:
    found: list[Example] = []
    for page in PAGES:
        of_page = blocks(page)
        for block, after in zip_longest(of_page, of_page[1:]):
            if block.language == "python" and not block.file and not block.excerpt_of:
                shown = after is not None and after.language == "text" and not after.before.strip()
                number = 1 + sum(one.name.startswith(page.stem) for one in found)
                found.append(Example(f"{page.stem}-{number}", block.code, after.code if shown else None))
    return found


EXAMPLES = examples()
BLOCKS = [block for page in PAGES for block in blocks(page)]
EXCERPTS = [block for block in BLOCKS if block.excerpt_of]


def run(code: str, stderr: str = "", environment: dict[str, str] | None = None) -> str:
    """Run an example in a process of its own, with warnings as errors, and return its output."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd="/",  # programs that the example starts would import a source folder named scardffi from here
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == stderr
    return done.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_prints_what_the_page_shows(example: Example) -> None:
    for line, module in IMPORTS_OF_EXTRAS.items():
        if line in example.code:
            need_module(module)
    for line, module in NOT_IN_EVERY_PYTHON.items():
        if line in example.code:
            pytest.importorskip(module, reason=f"this Python has no {module}")
    assert example.output is not None, "the page shows no output below the example"
    if "import tkinter" in example.code:
        need_program("Xvfb")
        with screen() as environment:
            printed = run(example.code, environment=environment)
    else:
        printed = run(example.code)
    same = doctest.OutputChecker().check_output(example.output, printed, doctest.ELLIPSIS)
    assert same, f"the page shows\n{example.output}\nthe example prints\n{printed}"


def test_another_program_uses_the_card_in_python() -> None:
    need_program("opensc-tool")
    (code,) = [block.code for block in BLOCKS if block.file == "ping.py"]
    assert "70 6F 6E 67 pong" in run(code, stderr="Using reader with a card: Gate\n")


def test_every_file_of_a_larger_example_is_known_to_a_test() -> None:
    assert sorted(block.file for block in BLOCKS if block.file) == sorted(FILES)


@pytest.mark.parametrize("block", EXCERPTS, ids=lambda block: Path(block.excerpt_of).name)
def test_an_excerpt_is_part_of_the_file_that_the_tests_build(block: Block) -> None:
    assert block.code in (block.page.parent / block.excerpt_of).read_text(encoding="utf-8")


def test_the_page_of_the_c_api_shows_the_whole_header_once() -> None:
    page = (ROOT / "docs" / "reference" / "c.md").read_text(encoding="utf-8")
    header = (INSTALLED / "scardffi" / "include" / "scardffi.h").read_text(encoding="utf-8")
    parts = page.partition("\n## Types\n")[0].split("```{literalinclude} ")[1:]
    first, *starts = [part.partition(':start-at: "')[2].partition('"\n')[0] for part in parts]
    *ends, last = [part.partition(':end-before: "')[2].partition('"\n')[0] for part in parts]
    assert (first, last, starts) == ("", "", ends)
    assert [header.count(start) for start in starts] == [1] * len(starts)
    assert sorted(starts, key=header.index) == starts


def test_there_is_an_example_of_each_tool_that_embeds_scardffi() -> None:
    files = {Path(block.excerpt_of).name for block in EXCERPTS}
    assert files >= {"cffi_module.py", "c_extension.c", "c_host.c", "cython_module.pyx", "lib.rs"}
    code = "".join(block.code for block in BLOCKS if block.page.stem == "embedding")
    assert "import ctypes" in code
    assert "import numba" in code


def test_every_block_is_checked_in_one_of_these_ways() -> None:
    for block in BLOCKS:
        if block.language.startswith("{"):
            pass  # the site is built with warnings as errors: tests/site
        elif block.language in {"c", "cython", "java", "rust"}:
            assert block.excerpt_of, f"{block.page.name}: not an excerpt of a file: {block.code}"
        elif block.language == "make":
            assert FILES["conftest.py"] == f"test_{block.page.stem.replace('-', '_')}", "the test of this page runs it"
        elif block.language == "toml":
            tomllib.loads(block.code)
        elif block.language == "json":
            json.loads(block.code)
        else:
            assert block.language in {"python", "text", "sh"}, f"{block.page.name}: {block.code}"


def test_each_page_has_a_title_of_its_own() -> None:
    pages: dict[str, list[str]] = {}
    for page in (ROOT / "docs").rglob("*.md"):
        text = page.read_text(encoding="utf-8")
        if included := re.match(r"```{include} (\S+)", text):
            text = (page.parent / included[1]).read_text(encoding="utf-8")
        pages.setdefault(text.partition("\n")[0], []).append(page.name)
    assert {title: names for title, names in pages.items() if len(names) > 1 or not title.startswith("# ")} == {}


def test_the_readme_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= LONGEST_README


def test_the_two_commands_of_the_readme_exist() -> None:
    install, tests = (block.code for block in blocks(README) if block.language == "sh")
    assert install.count("\n") == tests.count("\n") == 1
    assert tests.split() == ["bash", "tests/run"]
    assert (ROOT / "tests/run").is_file()
    steps = [step.split() for step in install.split(" && ")]
    assert steps[:2] == [["python3", "-m", "venv", ".venv"], [".venv/bin/pip", "install", "-e", "."]]
    program, *arguments = steps[2]
    command = shutil.which(Path(program).name, path=sysconfig.get_path("scripts"))
    assert command, f"{program} is not installed"
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n  9000 success") == 2


def test_one_page_says_how_to_install() -> None:
    say = [page.name for page in PAGES if re.search(r"pip install [^\n`&]*(scardffi|clone)", page.read_text("utf-8"))]
    assert say == ["install.md"]


def test_the_extras_of_the_page_about_installation_exist() -> None:
    extras = re.findall(r"scardffi\[(\w+)\]", (ROOT / "docs/install.md").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert extras
    assert set(extras) <= set(project["optional-dependencies"])


def test_shell_examples_name_files_that_exist() -> None:
    for block in BLOCKS:
        if block.language == "sh":
            for name in re.findall(r"\bbash (\S+)", block.code):
                assert is_there(name), f"{block.page.name}: {name}"


def is_there(path: str) -> bool:
    """Return whether a path from the root of the repository exists; an asterisk stands for part of a name."""
    if path.startswith(ONLY_IN_THE_CLONE) and not (ROOT / ".ci").exists():
        return True  # the tests of a wheel cannot know
    return any(any(folder.glob(path.rstrip("/"))) for folder in (ROOT, INSTALLED))


def slug(heading: str) -> str:
    """The anchor that GitHub and mkdocs give a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert is_there(str(file.relative_to(ROOT))), f"no file {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"no heading {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_file_names_are_those_of_files_that_exist(page: Path) -> None:
    roots = r"(?:scardffi|tests|benchmarks|docs|\.ci|\.github)/"
    for name in re.findall(rf"`({roots}[\w./*-]+)`", page.read_text(encoding="utf-8")):
        assert is_there(name), f"{page.name}: there is no {name}"


def test_the_architecture_page_lists_every_file_of_the_package() -> None:
    package = Path(scardffi.__file__).parent
    listed = set(re.findall(r"`(scardffi/[\w./-]+)`", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")))
    kinds = (".py", ".pyi", ".pxd", ".c", ".h")
    names = {path.relative_to(package.parent).as_posix() for path in package.rglob("*") if path.suffix in kinds}
    of_a_c_file = {name.removesuffix(".h") + ".c" for name in names if name.endswith(".h")} & names
    missing = {name for name in names - listed if name.removesuffix(".h") + ".c" not in of_a_c_file}
    assert sorted(missing) == []
