"""Several runs in one figure: an arm is what they share, be it one run, or several that differ in their seeds alone."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from elad.report.figure import Figure, Rounds, accuracy_of, against_spend, unit_of
from elad.report.plots import Point


def overlaid(arms: Mapping[str, Sequence[Rounds]]) -> Figure:
    """Held-out accuracy against what was spent, a curve an arm.

    The band of a run that is alone is the 95% interval of its held-out questions; that of several, of their mean over
    seeds, by Student's t. Their curve ends where the first of them does.
    """
    unit = unit_of(rounds for runs in arms.values() for rounds in runs)
    series = {name: mean_curve([accuracy_of(rounds, unit) for rounds in runs]) for name, runs in arms.items()}
    caption = "Share of the held-out questions that are answered right, by what was spent."
    if any(len(runs) == 1 for runs in arms.values()):
        caption += " The band of a run is the 95% interval over its held-out questions."
    if any(len(runs) > 1 for runs in arms.values()):
        caption += (
            " The band of several seeds is the 95% interval of their mean over seeds (Student's t), as far as all came."
        )
    return against_spend("Accuracy against spend", caption, series, unit)


def mean_curve(runs: Sequence[Sequence[Point]]) -> list[Point]:
    """The mean over runs, round by round, with its 95% interval (Student's t); a run that is alone is as it is."""
    return list(runs[0]) if len(runs) == 1 else [_mean(points) for points in zip(*runs, strict=False)]


def _mean(points: Sequence[Point]) -> Point:
    from scipy.stats import t

    x, y = fmean(point.x for point in points), fmean(point.y for point in points)
    half = float(t.ppf(0.975, len(points) - 1)) * stdev(point.y for point in points) / len(points) ** 0.5
    return Point(x, y, max(0.0, y - half), min(1.0, y + half))
