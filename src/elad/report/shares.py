"""A share as plain data, with its interval."""

from typing import Any

from elad.evaluate import Score
from elad.sufficiency import exact_interval


def told_share(score: Score, interval: tuple[float, float]) -> dict[str, Any]:
    """How many of how many, as plain data; the share is None of nothing."""
    share = score.share if score.total else None
    return {"right": score.right, "total": score.total, "share": share, "interval": list(interval)}


def told_exactly(score: Score) -> dict[str, Any]:
    """A share as plain data, with its exact 95% interval."""
    return told_share(score, exact_interval(score))
