"""What every benchmark does with a clock."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


def timed(work: Callable[[], Any], times: int = 1) -> float:
    """The mean time of doing work so many times."""
    began = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - began) / times


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median and the range."""
    return {"median": round(statistics.median(values), 3), "low": round(min(values), 3), "high": round(max(values), 3)}
