"""``scardffi virtual``: programs on virtual readers and cards."""

import copy
import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.requirements import need_program

from scardffi import Context, trace, virtual
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
        (["--reader", "A", "--reader", "A", "--", sys.executable], "two readers have the name 'A'"),
        (["--fault", "function=SCardTransmitt,removal", "--", sys.executable], "'SCardTransmitt' is not allowed"),
        (["--fault", "function=SCardConnect,removal", "--", sys.executable], "give SCardTransmit: no other function"),
        (["--fault", "function=SCardConnect", "--", sys.executable], "give exactly one of code, answer, latency"),
        (["--fault", "function=SCardConnect,call=x,stop", "--", sys.executable], "call: 'x' is not allowed; give a"),
        (["--fault", "removed", "--", sys.executable], "'removed' is not allowed; give one of function=, call=,"),
        (["--fault", "stop,stop", "--", sys.executable], "'stop,stop' is not allowed; give stop once"),
        (
            ["--fault", "function=SCardTransmit,answer=9", "--", sys.executable],
            "answer: '9' is not allowed; give two hexadecimal digits",
        ),
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


SEND = [*SCARDFFI, "send", "--reader", "Desk", "00B0000004"]


def in_environment(variables: Mapping[str, str], *command: str) -> str:
    """Run a program and return what it writes to stderr."""
    return subprocess.run(
        command or SEND, env=variables, cwd="/", capture_output=True, text=True, check=False
    ).stderr  # fmt: skip


def test_a_program_has_the_faults_that_are_armed_here_and_those_of_the_argument() -> None:
    with (
        virtual.fault("SCardTransmit", code="SCARD_E_NO_MEMORY") as here,
        virtual.fault("SCardTransmit", call=9, reset=True) as missed,
        virtual.environment(
            {"Desk": virtual.AnsweringCard()},
            faults=["function=SCardConnect, code=0x8010000B"],
        ) as variables,
    ):
        assert "SCARD_E_SHARING_VIOLATION" in in_environment(variables)
        assert variables.missed_faults == [
            "fault,function=SCardTransmit,call=1,times=1,code=0x80100006",
            "fault,function=SCardTransmit,call=9,times=1,reset",
        ]
        assert (here.hits, missed.hits) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "entry"),
    [
        ({"call": 2, "times": 3, "code": 0x80100006}, "call=2,times=3,code=0x80100006"),
        ({"answer": "6A82"}, "call=1,times=1,answer=6a82"),
        ({"latency": 0.0101}, "call=1,times=1,latency=11"),
        ({"removal": True}, "call=1,times=1,removal"),
        ({"reset": True}, "call=1,times=1,reset"),
        ({"stop": True}, "call=1,times=1,stop"),
    ],
)
def test_each_fault_reaches_the_program_and_is_counted(arguments: dict[str, Any], entry: str) -> None:
    with virtual.fault("SCardTransmit", **arguments) as fault:
        with virtual.environment({"Desk": virtual.AnsweringCard()}) as variables:
            text = f"fault,function=SCardTransmit,{entry}"
            assert variables.missed_faults == [text]
            assert f";{text},report=" in variables["SCARDFFI_VIRTUAL"]
            in_environment(variables, *SEND, *["00B0000004"] * 3)
            assert variables.missed_faults == []
        assert fault.hits == 1
    assert fault.hits == 1


def test_an_answer_that_is_too_long_for_another_program_is_refused() -> None:
    with (
        virtual.fault("SCardTransmit", answer=bytes(401)),
        pytest.raises(ValueError, match="401 is not allowed; give at most 400 bytes"),
        virtual.environment({"Desk": None}),
    ):
        pass
    with virtual.fault("SCardTransmit", answer=bytes(400)), virtual.environment({"Desk": None}) as variables:
        assert in_environment(variables, *SCARDFFI, "readers") == ""


def test_an_environment_is_copied_and_pickled_as_a_dictionary() -> None:
    with virtual.environment({"Desk": None}) as variables:
        pickled = pickle.loads(pickle.dumps(variables))  # noqa: S301  made on the line itself
        assert type(copy.copy(variables)) is type(pickled) is dict
        assert copy.copy(variables) == pickled == variables


@pytest.mark.parametrize("way", ["option", "variable", "virtual in virtual"])
def test_a_fault_of_the_option_or_of_the_variable_affects_the_program(way: str) -> None:
    fault, variables = "function=SCardTransmit,removal", dict(os.environ)
    options = [] if way == "variable" else ["--fault", fault]
    if way == "variable":
        variables["SCARDFFI_VIRTUAL"] = f"fault,{fault};"
    inner = [*SCARDFFI, "virtual", "--"] if way == "virtual in virtual" else []
    said = in_environment(
        variables, *SCARDFFI, "virtual", *options, "--", *inner, *SCARDFFI, "send", "00B0000004"
    )  # fmt: skip
    assert "SCARD_E_NO_SMARTCARD" in said
    assert "did not happen" not in said


