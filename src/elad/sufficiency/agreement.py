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
    often the student that wrote those explanations is right from the first step to the answer, on what is left in the
    pool and the teacher could judge. A window of more than one round counts earlier, usually poorer, students too.

    The interval is that of a single look, and the rule looks after every round: over many rounds it stops by luck
    more often than in 1 of 40 runs.
    """

    kind: Literal["agreement"] = "agreement"
    target: float = Field(0.9, gt=0, lt=1)
    window: int = Field(1, gt=0)

    def out_of_reach(self, audited: int) -> str | None:
        """With too few audited, not even a clean sheet brings the interval's lower end to the target."""
        seen = audited * self.window
        best = exact_interval(Score(right=seen, total=seen))[0]
        if best >= self.target:
            return None
        return (
            f"agreement can't reach {self.target:.0%}: of {seen} audited explanations ({audited} a round, window "
            f"{self.window}) all may hold and the interval still begins at {best:.1%}; raise rounds.batch, "
            "rounds.audit or the window"
        )

    def reason(self, rounds: Sequence[Round]) -> str | None:
        """The agreement, with its interval."""
        score = audited([round.bought for round in rounds[-self.window :]])
        low, high = exact_interval(score)
        if low < self.target:
            return None
        return (
            f"agreement: {score.right} of {score.total} audited {_judged(rounds)} hold "
            f"(95% interval {low:.1%} to {high:.1%}, target {self.target:.0%})"
        )


def audited(batches: Sequence[Bought]) -> Score:
    """How many of the audited explanations the teacher found without a flaw."""
    verdicts = [a.verdict for bought in batches for a in bought.annotations if a.audit]
    return Score(right=sum(verdict.first_flaw is None for verdict in verdicts), total=len(verdicts))


def _judged(rounds: Sequence[Round]) -> str:
    """What the teacher's verdicts were about."""
    by_steps = all(a.verdict.of == "steps" for round in rounds for a in round.bought.annotations)
    return "explanations" if by_steps else "answers"


def exact_interval(score: Score, level: float = 0.95) -> tuple[float, float]:
    """The Clopper-Pearson interval of a share, by default of 95%; all of 0 to 1 where nothing was counted."""
    from scipy.stats import binomtest

    if not score.total:
        return 0.0, 1.0
    low, high = binomtest(score.right, score.total).proportion_ci(level, method="exact")
    return float(low), float(high)
