"""How doubtful an attempt is: pure functions over its evidence, higher for more doubt.

A score is None where the evidence that it reads was not gathered. An attempt without an answer is as doubtful as can
be.
"""

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Literal

from elad.answers import same_answer, votes
from elad.records import Attempt, SpanEvidence

Intra = Literal["removal", "rebuild", "entropy"]


def answer_entropy(attempt: Attempt) -> float:
    """Mean predictive entropy of the answer's tokens, in nats; infinite without an answer."""
    return attempt.evidence.answer.entropy if attempt.evidence.answer else math.inf


def answer_margin(attempt: Attempt) -> float:
    """One minus the smallest lead, in probability, of a token of the answer (0 to 1); infinite without an answer."""
    return 1 - attempt.evidence.answer.margin if attempt.evidence.answer else math.inf


def least_confidence(attempt: Attempt) -> float:
    """One minus the probability of the answer's tokens together (0 to 1); infinite without an answer."""
    return 1 - math.exp(attempt.evidence.answer.logprob) if attempt.evidence.answer else math.inf


def step_entropy_mean(attempt: Attempt) -> float:
    """Mean over the steps of each step's mean predictive entropy, in nats."""
    return fmean(_step_entropies(attempt))


def step_entropy_max(attempt: Attempt) -> float:
    """The largest of the steps' mean predictive entropies, in nats."""
    return max(_step_entropies(attempt))


def explanation_length(attempt: Attempt) -> float:
    """How many tokens its steps and its answer have; infinite without an answer."""
    return sum(span.tokens for span in _written(attempt)) if attempt.evidence.answer else math.inf


def token_doubt(attempt: Attempt) -> float:
    """One minus the geometric mean of the probabilities of its tokens (0 to 1); 1 without an answer."""
    if not attempt.evidence.answer:
        return 1.0
    written = _written(attempt)
    return 1 - math.exp(sum(span.logprob for span in written) / sum(span.tokens for span in written))


def self_consistency(attempt: Attempt) -> float | None:
    """One minus the share of the commonest answer among the greedy and the sampled explanations."""
    votes = _votes(attempt)
    return 1 - max(votes) / sum(votes) if votes else None


def inter(attempt: Attempt) -> float | None:
    """Inter-explanation uncertainty, 0 to 1: entropy of the answers of the n + 1 explanations, over log(n + 1)."""
    votes = _votes(attempt)
    if not votes:
        return None
    total = sum(votes)
    return -sum(v / total * math.log(v / total) for v in votes) / math.log(total)


def intra_profile(attempt: Attempt, variant: Intra) -> list[float] | None:
    """Intra-explanation uncertainty, a value a step; infinite without an answer.

    `removal`: one minus the probability of the original answer once the step is out (0 to 1). `rebuild`: the share of
    continuations from before the step that end in another answer (0 to 1). `entropy`: the step's mean predictive
    entropy (nats).
    """
    evidence, answer = attempt.evidence, attempt.explanation.answer
    if not attempt.explanation.steps or answer is None:
        return [math.inf]
    if variant == "entropy":
        return [step.entropy for step in evidence.steps]
    if variant == "removal":
        return [1 - probability for probability in evidence.removed] or None
    return [
        sum(not same_answer(other, answer, attempt.question) for other in others) / len(others)
        for others in evidence.rebuilt
    ] or None


def intra(attempt: Attempt, variant: Intra, over: Literal["mean", "max"] = "mean") -> float | None:
    """The mean or maximum of `intra_profile`."""
    profile = intra_profile(attempt, variant)
    return None if profile is None else fmean(profile) if over == "mean" else max(profile)


SCORES: dict[str, Callable[[Attempt], float | None]] = {
    "answer entropy": answer_entropy,
    "margin": answer_margin,
    "least confidence": least_confidence,
    "step entropy, mean": step_entropy_mean,
    "step entropy, max": step_entropy_max,
    "length": explanation_length,
    "self-consistency": self_consistency,
    "inter": inter,
    "intra removal": lambda attempt: intra(attempt, "removal"),
    "intra rebuild": lambda attempt: intra(attempt, "rebuild"),
}
"""Every score that a report compares, by the name that it prints."""


def _step_entropies(attempt: Attempt) -> Sequence[float]:
    entropies = [step.entropy for step in attempt.evidence.steps]
    return entropies if entropies and attempt.explanation.answer is not None else [math.inf]


def _written(attempt: Attempt) -> Sequence[SpanEvidence]:
    evidence = attempt.evidence
    return (*evidence.steps, evidence.answer) if evidence.answer else evidence.steps


def _votes(attempt: Attempt) -> Sequence[int]:
    """How often each answer came, sampled and greedy; answers that are missing agree with nothing."""
    if not attempt.evidence.sampled:
        return ()
    return votes([attempt.explanation.answer, *attempt.evidence.sampled], attempt.question)
