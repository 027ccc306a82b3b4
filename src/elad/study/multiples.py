"""The arms of a study's side, drawn from its results file alone: each in a small view of its own, as a file of SVG."""

from collections.abc import Callable
from typing import Any

from elad.report.plots import Axis, Point, drawn, standalone
from elad.study.curves import leading_unit
from elad.study.plot import ACCEPTED, ACCURACY, ROUND, by_round, by_spend, spent

_SIZE = {"width": 170, "height": 110}
_COLUMNS = 5


def multiples(told: dict[str, Any]) -> str | None:
    """Accuracy against what was spent, and what was accepted by round, an arm a view; None where there is no side.

    The arm that the others are held against is dashed, over the seeds of the side.
    """
    names = [name for name in told["side"] if name in told["arms"]]
    if not names:
        return None
    seeds = {seed for name in names for seed in told["arms"][name]["curves"]}
    base = told["arms"].get(told["against"], {"curves": {}})
    same = {seed: run for seed, run in base["curves"].items() if seed in seeds}
    arms = {name: told["arms"][name] for name in names}
    shown = {**arms, **({told["against"]: {**base, "curves": same}} if same else {})}
    unit = leading_unit(shown)
    grids = [
        _grid(names, told["against"], shown, lambda arm: by_spend(arm, unit), spent(unit), ACCURACY),
        _grid(names, told["against"], shown, lambda arm: by_round(arm, "accepted"), ROUND, ACCEPTED),
    ]
    return standalone(drawn({"vconcat": grids, "spacing": 40}))


def _grid(
    names: list[str],
    base: str,
    arms: dict[str, Any],
    points: Callable[[dict[str, Any]], list[Point]],
    x: Axis,
    y: Axis,
) -> dict[str, Any]:
    rows = [{"series": name, **point._asdict()} for name, arm in arms.items() for point in points(arm)]
    title = f"{y.title} by {x.title}; dashed: {base}"
    return {
        "title": {"text": title, "color": "var(--ink)", "fontSize": 13, "anchor": "start", "offset": 12},
        "data": {"values": rows},
        "concat": [_view(name, base, x, y) for name in names],
        "columns": _COLUMNS,
        "resolve": {"scale": {"x": "shared", "y": "shared"}},
    }


def _view(name: str, base: str, x: Axis, y: Axis) -> dict[str, Any]:
    def only(series: str) -> list[dict[str, Any]]:
        return [{"filter": {"field": "series", "equal": series}}]

    def axis(shown: Axis) -> dict[str, Any]:
        return {"labelExpr": f"datum.value ? format(datum.value, '{shown.format}') : '0'", "tickCount": 3}

    across = {"field": "x", "type": "quantitative", "title": None, "axis": axis(x)}
    up = {"type": "quantitative", "title": None, "axis": axis(y), "scale": {"zero": False}}
    high, line = {"field": "high"}, {**up, "field": "y"}
    return {
        "title": {"text": name, "color": "var(--ink)", "fontSize": 12, "fontWeight": "normal", "limit": _SIZE["width"]},
        **_SIZE,
        "encoding": {"x": across},
        "layer": [
            {
                "transform": only(base),
                "mark": {"type": "line", "stroke": "var(--ink)", "strokeWidth": 1.5, "strokeDash": [4, 3]},
                "encoding": {"y": line},
            },
            {
                "transform": only(name),
                "mark": {"type": "area", "fill": "var(--c1)", "opacity": 0.2},
                "encoding": {"y": {**up, "field": "low"}, "y2": high},
            },
            {
                "transform": only(name),
                "mark": {"type": "line", "stroke": "var(--c1)", "strokeWidth": 2},
                "encoding": {"y": line},
            },
        ],
    }
