"""``scardffi bench``: statistics of known times, and measurements of a virtual card and of a card on pcscd."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.cards import READER, RecordingCard
from support.pcscd import PrivatePcscd

from scardffi import virtual
from scardffi.cli._measurements import BINS, histogram, percentile, summary
from scardffi.cli._plot import print_bars
from scardffi.cli.main import main
from scardffi.virtual import VirtualReader


@pytest.mark.parametrize(("percent", "time"), [(5, 15), (30, 20), (40, 20), (50, 35), (95, 50), (100, 50)])
def test_percentiles_are_of_the_nearest_rank(percent: int, time: int) -> None:
    assert percentile([50, 15, 35, 20, 40], percent) == time


@pytest.mark.parametrize(("times", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_percentiles_that_do_not_exist_are_refused(times: list[float], percent: int) -> None:
    with pytest.raises(ValueError, match="allowed are"):
        percentile(times, percent)


def test_each_time_is_in_one_bin_of_the_histogram() -> None:
    times = [float(one) for one in range(1, 101)]
    bins = histogram([*times, 1000.0])
    assert len(bins) == BINS
    assert sum(count for _, _, count in bins) == 101
    assert (bins[0][0], bins[-1][1]) == (1.0, 1000.0)


def test_throughput_is_that_of_all_exchanges_together() -> None:
    found = summary([0.1, 0.3], 8)
    assert found["exchanges_per_second"] == pytest.approx(5)
    assert found["bytes_per_second"] == pytest.approx(40)


def test_json_is_one_value_on_one_line_with_a_result_for_each_length(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--virtual", "--json", "bench", "--command", "00B0000001", "--lengths", "1,16,300", "--count", "5"]
    assert main(arguments) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert [(row["length"], row["count"]) for row in json.loads(line)["results"]] == [(1, 5), (16, 5), (300, 5)]


def test_two_runs_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old = tmp_path / "old.json"
    assert main(["--virtual", "bench", "--count", "5", "--output", str(old)]) == 0
    assert main(["--virtual", "bench", "--count", "5", "--compare", str(old)]) == 0
    assert "times the earlier one" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["0020008004313233340", "00D6000001FF", "80120001", "00200080"])
def test_a_command_that_could_change_the_card_is_refused_before_it_is_sent(command: str) -> None:
    card = RecordingCard()
    with VirtualReader(READER, card), pytest.raises(SystemExit) as end:
        main(["--library", virtual.library_path(), "bench", "--reader", READER, "--command", command])
    assert end.value.code == 2
    assert not card.commands


def test_an_error_of_the_card_exits_with_1_after_one_exchange() -> None:
    card = RecordingCard(lambda _: b"\x69\x82")
    with VirtualReader(READER, card):
        assert main(["--library", virtual.library_path(), "bench", "--reader", READER]) == 1
    assert len(card.commands) == 1


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ({"results": [{}]}, "length"),
        ({"results": 5}, "not iterable"),
        ({"reader": None, "results": [{"command": "x"}]}, "not a result of bench"),
        ({"results": [{"median": -1.0}]}, "-1.0 is not allowed"),
        ({"results": [{"p99": float("nan")}]}, "nan is not allowed"),
        ({"results": [{"max": float("inf")}]}, "inf is not allowed"),
        ({"results": [{"median": 10**400}]}, "not a result of bench"),
        ({"results": [{"histogram": []}]}, "a histogram is empty"),
        ({"results": [{"histogram": [[0, 1]]}]}, "not a result of bench"),
        ({"results": [{"command": "<b>"}]}, "hexadecimal"),
    ],
)
def test_a_file_that_is_no_result_is_refused_before_the_card_is_measured(
    damage: dict[str, Any], problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = {"reader": "Desk", "atr": "3B00", "time": "2026-01-02", **damage}
    row = {"command": "0084000008", "length": 8, "first": 1.0, **summary([1.0, 2.0], 8)}
    if isinstance(saved["results"], list):
        saved["results"] = [{**row, **one} if one else one for one in saved["results"]]
    (tmp_path / "old.json").write_text(json.dumps(saved), encoding="utf-8")
    card = RecordingCard()
    with VirtualReader(READER, card), pytest.raises(SystemExit) as end:
        main(["--library", virtual.library_path(), "bench", "--compare", str(tmp_path / "old.json")])
    assert end.value.code == 2
    assert problem in capsys.readouterr().err
    assert not card.commands


@pytest.mark.parametrize("option", ["--output", "--html"])
def test_a_file_that_cannot_be_written_is_refused_before_the_card_is_measured(option: str, tmp_path: Path) -> None:
    path = str(tmp_path / "absent" / "file")
    command = [sys.executable, "-m", "scardffi", "--virtual", "bench", option, path]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (6, "")
    assert done.stderr == f"scardffi: {path}: No such file or directory\n"


def test_throughput_by_length_is_plotted_with_both_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--virtual", "bench", "--command", "00B0000001", "--count", "5", "--lengths", "1,255"]
    assert main([*arguments, "--output", str(tmp_path / "old.json")]) == 0
    assert main([*arguments, "--compare", str(tmp_path / "old.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    place = len(lines) - 1 - lines[::-1].index("throughput by length")
    rows = [line.split() for line in lines[place + 1 : place + 5]]
    assert [row[0] for row in rows] == ["1", "earlier", "255", "earlier"]
    assert all(row[-1] == "bytes/s" for row in rows)
    assert max(lines[place + one].count("#") for one in (3, 4)) > 20
    assert max(lines[place + one].count("#") for one in (1, 2)) < 20


def test_bars_of_plain_text_are_as_long_as_their_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    print_bars([("a", 20, "x"), ("bb", 10, "y"), ("c", 0, "z")])
    assert capsys.readouterr().out == f" a {'#' * 40} x\nbb {'#' * 20} y\n c  z\n"


def test_bars_of_plain_text_fit_into_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    print_bars([("label", 20, "text"), ("none", 0, "text")])
    assert max(map(len, capsys.readouterr().out.splitlines())) < 20
    print_bars([("label", 0, "t" * 30)])
    assert capsys.readouterr().out == f"label  {'t' * 30}\n"


@pytest.mark.parametrize(("encoding", "bar"), [("utf-8", " us .*\u2588"), ("ascii", " us #+ ")])
def test_a_terminal_shows_the_command_once_and_a_histogram(encoding: str, bar: str) -> None:
    pexpect = pytest.importorskip("pexpect", reason="terminals are tested on Linux, with pexpect")
    arguments = ["-m", "scardffi", "--virtual", "bench", "--command", "00B0000001", "--lengths", "1,9", "--count", "20"]
    environment = {**os.environ, "TERM": "xterm", "PYTHONIOENCODING": encoding}
    terminal = pexpect.spawn(
        sys.executable, arguments, cwd="/", timeout=20, env=environment, encoding="utf-8", dimensions=(24, 46)
    )
    terminal.expect("> 00 B0 00 00 01, 21 times")
    terminal.expect("p99")
    terminal.expect(bar)
    terminal.expect("throughput by length")
    terminal.expect("9 bytes .*[#\u2588]+.* bytes/s")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_a_card_on_pcscd_is_measured(daemon: PrivatePcscd, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--library", "libpcsclite.so.1", "--json", "bench", "--reader", daemon.ifd_reader(0), "--count", "5"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["count"] == 5
