"""``scardffi virtual``: programs on virtual readers and cards."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.requirements import need_program

from scardffi import virtual
from scardffi.virtual import DF, FileSystemCard, TransparentEF

SCARDFFI = [sys.executable, "-m", "scardffi"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*SCARDFFI, "virtual", *arguments], cwd="/", capture_output=True, text=True, check=False)


def readers(*arguments: str) -> list[tuple[str, bool]]:
    """Return the readers that a program sees, each with whether it has a card."""
    done = run(*arguments, "--", *SCARDFFI, "readers", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [(line["reader"], line["atr"] is not None) for line in lines]


@pytest.fixture
def card(tmp_path: Path) -> str:
    path = tmp_path / "card.json"
    FileSystemCard(DF(files=[TransparentEF(0x5001, b"from a file")])).save(path)
    return str(path)


def test_without_options_there_is_the_default_reader_with_a_card() -> None:
    assert readers() == [(virtual.DEFAULT_READER, True)]


def test_readers_have_the_names_of_the_options_and_cards_in_their_order(card: str) -> None:
    assert readers("--reader", "Left", "--reader", "Right") == [("Left", True), ("Right", True)]
    assert readers("--reader", "Left", "--reader", "Right", "--card", card) == [("Left", True), ("Right", False)]
    assert readers("--card", card, "--card", card) == [(f"scardffi Virtual Reader {n}", True) for n in (0, 1)]


def test_a_program_uses_the_card_of_a_file(card: str) -> None:
    done = run("--card", card, "--", *SCARDFFI, "cat", "--quiet", "5001")
    assert (done.returncode, done.stdout) == (0, "from a file")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux other programs find the library")
def test_a_program_that_does_not_use_scardffi_sees_the_readers() -> None:
    need_program("opensc-tool")
    assert "Left" in run("--reader", "Left", "--", "opensc-tool", "-l").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shell sh and no signals")
def test_the_exit_code_is_that_of_the_program() -> None:
    assert run("--", "sh", "-c", "exit 7").returncode == 7
    assert run("--", "sh", "-c", "kill -9 $$").returncode == 137


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no shell sh and no signals")
def test_a_request_to_end_is_passed_on() -> None:
    command = [*SCARDFFI, "virtual", "--", "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.01; done"]
    with subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"ready\n"
        program.send_signal(signal.SIGTERM)
        try:
            assert program.wait(10) == 5
        finally:
            program.kill()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "give a program after --"),
        (["--", "no-such-program"], "'no-such-program' is not found"),
        (["--card", "/nonexistent.json", "--", sys.executable], "/nonexistent.json: No such file"),
        (["--reader", "a;b", "--", sys.executable], "'a;b' is not allowed; give characters other than"),
    ],
)
def test_wrong_options_exit_with_2(arguments: list[str], problem: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert problem in done.stderr


def test_a_file_that_is_no_card_exits_with_2(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    path.write_text("{}")
    done = run("--card", str(path), "--", sys.executable)
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


class FailingCard:
    """A card whose commands raise an exception."""

    atr = bytes.fromhex("3B80800101")

    def transmit(self, _command: bytes) -> bytes:
        """Raise a KeyError."""
        raise KeyError("no such file")


def use_failing_card(after: Exception | None = None) -> None:
    """Send a command to a FailingCard from another program; then raise an exception in the context."""
    with virtual.environment({"Desk": FailingCard()}) as variables:
        done = subprocess.run([*SCARDFFI, "send", "00840000"], env=variables, cwd="/", capture_output=True, check=False)
        assert b"SCARD_F_COMM_ERROR" in done.stderr
        assert [type(error) for error in variables.errors] == [KeyError]
        if after is not None:
            raise after


def test_the_end_of_an_environment_raises_what_a_card_raised() -> None:
    with pytest.raises(KeyError, match="no such file"):
        use_failing_card()


def test_another_exception_passes_the_end_of_an_environment() -> None:
    with pytest.raises(RuntimeError, match="mine"):
        use_failing_card(RuntimeError("mine"))


def test_no_readers_are_refused() -> None:
    with pytest.raises(ValueError, match="give at least one reader"), virtual.environment({}):
        pass


def test_the_card_of_an_environment_is_in_this_process() -> None:
    class Counter:
        atr = bytes.fromhex("3B80800101")
        count = 0

        def transmit(self, _command: bytes) -> bytes:
            self.count += 1
            return b"\x90\x00"

    card = Counter()
    with virtual.environment({"Desk": card, "Empty": None}) as variables:
        for _ in range(2):
            subprocess.run([*SCARDFFI, "send", "00840000"], env=variables, cwd="/", check=True, capture_output=True)
    assert card.count == 2
    assert os.environ.get("SCARDFFI_VIRTUAL") != variables["SCARDFFI_VIRTUAL"]
