"""Each command for cards in a real terminal: on the virtual library, and on a real pcscd."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from support.shape import PLACES

from scardffi import virtual
from scardffi.virtual import DF, Code, FileSystemCard, TransparentEF
from scardffi.virtual.vpcd import VpcdCard

pexpect = pytest.importorskip("pexpect", reason="terminals are tested on Linux, with pexpect")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal of Unix")

CODE, NEW_CODE = "1234", "471199"
ATR = "3B 88 80 01 73 63 61 72 64 66 66 69 07"
COLOUR = re.compile(r"\x1b\[(\d+)m")


class Terminal(NamedTuple):
    """A place with a card, and the environment of programs that use it."""

    reader: str
    environment: dict[str, str]

    def run(
        self, *arguments: str, typed: tuple[str, ...] = (), columns: int = 80, variables: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Run a command in a terminal, type a line at each of its prompts, and return the exit code and the screen."""
        environment = {**self.environment, "TERM": "xterm", "COLUMNS": "", **(variables or {})}
        program = ["-m", "scardffi", *arguments]
        with pexpect.spawn(
            sys.executable, program, env=environment, cwd="/", timeout=20, encoding="utf-8", dimensions=(24, columns)
        ) as terminal:
            screen = ""
            for line in typed:
                terminal.expect("code[a-z ]*: ")
                screen += terminal.before + terminal.after
                terminal.waitnoecho()
                terminal.sendline(line)
            terminal.expect(pexpect.EOF)
            screen += terminal.before
            terminal.close()
        return terminal.exitstatus, screen.replace("\r\n", "\n")

    def card(self, *arguments: str, typed: tuple[str, ...] = ()) -> tuple[int, str]:
        """Run a command with this reader."""
        return self.run(*arguments, "--reader", self.reader, typed=typed)


def new_card() -> FileSystemCard:
    folder = DF(0x5000, [TransparentEF(0x5001, b"hello, world")], name=bytes.fromhex("A0000000010203"))
    return FileSystemCard(DF(files=[folder], references=[Code(1, CODE.encode())]))


