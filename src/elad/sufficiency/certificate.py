"""A certificate of sufficiency: a lower bound of the share of explanations that the teacher accepts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elad.sufficiency.wealth import Wealth

_CLAIMS = 1000
"""Claims that are bet against: of a larger pool the bound is told to a thousandth, rounded down."""


class LowerBound:
    """A lower bound, valid at every look, on the share of a pool's explanations that the teacher accepts.

    With a probability of at least 1 - `error` the bound is at no time above the share, however often one looks and
    whatever makes one stop. What that takes: the audits are drawn uniformly from what is left of the pool, without
    replacement, and added in the order in which they were drawn, each that was drawn; the pool, the student's
    explanations and the predictions are those from before the first audit; the teacher's word is the truth, and a
    question that it can't judge counts as not accepted.

    `predictions` (one a question of the pool) are somebody's chances, from 0 to 1, that the teacher accepts. The
    better they are, the fewer audits it takes; if they are useless it takes a few more than without, and the bound
    holds whatever they say. Without a predictor, say of all the share that you expect.

    An upper bound is 1 minus the lower bound of the share that is not accepted.
    """

    def __init__(self, predictions: Sequence[float] | NDArray[np.float64], error: float = 0.05) -> None:
        said = np.asarray(predictions, float)
        if not len(said) or not np.all((said >= 0) & (said <= 1)) or not 0 < error < 1:
            raise ValueError("predictions lie from 0 to 1, at least one of them, and the error between 0 and 1")
        self.pool = len(said)
        self.error = error
        self._logits, self._levels = levels(said)
        self._left = np.ones(self.pool, bool)
        shares = np.arange(1, min(self.pool, _CLAIMS) + 1) / min(self.pool, _CLAIMS)
        self._wealth = Wealth(np.bincount(self._levels)[None], self._logits, claim(shares, self.pool))

    @property
    def audits(self) -> int:
        """How many were added."""
        return self.pool - int(self._left.sum())

    @property
    def accepted(self) -> int:
        """How many of them the teacher accepted."""
        return int(self._wealth.accepted[0])

    @property
    def bound(self) -> float:
        """No smaller share is believable any more; it never falls, and is the share itself once all are audited."""
        beaten = self._wealth.best >= -np.log(self.error)
        count = int(np.argmin(np.append(beaten, False)))
        return float(self._wealth.claims[count - 1] + 1) / self.pool if count else 0.0

    def add(self, question: int, accepted: bool) -> None:
        """The next audit: which question of the pool was drawn (from 0), and whether the teacher accepts."""
        if not self._left[question]:
            raise ValueError(f"question {question} is audited already")
        self._left[question] = False
        self._wealth.bet(self._levels[[question]], np.array([accepted]))

    def needed(self, target: float) -> int | None:
        """About how many more audits bring the bound to `target` if all are accepted; None where not even all would."""
        row = np.searchsorted(self._wealth.claims, claim(np.array([target]), self.pool))
        ahead = self._wealth.rows(row)
        coming = np.random.default_rng(0).permutation(self._levels[self._left])
        if self.accepted + len(coming) <= ahead.claims[0]:
            return None
        count = 0
        while ahead.best[0] < -np.log(self.error):
            ahead.bet(coming[[count]], np.array([True]))
            count += 1
        return count


def levels(predictions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The logits of predictions, rounded and from -5 to 5: those that there are, and which of them is whose."""
    sure = predictions.clip(0.001, 0.999)
    there, whose = np.unique(np.log(sure / (1 - sure)).round().clip(-5, 5), return_inverse=True)
    return there, whose


def claim(shares: NDArray[np.float64], pool: int) -> NDArray[np.int64]:
    """How many of a pool are accepted at most if a share is not reached."""
    return np.ceil(shares * pool - 1e-9).astype(int) - 1