def test_a_fault_that_did_not_happen_is_printed_and_the_exit_code_is_not_0() -> None:
    done = run("--fault", "function=SCardTransmit,call=9,removal", "--", *SCARDFFI, "readers")
    assert done.returncode == 1
    assert "did not happen: fault,function=SCardTransmit,call=9,times=1,removal" in done.stderr


def test_readers_of_the_variable_are_in_place_of_the_default_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCARDFFI_VIRTUAL", "reader,name=Gate,card=none")
    assert readers() == [("Gate", False)]
    done = run("--reader", "Desk", "--", *SCARDFFI, "readers")
    assert done.returncode == 2
    assert "SCARDFFI_VIRTUAL has readers too: reader,name=Gate,card=none" in done.stderr


def test_the_card_none_leaves_a_reader_empty(card: str) -> None:
    assert readers("--reader", "A", "--card", "none", "--reader", "B", "--card", card) == [("A", False), ("B", True)]


@pytest.fixture
def trace_file(tmp_path: Path) -> str:
    path = str(tmp_path / "trace.pcapng")
    subprocess.run(
        [*SCARDFFI, "trace", "-o", path, "--", *SCARDFFI, "virtual", "--", *SCARDFFI, "send", "00B0000004"],
        cwd="/", check=True, capture_output=True,
    )  # fmt: skip
    return path


def test_a_trace_is_the_card_that_it_recorded(trace_file: str) -> None:
    done = run("--card", trace_file, "--", *SCARDFFI, "send", "00B0000004")
    assert (done.returncode, done.stderr) == (0, "")
    assert "00 01 02 03" in done.stdout
    ends_with_0 = f"import subprocess; subprocess.run({[*SCARDFFI, 'send', '00840000']}, check=False)"
    done = run("--card", trace_file, "--", sys.executable, "-c", ends_with_0)
    assert done.returncode == 1
    assert "virtual: a card raised UnexpectedCommandError: command 1 of the trace" in done.stderr
    done = run("--card", trace_file, "--order", "matching", "--", *SCARDFFI, "send", "00840000")
    assert "6D 00" in done.stdout


def test_commands_of_a_trace_that_were_not_sent_are_counted_and_the_exit_code_is_not_0(tmp_path: Path) -> None:
    path, reader = str(tmp_path / "trace.pcapng"), virtual.DEFAULT_READER
    with virtual.installed(), trace.record(path), Context() as context, context.attach(reader) as card:
        for command in ("00B0000004", "0084000008", "00B0000004", "00B0000004"):
            card.send(command)
    send = [*SCARDFFI, "send", "00B0000004"]
    done = run("--card", path, "--", *send)
    said = f"scardffi: virtual: {reader}: 3 commands of the trace were not sent\n"
    assert (done.returncode, done.stderr) == (1, said)
    done = run("--reader", "Desk", "--card", path, "--", *send, "0084000008", "00B0000004")
    assert (done.returncode, done.stderr) == (1, "scardffi: virtual: Desk: 1 command of the trace was not sent\n")
    done = run("--card", path, "--order", "lenient", "--", *send)
    assert (done.returncode, done.stderr) == (0, "")
    done = run("--card", path, "--", sys.executable, "-c", "raise SystemExit(7)")
    assert done.returncode == 7
    assert "4 commands of the trace were not sent" in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only on Linux other programs find the library")
@pytest.mark.parametrize("way", ["trace around virtual", "virtual around trace", "variable"])
def test_a_foreign_program_on_virtual_readers_is_recorded(way: str, tmp_path: Path) -> None:
    need_program("opensc-tool")
    path = str(tmp_path / "trace.pcapng")
    in_trace, in_virtual = [*SCARDFFI, "trace", "-o", path, "--"], [*SCARDFFI, "virtual", "--reader", "Desk", "--"]
    commands = {
        "trace around virtual": [*in_trace, *in_virtual],
        "virtual around trace": [*in_virtual, *in_trace],
        "variable": in_virtual,
    }
    variables = {**os.environ, "SCARDFFI_TRACE": path} if way == "variable" else dict(os.environ)
    assert in_environment(variables, *commands[way], "opensc-tool", "-l") == ""
    records = list(trace.read(path))
    assert ["Desk"] in [record.arguments.get("readers") for record in records]


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
