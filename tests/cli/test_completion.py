"""The completion of ``scardffi`` in shells."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.requirements import need_program

from scardffi.cli.completion import SHELLS
from scardffi.cli.main import main

pytest.importorskip("shtab", reason="the extra cli is not installed")


def completions(script: str, line: str, folder: Path) -> list[str]:
    """Return what bash offers after a line; it asks the function that the script registers."""
    program = f"""
        source {script}
        COMP_WORDS=({line}) COMP_CWORD=$(({len(line.split())} - 1))
        [[ $(complete -p scardffi) == *"-F _shtab_scardffi scardffi" ]] || exit 1
        _shtab_scardffi
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", program], cwd=folder, capture_output=True, text=True, check=True, timeout=20
    )
    return done.stdout.split()


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    need_program("bash")
    assert main(["completion", "bash"]) == 0
    path = tmp_path / "scardffi.bash"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    return path.as_posix()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no bash")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("scardffi re", ["readers"]),
        ("scardffi send --ex", ["--exclusive", "--expect"]),
        ("scardffi send --protocol t", ["t0", "t1"]),
        ("scardffi pin ver", ["verify"]),
        ("scardffi trace sh", ["show"]),
        ("scardffi trace show --sl", ["--slow"]),
        ("scardffi script scardffi.b", ["scardffi.bash"]),
        ("scardffi put 5001 scardffi.b", ["scardffi.bash"]),
    ],
)
def test_bash_completes_commands_options_values_and_files(
    line: str, offered: list[str], script: str, tmp_path: Path
) -> None:
    assert completions(script, line, tmp_path) == offered


@pytest.mark.skipif(sys.platform == "win32", reason="pexpect needs a pseudo-terminal of Unix")
def test_the_tab_key_completes_a_command_and_an_option_in_a_terminal(script: str) -> None:
    import pexpect

    with pexpect.spawn("bash", ["--norc", "--noprofile"], encoding="utf-8", timeout=10) as bash:
        bash.sendline(f"PS1='rea''dy> '; TERM=dumb; source {script}")
        bash.expect_exact("ready> ")
        bash.send("scardffi se\t")
        bash.expect_exact("scardffi send ")
        bash.send("--get\t")
        bash.expect_exact("--get-response ")


@pytest.mark.parametrize("shell", SHELLS)
def test_there_is_a_script_for_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "get-response" in capsys.readouterr().out


def test_without_shtab_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as end:
        main(["completion", "bash"])
    assert end.value.code == 2
    assert 'pip install "scardffi[cli]"' in capsys.readouterr().err
