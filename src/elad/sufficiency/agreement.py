"""Stop when the teacher agrees with the student often enough."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from elad.annotate import Bought
from elad.evaluate import Score
from elad.sufficiency.rule import Round, Rule
from elad.text import at_least

_ERROR = 0.05
"""In how many runs at most a bound is too high at any of their looks."""


class Agreement(Rule):
    """A lower bound of the agreement with the teacher reaches `target`: exact, and valid however many rounds there are.

    It is counted over the audit: the questions of the last `window` rounds' batches that were drawn uniformly from
    the remaining pool, whatever the selector wanted. So the teacher's verdicts on them tell how often the student that
    wrote those explanations is right from the first step to the answer, on what is left in the pool and the teacher
    could judge.

    There is a look a round: that of round r is the exact one-sided bound (Clopper and Pearson 1934) at error
    0.05 / (r (r + 1)), and these sum to 0.05. So in at most 5% of runs it stops before the student is so good.

    A window of more than one round counts earlier students too. What is bounded is then the share of the best of them:
    the last one's, where students do not get worse.
    """

    kind: Literal["agreement"] = "agreement"
    target: float = Field(0.9, gt=0, lt=1)
    window: int = Field(1, gt=0)

    reads_verdicts: ClassVar[bool] = True

    def out_of_reach(self, audited: int) -> str | None:
        """With too few audited, not even a clean sheet brings the bound to the target.

        It can rise no higher than in the first round that has a whole window behind it: later errors are smaller.
        """
        seen = audited * self.window
        best = least(Score(right=seen, total=seen), self.window)
        if best >= self.target:
            return None
        return (
            f"agreement can't reach {self.target:.0%}: of {seen} audited explanations ({audited} a round, window "
            f"{self.window}) all may hold and no more than {at_least(best)} is certain; raise rounds.batch, "
            "rounds.audit or the window"
        )

    def reason(self, rounds: Sequence[Round]) -> str | None:
        """The agreement, with its bound."""
        score = audited([round.bought for round in rounds[-self.window :]])
        low = least(score, rounds[-1].number)
        if low < self.target:
            return None
        return (
            f"agreement: {score.right} of {score.total} audited {_judged(rounds)} hold, so at least {at_least(low)} do "
            f"(95% confidence over all rounds, target {self.target:.0%})"
        )


def least(score: Score, round: int) -> float:
    """The exact lower bound of a share at the look of a round; with others', wrong in at most 5% of runs."""
    return exact_interval(score, 1 - 2 * _ERROR / (round * (round + 1)))[0]


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
