"""Statistics of measured times: percentiles, a histogram, and throughput."""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BINS: Final = 12
TIMES: Final = ("first", "min", "median", "p95", "p99", "max")
"""The times of a result, in the order in which they are shown."""
_RATES: Final = ("exchanges_per_second", "bytes_per_second")


def percentile(times: Sequence[float], percent: float) -> float:
    """Return the least of the times that at least ``percent`` of them do not exceed (the nearest rank).

    Raises:
        ValueError: there are no times, or the percentage is not above 0 and at most 100.
    """
    if not times or not 0 < percent <= 100:
        raise ValueError(
            f"percentile of {len(times)} times, percent={percent!r}: allowed are 1 time or more, and 0 to 100"
        )
    return sorted(times)[math.ceil(percent / 100 * len(times)) - 1]


def histogram(times: Sequence[float]) -> list[tuple[float, float, int]]:
    """Return bins of one width up to the 99th percentile, as begin, end, count. The last one has the rest."""
    low, high = min(times), percentile(times, 99)
    width = (high - low) / BINS
    if not width:
        return [(low, max(times), len(times))]
    counts = [0] * BINS
    for time in times:
        counts[min(int((time - low) / width), BINS - 1)] += 1
    edges = [low + width * place for place in range(BINS)] + [max(times)]
    return list(zip(edges, edges[1:], counts, strict=False))


def summary(times: Sequence[float], length: int) -> dict[str, Any]:
    """Return the statistics of exchanges as JSON has them: times in seconds.

    Args:
        times: the time of each exchange in seconds.
        length: the bytes of data in each response.
    """
    return {
        "count": len(times),
        "min": min(times),
        "median": median(times),
        "p95": percentile(times, 95),
        "p99": percentile(times, 99),
        "max": max(times),
        "exchanges_per_second": 1 / fmean(times),
        "bytes_per_second": length / fmean(times),
        "histogram": histogram(times),
    }


def restored(row: dict[str, Any]) -> dict[str, Any]:
    """Return the statistics of a command that were saved as JSON.

    Raises:
        KeyError: one is missing.
        TypeError: one is not a number, or the histogram is no list of triples.
        ValueError: the command is not hexadecimal, the histogram is empty, or a number is negative or not finite.
    """
    result: dict[str, Any] = {name: int(row[name]) for name in ("length", "count")}
    result |= {name: float(row[name]) for name in (*TIMES, *_RATES)}
    bins = [(float(begin), float(end), int(count)) for begin, end, count in row["histogram"]]
    for number in [*result.values(), *(number for one in bins for number in one)]:
        if not 0 <= number < math.inf:
            raise ValueError(f"{number!r} is not allowed; statistics are finite and not negative")
    if not bins:
        raise ValueError("a histogram is empty")
    return {"command": bytes.fromhex(row["command"]).hex().upper(), **result, "histogram": bins}


def same_command(row: dict[str, Any], result: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return the statistics of the same command in another result, if it has them."""
    return next((one for one in result["results"] if one["command"] == row["command"]), None) if result else None


def duration(seconds: float) -> str:
    """Return a time as text with four digits."""
    return f"{seconds * 1e6:.4g} us" if seconds < 1e-3 else f"{seconds * 1e3:.4g} ms"


def per_second(number: float) -> str:
    """Return a number of bytes or exchanges in a second as text, with spaces between thousands."""
    return f"{number:.3g}" if number < 100 else f"{number:,.0f}".replace(",", " ")


def byte_count(length: int) -> str:
    """Return a number of bytes as text."""
    return "1 byte" if length == 1 else f"{length} bytes"
