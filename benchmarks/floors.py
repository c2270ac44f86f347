"""The limits that `--check` applies to a run: ratios between rows, and the memory of an exchange."""

from typing import Any, Final, NamedTuple

from benchmarks.bench_script import CASES, LABELS, Case

MARGIN: Final = 0.7
"""The fraction of each floor that a short run on a busy machine must reach. Allocations have no margin."""

PEAK: Final = 1024
"""The limit of the memory that an exchange uses at a time, in bytes; it must use less."""


class Floor(NamedTuple):
    """The minimum speed of a row relative to another row."""

    part: str
    """The part of the results: exchange (the null library) or pcscd."""
    row: str
    against: str
    length: int
    at_least: float


TABLE: Final = (
    *(
        Floor("exchange", row, "pyscard-scard", length, at_least)
        for row in ("transmit", "transmit-into")
        for length, at_least in ((2, 2.8), (16, 5.5), (255, 40))
    ),
    *(
        Floor("exchange", "transmit", java, length, 1)
        for java in ("java-command", "java-buffer")
        for length in (2, 16, 255)
    ),
    *(Floor("exchange", "exchange", "transmit-into", length, 1) for length in (2, 16, 255)),
    Floor("exchange", "raw", "pyscard-scard", 16, 1),
    Floor("exchange", "raw", "pyscard-scard", 255, 6),
    Floor("exchange", "transmit", "pyscard-connection", 16, 40),
    Floor("exchange", "transmit", "pyscard-connection", 255, 150),
    Floor("exchange", "script", "c", 16, 1 / 1.3),
    Floor("pcscd", "script", "c", 16, 1 / 1.02),
    Floor("pcscd", "script", "c", 255, 1 / 1.02),
)


class ScriptLimit(NamedTuple):
    """The maximum time of an exchange in a script, relative to another row of bench_script.py."""

    row: str
    against: str
    case: Case
    at_most: float


SCRIPTS: Final = (
    ScriptLimit("run", "c", CASES[0], 4),
    ScriptLimit("into", "behind", CASES[1], 1.15),
    ScriptLimit("into", "behind", CASES[2], 1.3),
)
CARD_AT_MOST: Final = 0.65
"""The maximum of the time of a command to a card in Python, relative to a card behind a callback of ctypes."""
RAW_AT_MOST: Final = {"numbers": 3.0, "data": 6.0}
"""The maximum of the time of a raw function relative to pyscard's, by the kind of the row in bench_raw.py."""
THREADS: Final = 16
THREADS_AT_LEAST: Final = 15.0
VIRTUAL_AT_MOST: Final = 60.0
"""The maximum of the nanoseconds that the virtual library adds to a function call, for responses of 16 bytes."""
READERS_AT_MOST: Final = 2.0
"""The maximum of the time of a call with 1 000 virtual readers, relative to the time with 10."""
IMPORT_AT_MOST: Final = 1.0
"""The maximum of the time that importing scardffi adds, relative to smartcard.System."""
ALLOCATING_NOTHING: Final = ("exchange", "unchecked")


class Verdict(NamedTuple):
    """A line of the check's output."""

    what: str
    measured: str
    floor: str
    passed: bool | None
    """None if it was not measured, because a competitor or pcscd is absent."""


def floors(results: dict[str, Any], margin: float = 1.0) -> list[Verdict]:
    """Compare the results of a run with all limits.

    Args:
        results: the results of `python -m benchmarks`.
        margin: the fraction of each floor that must be reached. It does not apply to allocations.
    """
    verdicts = [_ratio(results, floor, margin) for floor in TABLE]
    verdicts += [_script(results["scripts"], limit, margin) for limit in SCRIPTS]
    verdicts += [_raw(row, margin) for row in results["raw"]]
    verdicts.append(_card(results["card"]["rows"], margin))
    verdicts.append(_threads(results["threads"]["per_second"], margin))
    verdicts.append(_virtual(results["virtual"], margin))
    verdicts += [_readers(call, times, margin) for call, times in results["readers"].items()]
    verdicts.append(_import(results["imports"], margin))
    for row in ALLOCATING_NOTHING:
        entry = next(entry for entry in results["allocation"] if entry["row"] == row)
        passed = entry["net"] == 0 and entry["peak"] < PEAK
        measured = f"{entry['net']} bytes net, peak {entry['peak']}"
        verdicts.append(Verdict(f"{row}, {entry['count']} times", measured, f"0 bytes net, peak below {PEAK}", passed))
    return verdicts


