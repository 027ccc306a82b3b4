"""A model of flaws: what the teacher's verdicts so far say of other explanations."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from elad.records import Attempt
from elad.select.selector import Judged
from elad.select.traits import of_explanation, of_spans

if TYPE_CHECKING:
    from sklearn.linear_model import LogisticRegression

Floats = NDArray[np.float64]

_STIFFNESS = 0.03
"""How far weights may move (scikit-learn's C), for traits of standard deviation 1."""

_PRIOR = 30.0
"""How many verdicts the belief is worth that doubt tells: with so many of the teacher's, it counts half."""

_STEEPNESS = 2.0
"""By how many logits, in that belief, a flaw is likelier with every standard deviation of doubt."""

_EDGE = 30.0
"""Logits beyond which no intercept is looked for."""


class Odds:
    """The log-odds of a mark, from traits (n x k) and marks (n): logistic regression, held back by a belief.

    The belief is that the first trait, doubt, tells: as if another `_PRIOR` marks had been seen that follow it. So a
    few marks, which may all be alike, don't overturn it.
    """

    def __init__(self, traits: Sequence[Sequence[float]], marks: Sequence[bool]) -> None:
        rows, seen = np.asarray(traits, float), np.asarray(marks, float)
        self._mean, spread = rows.mean(axis=0), rows.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        scaled = (rows - self._mean) / self._spread
        believed = _PRIOR / len(rows) / (1 + np.exp(-_STEEPNESS * scaled[:, 0]))
        weights = np.concatenate([np.ones(len(rows)), believed, _PRIOR / len(rows) - believed])
        targets = np.concatenate([seen, np.ones(len(rows)), np.zeros(len(rows))])
        model = _regression().fit(np.tile(scaled, (3, 1)), targets, sample_weight=weights)
        self._weights, self._intercept = model.coef_[0], model.intercept_[0]

    def __call__(self, traits: Sequence[Sequence[float]]) -> Floats:
        """The log-odds (n) of others (n x k)."""
        odds: Floats = (np.asarray(traits, float) - self._mean) / self._spread @ self._weights + self._intercept
        return odds


class Flaws:
    """Whether the teacher would find a flaw in an explanation, and where the first: two small models of its verdicts.

    The explanations that were paid for are mostly those that looked doubtful, so flaws are commoner among them than in
    the pool. What tells them apart is learnt of all; how common they are, of the audits alone, a uniform sample: the
    intercept is moved until as many are foretold there as there were (King and Zeng 2001, prior correction).
    """

    def __init__(self, judged: Iterable[Judged]) -> None:
        seen = list(judged)
        if not seen:
            raise ValueError("no verdict to learn from")
        traits, marks = [of_explanation(j.attempt) for j in seen], [j.flawed for j in seen]
        self._flawed = Odds(traits, marks)
        audits = [place for place, j in enumerate(seen) if j.audit]
        self._shift = (
            _shift(self._flawed([traits[i] for i in audits]), sum(marks[i] for i in audits)) if audits else 0.0
        )
        read = [(j, row) for j in seen if j.verdict.of == "steps" for row in enumerate(of_spans(j.attempt))]
        told = [(row, j.verdict.first_flaw == place) for j, (place, row) in read if _was_read(j, place)]
        self._first = Odds([row for row, _ in told], [mark for _, mark in told]) if told else None

    def chance(self, attempt: Attempt) -> float:
        """The chance that the teacher finds a flaw; 1 without an answer."""
        if attempt.explanation.answer is None:
            return 1.0
        return float(_chances(self._flawed([of_explanation(attempt)]) + self._shift)[0])

    def where(self, attempt: Attempt) -> Floats:
        """If there is a flaw, the chances (m + 1, summing to 1) that the first is in each of m steps, or the answer.

        All alike where no verdict was of steps: a fresh rationale judges answers alone.
        """
        rows = of_spans(attempt)
        if self._first is None:
            return np.full(len(rows), 1 / len(rows))
        here = _chances(self._first(rows))
        first = here * np.concatenate([[1.0], (1 - here).cumprod()[:-1]])
        chances: Floats = first / first.sum()
        return chances


def _was_read(judged: Judged, place: int) -> bool:
    """Whether the teacher's verdict says anything of a step: it reads no further than the first flaw."""
    return judged.verdict.first_flaw is None or place <= judged.verdict.first_flaw


def _shift(odds: Floats, flawed: int) -> float:
    """What is added to log-odds for as many flaws to be foretold as there were, and half a one of either kind."""
    from scipy.optimize import brentq

    share = (flawed + 0.5) / (len(odds) + 1)
    return float(brentq(lambda shift: _chances(odds + shift).mean() - share, -_EDGE, _EDGE))


def _chances(odds: Floats) -> Floats:
    chances: Floats = 1 / (1 + np.exp(-odds))
    return chances


def _regression() -> "LogisticRegression":
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=_STIFFNESS, max_iter=1000)
