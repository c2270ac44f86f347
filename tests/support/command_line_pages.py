"""The pages that are made from the parser of the command line.

``python tests/support/command_line_pages.py`` writes them.
"""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from argparse_manpage.manpage import Manpage

from scardffi.cli._exit_codes import HELP
from scardffi.cli.main import parser

DOCS = Path(__file__).parent.parent.parent / "docs"
MAN_PAGE = DOCS / "scardffi.1"
PAGE = DOCS / "command-line.md"
BEGIN, END = "<!-- help:begin -->\n", "<!-- help:end -->\n"


def man_page() -> str:
    """Return the manual page, in roff."""
    root = parser(loaded=True)
    root.epilog = None
    data = {"project_name": "scardffi", "description": "work with smart cards", "manual_title": "User Commands"}
    with mock.patch.dict(os.environ, COLUMNS="10000"):  # roff breaks the lines
        page = Manpage(root, data, format="single-commands-section")
        page.date = ""  # otherwise the page would be another one each day
        page.add_section("EXIT STATUS", ">", _exit_status())
        return str(page)


def _exit_status() -> str:
    lines = [line.split(maxsplit=1) for line in HELP.splitlines()[1:]]
    entries = "\n".join(f".TP\n.B {code}\n{text}" for code, text in lines)
    return entries.replace("-", "\\-") + '\n.PP\nThose of doctor are listed by\n.BR "scardffi doctor \\-\\-help" .'


def page_with_help(text: str) -> str:
    """Return the text of the page with the present help of each command between the marks."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{_help()}{END}{after}"


def _help() -> str:
    with mock.patch.dict(os.environ, COLUMNS="100"):
        every = _with_commands(parser(loaded=True))
        return "".join(f"### {one.prog}\n\n```text\n{_shown(one)}\n```\n\n" for one in every)


def _with_commands(root: ArgumentParser) -> Iterator[ArgumentParser]:
    """Yield a parser, and those of its commands and of their commands."""
    yield root
    for action in root._actions:
        for command in action.choices.values() if isinstance(action.choices, dict) else []:
            yield from _with_commands(command)


def _shown(one: ArgumentParser) -> str:
    """Return the help of a command without the exit codes that all commands have: they stand on the page once."""
    return one.format_help().replace(f"\n{HELP}\n", "").rstrip()


if __name__ == "__main__":
    MAN_PAGE.write_text(man_page(), encoding="utf-8")
    PAGE.write_text(page_with_help(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
