"""A study's results, drawn from their file alone, as a file of SVG.

An arm a curve: accuracy against every unit of spend, what was accepted, and how well it told who is wrong.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from elad.report.arms import mean_curve
from elad.report.figure import of_spend
from elad.report.plots import Axis, Point, drawn, layers, standalone
from elad.select import SCORES
from elad.study.curves import UNITS, curve_of

ROUND = Axis("round")
ACCURACY = Axis("held-out accuracy", ".0%")
ACCEPTED = Axis("accepted by the teacher", ".0%")
_AREA = Axis("AUROC for being wrong", ".2f")
_STEP = Axis("step of training")
_SIZE = {"width": 400, "height": 230}
_INK = "var(--ink)"


def plotted(told: dict[str, Any]) -> str:
    """The main arms, their accuracy with the 95% interval of its mean over seeds, where there are at least three.

    The arm that is taught everything is a line at what it comes to: its spend would leave the others no room. The
    scores' areas are means over the arms that have them. Where an arm learns its domains in shares that change, these
    are drawn too, means over seeds.
    """
    alone = told["ceiling"] if told["ceiling"] != told["against"] else None
    arms = {name: arm for name, arm in told["arms"].items() if name not in (alone, *told["side"])} or told["arms"]
    panels = [
        _panel({name: by_spend(arm, unit) for name, arm in arms.items()}, spent(unit), ACCURACY, _levels(told, alone))
        for unit in units(arms)
    ]
    for figure, axis in (("accepted", ACCEPTED), ("own_auroc", own_area())):
        panels += _over_rounds({name: by_round(arm, figure) for name, arm in arms.items()}, axis)
    grids = [{"concat": panels, "columns": 2}]
    if scores := _over_rounds(dict(_scores(arms)), _AREA):
        grids.append({"concat": scores})
    if mixed := [_panel(shares, _STEP, _share(name)) for name, arm in arms.items() if (shares := dict(_shares(arm)))]:
        grids.append({"concat": mixed, "columns": 2})
    apart = {"scale": {"color": "independent", "strokeDash": "independent"}}
    return standalone(drawn({"vconcat": grids, "resolve": apart}))


def units(arms: Mapping[str, Any]) -> list[str]:
    """In what the spend of all these arms can be told, and there is any, but for all tokens together."""
    rounds = [round for arm in arms.values() for run in arm["curves"].values() for round in run]
    told = [unit for unit in UNITS if unit != "tokens" and all(unit in round for round in rounds)]
    return [unit for unit in told if any(round[unit] for round in rounds)]


def spent(unit: str) -> Axis:
    """An axis of spend."""
    return of_spend(unit if unit == "annotations" else f"teacher's {unit.replace('_', ' ')}", unit)


def own_area() -> Axis:
    """The axis of the areas of each arm's own score."""
    return _AREA._replace(title="AUROC of its own score")


def by_spend(arm: dict[str, Any], unit: str) -> list[Point]:
    """An arm's mean accuracy against its spend; of two seeds the interval would fill the view and say nothing."""
    curves = [curve_of(run, unit) for run in arm["curves"].values()]
    mean = mean_curve([[Point(x, y) for x, y in zip(*curve, strict=True)] for curve in curves])
    return mean if len(curves) > 2 else _bare(mean)


def by_round(arm: dict[str, Any], figure: str) -> list[Point]:
    """The mean of a figure over an arm's seeds, of the rounds in which every run has it."""
    runs = [{round["round"]: round[figure] for round in run} for run in arm["curves"].values()]
    known = [number for number in runs[0] if all(run.get(number) is not None for run in runs)]
    return [Point(number, fmean(run[number] for run in runs)) for number in known]


def _bare(points: Sequence[Point]) -> list[Point]:
    return [Point(point.x, point.y) for point in points]


def _panel(
    series: Mapping[str, list[Point]], x: Axis, y: Axis, levels: Mapping[str, float] | None = None
) -> dict[str, Any]:
    view = layers({name: points for name, points in series.items() if points}, x, y, marked=False)
    return {**view, **_SIZE, "layer": [*view["layer"], *_ruled(levels or {})]}


def _over_rounds(series: Mapping[str, list[Point]], y: Axis) -> list[dict[str, Any]]:
    """A view of what goes on over rounds; none where there is but one."""
    return [_panel(series, ROUND, y)] if any(len(points) > 1 for points in series.values()) else []


def _levels(told: dict[str, Any], ceiling: str | None) -> dict[str, float]:
    levels = {"target": told["target"]} if told["target"] is not None else {}
    if ceiling in told["arms"]:
        levels[str(ceiling)] = by_spend(told["arms"][ceiling], "annotations")[-1].y
    return levels


def _ruled(levels: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Lines across a view, with their names: the lower one's below it."""
    for name, level in levels.items():
        below = level == min(levels.values())
        data = {"values": [{"level": level, "name": name}]}
        up = {"field": "level", "type": "quantitative"}
        across = {"x": {"value": 0}, "x2": {"value": _SIZE["width"]}, "y": up}
        yield {"data": data, "mark": {"type": "rule", "stroke": _INK, "strokeDash": [2, 3]}, "encoding": across}
        mark = {"type": "text", "align": "left", "dx": 3, "dy": 9 if below else -7, "fill": _INK, "limit": 300}
        yield {"data": data, "mark": mark, "encoding": {"x": {"value": 0}, "y": up, "text": {"field": "name"}}}


def _share(name: str) -> Axis:
    return Axis(f"share of each domain, {name}", ".0%")


def _shares(arm: dict[str, Any]) -> Iterator[tuple[str, list[Point]]]:
    """By domain, its share of what was learnt from each step of the last training on; nothing where they stay."""
    intervals = list(zip(*(run[-1].get("mixture", ()) for run in arm["curves"].values()), strict=True))
    names = intervals[0][0]["shares"] if intervals else ()
    for name in names:
        shares = [fmean(one["shares"][name] for one in of_seeds) for of_seeds in intervals]
        if max(shares) > min(shares):
            yield name, [Point(of_seeds[0]["step"], share) for of_seeds, share in zip(intervals, shares, strict=True)]


def _scores(arms: Mapping[str, Any]) -> Iterator[tuple[str, list[Point]]]:
    for name in SCORES:
        areas = [arm["auroc"][name] for arm in arms.values() if name in arm["auroc"]]
        rounds = range(max(map(len, areas), default=0))
        known = [[by[number] for by in areas if number < len(by) and by[number] is not None] for number in rounds]
        if points := [Point(number, fmean(values)) for number, values in enumerate(known, start=1) if values]:
            yield name, points
