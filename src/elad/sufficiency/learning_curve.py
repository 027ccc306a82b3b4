"""A learning curve fitted to a run's rounds: how accuracy grows with what is spent, and how surely that is known.

The share of wrong answers after a spend of x is

    floor + (first - floor) * kept(x / t)

where kept falls from 1 towards 0: as a power law, (1 + x / (b t)) ** -b, as an exponential, exp(-x / t), or, for a
student that is slow to begin, as exp(-(x / t) ** 2). Power laws and (stretched) exponentials with a floor are what
learning curves are most often found to follow (Viering and Loog, 2023, The shape of learning curves: a review, IEEE
TPAMI 45). A few rounds can't tell them apart, so no one curve is chosen: all of them on a grid are weighed by how well
they explain the scores.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_POWERS = np.array([0.5, 1.0, 2.0])
_BENDS = np.array([1.0, 2.0])
_SPANS = np.geomspace(0.05, 64, 36)
"""t, in mean rounds."""

_USUAL, _FACTOR = 4.0, 10.0
"""Before the scores are seen, t is believed to be so many rounds, within such a factor in 95% of runs (log-normal)."""

_LEVELS = 36
_TAIL = 1e-5
"""The first and the last share of wrong answers are believed to lie within what leaves so much out at either end."""

_FREE = 3
"""What a curve can fit before its misfit tells of noise: where it starts, where it is, and how it bends."""


class Seen(NamedTuple):
    """A score: what was spent up to it, and the right answers of how many."""

    spend: float
    right: float
    total: float


class Guess(NamedTuple):
    """What is expected, with its 95% interval (equal tails)."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats, weights: Floats) -> Self:
        """From values, and how much each is believed; the weights sum to 1."""
        order = np.argsort(values)
        below = weights[order].cumsum() - weights[order] / 2
        low, high = np.interp([0.025, 0.975], below, values[order])
        return cls(float(weights @ values), float(low), float(high))


class LearningCurve:
    """The curves that scores leave believable, and how much each is believed: a posterior over a grid.

    Before the scores are seen, any first share of wrong answers, any floor below it and any of the shapes are equally
    likely. No curve has the student get worse: one that does leaves the flat ones. And none foresees that it will one
    day take off.

    The scores are taken for independent binomial draws. They are not quite: the same held-out questions are asked each
    round. What these have in common moves all scores alike and no gain, so intervals of gains are cautious. Trainings
    have a luck of their own, however: where scores scatter about the best curve more than binomial draws would
    (Pearson's dispersion), they count for as many fewer questions, and so they do where no curve is like them.
    """

    def __init__(self, seen: Sequence[Seen]) -> None:
        """Fit to two scores or more, in the order of their spend. Raises ValueError where nothing was spent."""
        if len(seen) < 2 or seen[-1].spend <= seen[0].spend:
            raise ValueError("a learning curve takes two scores or more, and some spend between them")
        self._round = seen[-1].spend / (len(seen) - 1)
        spend, right, total = np.array(seen, float).T
        wrong = total - right
        best = self._fit(spend, wrong, total)
        misfit = ((wrong - total * best) ** 2 / (total * best * (1 - best))).sum() / max(1, len(seen) - _FREE)
        self.dispersion = float(max(1.0, misfit))
        """By how much the scores scatter more than binomial draws would, as a ratio of variances; 1 at least."""
        if self.dispersion > 1:
            self._fit(spend, wrong / self.dispersion, total / self.dispersion)

    def share(self, spend: float) -> Guess:
        """The share of right answers after a spend."""
        return Guess.of(1 - self._wrong(spend), self._weights)

    def gain(self, since: float, until: float) -> Guess:
        """By how much that share grows from one spend to another."""
        return Guess.of(self._gains(since, until), self._weights)

    def chance_of_less(self, gain: float, since: float, until: float) -> float:
        """How likely it grows by less than this."""
        return float(self._weights[self._gains(since, until) < gain].sum())

    def _gains(self, since: float, until: float) -> Floats:
        return self._wrong(since) - self._wrong(until)

    def _wrong(self, spend: float) -> Floats:
        """By curve, the share of wrong answers."""
        kept = _kept(np.array([spend / self._round]))[self._shape, 0]
        wrong: Floats = self._floor + (self._first - self._floor) * kept
        return wrong

    def _fit(self, spend: Floats, wrong: Floats, total: Floats) -> Floats:
        """Weigh the curves; the share of wrong answers at each spend by the likeliest of them.

        The grid is over the first and the last share of wrong answers, which scores tell directly, and not over the
        floor, which follows from these two and the shape. As any floor from 0 to the first share is equally likely, so
        is any last share that a floor can lead to: a cell is believed for as much of these as lies in it.
        """
        kept = _kept(spend / self._round)
        first, last = _levels(wrong[[0, -1]], total[[0, -1]])
        half, left, highest = (last[1] - last[0]) / 2, kept[:, -1, None, None], first[:, None]
        begins, ends = np.maximum(last - half, highest * left), np.minimum(last + half, highest)
        shape, i, j = np.nonzero(ends > begins)
        first, left, begins, ends = first[i], left[shape, 0, 0], begins[shape, i, j], ends[i, j]
        floor = ((begins + ends) / 2 - first * left) / (1 - left)
        shares = (floor[:, None] + (first - floor)[:, None] * kept[shape]).clip(1e-9, 1 - 1e-9)
        logs = np.log(shares) @ wrong + np.log1p(-shares) @ (total - wrong)
        logs += np.log((ends - begins) / (first * (1 - left)))
        logs += _usual()[shape]
        weights = np.exp(logs - logs.max())
        believed = weights > 1e-7
        self._shape, self._first, self._floor = shape[believed], first[believed], floor[believed]
        self._weights = weights[believed] / weights[believed].sum()
        best: Floats = shares[logs.argmax()]
        return best


@lru_cache(maxsize=16)
def learning_curve(seen: tuple[Seen, ...]) -> LearningCurve:
    """The fit to these scores, done once."""
    return LearningCurve(seen)


def _kept(rounds: Floats) -> Floats:
    """How much of what can be unlearnt is still there after so many mean rounds: shapes x rounds, from 1 down to 0."""
    passed = (rounds / _SPANS[:, None])[None]
    powers, bends = _POWERS[:, None, None], _BENDS[:, None, None]
    kept = np.concatenate([(1 + passed / powers) ** -powers, np.exp(-(passed**bends))])
    return kept.reshape(-1, len(rounds))


def _usual() -> Floats:
    """By shape, the logarithm of how much its t is believed before the scores are seen."""
    within = 1.96 * np.log(_SPANS / _USUAL) / np.log(_FACTOR)
    return np.tile(-(within**2) / 2, len(_POWERS) + len(_BENDS))


def _levels(wrong: Floats, total: Floats) -> tuple[Floats, Floats]:
    """The first and the last share of wrong answers that are looked at: the middles of cells."""
    from scipy.stats import beta

    low, high = (beta.ppf(end, 1 + wrong, 1 + total - wrong) for end in (_TAIL, 1 - _TAIL))
    if wrong[0] * total[1] < wrong[1] * total[0]:  # it has got worse: where both may be the same
        low[:], high[:] = low.min(), high.max()
    middles = (np.arange(_LEVELS) + 0.5) / _LEVELS
    first, last = low[:, None] + (high - low)[:, None] * middles
    return first, last
