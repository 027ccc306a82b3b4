"""What a model of flaws reads of an attempt: its evidence as numbers, and of these the plainest doubt first.

Entropies and log-probabilities stand as logarithms: they range over powers of ten. Evidence that was not gathered, or
that an attempt without an answer has none of, is as doubtful as can be: where it is so of all, it tells nothing.
"""

import math
from collections.abc import Sequence
from statistics import fmean

from elad.records import Attempt, SpanEvidence
from elad.select.scores import Intra, inter, intra_profile, self_consistency

_LEAST, _MOST = 1e-4, 10.0
"""Entropies, in nats, outside of which differences tell nothing."""

UNWRITTEN = SpanEvidence(entropy=_MOST, peak=_MOST, margin=0.0, logprob=-_MOST, tokens=1)
"""What stands for steps or an answer that the student did not write: all doubt."""


def of_explanation(attempt: Attempt) -> list[float]:
    """The whole explanation: its steps' entropies (mean first), length, how far samples disagree, its profiles."""
    steps, evidence = spans(attempt)[:-1] or [UNWRITTEN], attempt.evidence
    entropies, answer = [step.entropy for step in steps], evidence.answer or UNWRITTEN
    removed, rebuilt = _profile(attempt, "removal"), _profile(attempt, "rebuild")
    return [
        *map(_log, (fmean(entropies), max(entropies), entropies[0], entropies[-1])),
        _log(max(step.peak for step in steps)),
        1 - min(step.margin for step in steps),
        _log(max(-step.logprob / step.tokens for step in steps)),
        float(len(steps)),
        float(sum(step.tokens for step in steps)),
        *map(_log, (answer.entropy, answer.peak)),
        float(evidence.answer is None),
        *(1.0 if value is None else value for value in (self_consistency(attempt), inter(attempt))),
        *(value for profile in (removed, rebuilt) for value in (fmean(profile), max(profile))),
    ]


def of_spans(attempt: Attempt) -> list[list[float]]:
    """Each of the m steps, and the answer: its own doubt (mean entropy first), and where it stands."""
    written = spans(attempt)
    profiles = zip(_profile(attempt, "removal"), _profile(attempt, "rebuild"), strict=True)
    return [
        [
            *map(_log, (span.entropy, span.peak, -span.logprob / span.tokens)),
            1 - span.margin,
            float(place),
            float(place == len(written) - 1),
            *profile,
        ]
        for place, (span, profile) in enumerate(zip(written, profiles, strict=True))
    ]


def spans(attempt: Attempt) -> Sequence[SpanEvidence]:
    """What the student's probabilities say of the m steps, and of the answer."""
    return [*attempt.evidence.steps, attempt.evidence.answer or UNWRITTEN]


def _profile(attempt: Attempt, variant: Intra) -> list[float]:
    """A value (0 to 1) for each of the m steps and for the answer, which has none of its own: 1."""
    steps = len(attempt.evidence.steps)
    gathered = attempt.explanation.answer is not None and intra_profile(attempt, variant)
    return [*gathered, 1.0] if gathered and len(gathered) == steps else [1.0] * (steps + 1)


def _log(value: float) -> float:
    return math.log(min(max(value, _LEAST), _MOST))
