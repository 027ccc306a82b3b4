"""The figures of a report: a drawing, what it says, and the table of its numbers for those who can't see it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

from elad.report.plots import Axis, Point, bars, curves
from elad.report.text import tier
from elad.text import visible

_PERCENT = ".0%"
_WORKS = "attempt ask train evaluate"
_CLASSES = ("cached_tokens", "written_tokens", "reasoning_tokens")


class Figure(NamedTuple):
    """A drawing with its caption, and its numbers as a table."""

    name: str
    caption: str
    svg: str
    header: list[str]
    rows: list[list[str]]


Rounds = Sequence[Mapping[str, Any]]


def accuracy(arms: Mapping[str, Sequence[Rounds]]) -> Figure:
    """Held-out accuracy against what was spent, a curve an arm: of one run, or of several that differ by their seeds.

    The band of one run is the 95% interval of its held-out questions; that of several, of their mean over seeds (by
    Student's t). Where there is but one run, the agreement with the teacher is drawn too.
    """
    every = [rounds for runs in arms.values() for rounds in runs]
    unit = "money" if all("money" in round["spent"] for rounds in every for round in rounds) else "tokens"
    alone = every[0] if len(every) == 1 else None
    series = {name: [_mean(points) for points in _by_round(runs, unit)] for name, runs in arms.items()}
    caption = "Share of the held-out questions that are answered right, by what was spent, with 95% intervals"
    if alone:
        (curve,) = series.values()
        # an audit judges the student that enters its round, made by what was spent before
        before = [float(round["spent"][unit]) for round in alone]
        audits = [round["agreement"] for round in alone[1:]]
        agreed = [_share(x, audit) for x, audit in zip(before, audits, strict=False) if audit["total"]]
        series = {"held-out accuracy": curve, **({"agreement with the teacher": agreed} if agreed else {})}
        caption += "; and how many audited explanations of that student the teacher accepted"
    return _curves(
        "Accuracy against spend", f"{caption}.", series, Axis(f"{unit} spent", "~s"), Axis("share", _PERCENT)
    )


def _by_round(runs: Sequence[Rounds], unit: str) -> Iterator[list[Point]]:
    """Round by round, where each of the runs stands that has come so far."""
    for number in range(max(len(rounds) for rounds in runs)):
        there = [rounds[number] for rounds in runs if number < len(rounds)]
        yield [_share(float(round["spent"][unit]), round["accuracy"]["overall"]) for round in there]


def _mean(points: Sequence[Point]) -> Point:
    from scipy.stats import t

    if len(points) == 1:
        return points[0]
    x, y = fmean(point.x for point in points), fmean(point.y for point in points)
    half = float(t.ppf(0.975, len(points) - 1)) * stdev(point.y for point in points) / len(points) ** 0.5
    return Point(x, y, y - half, y + half)


def by_round(told: Mapping[str, Any], times: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """What the rounds bought, how that went, and what it took, where there is something to show."""
    rounds: Rounds = told["rounds"]
    bought = rounds[1:]
    if not bought:
        return []
    return [
        *_mix(bought),
        _curves(
            "Accepted, and remembered",
            "Share of the annotated explanations that the teacher accepted as they were; and, of what was taught up to "
            "then, the share of a sample whose answer the student gives after the round's training.",
            {
                "accepted": [_of(r["round"], r["accepted"], r["asked"] - r["unusable"]) for r in bought],
                "remembered": [_share(r["round"], r["remembered"]) for r in bought if r["remembered"]["total"]],
            },
            Axis("round"),
            Axis("share", _PERCENT),
        ),
        *_aurocs(bought),
        _bars(
            "Tokens by class",
            "What each round spent, by the classes that are priced apart.",
            {
                after["round"]: _classes(before["spent"], after["spent"])
                for before, after in zip(rounds, bought, strict=False)
            },
            Axis("tokens", "~s"),
        ),
        *_times(times),
    ]


def _mix(bought: Rounds) -> list[Figure]:
    mix = {round["round"]: {name or "(none)": count for name, count in round["domains"].items()} for round in bought}
    if len({name for parts in mix.values() for name in parts}) < 2:
        return []
    caption = "What was annotated in each round, by domain."
    return [_bars("What was bought", caption, _in_order(mix, tier), Axis("annotations"))]


def _aurocs(bought: Rounds) -> list[Figure]:
    names = sorted({name for round in bought for name in round["aurocs"]})
    areas = {name: [Point(r["round"], r["aurocs"][name]) for r in bought if name in r["aurocs"]] for name in names}
    if not areas:
        return []
    caption = (
        "How well each score told the explanations in which the teacher found a flaw from the others: the area under "
        "the ROC curve, over what was paid for. 0.5 is chance."
    )
    return [_curves("Which doubt to trust", caption, areas, Axis("round"), Axis("AUROC", ".2f"))]


def _times(times: Sequence[Mapping[str, Any]]) -> list[Figure]:
    works = {int(time["round"]): time["seconds"] for time in times}
    caption = "Seconds that each round worked at what, resumed work included; round 0 is what comes before the first."
    return [_bars("Time by phase", caption, _in_order(works, _WORKS.find), Axis("seconds", "~s"))] if works else []


def _classes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    spent = {name: after.get(name, 0) - before.get(name, 0) for name in ("input_tokens", "output_tokens", *_CLASSES)}
    plain = {
        "input": spent["input_tokens"] - spent["cached_tokens"] - spent["written_tokens"],
        "output": spent["output_tokens"] - spent["reasoning_tokens"],
    }
    return {**plain, **{name.removesuffix("_tokens"): spent[name] for name in _CLASSES if spent[name]}}


def _in_order(rounds: Mapping[int, Mapping[str, float]], key: Callable[[str], Any]) -> dict[int, dict[str, float]]:
    names = sorted({name for parts in rounds.values() for name in parts}, key=key)
    return {round: {name: parts[name] for name in names if name in parts} for round, parts in rounds.items()}


def _share(x: float, told: Mapping[str, Any]) -> Point:
    return Point(x, told["share"], *told["interval"])


def _of(round: int, part: int, whole: int) -> Point:
    return Point(round, part / whole if whole else 0.0)


def _curves(name: str, caption: str, series: Mapping[str, Sequence[Point]], x: Axis, y: Axis) -> Figure:
    shown = {visible(label): points for label, points in series.items()}
    rows = [[label, *_cells(point, x, y)] for label, points in shown.items() for point in points]
    return Figure(name, caption, curves(shown, x, y), ["", x.title, y.title, "95% interval"], rows)


def _cells(point: Point, x: Axis, y: Axis) -> list[str]:
    def written(value: float | None) -> str:
        return "" if value is None else f"{value:.1%}" if y.format == _PERCENT else f"{value:.2f}"

    interval = f"{written(point.low)} to {written(point.high)}" if point.low is not None else ""
    return [f"{point.x:,.6g}", written(point.y), interval]


def _bars(name: str, caption: str, rounds: Mapping[int, Mapping[str, float]], y: Axis) -> Figure:
    shown = {number: {visible(part): value for part, value in parts.items()} for number, parts in rounds.items()}
    names = list(dict.fromkeys(part for parts in shown.values() for part in parts))
    rows = [[str(number), *_amounts(parts.get(part, 0) for part in names)] for number, parts in shown.items()]
    return Figure(name, caption, bars(shown, y), ["round", *names], rows)


def _amounts(values: Iterable[float]) -> list[str]:
    return [f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}" for value in values]
