"""Exams to try the certificate on."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm

from elad.sufficiency.certificate import levels
from elad.sufficiency.wealth import Wealth

SHARPNESS = {"sharp": 6.0, "good": 3.0, "fair": 1.5, "useless": 3.0, "reversed": 3.0, "boastful": 3.0, "none": 3.0}
"""By predictor: the standard deviation, in logits, of how hard the questions are."""


class Exam(NamedTuple):
    """A pool: which explanations the teacher would accept, and what the predictor says of each."""

    accepted: NDArray[np.int64]
    predictions: NDArray[np.float64]


def exam(pool: int, share: float, predictor: str, rng: np.random.Generator) -> Exam:
    """Chances with normal logits; of explanations with about the same chance, that share is accepted.

    What the predictor says: `sharp`, `good` and `fair` the chance itself; `useless` that of some other question;
    `reversed` that of the question which is as far from the other end; `boastful` 3 logits more; `none` always 1/2.
    """
    hard = SHARPNESS[predictor] * norm.ppf((np.arange(pool) + 0.5) / pool)
    chances = expit(hard + brentq(lambda ease: expit(hard + ease).mean() - share, -60, 60))
    said = {
        "useless": rng.permutation(chances),
        "reversed": chances[::-1],
        "boastful": expit(logit(chances) + 3),
        "none": np.full(pool, 0.5),
    }.get(predictor, chances)
    return Exam(np.diff(np.floor(chances.cumsum() + 0.5), prepend=0).astype(int), said)


def audits_until(exam: Exam, claimed: int, draws: NDArray[np.int64], error: float = 0.05) -> NDArray[np.float64]:
    """By run, how many audits it takes until "at most `claimed` are accepted" is beaten; infinite where none do.

    `draws` (runs x audits): the questions that are drawn, in order.
    """
    logits, whose = levels(exam.predictions)
    wealth = Wealth(np.tile(np.bincount(whose), (len(draws), 1)), logits, np.full(len(draws), claimed))
    until = np.full(len(draws), np.inf)
    going = np.arange(len(draws))
    for audit in range(draws.shape[1]):
        question = draws[going, audit]
        wealth.bet(whose[question], exam.accepted[question] == 1)
        beaten = wealth.best >= -np.log(error)
        if beaten.any():
            until[going[beaten]] = audit + 1
            going, wealth = going[~beaten], wealth.rows(~beaten)
        if not len(going):
            break
    return until
