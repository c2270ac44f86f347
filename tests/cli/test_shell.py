"""The command ``shell``, in a terminal and without one."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.pcscd import PrivatePcscd

from scardffi.cli._shell_input import completions, history_file

pexpect = pytest.importorskip("pexpect", reason="terminals are tested on Linux, with pexpect")

COMMAND = [sys.executable, "-I", "-c", "import sys; from scardffi.cli.main import main; sys.exit(main())"]
CODE_WITHOUT_PROMPT_TOOLKIT = (
    "import sys, importlib.util as u; find = u.find_spec;"
    "u.find_spec = lambda name, *rest: None if name == 'prompt_toolkit' else find(name, *rest);"
    "from scardffi.cli.main import main; sys.exit(main())"
)
WITHOUT_PROMPT_TOOLKIT = [sys.executable, "-I", "-c", CODE_WITHOUT_PROMPT_TOOLKIT]
END = pexpect.EOF
in_a_terminal = pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal of Unix")


def typed(*lines: str, options: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, "--virtual", "shell", *options],
        input="\n".join(lines), cwd="/", capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@contextmanager
def terminal(*arguments: str, state: Path, command: list[str] = COMMAND, **environment: str) -> Iterator[Any]:
    """Start a shell in a terminal, and wait for its prompt."""
    variables = {**os.environ, "TERM": "xterm", "XDG_STATE_HOME": str(state), "PROMPT_TOOLKIT_NO_CPR": "1"}
    variables |= environment
    every = [*command[1:], *arguments, "shell"]
    with pexpect.spawn(command[0], every, env=variables, cwd="/", timeout=10, encoding="utf-8") as shell:
        shell.expect_exact("scardffi>")
        yield shell


def test_lines_of_a_pipe_are_done_in_order() -> None:
    done = typed("00 B0 00 00 02", "sw", "set A = 01", "repeat 2", "00B00000$A", "end", "foo", "exit", "00B0000003")
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line[0] in ">9"] == [
        "> 00 B0 00 00 02", "9000 success", "> 00 B0 00 00 01", "> 00 B0 00 00 01",
    ]  # fmt: skip
    assert done.stderr.startswith("scardffi: column 1: foo is not allowed here; give a command in hexadecimal digits")


def test_own_commands_work_with_and_without_a_card(tmp_path: Path) -> None:
    file = tmp_path / "file.scr"
    file.write_text("00B0000001\n00B0000002\n", encoding="utf-8")
    done = typed("help", "readers", "atr", "tlv 5001AA", f"run {file}", "detach", "atr", "attach 0", "reset", "tlv")
    said = ("connect to a card", "0\tscardffi Virtual Reader 0", "T=0, T=1", "> 00 B0 00 00 02", "< OK: 3B 88")
    assert [text for text in said if text not in done.stdout] == []
    assert "no card is attached; attach connects to one" in done.stderr


def test_json_has_a_line_for_each_result() -> None:
    done = typed("00B0000001", "sw", options=("--json",))
    assert [sorted(json.loads(line)) for line in done.stdout.splitlines()][1:3] == [
        ["command", "line", "meaning", "response", "sw"],
        sorted(json.loads(done.stdout.splitlines()[2])),
    ]


@in_a_terminal
def test_the_history_has_commands_and_no_secrets(tmp_path: Path) -> None:
    with terminal("--virtual", state=tmp_path) as shell:
        for line, said in (
            ("00B0000001", "9000 success"),
            ("00 20 00 80 04 31 32 33 34", "6D00 instruction"),
            ("set KEY = AABB", "set KEY"),
            ("002000800431323", "column 15"),
        ):
            shell.sendline(line)
            shell.expect_exact(said)
        shell.sendline("ask PIN")
        shell.expect_exact("PIN: ")
        shell.sendline("987654")
        shell.sendline("00200080 ${#PIN} $PIN")
        shell.expect_exact("** ** ** ** ** **")
        shell.expect_exact("6D00 instruction")
        shell.expect_exact("scardffi>")
        shell.sendcontrol("d")
        shell.expect(END)
    file = tmp_path / "scardffi" / "shell-history"
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("+")]
    assert lines == ["+00B0000001", "+ask PIN", "+00200080 ${#PIN} $PIN"]
    assert file.stat().st_mode & 0o777 == 0o600
    with terminal("--virtual", state=tmp_path) as shell:
        shell.send("\x1b[A\x1b[A\x1b[A")  # up
        shell.send("\r")
        shell.expect_exact("> 00 B0 00 00 01")


@in_a_terminal
def test_tab_completes_and_ctrl_c_drops_a_line(tmp_path: Path) -> None:
    with terminal("--virtual", state=tmp_path, NO_COLOR="1") as shell:
        shell.send("atta\t")
        shell.expect_exact("ch")
        shell.send("0\r")
        shell.expect_exact("reader scardffi Virtual Reader 0")
        shell.send("repeat 2\r")
        shell.expect_exact("...")
        shell.sendcontrol("c")
        shell.expect_exact("scardffi>")
        shell.send("00FF000000\r")
        shell.expect_exact("  6D00 instruction not supported")
        shell.send("exit\r")
        shell.expect(END)
        shell.wait()
        assert shell.exitstatus == 0


@in_a_terminal
def test_without_prompt_toolkit_lines_are_read_by_input(tmp_path: Path) -> None:
    with terminal("--virtual", state=tmp_path, command=WITHOUT_PROMPT_TOOLKIT) as shell:
        shell.sendline("00B0000001")
        shell.expect_exact("9000 success")
        shell.expect_exact("scardffi>")
        shell.sendcontrol("c")
        shell.expect_exact("scardffi>")
        shell.sendcontrol("d")
        shell.expect(END)
        shell.wait()
        assert shell.exitstatus == 0
    assert not list(tmp_path.iterdir())


@in_a_terminal
def test_a_removed_card_is_told_and_attach_connects_again(removal_daemon: PrivatePcscd, tmp_path: Path) -> None:
    reader = removal_daemon.ifd_reader(2)
    with terminal("--library", "libpcsclite.so.1", state=tmp_path) as shell:
        shell.sendline(f"attach {reader}")
        shell.expect_exact("ATR 3B")
        shell.expect_exact("scardffi>")
        removal_daemon.remove_card(2)
        try:
            shell.sendline("00B0000001")
            shell.expect_exact("attach connects again")
            shell.expect_exact("scardffi>")
        finally:
            removal_daemon.insert_card(2)
        shell.sendline("attach")
        shell.expect_exact("ATR 3B")
        shell.sendline("00B0000001")
        shell.expect_exact("9000 success")
        shell.expect_exact("scardffi>")
        shell.sendcontrol("d")
        shell.expect(END)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("det", "detach "),
        ("SEL", "00 A4 "),
        ("read rec", "00 B2 "),
        ("attach vir", "A Virtual Reader"),
        ("attach ", "Other"),
    ],
)
def test_words_instructions_and_readers_are_completed(before: str, text: str) -> None:
    found = completions(before, ["detach", "attach"], lambda: ["A Virtual Reader", "Other"])
    assert text in [one for one, _ in found]


def test_the_history_is_in_the_users_folder_for_states(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", str(tmp_path))
    assert history_file() == tmp_path / "scardffi" / "shell-history"
