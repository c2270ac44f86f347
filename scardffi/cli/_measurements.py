"""Statistics of measured times: percentiles, a histogram, and throughput."""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

BINS: Final = 12


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
