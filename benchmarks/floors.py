"""What must hold: ratios inside one run, and what an exchange may allocate. `--check` judges by this table."""

from typing import Any, Final, NamedTuple

MARGIN: Final = 0.7
"""A short run on a busy machine passes with this part of a floor; allocations have no margin."""

PEAK: Final = 1024
"""The bytes that an exchange may have in use at a time."""


class Floor(NamedTuple):
    """How many times as fast a path must be as another one."""

    question: str
    """The results' part: exchange (the null library) or pcscd."""
    row: str
    against: str
    length: int
    at_least: float


TABLE: Final = (
    Floor("exchange", "exchange", "pyscard-scard", 16, 3.3),
    Floor("exchange", "exchange", "pyscard-scard", 255, 28),
    Floor("exchange", "unchecked", "pyscard-scard", 16, 5),
    Floor("exchange", "unchecked", "pyscard-scard", 255, 40),
    Floor("exchange", "unchecked", "java-buffer", 16, 1),
    Floor("exchange", "unchecked", "java-buffer", 255, 1),
    Floor("exchange", "transmit", "pyscard-scard", 16, 1.4),
    Floor("exchange", "transmit", "pyscard-scard", 255, 11),
    Floor("exchange", "transmit", "pyscard-connection", 16, 9.5),
    Floor("exchange", "transmit", "pyscard-connection", 255, 38),
    Floor("exchange", "transmit-into", "pyscard-scard", 16, 1.2),
    Floor("exchange", "transmit-into", "pyscard-scard", 255, 9.5),
    Floor("exchange", "script", "c", 16, 1 / 1.3),
    Floor("exchange", "script", "c", 255, 1 / 1.3),
    Floor("pcscd", "script", "c", 16, 1 / 1.02),
    Floor("pcscd", "script", "c", 255, 1 / 1.02),
)
THREADS: Final = 16
THREADS_AT_LEAST: Final = 15.0
VIRTUAL_AT_MOST: Final = 60.0
"""The nanoseconds that the virtual library may take more than a bare function call, for answers of 16 bytes."""
ALLOCATING_NOTHING: Final = ("exchange", "unchecked")


class Verdict(NamedTuple):
    """One line of the check."""

    what: str
    measured: str
    floor: str
    passed: bool | None
    """None: not measured here, because a competitor or pcscd is absent."""


def floors(results: dict[str, Any], margin: float = 1.0) -> list[Verdict]:
    """Judge a run.

    Args:
        results: what `python -m benchmarks` measured.
        margin: the part of each floor that is enough; not for allocations.
    """
    verdicts = [_ratio(results, floor, margin) for floor in TABLE]
    verdicts.append(_threads(results["threads"]["per_second"], margin))
    verdicts.append(_virtual(results["virtual"], margin))
    for row in ALLOCATING_NOTHING:
        entry = next(entry for entry in results["allocation"] if entry["row"] == row)
        passed = entry["net"] == 0 and entry["peak"] < PEAK
        measured = f"{entry['net']} bytes net, peak {entry['peak']}"
        verdicts.append(Verdict(f"{row}, {entry['count']} times", measured, f"0 bytes net, peak below {PEAK}", passed))
    return verdicts


def _ratio(results: dict[str, Any], floor: Floor, margin: float) -> Verdict:
    where = "through pcscd" if floor.question == "pcscd" else "null library"
    what = f"{floor.row} against {floor.against}, {floor.length} bytes, {where}"
    text = f"{floor.at_least:.2f}x as fast"
    part = results[floor.question]
    absent = {entry["row"] for entry in part["absent"]}
    if floor.against in absent or "pcscd" in absent:
        return Verdict(what, "not measured", text, None)
    times = {entry["row"]: entry["ns"][str(floor.length)] for entry in part["rows"]}
    ratio = times[floor.against] / times[floor.row]
    return Verdict(what, f"{ratio:.2f}x", text, ratio >= floor.at_least * margin)


def _threads(per_second: dict[str, float], margin: float) -> Verdict:
    what = f"{THREADS} threads on {THREADS} readers against one on one"
    text = f"{THREADS_AT_LEAST:.1f}x the throughput"
    if not per_second:
        return Verdict(what, "not measured", text, None)
    ratio = per_second[str(THREADS)] / per_second["1"]
    return Verdict(what, f"{ratio:.2f}x", text, ratio >= THREADS_AT_LEAST * margin)


def _virtual(times: dict[str, dict[str, float]], margin: float) -> Verdict:
    more = times["virtual"]["16"] - times["null"]["16"]
    text = f"{VIRTUAL_AT_MOST:.0f} ns more"
    return Verdict(
        "the virtual library against a bare call", f"{more:.0f} ns more", text, more <= VIRTUAL_AT_MOST / margin
    )
