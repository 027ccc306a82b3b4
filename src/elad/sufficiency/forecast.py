"""What the next round is expected to buy, by the learning curve of the rounds so far."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal, NamedTuple, Self

from elad.budget import Price, Usage
from elad.sufficiency.learning_curve import Guess, LearningCurve, Seen, learning_curve
from elad.sufficiency.rule import Round

Unit = Literal["money", "tokens", "output_tokens", "calls", "annotations"]
"""In what spend can be told: teacher's tokens of both classes, or those of its output alone."""

_RECENT = 3
"""The next round is expected to cost what the last rounds did on average, so many of them at most."""

_NOTHING = 0.00005
"""A gain that is no more is not worth a price."""


class Forecast(NamedTuple):
    """The next round's cost, and by how much it is expected to raise the share of right held-out answers."""

    curve: LearningCurve
    unit: Unit
    spent: float
    cost: float

    @classmethod
    def after(cls, seen: Sequence[Seen], unit: Unit) -> Self | None:
        """After these scores; None where nothing was spent in this unit lately, or nothing is held out."""
        recent = [score.spend for score in seen[-_RECENT - 1 :]]
        if len(recent) < 2 or recent[-1] <= recent[0] or not all(score.total for score in seen):
            return None
        cost = (recent[-1] - recent[0]) / (len(recent) - 1)
        return cls(learning_curve(tuple(seen)), unit, recent[-1], cost)

    @property
    def gain(self) -> Guess:
        """By how much the share grows."""
        return self.curve.gain(self.spent, self.spent + self.cost)

    @property
    def a_point(self) -> float | None:
        """What a point of accuracy, a hundredth, is expected to cost; None where next to nothing is gained."""
        mean = self.gain.mean
        return self.cost / (100 * mean) if mean > _NOTHING else None

    def chance_of_more_than(self, price: float) -> float:
        """How likely it is that a point costs more than this."""
        return self.curve.chance_of_less(self.cost / (100 * price), self.spent, self.spent + self.cost)


def in_words(unit: str, cost: float, gain: Sequence[float], a_point: float | None) -> str:
    """`+0.8 points [+0.1, +1.6] of held-out accuracy for about 2,934 tokens: 3,667 a point`."""
    mean, low, high = (f"{100 * share:+.1f}" for share in gain)
    each = f": {_amount(a_point, unit)} a point" if a_point is not None else ""
    of_what = "" if unit == "money" else f" {unit.replace('_', ' ')}"
    return f"{mean} points [{low}, {high}] of held-out accuracy for about {_amount(cost, unit)}{of_what}{each}"


def seen(rounds: Sequence[Round], unit: Unit) -> list[Seen]:
    """The scores before the first round and after each, by what was spent; none in money where there is no price.

    Money is reckoned by the price that was in force last.
    """
    price, first = rounds[-1].price, rounds[0].before.answers.overall
    if unit == "money" and price is None:
        return []
    annotations = accumulate(len(round.bought.annotations) for round in rounds)
    spends = [_spend(unit, round.paid, price, count) for round, count in zip(rounds, annotations, strict=True)]
    scores = [first, *(round.after.answers.overall for round in rounds)]
    return [Seen(spend, score.right, score.total) for spend, score in zip([0.0, *spends], scores, strict=True)]


def _spend(unit: Unit, paid: Usage, price: Price | None, annotations: int) -> float:
    if unit == "money":
        return float(price.of(paid)) if price else 0.0
    return float(annotations if unit == "annotations" else getattr(paid, unit))


def _amount(value: float, unit: str) -> str:
    if value < (1 if unit == "money" else 10):
        return f"{value:.2g}"
    return f"{value:,.2f}" if unit == "money" else f"{value:,.0f}"
