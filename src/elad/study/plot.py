"""A study's results, drawn from their file alone: accuracy against spend, an arm a curve, as a file of SVG."""

from typing import Any

from elad.report.arms import mean_curve
from elad.report.plots import Axis, Point, curves, standalone
from elad.study.curves import curve_of


def plotted(told: dict[str, Any], unit: str = "output_tokens") -> str:
    """The curves of all arms, with the 95% interval of their means over seeds where there are several."""
    series = {
        name: mean_curve([_points(run, unit) for run in arm["curves"].values()]) for name, arm in told["arms"].items()
    }
    return standalone(
        curves(series, Axis(f"teacher's {unit.replace('_', ' ')}", "~s"), Axis("held-out accuracy", ".0%"))
    )


def _points(run: list[dict[str, Any]], unit: str) -> list[Point]:
    curve = curve_of(run, unit)
    return [Point(spend, accuracy) for spend, accuracy in zip(curve.spend, curve.accuracy, strict=True)]
