"""A figure: a drawing, what it says, and the table of its numbers for those who can't see it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from elad.report.plots import Axis, Point, bars, curves
from elad.text import visible

PERCENT = ".0%"

Rounds = Sequence[Mapping[str, Any]]
"""The rounds of a summary; the first is what was there before any."""


class Figure(NamedTuple):
    """A drawing with its caption, and its numbers as a table."""

    name: str
    caption: str
    svg: str
    header: list[str]
    rows: list[list[str]]


def of_curves(name: str, caption: str, series: Mapping[str, Sequence[Point]], x: Axis, y: Axis) -> Figure:
    """Curves by their labels, with bands where their points have intervals."""
    shown = {visible(label): points for label, points in series.items()}
    rows = [[label, *_cells(point, y)] for label, points in shown.items() for point in points]
    return Figure(name, caption, curves(shown, x, y), ["", x.title, y.title, "95% interval"], rows)


def of_bars(name: str, caption: str, rounds: Mapping[int, Mapping[str, float]], y: Axis) -> Figure:
    """A bar a round, of parts by their labels."""
    shown = {number: {visible(part): value for part, value in parts.items()} for number, parts in rounds.items()}
    names = list(dict.fromkeys(part for parts in shown.values() for part in parts))
    rows = [[str(number), *_amounts(parts.get(part, 0) for part in names)] for number, parts in shown.items()]
    return Figure(name, caption, bars(shown, y), ["round", *names], rows)


def against_spend(name: str, caption: str, series: Mapping[str, Sequence[Point]], unit: str) -> Figure:
    """Curves of shares against what was spent."""
    return of_curves(name, caption, series, of_spend(f"{unit} spent", unit), Axis("share", PERCENT))


def of_spend(title: str, unit: str) -> Axis:
    """An axis of spend: money without the prefixes by which thousands are k, for small sums would be milli."""
    return Axis(title, "~r" if unit == "money" else "~s")


def unit_of(runs: Iterable[Rounds]) -> str:
    """What the spending of all these runs can be told in: money, where each has a price, or else tokens."""
    return "money" if all("money" in round["spent"] for rounds in runs for round in rounds) else "tokens"


def accuracy_of(rounds: Rounds, unit: str) -> list[Point]:
    """Held-out accuracy by what was spent."""
    return [share_at(float(round["spent"][unit]), round["accuracy"]["overall"]) for round in rounds]


def share_at(x: float, told: Mapping[str, Any]) -> Point:
    """A share with its interval."""
    return Point(x, told["share"], *told["interval"])


def _cells(point: Point, y: Axis) -> list[str]:
    def written(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}" if y.format == PERCENT else f"{value:.2f}"

    interval = f"{written(point.low)} to {written(point.high)}" if point.low is not None else ""
    return [f"{point.x:,.6g}", written(point.y), interval]


def _amounts(values: Iterable[float]) -> list[str]:
    return [f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}" for value in values]
