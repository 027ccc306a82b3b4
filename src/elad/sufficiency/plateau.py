"""Stop when more annotations no longer help."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from elad.sufficiency.rule import Round, Rule


class Plateau(Rule):
    """No significant gain for `rounds` rounds: the held-out accuracy is within sampling error of what it was before.

    Significant: a two-sided test of two proportions at level `alpha`. The same questions are scored twice, so it is
    cautious: a paired test would see smaller gains.
    """

    kind: Literal["plateau"] = "plateau"
    rounds: int = Field(3, gt=0)
    alpha: float = Field(0.05, gt=0, lt=1)

    def reason(self, rounds: Sequence[Round]) -> str | None:
        """The scores that were compared."""
        from scipy.stats import norm

        if len(rounds) < self.rounds:
            return None
        then, now = rounds[-self.rounds].before.answers.overall, rounds[-1].after.answers.overall
        pooled = (then.right + now.right) / (then.total + now.total)
        error = (pooled * (1 - pooled) * (1 / then.total + 1 / now.total)) ** 0.5
        gain = now.share - then.share
        if error and gain / error >= norm.ppf(1 - self.alpha / 2):
            return None
        return f"plateau: from {then.share:.1%} to {now.share:.1%} in {self.rounds} rounds is no significant gain"