@pytest.fixture(params=PLACES)
def terminal(request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """A terminal with a card with a file and a code: in a virtual reader, then in a reader of a real pcscd."""
    with ExitStack() as stack:
        if request.param == "virtual":
            variables = stack.enter_context(virtual.environment({"Desk": new_card()}))
            yield Terminal("Desk", variables)
        else:
            daemon, port = request.getfixturevalue("daemon"), request.getfixturevalue("vpcd_port")
            stack.enter_context(VpcdCard(new_card(), port))
            reader = daemon.vpcd_reader(port, 0)
            daemon.wait_for_card(reader)
            yield Terminal(reader, {**os.environ})
            stack.close()
            daemon.wait_for_card(reader, present=False)


def test_readers_shows_the_reader_and_its_card(terminal: Terminal) -> None:
    code, screen = terminal.run("readers")
    assert code == 0
    assert [terminal.reader, new_card().atr.hex(" ").upper()] in [line.split("\t")[1:] for line in screen.splitlines()]


def test_info_shows_the_library_and_the_reader(terminal: Terminal) -> None:
    code, screen = terminal.card("info")
    assert code == 0
    assert re.search(r"^library\s+\S+", screen, re.MULTILINE)
    assert terminal.reader in screen


def test_send_shows_the_exchange_in_colours(terminal: Terminal) -> None:
    code, screen = terminal.card("send", "00A40004023F0000", "00FF0000")
    assert code == 1
    assert "> 00 A4 00 04 02 3F 00 00" in screen
    assert "\x1b[32m9000 success\x1b[0m" in screen
    assert "\x1b[31m6D00 instruction not supported\x1b[0m" in screen


def test_files_are_listed_printed_and_written(terminal: Terminal, tmp_path: Path) -> None:
    assert "3F00/5000/5001" in terminal.card("ls", "5000", "--probe", "5001", "--quiet")[1]
    source = tmp_path / "source"
    source.write_bytes(b"HELLO")
    assert terminal.card("put", "5000/5001", str(source), "--quiet") == (0, "5 bytes written\n")
    assert terminal.card("cat", "5000/5001", "--quiet") == (0, "48 45 4C 4C 4F 2C 20 77 6F 72 6C 64\n")


def test_codes_are_typed_without_echo(terminal: Terminal) -> None:
    for action, typed in (("verify", (CODE,)), ("change", (CODE, NEW_CODE, NEW_CODE)), ("verify", (NEW_CODE,))):
        code, screen = terminal.card("pin", action, typed=typed)
        assert code == 0, screen
        assert screen.splitlines()[-1] == "done"
        for secret in (CODE, NEW_CODE, CODE.encode().hex(" "), NEW_CODE.encode().hex(" ")):
            assert secret not in screen
    assert terminal.card("pin", "verify", typed=(CODE,))[0] == 1
    assert terminal.card("pin", "tries", "--quiet") == (0, "2 tries left\n")


@pytest.fixture
def offline() -> Terminal:
    return Terminal(virtual.DEFAULT_READER, {**os.environ})


def test_ctrl_c_at_the_prompt_for_a_code_ends_and_turns_the_echo_on_again(offline: Terminal) -> None:
    with pexpect.spawn("sh", env=offline.environment | {"PS1": "$ "}, cwd="/", timeout=20, encoding="utf-8") as shell:
        shell.sendline(f"{sys.executable} -m scardffi --virtual pin verify; echo code=$?")
        shell.expect_exact("code: ")
        shell.waitnoecho()
        shell.sendintr()
        shell.expect_exact("code=130")
        shell.expect_exact("$ ")
        assert shell.getecho()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["atr", *ATR.split()], "protocols: T=0, T=1"),
        (["tlv", "6F058403A00001"], "  84 DF name: A0 00 01"),
        (["sw", "6A82"], "6A82 file or application not found"),
    ],
)
def test_bytes_are_explained(arguments: list[str], shown: str, offline: Terminal) -> None:
    code, screen = offline.run(*arguments)
    assert code == 0
    assert shown in screen.splitlines()


def test_a_program_on_virtual_readers_has_the_terminal_of_the_command(offline: Terminal) -> None:
    program = "import sys, scardffi as s; print(sys.stdin.isatty(), sys.stdout.isatty(), s.Context().list_readers())"
    assert offline.run("virtual", "--reader", "Desk", "--", sys.executable, "-c", program) == (
        0,
        "True True ['Desk']\n",
    )


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "TERM=dumb"])
def test_there_are_no_colours_if_the_user_or_the_terminal_has_none(variable: dict[str, str], offline: Terminal) -> None:
    code, screen = offline.run("--virtual", "send", "0084000008", variables=variable)
    assert code == 0
    assert COLOUR.search(screen) is None


def test_json_has_no_colours(offline: Terminal) -> None:
    assert COLOUR.search(offline.run("--virtual", "--json", "send", "0084000008")[1]) is None


@pytest.mark.parametrize(
    "arguments", [["--help"], ["send", "--help"], ["pin", "--help"], ["completion", "--help"]], ids=" ".join
)
def test_help_fits_a_narrow_terminal(arguments: list[str], offline: Terminal) -> None:
    code, screen = offline.run(*arguments, columns=40)
    assert code == 0
    options = screen[screen.index("options:") : screen.index("exit codes:")]
    assert max(map(len, options.splitlines())) <= 40


@pytest.mark.parametrize("arguments", [["readers"], ["send", "0084000008"], ["info"]], ids=" ".join)
def test_a_narrow_terminal_shows_every_character(arguments: list[str], offline: Terminal) -> None:
    narrow, wide = (offline.run("--virtual", *arguments, columns=columns)[1] for columns in (40, 200))
    if arguments[0] == "send":  # the card answers with other random bytes
        narrow, wide = (re.sub(r"< .*", "<", screen) for screen in (narrow, wide))
    assert narrow == wide
