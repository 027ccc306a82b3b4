"""Stop when nothing more can be bought."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from elad.sufficiency.rule import Round, Rule


class BudgetSpent(Rule):
    """The budget has no room for another call, `rounds` have been run, or the pool has nothing left to ask about."""

    kind: Literal["budget"] = "budget"
    rounds: int | None = Field(None, gt=0)

    reads_scores: ClassVar[bool] = False

    def reason(self, rounds: Sequence[Round]) -> str | None:
        """The first of the three that holds."""
        last = rounds[-1]
        if last.bought.unasked or last.spent:
            return "budget: no cap has room for another call"
        if last.emptied:
            return "pool: no question is left to ask about"
        if self.rounds is not None and last.number >= self.rounds:
            return f"budget: all {self.rounds} rounds are run"
        return None
