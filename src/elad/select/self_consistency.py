"""Select where sampled explanations disagree about the answer (after Wang et al. 2022, arXiv 2203.11171)."""

from typing import Literal

from pydantic import Field

from elad.records import Attempt, Needs
from elad.select.scores import self_consistency
from elad.select.selector import Selector


class SelfConsistency(Selector):
    """`samples` explanations are drawn at `temperature` beside the greedy one."""

    kind: Literal["self_consistency"] = "self_consistency"
    samples: int = Field(5, gt=0)
    temperature: float = Field(0.7, gt=0)

    @property
    def needs(self) -> Needs:
        """Sampled explanations."""
        return Needs(samples=self.samples, temperature=self.temperature)

    def score(self, attempt: Attempt) -> float:
        """One minus the share of the commonest answer."""
        return self_consistency(attempt) or 0.0
