"""Faults of pyscard's Python layers, beside what happens with scardffi's."""

import json
import math
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.modes import program_named, run_in_mode
from support.reports import report
from support.requirements import need_module

TOGETHER = ("commands", "wrong_bytes", "cut_atr", "connect_twice", "collected_without_service")
SEPARATE = (
    "steady_timeout",
    "interrupted",
    "service_restarted",
    "failing_observer",
    "name_in_any_script",
    "threads_started",
)
ANSWER = "([0, 1, 2, 3], 144, 0)"


def run(mode: str, *scenarios: str) -> tuple[Any, str]:
    """Run scenarios of the program in a process; return their results by name, and what the process said."""
    done = run_in_mode(mode, program_named("smartcard_scenarios.py"), *scenarios)
    if mode == "pyscard" and scenarios == ("name_in_any_script",) and done.returncode < 0:
        return {scenarios[0]: "a crash"}, done.stderr  # of pyscard's module for Python 3.12
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@pytest.fixture(scope="module")
def both() -> Callable[[str], tuple[Any, Any]]:
    """Return what happens in a scenario under pyscard, and under scardffi."""
    need_module("smartcard")
    processes = [TOGETHER, *((one,) for one in SEPARATE)]
    with ThreadPoolExecutor(3) as pool:
        ours = pool.submit(run, "all", *TOGETHER, *SEPARATE)
        theirs = list(pool.map(lambda scenarios: run("pyscard", *scenarios)[0], processes))
    pyscard = {name: result for results in theirs for name, result in results.items()}
    found, said = ours.result()
    found["stderr"] = said
    return lambda name: (pyscard.get(name), found[name])


def test_a_command_may_be_any_kind_of_bytes(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("commands")
    assert {outcome.partition(":")[0] for outcome in pyscard.values()} == {"TypeError"}
    assert set(ours.values()) == {ANSWER}


def test_a_number_that_is_no_byte_is_refused_by_its_place(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("wrong_bytes")
    assert pyscard == [ANSWER, ANSWER]  # 260 and -252 were sent as 04
    assert ours == [
        f"InvalidArgumentError: command[4]: {number} is not allowed; give 0 to 255" for number in (260, -252)
    ]


def test_an_atr_may_be_cut_or_too_long(both: Callable[[str], tuple[Any, Any]]) -> None:
    assert both("cut_atr") == (["IndexError: list index out of range", "100"], ["17", "100"])


def test_a_second_connect_leaks_no_handle(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("connect_twice")
    assert pyscard.startswith("CardConnectionException: ")  # the first handle keeps the exclusive connection out
    assert ours == "None"


def test_a_collected_connection_prints_nothing(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("collected_without_service")
    assert "Exception ignored in" in pyscard
    assert ours == ""


def test_a_timeout_lasts_as_long_as_asked_while_a_card_flickers(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("steady_timeout")
    assert pyscard[0] < 0.59
    assert 0.59 < ours[0] < 5  # the flicker does not end before the wait
    assert pyscard[1] == ours[1] == "CardRequestTimeoutException"


def test_ctrl_c_ends_a_wait_for_a_card_as_a_keyboard_interrupt(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("interrupted")
    assert pyscard[0] == "CardRequestTimeoutException"
    assert ours[0] == "KeyboardInterrupt"
    assert ours[1] < 1  # before its timeout


def test_a_monitor_goes_on_after_the_service_was_restarted(both: Callable[[str], tuple[Any, Any]]) -> None:
    assert both("service_restarted") == (False, True)


def test_an_observer_that_raises_is_logged_and_stops_nothing(both: Callable[[str], tuple[Any, Any]]) -> None:
    assert both("failing_observer") == ("addObserver raised", True)
    said = both("stderr")[1]
    assert "failed" in said
    assert "ValueError: an error of the program's" in said


def test_a_monitor_takes_names_in_any_script(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("name_in_any_script")
    assert pyscard in {False, "a crash"}
    assert ours is True


def test_a_monitor_starts_no_thread_for_an_event(both: Callable[[str], tuple[Any, Any]]) -> None:
    pyscard, ours = both("threads_started")
    assert pyscard >= 20
    assert ours <= 2


def test_a_plugged_reader_is_told_ten_times_sooner_than_by_pyscard() -> None:
    need_module("smartcard")
    with ThreadPoolExecutor(2) as pool:
        pyscard, ours = pool.map(lambda mode: run(mode, "reader_latency")[0]["reader_latency"], ("pyscard", "all"))
    report(
        f"reader plugged to callback, median of {len(ours)}: pyscard {statistics.median(pyscard) * 1e3:.0f} ms, "
        f"scardffi.compat {statistics.median(ours) * 1e3:.2f} ms"
    )
    assert statistics.median(ours) * 10 < statistics.median(pyscard)


@pytest.mark.alone
def test_an_inserted_card_is_told_as_soon_as_by_pyscard() -> None:
    need_module("smartcard")
    best = {"pyscard": math.inf, "all": math.inf}
    for _ in range(4):  # other programs can slow down all of a round
        for mode, known in best.items():
            seconds = run(mode, "card_latency")[0]["card_latency"]
            best[mode] = min(known, statistics.median(seconds))
        if best["all"] <= best["pyscard"] * 1.1:
            break
    report(
        f"card inserted to callback, median of {len(seconds)}: pyscard {best['pyscard'] * 1e3:.3f} ms, "
        f"scardffi.compat {best['all'] * 1e3:.3f} ms"
    )
    assert best["all"] <= best["pyscard"] * 2
