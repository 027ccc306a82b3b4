"""Bets against a claim: "the teacher accepts at most k of the N explanations of this pool".

Audits are drawn uniformly from what is left of the pool, without replacement. Before each of them a gambler names, for
every question, the chance c that it is accepted, and a stake s. On the audit of question i, accepted (y = 1) or not
(y = 0), it multiplies its wealth by

    1 + s * (y - c_i + mean of c over what is left - share of what is left that the claim grants)

If the claim holds, the bracket is 0 or less on average, whatever the chances are: they add their own mean and take it
away again. So wealth that is never negative begins at 1 and does not grow on average, and it comes to 1 / error, at
whatever time, with a probability of at most `error` (Ville, 1939). If the claim is false, good chances make it grow:
what they foretell is no longer luck.

Betting on means, and without replacement: Waudby-Smith and Ramdas (2024), Estimating means of bounded random variables
by betting, JRSS-B 86. To bet on what a predictor leaves unexplained: Angelopoulos et al. (2023), Prediction-powered
inference, Science 382, and Csillag et al. (2025), Prediction-powered e-values, ICML.
"""

import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRUSTS = np.array([0.0, 0.5, 1.0, 2.0])
"""What the predictor's logits are multiplied by: it is not believed, by half, as it speaks, and beyond that."""

HOPES = np.array([0.3, 1.0, 3.0])
"""By how many logits the share that is accepted may be above the claim; what the predictor foretells is a hope too."""

_EDGE = 1e-9
"""What divisors are at least."""


class Wealth:
    """What a gambler has made of 1, betting in every way of trust and hope with an equal part of it.

    The chances of a way are the predictor's logits times its trust, all moved by so much that their mean is what the
    claim grants: the claim told in the predictor's words. The stake is the one by which wealth would grow fastest
    (Kelly) if the share were as high as is hoped and the chances told which: (hope - claim) / mean of c (1 - c), or as
    much of it as can be lost. Both follow from what was known before the audit: which questions are left, what the
    predictor says of them, and the answers so far. The mean of several such wealths is one more.

    Many bets go on side by side, a row each: several claims about one pool, or several pools. What all rows share has
    one row. `left` (rows x levels) counts the questions that are left, by the level of their prediction; `logits`
    (levels) are these predictions; `claims` (rows) say how many of all are accepted at most. `now` (rows) is the
    log-wealth, and `best` (rows) the highest so far, infinite where the answers themselves refute the claim.
    """

    def __init__(self, left: Ints, logits: Floats, claims: Ints) -> None:
        self.left = left.copy()
        self.accepted = np.zeros(len(left), int)
        self.claims = claims
        self.now = np.zeros(len(claims))
        self.best = np.zeros(len(claims))
        share = (claims / left.sum(1)).clip(_EDGE, 1 - _EDGE)
        foretold = np.broadcast_to(left @ _chance(logits) / left.sum(1), share.shape)
        self._hoped = np.column_stack([_chance(np.log(share / (1 - share))[:, None] + HOPES), foretold])
        self._said = TRUSTS[:, None] * logits
        self._moved = np.zeros((len(claims), len(TRUSTS)))
        self._logs = np.zeros((len(claims), len(TRUSTS), len(HOPES) + 1))
        for _ in range(60):  # Newton's, with steps of 1 logit at most
            self._move(share, *self._means(self._chances()))

    def bet(self, level: Ints, accepted: NDArray[np.bool_]) -> None:
        """Bet on an audit in every row: of a question of this level (rows), which the teacher accepts or not (rows)."""
        granted = (self.claims - self.accepted) / self.left.sum(1)
        chances = self._chances()
        mean, spread = self._means(chances)
        over = mean - granted[:, None]
        most = 1 / np.maximum(chances.max(2) - over, _EDGE)
        gap = (self._hoped - granted[:, None]).clip(0)
        stake = np.minimum(gap[:, None, :] / spread[:, :, None], most[:, :, None])
        chance = np.take_along_axis(chances, level[:, None, None], 2)[:, :, 0]
        factor = 1 + stake * (accepted[:, None] - chance + over)[:, :, None]
        with np.errstate(divide="ignore"):
            self._logs += np.log(factor.clip(0))  # below 0 by rounding alone
        self._move(granted, mean, spread)
        self.left[np.arange(len(level)), level] -= 1
        self.accepted = self.accepted + accepted
        self.now = np.logaddexp.reduce(self._logs, (1, 2)) - np.log(self._logs[0].size)
        self.best = np.maximum(self.best, np.where(self.accepted > self.claims, np.inf, self.now))

    def rows(self, which: Ints | NDArray[np.bool_]) -> Self:
        """These rows alone, as they stand, to go on by themselves."""
        some = copy.copy(self)
        for name in ("claims", "now", "best", "_hoped", "_moved", "_logs"):
            setattr(some, name, getattr(self, name)[which])
        shared = len(self.left) < len(self.claims)
        some.left = self.left.copy() if shared else self.left[which]
        some.accepted = self.accepted if shared else self.accepted[which]
        return some

    def _chances(self) -> Floats:
        """By row, trust and level."""
        return _chance(self._moved[:, :, None] + self._said)

    def _means(self, chances: Floats) -> tuple[Floats, Floats]:
        """Over what is left, by row and trust: of the chances c, and of c (1 - c)."""
        weights = (self.left / self.left.sum(1, keepdims=True))[:, :, None]
        mean, square = (chances @ weights)[:, :, 0], (chances**2 @ weights)[:, :, 0]
        return mean, np.maximum(mean - square, _EDGE)

    def _move(self, granted: Floats, mean: Floats, spread: Floats) -> None:
        """Bring the mean of the chances nearer to what the claim grants; the bets are fair wherever it is."""
        self._moved = self._moved + ((granted[:, None].clip(0.001, 0.999) - mean) / spread).clip(-1, 1)


def _chance(logits: Floats) -> Floats:
    chances: Floats = 1 / (1 + np.exp(-logits))
    return chances