def _ratio(results: dict[str, Any], floor: Floor, margin: float) -> Verdict:
    where = "through pcscd" if floor.part == "pcscd" else "null library"
    what = f"{floor.row} against {floor.against}, {floor.length} bytes, {where}"
    text = f"{floor.at_least:.2f}x as fast"
    measured = results[floor.part]
    absent = {entry["row"] for entry in measured["absent"]}
    if floor.against in absent or "pcscd" in absent:
        return Verdict(what, "not measured", text, None)
    times = {entry["row"]: entry["ns"][str(floor.length)] for entry in measured["rows"]}
    ratio = times[floor.against] / times[floor.row]
    return Verdict(what, f"{ratio:.2f}x", text, ratio >= floor.at_least * margin)


def _script(rows: list[dict[str, Any]], limit: ScriptLimit, margin: float) -> Verdict:
    times = {entry["row"]: entry["ns"][limit.case.name] for entry in rows}
    ratio = times[limit.row] / times[limit.against]
    what = f"{LABELS[limit.row]} against {LABELS[limit.against]}, {limit.case.name}"
    return Verdict(what, f"{ratio:.2f}x", f"at most {limit.at_most:.2f}x the time", ratio <= limit.at_most / margin)


def _raw(row: dict[str, Any], margin: float) -> Verdict:
    ratio = row["scardffi"] / row["pyscard"]
    at_most = RAW_AT_MOST[row["kind"]]
    what = f"raw {row['label']} against pyscard's"
    return Verdict(what, f"{ratio:.2f}x", f"at most {at_most:.0f}x the time", ratio <= at_most / margin)


def _card(rows: list[dict[str, Any]], margin: float) -> Verdict:
    times = {row["row"]: row["ns"] for row in rows}
    ratio = times["transmit"] / times["ctypes-callback"]
    text = f"at most {CARD_AT_MOST:.2f}x the time"
    what = "a command to a card in Python against a card behind a ctypes callback"
    return Verdict(what, f"{ratio:.2f}x", text, ratio <= CARD_AT_MOST / margin)


def _threads(per_second: dict[str, float], margin: float) -> Verdict:
    what = f"{THREADS} threads on {THREADS} readers against one on one"
    text = f"{THREADS_AT_LEAST:.1f}x the throughput"
    if not per_second:
        return Verdict(what, "not measured", text, None)
    ratio = per_second[str(THREADS)] / per_second["1"]
    return Verdict(what, f"{ratio:.2f}x", text, ratio >= THREADS_AT_LEAST * margin)


def _virtual(times: dict[str, dict[str, float]], margin: float) -> Verdict:
    more = times["virtual"]["16"] - times["null"]["16"]
    text = f"at most {VIRTUAL_AT_MOST:.0f} ns more"
    return Verdict(
        "the virtual library against a function call", f"{more:.0f} ns more", text, more <= VIRTUAL_AT_MOST / margin
    )


def _readers(call: str, times: dict[str, float], margin: float) -> Verdict:
    ratio = times["1000"] / times["10"]
    text = f"at most {READERS_AT_MOST:.2f}x the time"
    return Verdict(f"{call}: 1000 virtual readers against 10", f"{ratio:.2f}x", text, ratio <= READERS_AT_MOST / margin)


def _import(times: dict[str, float], margin: float) -> Verdict:
    ratio = times["scardffi"] / times["smartcard.System"]
    text = f"at most {IMPORT_AT_MOST:.2f}x the time"
    what = "importing scardffi against smartcard.System"
    return Verdict(what, f"{ratio:.2f}x", text, ratio <= IMPORT_AT_MOST / margin)
