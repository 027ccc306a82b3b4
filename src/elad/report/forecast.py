"""What a run's next round is expected to buy, as plain data."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from elad.recipe import Recipe
from elad.sufficiency import Forecast, Seen, Unit, Value
from elad.sufficiency.learning_curve import Guess

_AHEAD = 2
"""Rounds beyond the last that the curve is told for."""

_CAPPED: tuple[Unit, ...] = ("tokens", "output_tokens", "calls")


def forecast(recipe: Recipe, rounds: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The next round's cost and expected gain after the rounds of a summary; None where nothing can be said of it.

    `curve`: the fitted shares with their intervals, at what was spent after each round, and beyond it.
    """
    unit = _unit(recipe, rounds)
    annotations = accumulate(round["accepted"]["total"] for round in rounds)
    spends = [
        float({"annotations": count, **round["spent"]}.get(unit, 0))
        for round, count in zip(rounds, annotations, strict=True)
    ]
    scores = [round["accuracy"]["overall"] for round in rounds]
    seen = [Seen(spend, score["right"], score["total"]) for spend, score in zip(spends, scores, strict=True)]
    expected = Forecast.after(seen, unit)
    if expected is None:
        return None
    mean, *interval = expected.gain
    told_at = [*spends, *(expected.spent + count * expected.cost for count in range(1, _AHEAD + 1))]
    return {
        "unit": unit,
        "cost": expected.cost,
        "gain": {"points": mean, "interval": interval},
        "a_point": expected.a_point,
        "curve": [_told(spend, expected.curve.share(spend)) for spend in told_at],
    }


def _unit(recipe: Recipe, rounds: Sequence[dict[str, Any]]) -> Unit:
    """In what spend is told: as a rule by value has it, or else in money where any was spent, or in what is capped."""
    for rule in recipe.stop:
        if isinstance(rule, Value):
            return rule.unit
    if rounds and float(rounds[-1]["spent"].get("money", 0)):
        return "money"
    return next((unit for unit in _CAPPED if getattr(recipe.budget, unit) is not None), "tokens")


def _told(spend: float, share: Guess) -> dict[str, Any]:
    mean, *interval = share
    return {"spend": spend, "share": mean, "interval": interval}
