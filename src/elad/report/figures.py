"""The figures of one run."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import log
from typing import Any

from elad.report.figure import (
    PERCENT,
    Figure,
    Rounds,
    against_spend,
    of_bars,
    of_curves,
    share_at,
    unit_of,
)
from elad.report.plots import Axis, Point
from elad.report.text import tier

_WORKS = "attempt ask train revisit evaluate"
_CLASSES = ("cached_tokens", "written_tokens", "reasoning_tokens")


def accuracy(rounds: Rounds, forecast: Mapping[str, Any] | None = None) -> Figure:
    """Held-out accuracy against what was spent, the agreement with the teacher, and what is expected, also beyond."""
    unit = forecast["unit"] if forecast else unit_of([rounds])
    curve = [share_at(point["spend"], point) for point in forecast["curve"]] if forecast else []
    spends = [point.x for point in curve] or [float(round["spent"][unit]) for round in rounds]
    # an audit judges the student that enters its round, made by what was spent before
    agreed = [
        share_at(spend, round["agreement"])
        for spend, round in zip(spends, rounds[1:], strict=False)
        if round["agreement"]["total"]
    ]
    caption = "Share of the held-out questions that are answered right, by what was spent, with 95% intervals"
    if agreed:
        caption += f"; and how many of the audited {rounds[-1]['judged']} of that student the teacher accepted"
    if curve:
        ahead = len(curve) - len(rounds)
        caption += f". Expected: the learning curve by these scores, to {ahead} rounds beyond the last"
    measured = [share_at(spend, round["accuracy"]["overall"]) for spend, round in zip(spends, rounds, strict=False)]
    series = {"held-out accuracy": measured, "agreement with the teacher": agreed, "expected": curve}
    shown = {name: points for name, points in series.items() if points}
    return against_spend("Accuracy against spend", f"{caption}.", shown, unit.replace("_", " "))


def by_round(told: Mapping[str, Any], times: Sequence[Mapping[str, Any]]) -> list[Figure]:
    """What the rounds bought, how that went, and what it took, where there is something to show."""
    rounds: Rounds = told["rounds"]
    bought = rounds[1:]
    if not bought:
        return []
    return [
        *_mix(bought),
        of_curves(
            "Accepted, and remembered",
            f"Share of the annotated {bought[-1]['judged']} that the teacher accepted; and, of a sample of what was "
            "taught up to then, the share whose answer the student gives after the round's training. "
            "With 95% intervals.",
            {
                name: [share_at(round["round"], round[name]) for round in bought if round[name]["total"]]
                for name in ("accepted", "remembered")
            },
            Axis("round"),
            Axis("share", PERCENT),
        ),
        *_aurocs(bought),
        *_mixtures(bought),
        of_bars(
            "Tokens by class",
            "What each round spent, by the classes that are priced apart.",
            {after["round"]: _classes(before["spent"], after["spent"]) for before, after in pairwise(rounds)},
            Axis("tokens", "~s"),
        ),
        *_times(times, bought[-1]["round"]),
    ]


def _mix(bought: Rounds) -> list[Figure]:
    mix = {round["round"]: {name or "(none)": count for name, count in round["domains"].items()} for round in bought}
    if len({name for parts in mix.values() for name in parts}) < 2:
        return []
    caption = "What was annotated in each round, by domain."
    return [of_bars("What was bought", caption, _in_order(mix, tier), Axis("annotations"))]


def _aurocs(bought: Rounds) -> list[Figure]:
    names = sorted({name for round in bought for name in round["aurocs"]})
    areas = {name: [Point(r["round"], r["aurocs"][name]) for r in bought if name in r["aurocs"]] for name in names}
    if not areas:
        return []
    caption = (
        "How well each score told the explanations in which the teacher found a flaw from the others: the area under "
        "the ROC curve, over what was paid for. 0.5 is chance."
    )
    return [of_curves("Which doubt to trust", caption, areas, Axis("round"), Axis("AUROC", ".2f"))]


def _mixtures(bought: Rounds) -> list[Figure]:
    """In what shares a training drew its texts, and how far the student was behind, over the steps of all rounds."""
    looks, before = [], 0
    for round in (round for round in bought if "mixture" in round):
        looks += [{**interval, "step": before + interval["step"]} for interval in round["mixture"]]
        before = looks[-1]["step"]
    if not looks:
        return []
    names = sorted({name for look in looks for name in look["shares"]}, key=tier)
    shares = {name: [Point(k["step"], k["shares"][name]) for k in looks if name in k["shares"]] for name in names}
    behind = {
        name: [Point(k["step"], log(k["student"][name] / k["model"][name])) for k in looks if name in k["model"]]
        for name in names
    }
    steps = Axis("steps of training")
    caption = "The shares of the domains in what was learnt from each step on, as the mixture had them."
    losses = (
        "By how much the loss of a token is above that of the model whose soft labels are learnt, on texts that were "
        "set aside: the logarithm of the ratio of perplexities. 0 is on a par."
    )
    figures = [of_curves("What was learnt", caption, _named(shares), steps, Axis("share", PERCENT))]
    if any(behind.values()):
        figures.append(of_curves("How far behind", losses, _named(behind), steps, Axis("nats a token", ".1f")))
    return figures


def _named(series: Mapping[str, list[Point]]) -> dict[str, list[Point]]:
    return {name or "(none)": points for name, points in series.items() if points}


def _times(times: Sequence[Mapping[str, Any]], last: int) -> list[Figure]:
    works = {time["round"]: time["seconds"] for time in times if time["round"] <= last}
    caption = (
        "Seconds that each round worked at what, resumed work included; round 0 is what comes before the first. What "
        "is asked while the student trains is counted in the round that it is for."
    )
    return [of_bars("Time by phase", caption, _in_order(works, _WORKS.find), Axis("seconds", "~s"))] if works else []


def _classes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, float]:
    spent = {name: after.get(name, 0) - before.get(name, 0) for name in ("input_tokens", "output_tokens", *_CLASSES)}
    plain = {
        "input": spent["input_tokens"] - spent["cached_tokens"] - spent["written_tokens"],
        "output": spent["output_tokens"] - spent["reasoning_tokens"],
    }
    return {**plain, **{name.removesuffix("_tokens"): spent[name] for name in _CLASSES if spent[name]}}


def _in_order(rounds: Mapping[int, Mapping[str, float]], key: Callable[[str], Any]) -> dict[int, dict[str, float]]:
    names = sorted({name for parts in rounds.values() for name in parts}, key=key)
    return {round: {name: parts.get(name, 0) for name in names} for round, parts in rounds.items()}
