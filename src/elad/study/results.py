"""What a study came to, as plain data: the curves of every run, and what they say of the arms."""

import math
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from elad.folder import stopped
from elad.ledger import FILE, Ledger
from elad.machine import versions
from elad.study.compare import Curve, Estimate, Pairs, gain_at, spend_ratio
from elad.study.curves import UNITS, curve_of, points
from elad.study.study import Study, runs_of

Runs = Mapping[str, Mapping[int, list[dict[str, Any]]]]
"""The points of every run that is finished, by arm and seed."""


def results(study: Study, under: Path) -> dict[str, Any]:
    """The study's results file, of the runs that are finished."""
    runs = _read(study, under)
    ceiling = [run[-1]["right"] / run[-1]["total"] for run in runs.get(study.ceiling, {}).values()]
    target = study.share * fmean(ceiling) if ceiling else None
    return {
        "study": study.model_dump(mode="json"),
        "versions": versions(),
        "target": target and round(target, 4),
        "arms": {name: _arm(runs, name, study.against, target) for name in runs},
    }


def _read(study: Study, under: Path) -> Runs:
    runs: dict[str, dict[int, list[dict[str, Any]]]] = {}
    for arm in runs_of(study, under):
        if (arm.folder / FILE).exists():
            with Ledger(arm.folder, read_only=True) as ledger:
                if stopped(ledger):
                    runs.setdefault(arm.name, {})[arm.seed] = points(ledger)
    return runs


def _arm(runs: Runs, name: str, against: str, target: float | None) -> dict[str, Any]:
    curves, bases = runs[name], runs.get(against, {})
    told: dict[str, Any] = {
        "curves": {str(seed): run for seed, run in curves.items()},
        "auroc": _areas(list(curves.values())),
    }
    for unit in UNITS:
        pairs = _pairs(curves, bases, unit)
        if not pairs:
            continue
        if target is not None:
            told.setdefault("spend_ratio_to_random", {})[unit] = _told(spend_ratio(pairs, target))
        told.setdefault("gain_over_random", {})[unit] = _gains(pairs)
    return told


def _pairs(curves: Mapping[int, Any], bases: Mapping[int, Any], unit: str) -> list[tuple[Curve, Curve]]:
    both = [(curves[seed], bases[seed]) for seed in curves if seed in bases]
    told = all(unit in round for pair in both for run in pair for round in run)
    return [(curve_of(arm, unit), curve_of(base, unit)) for arm, base in both] if told else []


def _gains(pairs: Pairs, steps: int = 4) -> list[dict[str, Any]]:
    """At quarters of what all of them spent, by how much the arm is ahead."""
    most = min(curve.spend[-1] for pair in pairs for curve in pair)
    return [
        {"spend": round(most * n / steps, 6), **_told(gain_at(pairs, most * n / steps))} for n in range(1, steps + 1)
    ]


def _areas(runs: list[list[dict[str, Any]]]) -> dict[str, list[float | None]]:
    """The mean area of every score over seeds, round by round from the first."""
    names = sorted({name for run in runs for round in run for name in round["auroc"]})
    return {name: [_mean(runs, name, number) for number in range(1, max(map(len, runs)))] for name in names}


def _mean(runs: list[list[dict[str, Any]]], name: str, number: int) -> float | None:
    areas = [run[number]["auroc"][name] for run in runs if number < len(run) and name in run[number]["auroc"]]
    return round(fmean(areas), 4) if areas else None


def _told(estimate: Estimate) -> dict[str, Any]:
    """Infinity, which JSON has no word for, is None."""
    return {name: round(value, 4) if math.isfinite(value) else None for name, value in estimate._asdict().items()}
