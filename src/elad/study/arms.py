"""What is told of arms: how each of them goes by itself, and held against another, seed by seed."""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from elad.study.compare import Estimate, Pairs, gain, gain_at, spend_ratio
from elad.study.curves import UNITS, curve_of
from elad.study.origin import Origin


class Run(NamedTuple):
    """A run's rounds, as `points` tells them, and where it began."""

    rounds: list[dict[str, Any]]
    origin: Origin


Runs = Mapping[int, Run]
"""The runs of an arm, by their seeds."""


def told(
    arms: Mapping[str, Runs], against: str, target: float | None, versus: Iterable[tuple[str, str]] = ()
) -> dict[str, Any]:
    """All arms as plain data, each of them held `against` one; and the first of each pair against the second."""
    return {
        "against": against,
        "target": None if target is None else round(target, 4),
        "arms": {
            name: {**_alone(runs), **_held(runs, against, arms.get(against, {}), target)}
            for name, runs in arms.items()
            if runs
        },
        "versus": [
            {"arm": one, "against": other, **_held(arms[one], other, arms[other], target)}
            for one, other in versus
            if one in arms and other in arms
        ],
    }


def last_accuracy(runs: Runs) -> float:
    """The mean over seeds of what they came to."""
    return fmean(run.rounds[-1]["right"] / run.rounds[-1]["total"] for run in runs.values())


def pairs(runs: Runs, bases: Runs) -> dict[int, tuple[Run, Run]]:
    """By their seeds, what is a pair: it began with the same pool, held-out questions and student."""
    return {
        seed: (run, bases[seed]) for seed, run in runs.items() if seed in bases and run.origin == bases[seed].origin
    }


def _alone(runs: Runs) -> dict[str, Any]:
    rounds = [run.rounds for run in runs.values()]
    names = sorted({name for run in rounds for round in run for name in round["auroc"]})
    return {
        "curves": {
            str(seed): [{name: value for name, value in round.items() if name != "auroc"} for round in run.rounds]
            for seed, run in runs.items()
        },
        "auroc": {name: _by_round([[r["auroc"] for r in run] for run in rounds], name) for name in names},
        "own_auroc": _by_round(rounds, "own_auroc"),
        "accepted": _by_round(rounds, "accepted"),
    }


def _held(runs: Runs, other: str, bases: Runs, target: float | None) -> dict[str, Any]:
    paired = pairs(runs, bases).values()
    found: dict[str, Any] = {}
    for unit in UNITS if paired else ():
        ends = [run.rounds[-1].get(unit, 0) for pair in paired for run in pair]
        if any(ends) and all(unit in round for pair in paired for run in pair for round in run.rounds):
            curves = [(curve_of(run.rounds, unit), curve_of(base.rounds, unit)) for run, base in paired]
            if target is not None and (ratio := _ratio(curves, target)):
                found.setdefault(f"spend_ratio_to_{other}", {})[unit] = ratio
            found.setdefault(f"gain_over_{other}", {})[unit] = _gains(curves)
    if domains := _by_domain([(run.rounds[-1]["domains"], base.rounds[-1]["domains"]) for run, base in paired]):
        found[f"domains_over_{other}"] = domains
    return found


def _ratio(pairs: Pairs, target: float) -> dict[str, Any] | None:
    """What it spends to reach the target over what the other does, and on how many seeds the other does reach it."""
    ratio = spend_ratio(pairs, target)
    reached = sum(base.reaches(target) < math.inf for _, base in pairs)
    return None if math.isnan(ratio.value) else {**_told(ratio), "other_reached": reached}


def _gains(pairs: Pairs, steps: int = 4) -> list[dict[str, Any]]:
    """At quarters of what all of them spent, by how much the arm is ahead."""
    most = min(curve.spend[-1] for pair in pairs for curve in pair)
    return [
        {"spend": round(most * n / steps, 6), **_told(gain_at(pairs, most * n / steps))} for n in range(1, steps + 1)
    ]


def _by_domain(pairs: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> dict[str, Any]:
    """By how much the arm ends ahead in each domain, where there are several."""
    names = sorted(set.intersection(*(set(each) for pair in pairs for each in pair))) if pairs else []
    several = names if len(names) > 1 else []
    return {name: _told(gain([(own[name], other[name]) for own, other in pairs])) for name in several}


def _by_round(runs: Sequence[Sequence[Mapping[str, Any]]], figure: str) -> list[float | None]:
    """The mean of a figure over seeds, round by round from the first; None where no run has it."""
    means: list[float | None] = []
    for number in range(1, max(map(len, runs))):
        known = [value for run in runs if number < len(run) and (value := run[number].get(figure)) is not None]
        means.append(round(fmean(known), 4) if known else None)
    return means


def _told(estimate: Estimate) -> dict[str, Any]:
    """Infinity, which JSON has no word for, is None."""
    return {name: round(value, 4) if math.isfinite(value) else None for name, value in estimate._asdict().items()}
