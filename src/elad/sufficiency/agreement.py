"""Stop when the teacher agrees with the student often enough."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from elad.annotate import Bought
from elad.evaluate import Score
from elad.sufficiency.rule import Round, Rule


class Agreement(Rule):
    """The lower end of the exact 95% interval (Clopper-Pearson) of the agreement with the teacher reaches `target`.

    It is counted over the audit: the questions of the last `window` rounds' batches that were drawn uniformly from
    the remaining pool, whatever the selector wanted. So the teacher's verdicts on them estimate without bias how
    often the student that wrote those explanations is right from the first step to the answer. A window of more than
    one round counts earlier, usually poorer, students too.
    """

    kind: Literal["agreement"] = "agreement"
    target: float = Field(0.9, gt=0, lt=1)
    window: int = Field(1, gt=0)

    def reason(self, rounds: Sequence[Round]) -> str | None:
        """The agreement, with its interval."""
        score = audited([round.bought for round in rounds[-self.window :]])
        low, high = exact_interval(score)
        if low < self.target:
            return None
        return (
            f"agreement: {score.right} of {score.total} audited explanations hold "
            f"(95% interval {low:.1%} to {high:.1%}, target {self.target:.0%})"
        )


def audited(batches: Sequence[Bought]) -> Score:
    """How many of the audited explanations the teacher found without a flaw."""
    verdicts = [a.verdict for bought in batches for a in bought.annotations if a.audit]
    return Score(right=sum(verdict.first_flaw is None for verdict in verdicts), total=len(verdicts))


def exact_interval(score: Score) -> tuple[float, float]:
    """The 95% Clopper-Pearson interval of a share; all of 0 to 1 where nothing was counted."""
    from scipy.stats import binomtest

    if not score.total:
        return 0.0, 1.0
    low, high = binomtest(score.right, score.total).proportion_ci(0.95, method="exact")
    return float(low), float(high)
