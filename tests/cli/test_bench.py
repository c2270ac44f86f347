"""``scardffi bench``: statistics of known times, and measurements of a virtual card and of a card on pcscd."""

import json
import sys
from pathlib import Path

import pytest
from support.cards import READER, RecordingCard
from support.pcscd import PrivatePcscd

from scardffi import virtual
from scardffi.cli._measurements import BINS, histogram, percentile, summary
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
    assert "times the old one" in capsys.readouterr().out


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


def test_a_terminal_shows_the_command_once_and_a_histogram() -> None:
    pexpect = pytest.importorskip("pexpect", reason="terminals are tested on Linux, with pexpect")
    arguments = ["-m", "scardffi", "--virtual", "bench", "--count", "20"]
    terminal = pexpect.spawn(sys.executable, arguments, cwd="/", timeout=20)
    terminal.expect("> 00 84 00 00 08, 21 times")
    terminal.expect("p99")
    terminal.expect("ms #+ ")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_a_card_on_pcscd_is_measured(daemon: PrivatePcscd, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--library", "libpcsclite.so.1", "--json", "bench", "--reader", daemon.ifd_reader(0), "--count", "5"]
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["count"] == 5
